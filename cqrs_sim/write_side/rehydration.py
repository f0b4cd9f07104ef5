"""Rehydration: the state of an order from its events, through a snapshot where there is one.

State equals replay, always: a snapshot only saves reading the events before it. It is used if it is
intact, of the present schema, and stands on an event that the log holds; the event is read with
those behind it, so one more is read than folded. Otherwise the next older one is tried, and in the
end the order is folded from its first event.
"""

from collections.abc import Sequence
from typing import Final, Protocol

import attrs

from cqrs_sim.domain.events import Event
from cqrs_sim.domain.order import Order, evolve
from cqrs_sim.ids import OrderId, Position, Version
from cqrs_sim.write_side.snapshots import Flaw, SnapshotStore, opened, snapshot_of

NO_VERSION: Final = Version(0)
NEVER: Final = Version(1 << 62)
"""A version that no order reaches."""


class History(Protocol):
    """The events of one order at a time: what of a log is needed here."""

    def read_order(
        self, order_id: OrderId, after: Version = NO_VERSION, until: Position | None = None
    ) -> Sequence[Event]:
        """The events of an order behind a version, up to a position, oldest first."""


@attrs.frozen
class Rehydrated:
    """An order's state and what it took to know it."""

    order: Order | None
    """None: there were no events."""
    position: Position
    """Of the last event that it shows; 0 if there is none."""
    read_count: int
    """Events read from the log."""
    snapshot_version: Version
    """What the snapshot showed already; 0 if none was used."""


class Rehydrator:
    """Makes states of events and snapshots, and takes the snapshots."""

    def __init__(
        self, history: History, snapshots: SnapshotStore | None = None, every: int = 0
    ) -> None:
        """Read from a history.

        Args:
            history: of all orders.
            snapshots: where they are; None: there are none.
            every: events between two snapshots of an order; 0: none are taken.
        """
        self._history = history
        self._snapshots = snapshots
        self._every = every if snapshots is not None else 0
        self.taken_count = 0
        """Snapshots taken."""
        self.unstorable_count = 0
        """Snapshots not taken, because a number in the state does not fit into 64 bits, or what
        should be text is half a surrogate pair."""
        self.ignored_counts = dict.fromkeys(Flaw, 0)
        """Snapshots passed over, by what was wrong with them; once each time that it happened."""

    @property
    def through(self) -> str:
        """What states came back through, beside events, in this run; empty: nothing."""
        return "snapshots" if self.taken_count else ""

    def state_of(self, order_id: OrderId, until: Position | None = None) -> Rehydrated:
        """The state of an order, now or as it was when the log ended at position `until`."""
        snapshots = () if self._snapshots is None else self._snapshots.newest_first(order_id, until)
        for stored in snapshots:
            order = opened(stored)
            if not isinstance(order, Flaw):
                before: Version = stored.version - 1  # type: ignore[assignment] # a version
                tail = self._history.read_order(order_id, before, until)
                if tail and _stands_on(order, stored.position, tail[0]):
                    return _folded(order, tail, stored.version)
                order = Flaw.NOT_IN_LOG
            self.ignored_counts[order] += 1
        return _folded(None, self._history.read_order(order_id, NO_VERSION, until), NO_VERSION)

    def due_after(self, version: Version) -> Version:
        """The next version of which a snapshot is to be taken."""
        every = self._every
        return Version(version - version % every + every) if every else NEVER

    def take_snapshot(self, order: Order | None, position: Position) -> Version:
        """Keep a snapshot of a state whose last event stands at a position.

        Returns:
            The version of which the next one is due.
        """
        assert self._snapshots is not None, "only who has a store is due to take snapshots"
        assert order is not None, "there is a version, so there is an order"
        try:
            snapshot = snapshot_of(order, position)
        except (OverflowError, UnicodeEncodeError):
            self.unstorable_count += 1
        else:
            self._snapshots.put(snapshot)
            self.taken_count += 1
        return self.due_after(order.version)


def _stands_on(order: Order, position: Position, event: Event) -> bool:
    """Whether this event of the log is the last that a state shows.

    A log that was cut may have grown again, with other events: folding the last one once more must
    change nothing.
    """
    return (
        event.position == position
        and event.version == order.version
        and evolve(order, event) == order
    )


def _folded(order: Order | None, events: Sequence[Event], shown: Version) -> Rehydrated:
    """A state that shows a snapshot of version `shown`, and the events behind it.

    The one that the snapshot stands on is among them: folded once more it changes nothing.
    """
    for event in events:
        order = evolve(order, event)
    position = events[-1].position if events else Position(0)
    return Rehydrated(order, position, len(events), shown)
