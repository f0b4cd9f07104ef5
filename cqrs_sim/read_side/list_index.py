"""An index by status that is a list: an anti-pattern, to be measured.

It answers as the usual index does, in the same sequence, and an order comes to a status as fast. To
leave one it has to be found first: the list is searched from its beginning, entry by entry. So the
time of a projector for an event grows with the orders that are open, and its lag without bound as
soon as that is more than the time between two events.
"""

from collections.abc import Iterator, Sequence

from cqrs_sim.domain.events import Event, OrderCancelled, OrderStatusChanged
from cqrs_sim.domain.status import STATUSES, OrderStatus
from cqrs_sim.ids import OrderId
from cqrs_sim.read_side.names import NameOf, derived_name
from cqrs_sim.read_side.orders import OrdersReadModel
from cqrs_sim.read_side.projector import ServiceTimes


class ListedOrders(OrdersReadModel):
    """`OrdersReadModel` with lists in place of its sets by status."""

    def __init__(self, name_of: NameOf = derived_name) -> None:
        """Make one without rows; `name_of` as of `OrdersReadModel`."""
        super().__init__(name_of)
        self._lists: dict[OrderStatus, SearchedList] = {s: SearchedList() for s in STATUSES}
        self._by_status = self._lists

    def searched(self, event: Event) -> int:
        """How many entries must be looked at to apply an event, found by looking at them."""
        if not isinstance(event, OrderStatusChanged | OrderCancelled):
            return 0
        return self._lists[self.rows[event.order_id].status].place(event.order_id) + 1


class SearchedList:
    """Orders in the sequence in which they came; an `orders.StatusIndex`."""

    def __init__(self) -> None:
        self._entries: list[OrderId] = []

    def place(self, order_id: OrderId) -> int:
        """How many entries there are before an order; it takes as long as to look at them."""
        return self._entries.index(order_id)

    def __setitem__(self, order_id: OrderId, nothing: None, /) -> None:
        """At the end."""
        self._entries.append(order_id)

    def __delitem__(self, order_id: OrderId, /) -> None:
        """Found and taken out; what comes behind it moves up."""
        del self._entries[self.place(order_id)]

    def __iter__(self) -> Iterator[OrderId]:
        """In their sequence."""
        return iter(self._entries)


class SearchTimes:
    """Service times that grow with the entries that an event's order is searched among."""

    drawn: Sequence[int] = ()
    """None is known before the work on its event begins."""

    def __init__(
        self,
        service: ServiceTimes | None,
        orders: ListedOrders,
        events: Sequence[Event],
        each_ns: int,
    ) -> None:
        """Add searches to the time of all else.

        Args:
            service: of all else, by position - 1; None: no modelled time.
            orders: who searches, and has applied all before the event that is asked for.
            events: of the log, by position - 1.
            each_ns: to look at one entry.
        """
        self._service = service
        self._orders = orders
        self._events = events
        self._each_ns = each_ns

    def __getitem__(self, index: int, /) -> int:
        """See `ServiceTimes`."""
        other_ns = 0 if self._service is None else self._service[index]
        return other_ns + self._each_ns * self._orders.searched(self._events[index])
