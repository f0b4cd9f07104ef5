"""States of orders that many handlers share: what each reads before it works, and writes after.

Both kinds read the same. They differ in the write, and in that alone: one expects the version that
was read, the other writes what was decided on it, whatever is there by then.
"""

from collections.abc import Iterable, Sequence

from cqrs_sim.domain.events import Event
from cqrs_sim.domain.order import Order, evolve
from cqrs_sim.event_log.memory import MemoryLog, Pending
from cqrs_sim.ids import CommandId, OrderId, Position, Version
from cqrs_sim.write_side.rehydration import NO_VERSION


class CheckedStates:
    """Writes that expect the version that was read: of several on one version the first wins."""

    def __init__(self, log: MemoryLog) -> None:
        self._log = log
        self._known: dict[OrderId, Order] = {}

    def read(self, order_id: OrderId) -> tuple[Order | None, Version]:
        """An order as it is now, and its version; None and 0 if there is none.

        Only events that are new since the last time are folded.
        """
        order = self._known.get(order_id)
        version = NO_VERSION if order is None else order.version
        if self._log.version_of(order_id) == version:
            return order, version
        for event in self._log.read_order(order_id, version):
            order = evolve(order, event)
        assert order is not None, "an order with a version has events"
        self._known[order_id] = order
        return order, order.version

    def begin_write(
        self,
        order: Order | None,
        version: Version,
        events: Sequence[Event],
        command_id: CommandId,
        request_id: str | None,
    ) -> Position | Pending:
        """Record what was decided on a state that was read; as `MemoryLog.begin_append`.

        Raises:
            ConcurrencyConflictError: if another write came first.
        """
        order_id = events[0].order_id
        return self._log.begin_append(order_id, version, events, command_id, request_id)

    def last_written(self) -> Iterable[Order]:
        """States that may be no fold of their events: none here, where all are read from these."""
        return ()


class UncheckedStates(CheckedStates):
    """Writes over whatever is there, as into a map of orders: the last one wins.

    The events of all of them are published, so they get the versions and positions in which they
    came; but the state is what the last writer made of the one that it had read.
    """

    def read(self, order_id: OrderId) -> tuple[Order | None, Version]:
        """See `CheckedStates`: what was written last; at first, what was there before the run."""
        order = self._known.get(order_id)
        return super().read(order_id) if order is None else (order, order.version)

    def begin_write(
        self,
        order: Order | None,
        version: Version,
        events: Sequence[Event],
        command_id: CommandId,
        request_id: str | None,
    ) -> Position | Pending:
        """See `CheckedStates`; never a conflict."""
        order_id = events[0].order_id
        actual = self._log.version_of(order_id)
        for place, event in enumerate(events, start=1):
            event.version = Version(actual + place)
        begun = self._log.begin_append(order_id, actual, events, command_id, request_id)
        for event in events:
            order = evolve(order, event)
        assert order is not None, "an event leaves an order"
        self._known[order_id] = order
        return begun

    def last_written(self) -> Iterable[Order]:
        """See `CheckedStates`: all, since nobody looks at what came between."""
        return self._known.values()
