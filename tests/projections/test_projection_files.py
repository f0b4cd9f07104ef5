"""Read models on disk: looked at, made anew, and what is left when that is cut short."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import attrs
import pytest
from click.testing import CliRunner, Result
from fakes import History, create
from stored import opened, story

from cqrs_sim import cli
from cqrs_sim.actors.clock import VirtualClock
from cqrs_sim.domain.events import Event
from cqrs_sim.errors import InvalidScenarioError, StoreError
from cqrs_sim.event_log.codec import row_of
from cqrs_sim.ids import Nanoseconds
from cqrs_sim.projections.kinds import KINDS, rebuilt
from cqrs_sim.projections.rebuilding import RebuiltFile, rebuild_file
from cqrs_sim.projections.status import ModelStatus, status_of
from cqrs_sim.read_side.sqlite.orders import OrderTables
from cqrs_sim.storage.event_store import EventStore
from cqrs_sim.storage.folder import lock
from cqrs_sim.terminal.projection import RebuildLine
from cqrs_sim.terminal.screen import Screen

EVENTS = story()
NAMES = tuple(KINDS)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store whose log holds the story; it has no read models."""
    folder = tmp_path / "store"
    append(folder, EVENTS)
    return folder


def append(folder: Path, events: Sequence[Event], clock: str = "virtual") -> None:
    opened_store = EventStore(folder, "off", new_id="a store")
    run = opened_store.begin_run(clock, 0)
    first = opened_store.head
    rows = [row_of(event, (run << 32) + n + 1, 0) for n, event in enumerate(events)]
    for number, row in enumerate(rows):
        opened_store.append([row], (first + number + 1) * 10**9)
    opened_store.close()


def show(folder: Path, name: str, count: int) -> None:
    """A file of a read model that shows so many events of the story."""
    with opened(KINDS[name].file_in(folder), KINDS[name].tables, store_id="a store") as model:
        model.apply_batch(EVENTS[:count])


def contents(folder: Path, name: str) -> object:
    with opened(KINDS[name].file_in(folder), KINDS[name].tables) as model:
        return model.contents()


def status(folder: Path, name: str) -> ModelStatus:
    return next(model for model in status_of(folder).read_models if model.name == name)


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


# In memory.


@pytest.mark.parametrize("name", NAMES)
def test_a_read_model_is_rebuilt_from_events_and_progress_is_told(name: str) -> None:
    told: list[int] = []
    model = rebuilt(name, iter(EVENTS), batch=4, told=told.append)
    expected = KINDS[name].memory()
    for event in EVENTS:
        expected.apply(event)
    assert model.contents() == expected.contents()
    assert told == [4, 8, len(EVENTS)]


def test_an_unknown_read_model_is_refused() -> None:
    with pytest.raises(InvalidScenarioError, match="no read model 'x'; there are: orders, stat"):
        rebuilt("x", EVENTS)


# Status.


def test_the_status_says_how_far_each_read_model_is(store: Path) -> None:
    show(store, "orders", 4)
    show(store, "search", len(EVENTS))
    found = {model.name: model for model in status_of(store).read_models}
    assert status_of(store).head == len(EVENTS)
    assert {name: model.state for name, model in found.items()} == {
        "orders": "behind",
        "statistics": "none",
        "search": "up to date",
    }
    orders = found["orders"]
    assert (orders.checkpoint, orders.behind) == (4, len(EVENTS) - 4)
    assert orders.shows_until_ns == 4 * 10**9
    assert orders.bytes > 4096
    assert orders.written_ns is not None
    assert found["statistics"].checkpoint is None


def test_a_read_model_that_shows_what_the_log_has_not_is_ahead(store: Path, tmp_path: Path) -> None:
    show(store, "orders", len(EVENTS))
    shorter = tmp_path / "shorter"
    append(shorter, EVENTS[:3])
    KINDS["orders"].file_in(store).rename(shorter / "orders.db")
    assert status(shorter, "orders").state == "ahead"


@pytest.mark.parametrize("count", [0, 4, len(EVENTS)])
def test_a_read_model_of_another_store_is_told(store: Path, count: int) -> None:
    """The same events, at the same positions: only the id tells."""
    with opened(KINDS["orders"].file_in(store), OrderTables, store_id="another") as model:
        model.apply_batch(EVENTS[:count])
    found = status(store, "orders")
    assert (found.state, found.checkpoint, found.behind) == ("other log", count, None)
    assert "store 'another', and this is 'a store'" in found.detail
    assert rebuild_file(store, "orders").is_right
    assert status(store, "orders").state == "up to date"


