"""What the tables answer, and that an index or a sum that went wrong is told."""

from pathlib import Path

import pytest
from fakes import History, histories
from hypothesis import given, settings
from hypothesis import strategies as st
from listed import assert_same_pages
from stored import (
    EACH_TWIN,
    QUICK,
    TWINS,
    MakeMemory,
    MakeTables,
    a_file,
    fold,
    opened,
    story,
    without_index,
)

from cqrs_sim.domain.queries import OrderStatistics
from cqrs_sim.domain.status import STATUSES
from cqrs_sim.ids import CustomerId, Nanoseconds, OrderId
from cqrs_sim.load_generation.reads import END_OF_TIME_NS
from cqrs_sim.read_side.orders import OrdersReadModel
from cqrs_sim.read_side.search import SearchReadModel
from cqrs_sim.read_side.sqlite.orders import OrderTables
from cqrs_sim.read_side.sqlite.search import SearchTables
from cqrs_sim.read_side.sqlite.statistics import SECOND_NS, StatisticsTables
from cqrs_sim.read_side.statistics import StatisticsReadModel

ORDERS = tuple(OrderId(f"order-{number}") for number in range(1, 5))
"""All that `histories` has, and one that it has not."""
CUSTOMERS = tuple(CustomerId(f"customer-{number}") for number in range(1, 4))


@settings(max_examples=40)  # Each opens a file.
@given(histories())
def test_orders_are_answered_as_by_the_read_model_in_memory(history: History) -> None:
    memory = OrdersReadModel()
    with a_file() as path, QUICK(path) as connection:
        tables = OrderTables(connection)
        tables.create()
        tables.show(history.events)
        for event in history.events:
            memory.apply(event)
        assert [tables.by_id(o) for o in ORDERS] == [memory.by_id(o) for o in ORDERS]
        assert [tables.by_customer(c) for c in CUSTOMERS] == [
            memory.by_customer(c) for c in CUSTOMERS
        ]
        assert [tables.by_status(s) for s in STATUSES] == [memory.by_status(s) for s in STATUSES]
        assert_same_pages(tables, memory)
    connection.close()


@settings(max_examples=40)  # Each opens a file.
@given(histories())
def test_orders_are_found_as_by_the_read_model_in_memory(history: History) -> None:
    memory = SearchReadModel()
    with a_file() as path, QUICK(path) as connection:
        tables = SearchTables(connection)
        tables.create()
        tables.show(history.events)
        for event in history.events:
            memory.apply(event)
        names = [*(f"Customer-{c}" for c in CUSTOMERS), *(f"Product-prod-{n}" for n in range(5))]
        assert [tables.find(name) for name in names] == [memory.find(name) for name in names]
    connection.close()


INSTANTS = st.one_of(
    st.integers(-1, 9 * SECOND_NS),
    st.integers(-1, 9).map(lambda second: second * SECOND_NS),
    st.just(int(END_OF_TIME_NS)),
)


@settings(max_examples=40)  # Each opens a file.
@given(histories(), st.integers(1, SECOND_NS), st.lists(st.tuples(INSTANTS, INSTANTS), min_size=1))
def test_statistics_of_any_period_are_those_of_the_read_model_in_memory(
    history: History, scale: int, periods: list[tuple[int, int]]
) -> None:
    """Periods begin and end anywhere: within a second, at its edge, before all, after all."""
    memory = StatisticsReadModel()
    for event in history.events:
        event.occurred_ns = Nanoseconds(event.occurred_ns * scale)
    with a_file() as path, QUICK(path) as connection:
        tables = StatisticsTables(connection)
        tables.create()
        tables.show(history.events)
        for event in history.events:
            memory.apply(event)

        def asked(model: StatisticsTables | StatisticsReadModel) -> list[OrderStatistics]:
            return [model.between(Nanoseconds(a), Nanoseconds(b)) for a, b in periods]

        assert asked(tables) == asked(memory)
    connection.close()


def test_tables_of_all_read_models_fit_in_one_file_and_one_transaction(tmp_path: Path) -> None:
    connection = QUICK(tmp_path / "all.db")
    made = [tables(connection) for tables, _ in TWINS]
    connection.execute("BEGIN")
    for tables in made:
        tables.create()
        tables.show(story())
    connection.execute("COMMIT")
    assert [t.contents() for t in made] == [fold(memory, story()) for _, memory in TWINS]
    connection.close()


@EACH_TWIN
def test_an_index_that_missed_a_change_is_told(
    tables: MakeTables, memory: MakeMemory, tmp_path: Path
) -> None:
    """Of every index in turn: it lacks what was added behind its back, and keeps what was not."""
    with opened(tmp_path / "m.db", tables) as model:
        model.apply_batch(story())
        writer = model._writer
        indexes = writer.execute(
            "SELECT name, tbl_name FROM sqlite_schema WHERE type = 'index' AND sql NOT NULL"
        ).fetchall()
        assert model.faults() == []
        assert indexes
        for index, table in indexes:
            keys = [name for _, _, name in writer.execute(f"PRAGMA index_info({index})")]
            column = keys[-1]
            (old,) = writer.execute(f"SELECT {column} FROM {table} WHERE rowid = 1").fetchone()
            planted = "another" if isinstance(old, str) else 77
            with without_index(writer, index):
                writer.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = 1", (planted,))
            told = model.faults()
            assert any(f"{index} lacks" in line and str(planted) in line for line in told)
            assert any(f"{index} should not have" in line and str(old) in line for line in told)
            with without_index(writer, index):
                writer.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = 1", (old,))
            assert model.faults() == []


@pytest.mark.parametrize(
    ("tables", "plant", "told"),
    [
        (
            SearchTables,
            "DELETE FROM search_names WHERE name = 'Product-q' AND row_position = 2",
            "search_names lacks ('Product-q', 2)",
        ),
        (
            SearchTables,
            "INSERT INTO search_names VALUES ('Product-p', 99, 99)",
            "search_names should not have ('Product-p', 99)",
        ),
        (
            StatisticsTables,
            "DELETE FROM order_sums WHERE status = 'DELIVERED'",
            "order_sums lacks (0, 'DELIVERED', 1, 5000)",
        ),
        (
            StatisticsTables,
            "UPDATE order_sums SET revenue_cents = 4999 WHERE status = 'DELIVERED'",
            "order_sums should not have (0, 'DELIVERED', 1, 4999)",
        ),
    ],
)
def test_what_is_kept_beside_the_rows_is_held_to_them(
    tables: MakeTables, plant: str, told: str, tmp_path: Path
) -> None:
    with opened(tmp_path / "m.db", tables) as model:
        model.apply_batch(story())
        assert model.faults() == []
        model._writer.execute(plant)
        assert told in model.faults()
