"""Rates over time, and backlogs: what waits, where, at an instant.

Three rates, never "throughput" alone: *offered* (commands intended), *accepted* (committed) and
*applied* (shown), per second. A backlog is a step function, exact at every instant, since it is the
difference of two counts of stamps.
"""

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.analysis.lag import NAT, deliveries_by_event
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.probe import Outcome


@attrs.frozen(eq=False, kw_only=True)
class Rates:
    """Rates in bins of equal width."""

    edges_s: NDArray[np.float64]
    """Shape (n_bins + 1,), seconds from the start of the run, increasing."""
    offered_per_s: NDArray[np.float64]
    """Shape (n_bins,): commands intended."""
    accepted_per_s: NDArray[np.float64]
    """Shape (n_bins,): commands committed."""
    applied_per_s: NDArray[np.float64]
    """Shape (n_read_models, n_bins), in trace order: events applied to each read model."""


def rates(trace: Trace, *, bins: int = 100) -> Rates:
    """The three rates from the start of the run to its last stamp."""
    edges = np.linspace(0.0, max(last_activity_ns(trace), 1), bins + 1)
    width_s = float(edges[1]) / 1e9

    def rate_per_s(stamps: NDArray[np.timedelta64]) -> NDArray[np.float64]:
        return np.histogram(happened_ns(stamps), edges)[0] / width_s

    applied = [rate_per_s(trace.deliveries_of(name).applied) for name in trace.read_models]
    return Rates(
        edges_s=edges / 1e9,
        offered_per_s=rate_per_s(trace.commands.intended),
        accepted_per_s=rate_per_s(trace.commands.committed),
        applied_per_s=np.array(applied).reshape(len(applied), bins),
    )


def happened_ns(stamps: NDArray[np.timedelta64]) -> NDArray[np.int64]:
    """The stamps that are not NaT, in nanoseconds, in their order."""
    return stamps[~np.isnat(stamps)].astype(np.int64)


def last_activity_ns(trace: Trace) -> int:
    """When the last thing happened, or when load ended if that is later.

    A run often ends long before its deadline does; figures need not show the silence.
    """
    last = [happened_ns(trace.commands.acknowledged), happened_ns(trace.deliveries.applied)]
    busy_until = max((int(stamps.max()) for stamps in last if len(stamps)), default=0)
    is_cut = _is_anything_waiting(trace)
    return max(trace.load_ended_ns, trace.ended_ns if is_cut else busy_until)


def _is_anything_waiting(trace: Trace) -> bool:
    unseen = np.isnat(trace.deliveries.applied).any()
    waiting = (trace.commands.outcome == Outcome.UNFINISHED).any()
    return bool(unseen or waiting)


def backlog(trace: Trace, read_model: str, at_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Position lag: events committed and not yet applied, at instants.

    Args:
        trace: the run.
        read_model: its name.
        at_ns: shape (n,), nanoseconds from the run's start; what happens at the instant counts.

    Returns:
        Shape (n,), a count.
    """
    applied = deliveries_by_event(trace, read_model).applied
    return _inside(trace.events.committed, applied, at_ns)


def mailbox_backlog(trace: Trace, at_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Commands submitted and not yet taken by their order actors, at instants; as `backlog`."""
    commands = trace.commands
    # Commands that were answered without an order actor (refused, malformed) were in no mailbox.
    is_answered = ~np.isnat(commands.acknowledged) | np.isin(
        commands.outcome, (Outcome.REJECTED, Outcome.REFUSED, Outcome.DROPPED)
    )
    never_in = np.isnat(commands.dequeued) & is_answered
    return _inside(np.where(never_in, NAT, commands.submitted), commands.dequeued, at_ns)


def _inside(
    entered: NDArray[np.timedelta64],
    left: NDArray[np.timedelta64],
    at_ns: NDArray[np.int64],
) -> NDArray[np.int64]:
    came = np.searchsorted(np.sort(happened_ns(entered)), at_ns, side="right")
    went = np.searchsorted(np.sort(happened_ns(left)), at_ns, side="right")
    return came - went
