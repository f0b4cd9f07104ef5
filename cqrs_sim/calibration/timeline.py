"""The timeline: every stamp of a run in one row, so that each nanosecond has one owner.

The wall engine runs everything in one thread, so between two stamps that follow each other that
thread did what ends with the later one, or it idled. The gaps between them therefore add up to the
whole run, whatever the stages are called. Goals: nothing is counted twice, nothing is lost, and no
queueing gets into the time of a stage. Non-goals: who within a gap (the collector, an interrupt)
held the thread.
"""

from collections.abc import Iterator

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.measurement.trace import Trace

SENT, ASKED, DEQUEUED, COMMITTED, ACKNOWLEDGED = "sent", "asked", "dequeued", "committed", "replied"

NO_PLAN = -(2**62)
"""Intended instant of what no plan foresaw: long due."""

Instants = NDArray[np.int64]


def taken(read_model: str) -> str:
    """Name of the stamp of a batch that a projector took."""
    return f"taken {read_model}"


def applied(read_model: str) -> str:
    """Name of the stamp of an event that a read model shows."""
    return f"applied {read_model}"


def checkpointed(read_model: str) -> str:
    """Name of the stamp of a batch that is stored as applied."""
    return f"checkpointed {read_model}"


def answered(query_kind: str) -> str:
    """Name of the stamp of an answer."""
    return f"answered {query_kind}"


@attrs.frozen(eq=False, kw_only=True)
class Timeline:
    """All stamps of a run in the order of time; arrays of shape (n,)."""

    names: tuple[str, ...]
    """Of the kinds of stamp."""
    kind: NDArray[np.int64]
    """Index into `names`."""
    gap_ns: Instants
    """Since the stamp before, for the first one since the start of the run."""
    is_after_idling: NDArray[np.bool_]
    """Whether it is that of an operation which was intended only after the stamp before: then the
    gap holds idling, or may."""
    slip_ns: Instants
    """Since the instant that it was intended for; 0 where nothing was intended."""
    free_ns: Instants
    """For an operation: from the stamp before to the instant that it was intended for."""
    tail_ns: int
    """From the last stamp to the end of the run."""

    def of(self, name: str) -> NDArray[np.bool_]:
        """Which stamps are of this name."""
        if name not in self.names:
            return np.zeros(len(self.kind), np.bool_)
        found: NDArray[np.bool_] = self.kind == self.names.index(name)
        return found

    @property
    def follows_sending(self) -> NDArray[np.bool_]:
        """Which stamps come right after that of an operation that was sent."""
        is_sending = self.of(SENT) | self.of(ASKED)
        return np.concatenate([[False], is_sending[:-1]])

    @property
    def idle_ns(self) -> int:
        """All gaps that hold idling, and what comes after the last stamp."""
        return int(self.gap_ns[self.is_after_idling].sum()) + self.tail_ns


def timeline_of(trace: Trace) -> Timeline:
    """The timeline of a whole run, its warm-up included."""
    names: list[str] = []
    kinds, instants, intended = [], [], []
    for name, at, planned in _columns(trace):
        happened = ~np.isnat(at)
        stamps = at[happened].astype(np.int64)
        kinds.append(np.full(len(stamps), len(names), np.int64))
        instants.append(stamps)
        plan = np.full(len(stamps), NO_PLAN) if planned is None else _whole(planned[happened])
        intended.append(plan)
        names.append(name)
    kind, at, due = (np.concatenate(parts) for parts in (kinds, instants, intended))
    # Stable: of one instant, in the order of the columns.
    order = np.argsort(at, kind="stable")
    kind, at, due = kind[order], at[order], due[order]
    before = np.concatenate([[0], at[:-1]])
    is_planned = due != NO_PLAN
    return Timeline(
        names=tuple(names),
        kind=kind,
        gap_ns=at - before,
        is_after_idling=is_planned & (due > before),
        slip_ns=np.where(is_planned, at - due, 0),
        free_ns=np.where(is_planned, due - before, 0),
        tail_ns=trace.ended_ns - int(at[-1]) if len(at) else trace.ended_ns,
    )


Column = NDArray[np.timedelta64]


def _columns(trace: Trace) -> Iterator[tuple[str, Column, Column | None]]:
    """Ends of work first, then beginnings: at one instant, one ends before the next begins."""
    commands, queries = trace.commands, trace.queries
    yield COMMITTED, commands.committed, None
    yield ACKNOWLEDGED, commands.acknowledged, None
    tables = {name: trace.deliveries_of(name) for name in trace.read_models}
    for name, deliveries in tables.items():
        yield applied(name), deliveries.applied, None
        # The events of a batch are checkpointed, and taken, at one instant: one stamp a batch.
        yield checkpointed(name), _once(deliveries.checkpointed), None
    for index, kind in enumerate(trace.query_kinds):
        yield answered(kind), queries.answered[queries.kind == index], None
    yield SENT, commands.submitted, commands.intended
    yield ASKED, queries.submitted, queries.intended
    yield DEQUEUED, commands.dequeued, None
    for name, deliveries in tables.items():
        yield taken(name), _once(deliveries.taken), None


def _once(stamps: Column) -> Column:
    return np.unique(stamps[~np.isnat(stamps)])


def _whole(stamps: Column) -> Instants:
    return stamps.astype(np.int64)
