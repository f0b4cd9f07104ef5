"""What the tables of every read model have in common: they are made, emptied, and know versions."""

from typing import ClassVar

from cqrs_sim.ids import OrderId, Version
from cqrs_sim.tables.connection import Connection


class VersionedTables:
    """Tables that hold the last version shown of each order, on a connection."""

    schema: ClassVar[tuple[str, ...]]
    """Statements that make what is not there."""
    emptying: ClassVar[tuple[str, ...]]
    """Statements that take all rows out."""
    version: ClassVar[str]
    """Statement that selects the version of an order."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def create(self) -> None:
        """Make the tables and indexes that are not there."""
        for statement in self.schema:
            self._connection.execute(statement)

    def clear(self) -> None:
        """Take all rows out."""
        for statement in self.emptying:
            self._connection.execute(statement)

    def version_of(self, order_id: OrderId) -> Version:
        """The last version shown of an order; 0: none."""
        row = self._connection.execute(self.version, (order_id,)).fetchone()
        return Version(0) if row is None else row[0]
