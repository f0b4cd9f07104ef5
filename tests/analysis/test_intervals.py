"""Confidence intervals. How often they hold the truth: tests/test_interval_coverage.py."""

import attrs
import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.interval_coverage import times_in_system
from cqrs_sim.analysis.intervals import (
    Interval,
    batch_means,
    is_narrow_enough,
    is_uncorrelated,
    sectioning,
    swings,
    t_interval,
    t_quantile,
    unsteady,
)


def test_the_interval_of_a_textbook_is_reproduced() -> None:
    """Ten values, 90 %: Law, "Simulation modeling and analysis", example 4.27."""
    values = [1.20, 1.50, 1.68, 1.89, 0.95, 1.49, 1.58, 1.55, 0.50, 1.09]
    found = t_interval(values, level=0.90)
    assert found.mean == pytest.approx(1.34, abs=0.005)
    assert found.half_width == pytest.approx(0.24, abs=0.005)
    assert (found.n, found.method, found.reason) == (10, "replications", "")


def test_a_higher_level_makes_a_wider_interval() -> None:
    values = [1.0, 2.0, 4.0]
    widths = [t_interval(values, level).half_width or 0.0 for level in (0.8, 0.95, 0.99)]
    assert widths == sorted(widths)
    # t(2, 0.975) is 4.3027.
    assert widths[1] == pytest.approx(4.302653 * np.std(values, ddof=1) / np.sqrt(3.0))


def test_equal_values_leave_no_doubt_and_one_value_leaves_it_all() -> None:
    same = t_interval([2.0, 2.0, 2.0])
    assert (same.low, same.high) == (2.0, 2.0)
    one = t_interval([2.0])
    assert (one.low, one.high, one.mean, one.reason) == (None, None, 2.0, "one value has no spread")
    assert t_interval([]).mean is None


def correlated(size: int, memory: float) -> NDArray[np.float64]:
    """A series in which each value remembers the one before (AR(1)) about a mean of 10."""
    rng = np.random.default_rng(4)
    shocks = rng.normal(0.0, 1.0, size)
    series = np.empty(size)
    last = 0.0
    for row, shock in enumerate(shocks.tolist()):
        last = memory * last + shock
        series[row] = last
    return series + 10.0


def test_batch_means_are_as_wide_as_the_memory_of_the_series_demands() -> None:
    """The variance of the mean of AR(1) is that of independent values x 1 / (1 - memory)^2."""
    series = correlated(40_000, 0.9)
    found = batch_means(series)
    assert found.method == "batch means (single run)"
    assert found.mean == pytest.approx(series.mean())
    expected = 2.09 * 1.0 / (1.0 - 0.9) / np.sqrt(40_000)
    assert found.half_width == pytest.approx(expected, rel=0.5)
    as_if_independent = 1.96 * series.std() / np.sqrt(40_000)
    assert (found.half_width or 0.0) > 2.5 * as_if_independent


def test_a_run_that_remembers_for_as_long_as_it_lasts_is_too_short() -> None:
    found = batch_means(correlated(2_000, 0.9995))
    assert (found.low, found.high) == (None, None)
    assert found.reason == "too short: even the means of 10 batches are correlated"


def test_a_trend_is_no_steady_series() -> None:
    assert batch_means(np.arange(10_000.0)).low is None


def test_batches_are_doubled_where_20_are_correlated_and_10_are_not() -> None:
    """Each level lasts for two of the 20 batches, so that neighbours are alike in pairs."""
    levels = np.array([10.0, 11.0, 9.0, 9.5, 11.5, 10.5, 8.5, 10.0, 12.0, 9.0])
    assert not is_uncorrelated(np.repeat(levels, 2))
    assert is_uncorrelated(levels)
    found = batch_means(np.repeat(levels, 200))
    assert found.half_width == pytest.approx(t_interval(levels.tolist()).half_width)
    assert found.n == 2_000


def test_batch_means_that_rise_and_fall_slowly_are_correlated() -> None:
    assert not is_uncorrelated(np.sin(np.linspace(0.0, 6.0, 20)))
    assert is_uncorrelated(np.random.default_rng(2).normal(size=20))
    assert is_uncorrelated(np.full(10, 3.0))


