"""The control: what is decided is saved, loaded as it was, and answered as by the read models."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fakes import History, amend, cancel, create, histories, item, update
from hypothesis import given, settings
from hypothesis import strategies as st
from listed import assert_same_pages
from stored import QUICK, TWINS, a_file, fold, story

from cqrs_sim.crud.answers import NormalisedAnswers
from cqrs_sim.crud.tables import NormalisedTables
from cqrs_sim.domain.events import Event
from cqrs_sim.domain.status import STATUSES
from cqrs_sim.errors import ConcurrencyConflictError
from cqrs_sim.ids import CustomerId, Nanoseconds, OrderId
from cqrs_sim.load_generation.reads import END_OF_TIME_NS
from cqrs_sim.read_side.orders import OrdersReadModel
from cqrs_sim.read_side.search import SearchReadModel, SearchRow
from cqrs_sim.read_side.statistics import StatisticsReadModel
from cqrs_sim.tables.connection import Connection, transaction

ORDERS = tuple(OrderId(f"order-{number}") for number in range(1, 5))
CUSTOMERS = tuple(CustomerId(f"customer-{number}") for number in range(1, 4))


@contextmanager
def normalised(path: Path, *, is_searchable: bool = False) -> Iterator[Connection]:
    connection = QUICK(path)
    NormalisedTables(connection).create(is_searchable=is_searchable)
    try:
        yield connection
    finally:
        connection.close()


@settings(max_examples=40)  # Each opens a file.
@given(histories())
def test_an_order_is_loaded_as_its_events_made_it(history: History) -> None:
    with a_file() as path, normalised(path) as connection:
        tables = NormalisedTables(connection)
        tables.save(history.events)
        assert {order_id: tables.load(order_id) for order_id in ORDERS} == {
            order_id: history.orders.get(order_id) for order_id in ORDERS
        }
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []


@settings(max_examples=40)  # Each opens a file.
@given(histories(), st.lists(st.tuples(st.integers(-1, 60), st.integers(-1, 60)), max_size=5))
def test_the_four_questions_are_answered_as_by_the_read_models(
    history: History, periods: list[tuple[int, int]]
) -> None:
    rows, statistics = OrdersReadModel(), StatisticsReadModel()
    for event in history.events:
        rows.apply(event)
        statistics.apply(event)
    periods = [*periods, (0, END_OF_TIME_NS)]
    with a_file() as path, normalised(path) as connection:
        NormalisedTables(connection).save(history.events)
        answers = NormalisedAnswers(connection)
        assert [answers.by_id(o) for o in ORDERS] == [rows.by_id(o) for o in ORDERS]
        assert [answers.by_customer(c) for c in CUSTOMERS] == [
            rows.by_customer(c) for c in CUSTOMERS
        ]
        assert [answers.by_status(s) for s in STATUSES] == [rows.by_status(s) for s in STATUSES]
        assert_same_pages(answers, rows)
        for start, end in periods:
            period = Nanoseconds(start), Nanoseconds(end)
            assert answers.between(*period) == statistics.between(*period)


def by_id(found: tuple[SearchRow, ...]) -> list[SearchRow]:
    return sorted(found, key=lambda row: row.order_id)


@settings(max_examples=40)  # Each opens a file.
@given(histories(), st.booleans())
def test_the_same_orders_are_found_by_name(history: History, is_searchable: bool) -> None:
    """With the index for it and without."""
    search = SearchReadModel()
    for event in history.events:
        search.apply(event)
    names = [*(f"Customer-{c}" for c in CUSTOMERS), *(f"Product-prod-{n}" for n in range(5))]
    with a_file() as path, normalised(path, is_searchable=is_searchable) as connection:
        NormalisedTables(connection).save(history.events)
        answers = NormalisedAnswers(connection)
        for name in names:
            assert by_id(answers.find(name)) == by_id(search.find(name))


@pytest.mark.parametrize("command", [update("CONFIRMED", "a"), amend("a"), cancel("a")], ids=str)
def test_of_two_that_follow_one_version_the_second_is_a_conflict(
    command: object, tmp_path: Path
) -> None:
    """And a transaction around it leaves the first."""
    first, second = History(), History()
    for history in (first, second):
        history.handle(create("a"))
    first.handle(amend("a", [item("q", 7)]), 1)
    second.handle(command, 2)  # type: ignore[arg-type] # one of the parameters
    with normalised(tmp_path / "crud.db") as connection:
        tables = NormalisedTables(connection)
        tables.save(first.events)
        with (
            pytest.raises(ConcurrencyConflictError, match="expected version 1, log has 2"),
            transaction(connection),
        ):
            tables.save(second.events[1:])
        assert tables.load(OrderId("a")) == first.orders[OrderId("a")]


def test_an_order_cannot_be_created_twice_nor_changed_before_it_exists(tmp_path: Path) -> None:
    created, changed = History(), History()
    created.handle(create("a"))
    changed.handle(create("b"))
    changed.handle(cancel("b"))
    with normalised(tmp_path / "crud.db") as connection:
        tables = NormalisedTables(connection)
        tables.save(created.events)
        for events, told in (
            (created.events, "order a: expected version 0, log has 1"),
            (changed.events[1:], "order b: expected version 1, log has 0"),
        ):
            with pytest.raises(ConcurrencyConflictError, match=told):
                tables.save(events)
        assert connection.execute("SELECT count(*) FROM orders").fetchone() == (1,)


def test_names_stand_in_one_place(tmp_path: Path) -> None:
    """A customer's new name is in every answer at once."""
    with normalised(tmp_path / "crud.db") as connection:
        NormalisedTables(connection).save(story())
        connection.execute("UPDATE customers SET name = 'Ada' WHERE customer_id = '1'")
        answers = NormalisedAnswers(connection)
        names = {row.customer_name for row in answers.by_customer(CustomerId("1"))}
        assert names == {"Ada"}
        assert [row.order_id for row in answers.find("Ada")] == ["a", "c"]


def test_a_line_of_no_order_is_refused_by_the_tables(tmp_path: Path) -> None:
    with normalised(tmp_path / "crud.db") as connection:
        NormalisedTables(connection).save(story())
        with pytest.raises(sqlite3.IntegrityError, match="FOREIGN KEY"):
            connection.execute("INSERT INTO order_lines VALUES (99, 0, 'p', 1, 1)")


def test_tables_and_read_models_can_be_kept_in_one_transaction(tmp_path: Path) -> None:
    """One shared database: either all of them show an event, or none does."""
    events = story()
    with normalised(tmp_path / "shared.db") as connection:
        tables = NormalisedTables(connection)
        views = [make(connection) for make, _ in TWINS]
        for view in views:
            view.create()

        def keep(new: list[Event]) -> None:
            for view in views:
                view.show(new)
            tables.save(new)

        for event in events[:5]:
            with transaction(connection):
                keep([event])
        tables.save(events[5:6])
        told = "expected version 2, log has 3"
        with (  # The views are written first, so there is something to take back.
            pytest.raises(ConcurrencyConflictError, match=told),
            transaction(connection),
        ):
            keep(events[5:6])
        assert [view.contents() for view in views] == [fold(m, events[:5]) for _, m in TWINS]
        order = tables.load(OrderId("a"))
        assert order is not None
        assert order.version == 3
