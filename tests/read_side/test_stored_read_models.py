"""Read models in SQLite files: equal to those in memory, whatever dies and comes again."""

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import pytest
from fakes import History, histories
from hypothesis import given, settings
from hypothesis import strategies as st
from stored import (
    EACH_TWIN,
    QUICK,
    CarelessConnection,
    DyingConnection,
    MakeMemory,
    MakeTables,
    a_file,
    batches,
    dying,
    fold,
    opened,
    story,
)

from cqrs_sim.domain.events import Event
from cqrs_sim.errors import InvariantViolationError
from cqrs_sim.tables.connection import transaction

SIZES = st.lists(st.integers(1, 7), min_size=1, max_size=5)


@EACH_TWIN
@settings(max_examples=40)  # Each opens files.
@given(history=histories(), sizes=SIZES)
def test_whatever_the_batches_it_equals_the_one_in_memory(
    tables: MakeTables, memory: MakeMemory, history: History, sizes: list[int]
) -> None:
    with a_file() as path, opened(path, tables) as model:
        for batch in batches(history.events, sizes):
            model.apply_batch(batch)
        assert model.checkpoint == len(history.events)
        assert model.contents() == fold(memory, history.events)
        assert model.faults() == []
        assert model.duplicates_count == 0


@EACH_TWIN
@settings(max_examples=40)  # Each opens files.
@given(history=histories(), sizes=SIZES, back=st.lists(st.integers(0, 9), min_size=1, max_size=4))
def test_what_is_delivered_again_changes_nothing_and_is_counted(
    tables: MakeTables, memory: MakeMemory, history: History, sizes: list[int], back: list[int]
) -> None:
    """Each batch begins some events before the end of the one before, in a file opened anew."""
    events, again = history.events, 0
    with a_file() as path:
        for number, batch in enumerate(batches(events, sizes)):
            with opened(path, tables) as model:
                start = max(0, model.checkpoint - back[number % len(back)])
                again += model.checkpoint - start
                model.apply_batch(events[start : batch[-1].position])
                assert model.duplicates_count == again
                again = 0
                assert model.checkpoint == batch[-1].position
        with opened(path, tables) as model:
            before = model.contents()
            model.apply_batch(events)
            assert model.duplicates_count == len(events)
            assert (model.checkpoint, model.contents()) == (len(events), before)
            assert before == fold(memory, events)
            assert model.faults() == []


@EACH_TWIN
def test_a_checkpoint_never_falls(tables: MakeTables, memory: MakeMemory, tmp_path: Path) -> None:
    events = story()
    with opened(tmp_path / "m.db", tables) as model:
        model.apply_batch(events)
        model.apply_batch(events[:3])
        assert model.checkpoint == len(events)
    with opened(tmp_path / "m.db", tables) as model:
        assert model.checkpoint == len(events)
        assert model.contents() == fold(memory, events)


def die_and_find(
    path: Path, tables: MakeTables, events: Sequence[Event], statements: int,
    kind: type[DyingConnection],
) -> tuple[bool, int, object, list[str]]:  # fmt: skip
    """Die before the n-th statement after the first batch: whether it did, and what the file has.

    Returns:
        Whether it died; then checkpoint, contents and faults of the file, opened anew.
    """
    with opened(path, tables) as model:
        model.apply_batch(events[:4])
    died = False
    with opened(path, tables, dying(statements, kind)) as model:
        try:
            model.apply_batch(events[4:])
        except sqlite3.ProgrammingError:
            died = True
    with opened(path, tables) as model:
        return died, model.checkpoint, model.contents(), model.faults()


def first_statement(path: Path, tables: MakeTables) -> int:
    """How many statements opening a file takes; the first one of a batch comes after."""
    with opened(path, tables, dying(-1)) as model:
        left: int = model._writer.left  # type: ignore[attr-defined]
        return -1 - left


