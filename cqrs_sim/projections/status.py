"""How far the read models of a store are; only looked at, also while somebody writes to them."""

from contextlib import closing
from pathlib import Path
from typing import Literal, TypeAlias

import attrs

from cqrs_sim.errors import StoreError
from cqrs_sim.projections.kinds import KINDS, Kind
from cqrs_sim.storage.database import connect_to_read, errors_of
from cqrs_sim.storage.event_store import EventReader
from cqrs_sim.storage.folder import EVENTS
from cqrs_sim.tables.connection import Connection
from cqrs_sim.tables.size import companions, files_size_bytes

State: TypeAlias = Literal["up to date", "behind", "ahead", "other tables", "unreadable", "none"]

_TABLES = """
SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' AND name != 'checkpoints'
ORDER BY type, name
"""
_HAS_ROWS = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'orders'"
_CHECKPOINT = "SELECT position FROM checkpoints WHERE read_model = ?"


@attrs.frozen(kw_only=True)
class ModelStatus:
    """One read model of a store."""

    name: str
    state: State
    """`ahead`: it shows events that the log does not have; `other tables`: those of another
    version of the program."""
    checkpoint: int | None = None
    """The last position that it shows; None: nobody knows."""
    behind: int | None = None
    """Positions of the log that it does not show."""
    bytes: int = 0
    """Of its files."""
    shows_until_ns: int | None = None
    """When the last event that it shows was recorded."""
    written_ns: int | None = None
    """When its file was last written to, in nanoseconds since 1970."""
    is_half_built: bool = False
    """Whether a rebuild of it was cut short, or goes on."""
    detail: str = ""
    """What is wrong, if anything is."""


@attrs.frozen(kw_only=True)
class StoreStatus:
    """A store."""

    folder: str
    head: int
    """The last position of its log."""
    is_dated: bool
    """Whether its instants count from 1970; else they are of simulated time."""
    read_models: tuple[ModelStatus, ...]


def status_of(folder: Path) -> StoreStatus:
    """The read models of a store.

    Raises:
        StoreError: if there is no store, or its log cannot be read.
    """
    with closing(EventReader(folder)) as reader:
        head = reader.last_position()
        models = tuple(_status(kind, folder, reader, head) for kind in KINDS.values())
        return StoreStatus(
            folder=str(folder), head=head, is_dated=reader.is_dated, read_models=models
        )


def rows_of(folder: Path) -> int | None:
    """How many orders a store keeps as rows; None: it keeps none in that form.

    Raises:
        StoreError: if it cannot be read.
    """
    path = folder / EVENTS
    with errors_of(path), closing(connect_to_read(path)) as connection:
        if not connection.execute(_HAS_ROWS).fetchone()[0]:
            return None
        return int(connection.execute("SELECT count(*) FROM orders").fetchone()[0])


def _status(kind: Kind, folder: Path, reader: EventReader, head: int) -> ModelStatus:
    path = kind.file_in(folder)
    is_half_built = kind.half_built_in(folder).exists()
    if not path.exists():
        return ModelStatus(name=kind.name, state="none", is_half_built=is_half_built)
    found = ModelStatus(
        name=kind.name,
        state="unreadable",
        bytes=files_size_bytes(path),
        written_ns=path.stat().st_mtime_ns,
        is_half_built=is_half_built,
    )
    try:
        with errors_of(path), closing(_connect(path)) as connection:
            tables = connection.execute(_TABLES).fetchall()
            rows = connection.execute(_CHECKPOINT, (kind.name,)).fetchall()
    except StoreError as error:
        return attrs.evolve(found, detail=str(error))
    if not rows:
        return attrs.evolve(found, detail=f"{path} has no checkpoint of {kind.name}")
    checkpoint = int(rows[0][0])
    shown = list(reader.between(checkpoint, checkpoint))
    state: State = "up to date" if checkpoint == head else "behind"
    if checkpoint > head:
        state = "ahead"
    elif tables != tables_of(kind):
        state = "other tables"
    return attrs.evolve(
        found,
        state=state,
        checkpoint=checkpoint,
        behind=max(0, head - checkpoint),
        shows_until_ns=shown[0].recorded_ns if shown else None,
    )


def _connect(path: Path) -> Connection:
    """Open a file to look at it, and leave nothing beside it.

    Where there is no write-ahead log nobody writes, and SQLite need not make one to find that out.
    """
    wal, _ = companions(path)
    if wal.exists():
        return connect_to_read(path)
    return Connection(f"{path.absolute().as_uri()}?immutable=1", uri=True)


def tables_of(kind: Kind) -> list[tuple[str, str, str]]:
    """The tables and indexes that this program makes for a read model: type, name, statement."""
    with closing(Connection(":memory:")) as connection:
        kind.tables(connection).create()
        return connection.execute(_TABLES).fetchall()
