"""The search on a queue whose answer is known, small; `benchmarks/capacity_coverage.py` in full."""

from collections.abc import Callable
from typing import Any

import attrs
import pytest

import cqrs_sim
from benchmarks.capacity_coverage import limit_of, scenario_of
from cqrs_sim import simulation
from cqrs_sim.analysis.intervals import t_interval
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.highest_rate import search as searched
from cqrs_sim.highest_rate.answer import Capacity
from cqrs_sim.highest_rate.faster import shortened
from cqrs_sim.highest_rate.limits import Limit, at_rate, checked_limits
from cqrs_sim.highest_rate.probes import Probe
from cqrs_sim.highest_rate.roots import Root
from cqrs_sim.highest_rate.search import Wanted, in_order, search
from cqrs_sim.probe import Outcome
from cqrs_sim.scenario.scenario import ReadModel, Scenario, Service, WriteSide
from cqrs_sim.sweeping.crews import Crew, alone
from cqrs_sim.terminal.capacity import sentence

QUEUE = scenario_of(6.0)
MEAN = "lag.orders.mean < 2.5ms"
"""Met at 600/s: the mean time in the system is 1 / (mu - lambda)."""
BARE = Wanted(confirmed_by=0, faster=False, precision=0.04)


def find(scenario: Scenario = QUEUE, *slo: str, wanted: Wanted = BARE) -> Capacity:
    return search(scenario, checked_limits(slo or [MEAN], scenario), wanted)


def test_the_answer_is_the_mean_of_independent_roots_with_students_interval() -> None:
    found = find()
    assert found.kind == "limit"
    assert found.is_complete
    assert found.is_precise
    assert len(found.rates_per_s) >= 10
    assert found.interval == t_interval(found.rates_per_s)
    assert found.interval.half_width is not None
    assert found.interval.half_width <= 0.04 * (found.rate_per_s or 0.0)
    # The bias of so short a run is within the interval; the seeds are fixed.
    assert found.interval.low is not None
    assert found.interval.high is not None
    assert found.interval.low <= 600.0 <= found.interval.high


def test_it_stops_as_soon_as_the_interval_is_narrow_enough_and_not_before_ten() -> None:
    rates = find().rates_per_s
    for count in range(10, len(rates)):
        interval = t_interval(rates[:count])
        assert interval.half_width is not None
        assert interval.mean is not None
        assert interval.half_width > 0.04 * interval.mean
    assert len(find(wanted=attrs.evolve(BARE, precision=0.5)).rates_per_s) == 10


def test_it_gives_up_at_the_most_replications_and_says_so() -> None:
    found = find(wanted=attrs.evolve(BARE, precision=0.0001, most=12))
    assert len(found.rates_per_s) == 12
    assert not found.is_precise
    assert found.is_complete


def test_two_processes_find_what_one_does_bit_for_bit() -> None:
    # repr, because a probe with too few events has a value that is nan.
    wanted = attrs.evolve(BARE, precision=0.1, faster=True, curve=True, confirmed_by=1)
    assert repr(find(wanted=wanted)) == repr(find(wanted=attrs.evolve(wanted, jobs=2)))


def test_of_several_limits_the_one_that_is_met_first_decides() -> None:
    both = find(QUEUE, "lag.orders.mean < 5ms", MEAN)
    assert both.binding == MEAN
    assert both.rates_per_s == pytest.approx(find(QUEUE, MEAN).rates_per_s, rel=1e-3)


def test_the_stage_of_the_limited_metric_is_named_and_what_saturates_first_beside_it() -> None:
    fast = ReadModel(service=Service(distribution="exponential", mean=1_000_000))
    slow = ReadModel(service=Service(distribution="constant", mean=1_250_000))
    scenario = attrs.evolve(QUEUE, read_models={"orders": fast, "search": slow})
    found = find(scenario)
    assert found.limiting is not None
    assert found.limiting.stage == "orders"
    assert found.limiting.utilisation == pytest.approx(0.6, abs=0.05)
    assert found.limiting.saturates_at_per_s == pytest.approx(1000.0, rel=0.03)
    assert found.busiest == "search"
    assert found.saturates_at_per_s == pytest.approx(800.0, rel=0.02)