@EACH_TWIN
def test_a_process_that_dies_before_any_statement_leaves_effects_and_checkpoint_of_one_instant(
    tables: MakeTables, memory: MakeMemory, tmp_path: Path
) -> None:
    """Every statement of a batch in turn, until the batch gets through."""
    events, first = story(), first_statement(tmp_path / "first.db", tables)
    number = 0
    while True:
        path = tmp_path / f"{number}.db"
        died, *found = die_and_find(path, tables, events, first + 1 + number, DyingConnection)
        reached = 4 if died else len(events)
        assert found == [reached, fold(memory, events[:reached]), []]
        with opened(path, tables) as model:
            model.apply_batch(events[model.checkpoint :])
            assert model.contents() == fold(memory, events)
        if not died:
            break
        number += 1
    assert number >= 5  # Begin, a version, the effects, the checkpoint, commit.


@EACH_TWIN
def test_without_transactions_such_a_death_is_noticed(
    tables: MakeTables, memory: MakeMemory, tmp_path: Path
) -> None:
    """The test above would fail for a read model that commits each statement by itself."""
    events, first = story(), first_statement(tmp_path / "first.db", tables)
    wrong = 0
    for number in range(40):
        path = tmp_path / f"{number}.db"
        died, *found = die_and_find(path, tables, events, first + 1 + number, CarelessConnection)
        if not died:
            break
        wrong += found != [4, fold(memory, events[:4]), []]
    assert wrong >= 1


@EACH_TWIN
@pytest.mark.parametrize("size", [1, 100])
def test_a_gap_is_a_bug_and_changes_nothing(
    tables: MakeTables, memory: MakeMemory, tmp_path: Path, size: int
) -> None:
    events = story()
    gappy = [event for event in events[4:] if event.event_id != "a#3"]
    with opened(tmp_path / "m.db", tables) as model:
        model.apply_batch(events[:4])
        told = "a#4 came after version 2"
        with pytest.raises(InvariantViolationError, match=told):  # noqa: PT012 # whichever batch
            for batch in batches(gappy, [size]):
                model.apply_batch(batch)
        applied = [event for event in gappy if event.position <= model.checkpoint]
        assert len(applied) == (2 if size == 1 else 0)
        assert model.contents() == fold(memory, [*events[:4], *applied])


@EACH_TWIN
def test_a_read_model_is_rebuilt_from_nothing(
    tables: MakeTables, memory: MakeMemory, tmp_path: Path
) -> None:
    events = story()
    with opened(tmp_path / "m.db", tables) as model:
        model.apply_batch(events)
        model.clear()
        assert (model.checkpoint, model.contents()) == (0, fold(memory, ()))
        model.apply_batch(events[:5])
        model.rebuild(iter(events))
        assert (model.checkpoint, model.contents()) == (len(events), fold(memory, events))
        assert model.faults() == []


@EACH_TWIN
def test_a_reader_sees_the_last_commit_beside_an_open_write_transaction(
    tables: MakeTables, memory: MakeMemory, tmp_path: Path
) -> None:
    events = story()
    with opened(tmp_path / "m.db", tables) as model:
        model.apply_batch(events[:4])
        with transaction(model._writer):
            model._tables.show(events[4:])
            assert model._tables.contents() == fold(memory, events)
            assert model.contents() == fold(memory, events[:4])
        assert model.contents() == fold(memory, events)


@EACH_TWIN
def test_answers_within_a_snapshot_reflect_its_checkpoint(
    tables: MakeTables, memory: MakeMemory, tmp_path: Path
) -> None:
    events = story()
    with opened(tmp_path / "m.db", tables) as model:
        model.apply_batch(events[:4])
        with model.snapshot() as position:
            model.apply_batch(events[4:])
            assert position == 4
            assert model.answers.contents() == fold(memory, events[:4])
        with model.snapshot() as position:
            assert (position, model.answers.contents()) == (11, fold(memory, events))


@EACH_TWIN
def test_a_reader_cannot_write(tables: MakeTables, memory: MakeMemory, tmp_path: Path) -> None:
    with opened(tmp_path / "m.db", tables) as model:
        model.apply_batch(story())
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            model.answers.clear()
        assert model.contents() == fold(memory, story())


def test_a_file_is_opened_as_it_is_told(tmp_path: Path) -> None:
    """Both pragmas are read back by whoever opens it."""
    connection = QUICK(tmp_path / "m.db")
    (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
    (synchronous,) = connection.execute("PRAGMA synchronous").fetchone()
    connection.close()
    assert (mode, synchronous) == ("wal", 0)
