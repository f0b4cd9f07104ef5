"""Staleness: what was committed and missing in an answer.

Lag is about an event, backlog about an instant, staleness about an answer: a read model that nobody
asks has lag and no staleness. What an answer should show are the events committed when it was
given: of its order, if it is about one, else all of them, since any may bear on a list or a count.

Three measures of an answer: *k-staleness*, how many versions it lacks; its *age*, how long the
oldest event that it lacks had been committed; and whether it lacks what its own reader had written,
which is the one that people notice. `reads` sums the first two up, by kind of query and strategy.

Sources: P. Bailis et al., "Probabilistically bounded staleness for practical partial quorums", VLDB
5 (2012), 776-787 (k-staleness, and staleness in time); D. Terry et al., "Session guarantees for
weakly consistent replicated data", PDIS (1994), 140-149 ("read your writes").
"""

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.analysis.lag import seconds
from cqrs_sim.measurement.trace import CommandTable, QueryTable, Trace

NOTHING = np.int64(-1)
LISTED = 20
"""Most sessions named that missed an own write."""


@attrs.frozen(kw_only=True)
class MissedWrite:
    """An answer in which its reader's own write was missing."""

    query: int
    """Row of the query."""
    session: int
    order: str
    """Name of the order asked for."""
    wrote: int
    """Position of the last write to it that the session had been told of."""
    shown: int
    """The answer reflects all events up to here."""


@attrs.frozen(kw_only=True)
class OwnWrites:
    """Whether sessions saw what they themselves had written."""

    sessions: int
    """Sessions that asked for an order which they had written."""
    sessions_that_missed: int
    """Of these, sessions to which at least one answer lacked their write."""
    missed_by: tuple[int, ...]
    """The numbers of these, ascending; the first 20."""
    queries: int
    """Answered queries for an order that their session had written."""
    queries_that_missed: int
    witness: MissedWrite | None
    """The first of them, in plan order."""


def answer_staleness_s(trace: Trace) -> NDArray[np.float64]:
    """Age, when it was given, of the oldest committed event that an answer lacks.

    An event committed at the very instant of the answer counts, as in `versions_missing`; its age
    is then 0, which is not the same as lacking nothing.

    Returns:
        Shape (n_queries,), seconds; nan where the answer lacks nothing, or there is none.
    """
    queries, events = trace.queries, trace.events
    found = np.full(len(queries), np.nan)
    asked = np.flatnonzero(~np.isnat(queries.answered))
    lacking = _first_row_after(trace, queries, asked)
    asked, lacking = asked[lacking >= 0], lacking[lacking >= 0]
    age = queries.answered[asked] - events.committed[lacking]
    was_committed = age >= np.timedelta64(0, "ns")
    found[asked[was_committed]] = seconds(age[was_committed])
    return found


def _first_row_after(
    trace: Trace, queries: QueryTable, asked: NDArray[np.intp]
) -> NDArray[np.intp]:
    """Row of the first event after what each answer reflects, of its order if it is about one.

    Commits never decrease along the log, so the first is the oldest.

    Returns:
        Shape (n_asked,); -1 where there is no such event.
    """
    events = trace.events
    reflected = np.searchsorted(events.position, queries.position[asked], side="right")
    found = np.where(reflected < len(events), reflected, NOTHING)
    order = queries.order[asked].astype(np.int64)
    of_one = np.flatnonzero(order >= 0)
    if not len(events) or not len(of_one):
        return found
    # One sorted array of keys (order, row) answers for all orders; see `versions_missing`.
    stride = np.int64(len(events) + 1)
    keys = np.sort(events.order * stride + np.arange(len(events)))
    place = np.searchsorted(keys, order[of_one] * stride + reflected[of_one])
    key = keys[np.minimum(place, len(keys) - 1)]
    is_there = (place < len(keys)) & (key // stride == order[of_one])
    found[of_one] = np.where(is_there, key % stride, NOTHING)
    return found


def own_writes(trace: Trace, rows: NDArray[np.bool_]) -> OwnWrites:
    """Which answers lacked the last write to the order that their session had been told of.

    A write counts if it was acknowledged when the query was sent or before: a closed-loop client
    asks at the very instant of its acknowledgement.

    Args:
        trace: the run.
        rows: shape (n_queries,): the queries to look at.
    """
    queries = trace.queries
    asked = np.flatnonzero(rows & (queries.order >= 0) & ~np.isnat(queries.answered))
    wrote = last_own_write(trace.commands, queries, asked)
    asked, wrote = asked[wrote > 0], wrote[wrote > 0]
    has_missed = wrote > queries.position[asked]
    missed = asked[has_missed]
    missed_by = np.unique(queries.session[missed])
    witness = None
    if len(missed):
        first = int(missed[0])
        witness = MissedWrite(
            query=first,
            session=int(queries.session[first]),
            order=trace.order_ids[queries.order[first]],
            wrote=int(wrote[has_missed][0]),
            shown=int(queries.position[first]),
        )
    return OwnWrites(
        sessions=len(np.unique(queries.session[asked])),
        sessions_that_missed=len(missed_by),
        missed_by=tuple(missed_by[:LISTED].tolist()),
        queries=len(asked),
        queries_that_missed=len(missed),
        witness=witness,
    )


def last_own_write(
    commands: CommandTable, queries: QueryTable, asked: NDArray[np.intp]
) -> NDArray[np.int64]:
    """Position of the last write to its order that a query's session knew of when it was sent.

    Args:
        commands: of the run.
        queries: of the run.
        asked: shape (n,), rows of queries about one order, submitted.

    Returns:
        Shape (n,), in the order of `asked`; 0 where there is none.
    """
    written = np.flatnonzero((commands.position > 0) & ~np.isnat(commands.acknowledged))
    known = np.zeros(len(asked), np.int64)
    if not len(written) or not len(asked):
        return known
    # Sorted by (session and order, acknowledged), the writes that a query may know of end where
    # its own (session and order, submitted) belongs. Instants enter as ranks, so that both fit
    # into one key; the count of pairs times that of writes stays far below 2^63.
    written = written[np.argsort(commands.acknowledged[written], kind="stable")]
    acknowledged = commands.acknowledged[written]
    pair = _pair(commands.session[written], commands.order[written])
    wanted = _pair(queries.session[asked], queries.order[asked])
    pairs, number = np.unique(pair, return_inverse=True)
    stride = np.int64(len(written) + 1)
    by_pair = np.argsort(number, kind="stable")
    keys = number[by_pair] * stride + by_pair
    # Positions of one order are acknowledged in order, but for replies that overtake.
    top = np.int64(commands.position.max() + 1)
    latest = np.maximum.accumulate(number[by_pair] * top + commands.position[written[by_pair]])
    index = np.minimum(np.searchsorted(pairs, wanted), len(pairs) - 1)
    rank = np.searchsorted(acknowledged, queries.submitted[asked], side="right")
    place = np.searchsorted(keys, index * stride + rank) - 1
    is_known = (pairs[index] == wanted) & (place >= 0)
    is_known &= latest[place] // top == index
    known[is_known] = (latest[place] % top)[is_known]
    return known


def _pair(session: NDArray[np.int32], order: NDArray[np.int32]) -> NDArray[np.int64]:
    """Session and order in one number."""
    return (session.astype(np.int64) << 32) + order
