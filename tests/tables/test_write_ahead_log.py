"""A write-ahead log is kept short beside its writer, and nothing of it is lost."""

import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cqrs_sim.storage.database import companions
from cqrs_sim.tables import write_ahead_log
from cqrs_sim.tables.connection import Connection, open_reader, open_writer, transaction
from cqrs_sim.tables.write_ahead_log import LogShortener

PAGE = 4096
ROW = b"x" * 3000
MOST = 16
PATIENCE_S = 30.0


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(write_ahead_log, "EVERY_S", 0.002)
    monkeypatch.setattr(write_ahead_log, "MOST_PAGES", MOST)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rows.db"


@pytest.fixture
def writer(path: Path) -> Iterator[Connection]:
    with closing(open_writer(path)) as connection:
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("CREATE TABLE rows (number INTEGER PRIMARY KEY, bytes BLOB)")
        yield connection


def write(writer: Connection, rows: range) -> None:
    for number in rows:
        with transaction(writer):
            writer.execute("INSERT INTO rows VALUES (?, ?)", (number, ROW))


def log_bytes(path: Path) -> int:
    log, _ = companions(path)
    return log.stat().st_size


def numbers(connection: Connection) -> list[int]:
    return [number for (number,) in connection.execute("SELECT number FROM rows ORDER BY number")]


def until(is_so: Callable[[], bool]) -> None:
    given_up = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < given_up
        time.sleep(0.001)


def rows_in_the_file_alone(path: Path) -> int:
    """How many rows a copy of the file has that was parted from its log."""
    alone = path.with_name("alone.db")
    shutil.copy(path, alone)
    with closing(sqlite3.connect(alone)) as connection:
        try:
            return len(numbers(connection))
        except sqlite3.DatabaseError:
            return 0  # Copied while a page was written, or before there was a table.


def test_without_it_nothing_comes_home(path: Path, writer: Connection) -> None:
    write(writer, range(100))
    time.sleep(0.05)
    assert rows_in_the_file_alone(path) == 0
    assert log_bytes(path) > 100 * PAGE


def test_what_was_committed_comes_home_while_the_writer_is_idle(
    path: Path, writer: Connection
) -> None:
    with closing(LogShortener(path, open_writer)):
        write(writer, range(100))
        until(lambda: rows_in_the_file_alone(path) == 100)


def test_the_log_begins_anew_though_the_writer_never_rests(path: Path, writer: Connection) -> None:
    with closing(LogShortener(path, open_writer)):
        written = 0
        while written < 2000:
            write(writer, range(written, written + 20))
            written += 20
            time.sleep(0.002)  # Two cores are not promised: the other thread has its turn.
    pages = log_bytes(path) / PAGE
    assert pages < 2000 / 2
    assert numbers(writer) == list(range(2000))


def test_a_reader_at_one_commit_holds_nobody_up_and_sees_that_commit(
    path: Path, writer: Connection
) -> None:
    write(writer, range(10))
    with closing(open_reader(path)) as reader, closing(LogShortener(path, open_writer)):
        reader.execute("BEGIN")
        assert numbers(reader) == list(range(10))
        write(writer, range(10, 200))
        assert numbers(reader) == list(range(10))
        reader.execute("ROLLBACK")
        assert numbers(reader) == list(range(200))


def test_once_closed_it_has_let_go_of_the_file(path: Path, writer: Connection) -> None:
    shortener = LogShortener(path, open_writer)
    name = f"log of {path.name}"
    assert name in {thread.name for thread in threading.enumerate()}
    write(writer, range(50))
    shortener.close()
    shortener.close()
    assert name not in {thread.name for thread in threading.enumerate()}
    assert writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
    assert rows_in_the_file_alone(path) == 50


def test_where_it_cannot_open_the_file_the_writer_goes_on(
    tmp_path: Path, path: Path, writer: Connection
) -> None:
    nowhere = tmp_path / "nowhere" / "rows.db"
    with closing(LogShortener(nowhere, open_writer)):
        write(writer, range(50))
    assert numbers(writer) == list(range(50))
    assert not nowhere.parent.exists()
