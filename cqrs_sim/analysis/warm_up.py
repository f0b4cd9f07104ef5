"""Warm-up: whether the stated cut is long enough, by MSER-5.

A system that starts empty is faster at first than it is in the long run. The cut that takes these
observations out is stated in the scenario, never chosen here: a rule that looks at the data and
moves the cut also moves the result (on an M/M/1 queue at load 0.8 that starts empty, with 10,000
commands, MSER-5's median cut is 0 and adds a bias of -2.3 %). MSER-5 is the second opinion.

Sources: K. P. White, "An effective truncation heuristic for bias reduction in simulation output",
Simulation 69 (1997), 323-334; S. C. Spratt, "Heuristics for the startup problem", thesis,
University of Virginia (1998): means of batches of 5. It looks for a level that is kept, so where
the load follows a profile, or a stage pauses, there is nothing for it to judge.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from enum import StrEnum

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.analysis.lag import consistency_lag_s, response_time_s
from cqrs_sim.analysis.saturation import WRITE_SIDE
from cqrs_sim.measurement.trace import Trace

BATCH = 5
"""Observations in a batch: what the 5 in MSER-5 is."""
FEWEST_BATCHES = 20
"""With fewer, the least of so few variances is luck."""


class Opinion(StrEnum):
    """What MSER-5 says of a stated cut."""

    ENOUGH = "enough"
    """It would cut no later."""
    CUT_MORE = "cut more"
    """It would cut later."""
    TOO_SHORT = "run too short"
    """It would cut half of the run or more, so nothing in it is known to be steady."""
    TOO_FEW = "too few"
    """There are too few observations to tell, or too few after the stated cut."""
    LOAD_PROFILE = "load profile"
    """The load changes by plan, so that there is no level to reach."""
    PAUSES = "pauses"
    """The stage stands still at times, by plan."""
    REBUILDS = "rebuilds"
    """The stage shares processors with the rebuild of a read model, by plan."""
    SATURATED = "saturated"
    """The stage never becomes steady, so no cut would help."""


@attrs.frozen(kw_only=True)
class WarmUpCheck:
    """The stated cut, as one measure sees it."""

    mser5_s: float | None
    """Where MSER-5 would cut, in seconds from the start of the run; None if it cannot say."""
    opinion: Opinion


@attrs.frozen(kw_only=True)
class WarmUp:
    """The stated cut, and what MSER-5 says of it."""

    cut_s: float
    """What was left out at the beginning: the scenario's warm-up."""
    response: WarmUpCheck
    lag: dict[str, WarmUpCheck]
    """By read model."""


def mser5(sample: NDArray[np.float64]) -> tuple[int, bool]:
    """Where to cut a series: at the observation after which it is best known.

    d* = argmin over 0 <= d <= k / 2 of (k - d)^-2 x sum over j > d of (Z_j - mean of these Z)^2

    Where: Z_j: mean of the j-th batch of 5 observations; k: how many batches there are. The
    expression is the squared standard error of the mean of what remains, as if it were white.

    Args:
        sample: shape (n,), in order of time, without nan; n at least 5.

    Returns:
        How many observations to leave out, 5 d*; and whether d* is as large as it may be, which
        means that the series is too short.
    """
    batches = len(sample) // BATCH
    means = sample[: batches * BATCH].reshape(batches, BATCH).mean(axis=1)
    # About their mean, so that the difference of squares below loses no digits.
    means = means - means.mean()
    left = np.arange(batches, 0, -1)
    sums, squares = (np.cumsum(part[::-1])[::-1] for part in (means, means**2))
    largest = batches // 2
    spread = np.maximum(squares - sums**2 / left, 0.0)[: largest + 1]
    best = int(np.argmin(spread / left[: largest + 1].astype(np.float64) ** 2))
    return best * BATCH, best >= largest


def check_warm_up(
    trace: Trace,
    cut_ns: int,
    saturated: AbstractSet[str],
    varies: Mapping[str, Opinion] | None = None,
) -> WarmUp:
    """What MSER-5 says of a cut, for the response time and for the lag of each read model.

    Args:
        trace: the run, from its start.
        cut_ns: the stated cut.
        saturated: names of the stages that never become steady.
        varies: what keeps a stage from being steady by plan, by its name.
    """
    # A saturated stage is so by what was seen, which says more than the plan.
    known = {**(varies or {}), **dict.fromkeys(saturated, Opinion.SATURATED)}

    def check(
        stage: str, began: NDArray[np.timedelta64], sample: NDArray[np.float64]
    ) -> WarmUpCheck:
        if stage in known:
            return WarmUpCheck(mser5_s=None, opinion=known[stage])
        return _check(trace, began, sample, cut_ns)

    return WarmUp(
        cut_s=cut_ns / 1e9,
        response=check(WRITE_SIDE, trace.commands.intended, response_time_s(trace)),
        lag={
            name: check(name, trace.events.committed, consistency_lag_s(trace, name))
            for name in trace.read_models
        },
    )


def _check(
    trace: Trace, began: NDArray[np.timedelta64], sample: NDArray[np.float64], cut_ns: int
) -> WarmUpCheck:
    """The check of one measure.

    Args:
        trace: the run.
        began: shape (n,), when each observation began, non-decreasing.
        sample: shape (n,), seconds; nan where censored.
        cut_ns: the stated cut.
    """
    # What is censored is nearly all at the end, and says nothing of the beginning.
    in_load = began.astype(np.int64) < trace.load_ended_ns
    rows = np.flatnonzero(in_load & ~np.isnan(sample))
    # Where a run was interrupted in its warm-up, nothing that is left could be steady.
    kept = int(np.count_nonzero(began[rows].astype(np.int64) >= cut_ns))
    if kept < FEWEST_BATCHES * BATCH:
        return WarmUpCheck(mser5_s=None, opinion=Opinion.TOO_FEW)
    cut, is_too_short = mser5(sample[rows])
    at_ns = int(began[rows[cut]].astype(np.int64)) if cut else 0
    opinion = Opinion.ENOUGH if at_ns <= cut_ns else Opinion.CUT_MORE
    return WarmUpCheck(mser5_s=at_ns / 1e9, opinion=Opinion.TOO_SHORT if is_too_short else opinion)
