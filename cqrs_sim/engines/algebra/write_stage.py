"""The write side as algebra: every order is a server of its own, and commands wait for their turn.

All stamps are int64 nanoseconds from the start of the run; `NEVER` stands for what did not happen.
"""

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.engines.algebra.outcomes import ABSENT, SET_UP, Rules, accepted
from cqrs_sim.engines.algebra.recursions import (
    Nanos,
    Spans,
    departures_of_many,
    firsts_of,
    hold_back,
    ranks_in,
    stable_order,
)
from cqrs_sim.probe import Outcome

NEVER = -(2**63)
"""What NumPy's NaT is in int64."""


@attrs.frozen(eq=False, kw_only=True)
class Arrivals:
    """The commands that are sent."""

    intended_ns: Nanos
    """Shape (n,), non-decreasing."""
    service_ns: Nanos
    """Shape (n,)."""
    order: NDArray[np.int32]
    """Shape (n,)."""
    action: NDArray[np.int8]
    """Shape (n,)."""
    is_set_up: NDArray[np.bool_]
    """Shape (n_orders,): whether the order exists before the run."""


@attrs.frozen(eq=False, kw_only=True)
class Mailboxes:
    """How the orders take their commands."""

    capacity: int | None
    """Beyond which a command is refused; None: it waits outside, which is the same as inside."""
    pauses: Spans
    """In which none is taken."""


@attrs.frozen(eq=False, kw_only=True)
class Written:
    """What became of the commands: shape (n,) each."""

    dequeued: Nanos
    committed: Nanos
    acknowledged: Nanos
    outcome: NDArray[np.int8]
    version: NDArray[np.int32]
    by_position: NDArray[np.intp]
    """Shape (n_events,): the command that caused each event, in the order of the log."""


def write(arrivals: Arrivals, rules: Rules, mailboxes: Mailboxes, deadline_ns: int) -> Written:
    """Let all orders do their work until the deadline.

    Raises:
        OverflowError: if the times do not fit 64 bits.
    """
    count = len(arrivals.order)
    is_shaped = rules.is_well_shaped[arrivals.action]
    queued = _by_order(arrivals.order, None if is_shaped.all() else np.flatnonzero(is_shaped))
    done_of_queued, is_inside = _served(arrivals, queued, mailboxes)
    if not is_inside.all():
        queued, done_of_queued, refused = (
            queued[is_inside],
            done_of_queued[is_inside],
            queued[~is_inside],
        )
    else:
        refused = queued[:0]
    of = arrivals.order[queued]
    first = firsts_of(of)
    initial = np.where(arrivals.is_set_up[of[first]], SET_UP, ABSENT).astype(np.int8)
    is_accepted = accepted(rules, arrivals.action[queued], first, initial)
    # From here on in plan order: what is next to each other in memory is quick to reach.
    done, outcome = np.full(count, NEVER), np.full(count, Outcome.REJECTED, np.int8)
    done[queued] = done_of_queued
    outcome[queued[is_accepted]] = Outcome.ACCEPTED
    outcome[refused] = Outcome.REFUSED
    outcome[done > deadline_ns] = Outcome.UNFINISHED
    is_taken = done != NEVER
    version = np.zeros(count, np.int32)
    version[queued] = _versions(is_accepted, of, first, arrivals.is_set_up)
    version[outcome != Outcome.ACCEPTED] = 0
    # In plan order first: commits of one instant take their positions in the order of the commands.
    events = np.flatnonzero(outcome == Outcome.ACCEPTED)
    return Written(
        dequeued=until(deadline_ns, np.where(is_taken, done - arrivals.service_ns, NEVER)),
        committed=np.where(outcome == Outcome.ACCEPTED, done, NEVER),
        acknowledged=until(deadline_ns, np.where(is_taken, done, arrivals.intended_ns)),
        outcome=outcome,
        version=version,
        by_position=events[np.argsort(done[events], kind="stable")],
    )


def _versions(
    is_accepted: NDArray[np.bool_],
    order: NDArray[np.int32],
    first: NDArray[np.intp],
    is_set_up: NDArray[np.bool_],
) -> NDArray[np.int64]:
    """The version of its order that each command leads to, if it is accepted."""
    accepted_so_far = np.cumsum(is_accepted)
    before = np.append(0, accepted_so_far)[first]
    sizes = np.diff(first, append=len(order))
    versions: NDArray[np.int64] = accepted_so_far - np.repeat(
        before - is_set_up[order[first]], sizes
    )
    return versions


def until(deadline_ns: int, stamps: Nanos) -> Nanos:
    """The stamps, in place, without those behind the deadline."""
    stamps[stamps > deadline_ns] = NEVER
    return stamps


def _by_order(order: NDArray[np.int32], rows: NDArray[np.intp] | None) -> NDArray[np.intp]:
    return stable_order(order) if rows is None else rows[stable_order(order[rows])]


def _served(
    arrivals: Arrivals, queued: NDArray[np.intp], mailboxes: Mailboxes
) -> tuple[Nanos, NDArray[np.bool_]]:
    """When each of the queued is done, and whether it was let in at all."""
    first = firsts_of(arrivals.order[queued])
    arrival, service = arrivals.intended_ns[queued], arrivals.service_ns[queued]

    def done_of(arrival: Nanos, service: Nanos) -> Nanos:
        return departures_of_many(arrival, service, first)

    done = done_of(hold_back(arrival, service, mailboxes.pauses, done_of), service)
    is_inside = np.ones(len(queued), np.bool_)
    capacity = mailboxes.capacity
    if capacity is not None and capacity < len(queued):
        # The one that is `capacity` before has not left the mailbox: so it is full. An arrival
        # comes before whatever else happens at its instant.
        begun = done - service
        is_full = np.zeros(len(queued), np.bool_)
        is_full[capacity:] = begun[:-capacity] >= arrival[capacity:]
        is_full &= ranks_in(first, len(queued)) >= capacity
        ends = np.append(first[1:], len(queued))
        for number in np.unique(np.searchsorted(first, np.flatnonzero(is_full), "right") - 1):
            rows = slice(int(first[number]), int(ends[number]))
            done[rows], is_inside[rows] = _with_refusals(
                arrival[rows].tolist(), service[rows].tolist(), capacity, mailboxes.pauses
            )
    return done, is_inside


def _with_refusals(
    arrival: list[int], service: list[int], capacity: int, pauses: Spans
) -> tuple[Nanos, NDArray[np.bool_]]:
    """One order whose mailbox was full: who is let in depends on all who were before."""
    done, is_inside = np.full(len(arrival), NEVER), np.zeros(len(arrival), np.bool_)
    begun: list[int] = []
    free_at = 0
    for row, (came, work) in enumerate(zip(arrival, service, strict=True)):
        if len(begun) >= capacity and begun[-capacity] >= came:
            continue
        begins = max(came, free_at)
        for begin, end in pauses:
            if begin <= begins < end:
                begins = end
        begun.append(begins)
        free_at = begins + work
        done[row], is_inside[row] = free_at, True
    return done, is_inside
