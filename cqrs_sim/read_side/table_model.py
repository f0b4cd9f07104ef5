"""A read model in tables, as the rest of a running system sees it.

It only reads. Who writes the tables does that in batches, a transaction each: a projector of its
own (`stored_projector.StoredProjector`), or the commit of the events. What no table can hold, half
a surrogate pair as a name or an instant beyond 64 bits, may be asked for all the same: it is
answered as in memory.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol, cast

from cqrs_sim.domain.events import Event
from cqrs_sim.domain.queries import (
    AnswerValue,
    GetOrderById,
    GetOrdersByCustomer,
    GetOrdersByStatus,
    GetOrderStatistics,
    OrderAnswers,
    Query,
    StatisticsAnswers,
    answer_to,
)
from cqrs_sim.domain.status import STATUSES
from cqrs_sim.errors import InvariantViolationError
from cqrs_sim.event_log.codec import LEAST, MOST, is_text
from cqrs_sim.ids import Nanoseconds, Position

Snapshot = Callable[[], AbstractContextManager[Position]]
Guard = Callable[[], AbstractContextManager[object]]


class TableContents(Protocol):
    """Tables that can be looked at as a whole."""

    def contents(self) -> object:
        """All that can be asked of them, comparable with `==`."""


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
        if isinstance(query, GetOrderById) and not is_text(query.order_id):
            return None
        if isinstance(query, GetOrdersByCustomer) and not is_text(query.customer_id):
            return ()
        if isinstance(query, GetOrdersByStatus) and query.status not in STATUSES:
            return ()
        if isinstance(query, GetOrderStatistics):
            query = GetOrderStatistics(_clipped(query.from_ns), _clipped(query.to_ns))
        tables = self._tables
        return answer_to(query, cast("OrderAnswers", tables), cast("StatisticsAnswers", tables))

    def contents(self) -> object:
        """All that can be asked of it, comparable with `==`; equal to that of the one in memory.

        Raises:
            StoreError: if they cannot be read.
        """
        with self._guard(), self._snapshot():
            return self._tables.contents()


def _clipped(instant_ns: Nanoseconds) -> Nanoseconds:
    """An instant that a column holds: `codec.row_of` lets none beyond into the log."""
    return Nanoseconds(max(LEAST, min(instant_ns, MOST)))
