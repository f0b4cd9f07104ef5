"""Normalised tables of orders: each fact in one place, what can be computed is not stored.

Names stand with customers and products alone, an order's lines in rows of their own, its total
nowhere. `arrived` numbers the orders within a status by when they came to it: a fact of the order
that no other column gives.
"""

from collections.abc import Sequence
from typing import assert_never

from cqrs_sim.domain.events import (
    Event,
    OrderAmended,
    OrderCancelled,
    OrderCreated,
    OrderStatusChanged,
)
from cqrs_sim.domain.item import OrderItem
from cqrs_sim.domain.order import Order
from cqrs_sim.domain.status import CANCELLED, PENDING, OrderStatus
from cqrs_sim.errors import ConcurrencyConflictError
from cqrs_sim.ids import Cents, OrderId, Version
from cqrs_sim.tables.connection import Connection

SCHEMA = (
    """
    CREATE TABLE IF NOT EXISTS customers (
        customer_id TEXT PRIMARY KEY,
        name TEXT NOT NULL UNIQUE
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE IF NOT EXISTS products (
        product_id TEXT PRIMARY KEY,
        name TEXT NOT NULL UNIQUE
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE IF NOT EXISTS orders (
        number INTEGER PRIMARY KEY,
        order_id TEXT NOT NULL,
        customer_id TEXT NOT NULL REFERENCES customers,
        status TEXT NOT NULL,
        arrived INTEGER NOT NULL,
        created_ns INTEGER NOT NULL,
        updated_ns INTEGER NOT NULL,
        version INTEGER NOT NULL
    )
    """,
    "CREATE UNIQUE INDEX IF NOT EXISTS orders_by_id ON orders (order_id)",
    "CREATE INDEX IF NOT EXISTS orders_by_customer ON orders (customer_id)",
    "CREATE INDEX IF NOT EXISTS orders_by_status ON orders (status, arrived)",
    "CREATE INDEX IF NOT EXISTS orders_by_creation ON orders (created_ns)",
    """
    CREATE TABLE IF NOT EXISTS order_lines (
        order_number INTEGER NOT NULL REFERENCES orders,
        line INTEGER NOT NULL,
        product_id TEXT NOT NULL REFERENCES products,
        quantity INTEGER NOT NULL,
        price_cents INTEGER NOT NULL,
        PRIMARY KEY (order_number, line)
    ) WITHOUT ROWID
    """,
)
SEARCH_SCHEMA = ("CREATE INDEX IF NOT EXISTS order_lines_by_product ON order_lines (product_id)",)
TABLES = ("order_lines", "orders", "products", "customers")
"""Those that refer to others first."""

_CUSTOMER = "INSERT OR IGNORE INTO customers VALUES (?, ?)"
_PRODUCT = "INSERT OR IGNORE INTO products VALUES (?, ?)"
_ORDER = """
INSERT OR IGNORE INTO orders VALUES
    (NULL, ?, ?, ?, coalesce((SELECT max(arrived) FROM orders WHERE status = ?), 0) + 1, ?, ?, ?)
"""
_LINE = """
INSERT INTO order_lines SELECT number, ?, ?, ?, ? FROM orders WHERE order_id = ?
"""
_MOVE = """
UPDATE orders SET status = ?, updated_ns = ?, version = ?,
    arrived = coalesce((SELECT max(arrived) FROM orders WHERE status = ?), 0) + 1
WHERE order_id = ? AND version = ?
"""
_TOUCH = "UPDATE orders SET updated_ns = ?, version = ? WHERE order_id = ? AND version = ?"
_NO_LINES = """
DELETE FROM order_lines WHERE order_number = (SELECT number FROM orders WHERE order_id = ?)
"""
_LOAD = """
SELECT number, customer_id, status, version, created_ns, updated_ns FROM orders WHERE order_id = ?
"""
_LINES = """
SELECT product_id, quantity, price_cents FROM order_lines WHERE order_number = ? ORDER BY line
"""
_VERSION = "SELECT version FROM orders WHERE order_id = ?"


