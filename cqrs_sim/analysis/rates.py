"""Rates over time, and backlogs: what waits, where, at an instant.

Three rates, never "throughput" alone: *offered* (commands intended), *accepted* (committed) and
*applied* (shown), per second. A backlog is a step function, exact at every instant, since it is the
difference of two counts of stamps. Its age is a saw-tooth: it grows with time and falls when the
oldest leaves.
"""

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.analysis.lag import NAT, deliveries_by_event
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.probe import Outcome, QueryOutcome, Strategy

FOREVER = 2**63 - 1
"""Later than any instant, in nanoseconds."""


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


@attrs.frozen(eq=False, kw_only=True)
class Stay:
    """When things came to a stage and left it. Columns: shape (n,)."""

    entered: NDArray[np.timedelta64]
    """NaT if it never came."""
    left: NDArray[np.timedelta64]
    """NaT if it was still there when the run ended."""


def backlog(trace: Trace, read_model: str, at_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Position lag: events committed and not yet applied, at instants.

    Args:
        trace: the run.
        read_model: its name.
        at_ns: shape (n,), nanoseconds from the run's start; what happens at the instant counts.

    Returns:
        Shape (n,), a count.
    """
    return inside(in_read_model(trace, read_model), at_ns)


def waiting_commands(trace: Trace) -> str:
    """Where those wait that `mailbox_backlog` counts.

    Handlers have no mailbox worth the name and begin a command anew at each attempt: of theirs it
    counts all commands whose last attempt has not begun.
    """
    return "commands" if len(trace.attempts) else "mailboxes"


def mailbox_backlog(trace: Trace, at_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    """Commands and questions not yet taken by their order actors, at instants; as `backlog`."""
    return inside(in_mailbox(trace), at_ns)


def backlog_age_s(trace: Trace, read_model: str, at_ns: NDArray[np.int64]) -> NDArray[np.float64]:
    """Now - committed of the oldest event not applied, at instants; 0 if all are applied.

    Args:
        trace: the run.
        read_model: its name.
        at_ns: as for `backlog`.

    Returns:
        Shape (n,), seconds.
    """
    stay = in_read_model(trace, read_model)
    age = np.zeros(len(at_ns))
    # Events may be applied out of order. The first that leaves later than t is where the latest
    # leaving so far first passes t; and the first in the log is the oldest.
    last_to_leave = np.maximum.accumulate(ns_or(stay.left, FOREVER))
    oldest = np.searchsorted(last_to_leave, at_ns, side="right")
    waits = np.flatnonzero(oldest < len(last_to_leave))
    committed = stay.entered.astype(np.int64)[oldest[waits]]
    age[waits] = np.maximum(at_ns[waits] - committed, 0) / 1e9
    return age


def ns_or(stamps: NDArray[np.timedelta64], otherwise: int) -> NDArray[np.int64]:
    """Nanoseconds, and another number for NaT."""
    return np.where(np.isnat(stamps), np.int64(otherwise), stamps.astype(np.int64))


def in_read_model(trace: Trace, read_model: str) -> Stay:
    """Events that are committed and not yet applied to a read model, in position order."""
    return Stay(entered=trace.events.committed, left=deliveries_by_event(trace, read_model).applied)


def in_mailbox(trace: Trace) -> Stay:
    """What order actors have not taken yet: commands in plan order, then queries they answer."""
    commands, questions = _commands_in_mailbox(trace), _questions_in_mailbox(trace)
    return Stay(
        entered=np.concatenate([commands.entered, questions.entered]),
        left=np.concatenate([commands.left, questions.left]),
    )


def _questions_in_mailbox(trace: Trace) -> Stay:
    queries = trace.queries
    rows = (queries.strategy == Strategy.WRITE_SIDE) & (queries.outcome != QueryOutcome.REFUSED)
    dequeued, answered = queries.dequeued[rows], queries.answered[rows]
    # An older file does not say when a question was taken: then it waited until it was answered.
    left = np.where(np.isnat(dequeued), answered, dequeued)
    return Stay(entered=queries.submitted[rows], left=left)


def _commands_in_mailbox(trace: Trace) -> Stay:
    commands = trace.commands
    # Commands that were answered without an order actor (refused, malformed) were in no mailbox.
    is_answered = ~np.isnat(commands.acknowledged) | np.isin(
        commands.outcome, (Outcome.REJECTED, Outcome.REFUSED, Outcome.DROPPED)
    )
    never_in = np.isnat(commands.dequeued) & is_answered
    return Stay(entered=np.where(never_in, NAT, commands.submitted), left=commands.dequeued)


def inside(stay: Stay, at_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    """How many came at or before instants, and had not left: shape (n,)."""
    came = np.searchsorted(np.sort(happened_ns(stay.entered)), at_ns, side="right")
    went = np.searchsorted(np.sort(happened_ns(stay.left)), at_ns, side="right")
    return came - went