@pytest.mark.parametrize("grown_to", [4, 9])
def test_a_read_model_that_shows_a_lost_end_of_the_log_is_told(store: Path, grown_to: int) -> None:
    show(store, "orders", 4)
    with closing(sqlite3.connect(store / "events.db", isolation_level=None)) as connection:
        connection.execute("DELETE FROM events WHERE position > 3")
    (store / "acknowledged.json").unlink()
    history = History()
    for number in range(grown_to - 3):
        history.handle(create(f"new-{number}", "1"), 10**9)
    append(store, history.events)
    assert status_of(store).head == grown_to
    found = status(store, "orders")
    assert (found.state, found.checkpoint) == ("other log", 4)
    assert "an end of the log that was lost" in found.detail
    assert "projection rebuild" in cqrs_sim("status", str(store)).stdout


def test_a_file_of_an_older_version_has_other_tables(store: Path) -> None:
    """As they were before it was kept whose events they are."""
    show(store, "orders", 4)
    with closing(sqlite3.connect(store / "orders.db")) as connection:
        connection.execute("DROP TABLE checkpoints")
        connection.execute("CREATE TABLE checkpoints (read_model TEXT, position INTEGER)")
        connection.execute("INSERT INTO checkpoints VALUES ('orders', 4)")
        connection.commit()
    found = status(store, "orders")
    assert (found.state, found.checkpoint) == ("other tables", 4)


def test_tables_of_another_version_are_told(store: Path) -> None:
    show(store, "orders", len(EVENTS))
    with closing(sqlite3.connect(store / "orders.db")) as connection:
        connection.execute("DROP INDEX order_rows_by_customer")
        connection.commit()
    assert status(store, "orders").state == "other tables"


@pytest.mark.parametrize("content", [b"", b"no database at all", b"SQLite format 3\x00" * 300])
def test_a_file_that_cannot_be_read_is_told_and_not_touched(store: Path, content: bytes) -> None:
    path = store / "orders.db"
    path.write_bytes(content)
    found = status(store, "orders")
    assert found.state == "unreadable"
    assert str(path) in found.detail
    assert path.read_bytes() == content


def test_looking_leaves_nothing_beside_a_file(store: Path) -> None:
    show(store, "orders", 4)
    first, second = status(store, "orders"), status(store, "orders")
    assert first == second
    assert not (store / "orders.db-shm").exists()


