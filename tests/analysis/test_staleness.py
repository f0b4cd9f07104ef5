"""What was missing in answers, against plain loops."""

import attrs
import numpy as np
import pytest
from numpy.typing import NDArray
from traces import Plan, make_trace, stamps

from cqrs_sim.analysis.staleness import (
    MissedWrite,
    answer_staleness_s,
    last_own_write,
    own_writes,
)
from cqrs_sim.measurement.trace import CommandTable, EventTable, QueryTable, Trace, select

MS = 1_000_000
ALL = slice(None)


def three_events() -> Trace:
    """Of orders a, b, a, committed at 10, 20 and 30 ms; acknowledged 2 ms later by session 5."""
    count = 3
    nothing = make_trace(Plan(rate_per_s=0.0))
    return attrs.evolve(
        nothing,
        commands=CommandTable(
            intended=stamps(9 * MS, 19 * MS, 29 * MS),
            submitted=stamps(9 * MS, 19 * MS, 29 * MS),
            dequeued=stamps(9 * MS, 19 * MS, 29 * MS),
            committed=stamps(10 * MS, 20 * MS, 30 * MS),
            acknowledged=stamps(12 * MS, 22 * MS, 32 * MS),
            order=np.array([0, 1, 0], np.int32),
            kind=np.zeros(count, np.int8),
            session=np.full(count, 5, np.int32),
            outcome=np.ones(count, np.int8),
            version=np.array([1, 1, 2], np.int32),
            position=np.array([1, 2, 3], np.int64),
        ),
        events=EventTable(
            position=np.array([1, 2, 3], np.int64),
            command=np.array([0, 1, 2], np.int32),
            order=np.array([0, 1, 0], np.int32),
            version=np.array([1, 1, 2], np.int32),
            committed=stamps(10 * MS, 20 * MS, 30 * MS),
        ),
        order_ids=("a", "b", "c"),
    )


def asking(*rows: tuple[int, int | None, int, int]) -> Trace:
    """Queries as (sent ms, answered ms, order or -1, position reflected) of session 5."""
    trace, count = three_events(), len(rows)
    sent, answered, order, position = zip(*rows, strict=True)
    # The columns that this is not about are as in any other trace.
    template = select(make_trace().queries, slice(0, count))
    queries = attrs.evolve(
        template,
        intended=stamps(*(at * MS for at in sent)),
        submitted=stamps(*(at * MS for at in sent)),
        answered=stamps(*(None if at is None else at * MS for at in answered)),
        kind=np.array([0 if at >= 0 else 1 for at in order], np.int8),
        session=np.full(count, 5, np.int32),
        order=np.array(order, np.int32),
        position=np.array(position, np.int64),
        versions_missing=np.full(count, np.nan),
    )
    return attrs.evolve(trace, queries=queries)


@pytest.mark.parametrize(
    ("answered", "order", "position", "expected"),
    [
        (40, 0, 3, np.nan),  # It shows everything.
        (40, 0, 2, 0.010),  # It lacks position 3.
        (40, 0, 0, 0.030),  # It lacks 1 and 3: the oldest counts.
        (25, 0, 1, np.nan),  # 3 was not committed yet.
        (30, 0, 1, 0.0),  # It was, at that very instant.
        (40, 1, 2, np.nan),  # What it lacks is of another order.
        (40, 1, 1, 0.020),
        (40, 2, 0, np.nan),  # Nothing was ever written to this order.
        (40, -1, 0, 0.030),  # A list lacks whatever the log has.
        (40, -1, 1, 0.020),
        (40, -1, 3, np.nan),
        (5, -1, 0, np.nan),  # Nothing was committed yet.
        (None, 0, 0, np.nan),  # It was never answered.
    ],
)
def test_an_answer_is_as_stale_as_the_oldest_event_that_it_lacks(
    answered: int | None, order: int, position: int, expected: float
) -> None:
    trace = asking((4, answered, order, position))
    np.testing.assert_allclose(answer_staleness_s(trace), [expected])


def looped_staleness_s(trace: Trace) -> NDArray[np.float64]:
    """The definition, row by row."""
    events, queries = trace.events, trace.queries
    found = np.full(len(queries), np.nan)
    for row in range(len(queries)):
        lacks = (events.position > queries.position[row]) & (
            events.committed <= queries.answered[row]
        )
        if queries.order[row] >= 0:
            lacks &= events.order == queries.order[row]
        if lacks.any():
            oldest = events.committed[lacks].min()
            found[row] = (queries.answered[row] - oldest) / np.timedelta64(1, "s")
    return found


