"""The file of a read model in a run, and the new one that takes its place while the run goes on.

The new file is written under another name, beside the live one, which answers meanwhile. It takes
its place in one step of the kernel's thread, so that nobody asks in between: what was committed to
either is brought into its file, the connections of both are closed, the new file is renamed, and
opened again. Whatever ends the process in there, the live name has the old file or the new one,
whole; what is left under other names is removed when the store is opened next, and never read.

The file that was replaced stays under a third name until the two were compared.
"""

from collections.abc import Sequence
from contextlib import closing, suppress
from functools import partial
from pathlib import Path

from cqrs_sim.domain.events import Event
from cqrs_sim.errors import StoreError
from cqrs_sim.fault_sites import site
from cqrs_sim.projections.kinds import BATCH, Kind
from cqrs_sim.projections.rebuilding import remove_leftovers, swap
from cqrs_sim.read_side.sqlite.stored import ReadModelTables, StoredReadModel
from cqrs_sim.read_side.table_model import TableModel
from cqrs_sim.storage.database import errors_of
from cqrs_sim.tables.batches import batches
from cqrs_sim.tables.connection import Connect


class LiveFile:
    """A read model's file, which this process alone writes."""

    def __init__(self, kind: Kind, folder: Path, connect: Connect, *, store_id: str) -> None:
        """Open it, or make it; what rebuilds that were killed have left beside it is removed.

        Args:
            kind: of the read model.
            folder: of the store, which is locked for this process.
            connect: opens a file to write to it.
            store_id: of the store, which a new file shows.

        Raises:
            StoreError: if it cannot be opened.
        """
        self.kind = kind
        self.folder = folder
        self.path = kind.file_in(folder)
        self._connect = connect
        self._store_id = store_id
        self._half: StoredReadModel[ReadModelTables] | None = None
        remove_leftovers(kind, folder)
        self._live = self.opened(self.path)
        self.checkpoint = self._live.checkpoint
        """The last position that it showed when it was opened."""

    def opened(self, path: Path) -> StoredReadModel[ReadModelTables]:
        """Open a file with tables of this kind, or make it.

        Raises:
            StoreError: if that cannot be done.
        """
        with errors_of(path):
            return StoredReadModel(
                path,
                self.kind.tables,
                self._connect,
                store_id=self._store_id,
                is_kept_short=True,
            )

    def model(self) -> TableModel:
        """What is asked, until another file takes the place of this one."""
        live = self._live
        return TableModel(live.answers, live.snapshot, partial(errors_of, self.path))

    def write(self, events: Sequence[Event]) -> None:
        """Show a batch, in one transaction.

        Raises:
            StoreError: if it cannot be written.
        """
        with errors_of(self.path):
            self._live.apply_batch(events)

    def beside(self, number: int) -> "FileBeside":
        """A new file, with nothing in it, that may take the place of the live one.

        One at a time; `number` is of no other one in this run.
        """
        half = self.kind.half_built_in(self.folder)
        self._half = self.opened(half)
        return FileBeside(self, self._half, self.kind.retired_in(self.folder, number))

    def replace(self, half: StoredReadModel[ReadModelTables], retired: Path) -> None:
        """Put a new file in place of the live one, which gets another name.

        Raises:
            StoreError: if that cannot be done; the live file is the old one or the new one.
        """
        site("rebuild.caught_up")
        with errors_of(half.path):
            half.bring_home()
            half.close()
        site("rebuild.closed")
        self._half = None
        with errors_of(self.path):
            self._live.close()
        swap(half.path, self.path, retired)
        self._live = self.opened(self.path)
        site("rebuild.switched")

    def close(self) -> None:
        """Close all connections; of a rebuild that is not done nothing is left."""
        if self._half is not None:
            self._half.close()
        self._live.close()
        # If it cannot be removed now, it is when the store is opened next.
        with suppress(StoreError):
            remove_leftovers(self.kind, self.folder)


class FileBeside:
    """A `read_side.rebuild.Replacement` of a read model that has a file."""

    def __init__(
        self, live: LiveFile, half: StoredReadModel[ReadModelTables], retired: Path
    ) -> None:
        self._of = live
        self._half = half
        self._retired = retired

    def show(self, events: Sequence[Event]) -> None:
        """Show a batch more, in one transaction.

        Raises:
            StoreError: if it cannot be written.
        """
        with errors_of(self._half.path):
            self._half.apply_batch(events)
        site("rebuild.batch")

    def take_place(self) -> TableModel:
        """See `LiveFile.replace`; returned is what is to be asked from now on."""
        self._of.replace(self._half, self._retired)
        return self._of.model()

    def retired_contents(self, missed: Sequence[Event]) -> object:
        """What the file that was replaced shows with these events, too; then it is removed.

        Raises:
            StoreError: if it cannot be read, or the run is over.
        """
        if not self._retired.exists():  # It would be made, with nothing in it.
            raise StoreError(f"{self._retired} is gone: it is kept to the end of the run only")
        with errors_of(self._retired), closing(self._of.opened(self._retired)) as retired:
            for batch in batches(missed, BATCH):
                retired.apply_batch(batch)
            contents = retired.contents()
        with suppress(OSError):  # As at the end of the run.
            self._retired.unlink()
        return contents
