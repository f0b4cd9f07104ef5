"""Queries: what is asked of the read side, and how often.

A session is a reader that also writes. It asks for the order that it wrote last, because that is
where it would notice a read side that trails: the plan makes stale answers as likely as they are in
a shop, in which people look at their own orders.
"""

from collections.abc import Iterator, Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.actors.randomness import Streams
from cqrs_sim.domain.queries import (
    QUERY_TYPES,
    WHOLE,
    GetOrderById,
    GetOrdersByCustomer,
    GetOrdersByStatus,
    GetOrderStatistics,
    Page,
    Query,
)
from cqrs_sim.domain.status import STATUSES
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.ids import Nanoseconds, OrderId
from cqrs_sim.load_generation.workload import customer_id, in_blocks, order_id

END_OF_TIME_NS = Nanoseconds(2**63 - 1)
"""After every order of every run."""

RECENT_NS = 10_000_000_000
"""How far back statistics of recent orders reach."""

BY_ID = 0
"""Index of `GetOrderById` in `QUERY_TYPES`."""

_WHOLE_RUN = GetOrderStatistics(Nanoseconds(0), END_OF_TIME_NS)


@attrs.frozen(kw_only=True)
class Reads:
    """Which queries are sent, and by how many sessions."""

    share: float = 0.0
    """Share of operations that are queries."""
    sessions: int = 1
    by_id: float = 1.0
    """Relative weight of `GetOrderById`, and so on."""
    by_customer: float = 0.0
    by_status: float = 0.0
    statistics: float = 0.0
    page: Page = WHOLE
    """What is asked for of a list of orders."""

    def __attrs_post_init__(self) -> None:
        mistakes = []
        if not 0.0 <= self.share <= 1.0:
            mistakes.append(f"share of queries {self.share}: it must be from 0 to 1")
        if self.sessions < 1:
            mistakes.append(f"{self.sessions} sessions: there must be at least 1")
        weights = self.weights
        if not (np.isfinite(weights).all() and (weights >= 0).all()):
            mistakes.append(f"weights of queries {weights.tolist()}: they must be finite and >= 0")
        elif self.share > 0 and not weights.any():
            mistakes.append("weights of queries: at least one must be above 0")
        if mistakes:
            raise InvalidScenarioError(mistakes)

    @property
    def weights(self) -> NDArray[np.float64]:
        """Shape (4,): of the queries by id, by customer, by status, and of statistics."""
        weights = (self.by_id, self.by_customer, self.by_status, self.statistics)
        return np.array(weights, np.float64)


class QuerySource:
    """Makes one query after another; the n-th draws depend on the seed and on n alone."""

    def __init__(self, reads: Reads, customers: int, streams: Streams) -> None:
        self._customers = customers
        self._page = reads.page
        kinds, targets = streams.stream("load.query.kind"), streams.stream("load.query.target")
        self._kinds: Iterator[int] = in_blocks(lambda count: kinds_of(reads, kinds.random(count)))
        self._targets: Iterator[float] = in_blocks(targets.random)

    def ask(self, own: OrderId | None, written: Sequence[OrderId], now_ns: int | None) -> Query:
        """The next query.

        Args:
            own: The order that the session wrote last; None if it wrote none.
            written: The orders written so far by anyone; asked for where there is no own one. If
                it is empty too, the first order is asked for, which does not exist yet.
            now_ns: When it is to be sent, for statistics of the last 10 s, which are half of them;
                None if that is not known beforehand: then all are of the whole run.
        """
        kind, target = next(self._kinds), next(self._targets)
        if own is None:
            own = written[int(target * len(written))] if written else order_id(0)
        return query_of(kind, target, own, self._customers, now_ns, self._page)


def kinds_of(reads: Reads, chances: NDArray[np.float64]) -> NDArray[np.int8]:
    """The kind of each query, as an index into `QUERY_TYPES`.

    Args:
        reads: Which queries.
        chances: shape (n,), in [0, 1).
    """
    # Without weights there is no query either, and any distribution will do.
    weights = reads.weights if reads.weights.any() else np.ones(len(QUERY_TYPES))
    # A last value a hair below 1 would let a draw above it find no kind, and a kind of weight 0 at
    # the end must stay impossible: so the division is by the last sum itself.
    cumulative = np.cumsum(weights)
    cumulative /= cumulative[-1]
    return np.searchsorted(cumulative, chances, side="right").astype(np.int8)


def query_of(
    kind: int,
    target: float,
    order: OrderId,
    customers: int,
    now_ns: int | None,
    page: Page = WHOLE,
) -> Query:
    """A query.

    Args:
        kind: Index into `QUERY_TYPES`.
        target: In [0, 1): which customer, status or period it asks for.
        order: What a query by id asks for.
        customers: How many there are.
        now_ns: When it is to be sent, for statistics of the last 10 s; None: of the whole run.
        page: What it asks for of a list of orders.
    """
    if kind == BY_ID:
        return GetOrderById(order)
    if kind == 1:
        return GetOrdersByCustomer(customer_id(int(target * customers)), page)
    if kind == 2:
        return GetOrdersByStatus(STATUSES[int(target * len(STATUSES))], page)
    if now_ns is None or target < 0.5:
        return _WHOLE_RUN
    return GetOrderStatistics(Nanoseconds(max(0, now_ns - RECENT_NS)), Nanoseconds(now_ns))