def test_all_answers_of_a_run_are_as_stale_as_a_loop_says() -> None:
    trace = make_trace(Plan(seconds=2.0, orders=20, read_ns=(("orders", 900_000),)))
    found, expected = answer_staleness_s(trace), looped_staleness_s(trace)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    assert 0 < np.count_nonzero(np.isnan(found)) < len(found)


def test_a_session_misses_a_write_that_it_knew_of_and_does_not_see() -> None:
    trace = asking(
        (11, 50, 0, 0),  # Not told of its write yet.
        (12, 50, 0, 0),  # Told at this very instant, and it is not there.
        (12, 50, 0, 1),  # It is.
        (31, 50, 0, 1),  # Not told of position 3 yet.
        (32, 50, 0, 2),  # Told, and it is not there.
        (40, 50, 2, 0),  # Never wrote this order.
        (40, 50, -1, 0),  # Asks for a list.
        (40, None, 0, 0),  # Not answered.
    )
    rows = np.ones(len(trace.queries), np.bool_)
    found = own_writes(trace, rows)
    assert (found.queries, found.queries_that_missed) == (4, 2)
    assert (found.sessions, found.sessions_that_missed) == (1, 1)
    assert found.witness == MissedWrite(query=1, session=5, order="a", wrote=1, shown=0)
    assert found.missed_by == (5,)
    rows[1] = False
    later = own_writes(trace, rows).witness
    assert later == MissedWrite(query=4, session=5, order="a", wrote=3, shown=2)


def test_a_write_of_another_session_is_not_ones_own() -> None:
    trace = asking((40, 50, 0, 0))
    queries = attrs.evolve(trace.queries, session=np.array([6], np.int32))
    found = own_writes(attrs.evolve(trace, queries=queries), np.ones(1, np.bool_))
    assert (found.queries, found.sessions, found.witness) == (0, 0, None)


def test_of_many_sessions_that_missed_a_write_the_first_are_named() -> None:
    """Thirty sessions write order a, each in its turn, and see nothing of it."""
    trace = asking(*[(40, 50, 0, 0)] * 30)
    session = np.arange(100, 130, dtype=np.int32)[::-1].copy()
    first = select(trace.commands, np.zeros(30, np.intp))
    own = attrs.evolve(
        trace,
        commands=attrs.evolve(first, session=session),
        queries=attrs.evolve(trace.queries, session=session),
    )
    found = own_writes(own, np.ones(30, np.bool_))
    assert (found.sessions_that_missed, found.queries_that_missed) == (30, 30)
    assert found.missed_by == tuple(range(100, 120))
    assert own_writes(own, np.zeros(30, np.bool_)).missed_by == ()


def looped_own_writes(
    commands: CommandTable, queries: QueryTable, asked: NDArray[np.intp]
) -> list[int]:
    """The definition, row by row."""
    known = []
    for row in asked:
        own = (
            (commands.session == queries.session[row])
            & (commands.order == queries.order[row])
            & (commands.acknowledged <= queries.submitted[row])
        )
        known.append(int(commands.position[own].max(initial=0)))
    return known


@pytest.mark.parametrize("seed", range(5))
def test_what_a_session_knew_is_what_a_loop_says(seed: int) -> None:
    rng = np.random.default_rng(seed)
    trace = make_trace(Plan(seconds=1.0, orders=5, read_ns=(("orders", 1_500_000),)), seed=seed)
    acknowledged = trace.commands.acknowledged.copy()
    # Some were never told, and replies overtake each other.
    acknowledged += rng.integers(0, 5 * MS, len(acknowledged)).astype("m8[ns]")
    acknowledged[rng.random(len(acknowledged)) < 0.1] = np.timedelta64("NaT", "ns")
    sessions = rng.integers(0, 4, len(acknowledged)).astype(np.int32)
    commands = attrs.evolve(trace.commands, acknowledged=acknowledged, session=sessions)
    who = rng.integers(0, 5, len(trace.queries)).astype(np.int32)
    queries = attrs.evolve(trace.queries, session=who)
    asked = np.flatnonzero(queries.order >= 0)
    known = last_own_write(commands, queries, asked)
    assert known.tolist() == looped_own_writes(commands, queries, asked)
    assert (known > 0).any()


def test_in_a_run_without_load_nobody_missed_anything() -> None:
    found = own_writes(make_trace(Plan(rate_per_s=0.0)), np.zeros(0, np.bool_))
    assert (found.queries, found.sessions, found.witness) == (0, 0, None)
