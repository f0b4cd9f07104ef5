"""Read models in SQLite files for tests: each beside the one in memory that it must equal."""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

import pytest
from fakes import History, amend, cancel, create, item, update

from cqrs_sim.domain.commands import Command
from cqrs_sim.domain.events import Event
from cqrs_sim.read_side.orders import OrdersReadModel
from cqrs_sim.read_side.projector import ReadModel
from cqrs_sim.read_side.search import SearchReadModel
from cqrs_sim.read_side.sqlite.orders import OrderTables
from cqrs_sim.read_side.sqlite.search import SearchTables
from cqrs_sim.read_side.sqlite.statistics import StatisticsTables
from cqrs_sim.read_side.sqlite.stored import ReadModelTables, StoredReadModel
from cqrs_sim.read_side.statistics import StatisticsReadModel
from cqrs_sim.tables.connection import Connect, Connection, open_writer

MakeTables: TypeAlias = Callable[[Connection], ReadModelTables]
MakeMemory: TypeAlias = Callable[[], ReadModel]

TWINS: tuple[tuple[MakeTables, MakeMemory], ...] = (
    (OrderTables, OrdersReadModel),
    (StatisticsTables, StatisticsReadModel),
    (SearchTables, SearchReadModel),
)
EACH_TWIN = pytest.mark.parametrize(
    ("tables", "memory"), TWINS, ids=["orders", "statistics", "search"]
)

QUICK: Connect = partial(open_writer, durability="off")
"""No power fails in a test."""


def story() -> list[Event]:
    """All kinds of events of three orders, by turns."""
    history = History()
    commands: tuple[Command, ...] = (
        create("a", "1", [item("p"), item("q", 2)]), create("b", "2", [item("q")]),
        amend("a", [item("r", 3)]), update("CONFIRMED", "b"), create("c", "1", [item("p")]),
        amend("a", [item("p"), item("p", 4)]), cancel("b"), update("CONFIRMED", "a"),
        update("SHIPPED", "a"), update("CANCELLED", "c"), update("DELIVERED", "a"),
    )  # fmt: skip
    for number, command in enumerate(commands):
        history.handle(command, number * 600_000_000)
    return history.events


@contextmanager
def a_file() -> Iterator[Path]:
    """Where a new file may be; hypothesis needs one an example, not one a test."""
    with TemporaryDirectory() as folder:
        yield Path(folder) / "read_model.db"


@contextmanager
def opened(
    path: Path, tables: MakeTables, connect: Connect = QUICK, store_id: str = ""
) -> Iterator[StoredReadModel[ReadModelTables]]:
    with closing(StoredReadModel(path, tables, connect, store_id=store_id)) as model:
        yield model


def fold(memory: MakeMemory, events: Iterable[Event]) -> object:
    """What the read model in memory holds after some events."""
    model = memory()
    for event in events:
        model.apply(event)
    return model.contents()


def batches(events: Sequence[Event], sizes: Sequence[int]) -> Iterator[Sequence[Event]]:
    """Events in batches of these sizes, round and round."""
    start, number = 0, 0
    while start < len(events):
        size = sizes[number % len(sizes)]
        yield events[start : start + size]
        start, number = start + size, number + 1


class DyingConnection(sqlite3.Connection):
    """A connection whose process dies before the n-th statement: it closes, without a commit."""

    left: int = -1
    """Statements until then; negative: never."""

    def execute(self, *args: object) -> sqlite3.Cursor:
        self._count()
        return super().execute(*args)  # type: ignore[arg-type] # whatever is meant for SQLite

    def executemany(self, *args: object) -> sqlite3.Cursor:
        self._count()
        return super().executemany(*args)  # type: ignore[arg-type]

    def _count(self) -> None:
        self.left -= 1
        if self.left == 0:
            self.close()


class CarelessConnection(DyingConnection):
    """It never begins a transaction, so that every statement is a commit of its own."""

    def execute(self, *args: object) -> sqlite3.Cursor:
        left_out = args[0] in ("BEGIN IMMEDIATE", "COMMIT")
        return super().execute(*(("SELECT 1",) if left_out else args))


def dying(statements: int, kind: type[DyingConnection] = DyingConnection) -> Connect:
    """Opens connections that die before the n-th statement."""

    def connect(path: Path) -> Connection:
        connection = sqlite3.connect(path, isolation_level=None, factory=kind)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")
        connection.left = statements
        return connection

    return connect


@contextmanager
def without_index(connection: Connection, index: str) -> Iterator[None]:
    """Statements inside leave an index as it is: afterwards it is wrong, and SQLite trusts it.

    The index is taken out of the schema and put back, and the schema is read anew both times.
    """
    (row,) = connection.execute(
        "SELECT type, name, tbl_name, rootpage, sql FROM sqlite_schema WHERE name = ?", (index,)
    ).fetchall()
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute("DELETE FROM sqlite_schema WHERE name = ?", (index,))
    connection.execute("PRAGMA writable_schema = RESET")
    yield
    connection.execute("PRAGMA writable_schema = ON")
    connection.execute("INSERT INTO sqlite_schema VALUES (?, ?, ?, ?, ?)", row)
    connection.execute("PRAGMA writable_schema = RESET")
