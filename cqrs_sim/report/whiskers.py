"""Intervals over replications, as they stand in the charts of the first seed's run.

A curve of one run says nothing of how another seed would have come out; these bars do. Nothing
joins them: between the quantiles of the summary no interval was computed.
"""

from collections.abc import Callable, Iterable, Sized

import numpy as np
from numpy.typing import NDArray

from cqrs_sim.analysis.replicated import LEVEL, Replications
from cqrs_sim.analysis.replicated_quantiles import quantile_intervals
from cqrs_sim.plain_text import count_of, milliseconds
from cqrs_sim.report.chart import Whisker


def whiskers_of(
    replications: Replications | None,
    sample: str,
    look: str,
    at: Callable[[float], float],
    *,
    is_across: bool = False,
) -> tuple[Whisker, ...]:
    """Bars of p50, p90, p99 and p99.9 in milliseconds, as far as every replication has them.

    Args:
        replications: None: the run was a single one, and there are no bars.
        sample: whole name of the sample in the summary, such as `lag_s.orders`.
        look: of its curve.
        at: place of a quantile, given as a fraction, on the other axis.
        is_across: whether times lie along the x axis.
    """
    return tuple(
        Whisker(
            look=look,
            at=at(interval.fraction),
            low=interval.low * 1e3,
            middle=interval.mean * 1e3,
            high=interval.high * 1e3,
            is_across=is_across,
        )
        for interval in quantile_intervals(replications, sample)
    )


def in_words(replications: Replications | None, sample: str, name: str) -> str:
    """The same bars for those who do not see them; "" if there are none."""
    parts = [
        f"p{100.0 * interval.fraction:g} {milliseconds(interval.mean)} ms "
        f"({milliseconds(interval.low)} to {milliseconds(interval.high)})"
        for interval in quantile_intervals(replications, sample)
    ]
    return f"Over the replications {name}: {', '.join(parts)}." if parts else ""


def notes_on(replications: Replications | None, whiskers: Sized) -> list[str]:
    """What the bars are, and that the curves are not; none where there are no bars."""
    if replications is None or not whiskers:
        return []
    count = count_of(len(replications.seeds), "replication")
    bars = f"Bars: {LEVEL * 100:.0f} % intervals of the mean over {count}"
    return [f"Curves: the first seed's run. {bars}, of the quantiles that all of them carry."]


def reach_ms(whiskers: Iterable[Whisker]) -> NDArray[np.float64]:
    """What an axis of times must reach to show them: both ends of each, within reason.

    An interval may reach to nought and below; on a logarithmic axis it is cut off.
    """
    ends = [(max(whisker.low, whisker.middle / 10.0), whisker.high) for whisker in whiskers]
    return np.array(ends, np.float64).ravel()
