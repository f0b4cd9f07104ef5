"""Read model `search`: a summary an order, found by customer or product name."""

from collections import defaultdict
from typing import assert_never

import attrs

from cqrs_sim.domain.events import (
    Event,
    OrderAmended,
    OrderCancelled,
    OrderCreated,
    OrderStatusChanged,
)
from cqrs_sim.domain.item import OrderItem
from cqrs_sim.domain.status import CANCELLED, PENDING, OrderStatus
from cqrs_sim.ids import Cents, OrderId, ProductId
from cqrs_sim.read_side.names import NameOf, derived_name


@attrs.define
class SearchRow:
    """What a list of hits shows of an order."""

    order_id: OrderId
    customer_name: str
    product_names: tuple[str, ...]
    total_cents: Cents
    status: OrderStatus


class SearchReadModel:
    """Rows by id and an inverted index from names to orders.

    The index may still name an order for a product that it had before an amendment; `find` leaves
    such entries out. Looking at the row when asked is cheaper than tidying up at every amendment.
    """

    def __init__(self, name_of: NameOf = derived_name) -> None:
        self._name_of = name_of
        self.rows: dict[OrderId, SearchRow] = {}
        self._catalogue = _Catalogue()
        self._index: defaultdict[str, dict[OrderId, None]] = defaultdict(dict)

    def apply(self, event: Event) -> None:
        """Show one more event; the projector sees to it that none comes twice or out of order."""
        order_id, index = event.order_id, self._index
        if type(event) is OrderCreated:
            customer = self._name_of(event)
            index[customer][order_id] = None
            products, total = self._indexed(event.items, order_id), event.total_cents
            self.rows[order_id] = SearchRow(order_id, customer, products, total, PENDING)
            return
        row = self.rows[order_id]
        if type(event) is OrderStatusChanged:
            row.status = event.new_status
        elif type(event) is OrderAmended:
            row.product_names = self._indexed(event.items, order_id)
            row.total_cents = event.total_cents
        elif type(event) is OrderCancelled:
            row.status = CANCELLED
        else:
            assert_never(event)

    def _indexed(self, items: tuple[OrderItem, ...], order_id: OrderId) -> tuple[str, ...]:
        """The names of the items' products, each once; the order can be found by them."""
        index, catalogue, names = self._index, self._catalogue, []
        for item in items:
            name = catalogue[item.product_id]
            if name not in names:
                names.append(name)
                index[name][order_id] = None
        return tuple(names)

    def find(self, name: str) -> tuple[SearchRow, ...]:
        """The orders of a customer or with a product, by exact name, in the order of indexing.

        Returns:
            Copies: they stay as they are when later events change the rows.
        """
        found = [self.rows[order_id] for order_id in self._index.get(name, ())]
        return tuple(
            attrs.evolve(row)
            for row in found
            if name in row.product_names or name == row.customer_name
        )

    def contents(self) -> object:
        """All that can be asked of it, comparable with `==`."""
        return self.rows, {name: self.find(name) for name in sorted(self._index)}


class _Catalogue(dict[ProductId, str]):
    """The names of products, each made once."""

    def __missing__(self, product_id: ProductId) -> str:
        name = self[product_id] = f"Product-{product_id}"
        return name
