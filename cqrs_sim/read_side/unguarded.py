"""Read models whose handlers take whatever comes: they do not ask whether it is its turn.

On each event once and in order they show what the guarded ones show. An event that comes again
takes effect again; one whose order's row is not there, because its creation was lost, finds nothing
to change and says so. Sums are kept as a handler without memory keeps them: by what the event says
has changed, not by what the row shows.
"""

from typing import Protocol

from cqrs_sim.domain.events import Event, OrderAmended, OrderCreated, OrderStatusChanged
from cqrs_sim.domain.status import CANCELLED, OrderStatus
from cqrs_sim.read_side.orders import OrdersReadModel
from cqrs_sim.read_side.search import SearchReadModel
from cqrs_sim.read_side.statistics import StatisticsReadModel


class UnguardedReadModel(Protocol):
    """A table to which any event can be applied, at any time."""

    def apply(self, event: Event) -> None:
        """Apply it, whatever comes of it."""

    def takes(self, event: Event) -> bool:
        """Apply it; whether there was anything to change."""

    def contents(self) -> object:
        """All that can be asked of it, comparable with `==`."""


class UnguardedOrders(OrdersReadModel):
    """An order that is created twice is listed twice for its customer, and PENDING again."""

    def apply(self, event: Event) -> None:
        """See `UnguardedReadModel`."""
        self.takes(event)

    def takes(self, event: Event) -> bool:
        """See `UnguardedReadModel`."""
        if type(event) is not OrderCreated and event.order_id not in self.rows:
            return False
        super().apply(event)
        return True


class UnguardedSearch(SearchReadModel):
    """The index is a set, so only the row shows that an event came again."""

    def apply(self, event: Event) -> None:
        """See `UnguardedReadModel`."""
        self.takes(event)

    def takes(self, event: Event) -> bool:
        """See `UnguardedReadModel`."""
        if type(event) is not OrderCreated and event.order_id not in self.rows:
            return False
        super().apply(event)
        return True


class UnguardedStatistics(StatisticsReadModel):
    """Counts and revenue change by what each event says, so what comes twice is counted twice."""

    def apply(self, event: Event) -> None:
        """See `UnguardedReadModel`."""
        self.takes(event)

    def takes(self, event: Event) -> bool:
        """See `UnguardedReadModel`; totals can always be changed."""
        if type(event) is OrderCreated:
            super().apply(event)
            return True
        entry = self._entries.get(event.order_id)
        if type(event) is OrderAmended:
            self._revenue_cents += event.total_cents - event.old_total_cents
            if entry is not None:
                entry.total_cents = event.total_cents
            return True
        status: OrderStatus = CANCELLED
        if type(event) is OrderStatusChanged:
            status = event.new_status
        self._by_status[event.old_status] -= 1
        self._by_status[status] += 1
        if entry is not None:
            entry.status = status
        return True