def test_a_folder_that_is_no_store_has_no_status(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is no store"):
        status_of(tmp_path / "nowhere")


# Rebuilding.


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("before", [None, 4, len(EVENTS)])
def test_a_rebuilt_file_equals_a_fold_of_the_log(
    store: Path, name: str, before: int | None
) -> None:
    if before is not None:
        show(store, name, before)
    told: list[tuple[int, int]] = []
    found = rebuild_file(store, name, batch=4, told=lambda *done: told.append(done))
    assert found.is_right
    assert found.events == len(EVENTS)
    assert told == [(n, len(EVENTS)) for n in (0, 4, 8, len(EVENTS))]
    assert status(store, name).state == "up to date"
    assert contents(store, name) == rebuilt(name, EVENTS).contents()
    assert not any("rebuilding" in path.name for path in store.iterdir())


def test_an_empty_log_gives_an_empty_read_model(tmp_path: Path) -> None:
    append(tmp_path, [])
    found = rebuild_file(tmp_path, "orders")
    assert found.is_right
    assert (found.events, status(tmp_path, "orders").state) == (0, "up to date")


@pytest.mark.parametrize("content", [b"", b"no database at all", b"SQLite format 3\x00" * 300])
def test_a_damaged_file_is_replaced(store: Path, content: bytes) -> None:
    (store / "orders.db").write_bytes(content)
    assert rebuild_file(store, "orders").is_right
    assert contents(store, "orders") == rebuilt("orders", EVENTS).contents()


def test_the_write_ahead_log_of_the_old_file_is_not_taken_for_the_new_ones(store: Path) -> None:
    """As a process leaves it that was killed: its last commits are beside the file."""
    show(store, "orders", 4)
    leave_a_write_ahead_log(store)
    assert (store / "orders.db-wal").stat().st_size > 0
    assert status(store, "orders").checkpoint == 6
    assert rebuild_file(store, "orders").is_right
    assert not (store / "orders.db-wal").exists()
    assert contents(store, "orders") == rebuilt("orders", EVENTS).contents()


def leave_a_write_ahead_log(store: Path) -> None:
    """Have a process apply two more events, and die with them in the write-ahead log."""
    run_child(
        f"""
from stored import opened, story
from cqrs_sim.read_side.sqlite.orders import OrderTables
import os, signal, pathlib
with opened(pathlib.Path({str(store / "orders.db")!r}), OrderTables) as model:
    model.apply_batch(story()[4:6])
    os.kill(os.getpid(), signal.SIGKILL)
"""
    )


def run_child(program: str) -> None:
    """Run a program that is to be killed by itself."""
    tests = Path(__file__).parent.parent
    path = f"import sys; sys.path[:0] = [{str(tests)!r}, {str(tests.parent)!r}]\n"
    child = subprocess.run([sys.executable, "-c", path + program], check=False)
    assert child.returncode == -signal.SIGKILL


@pytest.mark.parametrize(
    ("site", "hit", "is_new"),
    [
        ("projection.batch", 1, False),
        ("projection.batch", 3, False),
        ("projection.before_swap", 1, False),
        ("projection.after_swap", 1, True),
    ],
)
def test_killed_anywhere_the_live_file_is_the_old_or_the_new_one(
    store: Path, site: str, hit: int, is_new: bool
) -> None:
    show(store, "orders", 4)
    leave_a_write_ahead_log(store)
    run_child(
        f"""
from pathlib import Path
from cqrs_sim import fault_sites
from cqrs_sim.projections.rebuilding import rebuild_file
fault_sites.arm({site!r}, {hit})
rebuild_file(Path({str(store)!r}), "orders", batch=4)
"""
    )
    left = status(store, "orders")
    assert left.checkpoint == (len(EVENTS) if is_new else 6)
    assert left.is_half_built is not is_new
    shown = EVENTS if is_new else EVENTS[:6]
    assert contents(store, "orders") == rebuilt("orders", shown).contents()
    # A second call starts over.
    assert rebuild_file(store, "orders", batch=4).is_right
    after = status(store, "orders")
    assert (after.state, after.is_half_built) == ("up to date", False)


def test_interrupted_by_hand_it_leaves_nothing_behind(store: Path) -> None:
    show(store, "orders", 4)
    before = files(store)

    def interrupt(done: int, head: int) -> None:
        if done >= 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rebuild_file(store, "orders", batch=4, told=interrupt)
    kept = {name: content for name, content in files(store).items() if name in before}
    assert kept == before
    assert not any("rebuilding" in path.name for path in store.iterdir())


class OneTooMany(OrderTables):
    """Shows the total of a changed order a cent too high."""

    def show(self, events: Sequence[Event]) -> None:
        super().show(events)
        self._connection.execute("UPDATE order_rows SET total_cents = total_cents + 1")


def test_a_new_file_that_is_wrong_by_a_cent_does_not_replace_the_live_one(
    store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    show(store, "orders", 4)
    before = (store / "orders.db").read_bytes()
    wrong = attrs.evolve(KINDS["orders"], tables=OneTooMany)
    monkeypatch.setitem(KINDS, "orders", wrong)
    found = rebuild_file(store, "orders")
    assert not found.is_right
    assert found.comparison.differing_count == 3
    assert found.comparison.differing[0] == "table 1['a']"
    assert (store / "orders.db").read_bytes() == before


def test_a_store_in_use_is_refused(store: Path) -> None:
    descriptor = lock(store)
    try:
        with pytest.raises(StoreError, match="is in use by another run"):
            rebuild_file(store, "orders")
    finally:
        os.close(descriptor)
    assert not (store / "orders.db").exists()


def test_a_live_file_that_is_being_read_is_not_replaced_with_commits_left_in_its_log(
    store: Path,
) -> None:
    show(store, "orders", 4)
    with closing(sqlite3.connect(store / "orders.db", isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM order_rows").fetchall()
        leave_a_write_ahead_log(store)
        with pytest.raises(StoreError, match=r"orders\.db is held by another program"):
            rebuild_file(store, "orders")
        reader.execute("ROLLBACK")
    assert status(store, "orders").checkpoint == 6


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("UPDATE events SET payload = x'80' WHERE position = 5", "is damaged at position 5"),
        ("DELETE FROM events WHERE position = 5", "is damaged at position 6"),
        ("DELETE FROM events WHERE position > 5", "has lost events: it ends at position 5"),
    ],
)
def test_a_damaged_log_is_no_basis_for_a_read_model(store: Path, change: str, message: str) -> None:
    show(store, "orders", 4)
    before = (store / "orders.db").read_bytes()
    with closing(sqlite3.connect(store / "events.db", isolation_level=None)) as connection:
        connection.execute(change)
    with pytest.raises(StoreError, match=message):
        rebuild_file(store, "orders", batch=2)
    assert (store / "orders.db").read_bytes() == before


# The verbs.


def cqrs_sim(*arguments: str) -> Result:
    return CliRunner().invoke(cli.main, ["projection", *arguments])


def test_the_status_is_a_table_and_json(store: Path) -> None:
    show(store, "orders", 4)
    shown = cqrs_sim("status", str(store))
    assert shown.exit_code == 0
    text = [line.split() for line in shown.stdout.splitlines()]
    assert "11 events in the log" in shown.stdout
    row = next(words for words in text if words[:2] == ["orders", "behind"])
    assert row[2:4] == ["4", "7"]
    assert "4.000 s, simulated" in shown.stdout
    found = json.loads(cqrs_sim("status", str(store), "--json").stdout)
    assert found["head"] == 11
    assert found["read_models"][0]["checkpoint"] == 4


def test_events_of_the_wall_clock_are_dated(tmp_path: Path) -> None:
    append(tmp_path, EVENTS, clock="wall")
    show(tmp_path, "orders", 4)
    assert "1970-01-01T00:00:04Z" in cqrs_sim("status", str(tmp_path)).stdout


def test_the_status_names_the_command_that_helps(store: Path) -> None:
    (store / "orders.db").write_bytes(b"no database at all")
    shown = cqrs_sim("status", str(store)).stdout
    assert f"cqrs-sim projection rebuild {store} orders" in shown
    assert cqrs_sim("rebuild", str(store), "orders").exit_code == 0
    assert "up to date" in cqrs_sim("status", str(store)).stdout


def test_rebuilding_tells_what_came_of_it(store: Path) -> None:
    shown = cqrs_sim("rebuild", str(store), "orders")
    assert shown.exit_code == 0
    assert shown.stdout.startswith("orders: rebuilt from 11 events; all ")
    assert "rows equal a fold of the log" in shown.stdout


def test_a_store_named_store_needs_no_naming(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(tmp_path / "store", EVENTS)
    monkeypatch.chdir(tmp_path)
    assert cqrs_sim("rebuild", "search").exit_code == 0
    assert "up to date" in cqrs_sim("status").stdout


def test_a_wrong_read_model_is_exit_code_3(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "orders", attrs.evolve(KINDS["orders"], tables=OneTooMany))
    shown = cqrs_sim("rebuild", str(store), "orders")
    assert shown.exit_code == 3
    assert "WRONG: 3 of" in shown.stdout
    assert "table 1['a']" in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("rebuild", "STORE", "oders"), 2, "no read model 'oders'; there are: orders, statistics"),
        (("rebuild", "nowhere", "orders"), 5, "nowhere"),
        (("status", "nowhere"), 5, "nowhere is no store"),
        (("rebuild", "a", "b", "orders"), 2, "one store and one read model at a time"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(
    store: Path, arguments: tuple[str, ...], code: int, message: str
) -> None:
    shown = cqrs_sim(*(str(store) if word == "STORE" else word for word in arguments))
    assert shown.exit_code == code
    assert message in shown.stderr


def test_a_store_that_a_run_has_is_exit_code_5(store: Path) -> None:
    descriptor = lock(store)
    try:
        shown = cqrs_sim("rebuild", str(store), "orders")
    finally:
        os.close(descriptor)
    assert shown.exit_code == 5
    (line,) = shown.stderr.splitlines()
    assert "is in use by another run" in line


def test_the_line_says_how_far_it_is_and_how_fast() -> None:
    lines: list[str] = []
    clock = VirtualClock()
    line = RebuildLine(Screen(None), "orders", clock=clock)
    line.put = lines.append  # type: ignore[assignment,method-assign]
    line(0, 1000)
    clock.instant_ns = Nanoseconds(4 * 10**9)
    line(500, 1000)
    line(501, 1000)
    assert lines == ["orders: 500 of 1,000 events, 125 per second"]


def test_what_is_told_of_a_rebuild_is_right_only_without_any_difference(store: Path) -> None:
    found = rebuild_file(store, "orders")
    assert isinstance(found, RebuiltFile)
    assert found.is_right
    assert not attrs.evolve(found, faults=("an index",)).is_right


def test_the_store_within_a_result_is_found_and_the_one_that_the_environment_names(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cqrs_sim("status", str(tmp_path)).exit_code == 0
    assert cqrs_sim("rebuild", str(tmp_path), "orders").exit_code == 0
    monkeypatch.setenv("CQRS_SIM_STORE", str(store))
    assert cqrs_sim("rebuild", "search").exit_code == 0
    assert cqrs_sim("status").stdout.count("up to date") == 2
