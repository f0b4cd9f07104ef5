"""Quantiles of samples in which some values are known only to be longer than the run allowed.

A quantile here is an order statistic, the smallest value that at least a share q of the sample does
not exceed: x[ceil(q n)] of the sorted sample (Hyndman and Fan, "Sample quantiles in statistical
packages", 1996, definition 1). Interpolating definitions would invent values between the last one
seen and the censored ones, about which nothing is known. A censored value sorts above all others;
a quantile, maximum or mean that falls among them is withheld (None), never guessed.

A sample can be too small for a quantile: with fewer than 100 / (1 - q) values the quantile q rests
on less than 100 of them, and says more about the luck of a run than about the system. Such a
quantile is None too, and named in `too_few`. `survival` estimates quantiles from censored samples.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

Bounds: TypeAlias = Mapping[str, tuple[float | None, float | None]]
"""By name of quantile: what it is at least and at most, in seconds; None: nothing is known."""

FRACTIONS: Final[Mapping[str, float]] = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999}
"""The quantiles of a summary, as fractions, by their names."""

BEYOND = 100
"""Values that a quantile wants above it."""


@attrs.frozen(kw_only=True)
class SampleSummary:
    """The shape of one sample, in seconds; None: withheld, empty, or too few for it."""

    p50: float | None
    p90: float | None
    p99: float | None
    p999: float | None
    max: float | None
    mean: float | None
    n: int
    """Size of the sample, censored values included."""
    censored: int
    """How many of them had not happened when the run ended."""
    too_few: tuple[str, ...] = ()
    """Names of the quantiles that are None because `n` is too small for them."""
    bounds: Bounds = attrs.field(factory=dict)
    """Of the quantiles of a censored or saturated sample; empty where there is no doubt."""

    def withheld(self) -> "SampleSummary":
        """Only counts and bounds: what may be said of a stage that is saturated."""
        return attrs.evolve(self, p50=None, p90=None, p99=None, p999=None, max=None, mean=None)


def operations_needed(fraction: float) -> int:
    """How many values a sample needs for a quantile: 100 / (1 - q).

    Then 100 values lie above it, so that its rank alone (standard error of their count: 10) moves
    it by about a tenth of the tail. Values of one run depend on each other and carry less still:
    this is a least, not a guarantee.

    Args:
        fraction: in [0, 1): 0.5 needs 200, 0.9 1000, 0.99 10,000, 0.999 100,000.
    """
    # Rounded before `ceil`, because 100 / (1 - 0.9) is 1000.0000000000002.
    return math.ceil(round(BEYOND / (1.0 - fraction), 6))


def too_few_for(size: int) -> tuple[str, ...]:
    """Names of the quantiles that so many values cannot carry; none if there are no values."""
    return tuple(name for name, q in FRACTIONS.items() if 0 < size < operations_needed(q))


def carried(found: Mapping[str, float | None], size: int) -> dict[str, float | None]:
    """The same with None for each quantile that so many values cannot carry."""
    too_few = too_few_for(size)
    return {name: None if name in too_few else value for name, value in found.items()}


def quantiles(sample: NDArray[np.float64], fractions: Sequence[float]) -> list[float | None]:
    """Quantiles of a right-censored sample.

    Args:
        sample: shape (n,); nan where censored.
        fractions: each in (0, 1].

    Returns:
        One a fraction; None where it falls among the censored values, or the sample is empty.
    """
    size = len(sample)
    if size == 0:
        return [None] * len(fractions)
    # Rounded before `ceil`, because 0.07 * 100 is 7.000000000000001.
    ranks = [max(math.ceil(round(fraction * size, 9)), 1) - 1 for fraction in fractions]
    # nan sorts to the end, where the censored belong.
    ordered = np.partition(sample, sorted(set(ranks)))
    return [None if np.isnan(ordered[rank]) else float(ordered[rank]) for rank in ranks]


def summarise_sample(sample: NDArray[np.float64]) -> SampleSummary:
    """Quantiles that the sample can carry, maximum, mean and counts.

    Args:
        sample: shape (n,), seconds, each a whole number of nanoseconds; nan where censored.
    """
    *found, longest = quantiles(sample, (*FRACTIONS.values(), 1.0))
    return summary_of(sample, dict(zip(FRACTIONS, found, strict=True)), longest)


def summary_of(
    sample: NDArray[np.float64],
    found: Mapping[str, float | None],
    longest: float | None,
    bounds: Bounds | None = None,
) -> SampleSummary:
    """A summary with these quantiles, but for those that the sample cannot carry."""
    size, censored = len(sample), int(np.count_nonzero(np.isnan(sample)))
    return SampleSummary(
        **carried(found, size),
        max=longest,
        mean=_mean(sample) if size and not censored else None,
        n=size,
        censored=censored,
        too_few=too_few_for(size),
        bounds={} if bounds is None else bounds,
    )


def _mean(sample: NDArray[np.float64]) -> float:
    """From the exact total, so that it equals the mean of the parts that it is made of."""
    total_ns = int(np.rint(sample * 1e9).astype(np.int64).sum())
    return total_ns / len(sample) / 1e9
