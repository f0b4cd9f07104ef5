"""Read model `orders`: rows by id, with an index by customer and one by status."""

from typing import assert_never

from cqrs_sim.domain.events import (
    Event,
    OrderAmended,
    OrderCancelled,
    OrderCreated,
    OrderStatusChanged,
)
from cqrs_sim.domain.queries import OrderRow
from cqrs_sim.domain.status import CANCELLED, PENDING, STATUSES, OrderStatus
from cqrs_sim.ids import CustomerId, OrderId


class OrdersReadModel:
    """One row an order. Indexes keep insertion order and drop entries in constant time."""

    def __init__(self) -> None:
        self.rows: dict[OrderId, OrderRow] = {}
        self._by_customer: dict[CustomerId, list[OrderId]] = {}
        self._by_status: dict[OrderStatus, dict[OrderId, None]] = {s: {} for s in STATUSES}

    def apply(self, event: Event) -> None:
        """Show one more event; the projector sees to it that none comes twice or out of order."""
        if type(event) is OrderCreated:
            self._add(event)
            return
        order_id = event.order_id
        row = self.rows[order_id]
        status, items, total = row.status, row.items, row.total_cents
        if type(event) is OrderStatusChanged:
            status = event.new_status
        elif type(event) is OrderAmended:
            items, total = event.items, event.total_cents
        elif type(event) is OrderCancelled:
            status = CANCELLED
        else:
            assert_never(event)
        if status != row.status:
            del self._by_status[row.status][order_id]
            self._by_status[status][order_id] = None
        self.rows[order_id] = OrderRow(
            order_id, row.customer_id, row.customer_name, items, total, status,
            row.created_ns, event.occurred_ns, event.version,
        )  # fmt: skip

    def _add(self, event: OrderCreated) -> None:
        order_id, customer_id, created = event.order_id, event.customer_id, event.occurred_ns
        self.rows[order_id] = OrderRow(
            order_id, customer_id, f"Customer-{customer_id}", event.items, event.total_cents,
            PENDING, created, created, event.version,
        )  # fmt: skip
        self._by_customer.setdefault(customer_id, []).append(order_id)
        self._by_status[PENDING][order_id] = None

    def by_id(self, order_id: OrderId) -> OrderRow | None:
        """The row of an order, or None."""
        return self.rows.get(order_id)

    def by_customer(self, customer_id: CustomerId) -> tuple[OrderRow, ...]:
        """The rows of a customer, oldest first."""
        rows = self.rows
        return tuple([rows[order_id] for order_id in self._by_customer.get(customer_id, ())])

    def by_status(self, status: OrderStatus) -> tuple[OrderRow, ...]:
        """The rows in a status, in the order in which they came to it."""
        rows = self.rows
        return tuple([rows[order_id] for order_id in self._by_status[status]])

    def contents(self) -> object:
        """All that can be asked of it, comparable with `==`."""
        by_status = {status: tuple(ids) for status, ids in self._by_status.items()}
        return self.rows, self._by_customer, by_status
