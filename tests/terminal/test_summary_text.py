"""How the end of a run tells what its figures can bear."""

import io

import attrs
import pytest

from cqrs_sim import simulation
from cqrs_sim.analysis.warm_up import Opinion
from cqrs_sim.results import Result
from cqrs_sim.terminal.screen import Screen
from cqrs_sim.terminal.summary import show_summary
from cqrs_sim.verdict import judge


def shown(result: Result) -> list[str]:
    stream = io.StringIO()
    show_summary(Screen(stream), result)
    return stream.getvalue().splitlines()


@pytest.fixture(scope="module")
def overload() -> Result:
    settings = ["run.duration=6s", "run.drain=100ms"]
    return simulation.run(simulation.load_scenario("overload", settings))


@pytest.fixture(scope="module")
def short() -> Result:
    return simulation.run(simulation.load_scenario("default", ["run.duration=5s"]))


def test_the_verdict_names_the_stage_that_saturates_and_at_what_rate(overload: Result) -> None:
    (load,) = overload.summary.saturated
    assert load.stage == "search"
    # A projector that needs 1.66 ms an event can do 602 a second.
    assert load.saturates_at_per_s == pytest.approx(1 / 0.00166, rel=0.05)
    assert f"saturates at {load.saturates_at_per_s:,.0f} events/s" in judge(overload.summary).text


def test_bounds_stand_where_percentiles_are_withheld(overload: Result) -> None:
    (line,) = [line for line in shown(overload) if "bounds" in line]
    low, high = overload.summary.lag_s["search"].bounds["p50"]
    assert low is not None
    assert high is not None
    assert line.startswith("search: bounds of the lag in this run (ms): p50 ")
    assert f"p50 {low * 1e3:,.0f} to {high * 1e3:,.0f}, p90 at least " in line


def test_the_stages_of_a_saturated_read_model_are_described_with_what_is_left_out(
    overload: Result,
) -> None:
    lag = overload.summary.lag_s["search"]
    (line,) = [line for line in shown(overload) if line.startswith("search: fan-out ")]
    assert line.endswith(
        f"; {100 * lag.censored / lag.n:.0f} % was never applied and is left out "
        "(saturated: a longer run would show more)"
    )
    assert sum("is left out" in line for line in shown(overload)) == 1


def test_a_quantile_that_too_few_events_carry_is_told_from_one_that_is_withheld(
    short: Result,
) -> None:
    lines = shown(short)
    (row,) = [line for line in lines if line.startswith("orders  ")]
    lag = short.summary.lag_s["orders"]
    assert lag.too_few == ("p99", "p999")
    assert row.split()[3:7] == ["too", "few", "too", "few"]
    assert "too few: a quantile q needs 100 / (1 - q) values: p99 10,000, p99.9 100,000" in lines
    assert not any("withheld" in line for line in lines)


def test_the_verdict_over_a_short_run_falls_back_to_a_quantile_that_it_carries(
    short: Result,
) -> None:
    text = judge(short.summary).text
    p90 = short.summary.lag_s["search"].p90
    assert p90 is not None
    assert text == (
        f"keeps up: search is the slowest read model, p90 lag {p90 * 1e3:.3g} ms "
        "(too few events for p99)"
    )


def test_a_run_that_carries_no_quantile_at_all_is_not_judged() -> None:
    scenario = simulation.load_scenario("default", ["run.duration=200ms", "run.warm_up=0s"])
    assert judge(simulation.run(scenario).summary).text.startswith("nothing to judge by")


def test_sessions_that_missed_their_own_writes_are_told(short: Result) -> None:
    own = short.summary.own_writes
    assert 0 < own.queries_that_missed < own.queries
    (line,) = [line for line in shown(short) if line.startswith("missed their own write")]
    assert f"of {own.queries:,} answers" in line
    assert line.endswith(f"in {own.sessions_that_missed} of {own.sessions} sessions")


