"""Tables of the read model `orders`: one wide row an order, its items within the row.

Rows are numbered by the position of the event that created the order, so that an index by customer
gives them oldest first. The index by status holds the position of the event by which the order came
to it.
"""

from collections.abc import Sequence
from typing import TypeAlias, assert_never

import msgspec

from cqrs_sim.domain.events import (
    Event,
    OrderAmended,
    OrderCancelled,
    OrderCreated,
    OrderStatusChanged,
)
from cqrs_sim.domain.item import OrderItem
from cqrs_sim.domain.queries import WHOLE, OrderRow, Page
from cqrs_sim.domain.status import CANCELLED, PENDING, STATUSES, OrderStatus
from cqrs_sim.ids import Cents, CustomerId, Nanoseconds, OrderId, ProductId, Version
from cqrs_sim.read_side.sqlite.versioned import VersionedTables
from cqrs_sim.tables.indexes import index_faults

SCHEMA = (
    """
    CREATE TABLE IF NOT EXISTS order_rows (
        position INTEGER PRIMARY KEY,
        order_id TEXT NOT NULL,
        customer_id TEXT NOT NULL,
        customer_name TEXT NOT NULL,
        items BLOB NOT NULL,
        total_cents INTEGER NOT NULL,
        status TEXT NOT NULL,
        status_position INTEGER NOT NULL,
        created_ns INTEGER NOT NULL,
        updated_ns INTEGER NOT NULL,
        version INTEGER NOT NULL
    )
    """,
    "CREATE UNIQUE INDEX IF NOT EXISTS order_rows_by_id ON order_rows (order_id)",
    "CREATE INDEX IF NOT EXISTS order_rows_by_customer ON order_rows (customer_id)",
    "CREATE INDEX IF NOT EXISTS order_rows_by_status ON order_rows (status, status_position)",
)
INDEXES = ("order_rows_by_id", "order_rows_by_customer", "order_rows_by_status")

_INSERT = "INSERT INTO order_rows VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_MOVE = """
UPDATE order_rows SET status = ?, status_position = ?, updated_ns = ?, version = ?
WHERE order_id = ?
"""
_AMEND = """
UPDATE order_rows SET items = ?, total_cents = ?, updated_ns = ?, version = ? WHERE order_id = ?
"""
_VERSION = "SELECT version FROM order_rows WHERE order_id = ?"
_SELECT = """
SELECT order_id, customer_id, customer_name, items, total_cents, status, created_ns, updated_ns,
    version
