"""Answers from the normalised tables: names and lines by joins, totals by sums, every time anew.

The answers are those of the read models, row by row.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import TypeAlias

from cqrs_sim.domain.item import OrderItem
from cqrs_sim.domain.queries import WHOLE, OrderRow, OrderStatistics, Page
from cqrs_sim.domain.status import STATUSES, OrderStatus
from cqrs_sim.ids import Cents, CustomerId, Nanoseconds, OrderId, ProductId, Version
from cqrs_sim.read_side.search import SearchRow
from cqrs_sim.tables.connection import Connection

_SELECT = """
SELECT number, order_id, customer_id, customers.name, status, created_ns, updated_ns, version,
    product_id, quantity, price_cents
FROM orders JOIN customers USING (customer_id) JOIN order_lines ON order_number = number
"""
_BY_ID = f"{_SELECT} WHERE order_id = ? ORDER BY line"
# A page is so many orders, whatever the number of their lines.
_OF_CUSTOMER = "SELECT number FROM orders WHERE customer_id = ? ORDER BY number LIMIT ? OFFSET ?"
_OF_STATUS = "SELECT number FROM orders WHERE status = ? ORDER BY arrived LIMIT ? OFFSET ?"
_BY_CUSTOMER = f"{_SELECT} WHERE number IN ({_OF_CUSTOMER}) ORDER BY number, line"
_BY_STATUS = f"{_SELECT} WHERE number IN ({_OF_STATUS}) ORDER BY arrived, line"
_EXTENT = "SELECT (SELECT min(created_ns) FROM orders), (SELECT max(created_ns) FROM orders)"
# Over all orders SQLite goes through the index by status, so that groups need no sorting; of a
# period it would do so too, through every order: five times as long for a tenth of 10,000.
_ALL = """
SELECT status, count(*), sum(cents) FROM (
    SELECT status, (
        SELECT sum(quantity * price_cents) FROM order_lines WHERE order_number = number
    ) AS cents
    FROM orders
) GROUP BY status
"""
_BETWEEN = """
SELECT status, count(*), sum(cents) FROM (
    SELECT status, (
        SELECT sum(quantity * price_cents) FROM order_lines WHERE order_number = number
    ) AS cents
    FROM orders INDEXED BY orders_by_creation WHERE created_ns >= ? AND created_ns < ?
) GROUP BY status
"""
_FIND = """
SELECT number, order_id, customers.name, status, products.name, quantity * price_cents
FROM orders JOIN customers USING (customer_id) JOIN order_lines ON order_number = number
    JOIN products USING (product_id)
WHERE number IN (
    SELECT number FROM customers JOIN orders USING (customer_id) WHERE name = ?
    UNION
    SELECT order_number FROM products JOIN order_lines USING (product_id) WHERE name = ?
)
ORDER BY number, line
"""

_Line: TypeAlias = tuple[
    *tuple[int, OrderId, CustomerId, str, OrderStatus, Nanoseconds, Nanoseconds, Version],
    *tuple[ProductId, int, Cents],
]
"""Of an order, with all that is the order's."""


class NormalisedAnswers:
    """The questions, asked of a connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def by_id(self, order_id: OrderId) -> OrderRow | None:
        """The row of an order, or None."""
        return next(_rows(self._connection.execute(_BY_ID, (order_id,))), None)

    def by_customer(self, customer_id: CustomerId, page: Page = WHOLE) -> tuple[OrderRow, ...]:
        """The rows of a customer, oldest first."""
        page_of = (customer_id, page.limit, page.offset)
        return tuple(_rows(self._connection.execute(_BY_CUSTOMER, page_of)))

    def by_status(self, status: OrderStatus, page: Page = WHOLE) -> tuple[OrderRow, ...]:
        """The rows in a status, in the order in which they came to it."""
        page_of = (status, page.limit, page.offset)
        return tuple(_rows(self._connection.execute(_BY_STATUS, page_of)))

    def between(self, from_ns: Nanoseconds, to_ns: Nanoseconds) -> OrderStatistics:
        """Statistics of the orders created in [from_ns, to_ns)."""
        orders, revenue = 0, 0
        by_status = dict.fromkeys(STATUSES, 0)
        execute = self._connection.execute
        first, last = execute(_EXTENT).fetchone()
        is_all = first is not None and from_ns <= first and last < to_ns
        for status, count, cents in (
            execute(_ALL) if is_all else execute(_BETWEEN, (from_ns, to_ns))
        ):
            by_status[status] = count
            orders, revenue = orders + count, revenue + cents
        return OrderStatistics(orders, Cents(revenue), tuple(by_status.items()))

    def find(self, name: str) -> tuple[SearchRow, ...]:
        """The orders of a customer or with a product, by exact name, oldest first.

        The read model gives them in the order of indexing, which differs after amendments: these
        tables know no history.
        """
        found = self._connection.execute(_FIND, (name, name))
        return tuple(_search_row(list(lines)) for _, lines in groupby(found, key=itemgetter(0)))


def _rows(lines: Iterable[_Line]) -> Iterator[OrderRow]:
    """Orders from their lines, which come together."""
    for _, group in groupby(lines, key=itemgetter(0)):
        items, total = [], 0
        for line in group:
            quantity, price = line[9], line[10]
            items.append(OrderItem(line[8], quantity, price))
            total += quantity * price
        _, order_id, customer_id, name, status, created, updated, version = line[:8]
        yield OrderRow(
            order_id, customer_id, name, tuple(items), Cents(total), status, created, updated,
            version,
        )  # fmt: skip


def _search_row(lines: list[tuple[int, OrderId, str, OrderStatus, str, int]]) -> SearchRow:
    _, order_id, customer, status, _, _ = lines[0]
    products = tuple(dict.fromkeys([line[4] for line in lines]))
    return SearchRow(order_id, customer, products, Cents(sum([x[5] for x in lines])), status)
