"""The confirmation, and the faults that it must find."""

import math

import attrs
import pytest

from benchmarks.capacity_coverage import scenario_of
from cqrs_sim.analysis.intervals import t_interval
from cqrs_sim.highest_rate import confirmation, probes
from cqrs_sim.highest_rate.answer import Capacity, Confirmation
from cqrs_sim.highest_rate.confirmation import confirm, is_between
from cqrs_sim.highest_rate.limits import checked_limits
from cqrs_sim.highest_rate.probes import Probe
from cqrs_sim.highest_rate.search import Wanted, in_order, search
from cqrs_sim.sweeping.crews import alone

QUEUE = scenario_of(5.0)
SEEDS = range(500, 505)


@pytest.fixture(scope="module")
def found() -> Capacity:
    limits = checked_limits(["lag.orders.mean < 2.5ms"], QUEUE)
    wanted = Wanted(confirmed_by=0, faster=False, precision=0.04)
    return search(QUEUE, limits, wanted)


def confirmed(found: Capacity) -> Confirmation:
    return confirm(found, SEEDS, lambda tasks: in_order(alone(), tasks))


def test_a_right_answer_is_confirmed_on_the_other_engine(found: Capacity) -> None:
    told = confirmed(found)
    assert told.is_confirmed
    assert told.differ == ()
    assert told.rates_per_s == (found.interval.low, found.interval.high)
    assert told.intervals[0] == t_interval(told.values[0])


@pytest.mark.parametrize("factor", [0.7, 1.3])
def test_a_planted_wrong_answer_is_not_confirmed(found: Capacity, factor: float) -> None:
    rates = [rate * factor for rate in found.rates_per_s]
    wrong = attrs.evolve(found, rates_per_s=tuple(rates), interval=t_interval(rates))
    assert not confirmed(wrong).is_confirmed


def test_engines_that_differ_are_told_with_the_seed(
    found: Capacity, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = probes.probe

    def planted(*arguments: object) -> Probe:
        told = real(*arguments)  # type: ignore[arg-type]
        is_wrong = arguments[2] == "algebra" and told.seed == 502
        return attrs.evolve(told, values=(told.values[0] + 1e-9,)) if is_wrong else told

    monkeypatch.setattr(confirmation, "probe", planted)
    told = confirmed(found)
    assert told.differ == (502,)
    assert not told.is_confirmed


@pytest.mark.parametrize(
    ("low", "high", "is_right"),
    [
        ((1.0, 1.1, 0.9), (2.9, 3.1, 3.0), True),
        ((1.9, 2.1, 2.0), (1.9, 2.1, 2.0), True),
        ((3.0, 3.1, 2.9), (4.0, 4.1, 4.2), False),
        ((1.0, 1.1, 0.9), (1.2, 1.1, 1.3), False),
        ((1.0, 1.1, 0.9), (math.inf, 2.0, 3.0), True),
        ((1.0, math.inf, 0.9), (3.0, 3.0, 3.1), False),
    ],
)
def test_the_limit_must_lie_between_what_both_ends_came_to(
    low: tuple[float, ...], high: tuple[float, ...], is_right: bool
) -> None:
    assert is_between("limit", 2.0, (low, high)) is is_right


def test_saturation_is_confirmed_by_a_steady_low_end_and_a_saturated_high_end() -> None:
    steady, saturated = (1.0, 2.0, 1.5), (math.inf, math.inf, 3.0)
    assert is_between("saturation", 9.0, (steady, saturated))
    assert not is_between("saturation", 9.0, (steady, steady))
    assert not is_between("saturation", 9.0, (saturated, saturated))
