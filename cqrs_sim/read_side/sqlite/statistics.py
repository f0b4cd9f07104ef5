"""Tables of the read model `statistics`: sums by second of creation, and a small row an order.

A question about a period adds up the sums of the whole seconds in it, and looks at the orders of
the two seconds that it cuts.
"""

from collections.abc import Sequence
from typing import TypeAlias, assert_never

from cqrs_sim.domain.events import (
    Event,
    OrderAmended,
    OrderCancelled,
    OrderCreated,
    OrderStatusChanged,
)
from cqrs_sim.domain.queries import OrderStatistics
from cqrs_sim.domain.status import CANCELLED, PENDING, STATUSES, OrderStatus
from cqrs_sim.ids import Cents, Nanoseconds, OrderId, Position
from cqrs_sim.read_side.sqlite.versioned import VersionedTables
from cqrs_sim.tables.indexes import differences, index_faults

SECOND_NS = 1_000_000_000
"""What the sums are over; a file is only good for the program that has the same."""

SCHEMA = (
    """
    CREATE TABLE IF NOT EXISTS order_entries (
        position INTEGER PRIMARY KEY,
        order_id TEXT NOT NULL,
        created_ns INTEGER NOT NULL,
        total_cents INTEGER NOT NULL,
        status TEXT NOT NULL,
        version INTEGER NOT NULL
    )
    """,
    "CREATE UNIQUE INDEX IF NOT EXISTS order_entries_by_id ON order_entries (order_id)",
    "CREATE INDEX IF NOT EXISTS order_entries_by_creation ON order_entries (created_ns)",
    """
    CREATE TABLE IF NOT EXISTS order_sums (
        second INTEGER NOT NULL,
        status TEXT NOT NULL,
        orders_count INTEGER NOT NULL,
        revenue_cents INTEGER NOT NULL,
        PRIMARY KEY (second, status)
    ) WITHOUT ROWID
    """,
)
INDEXES = ("order_entries_by_id", "order_entries_by_creation")

_INSERT = "INSERT INTO order_entries VALUES (?, ?, ?, ?, ?, ?)"
_UPDATE = "UPDATE order_entries SET total_cents = ?, status = ?, version = ? WHERE position = ?"
_ADD = """
INSERT INTO order_sums VALUES (?, ?, ?, ?) ON CONFLICT (second, status) DO UPDATE
SET orders_count = orders_count + excluded.orders_count,
    revenue_cents = revenue_cents + excluded.revenue_cents
"""
_VERSION = "SELECT version FROM order_entries WHERE order_id = ?"
_ENTRY = """
SELECT position, order_id, created_ns, total_cents, status, version FROM order_entries
WHERE order_id = ?
"""
_OF_ENTRIES = """
SELECT status, count(*), sum(total_cents) FROM order_entries
WHERE created_ns >= ? AND created_ns < ? GROUP BY status
"""
_OF_SECONDS = """
SELECT status, sum(orders_count), sum(revenue_cents) FROM order_sums
WHERE second >= ? AND second < ? GROUP BY status
"""
_ALL_SUMS = "SELECT status, sum(orders_count), sum(revenue_cents) FROM order_sums GROUP BY status"
_SUMS = "SELECT second, status, orders_count, revenue_cents FROM order_sums"
_SCAN = "SELECT order_id, created_ns, total_cents, status FROM order_entries NOT INDEXED"
_SORTED = """
SELECT created_ns, total_cents, status FROM order_entries INDEXED BY order_entries_by_creation
ORDER BY created_ns, position
"""

_Sum: TypeAlias = tuple[OrderStatus, int, int]


