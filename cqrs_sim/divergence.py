"""Divergence: in which orders a read model differs from a fold of the log, and how.

Only a whole read model is judged: one that has been given every event, and shows something else
than the same events in their order come to.
"""

from collections.abc import Iterator

import attrs

from cqrs_sim.domain.queries import OrderRow
from cqrs_sim.domain.status import STATUSES
from cqrs_sim.ids import OrderId
from cqrs_sim.read_side.careless import CarelessOrders, CarelessStatistics
from cqrs_sim.read_side.orders import OrdersReadModel

NAMED = 5
"""Most orders named."""


@attrs.frozen
class Divergence:
    """How one read model differs from the log."""

    read_model: str
    orders: tuple[OrderId, ...]
    """All that differ, in the order of their creation."""
    orders_count: int
    """How many the log has."""
    shown: str
    """What the read model shows of the first of them."""
    expected: str
    """What the log says of it."""

    def __str__(self) -> str:
        return (
            f"{self.read_model} is wrong about {len(self.orders):,} of {self.orders_count:,} "
            f"orders, first {self.orders[0]}: it shows {self.shown}, the log says {self.expected}"
        )


def divergence(
    name: str, shown: CarelessOrders | CarelessStatistics, expected: OrdersReadModel
) -> Divergence | None:
    """How a careless read model differs from the orders that the log comes to; None if it does not.

    Statistics are judged by the orders that they count.
    """
    listed = None if isinstance(shown, CarelessStatistics) else _listed(shown)
    orders = shown.orders if isinstance(shown, CarelessStatistics) else shown
    true_lists = _listed(expected)
    wrong = tuple(
        order_id
        for order_id, row in expected.rows.items()
        if not _same(orders.rows.get(order_id), row)
        or (listed is not None and listed.get(order_id) != true_lists[order_id])
    )
    if not wrong:
        return None
    first = wrong[0]
    where = None if listed is None else listed.get(first, ())
    return Divergence(
        read_model=name,
        orders=wrong,
        orders_count=len(expected.rows),
        shown=_told(orders.rows.get(first), where),
        expected=_told(expected.rows[first], true_lists[first] if where is not None else None),
    )


def _same(shown: OrderRow | None, expected: OrderRow) -> bool:
    """Whether all is equal that a reader can see; rows of two classes are never `==`."""
    return shown is not None and all(
        getattr(shown, field.name) == getattr(expected, field.name)
        for field in attrs.fields(OrderRow)
    )


def _listed(orders: CarelessOrders | OrdersReadModel) -> dict[OrderId, tuple[str, ...]]:
    """Under which statuses the index has each order."""
    found: dict[OrderId, tuple[str, ...]] = {}
    for status in STATUSES:
        for row in orders.by_status(status):
            found[row.order_id] = (*found.get(row.order_id, ()), status)
    return found


def _told(row: OrderRow | None, listed: tuple[str, ...] | None) -> str:
    if row is None:
        return "no such order"
    parts: list[str] = [f"{row.status} after version {row.version}"]
    if listed is not None and listed != (row.status,):
        parts += _list_told(listed)
    return ", ".join(parts)


def _list_told(listed: tuple[str, ...]) -> Iterator[str]:
    yield f"listed under {' and '.join(listed)}" if listed else "listed under no status"
