"""Order statistics of right-censored samples."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cqrs_sim.analysis.quantiles import quantiles, summarise_sample

HUNDRED = np.arange(1.0, 101.0)[::-1]


@pytest.mark.parametrize(
    ("fraction", "expected"),
    [(0.5, 50.0), (0.07, 7.0), (0.071, 8.0), (0.99, 99.0), (0.991, 100.0), (1.0, 100.0)],
)
def test_a_quantile_is_the_smallest_value_not_exceeded_by_that_share(
    fraction: float, expected: float
) -> None:
    assert quantiles(HUNDRED, (fraction,)) == [expected]


def test_a_quantile_among_the_censored_is_withheld() -> None:
    sample = np.where(HUNDRED > 95.0, np.nan, HUNDRED)
    assert quantiles(sample, (0.5, 0.95, 0.951, 0.99)) == [50.0, 95.0, None, None]


def test_an_empty_sample_has_no_quantiles() -> None:
    assert quantiles(np.empty(0), (0.5, 0.99)) == [None, None]
    summary = summarise_sample(np.empty(0))
    assert (summary.p50, summary.mean, summary.n, summary.censored) == (None, None, 0, 0)


def test_one_value_is_every_quantile() -> None:
    summary = summarise_sample(np.array([0.25]))
    assert (summary.p50, summary.p999, summary.max, summary.mean) == (0.25, 0.25, 0.25, 0.25)


def test_a_censored_value_withholds_the_mean_and_the_maximum_but_not_the_median() -> None:
    summary = summarise_sample(np.array([1.0, 2.0, 3.0, np.nan]))
    assert (summary.p50, summary.max, summary.mean) == (2.0, None, None)
    assert (summary.n, summary.censored) == (4, 1)


def test_withheld_keeps_the_counts_only() -> None:
    summary = summarise_sample(np.array([1.0, np.nan])).withheld()
    assert (summary.p50, summary.n, summary.censored) == (None, 2, 1)


@given(
    values=st.lists(st.integers(0, 1000), min_size=1, max_size=200),
    censored=st.integers(0, 50),
    fraction=st.floats(0.01, 1.0),
)
def test_censored_values_sort_above_all_others(
    values: list[int], censored: int, fraction: float
) -> None:
    sample = np.array(values + [math.nan] * censored, dtype=np.float64)
    ordered = sorted(values) + [None] * censored
    rank = max(math.ceil(round(fraction * len(ordered), 9)), 1)
    assert quantiles(sample, (fraction,)) == [ordered[rank - 1]]
