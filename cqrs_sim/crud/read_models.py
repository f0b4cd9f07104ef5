"""The read models of somebody who has none: each is a way to ask the normalised tables.

`contents()` equals that of the read models in memory, but that `search` lists orders oldest first.
"""

from collections.abc import Callable

from cqrs_sim.crud.answers import NormalisedAnswers
from cqrs_sim.domain.status import STATUSES
from cqrs_sim.ids import Nanoseconds
from cqrs_sim.tables.connection import Connection

_CUSTOMERS = "SELECT customer_id FROM customers"
_NAMES = "SELECT name FROM customers UNION SELECT name FROM products"


class JoinedOrders(NormalisedAnswers):
    """Rows by id, customer and status."""

    def contents(self) -> object:
        """All that can be asked of it, comparable with `==`."""
        by_status = {status: self.by_status(status) for status in STATUSES}
        customers = [customer for (customer,) in self._connection.execute(_CUSTOMERS).fetchall()]
        return (
            {row.order_id: row for rows in by_status.values() for row in rows},
            {one: [row.order_id for row in self.by_customer(one)] for one in customers},
            {status: tuple([row.order_id for row in rows]) for status, rows in by_status.items()},
        )


class JoinedStatistics(NormalisedAnswers):
    """Sums over all orders, or those of a period."""

    def contents(self) -> object:
        """All that can be asked of it, comparable with `==`."""
        rows = [row for status in STATUSES for row in self.by_status(status)]
        entries = {row.order_id: (row.created_ns, row.total_cents, row.status) for row in rows}
        in_order = [entries[order_id] for (order_id,) in self._connection.execute(_BY_CREATION)]
        total = self.between(_EVER[0], _EVER[1])
        return entries, in_order, total.revenue_cents, dict(total.by_status)


class JoinedSearch(NormalisedAnswers):
    """Orders by the names of customers and products."""

    def contents(self) -> object:
        """All that can be asked of it, comparable with `==`."""
        names = sorted([name for (name,) in self._connection.execute(_NAMES)])
        found = {name: self.find(name) for name in names}
        return {row.order_id: row for rows in found.values() for row in rows}, found


_BY_CREATION = "SELECT order_id FROM orders ORDER BY created_ns, number"
_EVER = (Nanoseconds(-(1 << 63)), Nanoseconds((1 << 63) - 1))

JOINED: dict[str, Callable[[Connection], JoinedOrders | JoinedStatistics | JoinedSearch]] = {
    "orders": JoinedOrders,
    "statistics": JoinedStatistics,
    "search": JoinedSearch,
}
"""By the name of the read model that each stands for."""
