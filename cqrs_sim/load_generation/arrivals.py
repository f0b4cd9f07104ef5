"""Arrival times: when the load plan wants each operation sent.

Pure functions of a rate profile, a duration and, for Poisson arrivals, a random generator. Both
processes are one idea, the time-rescaling of a process of unit rate: with the cumulative rate

    L(t) = integral of rate(u) du from 0 to t

the n-th arrival is at L^-1(s_n), for levels s_1 < s_2 < ...

Where
    t       time since the start of the run (ns outside, s in the formulas)
    rate    operations per second at an instant
    L(t)    expected number of arrivals in [0, t)
    s_n     n for the constant process: evenly spaced, the first one after a whole interval;
            the sum of n independent exponentials of mean 1 for the Poisson process

Source: E. Çinlar, Introduction to Stochastic Processes (1975), pp. 94-101; A. M. Law, Simulation
Modeling and Analysis (5th ed., 2015), section 8.6.2. Thinning, the usual alternative, was rejected:
it draws a different number of variates for each profile, so two profiles could not be compared on
common random numbers.
"""

from typing import Literal, TypeAlias, assert_never

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.errors import InvalidScenarioError

ArrivalProcess: TypeAlias = Literal["constant", "poisson"]
FloatArray: TypeAlias = NDArray[np.float64]

BLOCK = 4096
"""Levels drawn at once; the arrivals do not depend on it."""


@attrs.frozen
class RateSegment:
    """A stretch of a profile in which the rate goes in a straight line from `start` to `end`."""

    duration_ns: int
    start_per_s: float
    end_per_s: float


@attrs.frozen
class RateProfile:
    """A piecewise-linear rate; after the last segment its end rate holds for ever."""

    segments: tuple[RateSegment, ...]

    def __attrs_post_init__(self) -> None:
        if not self.segments:
            raise InvalidScenarioError(["a rate profile needs at least one segment"])
        for segment in self.segments:
            rates = (segment.start_per_s, segment.end_per_s)
            if segment.duration_ns <= 0 or not all(0 <= rate < np.inf for rate in rates):
                raise InvalidScenarioError([f"{segment}: durations > 0 and finite rates >= 0 only"])

    @classmethod
    def constant(cls, rate_per_s: float) -> "RateProfile":
        """The same rate all the time."""
        return cls((RateSegment(1_000_000_000, rate_per_s, rate_per_s),))

    def cumulative(self, t_ns: NDArray[np.int64]) -> FloatArray:
        """L(t): how many arrivals are expected before each instant.

        Within a segment that begins at t0 with rate r and slope a, with u = t - t0:
        L(t) = L(t0) + r u + a u^2 / 2.

        Args:
            t_ns: any shape, int64 nanoseconds, not negative.
        """
        begin, level, rate, slope = self._pieces()
        i = np.searchsorted(begin, t_ns / 1e9, side="right") - 1
        u = t_ns / 1e9 - begin[i]
        return np.asarray(level[i] + u * (rate[i] + 0.5 * slope[i] * u))

    def inverse(self, levels: FloatArray) -> FloatArray:
        """L^-1(s): the instants at which L reaches each level.

        The root of a u^2 / 2 + r u = y, with y = s - L(t0), is taken in the form
        u = 2 y / (r + sqrt(r^2 + 2 a y)), which neither cancels nor divides by a slope that may be
        0 (W. H. Press et al., Numerical Recipes, 3rd ed., 2007, section 5.6).

        Args:
            levels: shape (n,), positive.

        Returns:
            Shape (n,), float64 nanoseconds; inf where the level is never reached.
        """
        begin, level, rate, slope = self._pieces()
        # side="left": a level at which L rests (rate 0) belongs to where it was first reached.
        i = np.searchsorted(level, levels, side="left") - 1
        y = levels - level[i]
        # At the end of a ramp down to 0 the root's argument is 0, and rounding may miss it by a
        # hair to either side: hence the maximum, and the bound by the segment's end.
        root = np.sqrt(np.maximum(rate[i] ** 2 + 2.0 * slope[i] * y, 0.0))
        ends = np.append(begin[1:], np.inf)
        # A rate of 0, or almost 0, never reaches the level: inf is the answer.
        with np.errstate(divide="ignore", over="ignore"):
            u = 2.0 * y / (rate[i] + root)
            return np.asarray(np.minimum(begin[i] + u, ends[i]) * 1e9)

    def _pieces(self) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """Per segment, and for the endless one after them: begin (s), L there, rate, slope."""
        seconds = np.array([s.duration_ns for s in self.segments]) / 1e9
        start = np.array([s.start_per_s for s in self.segments], np.float64)
        end = np.array([s.end_per_s for s in self.segments], np.float64)
        begin = np.concatenate(([0.0], np.cumsum(seconds)))
        level = np.concatenate(([0.0], np.cumsum(0.5 * (start + end) * seconds)))
        return begin, level, np.append(start, end[-1]), np.append((end - start) / seconds, 0.0)


def arrival_times_ns(
    process: ArrivalProcess,
    profile: RateProfile,
    duration_ns: int,
    generator: np.random.Generator,
) -> NDArray[np.int64]:
    """The instants in [0, duration) at which operations are to be sent.

    A longer duration only appends arrivals. The generator is used by the Poisson process alone.

    Returns:
        Shape (n_operations,), int64 nanoseconds, non-decreasing, each rounded once.
    """
    blocks: list[FloatArray] = []
    level = 0.0
    # Blocks are drawn until one ends beyond the duration, so no test of a level against L(duration)
    # can disagree with the inverse in the last bit.
    while not blocks or blocks[-1][-1] < duration_ns:
        levels = _levels_after(level, process, generator)
        level = float(levels[-1])
        blocks.append(profile.inverse(levels))
    # On a rising ramp rounding could swap two arrivals that are almost one; the maximum forbids it.
    times = np.maximum.accumulate(np.rint(np.concatenate(blocks)))
    return times[times < duration_ns].astype(np.int64)


def _levels_after(
    level: float, process: ArrivalProcess, generator: np.random.Generator
) -> FloatArray:
    """The next block of levels; exact for the constant process, whose levels are integers."""
    match process:
        case "constant":
            return level + np.arange(1.0, BLOCK + 1.0)
        case "poisson":
            gaps = generator.standard_exponential(BLOCK)
            gaps[0] += level
            return np.cumsum(gaps)
        case _:
            assert_never(process)
