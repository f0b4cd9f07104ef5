"""Tables of read models in a file that is not theirs: written in the transactions of its owner.

How far each of them is stands in the same file, so one transaction keeps all of it together.
"""

from collections.abc import Callable, Sequence

from cqrs_sim.domain.events import Event
from cqrs_sim.errors import StoreError
from cqrs_sim.ids import Position
from cqrs_sim.read_side.sqlite.stored import CHECKPOINT
from cqrs_sim.tables.batches import CATCH_UP, batches
from cqrs_sim.tables.connection import Connection, transaction

_CHECKPOINTS = """
CREATE TABLE IF NOT EXISTS checkpoints (
    read_model TEXT PRIMARY KEY,
    position INTEGER NOT NULL
) WITHOUT ROWID
"""
_FIRST_CHECKPOINT = "INSERT OR IGNORE INTO checkpoints VALUES (?, 0)"
_SET_CHECKPOINTS = "UPDATE checkpoints SET position = ? WHERE read_model = ?"
_HAS_CHECKPOINTS = "SELECT count(*) FROM sqlite_schema WHERE name = 'checkpoints'"
_FURTHEST = "SELECT coalesce(max(position), 0) FROM checkpoints"


class TablesBeside:
    """Tables on the connection of the writer of a file."""

    def __init__(
        self, connection: Connection, shows: dict[str, Callable[[Sequence[Event]], None]]
    ) -> None:
        """Keep tables, which are there.

        Args:
            connection: of the writer of the file.
            shows: by name, what writes events to the tables: in the order of their positions, none
                that was written before, no gap.
        """
        self._connection = connection
        self._shows = shows
        if shows:
            connection.execute(_CHECKPOINTS)
        for name in shows:
            connection.execute(_FIRST_CHECKPOINT, (name,))

    @property
    def names(self) -> tuple[str, ...]:
        """Of the tables."""
        return tuple(self._shows)

    def show(self, events: Sequence[Event]) -> None:
        """Write events to all tables; the transaction is the caller's."""
        for show in self._shows.values():
            show(events)
        position = events[-1].position
        self._connection.executemany(_SET_CHECKPOINTS, [(position, name) for name in self._shows])

    def catch_up(self, events: Sequence[Event]) -> None:
        """Write what each lacks of a log, in transactions of its own: a table may be new to it.

        Args:
            events: the whole log; position p at index p - 1.
        """
        connection = self._connection
        for name, show in self._shows.items():
            (shown,) = connection.execute(CHECKPOINT, (name,)).fetchone()
            for batch in batches(events[shown:], CATCH_UP):
                with transaction(connection):
                    show(batch)
                    connection.execute(_SET_CHECKPOINTS, (batch[-1].position, name))


def refuse_ahead(connection: Connection, head: Position, where: object) -> None:
    """Refuse tables that show more than the log beside them holds.

    Raises:
        StoreError: one line.
    """
    (has_any,) = connection.execute(_HAS_CHECKPOINTS).fetchone()
    (furthest,) = connection.execute(_FURTHEST).fetchone() if has_any else (0,)
    if furthest > head:
        raise StoreError(
            f"{where} keeps orders as rows up to position {furthest:,}, and events up to "
            f"{head:,} only, so no run can go on with it; name a new folder"
        )
