"""A read model in tables, as the rest of a running system sees it.

It only reads. Who writes the tables does that in batches, a transaction each: a projector of its
own (`stored_projector.StoredProjector`), or the commit of the events. What no table can hold, half
a surrogate pair as a name or an instant beyond 64 bits, may be asked for all the same: it is
answered as in memory.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol, assert_never, cast

from cqrs_sim.domain.events import Event
from cqrs_sim.domain.queries import (
    WHOLE,
    AnswerValue,
    GetOrderById,
    GetOrdersByCustomer,
    GetOrdersByStatus,
    GetOrderStatistics,
    OrderRow,
    OrderStatistics,
    Page,
    Query,
)
from cqrs_sim.domain.status import STATUSES, OrderStatus
from cqrs_sim.errors import InvariantViolationError
from cqrs_sim.event_log.codec import is_text
from cqrs_sim.ids import CustomerId, Nanoseconds, OrderId, Position

_EARLIEST, _LATEST = Nanoseconds(-(1 << 63)), Nanoseconds((1 << 63) - 1)
"""Instants that a column holds; `codec.row_of` lets none beyond into the log."""

Snapshot = Callable[[], AbstractContextManager[Position]]
Guard = Callable[[], AbstractContextManager[object]]


class TableContents(Protocol):
    """Tables that can be looked at as a whole."""

    def contents(self) -> object:
        """All that can be asked of them, comparable with `==`."""


class OrderAnswers(TableContents, Protocol):
    """Tables that answer for the read model `orders`."""

    def by_id(self, order_id: OrderId) -> OrderRow | None:
        """The row of an order, or None."""

    def by_customer(self, customer_id: CustomerId, page: Page = WHOLE) -> tuple[OrderRow, ...]:
        """The rows of a customer, oldest first."""

    def by_status(self, status: OrderStatus, page: Page = WHOLE) -> tuple[OrderRow, ...]:
        """The rows in a status, in the order in which they came to it."""


class StatisticsAnswers(TableContents, Protocol):
    """Tables that answer for the read model `statistics`."""

    def between(self, from_ns: Nanoseconds, to_ns: Nanoseconds) -> OrderStatistics:
        """Statistics of the orders created in [from_ns, to_ns)."""


class TableModel:
    """Asks tables; each answer reflects one commit."""

    def __init__(
        self,
        tables: TableContents,
        snapshot: Snapshot,
        guard: Guard,
        *,
        is_in_sequence: bool = True,
    ) -> None:
        """Ask through a connection that only reads.

        Args:
            tables: on that connection; an `OrderAnswers` or `StatisticsAnswers` if it is asked so.
            snapshot: a transaction of the connection: what is read within it is of one commit, and
                shows all up to the position that it gives.
            guard: turns what the database raises into errors of ours.
            is_in_sequence: whether rows are listed in the sequence of what happened.
        """
        self._tables = tables
        self._snapshot = snapshot
        self._guard = guard
        self.is_in_sequence = is_in_sequence

    def apply(self, event: Event) -> None:
        """Of no use: events come to tables in the transactions of their writer."""
        raise InvariantViolationError(f"{event.event_id} was given to the reader of tables")

    def answer(self, query: Query) -> tuple[AnswerValue, Position]:
        """The answer to a query that is for these tables, and the position that it reflects.

        That may be of a commit of which nobody here has heard yet.

        Raises:
            StoreError: if they cannot be read.
        """
        with self._guard(), self._snapshot() as position:
            return self._value(query), position

    def _value(self, query: Query) -> AnswerValue:
        if isinstance(query, GetOrderStatistics):
            statistics = cast("StatisticsAnswers", self._tables)
            return statistics.between(_clipped(query.from_ns), _clipped(query.to_ns))
        orders = cast("OrderAnswers", self._tables)
        match query:
            case GetOrderById(order_id=order_id):
                return orders.by_id(order_id) if is_text(order_id) else None
            case GetOrdersByCustomer(customer_id=customer_id, page=page):
                return orders.by_customer(customer_id, page) if is_text(customer_id) else ()
            case GetOrdersByStatus(status=status, page=page):
                return orders.by_status(status, page) if status in STATUSES else ()
            case _:
                assert_never(query)

    def contents(self) -> object:
        """All that can be asked of it, comparable with `==`; equal to that of the one in memory.

        Raises:
            StoreError: if they cannot be read.
        """
        with self._guard(), self._snapshot():
            return self._tables.contents()


def _clipped(instant_ns: Nanoseconds) -> Nanoseconds:
    return max(_EARLIEST, min(instant_ns, _LATEST))
