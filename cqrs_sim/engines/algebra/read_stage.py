"""A read model as algebra: one projector, which takes events from its channel in batches.

All stamps are int64 nanoseconds from the start of the run, shape (n_events,), in the order of the
log. They go on to where they would without a deadline.
"""

from bisect import bisect_right
from collections.abc import Callable

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.engines.algebra.recursions import Nanos, Spans, departures, hold_back

FEW = 32
"""Walks that are cheaper one by one than side by side."""


@attrs.frozen(kw_only=True)
class Channel:
    """How events come to a projector, and how it takes them."""

    capacity: int
    batch: int
    """Most events taken, and checkpointed, at once."""
    checkpoint_ns: int
    """Time to store the checkpoint, once a batch."""
    poll_ns: int
    """Batches are taken at multiples of this only; 0: at any time."""
    pauses: Spans
    """In which nothing begins."""


@attrs.frozen(eq=False, kw_only=True)
class Shown:
    """When the deliveries to one read model came to each stage."""

    delivered: Nanos
    taken: Nanos
    applied: Nanos
    checkpointed: Nanos


def project(arrived: Nanos, service: Nanos, channel: Channel) -> Shown:
    """Let one projector do its work to the end.

    Args:
        arrived: when each event could be put on the channel, if that had room; non-decreasing.
        service: time to apply each event.
        channel: of the projector.
    """
    # A batch is taken from what is on the channel, and room for more comes only of that.
    batch = min(channel.batch, channel.capacity)
    if channel.poll_ns or (channel.checkpoint_ns and batch > 1):
        taken, applied, checkpointed = _in_batches(arrived, service, channel, batch)
    elif channel.checkpoint_ns:
        taken, applied, checkpointed = _one_by_one(arrived, service, channel)
    else:
        taken, applied, checkpointed = _without_checkpoint(arrived, service, channel, batch)
    delivered = arrived.copy()
    behind = delivered[channel.capacity :]
    np.maximum(behind, taken[: len(behind)], out=behind)
    return Shown(delivered=delivered, taken=taken, applied=applied, checkpointed=checkpointed)


def _one_by_one(arrived: Nanos, service: Nanos, channel: Channel) -> tuple[Nanos, Nanos, Nanos]:
    """A checkpoint behind every event: a second customer that came with it."""
    arrival, work = np.repeat(arrived, 2), np.full(2 * len(service), channel.checkpoint_ns)
    work[::2] = service
    done = departures(hold_back(arrival, work, channel.pauses, departures), work)
    applied, checkpointed = done[::2], done[1::2]
    return applied - service, applied, checkpointed


def _without_checkpoint(
    arrived: Nanos, service: Nanos, channel: Channel, batch: int
) -> tuple[Nanos, Nanos, Nanos]:
    """Batches cost nothing, so each event is applied as if it were taken alone.

    A batch that begins with an event takes all that has arrived when that event's service begins.
    Where the next batch begins is thus known for every event that may begin one.
    """
    applied = departures(hold_back(arrived, service, channel.pauses, departures), service)
    taken = applied - service
    if batch == 1:
        return taken, applied, applied
    count = len(arrived)
    was_idle = np.ones(count, np.bool_)
    was_idle[1:] = arrived[1:] > applied[:-1]

    def following(rows: NDArray[np.intp]) -> NDArray[np.intp]:
        """The first event that a batch which begins with each of these leaves behind."""
        seen = np.searchsorted(arrived, taken[rows], side="right")
        return np.minimum(seen, rows + batch)

    first = _walk(following, was_idle)
    size = np.diff(first, append=count)
    return np.repeat(taken[first], size), applied, np.repeat(applied[first + size - 1], size)


def _walk(
    following: Callable[[NDArray[np.intp]], NDArray[np.intp]], is_start: NDArray[np.bool_]
) -> NDArray[np.intp]:
    """The rows that are reached from the first one, each going on to `following` of it.

    Every start is reached for certain, so the walks from all of them go side by side, until few are
    left.

    Args:
        following: of some rows, a later row each, or n.
        is_start: shape (n,), rows that no walk can pass over.
    """
    count = len(is_start)
    ends_here = np.append(is_start, True)
    is_reached = np.zeros(count, np.bool_)
    current = np.flatnonzero(is_start)
    starts = np.append(current, count)
    while len(current) > FEW:
        is_reached[current] = True
        current = following(current)
        current = current[~ends_here[current]]
    for row in current.tolist():
        end = int(starts[np.searchsorted(starts, row, side="right")])
        leads_to, reached, at = following(np.arange(row, end)).tolist(), [], row
        while at < end:
            reached.append(at)
            at = leads_to[at - row]
        is_reached[reached] = True
    return np.flatnonzero(is_reached)


def _in_batches(
    arrived: Nanos, service: Nanos, channel: Channel, batch: int
) -> tuple[Nanos, Nanos, Nanos]:
    """Batch by batch: when one ends depends on its size, and that on when the one before ended."""
    came, pauses, count = arrived.tolist(), _Pauses(channel.pauses), len(arrived)
    work = np.concatenate((np.zeros(1, np.int64), np.cumsum(service))).tolist()
    first, begun, ended = [], [], []
    lost: list[tuple[int, int]] = []
    row = now = 0
    while row < count:
        begins = _begins(came[row], now, channel.poll_ns, pauses)
        end = bisect_right(came, begins, row, min(row + batch, count))
        first.append(row)
        begun.append(begins)
        now = begins + work[end] - work[row]
        if pauses.hold_between(begins, now):
            now = begins
            for number in range(row, end):
                resumed = pauses.resumes(now)
                if resumed > now:
                    lost.append((number, resumed - now))
                now = resumed + work[number + 1] - work[number]
        if channel.checkpoint_ns:
            now = pauses.resumes(now) + channel.checkpoint_ns
        ended.append(now)
        row = end
    starts = np.array(first, np.intp)
    size = np.diff(starts, append=count)
    taken = np.repeat(np.array(begun, np.int64), size)
    sums = np.array(work, np.int64)
    applied = taken + sums[1:] - np.repeat(sums[starts], size)
    for number, ns in lost:
        behind = starts[np.searchsorted(starts, number, side="right") :][:1]
        applied[number : int(behind[0]) if len(behind) else count] += ns
    return taken, applied, np.repeat(np.array(ended, np.int64), size)


def _begins(came: int, idle_since: int, poll_ns: int, pauses: "_Pauses") -> int:
    """When a batch is taken that begins with what came then: at once, or at a poll."""
    earliest = max(came, idle_since)
    if not poll_ns:
        return pauses.resumes(earliest)
    last = came // poll_ns * poll_ns
    if idle_since <= last and came <= pauses.resumes(last):
        return pauses.resumes(last)  # Also of a poll before it came that a pause held up.
    return pauses.resumes(-(-earliest // poll_ns) * poll_ns)


class _Pauses:
    """Pauses, asked one instant after another."""

    def __init__(self, spans: Spans) -> None:
        self._begins = [begin for begin, _ in spans]
        self._ends = [end for _, end in spans]

    def resumes(self, instant: int) -> int:
        """When what would begin at an instant begins."""
        number = bisect_right(self._begins, instant) - 1
        return instant if number < 0 else max(instant, self._ends[number])

    def hold_between(self, instant: int, later: int) -> bool:
        """Whether a pause begins after one instant and not after another."""
        return bisect_right(self._begins, instant) != bisect_right(self._begins, later)