def test_a_limit_that_is_never_met_leaves_saturation_of_the_busiest_stage() -> None:
    slow = ReadModel(service=Service(distribution="constant", mean=2_000_000))
    scenario = attrs.evolve(QUEUE, read_models={**QUEUE.read_models, "search": slow})
    found = find(scenario, "lag.orders.mean < 1s", wanted=attrs.evolve(BARE, faster=True))
    assert found.kind == "saturation"
    assert found.rate_per_s == pytest.approx(500.0, rel=0.03)
    assert found.limiting is not None
    assert found.limiting.stage == "search"
    assert found.faster is not None
    # A tenth off the service: 500 / 0.9 - 500.
    assert found.faster.more_per_s.mean == pytest.approx(500 / 0.9 - 500, rel=0.1)


def test_a_faster_stage_brings_what_theory_says_and_the_pairs_make_it_precise() -> None:
    """With a tenth off the service mu is 1111/s, and so the root 711/s: 111 more.

    Twice the half width is over four standard errors: missed once in 1,000 times.
    """
    found = find(wanted=attrs.evolve(BARE, faster=True))
    faster = found.faster
    assert faster is not None
    assert (faster.stage, faster.key) == ("orders", "read_models.orders.service.mean")
    more = faster.more_per_s
    assert more.half_width is not None
    assert more.mean == pytest.approx(1000 / 9, abs=2 * more.half_width)
    assert found.interval.half_width is not None
    assert more.half_width < found.interval.half_width
    assert more.n == len(found.rates_per_s)


def test_what_is_shortened_is_the_time_that_the_stage_takes() -> None:
    changed = shortened(QUEUE, "orders")
    assert changed is not None
    assert changed[0].read_models["orders"].service.mean == 900_000
    stored = attrs.evolve(QUEUE, read_models={"orders": ReadModel(checkpoint=500_000)})
    changed = shortened(stored, "orders")
    assert changed is not None
    assert changed[0].read_models["orders"].checkpoint == 450_000
    assert changed[1] == "read_models.orders.checkpoint"
    busy = attrs.evolve(QUEUE, write_side=WriteSide(service=Service(mean=1_000)))
    changed = shortened(busy, "write side")
    assert changed is not None
    assert changed[0].write_side.service.mean == 900
    assert shortened(QUEUE, "write side") is None


def test_no_rate_keeps_a_limit_below_the_service_time() -> None:
    found = find(QUEUE, "lag.orders.mean < 0.5ms")
    assert (found.kind, found.rate_per_s) == ("none", None)
    assert found.limiting is None
    written = found.to_json()
    assert written["kind"] == "none"
    assert (written["rate_per_s"], written["interval"]) == (None, None)
    assert found.interval.mean is None


