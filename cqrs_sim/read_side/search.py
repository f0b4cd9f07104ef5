"""Read model `search`: a summary an order, found by customer or product name."""

from typing import assert_never

import attrs

from cqrs_sim.domain.commands import OrderItem
from cqrs_sim.domain.events import (
    Event,
    OrderAmended,
    OrderCancelled,
    OrderCreated,
    OrderStatusChanged,
)
from cqrs_sim.domain.status import CANCELLED, PENDING, OrderStatus
from cqrs_sim.ids import Cents, OrderId


@attrs.define
class SearchRow:
    """What a list of hits shows of an order; never changed, every event makes a new one."""

    order_id: OrderId
    customer_name: str
    product_names: tuple[str, ...]
    total_cents: Cents
    status: OrderStatus


class SearchReadModel:
    """Rows by id and an inverted index from names to orders."""

    def __init__(self) -> None:
        self.rows: dict[OrderId, SearchRow] = {}
        self._index: dict[str, dict[OrderId, None]] = {}

    def apply(self, event: Event) -> None:
        """Show one more event; the projector sees to it that none comes twice or out of order."""
        order_id = event.order_id
        if isinstance(event, OrderCreated):
            name, products = f"Customer-{event.customer_id}", _product_names(event.items)
            self.rows[order_id] = SearchRow(order_id, name, products, event.total_cents, PENDING)
            for term in (name, *products):
                self._index.setdefault(term, {})[order_id] = None
            return
        row = self.rows[order_id]
        products, total, status = row.product_names, row.total_cents, row.status
        match event:
            case OrderStatusChanged():
                status = event.new_status
            case OrderAmended():
                products, total = _product_names(event.items), event.total_cents
                self._reindex(order_id, row.product_names, products)
            case OrderCancelled():
                status = CANCELLED
            case _:
                assert_never(event)
        self.rows[order_id] = SearchRow(order_id, row.customer_name, products, total, status)

    def _reindex(self, order_id: OrderId, old: tuple[str, ...], new: tuple[str, ...]) -> None:
        if old == new:
            return
        index = self._index
        for name in old:
            if name not in new:
                del index[name][order_id]
        for name in new:
            if name not in old:
                index.setdefault(name, {})[order_id] = None

    def find(self, name: str) -> tuple[SearchRow, ...]:
        """The orders of a customer or with a product, by exact name, in the order of indexing."""
        return tuple([self.rows[order_id] for order_id in self._index.get(name, ())])

    def contents(self) -> object:
        """All that can be asked of it, comparable with `==`."""
        return self.rows, {name: tuple(ids) for name, ids in self._index.items() if ids}


def _product_names(items: tuple[OrderItem, ...]) -> tuple[str, ...]:
    names = []
    for item in items:
        name = f"Product-{item.product_id}"
        if name not in names:
            names.append(name)
    return tuple(names)
