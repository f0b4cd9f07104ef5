"""Read model `statistics`: counts and revenue, kept up to date with every event."""

from bisect import bisect_left, insort
from typing import assert_never

import attrs

from cqrs_sim.domain.events import (
    Event,
    OrderAmended,
    OrderCancelled,
    OrderCreated,
    OrderStatusChanged,
)
from cqrs_sim.domain.queries import OrderStatistics
from cqrs_sim.domain.status import CANCELLED, PENDING, STATUSES, OrderStatus
from cqrs_sim.ids import Cents, Nanoseconds, OrderId


@attrs.define(order=False, eq=True)
class _Entry:
    created_ns: Nanoseconds
    total_cents: int
    status: OrderStatus


def _columns(entry: _Entry) -> tuple[Nanoseconds, int, OrderStatus]:
    return entry.created_ns, entry.total_cents, entry.status


def _created_ns(entry: _Entry) -> Nanoseconds:
    return entry.created_ns


class StatisticsReadModel:
    """Totals over all orders, and one small entry an order, sorted by creation time."""

    def __init__(self) -> None:
        self._entries: dict[OrderId, _Entry] = {}
        self._sorted: list[_Entry] = []
        self._revenue_cents = 0
        self._by_status: dict[OrderStatus, int] = dict.fromkeys(STATUSES, 0)

    def apply(self, event: Event) -> None:
        """Count one more event; the projector sees to it that none comes twice or out of order."""
        if type(event) is OrderCreated:
            self._add(event)
            return
        entry = self._entries[event.order_id]
        if type(event) is OrderStatusChanged:
            self._move(entry, event.new_status)
        elif type(event) is OrderAmended:
            self._revenue_cents += event.total_cents - entry.total_cents
            entry.total_cents = event.total_cents
        elif type(event) is OrderCancelled:
            self._move(entry, CANCELLED)
        else:
            assert_never(event)

    def _move(self, entry: _Entry, status: OrderStatus) -> None:
        self._by_status[entry.status] -= 1
        self._by_status[status] += 1
        entry.status = status

    def _add(self, event: OrderCreated) -> None:
        entry = _Entry(event.occurred_ns, event.total_cents, PENDING)
        self._entries[event.order_id] = entry
        if self._sorted and self._sorted[-1].created_ns > entry.created_ns:
            insort(self._sorted, entry, key=_created_ns)
        else:
            self._sorted.append(entry)
        self._revenue_cents += event.total_cents
        self._by_status[PENDING] += 1

    def between(self, from_ns: Nanoseconds, to_ns: Nanoseconds) -> OrderStatistics:
        """Statistics of the orders created in [from_ns, to_ns)."""
        entries = self._sorted
        if not entries or (from_ns <= entries[0].created_ns and entries[-1].created_ns < to_ns):
            return _answer(len(entries), self._revenue_cents, self._by_status)
        first = bisect_left(entries, from_ns, key=_created_ns)
        last = bisect_left(entries, to_ns, key=_created_ns)
        revenue, by_status = 0, dict.fromkeys(STATUSES, 0)
        for entry in entries[first:last]:
            revenue += entry.total_cents
            by_status[entry.status] += 1
        return _answer(max(0, last - first), revenue, by_status)

    def contents(self) -> object:
        """All that can be asked of it, comparable with `==`."""
        entries = {order_id: _columns(entry) for order_id, entry in self._entries.items()}
        in_order = [_columns(entry) for entry in self._sorted]
        return entries, in_order, self._revenue_cents, self._by_status


def _answer(
    orders_count: int, revenue_cents: int, by_status: dict[OrderStatus, int]
) -> OrderStatistics:
    counts = tuple((status, by_status[status]) for status in STATUSES)
    return OrderStatistics(orders_count, Cents(revenue_cents), counts)
