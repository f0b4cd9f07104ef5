"""What a store refuses, in one line, and leaves as it was; what its checksums find."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from cqrs_sim.errors import StoreError
from cqrs_sim.storage import database
from cqrs_sim.storage.database import SYNCHRONOUS, Durability
from cqrs_sim.storage.event_rows import NewRow, StoredEvent, chained, first_checksum
from cqrs_sim.storage.event_store import EventReader, EventStore
from cqrs_sim.storage.folder import ACKNOWLEDGED, EVENTS


def rows(count: int, *, first: int = 0) -> list[NewRow]:
    return [(f"o{n // 3}", n % 3 + 1, n, 0, "E", 1, b"%d" % n) for n in range(first, first + count)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A closed store with ten events in two commits."""
    folder = tmp_path / "store"
    store = EventStore(folder, "normal", new_id="ours")
    store.append(rows(6), 100)
    store.append(rows(4, first=6), 200)
    store.close()
    return folder


def content_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_reading_leaves_nothing_beside_a_store_that_is_closed(folder: Path) -> None:
    before = content_of(folder)
    with closing(EventReader(folder)) as reader:
        assert reader.last_position() > 0
        assert reader.damage() is None
    assert content_of(folder) == before


def test_a_reader_sees_a_writer_that_comes_after_it(folder: Path) -> None:
    with closing(EventReader(folder)) as reader:
        last = reader.last_position()
        with closing(EventStore(folder, "normal", new_id="")) as store:
            store.append(rows(3, first=last), 300)
            assert reader.last_position() == last + 3
        assert reader.last_position() == last + 3
    assert not (folder / f"{EVENTS}-wal").exists()


def test_a_reader_leaves_the_write_ahead_log_of_a_crash_as_it_is(left_open: Path) -> None:
    (left_open / f"{EVENTS}-shm").unlink()
    before = content_of(left_open)
    with closing(EventReader(left_open)) as reader:
        assert reader.last_position() == 60
    after = content_of(left_open)
    assert len(before[f"{EVENTS}-wal"]) > 0
    assert {name: after[name] for name in before} == before


def test_who_may_not_write_reads_all_the_same(folder: Path) -> None:
    # Those of pytest are for nobody else.
    with TemporaryDirectory() as place:
        copy = shutil.copytree(folder, Path(place) / "store")
        for path in (Path(place), copy, *copy.iterdir()):
            path.chmod(0o555)
        try:
            assert without_rights(lambda: str(EventReader(copy).last_position())) == "10"
        finally:
            for path in (Path(place), copy):
                path.chmod(0o755)


def test_a_reader_writes_nothing(folder: Path) -> None:
    with (
        closing(EventReader(folder)) as reader,
        reader.at_one_commit() as connection,
        pytest.raises(sqlite3.OperationalError, match="readonly"),
    ):
        connection.execute("DELETE FROM events")


def test_events_are_read_by_order_by_position_and_by_time(folder: Path) -> None:
    with closing(EventReader(folder)) as reader:
        assert [(e.position, e.version) for e in reader.of_order("o1")] == [(4, 1), (5, 2), (6, 3)]
        assert [e.position for e in reader.between(3, 5)] == [3, 4, 5]
        assert [e.position for e in reader.between(9, 99)] == [9, 10]
        at = [reader.position_at(instant) for instant in (99, 100, 199, 200, 10**18)]
        assert at == [0, 6, 6, 10, 10]
        assert [e.new_row for e in reader.between(1, 10)] == rows(10)


def test_long_logs_are_read_page_by_page(tmp_path: Path) -> None:
    store = EventStore(tmp_path / "store", "off", new_id="ours")
    store.append(rows(2500), 0)
    assert [event.position for event in store.between(1, 2400)] == list(range(1, 2401))
    store.close()


def test_time_never_goes_back_along_the_log(folder: Path) -> None:
    store = EventStore(folder, "normal", new_id="")
    store.append(rows(1, first=10), 150)
    assert [event.recorded_ns for event in store.between(10, 11)] == [200, 200]
    store.close()


@pytest.mark.parametrize("durability", SYNCHRONOUS)
def test_durability_is_what_the_pragmas_say(folder: Path, durability: Durability) -> None:
    store = EventStore(folder, durability, new_id="")
    ask = store._connection.execute
    assert ask("PRAGMA synchronous").fetchone() == (SYNCHRONOUS[durability],)
    assert ask("PRAGMA journal_mode").fetchone() == ("wal",)
    store.close()


def test_a_pragma_that_is_not_applied_is_refused() -> None:
    """A database in memory has no write-ahead log, and says so only if asked."""
    with (
        closing(sqlite3.connect(":memory:")) as connection,
        pytest.raises(StoreError, match=r"journal_mode = wal was not applied, it is memory"),
    ):
        database._set(connection, Path("x"), "journal_mode", "wal")


def damaged(change: Callable[[Path], None]) -> Callable[[Path], Path]:
    def damage(folder: Path) -> Path:
        change(folder / EVENTS)
        return folder

    return damage


