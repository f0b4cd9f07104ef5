"""The price of a fresh read, against arithmetic on stamps that the strategies do not share."""

from functools import cache

import attrs
import numpy as np
import pytest
from fakes import SECOND, scenario

from cqrs_sim import fresh_reads
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.fresh_reads import STRATEGIES, FreshReads, compare_reads
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.results import Result
from cqrs_sim.scenario.scenario import Queries, QueryMix
from cqrs_sim.scenario.units import Duration, Real, Share
from cqrs_sim.simulation import load_scenario

WARM_UP_NS = SECOND


@cache
def slow_projector() -> FreshReads:
    settings = ["run.duration=12s", "run.warm_up=1s"]
    return compare_reads(load_scenario("slow_projector", settings), seed=5)


def own_write(trace: Trace, row: int) -> int:
    commands, queries = trace.commands, trace.queries
    known = (
        (commands.session == queries.session[row])
        & (commands.position > 0)
        & (commands.acknowledged <= queries.submitted[row])
    )
    return int(commands.position[known].max(initial=0))


def predicted_waits_ns(trace: Trace) -> list[int]:
    """What each read by id would wait for its session's last write: only stamps of writes."""
    shown = trace.deliveries_of("orders").applied.astype(int)
    waits = []
    by_id = trace.queries.kind == trace.query_kinds.index("GetOrderById")
    measured = trace.queries.intended >= np.timedelta64(WARM_UP_NS, "ns")
    for row in np.flatnonzero(by_id & measured).tolist():
        position = own_write(trace, row)
        applied = int(shown[position - 1]) if position else 0
        waits.append(max(0, applied - int(trace.queries.submitted[row].astype(int))))
    return waits


def test_reads_at_least_pay_what_was_left_of_the_lag_as_the_eventual_run_foretells() -> None:
    """Queries have no service time here, so response is the wait, to the nanosecond."""
    waits = predicted_waits_ns(slow_projector().results["eventual"].trace)
    paid = slow_projector().summaries["at_least"]
    assert paid.answered_mean_s == pytest.approx(sum(waits) / len(waits) / 1e9, rel=1e-12)
    assert paid.response_s.max == max(waits) / 1e9
    assert paid.n == len(waits) > 1000


def test_eventual_reads_are_free_and_miss_exactly_the_writes_that_others_wait_for() -> None:
    eventual = slow_projector().summaries["eventual"]
    assert eventual.response_s.max == 0.0
    waits = predicted_waits_ns(slow_projector().results["eventual"].trace)
    assert eventual.missed_own_share is not None
    # A session's last write need not be to the order that it asks for, so waits are not fewer.
    missed = eventual.missed_own_share * eventual.own_writes
    assert 0 < missed <= sum(wait > 0 for wait in waits)


def test_reads_from_the_write_side_cost_something_in_between_and_lack_nothing() -> None:
    eventual, at_least, write_side = (slow_projector().summaries[name] for name in STRATEGIES)
    assert eventual.answered_mean_s == 0.0
    assert write_side.answered_mean_s is not None
    assert at_least.answered_mean_s is not None
    assert 0.0 < write_side.answered_mean_s < at_least.answered_mean_s
    assert (write_side.stale, write_side.age_s.max) == (0, 0.0)
    assert at_least.missed_own_share == write_side.missed_own_share == 0.0
    # Fresh for own writes only: those of other sessions, or not yet known of, may be missing.
    assert at_least.stale_share is not None
    assert eventual.stale_share is not None
    assert 0.0 < at_least.stale_share < eventual.stale_share


def test_the_slow_projector_is_slow_for_those_who_read() -> None:
    """The preset shows its lesson: else the figure would be three marks on one spot."""
    eventual, at_least, write_side = (slow_projector().summaries[name] for name in STRATEGIES)
    assert eventual.missed_own_share is not None
    assert eventual.missed_own_share > 0.1
    assert at_least.answered_mean_s is not None
    assert write_side.answered_mean_s is not None
    assert at_least.answered_mean_s > max(0.001, 50 * write_side.answered_mean_s)


