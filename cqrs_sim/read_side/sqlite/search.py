"""Tables of the read model `search`: a summary an order, and an inverted index from names to them.

As in memory, the index may still name an order for a product that it had before an amendment, and
`find` leaves such entries out.
"""

from collections.abc import Iterator, Sequence
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
from cqrs_sim.domain.status import CANCELLED, PENDING, OrderStatus
from cqrs_sim.ids import Cents, OrderId
from cqrs_sim.read_side.search import SearchRow
from cqrs_sim.read_side.sqlite.versioned import VersionedTables
from cqrs_sim.tables.indexes import differences, index_faults

SCHEMA = (
    """
    CREATE TABLE IF NOT EXISTS search_rows (
        position INTEGER PRIMARY KEY,
        order_id TEXT NOT NULL,
        customer_name TEXT NOT NULL,
        product_names BLOB NOT NULL,
        total_cents INTEGER NOT NULL,
        status TEXT NOT NULL,
        version INTEGER NOT NULL
    )
    """,
    "CREATE UNIQUE INDEX IF NOT EXISTS search_rows_by_id ON search_rows (order_id)",
    """
    CREATE TABLE IF NOT EXISTS search_names (
        name TEXT NOT NULL,
        row_position INTEGER NOT NULL,
        indexed_position INTEGER NOT NULL,
        PRIMARY KEY (name, row_position)
    ) WITHOUT ROWID
    """,
)
_INSERT = "INSERT INTO search_rows VALUES (?, ?, ?, ?, ?, ?, ?)"
_MOVE = "UPDATE search_rows SET status = ?, version = ? WHERE order_id = ?"
_AMEND = """
UPDATE search_rows SET product_names = ?, total_cents = ?, version = ? WHERE order_id = ?
"""
_NAME_NEW = "INSERT INTO search_names VALUES (?, ?, ?)"
_NAME = """
INSERT OR IGNORE INTO search_names
SELECT ?, position, ? FROM search_rows WHERE order_id = ?
"""
_VERSION = "SELECT version FROM search_rows WHERE order_id = ?"
_FIND = """
SELECT order_id, customer_name, product_names, total_cents, status
FROM search_names JOIN search_rows ON position = row_position
WHERE name = ? ORDER BY indexed_position
"""
_SCAN = """
SELECT order_id, customer_name, product_names, total_cents, status FROM search_rows NOT INDEXED
ORDER BY position
"""
_NAMES = "SELECT DISTINCT name FROM search_names ORDER BY name"
_POSITIONS = "SELECT position, customer_name, product_names FROM search_rows NOT INDEXED"
_ENTRIES = "SELECT name, row_position FROM search_names"

_Columns: TypeAlias = tuple[OrderId, str, bytes, Cents, OrderStatus]


class SearchTables(VersionedTables):
    """Summaries and their index, on a connection."""

    name = "search"
    schema = SCHEMA
    emptying = ("DELETE FROM search_names", "DELETE FROM search_rows")
    version = _VERSION

    def show(self, events: Sequence[Event]) -> None:
        """Show events: in the order of their positions, none of them shown before, no gap.

        Kinds are written one after the other. That keeps the order of what happens to one order,
        as far as it matters: an order is created before all else, and amended only while pending.
        The version is that of its last event in the batch.
        """
        versions = {event.order_id: event.version for event in events}
        created: list[tuple[object, ...]] = []
        amended: list[tuple[object, ...]] = []
        moved: list[tuple[object, ...]] = []
        new_names: list[tuple[object, ...]] = []
        names: list[tuple[object, ...]] = []
        for event in events:
            order_id, position = event.order_id, event.position
            version = versions[order_id]
            if type(event) is OrderCreated:
                customer, products = f"Customer-{event.customer_id}", _product_names(event.items)
                new_names += [(name, position, position) for name in (customer, *products)]
                packed = msgspec.msgpack.encode(products)
                created.append(
                    (position, order_id, customer, packed, event.total_cents, PENDING, version)
                )
            elif type(event) is OrderStatusChanged:
                moved.append((event.new_status, version, order_id))
            elif type(event) is OrderAmended:
                products = _product_names(event.items)
                names += [(name, position, order_id) for name in products]
                packed = msgspec.msgpack.encode(products)
                amended.append((packed, event.total_cents, version, order_id))
            elif type(event) is OrderCancelled:
                moved.append((CANCELLED, version, order_id))
            else:
                assert_never(event)
        for statement, rows in (
            (_INSERT, created), (_NAME_NEW, new_names), (_AMEND, amended), (_NAME, names),
            (_MOVE, moved),
        ):  # fmt: skip
            if rows:
                self._connection.executemany(statement, rows)

    def find(self, name: str) -> tuple[SearchRow, ...]:
        """The orders of a customer or with a product, by exact name, in the order of indexing."""
        found = map(_row, self._connection.execute(_FIND, (name,)))
        return tuple(row for row in found if name in row.product_names or name == row.customer_name)

    def contents(self) -> object:
        """All that can be asked of it, comparable with `==`; rows by a scan, the rest by index."""
        execute = self._connection.execute
        rows = {row.order_id: row for row in map(_row, execute(_SCAN))}
        return rows, {name: self.find(name) for (name,) in execute(_NAMES).fetchall()}

    def faults(self) -> list[str]:
        """Where an index disagrees with the rows: names that are missing, or of no row."""
        execute = self._connection.execute
        wanted = set(self._names())
        positions = {position for _, position in wanted}
        kept: set[tuple[str, int]] = set(execute(_ENTRIES))
        # What an order was called before an amendment may stay.
        found = {entry for entry in kept if entry in wanted or entry[1] not in positions}
        return index_faults(self._connection, "search_rows", "search_rows_by_id") + differences(
            "search_names", wanted, found
        )

    def _names(self) -> Iterator[tuple[str, int]]:
        for position, customer, packed in self._connection.execute(_POSITIONS):
            for name in (customer, *msgspec.msgpack.decode(packed)):
                yield name, position


def _product_names(items: tuple[OrderItem, ...]) -> tuple[str, ...]:
    """Each once, in the order of the items."""
    return tuple(dict.fromkeys([f"Product-{item.product_id}" for item in items]))


def _row(columns: _Columns) -> SearchRow:
    order_id, customer, products, total, status = columns
    return SearchRow(order_id, customer, tuple(msgspec.msgpack.decode(products)), total, status)