def shortened_to(size: int) -> Callable[[Path], Path]:
    return damaged(lambda file: os.truncate(file, size))


def with_sql(statement: str) -> Callable[[Path], Path]:
    def change(file: Path) -> None:
        with closing(sqlite3.connect(file)) as connection:
            connection.execute(statement)
            connection.commit()

    return damaged(change)


def a_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def some_text(file: Path) -> None:
    file.write_bytes(b"hello" * 99)


def zeros(file: Path) -> None:
    with file.open("rb+") as opened:
        opened.seek(100)
        opened.write(bytes(3996))


def strange_folder(folder: Path) -> Path:
    (folder / EVENTS).rename(folder / "holiday.jpg")
    return folder


REFUSED = {
    "empty": (shortened_to(0), "is empty, no event log"),
    "within the header": (shortened_to(60), "is truncated"),
    "truncated": (shortened_to(8192), "is truncated: 8,192 of"),
    "text": (damaged(some_text), "is not an SQLite database"),
    "pages overwritten": (damaged(zeros), "is damaged"),
    "a folder": (damaged(a_folder), "is a folder where a file should be"),
    "somebody's": (with_sql("PRAGMA application_id = 5"), "no event log of cqrs-sim"),
    "other schema": (with_sql("PRAGMA user_version = 7"), "schema version 7; .* version 1"),
    "not a store": (strange_folder, "is not empty and holds no events.db"),
    "a file": (lambda folder: folder / EVENTS, "events.db is a file; a store is a folder"),
}


