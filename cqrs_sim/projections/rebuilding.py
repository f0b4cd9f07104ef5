"""A read model's file made anew from the log, beside the live one, which it then replaces.

The new file grows under another name, is compared with a fold of the same events row by row,
brought to the disk and renamed: whatever interrupts that leaves the live file as it was, and at
most a half built one, which the next rebuild throws away. No other process may have the store
meanwhile. A run that has it makes and swaps files too (`projections.live_file`), by what is here.
"""

import os
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

import attrs

from cqrs_sim.errors import StoreError
from cqrs_sim.fault_sites import site
from cqrs_sim.projections.kinds import BATCH, Kind, kind_of
from cqrs_sim.projections.stored_events import all_events
from cqrs_sim.read_side.read_model_rows import Comparison, compare_rows
from cqrs_sim.read_side.sqlite.stored import StoredReadModel
from cqrs_sim.storage.database import BUSY_S, companions, errors_of, sync_folder
from cqrs_sim.storage.event_store import EventReader
from cqrs_sim.storage.folder import EVENTS, lock, refuse_no_store
from cqrs_sim.tables.batches import batches
from cqrs_sim.tables.connection import open_writer


@attrs.frozen(kw_only=True)
class RebuiltFile:
    """What came of a rebuild."""

    name: str
    events: int
    bytes: int
    """Of the new file."""
    comparison: Comparison
    """With a fold of the same events."""
    faults: tuple[str, ...]
    """Where its indexes disagree with its rows."""

    @property
    def is_right(self) -> bool:
        """Whether it is what it should be: only then did it replace the live one."""
        return self.comparison.are_equal and not self.faults


def rebuild_file(
    folder: Path,
    name: str,
    *,
    batch: int = BATCH,
    told: Callable[[int, int], None] | None = None,
) -> RebuiltFile:
    """Make a read model's file anew, and put it in place of the live one if it is right.

    Args:
        folder: of the store.
        name: of the read model; it need have no file yet, or a damaged one.
        batch: most events in a transaction.
        told: is told how many events are done, and of how many.

    Raises:
        InvalidScenarioError: if there is no such read model.
        StoreError: if another process has the store, or its log cannot be read, or it has no events
            or no such file that a run would read, or the disk refuses; the live file is as it was.
    """
    kind = kind_of(name)
    refuse_no_store(folder)
    descriptor = lock(folder)
    try:
        with closing(EventReader(folder)) as reader:
            _refuse_useless(kind, reader)
            return _rebuild(kind, reader, batch, told or _nobody)
    finally:
        os.close(descriptor)


def _refuse_useless(kind: Kind, reader: EventReader) -> None:
    """Refuse to make a file that nobody reads, or that would show nothing of what there is.

    Raises:
        StoreError: one line.
    """
    folder = reader.folder
    if reader.has_rows_alone:
        raise StoreError(
            f"{folder} keeps orders as rows and no events: nothing to rebuild {kind.name} from"
        )
    if kind.name in reader.positions_beside() and not kind.file_in(folder).exists():
        raise StoreError(
            f"{folder} has {kind.name} in {EVENTS}, where each commit writes it: there is no file "
            "to rebuild"
        )


def _nobody(done: int, head: int) -> None:
    """Whom progress is told by default."""


def _rebuild(
    kind: Kind,
    reader: EventReader,
    batch: int,
    told: Callable[[int, int], None],
) -> RebuiltFile:
    half, live = kind.half_built_in(reader.folder), kind.file_in(reader.folder)
    remove_leftovers(kind, reader.folder)
    try:
        found = _build(kind, reader, half, batch, told)
        if found.is_right:
            swap(half, live)
    finally:
        _remove(half)
    return found


def _build(
    kind: Kind,
    reader: EventReader,
    half: Path,
    batch: int,
    told: Callable[[int, int], None],
) -> RebuiltFile:
    head, memory = reader.last_position(), kind.memory()
    told(0, head)
    made = partial(StoredReadModel, half, kind.tables, store_id=reader.store_id)
    with errors_of(half), closing(made()) as model:
        for events in batches(all_events(reader, head), batch):
            model.apply_batch(events)
            for event in events:
                memory.apply(event)
            site("projection.batch")
            told(model.checkpoint, head)
        comparison = compare_rows(memory.contents(), model.contents())
        faults = tuple(model.faults())
        model.bring_home()
    return RebuiltFile(
        name=kind.name,
        events=head,
        bytes=half.stat().st_size,
        comparison=comparison,
        faults=faults,
    )


def swap(half: Path, live: Path, retired: Path | None = None) -> None:
    """Put a finished file in place of the live one, at once and for good.

    Args:
        half: the finished file; its write-ahead log was brought home, and nobody has it open.
        live: nobody of ours has it open either.
        retired: a name by which the file that was live stays; None: it goes.

    Raises:
        StoreError: if that cannot be done; the live file is as it was, or the new one.
    """
    try:
        with half.open("rb+") as file:
            os.fsync(file.fileno())
        site("projection.before_swap")
        _bring_home(live)
        if retired is not None:
            # A second name, for at no instant may the live file be without its own.
            os.link(live, retired)
        site("projection.in_swap")
        half.replace(live)
        site("projection.renamed")
        sync_folder(live.parent)
    except OSError as error:
        if isinstance(error, StoreError):
            raise
        raise StoreError(f"{live} cannot be replaced: {error.strerror or error}") from error
    site("projection.after_swap")


def _bring_home(live: Path) -> None:
    """Leave no write-ahead log beside the live file: it would be taken for the new file's.

    First what it holds is put into the file, so that a process that dies right here has lost
    nothing of it. Of a file that cannot even be opened nothing is to be kept.

    Raises:
        StoreError: if a reader holds on to it.
    """
    if not live.exists():
        return
    is_held = False
    try:
        with errors_of(live), closing(open_writer(live)) as connection:
            connection.execute(f"PRAGMA busy_timeout = {round(BUSY_S * 1000)}")
            row = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            is_busy, in_log, at_home = row
            is_held = bool(is_busy) and in_log != at_home
    except StoreError as error:
        name = str(getattr(error.__cause__, "sqlite_errorname", ""))
        is_held = name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED"))
    if is_held:
        raise StoreError(f"{live} is held by another program; end that and try again")
    for companion in companions(live):
        companion.unlink(missing_ok=True)


def remove_leftovers(kind: Kind, folder: Path) -> None:
    """Remove what rebuilds that were killed have left of a read model, beside its file.

    Raises:
        StoreError: if it cannot be removed, for it must not be built on.
    """
    retired = kind.retired_in(folder, 0).name.removesuffix("0")
    try:
        _remove(kind.half_built_in(folder))
        for path in folder.glob(f"{retired}*"):
            path.unlink(missing_ok=True)
    except OSError as error:
        left = f"what a rebuild of {kind.name} left in {folder}"
        raise StoreError(f"{left} cannot be removed: {error.strerror or error}") from error


def _remove(path: Path) -> None:
    for file in (path, *companions(path)):
        with suppress(FileNotFoundError):
            file.unlink()
