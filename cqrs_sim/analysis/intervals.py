"""Confidence intervals: how far a figure can be trusted.

Latencies of one run depend on each other: who waits long was behind somebody who waited long. An
interval that takes them as independent is several times too narrow (on an M/M/1 queue at load 0.8,
19 % of such "95 %" intervals for the mean hold it). So intervals are made of

- *replications*: runs with fresh seeds, which are independent. The first choice, for means and for
  quantiles of each replication alike (`t_interval`); or of
- *batches of one long run*, long enough to be nearly independent: batch means for a mean,
  sectioning for a quantile. Weaker evidence, and marked so: one run cannot show what it never met.

Never of a mean of percentiles: sectioning uses the sections for the spread alone, and the quantile
of the whole run for the centre.

A tail visited a few times only has no interval at all. Sections of a busy queue's run look
uncorrelated where one of them holds the whole tail, so that no test of their correlation warns of
it; what does is how often the series goes from low to high and back (`swings`).

Sources: A. M. Law, "Simulation modeling and analysis", 5th ed. (2015), 9.4 and 9.5; S. Asmussen and
P. W. Glynn, "Stochastic simulation" (2007), III.5 (sectioning); J. von Neumann, "Distribution of
the ratio of the mean square successive difference to the variance", Annals of Mathematical
Statistics 12 (1941), 367-395; G. S. Fishman, "Grouping observations in digital simulation",
Management Science 24 (1978), 510-521. How often these intervals hold the truth is measured by
`benchmarks/interval_coverage.py`.
"""

import math
from collections.abc import Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.analysis.quantiles import operations_needed, quantiles

REPLICATIONS = "replications"
BATCH_MEANS = "batch means (single run)"
SECTIONING = "sectioning (single run)"

MOST_BATCHES, FEWEST_BATCHES = 20, 10
SMALLEST_BATCH = 50
"""Observations; with smaller batches a run is too short to be cut up."""
SECTIONS = 10
CORRELATION_LIMIT = 0.2
"""Lag-1 autocorrelation of batch means above which the batches are too short."""
NORMAL_QUANTILE = 1.645
"""95 % quantile of the standard normal distribution: a one-sided test at 5 %."""
FEWEST_SWINGS = 50
SWINGS_BEYOND = 10
"""Swings of a series times 1 - q that sectioning wants for the quantile q. Measured on M/M/1 queues
at loads 0.5 to 0.95: of the "95 %" intervals for p50, p90 and p99 91 to 97 % held it where there
were well over 10, and 88 % of those given where runs have 10 on average (one that swings more by
luck has a shorter tail); 86 to 93 % with 5 to 7; down to 36 % with less.
"""
REPLICATIONS_NEEDED = 10


@attrs.frozen(kw_only=True)
class Interval:
    """A figure and how far it can be trusted."""

    low: float | None
    high: float | None
    """None, as `low`: nothing can be said; `reason` tells why."""
    mean: float | None
    """The centre: the mean, or for sectioning the quantile of the whole run."""
    n: int
    """Replications, or observations of the single run."""
    method: str
    """`replications`, or another that ends in `(single run)`: weaker evidence."""
    reason: str = ""
    """Why there is no interval."""
    degrees: int = 0
    """Of freedom of Student's t in it; 0 where there is no interval."""

    @property
    def half_width(self) -> float | None:
        """Half of what lies between `low` and `high`."""
        return None if self.low is None or self.high is None else (self.high - self.low) / 2


def t_interval(values: Sequence[float], level: float = 0.95) -> Interval:
    """An interval for the mean of independent values: of a figure of each replication.

    mean +- t(R - 1, (1 + level) / 2) x s / sqrt(R)

    Where: R: number of values; s: their standard deviation, with R - 1 in its denominator.

    Args:
        values: one a replication, such as its p99.
        level: the share of such intervals that hold the true mean.

    Source: Law (2015), equation 4.12. Independence is all it needs beside a not too skew
    distribution; so never give it latencies of one run.
    """
    sample = np.asarray(values, np.float64)
    if not len(sample):
        return _without(REPLICATIONS, 0, None, "there are no values")
    if len(sample) < 2:
        return _without(REPLICATIONS, 1, float(sample[0]), "one value has no spread")
    return _about(float(sample.mean()), sample, level, REPLICATIONS, len(sample))


