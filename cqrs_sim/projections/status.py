"""How far the read models of a store are; only looked at, also while somebody writes to them."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Literal, TypeAlias

import attrs

from cqrs_sim.errors import StoreError
from cqrs_sim.event_log.codec import event_of, mark_of
from cqrs_sim.projections.kinds import KINDS, Kind
from cqrs_sim.read_side.sqlite.stored import CHECKPOINTS
from cqrs_sim.storage.database import connect_to_read, errors_of
from cqrs_sim.storage.event_rows import StoredEvent
from cqrs_sim.storage.event_store import ROWS, EventReader
from cqrs_sim.storage.folder import EVENTS
from cqrs_sim.tables.connection import Connection
from cqrs_sim.tables.size import files_size_bytes

State: TypeAlias = Literal[
    "up to date", "behind", "ahead", "in events.db", "other log", "other tables", "unreadable",
    "none",
]  # fmt: skip

_TABLES = """
SELECT type, name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%' ORDER BY type, name
"""
_HAS_ROWS = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'orders'"
_CHECKPOINT = "SELECT * FROM checkpoints WHERE read_model = ?"


@attrs.frozen(kw_only=True)
class ModelStatus:
    """One read model of a store."""

    name: str
    state: State
    """`ahead`: it shows events that the log does not have; `in events.db`: it has no file, the
    commits themselves write its tables, and `behind` says how far it is; `other log`: events of
    another store, or of an end of this log that was lost; `other tables`: those of another version
    of the program."""
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
        found = ModelStatus(name=kind.name, state="none", is_half_built=is_half_built)
        beside = reader.positions_beside()
        if kind.name not in beside:
            return found
        position = beside[kind.name]
        # Where no events are kept the rows say how far the store is.
        behind = max(0, max(head, beside.get(ROWS, 0)) - position)
        return attrs.evolve(
            found,
            state="in events.db",
            checkpoint=position,
            behind=behind,
            shows_until_ns=_recorded(reader, position),
        )
    found = ModelStatus(
        name=kind.name,
        state="unreadable",
        bytes=files_size_bytes(path),
        written_ns=path.stat().st_mtime_ns,
        is_half_built=is_half_built,
    )
    try:
        with errors_of(path), closing(connect_to_read(path)) as connection:
            tables = connection.execute(_TABLES).fetchall()
            rows = connection.execute(_CHECKPOINT, (kind.name,)).fetchall()
    except StoreError as error:
        return attrs.evolve(found, detail=str(error))
    if not rows:
        return attrs.evolve(found, detail=f"{path} has no checkpoint of {kind.name}")
    _, checkpoint, *whose = rows[0]
    shown = list(reader.between(checkpoint, checkpoint))
    if tables != tables_of(kind):
        return attrs.evolve(found, state="other tables", checkpoint=checkpoint)
    strange = _why_strange(whose, reader, shown, is_within=checkpoint <= head)
    if strange:
        return attrs.evolve(found, state="other log", checkpoint=checkpoint, detail=strange)
    state: State = "up to date" if checkpoint == head else "behind"
    if checkpoint > head:
        state = "ahead"
    return attrs.evolve(
        found,
        state=state,
        checkpoint=checkpoint,
        behind=max(0, head - checkpoint),
        shows_until_ns=_recorded(reader, checkpoint),
    )


def _recorded(reader: EventReader, position: int) -> int | None:
    return next((event.recorded_ns for event in reader.between(position, position)), None)


def _why_strange(
    whose: Sequence[object], reader: EventReader, shown: Sequence[StoredEvent], *, is_within: bool
) -> str:
    """Whose events a file shows, if not those of this log; empty if they are.

    Args:
        whose: what the file says of that: the id of the store, the mark of its last event.
        reader: of the log.
        shown: the event of the log at the checkpoint; none at 0 and where the log has none.
        is_within: whether the log reaches to the checkpoint.
    """
    store_id, mark = whose
    if store_id != reader.store_id:
        return f"shows the log of store {store_id!r}, and this is {reader.store_id!r}"
    if is_within and mark != (mark_of(event_of(shown[0])) if shown else 0):
        return "shows an end of the log that was lost: its last event is not the log's"
    return ""


def tables_of(kind: Kind) -> list[tuple[str, str, str]]:
    """The tables and indexes that this program makes for a read model: type, name, statement."""
    with closing(Connection(":memory:")) as connection:
        connection.execute(CHECKPOINTS)
        kind.tables(connection).create()
        return connection.execute(_TABLES).fetchall()