class NormalisedTables:
    """What a command handler needs: the state of an order, and a place to save what became of it.

    Transactions are somebody else's: load, decide and save belong into one.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def create(self, *, is_searchable: bool = False) -> None:
        """Make the tables and indexes that are not there; outside of a transaction.

        Args:
            is_searchable: with an index of the lines by product, which search alone needs.
        """
        # Inside a transaction SQLite would pass over the pragma.
        self._connection.execute("PRAGMA foreign_keys = ON")
        for statement in (*SCHEMA, *(SEARCH_SCHEMA if is_searchable else ())):
            self._connection.execute(statement)

    def clear(self) -> None:
        """Take all rows out."""
        for table in TABLES:
            self._connection.execute(f"DELETE FROM {table}")  # noqa: S608 # Our own names.

    def load(self, order_id: OrderId) -> Order | None:
        """The state of an order, to decide by; None: there is none."""
        execute = self._connection.execute
        found = execute(_LOAD, (order_id,)).fetchone()
        if found is None:
            return None
        number, customer_id, status, version, created_ns, updated_ns = found
        items = tuple([OrderItem(*line) for line in execute(_LINES, (number,))])
        total = sum([item.quantity * item.price_cents for item in items])
        return Order(
            order_id, customer_id, items, Cents(total), status, version, created_ns, updated_ns
        )

    def save(self, events: Sequence[Event]) -> None:
        """Make the tables show what was decided, each event after the one before.

        Raises:
            ConcurrencyConflictError: if an order is not at the version that an event follows; the
                transaction must be rolled back.
        """
        for event in events:
            if type(event) is OrderCreated:
                self._insert(event)
            elif type(event) is OrderStatusChanged:
                self._move(event, event.new_status)
            elif type(event) is OrderAmended:
                self._amend(event)
            elif type(event) is OrderCancelled:
                self._move(event, CANCELLED)
            else:
                assert_never(event)

    def _insert(self, event: OrderCreated) -> None:
        order_id, customer_id, created_ns = event.order_id, event.customer_id, event.occurred_ns
        execute = self._connection.execute
        execute(_CUSTOMER, (customer_id, f"Customer-{customer_id}"))
        columns = (order_id, customer_id, PENDING, PENDING, created_ns, created_ns, event.version)
        self._check(execute(_ORDER, columns).rowcount, event)
        self._insert_lines(order_id, event.items)

    def _insert_lines(self, order_id: OrderId, items: Sequence[OrderItem]) -> None:
        many = self._connection.executemany
        many(_PRODUCT, [(item.product_id, f"Product-{item.product_id}") for item in items])
        lines = [
            (line, item.product_id, item.quantity, item.price_cents, order_id)
            for line, item in enumerate(items)
        ]
        many(_LINE, lines)

    def _move(self, event: OrderStatusChanged | OrderCancelled, status: OrderStatus) -> None:
        columns = (
            status, event.occurred_ns, event.version, status, event.order_id, event.version - 1
        )  # fmt: skip
        self._check(self._connection.execute(_MOVE, columns).rowcount, event)

    def _amend(self, event: OrderAmended) -> None:
        order_id, version = event.order_id, event.version
        columns = (event.occurred_ns, version, order_id, version - 1)
        self._check(self._connection.execute(_TOUCH, columns).rowcount, event)
        self._connection.execute(_NO_LINES, (order_id,))
        self._insert_lines(order_id, event.items)

    def _check(self, rows_changed: int, event: Event) -> None:
        if rows_changed == 1:
            return
        found = self._connection.execute(_VERSION, (event.order_id,)).fetchone()
        actual = Version(0 if found is None else found[0])
        raise ConcurrencyConflictError(event.order_id, Version(event.version - 1), actual)
