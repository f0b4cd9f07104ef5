"""Order statistics of right-censored samples."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cqrs_sim.analysis.quantiles import (
    FRACTIONS,
    operations_needed,
    quantiles,
    summarise_sample,
)

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
    assert quantiles(np.array([0.25]), (0.01, 0.5, 0.999)) == [0.25, 0.25, 0.25]
    summary = summarise_sample(np.array([0.25]))
    assert (summary.max, summary.mean) == (0.25, 0.25)


def test_a_censored_value_withholds_the_mean_and_the_maximum_but_not_the_median() -> None:
    summary = summarise_sample(np.array([*range(1, 300), np.nan]))
    assert (summary.p50, summary.max, summary.mean) == (150.0, None, None)
    assert (summary.n, summary.censored) == (300, 1)


@pytest.mark.parametrize(
    ("fraction", "needed"), [(0.5, 200), (0.9, 1000), (0.99, 10_000), (0.999, 100_000)]
)
def test_a_quantile_needs_100_values_above_it(fraction: float, needed: int) -> None:
    assert operations_needed(fraction) == needed


@pytest.mark.parametrize(
    ("size", "absent"),
    [
        (0, ()),  # An empty sample has no quantiles because it is empty.
        (1, ("p50", "p90", "p99", "p999")),
        (199, ("p50", "p90", "p99", "p999")),
        (200, ("p90", "p99", "p999")),
        (999, ("p90", "p99", "p999")),
        (1000, ("p99", "p999")),
        (9_999, ("p99", "p999")),
        (10_000, ("p999",)),
        (99_999, ("p999",)),
        (100_000, ()),
    ],
)
def test_a_quantile_that_the_sample_cannot_carry_is_named_and_not_shown(
    size: int, absent: tuple[str, ...]
) -> None:
    summary = summarise_sample(np.arange(float(size)))
    assert summary.too_few == absent
    shown = [name for name in FRACTIONS if getattr(summary, name) is not None]
    assert shown == [name for name in FRACTIONS if size and name not in absent]
    assert summary.n == size
    assert summary.max == (size - 1 if size else None)


def test_withheld_keeps_the_counts_only() -> None:
    summary = summarise_sample(np.array([*range(299), np.nan])).withheld()
    assert summary.p50 is summary.max is summary.mean is None
    assert (summary.n, summary.censored) == (300, 1)
    assert summary.too_few == ("p90", "p99", "p999")


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