def batch_means(sample: NDArray[np.float64], level: float = 0.95) -> Interval:
    """An interval for the mean of a steady series, from the means of its batches.

    20 batches; if neighbours are correlated, batches of twice the length; if these are as well,
    the run is too short.

    Args:
        sample: shape (n,), in order of time, after the warm-up.
        level: as for `t_interval`.

    Source: Law (2015), 9.5.3.
    """
    size = len(sample)
    reason = _obstacle(sample, SMALLEST_BATCH * FEWEST_BATCHES)
    if reason:
        return _without(BATCH_MEANS, size, None, reason)
    centre = float(sample.mean())
    for batches in (MOST_BATCHES, FEWEST_BATCHES):
        if size // batches < SMALLEST_BATCH:
            continue
        means = _means(sample, batches)
        if is_uncorrelated(means):
            return _about(centre, means, level, BATCH_MEANS, size)
    reason = f"too short: even the means of {FEWEST_BATCHES} batches are correlated"
    return _without(BATCH_MEANS, size, centre, reason)


def sectioning(sample: NDArray[np.float64], fraction: float, level: float = 0.95) -> Interval:
    """An interval for a quantile of a steady series.

    Q +- t(m - 1, (1 + level) / 2) x S / sqrt(m), S^2 = sum of (Q_i - Q)^2 / (m - 1)

    Where: Q: quantile of the whole series; Q_i: of its i-th section; m: sections, 10. Centred at Q,
    since quantiles of the shorter sections are biased.

    There is none if a sample carries no such quantile, if too few swings bear it, or if the shares
    above Q of neighbouring batches are correlated, judged as in `batch_means`.

    Args:
        sample: shape (n,), in order of time, after the warm-up.
        fraction: which quantile, as 0.99.
        level: as for `t_interval`.

    Source: Asmussen and Glynn (2007), III.5b.
    """
    size = len(sample)
    reason = _obstacle(sample, operations_needed(fraction))
    if reason:
        return _without(SECTIONING, size, None, reason)
    (centre,) = quantiles(sample, (fraction,))
    assert centre is not None, "the sample is neither empty nor censored"
    reason = _too_dependent(sample, fraction, centre)
    if reason:
        return _without(SECTIONING, size, centre, reason)
    sections = np.array_split(sample, SECTIONS)
    found = [quantiles(section, (fraction,))[0] for section in sections]
    return _about(centre, np.array(found, np.float64), level, SECTIONING, size)


def _too_dependent(sample: NDArray[np.float64], fraction: float, centre: float) -> str:
    """Why sections do not show how far a quantile can be trusted; empty if they do."""
    if sample.min() == sample.max():
        return ""
    seen, needed = swings(sample), _swings_needed(fraction)
    if seen < needed:
        return f"too short: {seen:,} swings from low to high and back, where {needed:,} are needed"
    above = (sample > centre).astype(np.float64)
    if any(is_uncorrelated(_means(above, count)) for count in (MOST_BATCHES, FEWEST_BATCHES)):
        return ""
    return "too short: its sections are correlated"


def _means(sample: NDArray[np.float64], batches: int) -> NDArray[np.float64]:
    """Of batches of one length: shape (batches,)."""
    length = len(sample) // batches
    # What does not fill a batch is left out at the beginning, which is the likelier to be odd.
    means: NDArray[np.float64] = (
        sample[len(sample) - length * batches :].reshape(batches, length).mean(axis=1)
    )
    return means


def swings(sample: NDArray[np.float64]) -> int:
    """How often a series rises from its lowest quarter to its highest.

    What lies between two of them is nearly independent of what lies before: their number is that of
    the independent observations that a long stay at one level cannot pretend. Independent values
    make one in eight; the time in an M/M/1 queue at load 0.5 one in 18, at load 0.95 one in 1,000.

    Args:
        sample: shape (n,), in order of time, without nan.
    """
    low, high = quantiles(sample, (0.25, 0.75))
    assert low is not None, "the sample is neither empty nor censored"
    assert high is not None, "the sample is neither empty nor censored"
    is_high = sample > high
    # Whoever is neither high nor low still is what it was last.
    is_high = is_high[is_high | (sample <= low)]
    return int(np.count_nonzero(is_high[1:] & ~is_high[:-1]))