class StatisticsTables(VersionedTables):
    """Sums, and an entry an order, on a connection."""

    name = "statistics"
    schema = SCHEMA
    emptying = ("DELETE FROM order_entries", "DELETE FROM order_sums")
    version = _VERSION

    def show(self, events: Sequence[Event]) -> None:
        """Count events: in the order of their positions, none of them counted before, no gap."""
        entries: dict[OrderId, _Entry] = {}
        new: list[_Entry] = []
        sums = _Sums()
        for event in events:
            order_id = event.order_id
            if type(event) is OrderCreated:
                entry = _Entry(
                    event.position, order_id, event.occurred_ns, event.total_cents, PENDING
                )
                new.append(entry)
                entries[order_id] = entry
                sums.add(entry, 1)
            else:
                found = entries.get(order_id)
                if found is None:
                    found = entries[order_id] = self._entry(order_id)
                entry = found
                sums.add(entry, -1)
                entry.take(event)
                sums.add(entry, 1)
            entry.version = event.version
        many = self._connection.executemany
        if new:
            many(_INSERT, [entry.columns() for entry in new])
            created = {entry.order_id for entry in new}
            changed = [e for order_id, e in entries.items() if order_id not in created]
        else:
            changed = list(entries.values())
        many(_UPDATE, [(e.total_cents, e.status, e.version, e.position) for e in changed])
        many(_ADD, sums.rows())

    def _entry(self, order_id: OrderId) -> "_Entry":
        columns = self._connection.execute(_ENTRY, (order_id,)).fetchone()
        return _Entry(*columns)

    def between(self, from_ns: Nanoseconds, to_ns: Nanoseconds) -> OrderStatistics:
        """Statistics of the orders created in [from_ns, to_ns)."""
        execute = self._connection.execute
        first, last = -(-from_ns // SECOND_NS), to_ns // SECOND_NS
        if first >= last:
            return _answer(execute(_OF_ENTRIES, (from_ns, to_ns)).fetchall())
        found: list[_Sum] = execute(_OF_SECONDS, (first, last)).fetchall()
        for start, end in ((from_ns, first * SECOND_NS), (last * SECOND_NS, to_ns)):
            if start < end:
                found += execute(_OF_ENTRIES, (start, end)).fetchall()
        return _answer(found)

    def contents(self) -> object:
        """All that can be asked of it, comparable with `==`: entries by a scan, sorted by index."""
        execute = self._connection.execute
        entries = {order_id: tuple(columns) for order_id, *columns in execute(_SCAN)}
        total = _answer(execute(_ALL_SUMS).fetchall())
        in_order = execute(_SORTED).fetchall()
        return entries, in_order, total.revenue_cents, dict(total.by_status)

    def faults(self) -> list[str]:
        """Where an index, or a sum, disagrees with the entries."""
        execute = self._connection.execute
        told = []
        for name in INDEXES:
            told += index_faults(self._connection, "order_entries", name)
        wanted = _Sums()
        for order_id, created_ns, total_cents, status in execute(_SCAN):
            wanted.add(_Entry(Position(0), order_id, created_ns, total_cents, status), 1)
        kept = {row for row in execute(_SUMS) if row[2:] != (0, 0)}
        return told + differences("order_sums", set(wanted.rows()), kept)


class _Entry:
    """What is kept of one order."""

    __slots__ = ("created_ns", "order_id", "position", "status", "total_cents", "version")

    def __init__(
        self, position: Position, order_id: OrderId, created_ns: Nanoseconds,
        total_cents: int, status: OrderStatus, version: int = 0,
    ) -> None:  # fmt: skip
        self.position, self.order_id, self.created_ns = position, order_id, created_ns
        self.total_cents, self.status, self.version = total_cents, status, version

    def take(self, event: OrderStatusChanged | OrderAmended | OrderCancelled) -> None:
        if type(event) is OrderStatusChanged:
            self.status = event.new_status
        elif type(event) is OrderAmended:
            self.total_cents = event.total_cents
        elif type(event) is OrderCancelled:
            self.status = CANCELLED
        else:
            assert_never(event)

    def columns(self) -> tuple[object, ...]:
        return (
            self.position, self.order_id, self.created_ns, self.total_cents, self.status,
            self.version,
        )  # fmt: skip


class _Sums:
    """What a batch adds to the sums."""

    def __init__(self) -> None:
        self._by_key: dict[tuple[int, OrderStatus], tuple[int, int]] = {}

    def add(self, entry: _Entry, sign: int) -> None:
        """Add an order, or take it away."""
        key = entry.created_ns // SECOND_NS, entry.status
        count, revenue = self._by_key.get(key, (0, 0))
        self._by_key[key] = count + sign, revenue + sign * entry.total_cents

    def rows(self) -> list[tuple[int, OrderStatus, int, int]]:
        """Those that are not nought."""
        return [(*key, *sums) for key, sums in self._by_key.items() if sums != (0, 0)]


def _answer(found: Sequence[_Sum]) -> OrderStatistics:
    orders, revenue = 0, 0
    by_status = dict.fromkeys(STATUSES, 0)
    for status, count, cents in found:
        by_status[status] += count
        orders, revenue = orders + count, revenue + cents
    return OrderStatistics(orders, Cents(revenue), tuple(by_status.items()))
