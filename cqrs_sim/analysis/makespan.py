"""Makespan: the rate at which a system gets work done that comes without a pause.

Clients that do not think send one operation after the other for a while, and the clock is stopped
only when the last answer is given *and* the last read model has applied the last event. What is
still on its way when the load ends is thus paid for, so that a design cannot look fast by putting
work off. In that time the busiest station (a database, a projector, a processor) had no reason to
be idle for long, so the rate comes to

    X = operations / makespan, near 1 / D_max from below

Where D_max is the largest demand of any station for one operation, in seconds, divided by the
servers of that station. It holds whether stations are servers of their own (the busiest decides) or
share one processor, as they do in real time (then the processor is the station, and its demand is
the sum).

Source: P. J. Denning and J. P. Buzen, "The operational analysis of queueing network models",
Computing Surveys 10 (1978), 225-261 (utilisation law, U = X D <= 1; bottleneck analysis).

Bias: downwards, never upwards. At the start the busiest station waits for its first work, in the
end the others drain behind it, and with few clients it idles now and then. Start and end weigh less
in a longer run; more clients help against the rest. Where a stage holds one server while it waits
for another (a projector that waits for a connection of a database that clients keep busy), the law
is a bound only: that waiting is nobody's demand, and makes the makespan longer all the same.
"""

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.measurement.trace import Trace


@attrs.frozen(kw_only=True)
class Makespan:
    """How long a system took for all that it was given."""

    operations: int
    """Commands whose sender heard an outcome, and queries that were answered."""
    unfinished: int
    """Operations without an outcome, and events that a read model had not applied: 0, or the run
    was over too soon to be measured so."""
    makespan_s: float | None
    """From the first submission to the last answer or application; None if nothing was done."""

    @property
    def rate_per_s(self) -> float | None:
        """Operations per second; None where something was left undone."""
        if self.unfinished or not self.makespan_s:
            return None
        return self.operations / self.makespan_s


def makespan_of(trace: Trace) -> Makespan:
    """What a run came to that was to do all it was given, as fast as it could."""
    answers = (trace.commands.acknowledged, trace.queries.answered)
    sent = _known(np.concatenate([trace.commands.submitted, trace.queries.submitted]))
    done = [*answers, trace.deliveries.applied]
    last = _known(np.concatenate(done))
    undone = sum(int(np.count_nonzero(np.isnat(stamps))) for stamps in done)
    # An event that was never delivered has no row among the deliveries.
    undone += max(len(trace.events) * len(trace.read_models) - len(trace.deliveries), 0)
    return Makespan(
        operations=sum(int(np.count_nonzero(~np.isnat(stamps))) for stamps in answers),
        unfinished=undone,
        makespan_s=int(last.max() - sent.min()) / 1e9 if len(sent) and len(last) else None,
    )


def _known(stamps: NDArray[np.timedelta64]) -> NDArray[np.int64]:
    return stamps[~np.isnat(stamps)].astype(np.int64)