@pytest.mark.parametrize(("damage", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_store_is_refused_in_one_line_and_left_as_it_was(
    folder: Path, damage: Callable[[Path], Path], message: str
) -> None:
    place = damage(folder)
    before = content_of(folder)
    with pytest.raises(StoreError, match=message) as caught:
        EventStore(place, "normal", new_id="")
    assert "\n" not in str(caught.value)
    assert str(place) in str(caught.value)
    assert content_of(folder) == before


def test_a_store_in_use_is_refused_and_free_when_it_is_closed(folder: Path) -> None:
    store = EventStore(folder, "normal", new_id="")
    with pytest.raises(StoreError, match="is in use by another run"):
        EventStore(folder, "normal", new_id="")
    store.close()
    EventStore(folder, "normal", new_id="").close()


def test_two_processes_do_not_write_to_one_store(folder: Path) -> None:
    program = (
        "import sys; from pathlib import Path; "
        "from cqrs_sim.storage.event_store import EventStore\n"
        "try: EventStore(Path(sys.argv[1]), 'normal', new_id='')\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    store = EventStore(folder, "normal", new_id="")
    told = subprocess.run(
        [sys.executable, "-c", program, str(folder)], capture_output=True, text=True, check=True
    )
    store.close()
    assert told.stdout.startswith(f"StoreError {folder} is in use")


def test_a_database_that_another_program_locks_is_waited_for_and_then_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_S", 0.01)
    store = EventStore(folder, "normal", new_id="")
    with closing(sqlite3.connect(folder / EVENTS, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match=r"events.db is locked by another program"):
            store.append(rows(1, first=10), 300)
        other.execute("ROLLBACK")
    assert store.last_position() == 10
    store.close()


def test_a_full_disk_leaves_what_was_committed(folder: Path) -> None:
    store = EventStore(folder, "normal", new_id="")
    (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
    store._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(StoreError, match=r"is full, or its disk is"):
        store.append(rows(2000, first=10), 300)
    store.close_files()
    again = EventStore(folder, "normal", new_id="")
    assert [event.new_row for event in again.between(1, 99)] == rows(10)
    assert again.damage() is None
    again.close()


class FailingConnection:
    """A connection whose commit fails, as when the disk refuses an fsync."""

    in_transaction = False

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.commits_count = 0

    def execute(self, statement: str, *values: list[object]) -> object:
        if statement == "COMMIT":
            self.commits_count += 1
            self._connection.execute("ROLLBACK")
            raise sqlite3.OperationalError("disk I/O error")
        return self._connection.execute(statement, *values)


def test_a_commit_that_fails_is_not_tried_again(folder: Path) -> None:
    store = EventStore(folder, "normal", new_id="")
    sound = store._connection
    failing = FailingConnection(sound)
    store._connection = failing  # type: ignore[assignment]
    with pytest.raises(StoreError, match="disk I/O error"):
        store.append(rows(1, first=10), 300)
    assert (failing.commits_count, store.head) == (1, 10)
    store._connection = sound
    store.close()


def told_without_rights(folder: Path) -> str:
    """What whoever is not root is told when he opens a store."""

    def opening() -> str:
        try:
            EventStore(folder, "normal", new_id="")
        except StoreError as error:
            return str(error)
        return ""

    return without_rights(opening)


def without_rights(what: Callable[[], str]) -> str:
    """What it returns to whoever is not root: root may write everywhere."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        if os.getuid() == 0:
            os.setuid(65534)
        try:
            os.write(writing, what().encode())
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading, encoding="utf-8") as pipe:
        return pipe.read()


@pytest.mark.parametrize(("name", "mode"), [("", 0o555), (EVENTS, 0o444)])
def test_a_read_only_place_is_named(folder: Path, name: str, mode: int) -> None:
    place = folder / name
    for path in (folder, *folder.iterdir()):
        path.chmod(0o777 if path.is_dir() else 0o666)
    for parent in folder.parents:
        if not parent.stat().st_mode & 0o001:
            parent.chmod(parent.stat().st_mode | 0o755)
    place.chmod(mode)
    before = content_of(folder)
    told = told_without_rights(folder)
    place.chmod(0o777)
    assert told == f"{folder / EVENTS} cannot be written to: {place} is read-only"
    assert content_of(folder) == before


def chain_of(folder: Path) -> int | None:
    """The first position whose checksum is wrong; None if all are right."""
    with closing(EventReader(folder)) as reader:
        return first_wrong(reader.store_id, reader.between(1, reader.last_position()))


def first_wrong(store_id: str, events: Iterable[StoredEvent]) -> int | None:
    checksum = first_checksum(store_id)
    for event in events:
        checksum = chained(checksum, event.position, event.recorded_ns, event.new_row)
        if checksum != event.checksum:
            return event.position
    return None


@pytest.mark.parametrize(
    ("change", "first_bad"),
    [
        ("UPDATE events SET payload = x'00' WHERE position = 4", 4),
        ("UPDATE events SET type = 'F' WHERE position = 1", 1),
        ("UPDATE events SET recorded_ns = 101 WHERE position = 2", 2),
        ("UPDATE events SET command = '6' WHERE position = 7", 7),
        ("UPDATE events SET checksum = checksum + 1 WHERE position = 9", 9),
        ("DELETE FROM events WHERE position = 5", 6),
        ("UPDATE store SET id = 'another'", 1),
    ],
)
def test_checksums_name_the_first_row_that_was_changed(
    folder: Path, change: str, first_bad: int
) -> None:
    assert chain_of(folder) is None
    with_sql(change)(folder)
    assert chain_of(folder) == first_bad


def test_rows_that_changed_places_are_found(folder: Path) -> None:
    with closing(sqlite3.connect(folder / EVENTS, isolation_level=None)) as connection:
        for a, b in ((3, 99), (4, 3), (99, 4)):
            connection.execute("UPDATE events SET position = ? WHERE position = ?", (b, a))
    assert chain_of(folder) == 3


@pytest.fixture
def left_open(tmp_path: Path) -> Iterator[Path]:
    """Files of a store as a crash leaves them: all commits are in the write-ahead log."""
    store = EventStore(tmp_path / "store", "normal", new_id="ours")
    for begun in range(0, 60, 6):
        store.append(rows(6, first=begun), begun)
    store.write_acknowledged()
    left = tmp_path / "left"
    shutil.copytree(tmp_path / "store", left)
    yield left
    store.close()


def recovered(left: Path, wal: bytes) -> list[NewRow]:
    """What a store holds after a crash that left this much of its write-ahead log."""
    copy = left.parent / "copy"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(left, copy)
    (copy / ACKNOWLEDGED).unlink()
    (copy / f"{EVENTS}-shm").unlink()
    (copy / f"{EVENTS}-wal").write_bytes(wal)
    store = EventStore(copy, "off", new_id="")
    found = list(store.between(1, store.head))
    assert store.damage() is None
    assert first_wrong(store.store_id, found) is None
    store.close_files()
    return [event.new_row for event in found]


def test_a_log_cut_anywhere_is_a_prefix_that_ends_on_a_commit(left_open: Path) -> None:
    wal = (left_open / f"{EVENTS}-wal").read_bytes()
    frame_bytes = 4096 + 24
    frames = range(32, len(wal) + 1, frame_bytes)
    # Spread over the whole file, at no round numbers.
    anywhere = [32 + (number * 7919 * 31) % (len(wal) - 32) for number in range(300)]
    lengths = set()
    for cut in {0, *frames, *anywhere}:
        found = recovered(left_open, wal[:cut])
        assert len(found) % 6 == 0
        assert found == rows(len(found))
        lengths.add(len(found))
    assert lengths == set(range(0, 61, 6))


def test_commits_lost_below_what_was_acknowledged_are_noticed(left_open: Path) -> None:
    """SQLite drops the damaged commit, and all behind it, without an error."""
    wal = bytearray((left_open / f"{EVENTS}-wal").read_bytes())
    wal[len(wal) // 2] ^= 1
    assert 0 < len(recovered(left_open, bytes(wal))) < 60
    (left_open / f"{EVENTS}-wal").write_bytes(wal)
    (left_open / f"{EVENTS}-shm").unlink()
    with pytest.raises(StoreError, match=r"has lost events: it ends at position \d+, and 60 was"):
        EventStore(left_open, "normal", new_id="")


def test_what_was_acknowledged_is_replaced_all_at_once(folder: Path) -> None:
    (folder / ACKNOWLEDGED).write_text("[]")
    with pytest.raises(StoreError, match=f"{ACKNOWLEDGED} is damaged"):
        EventStore(folder, "normal", new_id="")
