"""Episodes: when a stage fell behind or stood still, and when it had caught up.

A percentile over a whole run does not tell a stall of five seconds from a system that is slow all
the time. Goals: name the stretch, so that the verdict can. Non-goals: small things. What lasts less
than a hundredth of the load period leaves p99 alone, and the tail of the distribution shows it.

The rule, for each stage that is not saturated:

- what enters it *stays* until it is done: an event from committed to applied, a command from
  intended to acknowledged;
- the *usual* stay is the lower quartile, over SLICES equal slices of the load period, of the median
  in each: so a burst does not count by the many that come in it, and may last half of the run;
- a stay is *late* if it is longer than LATE usual ones, and than LEAST_LATE of the load period;
- an episode is a maximal stretch in which something late is in the stage all the time: from when
  the first of them came until the last has left;
- it counts if it lasts LEAST_LONG of the load period, and MOST_OF what came in it was late. On the
  write side, where every order is its own server, it is orders that are counted, else one busy
  order that falls behind would be taken for the stage.

In a steady M/M/1 queue a stay is exponential whatever the load (Kleinrock, "Queueing Systems",
vol. 1, 1975, section 3.2). Where slices are short the quartile is that of single stays, and 40 of
these are exceeded in one case of 100,000; where they are long it is their median, and it is one in
2**40. None of 15,500 such runs at loads from 0.3 to 0.95, of 1,000 to 100,000 stays each, had an
episode.
"""

from collections.abc import Collection, Iterator
from itertools import pairwise

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.analysis.rates import Stay, in_read_model, ns_or
from cqrs_sim.analysis.saturation import WRITE_SIDE
from cqrs_sim.measurement.trace import Trace

SLICES = 100
LATE = 40.0
LEAST_LATE = 0.001
LEAST_LONG = 0.01
MOST_OF = 0.5
KEPT = 20
"""Episodes of a stage that are kept: the worst ones."""


@attrs.frozen(kw_only=True)
class Episode:
    """A stretch in which a stage was behind."""

    stage: str
    """`write side`, or the name of a read model."""
    from_s: float
    """When the first that was late came to it."""
    until_s: float | None
    """When the last that was late had left; None if it had not caught up when the load ended."""
    worst_s: float
    """The longest stay; of what was there when the run ended, until then."""
    worst_at_s: float
    """When that one left."""
    still_from_s: float
    """Begin of the longest stretch in it in which nothing left."""
    still_s: float
    """How long that was."""

    @property
    def stood_still(self) -> bool:
        """Whether the stage did nothing for most of the time, rather than too little."""
        end_s = self.worst_at_s if self.until_s is None else self.until_s
        return self.still_s > (end_s - self.from_s) / 2


def find_episodes(
    trace: Trace, *, after_ns: int = 0, saturated: Collection[str] = ()
) -> tuple[Episode, ...]:
    """The episodes of all stages in order of time; none of a saturated one, which is behind always.

    Args:
        trace: the run.
        after_ns: what came to a stage before is left out.
        saturated: names of the stages that are.
    """
    commands = trace.commands
    stays = {WRITE_SIDE: Stay(entered=commands.intended, left=commands.acknowledged)}
    stays.update({name: in_read_model(trace, name) for name in trace.read_models})
    servers = {WRITE_SIDE: commands.order}
    found = [
        episode
        for stage, stay in stays.items()
        if stage not in saturated
        for episode in _worst(_episodes_of(trace, stage, stay, after_ns, servers.get(stage)))
    ]
    return tuple(sorted(found, key=lambda episode: episode.from_s))


def _worst(found: Iterator[Episode]) -> list[Episode]:
    return sorted(found, key=lambda episode: -episode.worst_s)[:KEPT]


def _episodes_of(
    trace: Trace, stage: str, stay: Stay, after_ns: int, server: NDArray[np.int32] | None = None
) -> Iterator[Episode]:
    """In order of time; `server` tells who serves each, where there is more than one."""
    period_ns = trace.load_ended_ns - after_ns
    rows = np.flatnonzero(~np.isnat(stay.entered))
    rows = rows[np.argsort(stay.entered[rows], kind="stable")]
    entered = stay.entered[rows].astype(np.int64)
    rows = rows[(entered >= after_ns) & (entered < trace.load_ended_ns)]
    if period_ns <= 0 or not len(rows):
        return
    entered = stay.entered[rows].astype(np.int64)
    left = ns_or(stay.left[rows], trace.ended_ns)
    late = np.flatnonzero(left - entered > _limit_ns(entered, left - entered, after_ns, period_ns))
    departures = np.sort(left)
    for first, last in _stretches(entered[late], left[late]):
        group = late[first:last]
        begin, end = int(entered[group[0]]), int(left[group].max())
        if end - begin < LEAST_LONG * period_ns:
            continue
        came = np.arange(group[0], np.searchsorted(entered, end))
        if _count(rows[group], server) >= MOST_OF * _count(rows[came], server):
            yield _episode(trace, stage, (entered[group], left[group]), departures)


def _count(rows: NDArray[np.intp], server: NDArray[np.int32] | None) -> int:
    """How many rows there are, or servers of them."""
    return len(rows if server is None else np.unique(server[rows]))


def _limit_ns(
    entered: NDArray[np.int64], stay_ns: NDArray[np.int64], after_ns: int, period_ns: int
) -> float:
    """The longest stay that is not late. Rows in order of `entered`."""
    edges = after_ns + period_ns * np.arange(SLICES + 1) / SLICES
    slices = pairwise(np.searchsorted(entered, edges))
    medians = [np.median(stay_ns[first:last]) for first, last in slices if last > first]
    return max(LATE * float(np.quantile(medians, 0.25)), LEAST_LATE * period_ns)


def _stretches(entered: NDArray[np.int64], left: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """First row, and the one after the last, of each maximal stretch without a gap."""
    if not len(entered):
        return
    begins = np.flatnonzero(entered[1:] > np.maximum.accumulate(left)[:-1]) + 1
    yield from pairwise([0, *begins.tolist(), len(entered)])


def _episode(
    trace: Trace,
    stage: str,
    late: tuple[NDArray[np.int64], NDArray[np.int64]],
    departures: NDArray[np.int64],
) -> Episode:
    """Of all that was late in one stretch, when it came and when it left."""
    entered, left = late
    begin, end = int(entered[0]), int(left.max())
    worst = int(np.argmax(left - entered))
    inside = departures[(departures > begin) & (departures < end)]
    steps = np.concatenate([[begin], inside, [end]])
    longest = int(np.argmax(np.diff(steps)))
    return Episode(
        stage=stage,
        from_s=begin / 1e9,
        until_s=end / 1e9 if end < trace.load_ended_ns else None,
        worst_s=int(left[worst] - entered[worst]) / 1e9,
        worst_at_s=int(left[worst]) / 1e9,
        still_from_s=int(steps[longest]) / 1e9,
        still_s=int(steps[longest + 1] - steps[longest]) / 1e9,
    )