def test_the_seed_with_which_no_rate_holds_is_kept_with_its_lowest_probe(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of two limits, another one than binds the other seeds, and at a higher rate than theirs."""
    real = searched.root_of
    lowest = Probe(
        seed=2,
        rate_per_s=700.0,
        values=(0.001, 6.0),
        margin=-1 / 6,
        loads={"write side": 0.0, "orders": 0.7},
        saturated=(),
    )

    def third_breaks(*of: Any) -> Root:
        if of[3] != 2:
            return real(*of)
        loads = dict(lowest.loads)
        return Root(seed=2, kind="none", rate_per_s=700.0, loads=loads, probes=(lowest,))

    monkeypatch.setattr(searched, "root_of", third_breaks)
    found = find(QUEUE, MEAN, "lag.orders.max < 5s")
    assert (found.kind, found.rate_per_s, len(found.rates_per_s)) == ("none", None, 3)
    assert found.broken == lowest
    assert found.binding == "lag.orders.max < 5s"
    assert found.to_json()["broken_by"] == {"seed": 2, "rate_per_s": 700.0, "value": 6.0}
    assert sentence(found) == (
        "NO RATE HOLDS lag.orders.max < 5s: with seed 2, number 3 of 3, even at 700/s it is "
        "6,000 ms; 2 others hold"
    )


def test_a_metric_of_no_stage_has_none_that_limits_it_or_that_could_be_faster() -> None:
    """As many are applied as are sent, however fast whoever applies them is."""
    found = find(QUEUE, "rates.applied < 500/s", wanted=attrs.evolve(BARE, faster=True))
    assert found.kind == "limit"
    assert found.rate_per_s == pytest.approx(500.0, rel=0.05)
    assert (found.limiting, found.faster) == (None, None)
    assert found.busiest == "orders"
    assert "faster" in {purpose for purpose, _ in found.probes}


def test_a_stage_that_shortens_a_metric_of_no_stage_is_told_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The lag's limit, as if it were of no stage: what helps is found by asking, not by name."""
    monkeypatch.setattr(Limit, "stage", None)
    found = find(wanted=attrs.evolve(BARE, faster=True))
    assert found.limiting is None
    assert found.faster is not None
    assert found.faster.stage == "orders"
    assert found.faster.more_per_s.low is not None
    assert found.faster.more_per_s.low > 0.0


def test_refusals_that_keep_a_limit_are_counted_at_the_answer() -> None:
    """Whoever finds the mailbox full is told no at once: half of that is quick, and no service."""
    orders = attrs.evolve(QUEUE.workload, kind="amendments", orders=1)
    slow = Service(distribution="exponential", mean=5_000_000)
    side = WriteSide(service=slow, policy="reject", mailbox=1)
    scenario = attrs.evolve(QUEUE, workload=orders, write_side=side)
    found = find(scenario, "response.p50 < 6ms", wanted=attrs.evolve(BARE, precision=0.5))
    shares = {one.how: one.share for one in found.turned_away}
    counted = []
    for seed in range(len(found.rates_per_s)):
        probes = [one for purpose, one in found.probes if purpose == "search" and one.seed == seed]
        rate = min(probes, key=lambda one: abs(one.rate_per_s - found.rates_per_s[seed])).rate_per_s
        commands = simulation.run(at_rate(scenario, rate), seed=seed).summary.commands
        counted.append(commands[Outcome.REFUSED] / sum(commands.values()))
    assert shares["were refused"] == pytest.approx(sum(counted) / len(counted))
    assert shares["were refused"] > 0.1
    assert found.to_json()["unserved"] == [
        {"what": "commands", "how": how, "share": share} for how, share in shares.items()
    ]
    assert find().to_json()["unserved"] == []


def test_an_interruption_keeps_what_was_finished(monkeypatch: pytest.MonkeyPatch) -> None:
    real, done = searched.root_of, list[int]()

    def interrupted_after_four(*arguments: object, **named: object) -> Root:
        if len(done) == 4:
            raise KeyboardInterrupt
        done.append(1)
        return real(*arguments, **named)  # type: ignore[arg-type]

    whole = find()
    monkeypatch.setattr(searched, "root_of", interrupted_after_four)
    found = find()
    assert not found.is_complete
    assert found.rates_per_s == whole.rates_per_s[:4]
    assert found.to_json()["complete"] is False


def test_an_interruption_before_the_first_root_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(*_: object, **__: object) -> Root:
        raise KeyboardInterrupt

    monkeypatch.setattr(searched, "root_of", interrupted)
    with pytest.raises(KeyboardInterrupt):
        find()


def test_too_few_seeds_above_the_first_are_refused() -> None:
    with pytest.raises(InvalidScenarioError, match="too few seeds follow it"):
        find(wanted=attrs.evolve(BARE, seed=2**64 - 10))


def test_tasks_come_back_in_their_order_and_are_not_begun_before_they_are_wanted() -> None:
    begun: list[int] = []

    def task(number: int) -> Callable[[], int]:
        def work() -> int:
            begun.append(number)
            return number

        return work

    crew: Crew = alone()
    results = in_order(crew, (task(number) for number in range(5)))
    assert next(results) == 0
    assert begun == [0]
    assert list(results) == [1, 2, 3, 4]


def test_the_package_offers_it_by_the_name_of_a_scenario_or_by_a_scenario() -> None:
    found = cqrs_sim.capacity(
        QUEUE, "lag.orders.mean < 2.5ms", precision=0.1, confirmed_by=0, most=20
    )
    assert found.rate_per_s == pytest.approx(600.0, rel=0.1)
    with pytest.raises(InvalidScenarioError, match="--slo"):
        cqrs_sim.capacity("default", "lag.orders.p99 > 2ms")


def test_limits_of_the_benchmark_are_whole_nanoseconds_of_the_closed_form() -> None:
    assert limit_of(0.5) == "lag.orders.p99 < 9210340ns"
    assert limit_of(0.8) == "lag.orders.p99 < 23025851ns"