def test_sectioning_is_centred_at_the_quantile_of_the_whole_run() -> None:
    series = np.random.default_rng(2).exponential(1.0, 50_000)
    found = sectioning(series, 0.99)
    assert found.method == "sectioning (single run)"
    assert found.mean == np.sort(series)[49_499]
    # The standard error of the p99 of n independent values is sqrt(q (1 - q) / n) / density.
    expected = 2.262 * np.sqrt(0.99 * 0.01 / 50_000) / 0.01
    assert found.half_width == pytest.approx(expected, rel=0.5)


def test_a_swing_is_a_rise_from_the_lowest_quarter_to_the_highest() -> None:
    # Quartiles: the 3rd and 9th smallest of twelve, which are 1 and 7.
    series = np.array([0, 8, 4, 9, 1, 4, 7, 2, 9, 3, 0, 5], np.float64)
    assert swings(series) == 2
    assert swings(np.arange(100.0)) == 1
    assert swings(np.zeros(50)) == 0
    independent = np.random.default_rng(3).normal(size=80_000)
    assert swings(independent) == pytest.approx(10_000, rel=0.03)


def test_a_tail_that_was_visited_a_few_times_has_no_interval() -> None:
    """Sections of such a run look uncorrelated, and covered the p99 in 36 % of the runs."""
    busy = times_in_system(np.random.default_rng(7), 0.95, 20_000)
    found = sectioning(busy, 0.99)
    assert (found.low, found.high, found.degrees) == (None, None, 0)
    assert found.mean == np.sort(busy)[19_799]
    assert found.reason == (
        f"too short: {swings(busy)} swings from low to high and back, where 1,000 are needed"
    )
    above = busy.reshape(10, 2_000) > np.sort(busy)[19_799]
    assert is_uncorrelated(above.mean(axis=1))


def test_sections_whose_tails_are_alike_in_turn_have_no_interval() -> None:
    """Every second moment is as it was, and the spread grows all along the run."""
    series = np.random.default_rng(8).exponential(1.0, 40_000) * np.linspace(0.5, 1.5, 40_000)
    assert sectioning(series, 0.99).reason == "too short: its sections are correlated"


def test_a_series_that_never_changes_leaves_no_doubt() -> None:
    found = sectioning(np.full(20_000, 0.003), 0.99)
    assert (found.low, found.high, found.mean) == (0.003, 0.003, 0.003)


def test_a_run_that_keeps_no_level_by_plan_has_no_interval_and_says_so() -> None:
    found = unsteady("sectioning (single run)", 500, "load profile")
    assert (found.low, found.mean, found.n) == (None, None, 500)
    assert found.reason == "not steady by plan: load profile"


def test_an_interval_carries_its_degrees_of_freedom() -> None:
    series = np.random.default_rng(2).exponential(1.0, 50_000)
    assert t_interval([1.0, 2.0, 4.0]).degrees == 2
    assert batch_means(series).degrees == 19
    assert sectioning(series, 0.99).degrees == 9
    assert t_quantile(9) == pytest.approx(2.262157)
    assert t_quantile(19, 0.90) == pytest.approx(1.729133)


@pytest.mark.parametrize("method", [batch_means, lambda series: sectioning(series, 0.99)])
def test_a_series_that_is_too_short_or_censored_has_no_interval(method: object) -> None:
    assert callable(method)
    short = method(np.ones(400))
    assert (short.low, short.mean) == (None, None)
    assert short.reason.startswith("too few: 400, where ")
    series = np.random.default_rng(6).exponential(1.0, 20_000)
    series[-3:] = np.nan
    assert method(series).reason == "3 of 20,000 are censored"


def interval(half_width: float, n: int = 10) -> Interval:
    return Interval(
        low=100.0 - half_width, high=100.0 + half_width, mean=100.0, n=n, method="replications"
    )


def test_an_interval_is_narrow_enough_by_the_adjusted_relative_error() -> None:
    # 0.05 / 1.05 of the mean is 4.762.
    assert is_narrow_enough(interval(4.76), 0.05)
    assert not is_narrow_enough(interval(4.77), 0.05)
    assert not is_narrow_enough(interval(1.0, n=9), 0.05)
    assert is_narrow_enough(interval(1.0, n=9), 0.05, at_least=5)
    assert not is_narrow_enough(attrs.evolve(interval(1.0), low=None), 0.05)