def test_a_read_from_the_write_side_waits_for_the_command_that_its_order_is_at() -> None:
    """Answered at the end of the command in work, or of those in line before it."""
    trace = slow_projector().results["write_side"].trace
    asked = np.flatnonzero(trace.queries.read_model == -1)
    busy = 0
    for row in asked.tolist():
        submitted, answered = trace.queries.submitted[row], trace.queries.answered[row]
        ahead = (trace.commands.order == trace.queries.order[row]) & (
            trace.commands.submitted <= submitted
        )
        ends = trace.commands.acknowledged[ahead]
        expected = max([submitted, *ends[ends > submitted]])
        assert answered == expected
        busy += expected > submitted
    assert busy > 5


def test_the_strategies_share_every_draw_of_the_write_side() -> None:
    one, other = (slow_projector().results[name].trace for name in STRATEGIES[:2])
    assert one.commands.committed.tolist() == other.commands.committed.tolist()
    assert one.queries.intended.tolist() == other.queries.intended.tolist()


def test_timeouts_are_part_of_the_price() -> None:
    settings = ["run.duration=4s", "run.warm_up=0s", "queries.timeout=500us"]
    hurried = load_scenario("slow_projector", settings)
    compared = compare_reads(hurried, seed=5)
    at_least = compared.summaries["at_least"]
    assert at_least.timed_out > 0
    assert at_least.answered + at_least.timed_out == at_least.n
    assert at_least.response_s.max is None
    # What waited in vain is paid for until it was given up.
    assert at_least.paid_mean_s is not None
    assert at_least.answered_mean_s is not None
    assert at_least.answered_mean_s < at_least.paid_mean_s <= 500e-6
    json = compared.to_json()
    assert list(json) == list(STRATEGIES)


def test_progress_is_told_with_the_strategy_that_it_is_of() -> None:
    told: list[tuple[str, float]] = []
    brief = load_scenario("slow_projector", ["run.duration=2s", "run.warm_up=0s"])
    compare_reads(brief, progress=lambda progress, name: told.append((name, progress.elapsed_ns)))
    assert list(dict.fromkeys(name for name, _ in told)) == list(STRATEGIES)
    assert all(elapsed_ns > 0 for _, elapsed_ns in told)


def test_what_was_interrupted_is_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = []

    def cut(*arguments: object, **_: object) -> Result:
        runs.append(arguments)
        whole = slow_projector().results["eventual"]
        return attrs.evolve(whole, complete=len(runs) < 2)

    monkeypatch.setattr(fresh_reads, "run", cut)
    with pytest.raises(KeyboardInterrupt):
        compare_reads(load_scenario("slow_projector"))
    assert len(runs) == 2


def test_the_title_says_how_the_three_were_run() -> None:
    assert slow_projector().title == ("slow_projector\nvirtual engine · virtual clock · seed 5")


@pytest.mark.parametrize(
    "queries",
    [Queries(), Queries(share=Share(0.5), mix=QueryMix(by_id=Real(0.0), by_status=Real(1.0)))],
)
def test_a_scenario_without_reads_by_id_is_refused(queries: Queries) -> None:
    with pytest.raises(InvalidScenarioError, match=r"queries\.mix\.by_id must be above 0"):
        compare_reads(scenario(queries=queries))


def test_reads_that_all_fall_into_the_warm_up_are_refused() -> None:
    brief = load_scenario("slow_projector", ["run.duration=100ms", "run.warm_up=99999999ns"])
    rare = attrs.evolve(brief.queries, share=Share(0.001))
    with pytest.raises(InvalidScenarioError, match="no read by id was sent"):
        _ = compare_reads(attrs.evolve(brief, queries=rare), seed=1).summaries
    assert Duration(99_999_999) == brief.run.warm_up