FROM order_rows
"""
_BY_ID = f"{_SELECT} WHERE order_id = ?"
_BY_CUSTOMER = f"{_SELECT} WHERE customer_id = ? ORDER BY position LIMIT ? OFFSET ?"
_BY_STATUS = f"{_SELECT} WHERE status = ? ORDER BY status_position LIMIT ? OFFSET ?"
_SCAN = f"{_SELECT} NOT INDEXED ORDER BY position"
_CUSTOMERS = """
SELECT customer_id, order_id FROM order_rows INDEXED BY order_rows_by_customer
ORDER BY customer_id, position
"""
_STATUSES = """
SELECT order_id FROM order_rows INDEXED BY order_rows_by_status
WHERE status = ? ORDER BY status_position
"""

_Columns: TypeAlias = tuple[
    OrderId, CustomerId, str, bytes, Cents, OrderStatus, Nanoseconds, Nanoseconds, Version
]
_Line: TypeAlias = tuple[ProductId, int, Cents]


class OrderTables(VersionedTables):
    """The rows of all orders, on a connection."""

    name = "orders"
    schema = SCHEMA
    emptying = ("DELETE FROM order_rows",)
    version = _VERSION

    def show(self, events: Sequence[Event]) -> None:
        """Show events: in the order of their positions, none of them shown before, no gap.

        What becomes of an order within a batch is written once.
        """
        changes: dict[OrderId, _Change] = {}
        for event in events:
            change = changes.get(event.order_id)
            if change is None:
                change = changes[event.order_id] = _Change()
            change.take(event)
        all_changes = changes.items()
        inserted = [c.inserted(c.created) for _, c in all_changes if c.created is not None]
        amended = [
            (_packed(c.items), c.total_cents, c.updated_ns, c.version, order_id)
            for order_id, c in all_changes
            if c.created is None and c.items
        ]
        moved = [
            (c.status, c.status_position, c.updated_ns, c.version, order_id)
            for order_id, c in all_changes
            if c.created is None and c.status_position
        ]
        for statement, rows in ((_INSERT, inserted), (_AMEND, amended), (_MOVE, moved)):
            if rows:
                self._connection.executemany(statement, rows)

    def by_id(self, order_id: OrderId) -> OrderRow | None:
        """The row of an order, or None."""
        row = self._connection.execute(_BY_ID, (order_id,)).fetchone()
        return None if row is None else _row(row)

    def by_customer(self, customer_id: CustomerId, page: Page = WHOLE) -> tuple[OrderRow, ...]:
        """The rows of a customer, oldest first."""
        page_of = (customer_id, page.limit, page.offset)
        return tuple(map(_row, self._connection.execute(_BY_CUSTOMER, page_of)))

    def by_status(self, status: OrderStatus, page: Page = WHOLE) -> tuple[OrderRow, ...]:
        """The rows in a status, in the order in which they came to it."""
        page_of = (status, page.limit, page.offset)
        return tuple(map(_row, self._connection.execute(_BY_STATUS, page_of)))

    def contents(self) -> object:
        """All that can be asked of it, comparable with `==`; rows by a scan, the rest by index."""
        execute = self._connection.execute
        rows = {row.order_id: row for row in map(_row, execute(_SCAN))}
        by_customer: dict[CustomerId, list[OrderId]] = {}
        for customer_id, order_id in execute(_CUSTOMERS):
            by_customer.setdefault(customer_id, []).append(order_id)
        by_status = {
            status: tuple([order_id for (order_id,) in execute(_STATUSES, (status,))])
            for status in STATUSES
        }
        return rows, by_customer, by_status

    def faults(self) -> list[str]:
        """Where an index disagrees with the rows."""
        return [
            fault
            for name in INDEXES
            for fault in index_faults(self._connection, "order_rows", name)
        ]


class _Change:
    """What a batch makes of one order."""

    __slots__ = (
        *("created", "items", "total_cents", "status", "status_position", "updated_ns", "version"),
    )

    def __init__(self) -> None:
        self.created: OrderCreated | None = None
        self.items: tuple[OrderItem, ...] = ()
        """Empty: they stay as they are."""
        self.status: OrderStatus = PENDING
        self.status_position = 0
        """0: it stays in its status."""

    def take(self, event: Event) -> None:
        if type(event) is OrderCreated:
            self.created = event
            self.items, self.total_cents = event.items, event.total_cents
            self.status_position = event.position
        elif type(event) is OrderStatusChanged:
            self.status, self.status_position = event.new_status, event.position
        elif type(event) is OrderAmended:
            self.items, self.total_cents = event.items, event.total_cents
        elif type(event) is OrderCancelled:
            self.status, self.status_position = CANCELLED, event.position
        else:
            assert_never(event)
        self.updated_ns, self.version = event.occurred_ns, event.version

    def inserted(self, created: OrderCreated) -> tuple[object, ...]:
        """All columns of a new row."""
        customer_id = created.customer_id
        return (
            created.position, created.order_id, customer_id, f"Customer-{customer_id}",
            _packed(self.items), self.total_cents, self.status, self.status_position,
            created.occurred_ns, self.updated_ns, self.version,
        )  # fmt: skip


def _packed(items: tuple[OrderItem, ...]) -> bytes:
    lines = [(item.product_id, item.quantity, item.price_cents) for item in items]
    return msgspec.msgpack.encode(lines)


def _unpacked(packed: bytes) -> tuple[OrderItem, ...]:
    lines: list[_Line] = msgspec.msgpack.decode(packed)
    return tuple([OrderItem(product, quantity, price) for product, quantity, price in lines])


def _row(columns: _Columns) -> OrderRow:
    order_id, customer_id, name, items, total, status, created, updated, version = columns
    return OrderRow(
        order_id, customer_id, name, _unpacked(items), total, status, created, updated, version
    )