def test_a_second_opinion_on_the_warm_up_is_told_where_it_differs(short: Result) -> None:
    assert not any(line.startswith("warm-up") for line in shown(short))
    warm_up = short.summary.warm_up
    late = attrs.evolve(warm_up.lag["search"], mser5_s=4.25, opinion=Opinion.CUT_MORE)
    odd = attrs.evolve(
        warm_up,
        response=attrs.evolve(warm_up.response, opinion=Opinion.TOO_SHORT),
        lag={**warm_up.lag, "search": late},
    )
    # The summary of a result is computed once and kept; this one gets another opinion.
    other = attrs.evolve(short)
    object.__setattr__(other, "summary", attrs.evolve(short.summary, warm_up=odd))
    assert [line for line in shown(other) if line.startswith("warm-up")] == [
        "warm-up: for the response the run is too short to be steady",
        "warm-up: MSER-5 would leave out the first 4.25 s for the lag of search, not 3 s",
    ]


def test_what_idle_orders_took_to_come_back_is_told_where_the_scenario_is_about_that(
    short: Result,
) -> None:
    assert not [line for line in shown(short) if line.startswith("idle orders")]
    settings = [
        *("workload.kind=amendments", "workload.orders=50", "load.rate=25/s", "run.duration=10s"),
        *("run.warm_up=0s", "write_side.replay=1ms", "write_side.snapshot_every=2"),
    ]
    result = simulation.run(simulation.load_scenario("default", settings))
    found = result.metrics
    (line,) = [line for line in shown(result) if line.startswith("idle orders")]
    assert f"came back: {found['rehydration.orders']:,.0f}, " in line
    assert f"; {found['rehydration.events_read']:,.0f} events read, " in line
    assert line.endswith(" % of the commands' service time")


def test_what_handlers_tried_is_told_where_there_are_any(short: Result) -> None:
    assert not any(line.startswith("attempts: ") for line in shown(short))
    checked = simulation.run(simulation.load_scenario("optimistic", ["run.duration=10s"]))
    found, lines = checked.summary.attempts, shown(checked)
    assert found.given_up
    (line,) = [line for line in lines if line.startswith("attempts: ")]
    assert line == (
        f"attempts: {found.attempts:,}, committed {found.committed:,}, "
        f"conflicts {found.conflicts:,}, rejected {found.rejected:,}; tried again "
        f"{found.retries:,}, given up {found.given_up:,}; "
        f"{100 * (found.wasted_share or 0):.1f} % of their time in vain"
    )
    assert any(f", conflict {found.given_up:,}" in line for line in lines)
    assert any("if those given up count as longest" in line for line in lines)


def test_lost_updates_are_told_with_the_first() -> None:
    unchecked = simulation.run(simulation.load_scenario("shared_state"))
    found = unchecked.summary.attempts
    assert found.first_lost is not None
    assert (
        f"{found.lost_updates} updates lost, the first before {found.first_lost.event}, which was "
        "written without having seen it"
    ) in shown(unchecked)


@pytest.mark.parametrize(
    ("preset", "changed"), [("dual_write", "write_side"), ("redelivery", "read_models.statistics")]
)
def test_what_was_lost_or_doubled_is_told_by_read_model(
    short: Result, preset: str, changed: str
) -> None:
    assert not any(line.startswith("delivery to ") for line in shown(short))
    crash = f"{changed}.crashes=[{{ at = '2s', down = '200ms' }}]"
    result = simulation.run(simulation.load_scenario(preset, ["run.duration=4s", crash]))
    lines = [line for line in shown(result) if line.startswith("delivery to ")]
    found = {name: one for name, one in result.summary.delivery.items() if one.is_remarkable}
    assert found
    for line, (name, one) in zip(lines, found.items(), strict=True):
        head, told = line.split(": ", 1)
        assert head == f"delivery to {name}, at least once"
        for count, what in (
            (one.lost, "lost"),
            (one.without_effect, "found nothing to change"),
            (one.doubled, "took effect twice"),
            (one.redelivered, "delivered again"),
        ):
            parts = [part for part in told.split(", ") if part.endswith(what)]
            assert [int(part.split()[0]) for part in parts] == ([count] if count else [])
        first = one.first_lost or one.first_doubled
        assert (first is None) == ("the first: " not in told)
        assert first is None or told.endswith(f"the first: {first.event}")
