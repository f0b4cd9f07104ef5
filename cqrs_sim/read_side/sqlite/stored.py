"""A read model in its own SQLite file: effects and checkpoint of a batch are one transaction.

Whatever ends the process, the file shows exactly the events up to its checkpoint. What is delivered
again is known by the version of its order, which the tables keep, and skipped.

Beside the checkpoint stands whose events they are: the id of the store, and a mark of the event at
the checkpoint (`event_log.codec.mark_of`). A position alone says nothing to a log that is another
one, or has lost its end and grown again. The checksum of the event's row would say it too, and of
all before it; but it is made by whoever commits, in another thread, and would have to be read for
each batch. The mark takes 0.3 µs, and on the wall clock its instant does not come again.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from cqrs_sim.domain.events import Event
from cqrs_sim.errors import InvariantViolationError
from cqrs_sim.event_log.codec import mark_of
from cqrs_sim.fault_sites import site
from cqrs_sim.ids import OrderId, Position, Version
from cqrs_sim.tables.batches import CATCH_UP, batches
from cqrs_sim.tables.connection import (
    Connect,
    Connection,
    OperationalError,
    open_reader,
    open_writer,
    read_transaction,
    transaction,
)
from cqrs_sim.tables.write_ahead_log import LogShortener

CHECKPOINTS = """
CREATE TABLE IF NOT EXISTS checkpoints (
    read_model TEXT PRIMARY KEY,
    position INTEGER NOT NULL,
    store_id TEXT NOT NULL,
    event_mark INTEGER NOT NULL
) WITHOUT ROWID
"""
_FIRST_CHECKPOINT = "INSERT OR IGNORE INTO checkpoints VALUES (?, 0, ?, 0)"
CHECKPOINT = "SELECT position FROM checkpoints WHERE read_model = ?"
_SET_CHECKPOINT = "UPDATE checkpoints SET position = ?, event_mark = ? WHERE read_model = ?"


class ReadModelTables(Protocol):
    """The tables of one read model, on a connection; transactions are somebody else's."""

    @property
    def name(self) -> str:
        """Of the read model."""

    def create(self) -> None:
        """Make the tables and indexes that are not there."""

    def clear(self) -> None:
        """Take all rows out."""

    def version_of(self, order_id: OrderId) -> Version:
        """The last version shown of an order; 0: none."""

    def show(self, events: Sequence[Event]) -> None:
        """Show events: in the order of their positions, none of them shown before, no gap."""

    def contents(self) -> object:
        """All that can be asked of it, comparable with `==`."""

    def faults(self) -> list[str]:
        """Where an index, or what is kept beside the rows, disagrees with the rows."""


T = TypeVar("T", bound=ReadModelTables)


class StoredReadModel(Generic[T]):
    """A read model that survives its process."""

    def __init__(
        self,
        path: Path,
        tables: Callable[[Connection], T],
        connect: Connect = open_writer,
        connect_reader: Connect = open_reader,
        *,
        store_id: str = "",
        is_kept_short: bool = False,
    ) -> None:
        """Open a file, or make it.

        Args:
            path: of the file.
            tables: of the read model, on a connection.
            connect: opens the connection that writes.
            connect_reader: opens the one that reads.
            store_id: of the store whose events a new file shows; what a file that is there says of
                that stays, and is for its owner to compare (`projections.status`).
            is_kept_short: bring the write-ahead log home in a thread of its own, for a writer that
                must not wait for that.
        """
        self.path = path
        self._writer = connect(path)
        self._tables = tables(self._writer)
        with transaction(self._writer):
            self._writer.execute(CHECKPOINTS)
            self._tables.create()
            self._writer.execute(_FIRST_CHECKPOINT, (self.name, store_id))
        self.checkpoint = _checkpoint(self._writer, self.name)
        """The last position that the file shows."""
        self.duplicates_count = 0
        """Events that were delivered again, since the file was opened."""
        self._reader = connect_reader(path)
        self.answers = tables(self._reader)
        """To ask: each answer reflects the last commit, or that of the `snapshot` it is within."""
        self._shortener = LogShortener(path, connect) if is_kept_short else None

    @property
    def name(self) -> str:
        """Of the read model."""
        return self._tables.name

    def apply(self, event: Event) -> None:
        """Show one event, in a transaction of its own."""
        self.apply_batch((event,))

    def apply_batch(self, events: Sequence[Event]) -> None:
        """Show events, in the order of their positions, and keep how far it came: all or nothing.

        Args:
            events: from the checkpoint on, or from before it: what was applied is skipped.

        Raises:
            InvariantViolationError: if an earlier event of an order is missing; nothing is changed.
        """
        if not events:
            return
        last = events[-1]
        reached = max(self.checkpoint, last.position)
        with transaction(self._writer):
            unseen = self._unseen(events)
            if unseen:
                self._tables.show(unseen)
            site("read_model.shown")
            if last.position == reached:
                mark = mark_of(last)
                self._writer.execute(_SET_CHECKPOINT, (reached, mark, self.name))
        site("read_model.committed")
        self.checkpoint = reached
        self.duplicates_count += len(events) - len(unseen)

    def rebuild(self, events: Iterable[Event]) -> None:
        """Forget all and show these events, from the first one on.

        It takes one transaction a batch; if it is cut short, the file shows the events up to its
        checkpoint.
        """
        self.clear()
        for batch in batches(events, CATCH_UP):
            self.apply_batch(batch)

    def clear(self) -> None:
        """Forget all: no rows, checkpoint 0."""
        with transaction(self._writer):
            self._tables.clear()
            self._writer.execute(_SET_CHECKPOINT, (0, 0, self.name))
        self.checkpoint = Position(0)

    @contextmanager
    def snapshot(self) -> Iterator[Position]:
        """Answers within it reflect one commit: that of the checkpoint it gives."""
        with read_transaction(self._reader):
            yield _checkpoint(self._reader, self.name)

    def contents(self) -> object:
        """All that can be asked of it, comparable with `==`; equal to that of the one in memory."""
        with self.snapshot():
            return self.answers.contents()

    def faults(self) -> list[str]:
        """Where an index, or what is kept beside the rows, disagrees with the rows."""
        with self.snapshot():
            return self.answers.faults()

    def bring_home(self) -> None:
        """Put all that was committed into the file itself, before that goes by another name.

        Closing the last connection does so too, but does not say if it could not.

        Raises:
            sqlite3.OperationalError: if that cannot be done.
        """
        self._leave_log()
        (is_busy, *_) = self._writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if is_busy:
            raise OperationalError(f"the write-ahead log of {self.name} is held by a reader")

    def close(self) -> None:
        """Close all connections."""
        self._leave_log()
        self._reader.close()
        self._writer.close()

    def _leave_log(self) -> None:
        if self._shortener is not None:
            self._shortener.close()

    def _unseen(self, events: Sequence[Event]) -> list[Event]:
        versions: dict[OrderId, Version] = {}
        unseen: list[Event] = []
        for event in events:
            order_id, version = event.order_id, event.version
            known = versions.get(order_id)
            if known is None:
                known = versions[order_id] = self._tables.version_of(order_id)
            if version == known + 1:
                versions[order_id] = version
                unseen.append(event)
            elif version > known:
                message = f"{self.name}: {event.event_id} came after version {known}"
                raise InvariantViolationError(message)
        return unseen


def _checkpoint(connection: Connection, name: str) -> Position:
    (position,) = connection.execute(CHECKPOINT, (name,)).fetchone()
    return Position(position)