def _swings_needed(fraction: float) -> int:
    # Rounded before `ceil`, as in `operations_needed`.
    return max(FEWEST_SWINGS, math.ceil(round(SWINGS_BEYOND / (1.0 - fraction), 6)))


def unsteady(method: str, size: int, reason: str) -> Interval:
    """In place of an interval from one run that keeps no level by plan.

    Args:
        method: `BATCH_MEANS` or `SECTIONING`.
        size: observations.
        reason: what changes, such as "load profile".
    """
    return _without(method, size, None, f"not steady by plan: {reason}")


def is_uncorrelated(means: NDArray[np.float64]) -> bool:
    """Whether batch means look as independent values would.

    Both must hold: their lag-1 autocorrelation is at most 0.2, and the ratio of von Neumann, sum of
    squared differences of neighbours to sum of squared deviations, is not significantly low. Of
    independent normal values its mean is 2 and its variance 4 (m - 2) / (m^2 - 1).

    Args:
        means: shape (m,), in order of time.
    """
    count = len(means)
    deviation = means - means.mean()
    squares = float(deviation @ deviation)
    if squares == 0.0:
        return True
    correlation = float(deviation[1:] @ deviation[:-1]) / squares
    ratio = float(np.square(np.diff(means)).sum()) / squares
    lowest = 2.0 - NORMAL_QUANTILE * math.sqrt(4.0 * (count - 2) / (count**2 - 1))
    return correlation <= CORRELATION_LIMIT and ratio >= lowest


def is_narrow_enough(
    interval: Interval, gamma: float = 0.05, *, at_least: int = REPLICATIONS_NEEDED
) -> bool:
    """Whether a sequential experiment may stop: the relative error is at most gamma.

    half width / |mean| <= gamma / (1 + gamma)

    The right side is less than gamma, because the mean in the denominator is the estimate, not the
    truth: with it |mean - truth| / |truth| <= gamma in about the level's share of cases.

    Args:
        interval: over replications.
        gamma: wanted relative error, above 0.
        at_least: replications before which no width is believed.

    Source: Law (2015), 9.4.1, after A. M. Law and W. D. Kelton.
    """
    half_width = interval.half_width
    if half_width is None or interval.mean is None or interval.n < at_least:
        return False
    return half_width <= gamma / (1.0 + gamma) * abs(interval.mean)


def _obstacle(sample: NDArray[np.float64], needed: int) -> str:
    """Why a series cannot be cut up; empty if it can."""
    if len(sample) < needed:
        return f"too few: {len(sample):,}, where {needed:,} are needed"
    censored = int(np.count_nonzero(np.isnan(sample)))
    return f"{censored:,} of {len(sample):,} are censored" if censored else ""


def _about(
    centre: float, parts: NDArray[np.float64], level: float, method: str, size: int
) -> Interval:
    """The interval about a centre, from the spread of independent parts about it."""
    count = len(parts)
    spread = math.sqrt(float(np.square(parts - centre).sum()) / (count - 1))
    half = t_quantile(count - 1, level) * spread / math.sqrt(count)
    return Interval(
        low=centre - half,
        high=centre + half,
        mean=centre,
        n=size,
        method=method,
        degrees=count - 1,
    )


def t_quantile(degrees: float, level: float = 0.95) -> float:
    """The (1 + level) / 2 quantile of Student's t: half a two-sided interval, in errors."""
    # SciPy is loaded here because the command line should not wait for it.
    from scipy.special import stdtrit

    return float(stdtrit(degrees, (1.0 + level) / 2.0))


def _without(method: str, size: int, centre: float | None, reason: str) -> Interval:
    return Interval(low=None, high=None, mean=centre, n=size, method=method, reason=reason)
