"""The search on a queue whose answer is known, small; `benchmarks/capacity_coverage.py` in full."""

from collections.abc import Callable

import attrs
import pytest

import cqrs_sim
from benchmarks.capacity_coverage import limit_of, scenario_of
from cqrs_sim.analysis.intervals import t_interval
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.highest_rate import search as searched
from cqrs_sim.highest_rate.answer import Capacity
from cqrs_sim.highest_rate.faster import shortened
from cqrs_sim.highest_rate.limits import checked_limits
from cqrs_sim.highest_rate.roots import Root
from cqrs_sim.highest_rate.search import Wanted, in_order, search
from cqrs_sim.scenario.scenario import ReadModel, Scenario, Service, WriteSide
from cqrs_sim.sweeping.crews import Crew, alone

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
    assert found.to_json()["kind"] == "none"


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
