"""The event log on disk: one writer, groups of rows in one commit, readers beside it.

One object writes, in one thread at a time; the reading methods have a connection of their own and
belong to another thread. Positions and checksums are given inside the transaction, by the one
writer, so no reader ever sees a position before the one below it.
"""

import os
import sqlite3
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import attrs

from cqrs_sim.errors import StoreError
from cqrs_sim.fault_sites import site
from cqrs_sim.storage import folder as folders
from cqrs_sim.storage.database import (
    Durability,
    check,
    connect,
    connect_to_read,
    create,
    errors_of,
    read_transaction,
    transaction,
)
from cqrs_sim.storage.event_rows import (
    COLUMNS,
    EVENTS_DB,
    Command,
    NewRow,
    SnapshotRow,
    StoredEvent,
    chained,
    first_checksum,
)
from cqrs_sim.storage.folder import Acknowledged

MOST_ROWS = 256
"""Rows of one INSERT: times columns, far below SQLite's limit of 32,766 variables."""

ROWS = "rows"
"""The name by which the rows of the write side have a checkpoint, as a read model has."""

PAGE = 1000
"""Rows read at once."""

ACKNOWLEDGE_EVERY = 16_384
"""Most events committed before `acknowledged.json` is written again."""

END = (1 << 63) - 1
"""Behind every position and version: the largest integer of SQLite."""

_SELECT = f"SELECT {', '.join(COLUMNS)} FROM events"  # noqa: S608 - our own columns
_INSERT = "INSERT INTO events VALUES "
_ROW = f"({', '.join('?' * len(COLUMNS))})"


@attrs.frozen
class Written:
    """Where the last event of a command stands."""

    order_id: str
    version: int
    position: int


class EventReader:
    """Reads the events of a store."""

    def __init__(self, folder: Path) -> None:
        """Open the store in a folder to read it, also while somebody writes to it.

        Raises:
            StoreError: if there is none, or it is not one of ours.
        """
        self.folder = folder
        self.path = folder / folders.EVENTS
        folders.refuse_no_store(folder)
        check(self.path, EVENTS_DB)
        self._reader = connect_to_read(self.path)
        self.store_id = str(self._one("SELECT id FROM store")[0])
        self.acknowledged = folders.read_acknowledged(folder)

    @property
    def is_dated(self) -> bool:
        """Whether instants count from 1970: it was written in real time."""
        return bool(self._one("SELECT count(*) FROM runs WHERE clock = 'wall'")[0])

    def close(self) -> None:
        """Let go of the files."""
        self._reader.close()

    @property
    def size_bytes(self) -> int:
        """All files of the store together."""
        return sum(path.stat().st_size for path in self.folder.iterdir() if path.is_file())

    def last_position(self) -> int:
        """The last committed position; 0 if there is none."""
        return int(self._one("SELECT coalesce(max(position), 0) FROM events")[0])

    def of_order(self, order_id: str, after: int = 0, until: int = END) -> list[StoredEvent]:
        """The events of an order behind a version, up to a position, oldest first."""
        # The index of orders and versions holds the positions too: no row behind `until` is read.
        where = "WHERE order_id = ? AND version > ? AND position <= ? ORDER BY version"
        return self._events(f"{_SELECT} {where}", order_id, after, until)

    def snapshots_of(self, order_id: str, until: int = END) -> Iterator[SnapshotRow]:
        """The snapshots of an order that stand up to a position, the newest first."""
        version = END
        while True:
            # One at a time, since the first is nearly always the last that is asked for.
            found = self._rows(
                "SELECT * FROM snapshots WHERE order_id = ? AND version < ? AND position <= ? "
                "ORDER BY version DESC LIMIT 1",
                order_id,
                version,
                until,
            )
            if not found:
                return
            version = found[0][1]
            yield found[0]

    def between(self, first: int, last: int) -> Iterator[StoredEvent]:
        """The events from one position to another, both included, as far as there are any."""
        while first <= last:
            page = self._events(
                f"{_SELECT} WHERE position BETWEEN ? AND ? ORDER BY position LIMIT {PAGE}",
                first,
                last,
            )
            yield from page
            if len(page) < PAGE:
                return
            first = page[-1].position + 1

    def position_at(self, recorded_ns: int) -> int:
        """The last position that was recorded at an instant or before it; 0 if none was.

        Instants never decrease along the log, so a binary search finds it without an index.
        """
        known, beyond = 0, self.last_position() + 1
        while beyond - known > 1:
            middle = (known + beyond) // 2
            query = "SELECT recorded_ns FROM events WHERE position = ?"
            known, beyond = (
                (middle, beyond) if self._one(query, middle)[0] <= recorded_ns else (known, middle)
            )
        return known

    def written_by(self, command: Command) -> Written | None:
        """What a command came to; None if it has no events."""
        found = self._rows(
            "SELECT order_id, version, position FROM events WHERE command = ? "
            "ORDER BY part DESC LIMIT 1",
            command,
        )
        return Written(*found[0]) if found else None

    def damage(self) -> str | None:
        """What SQLite itself finds wrong with the file; None if nothing."""
        found = str(self._one("PRAGMA integrity_check(1)")[0])
        return None if found == "ok" else found

    def rows_position(self) -> int | None:
        """The last position that rows of orders beside the events show; None: there are none."""
        return self.positions_beside().get(ROWS)

    @property
    def has_rows_alone(self) -> bool:
        """Whether orders are kept as rows, and no events."""
        return bool(self.rows_position()) and not self.last_position() and self.acknowledged is None

    def positions_beside(self) -> dict[str, int]:
        """By name, the last position that each of the tables beside the events shows."""
        if not self._one("SELECT count(*) FROM sqlite_schema WHERE name = 'checkpoints'")[0]:
            return {}
        return dict(self._rows("SELECT read_model, position FROM checkpoints"))

    @contextmanager
    def at_one_commit(self) -> Iterator[sqlite3.Connection]:
        """All that is read inside, also on the connection given, is of one commit."""
        with errors_of(self.path), read_transaction(self._reader):
            yield self._reader

    def _events(self, query: str, *values: Command) -> list[StoredEvent]:
        return [StoredEvent(*row) for row in self._rows(query, *values)]

    def _one(self, query: str, *values: Command) -> tuple[Any, ...]:
        found = self._rows(query, *values)
        if not found:
            raise StoreError(f"{self.path} is damaged: a row is missing ({query})")
        return found[0]

    def _rows(self, query: str, *values: Command) -> list[tuple[Any, ...]]:
        try:
            with errors_of(self.path):
                return self._reader.execute(query, values).fetchall()
        except UnicodeEncodeError:
            return []  # Half a surrogate pair is no text, so no row has it.


