"""Read models as careless as those of many tutorials: right as long as events come one by one.

An anti-pattern, to be measured. They trust that events come in order and check nothing: an order is
added without a look whether it is there, a change to an order that is not there yet is passed over
in silence, and an index is cleared of the status that the *event* says was left, wherever the order
stands. So two events of one order that overtake each other leave a wrong row, or one order under
two statuses, for good.
"""

from typing import assert_never

import attrs

from cqrs_sim.domain.events import (
    Event,
    OrderAmended,
    OrderCancelled,
    OrderCreated,
    OrderStatusChanged,
)
from cqrs_sim.domain.queries import WHOLE, OrderRow, OrderStatistics, Page
from cqrs_sim.domain.status import CANCELLED, PENDING, STATUSES, OrderStatus
from cqrs_sim.ids import Cents, CustomerId, Nanoseconds, OrderId


class CarelessOrders:
    """`orders.OrdersReadModel`, without its care; indexes are plain lists."""

    def __init__(self) -> None:
        self.rows: dict[OrderId, OrderRow] = {}
        self._by_customer: dict[CustomerId, list[OrderId]] = {}
        self._by_status: dict[OrderStatus, list[OrderId]] = {status: [] for status in STATUSES}

    def apply(self, event: Event) -> None:
        """Handle one event, whatever came before."""
        self.takes(event)

    def takes(self, event: Event) -> bool:
        """Handle one event; whether there was anything to change, which nobody in there asks."""
        row = self.rows.get(event.order_id)
        if type(event) is OrderCreated:
            self._add(event)
        elif row is None:
            return False  # An update of nothing: the event is lost, and nobody hears of it.
        elif type(event) is OrderStatusChanged:
            self._move(row, event.old_status, event.new_status, event)
        elif type(event) is OrderCancelled:
            # Its handler looks up the old status, in a row that may be behind or ahead.
            self._move(row, row.status, CANCELLED, event)
        elif type(event) is OrderAmended:
            changed = attrs.evolve(row, items=event.items, total_cents=event.total_cents)
            self.rows[event.order_id] = _touched(changed, event)
        else:
            assert_never(event)
        return True

    def _add(self, event: OrderCreated) -> None:
        order_id, customer_id, created = event.order_id, event.customer_id, event.occurred_ns
        self.rows[order_id] = OrderRow(
            order_id, customer_id, f"Customer-{customer_id}", event.items, event.total_cents,
            PENDING, created, created, event.version,
        )  # fmt: skip
        self._by_customer.setdefault(customer_id, []).append(order_id)
        self._by_status[PENDING].append(order_id)

    def _move(self, row: OrderRow, old: OrderStatus, new: OrderStatus, event: Event) -> None:
        self.rows[row.order_id] = _touched(attrs.evolve(row, status=new), event)
        if row.order_id in self._by_status[old]:
            self._by_status[old].remove(row.order_id)
        self._by_status[new].append(row.order_id)

    def by_id(self, order_id: OrderId) -> OrderRow | None:
        """The row of an order, or None."""
        return self.rows.get(order_id)

    def by_customer(self, customer_id: CustomerId, page: Page = WHOLE) -> tuple[OrderRow, ...]:
        """The rows of a customer, in the order in which they were added."""
        listed = self._by_customer.get(customer_id, ())[page.offset : page.end]
        return tuple([self.rows[order_id] for order_id in listed])

    def by_status(self, status: OrderStatus, page: Page = WHOLE) -> tuple[OrderRow, ...]:
        """The rows that the index has under a status, whatever they say themselves."""
        listed = self._by_status.get(status, ())[page.offset : page.end]
        return tuple([self.rows[order_id] for order_id in listed])

    def contents(self) -> object:
        """All that can be asked of it, comparable with `==`."""
        by_status = {status: tuple(ids) for status, ids in self._by_status.items()}
        return self.rows, self._by_customer, by_status


def _touched(row: OrderRow, event: Event) -> OrderRow:
    return attrs.evolve(row, updated_ns=event.occurred_ns, version=event.version)


class CarelessStatistics:
    """Statistics by a scan over the rows of careless orders, as asked."""

    def __init__(self) -> None:
        self.orders = CarelessOrders()

    def apply(self, event: Event) -> None:
        """Handle one event, whatever came before."""
        self.takes(event)

    def takes(self, event: Event) -> bool:
        """As `CarelessOrders.takes`."""
        return self.orders.takes(event)

    def between(self, from_ns: Nanoseconds, to_ns: Nanoseconds) -> OrderStatistics:
        """Statistics of the orders created in [from_ns, to_ns), as their rows are now."""
        rows = [row for row in self.orders.rows.values() if from_ns <= row.created_ns < to_ns]
        counts = dict.fromkeys(STATUSES, 0)
        for row in rows:
            counts[row.status] += 1
        revenue = Cents(sum(row.total_cents for row in rows))
        return OrderStatistics(len(rows), revenue, tuple(counts.items()))

    def contents(self) -> object:
        """All that can be asked of it, comparable with `==`."""
        return self.orders.rows
