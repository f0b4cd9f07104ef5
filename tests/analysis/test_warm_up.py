"""MSER-5, and what it says of a stated cut."""

import attrs
import numpy as np
import pytest
from numpy.typing import NDArray
from traces import Plan, make_trace

from cqrs_sim.analysis.saturation import WRITE_SIDE
from cqrs_sim.analysis.warm_up import Opinion, check_warm_up, mser5
from cqrs_sim.measurement.trace import Trace

SECOND = 1_000_000_000


def noise(size: int) -> NDArray[np.float64]:
    return np.random.default_rng(1).normal(10.0, 1.0, size)


def looped_mser5(sample: NDArray[np.float64]) -> int:
    """The formula, batch by batch."""
    means = [float(np.mean(sample[i : i + 5])) for i in range(0, len(sample) - 4, 5)]
    rest = [means[d:] for d in range(len(means) // 2 + 1)]
    figures = [float(np.sum((np.array(z) - np.mean(z)) ** 2)) / len(z) ** 2 for z in rest]
    return 5 * figures.index(min(figures))


@pytest.mark.parametrize("size", [100, 333, 1004])
def test_the_cut_is_that_of_the_formula(size: int) -> None:
    sample = noise(size)
    sample[: size // 4] -= 3.0
    assert mser5(sample)[0] == looped_mser5(sample) > 0


def test_an_odd_beginning_is_cut_off_where_it_ends() -> None:
    sample = noise(5000)
    sample[:800] += 6.0
    cut, is_too_short = mser5(sample)
    assert 800 <= cut <= 850
    assert not is_too_short


def test_a_series_that_never_changes_needs_no_cut() -> None:
    assert mser5(np.full(500, 0.3)) == (0, False)


def test_a_series_that_grows_to_its_end_is_too_short() -> None:
    assert mser5(np.arange(5000.0)) == (2500, True)


def slow_until(trace: Trace, until_s: float) -> Trace:
    """The same run, but its first events wait an extra 50 ms for their projectors."""
    early = trace.events.committed.astype(np.int64) < until_s * SECOND
    extra = np.where(np.tile(early, len(trace.read_models)), 50_000_000, 0).astype("m8[ns]")
    applied = trace.deliveries.applied + extra
    return attrs.evolve(trace, deliveries=attrs.evolve(trace.deliveries, applied=applied))


def test_a_stated_cut_is_confirmed_or_found_too_early() -> None:
    trace = slow_until(make_trace(), 2.0)
    enough = check_warm_up(trace, 3 * SECOND, set())
    assert enough.cut_s == 3.0
    assert enough.response.opinion is Opinion.ENOUGH
    assert [check.opinion for check in enough.lag.values()] == [Opinion.ENOUGH] * 2
    early = check_warm_up(trace, 1 * SECOND, set())
    search = early.lag["search"]
    assert search.opinion is Opinion.CUT_MORE
    assert search.mser5_s == pytest.approx(2.0, abs=0.1)
    assert early.response == enough.response


def test_the_stated_cut_does_not_move_what_mser5_finds() -> None:
    trace = slow_until(make_trace(), 2.0)
    found = [check_warm_up(trace, cut * SECOND, set()).lag["search"].mser5_s for cut in (0, 1, 5)]
    assert len(set(found)) == 1


def test_a_run_that_is_odd_for_half_of_its_time_is_too_short_whatever_is_cut() -> None:
    found = check_warm_up(slow_until(make_trace(), 5.5), 9 * SECOND, set())
    assert found.lag["orders"].opinion is Opinion.TOO_SHORT


def test_of_a_saturated_stage_nothing_is_said() -> None:
    found = check_warm_up(make_trace(), SECOND, {"search", WRITE_SIDE})
    assert found.lag["search"].opinion is found.response.opinion is Opinion.SATURATED
    assert found.lag["search"].mser5_s is None
    assert found.lag["orders"].opinion is Opinion.ENOUGH


def test_where_the_plan_keeps_no_level_there_is_nothing_to_judge() -> None:
    varies = {WRITE_SIDE: Opinion.LOAD_PROFILE, "search": Opinion.PAUSES}
    found = check_warm_up(make_trace(), SECOND, {"search"}, varies)
    assert found.response.opinion is Opinion.LOAD_PROFILE
    assert found.response.mser5_s is None
    assert found.lag["search"].opinion is Opinion.SATURATED
    assert found.lag["orders"].opinion is Opinion.ENOUGH


def test_a_run_that_was_interrupted_in_its_warm_up_is_too_short_to_judge() -> None:
    trace = make_trace(Plan(seconds=2.0))
    found = check_warm_up(trace, 3 * SECOND, set())
    assert found.response.opinion is found.lag["orders"].opinion is Opinion.TOO_FEW
    assert found.response.mser5_s is None
    assert check_warm_up(trace, 1 * SECOND, set()).response.opinion is not Opinion.TOO_FEW


def test_a_handful_of_observations_is_too_few() -> None:
    found = check_warm_up(make_trace(Plan(seconds=1.0, rate_per_s=50.0)), 0, set())
    assert found.response.opinion is found.lag["orders"].opinion is Opinion.TOO_FEW
    empty = check_warm_up(make_trace(Plan(rate_per_s=0.0)), 0, set())
    assert empty.response.opinion is Opinion.TOO_FEW
