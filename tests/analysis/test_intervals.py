"""Confidence intervals. How often they hold the truth: tests/test_interval_coverage.py."""

import attrs
import numpy as np
import pytest
from numpy.typing import NDArray

from cqrs_sim.analysis.intervals import (
    Interval,
    batch_means,
    is_narrow_enough,
    is_uncorrelated,
    sectioning,
    t_interval,
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
    series = np.random.default_rng(6).exponential(1.0, 50_000)
    found = sectioning(series, 0.99)
    assert found.method == "sectioning (single run)"
    assert found.mean == np.sort(series)[49_499]
    # The standard error of the p99 of n independent values is sqrt(q (1 - q) / n) / density.
    expected = 2.262 * np.sqrt(0.99 * 0.01 / 50_000) / 0.01
    assert found.half_width == pytest.approx(expected, rel=0.5)


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
