"""States of orders from the rows that the write side keeps, in place of their events."""

from collections.abc import Callable

from cqrs_sim.domain.order import Order
from cqrs_sim.event_log.memory import MemoryLog
from cqrs_sim.ids import OrderId, Position
from cqrs_sim.write_side.rehydration import NO_VERSION, Rehydrated, Rehydrator


class RowsRehydrator(Rehydrator):
    """Loads the present state of an order; a past one is still that of its events."""

    def __init__(self, log: MemoryLog, load: Callable[[OrderId], Order | None]) -> None:
        """Load by a function that gives the state after the last commit, or None."""
        super().__init__(log)
        self._log = log
        self._load = load

    @property
    def through(self) -> str:
        """See `Rehydrator.through`."""
        return "rows"

    def state_of(self, order_id: OrderId, until: Position | None = None) -> Rehydrated:
        """See `Rehydrator.state_of`; no event is read for the present one."""
        if until is not None:
            return super().state_of(order_id, until)
        order = self._load(order_id)
        return Rehydrated(order, self._log.position_of(order_id), 0, NO_VERSION)
