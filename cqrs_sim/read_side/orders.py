"""Read model `orders`: rows by id, with an index by customer and one by status."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Protocol, assert_never

import attrs

from cqrs_sim.domain.events import (
    Event,
    OrderAmended,
    OrderCancelled,
    OrderCreated,
    OrderStatusChanged,
)
from cqrs_sim.domain.queries import WHOLE, OrderRow, Page
from cqrs_sim.domain.status import CANCELLED, PENDING, STATUSES, OrderStatus
from cqrs_sim.ids import CustomerId, OrderId
from cqrs_sim.read_side.names import NameOf, NewestNames, derived_name


@attrs.define
class _Row(OrderRow):
    """A row that changes, and what was last shown of it."""

    shown: OrderRow | None = attrs.field(default=None, eq=False)
    """Made when somebody asks: far more rows change than are looked at."""


class StatusIndex(Protocol):
    """The orders in one status, in the sequence in which they came to it; a dictionary is one."""

    def __setitem__(self, order_id: OrderId, nothing: None, /) -> None:
        """It came."""

    def __delitem__(self, order_id: OrderId, /) -> None:
        """It left."""

    def __iter__(self) -> Iterator[OrderId]:
        """In sequence."""


class OrdersReadModel:
    """One row an order. Indexes keep insertion order and drop entries in constant time."""

    def __init__(self, name_of: NameOf = derived_name) -> None:
        self._name_of = name_of
        self._newest = NewestNames(name_of)
        self.rows: dict[OrderId, _Row] = {}
        """Changed by every event; what leaves the read model is a copy."""
        self._by_customer: dict[CustomerId, list[OrderId]] = {}
        self._by_status: Mapping[OrderStatus, StatusIndex] = {s: {} for s in STATUSES}

    def apply(self, event: Event) -> None:
        """Show one more event; the projector sees to it that none comes twice or out of order."""
        order_id = event.order_id
        if type(event) is OrderCreated:
            self._add(event)
            return
        row = self.rows[order_id]
        if type(event) is OrderStatusChanged:
            self._move(row, event.new_status)
        elif type(event) is OrderAmended:
            row.items, row.total_cents = event.items, event.total_cents
        elif type(event) is OrderCancelled:
            self._move(row, CANCELLED)
        else:
            assert_never(event)
        row.updated_ns, row.version, row.shown = event.occurred_ns, event.version, None

    def _move(self, row: _Row, status: OrderStatus) -> None:
        del self._by_status[row.status][row.order_id]
        self._by_status[status][row.order_id] = None
        row.status = status

    def _add(self, event: OrderCreated) -> None:
        order_id, customer_id, created = event.order_id, event.customer_id, event.occurred_ns
        self.rows[order_id] = _Row(
            order_id, customer_id, self._name_of(event), event.items, event.total_cents,
            PENDING, created, created, event.version,
        )  # fmt: skip
        self._by_customer.setdefault(customer_id, []).append(order_id)
        self._by_status[PENDING][order_id] = None

    def orders_count(self, customer_id: CustomerId) -> int:
        """How many rows show the name of a customer."""
        return len(self._by_customer.get(customer_id, ()))

    def rename(self, customer_id: CustomerId, name: str) -> int:
        """Show another name in every row of a customer, and in those to come.

        Returns:
            How many rows there are.
        """
        self._newest.tell(customer_id, name)
        self._name_of = self._newest  # Not before: most read models are told of no rename.
        order_ids = self._by_customer.get(customer_id, ())
        for order_id in order_ids:
            row = self.rows[order_id]
            row.customer_name, row.shown = name, None
        return len(order_ids)

    def by_id(self, order_id: OrderId) -> OrderRow | None:
        """The row of an order, or None."""
        row = self.rows.get(order_id)
        return None if row is None else row.shown or _show(row)

    def by_customer(self, customer_id: CustomerId, page: Page = WHOLE) -> tuple[OrderRow, ...]:
        """The rows of a customer, oldest first."""
        listed = self._by_customer.get(customer_id, ())[page.offset : page.end]
        rows = [self.rows[order_id] for order_id in listed]
        return tuple([row.shown or _show(row) for row in rows])

    def by_status(self, status: OrderStatus, page: Page = WHOLE) -> tuple[OrderRow, ...]:
        """The rows in a status, in the order in which they came to it."""
        listed = islice(self._by_status.get(status, ()), page.offset, page.end)
        rows = [self.rows[order_id] for order_id in listed]
        return tuple([row.shown or _show(row) for row in rows])

    def contents(self) -> object:
        """All that can be asked of it, comparable with `==`."""
        rows = {order_id: row.shown or _show(row) for order_id, row in self.rows.items()}
        by_status = {status: tuple(ids) for status, ids in self._by_status.items()}
        return rows, self._by_customer, by_status


def _show(row: _Row) -> OrderRow:
    row.shown = shown = OrderRow(
        row.order_id, row.customer_id, row.customer_name, row.items, row.total_cents,
        row.status, row.created_ns, row.updated_ns, row.version,
    )  # fmt: skip
    return shown
