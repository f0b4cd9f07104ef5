"""Little's law as an identity: the same area under one curve, found in two ways.

Over any stretch of time the integral of how many are inside a stage equals the sum of how long each
of them was inside; divided by the length of the stretch that is L = lambda W (J. D. C. Little, "A
proof for the queuing formula L = lambda W", Operations Research 9, 1961). Nothing is estimated, so
the two must be equal to the nanosecond, and the run need neither be steady nor at rest.

The two ways share no column but the instants at which things enter:

- *counted*: how many had entered and how many had left by each instant, as the log and the read
  models tell it; who is who plays no part;
- *summed*: the stages of each command or delivery, row by row.

So they differ if a command and its event tell two times of one commit, if an event has no delivery
or two, if a stage was never stamped, or if something left before it came.
"""

from itertools import pairwise

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.analysis.rates import Stay, inside
from cqrs_sim.analysis.saturation import WRITE_SIDE
from cqrs_sim.measurement.trace import Trace


@attrs.frozen(kw_only=True)
class Areas:
    """The area under how many are inside one stage, from the start of the run to its end."""

    stage: str
    """`write side`, or the name of a read model."""
    counted_ns: int
    """The integral of the backlog as a step function."""
    summed_ns: int
    """The sum of the times inside; who was inside at the end, was until then."""
    n: int
    """How many entered."""
    ended_ns: int
    """The length of the run."""

    @property
    def is_equal(self) -> bool:
        """Whether the law holds."""
        return self.counted_ns == self.summed_ns

    @property
    def mean_inside(self) -> float:
        """L: how many were inside, on average over the run."""
        return self.counted_ns / self.ended_ns if self.ended_ns else 0.0


def areas(trace: Trace) -> tuple[Areas, ...]:
    """The areas of every stage: the write side first, then the read models in trace order."""
    return (_of_write_side(trace), *(_of_read_model(trace, name) for name in trace.read_models))


def _of_write_side(trace: Trace) -> Areas:
    """Commands from when they were submitted until committed; or answered, if that never was."""
    commands, events = trace.commands, trace.events
    # Not by the outcome, which is unknown where the caller went away.
    is_committed = ~np.isnat(commands.committed)
    # By the log: a command that is committed leaves with its event, of which it has one.
    left = np.concatenate([events.committed, commands.acknowledged[~is_committed]])
    # By the commands: waiting, then served. One that met no order actor was answered at once.
    served_until = np.where(is_committed, commands.committed, commands.acknowledged)
    waited = _spent(commands.submitted, commands.dequeued, trace.ended_ns)
    served = _spent(commands.dequeued, served_until, trace.ended_ns)
    at_once = _spent(commands.submitted, commands.acknowledged, trace.ended_ns)
    met_none = np.isnat(commands.dequeued) & ~np.isnat(commands.acknowledged)
    return Areas(
        stage=WRITE_SIDE,
        counted_ns=_counted(commands.submitted, left, trace.ended_ns),
        summed_ns=_total(np.where(met_none, at_once, waited + served)),
        n=int(np.count_nonzero(~np.isnat(commands.submitted))),
        ended_ns=trace.ended_ns,
    )


def _of_read_model(trace: Trace, name: str) -> Areas:
    """Events from their commit until a read model showed them."""
    events, deliveries = trace.events, trace.deliveries_of(name)
    row = np.clip(deliveries.position - trace.first_position, 0, max(len(events) - 1, 0))
    committed = events.committed[row] if len(events) else events.committed
    stages = (committed, deliveries.delivered, deliveries.taken, deliveries.applied)
    parts = [_spent(begin, end, trace.ended_ns) for begin, end in pairwise(stages)]
    return Areas(
        stage=name,
        counted_ns=_counted(events.committed, deliveries.applied, trace.ended_ns),
        summed_ns=sum(map(_total, parts)),
        n=len(events),
        ended_ns=trace.ended_ns,
    )


def _counted(entered: NDArray[np.timedelta64], left: NDArray[np.timedelta64], ended_ns: int) -> int:
    """The area under the number inside, a step function that changes at these instants."""
    end = np.timedelta64(ended_ns, "ns")
    instants = np.concatenate([entered[entered <= end], left[left <= end], [end]])
    at_ns = np.unique(instants.astype(np.int64))
    numbers = inside(Stay(entered=entered, left=left), at_ns[:-1])
    gaps = np.diff(at_ns)
    # 64 bits need not hold millions of commands that wait for days.
    if int(numbers.max(initial=0)) * ended_ns >= 2**63:
        return int(np.dot(numbers.astype(object), gaps.astype(object)))
    return _total(numbers * gaps)


def _spent(
    begin: NDArray[np.timedelta64], end: NDArray[np.timedelta64], ended_ns: int
) -> NDArray[np.int64]:
    """Nanoseconds between two stages; up to the end of the run if the later one never came."""
    last = np.timedelta64(ended_ns, "ns")
    spent = np.minimum(np.where(np.isnat(end), last, end), last) - np.minimum(begin, last)
    return np.where(np.isnat(begin), 0, spent.astype(np.int64))


def _total(durations_ns: NDArray[np.int64]) -> int:
    """The exact sum, which 64 bits need not hold: of the upper and the lower halves apart."""
    return (int((durations_ns >> 32).sum()) << 32) + int((durations_ns & 0xFFFFFFFF).sum())
