"""Quantiles of samples in which some values are known only to be longer than the run allowed.

A quantile here is an order statistic, the smallest value that at least a share q of the sample does
not exceed: x[ceil(q n)] of the sorted sample (Hyndman and Fan, "Sample quantiles in statistical
packages", 1996, definition 1). Interpolating definitions would invent values between the last one
seen and the censored ones, about which nothing is known. A censored value sorts above all others;
a quantile, maximum or mean that falls among them is withheld (None), never guessed.
"""

import math
from collections.abc import Sequence

import attrs
import numpy as np
from numpy.typing import NDArray


@attrs.frozen(kw_only=True)
class SampleSummary:
    """The shape of one sample, in seconds; None: withheld or empty."""

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

    def withheld(self) -> "SampleSummary":
        """Only the counts: what may be said of a stage that is saturated."""
        return SampleSummary(
            p50=None,
            p90=None,
            p99=None,
            p999=None,
            max=None,
            mean=None,
            n=self.n,
            censored=self.censored,
        )


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
    """Quantiles, maximum, mean and counts.

    Args:
        sample: shape (n,), seconds, each a whole number of nanoseconds; nan where censored.
    """
    p50, p90, p99, p999, longest = quantiles(sample, (0.5, 0.9, 0.99, 0.999, 1.0))
    censored = int(np.count_nonzero(np.isnan(sample)))
    return SampleSummary(
        p50=p50,
        p90=p90,
        p99=p99,
        p999=p999,
        max=longest,
        mean=_mean(sample) if len(sample) and not censored else None,
        n=len(sample),
        censored=censored,
    )


def _mean(sample: NDArray[np.float64]) -> float:
    """From the exact total, so that it equals the mean of the parts that it is made of."""
    total_ns = int(np.rint(sample * 1e9).astype(np.int64).sum())
    return total_ns / len(sample) / 1e9
