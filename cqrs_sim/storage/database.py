"""SQLite databases of ours: making one, opening one, and what is wrong with one in one line.

Write-ahead logging always. How much a commit promises is named: `full` (on disk before it
returns), `normal` (a power cut may take the last commits, never a part of one), `off` (a power cut
may take anything; the end of the process takes nothing). SQLite ignores a pragma that it cannot
apply without a word, so each is read back on every connection. SOURCE of what they promise:
https://www.sqlite.org/pragma.html#pragma_synchronous, https://www.sqlite.org/wal.html
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Literal, TypeAlias

import attrs

from cqrs_sim.errors import StoreError

Durability: TypeAlias = Literal["full", "normal", "off"]

SYNCHRONOUS: dict[Durability, int] = {"off": 0, "normal": 1, "full": 2}

BUSY_S = 1.0
"""Longest wait for a lock of another connection."""

_MAGIC = b"SQLite format 3\x00"
_HEADER_BYTES = 100


@attrs.frozen
class Kind:
    """What a database is, and by which it is known to be ours."""

    name: str
    application_id: int
    schema_version: int
    schema: tuple[str, ...]
    """The statements that make it."""


_REASONS = {
    "SQLITE_BUSY": "is locked by another program; end that and try again",
    "SQLITE_LOCKED": "is locked by another program; end that and try again",
    "SQLITE_READONLY": "cannot be written to: the file or its folder is read-only",
    "SQLITE_FULL": "is full, or its disk is; what was committed before is intact",
    "SQLITE_NOTADB": "is not an SQLite database",
    "SQLITE_CORRUPT": "is damaged: its pages do not fit together",
    "SQLITE_CANTOPEN": "cannot be opened",
    "SQLITE_IOERR": "cannot be read or written: the disk reports an error",
    "SQLITE_PERM": "may not be opened",
}


@contextmanager
def errors_of(path: Path) -> Iterator[None]:
    """Turn whatever SQLite raises into one line that names the file.

    Raises:
        StoreError: in place of any `sqlite3.Error`.
    """
    try:
        yield
    except sqlite3.Error as error:
        # Some errors have no name in Python 3.11, those of decoding for instance.
        name = str(getattr(error, "sqlite_errorname", ""))
        found = next((text for code, text in _REASONS.items() if name.startswith(code)), None)
        detail = f" ({name})" if name else ""
        raise StoreError(
            f"{path}: {error}{detail}" if found is None else f"{path} {found}{detail}"
        ) from error
    except UnicodeDecodeError as error:
        raise StoreError(f"{path} is damaged: it holds text that is not UTF-8") from error


def create(path: Path, kind: Kind, *rows: tuple[str, tuple[object, ...]]) -> None:
    """Make a database all at once: under another name, which a crash may leave, then renamed.

    Args:
        path: where; there must be nothing.
        kind: of what kind.
        rows: what is in it from the start: statements, and their values.

    Raises:
        StoreError: if it cannot be made.
    """
    new = path.with_name(f"{path.name}.new")
    try:
        for left in (new, *companions(new)):
            left.unlink(missing_ok=True)
        with errors_of(path), closing(sqlite3.connect(new, isolation_level=None)) as connection:
            for statement in kind.schema:
                connection.execute(statement)
            for statement, values in rows:
                connection.execute(statement, values)
            connection.execute(f"PRAGMA application_id = {kind.application_id}")
            connection.execute(f"PRAGMA user_version = {kind.schema_version}")
            # It stays in the file, so every later connection finds it.
            connection.execute("PRAGMA journal_mode = WAL")
        with new.open("rb+") as file:
            os.fsync(file.fileno())
        new.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        if isinstance(error, StoreError):
            raise
        raise StoreError(f"{path} cannot be made: {error.strerror or error}") from error


def connect(path: Path, kind: Kind, durability: Durability) -> sqlite3.Connection:
    """Open a database of ours to write to it; nothing is written, nor made, if it is refused.

    The connection commits by itself (`isolation_level=None`), and may be used by one thread after
    another.

    Raises:
        StoreError: if it is not of this kind, damaged, read-only or locked, or cannot promise
            this.
    """
    for needed in (path, path.parent):
        if needed.exists() and not os.access(needed, os.W_OK):
            raise StoreError(f"{path} cannot be written to: {needed} is read-only")
    check(path, kind)
    connection = _connect(path, "mode=rw")
    with errors_of(path):
        try:
            _set(connection, path, "journal_mode", "wal")
            _set(connection, path, "synchronous", SYNCHRONOUS[durability])
        except (sqlite3.Error, StoreError):
            connection.close()
            raise
    return connection


def connect_to_read(path: Path) -> sqlite3.Connection:
    """Open a database of ours to read it, while somebody may write to it.

    Whoever reads a database with write-ahead logging makes that log, if it is not there, and only a
    connection that may write takes it away again when it is the last one to be closed. So without a
    log it is opened like that, and then kept from writing: at the end the folder is as it was, and
    a writer that comes meanwhile is seen. (`immutable=1` would leave nothing either, but takes no
    lock: it would read pages of different commits as soon as somebody writes.) Where
    commits are in a log, as a crash leaves them, it is not touched.

    Raises:
        StoreError: if it cannot be opened.
    """
    wal, _ = companions(path)
    if _size(wal):
        return _connect(path, "mode=ro")
    if not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)):
        # We could not make the log, and nor could a run of ours.
        return _connect(path, "immutable=1")
    connection = _connect(path, "mode=rw")
    connection.execute("PRAGMA query_only = ON")
    return connection


def _connect(path: Path, how: str) -> sqlite3.Connection:
    with errors_of(path):
        return sqlite3.connect(
            f"{path.absolute().as_uri()}?{how}",
            uri=True,
            timeout=BUSY_S,
            isolation_level=None,
            check_same_thread=False,
        )


def check(path: Path, kind: Kind) -> None:
    """Refuse a file that is no database of this kind; it is left as it is, byte by byte.

    Raises:
        StoreError: saying what it is instead.
    """
    header = _header(path)
    if not header:
        raise StoreError(f"{path} is empty, no {kind.name}")
    if not header.startswith(_MAGIC):
        raise StoreError(f"{path} is not an SQLite database")
    if len(header) < _HEADER_BYTES:
        raise StoreError(f"{path} is truncated: it ends within its header")
    # Offsets: https://www.sqlite.org/fileformat2.html#the_database_header
    found_id, found_version = _number(header, 68), _number(header, 60)
    if found_id != kind.application_id:
        raise StoreError(f"{path} is an SQLite database, but no {kind.name} of cqrs-sim")
    if found_version != kind.schema_version:
        raise StoreError(
            f"{path} has schema version {found_version}; this cqrs-sim reads and writes version "
            f"{kind.schema_version}"
        )
    page_bytes = int.from_bytes(header[16:18], "big")
    wanted = _number(header, 28) * (65536 if page_bytes == 1 else page_bytes)
    has_wal = any(_size(companion) for companion in companions(path)[:1])
    # With a write-ahead log pages may be there that are not yet in the file.
    if not has_wal and _size(path) < wanted:
        raise StoreError(f"{path} is truncated: {_size(path):,} of {wanted:,} bytes are left")
    _try_to_read(path)


def _try_to_read(path: Path) -> None:
    """Read the list of tables, in a connection that changes nothing and leaves nothing behind.

    Without a write-ahead log beside it the file is all there is, and is read as if on a CD: any
    other connection would make that log, even to read.
    """
    has_companions = any(companion.exists() for companion in companions(path))
    how = "mode=ro" if has_companions else "immutable=1"
    with closing(_connect(path, how)) as connection, errors_of(path):
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()


def _set(connection: sqlite3.Connection, path: Path, pragma: str, value: str | int) -> None:
    connection.execute(f"PRAGMA {pragma} = {value}")
    (found,) = connection.execute(f"PRAGMA {pragma}").fetchone()
    if found != value:
        raise StoreError(f"{path}: PRAGMA {pragma} = {value} was not applied, it is {found}")


def _header(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise StoreError(f"{path} is a folder where a file should be")
        with path.open("rb") as file:
            return file.read(_HEADER_BYTES)
    except StoreError:
        raise
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror or error}") from error


def _number(header: bytes, offset: int) -> int:
    return int.from_bytes(header[offset : offset + 4], "big")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def sync_folder(folder: Path) -> None:
    """Let a rename in a folder reach the disk."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def companions(path: Path) -> tuple[Path, Path]:
    """The write-ahead log beside a database, and its index."""
    return path.with_name(f"{path.name}-wal"), path.with_name(f"{path.name}-shm")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All of the statements inside, or none of them; none if anything is raised."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


@contextmanager
def read_transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """The statements inside see one commit; which one, the first of them decides."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        connection.execute("ROLLBACK")