class EventStore(EventReader):
    """Reads and writes: the only one that does, as long as it is open."""

    def __init__(self, folder: Path, durability: Durability, *, new_id: str) -> None:
        """Open the store in a folder, or make one.

        Args:
            folder: made if it is not there.
            durability: what a commit promises.
            new_id: of the store, if it is made.

        Raises:
            StoreError: if it is in use, is not one of ours, or has lost what was acknowledged; in
                one line, and whatever was there is as it was.
        """
        folders.prepare(folder)
        with ExitStack() as on_failure:
            self._lock = folders.lock(folder)
            on_failure.callback(os.close, self._lock)
            path = folder / folders.EVENTS
            if not path.exists():
                create(path, EVENTS_DB, ("INSERT INTO store (id) VALUES (?)", (new_id,)))
            self._connection = connect(path, EVENTS_DB, durability)
            self._snapshots: deque[SnapshotRow] = deque()
            self.snapshots_count = 0
            """Snapshots written since it was opened."""
            on_failure.callback(self._connection.close)
            super().__init__(folder)
            on_failure.callback(self._reader.close)
            self._go_on()
            on_failure.pop_all()

    def _go_on(self) -> None:
        """Go on behind the last event that is there."""
        self.head = self.last_position()
        self.checksum, self.recorded_ns = first_checksum(self.store_id), 0
        for last in self.between(self.head, self.head):
            self.checksum, self.recorded_ns = last.checksum, last.recorded_ns
        acknowledged = self.acknowledged
        self._written_down = 0 if acknowledged is None else acknowledged.position
        if self._written_down > self.head:
            lost = f"{self.folder} has lost events: it ends at position {self.head}, and "
            lost += f"{self._written_down} was acknowledged; to go on with what is left, remove "
            raise StoreError(f"{lost}{self.folder / folders.ACKNOWLEDGED}")

    def next_run(self) -> int:
        """The number of the run that begins next, from 1."""
        return int(self._one("SELECT coalesce(max(run), 0) + 1 FROM runs")[0])

    def begin_run(self, clock: str, began_ns: int) -> int:
        """Write down that a run begins.

        Args:
            clock: `wall` or `virtual`.
            began_ns: the instant from which its events are counted.

        Returns:
            Its number, from 1.
        """
        with errors_of(self.path):
            cursor = self._connection.execute(
                "INSERT INTO runs (clock, began_ns) VALUES (?, ?)", (clock, began_ns)
            )
        return int(cursor.lastrowid or 0)

    @property
    def connection(self) -> sqlite3.Connection:
        """The writer's, for tables beside the events: to be written by `append` alone."""
        return self._connection

    def append(
        self,
        rows: Sequence[NewRow],
        recorded_ns: int,
        also: Callable[[], None] | None = None,
    ) -> None:
        """Commit rows together, behind all others, at an instant.

        Args:
            rows: may be none, where `also` writes all there is.
            recorded_ns: not before that of the last append, else that one's.
            also: writes other tables in the same transaction, through `connection`.

        Raises:
            StoreError: if that fails; then nothing of them is there, and nothing may be appended
                any more: an fsync that failed is never tried again, since the system may have
                forgotten what it could not write.
        """
        site("log.before_commit")
        self.recorded_ns = recorded_ns = max(recorded_ns, self.recorded_ns)
        connection, position, checksum = self._connection, self.head, self.checksum
        flat: list[object] = []
        for row in rows:
            position += 1
            checksum = chained(checksum, position, recorded_ns, row)
            flat += (position, recorded_ns, checksum, *row)
        with self._transaction():
            _insert(connection, flat)
            snapshots_count = self._insert_snapshots()
            site("log.in_commit")
            if also is not None:
                also()
                site("log.tables_written")
        site("log.after_commit")
        self.head, self.checksum = position, checksum
        self.snapshots_count += snapshots_count

    def keep_snapshot(self, row: SnapshotRow) -> None:
        """Keep a snapshot of what was committed; from any thread.

        It goes with the next commit, so that it costs no fsync of its own, or is written when
        nothing else is; a crash before that loses it, and with it nothing but time.
        """
        self._snapshots.append(row)

    def write_snapshots(self) -> None:
        """Write the snapshots that no commit took with it.

        Raises:
            StoreError: as `append`.
        """
        if self._snapshots:
            with self._transaction():
                count = self._insert_snapshots()
            self.snapshots_count += count

    def _insert_snapshots(self) -> int:
        count = len(self._snapshots)
        for _ in range(count):
            # One of the same version is of a log that has lost its end since, and grew again.
            row = self._snapshots.popleft()
            self._connection.execute("REPLACE INTO snapshots VALUES (?, ?, ?, ?, ?, ?)", row)
        return count

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with errors_of(self.path), transaction(self._connection):
            yield

    def write_acknowledged(self, *, at_least: int = 1) -> None:
        """Write down that all there is was acknowledged, if that is `at_least` so many events."""
        if self.head - self._written_down >= at_least:
            folders.write_acknowledged(
                self.folder, Acknowledged(self.store_id, self.head, self.checksum)
            )
            self._written_down = self.head

    def close(self) -> None:
        """Write down what was acknowledged, bring the write-ahead log home, let go of the files.

        Raises:
            StoreError: if the disk does not take that; the files are closed all the same.
        """
        try:
            self.write_snapshots()
            self.write_acknowledged()
            with errors_of(self.path):
                self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        finally:
            self.close_files()

    def close_files(self) -> None:
        """Let go of the files, and of the lock, as they are."""
        super().close()
        self._connection.close()
        os.close(self._lock)


def _insert(connection: sqlite3.Connection, flat: list[object]) -> None:
    """Insert rows whose columns follow one another.

    Many rows a statement: each statement lets go of the interpreter's lock and must wait to have it
    back, up to the switch interval if another thread computes. Row by row (`executemany`) that made
    600 rows a second beside a busy thread, instead of 80,000. And by powers of two, so that the few
    statements there are stay prepared.
    """
    columns, begun = len(COLUMNS), 0
    while begun < len(flat):
        left = (len(flat) - begun) // columns
        count = min(MOST_ROWS, 1 << (left.bit_length() - 1))
        ended = begun + count * columns
        connection.execute(_INSERT + ", ".join([_ROW] * count), flat[begun:ended])
        begun = ended
