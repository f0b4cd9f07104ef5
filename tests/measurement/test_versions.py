"""k-staleness against a slow and obvious count."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from traces import stamps

from cqrs_sim.measurement.trace import EventTable
from cqrs_sim.measurement.versions import versions_missing


def make_events(orders: list[int], committed: list[int], first_position: int = 1) -> EventTable:
    count = len(orders)
    return EventTable(
        position=np.arange(first_position, first_position + count, dtype=np.int64),
        command=np.arange(count, dtype=np.int32),
        order=np.array(orders, np.int32),
        version=np.ones(count, np.int32),
        committed=np.array(committed, np.int64).astype("m8[ns]"),
    )


def ask(events: EventTable, order: int, answered: int | None, position: int) -> NDArray[np.float64]:
    return versions_missing(
        np.array([order], np.int32), stamps(answered), np.array([position], np.int64), events
    )


EVENTS = make_events(orders=[7, 8, 7, 7], committed=[10, 20, 30, 40])


def test_versions_committed_but_not_reflected_are_counted() -> None:
    assert ask(EVENTS, order=7, answered=35, position=1) == 1
    assert ask(EVENTS, order=7, answered=45, position=1) == 2
    assert ask(EVENTS, order=7, answered=45, position=4) == 0


def test_an_event_committed_at_the_instant_of_the_answer_counts() -> None:
    assert ask(EVENTS, order=7, answered=30, position=2) == 1
    assert ask(EVENTS, order=7, answered=29, position=2) == 0


def test_other_orders_do_not_count() -> None:
    assert ask(EVENTS, order=8, answered=45, position=2) == 0
    assert ask(EVENTS, order=9, answered=45, position=0) == 0


def test_an_answer_ahead_of_its_own_stamp_misses_nothing() -> None:
    assert ask(EVENTS, order=7, answered=15, position=4) == 0


def test_queries_about_no_order_and_unanswered_ones_are_nan() -> None:
    assert np.isnan(ask(EVENTS, order=-1, answered=45, position=0))
    assert np.isnan(ask(EVENTS, order=7, answered=None, position=0))


def test_positions_count_from_the_first_of_the_run() -> None:
    events = make_events(orders=[0, 0], committed=[10, 20], first_position=101)
    assert ask(events, order=0, answered=25, position=100) == 2
    assert ask(events, order=0, answered=25, position=101) == 1


def test_an_empty_log_has_no_versions_to_miss() -> None:
    assert ask(make_events([], []), order=0, answered=5, position=0) == 0


@given(
    gaps=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), max_size=30),
    queries=st.lists(
        st.tuples(st.integers(-1, 4), st.none() | st.integers(0, 90), st.integers(0, 32)),
        max_size=20,
    ),
)
def test_it_agrees_with_counting_one_by_one(
    gaps: list[tuple[int, int]], queries: list[tuple[int, int | None, int]]
) -> None:
    committed = np.cumsum([gap for _, gap in gaps]).astype(np.int64).tolist()
    orders = [order for order, _ in gaps]
    expected = [
        np.nan
        if order < 0 or answered is None
        else sum(
            o == order and at <= answered and row + 1 > position
            for row, (o, at) in enumerate(zip(orders, committed, strict=True))
        )
        for order, answered, position in queries
    ]
    found = versions_missing(
        np.array([order for order, _, _ in queries], np.int32),
        stamps(*(answered for _, answered, _ in queries)),
        np.array([position for _, _, position in queries], np.int64),
        make_events(orders, committed),
    )
    np.testing.assert_array_equal(found, expected)
