"""Queries to the read side, and the shapes of their answers.

Answers are frozen snapshots: what a caller holds never changes under its hands.
"""

from typing import Protocol, TypeAlias, assert_never

import attrs

from cqrs_sim.domain.item import OrderItem
from cqrs_sim.domain.order import Order
from cqrs_sim.domain.status import OrderStatus
from cqrs_sim.ids import Cents, CustomerId, Nanoseconds, OrderId

MOST_LISTED = 1_000_000_000
"""Orders in a list: more than any read model holds."""


@attrs.frozen(kw_only=True)
class Page:
    """A part of a list of orders.

    Orders never leave the list of a customer, and new ones come behind the others, so its pages fit
    together at any time. Those of a list by status do if each is asked of one position
    (`as_of`): an order that left it between two pages would move the others up by one.

    Raises:
        ValueError: if `limit` is no whole number from 1 to `MOST_LISTED`, or `offset` none from 0.
    """

    limit: int = MOST_LISTED
    """Most orders on it."""
    offset: int = 0
    """Orders before it, which are not on it."""

    def __attrs_post_init__(self) -> None:
        """Refuse what no list can be cut by."""
        for name, value, least in (("limit", self.limit, 1), ("offset", self.offset, 0)):
            if type(value) is not int or not least <= value <= MOST_LISTED:
                most = f"{MOST_LISTED:,}"
                raise ValueError(f"{name} = {value!r}: must be a whole number, {least} to {most}")

    @property
    def end(self) -> int:
        """Index behind its last order, if the list is as long."""
        return self.offset + self.limit


WHOLE = Page()
"""The page that is the whole list."""


@attrs.frozen
class GetOrderById:
    """One order, or None if the read model does not know it."""

    order_id: OrderId


@attrs.frozen
class GetOrdersByCustomer:
    """The orders of a customer, oldest first; none if the customer is unknown."""

    customer_id: CustomerId
    page: Page = WHOLE


@attrs.frozen
class GetOrdersByStatus:
    """The orders in a status, in the order in which they came to it."""

    status: OrderStatus
    page: Page = WHOLE


@attrs.frozen
class GetOrderStatistics:
    """Counts and revenue of the orders created in the half-open interval [from_ns, to_ns)."""

    from_ns: Nanoseconds
    to_ns: Nanoseconds


Query: TypeAlias = GetOrderById | GetOrdersByCustomer | GetOrdersByStatus | GetOrderStatistics

QUERY_TYPES: tuple[type[Query], ...] = (
    GetOrderById,
    GetOrdersByCustomer,
    GetOrdersByStatus,
    GetOrderStatistics,
)


@attrs.define
class OrderRow:
    """One order as the read model `orders` shows it; what a caller holds never changes."""

    order_id: OrderId
    customer_id: CustomerId
    customer_name: str
    items: tuple[OrderItem, ...]
    total_cents: Cents
    status: OrderStatus
    created_ns: Nanoseconds
    updated_ns: Nanoseconds
    version: int
    """The last event of the order that this row shows."""

    @property
    def item_count(self) -> int:
        """Lines of the order."""
        return len(self.items)

    @property
    def unit_count(self) -> int:
        """Units over all lines."""
        return sum(item.quantity for item in self.items)


def row_of(order: Order | None) -> OrderRow | None:
    """An order's state as a query answers it: what the read model `orders` shows once it can.

    The name of the customer is the first one: of later ones the orders know nothing.
    """
    if order is None:
        return None
    return OrderRow(
        order.order_id, order.customer_id, f"Customer-{order.customer_id}", order.items,
        order.total_cents, order.status, order.created_ns, order.updated_ns, order.version,
    )  # fmt: skip


@attrs.frozen
class OrderStatistics:
    """The answer to `GetOrderStatistics`; cancelled orders count in the revenue too."""

    orders_count: int
    revenue_cents: Cents
    by_status: tuple[tuple[OrderStatus, int], ...]
    """How many orders are in each status, all five statuses, in their usual order."""

    @property
    def average_order_cents(self) -> float:
        """Mean order value in cents; 0.0 if there is no order."""
        return self.revenue_cents / self.orders_count if self.orders_count else 0.0


AnswerValue: TypeAlias = OrderRow | tuple[OrderRow, ...] | OrderStatistics | None


class OrderAnswers(Protocol):
    """Who answers for the read model `orders`."""

    def by_id(self, order_id: OrderId) -> OrderRow | None:
        """The row of an order, or None."""

    def by_customer(self, customer_id: CustomerId, page: Page = WHOLE) -> tuple[OrderRow, ...]:
        """The rows of a customer, oldest first."""

    def by_status(self, status: OrderStatus, page: Page = WHOLE) -> tuple[OrderRow, ...]:
        """The rows in a status, in the order in which they came to it."""


class StatisticsAnswers(Protocol):
    """Who answers for the read model `statistics`."""

    def between(self, from_ns: Nanoseconds, to_ns: Nanoseconds) -> OrderStatistics:
        """Statistics of the orders created in [from_ns, to_ns)."""


def answer_to(query: Query, orders: OrderAnswers, statistics: StatisticsAnswers) -> AnswerValue:
    """What the one of the two says whom a query is for."""
    match query:
        case GetOrderById(order_id=order_id):
            return orders.by_id(order_id)
        case GetOrdersByCustomer(customer_id=customer_id, page=page):
            return orders.by_customer(customer_id, page)
        case GetOrdersByStatus(status=status, page=page):
            return orders.by_status(status, page)
        case GetOrderStatistics(from_ns=from_ns, to_ns=to_ns):
            return statistics.between(from_ns, to_ns)
        case _:
            assert_never(query)
