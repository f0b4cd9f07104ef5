"""The two forms of the same data, and what one does with them: commands and questions.

Normalised: the tables of the control alone. Denormalised: these tables, which a command is decided
by, and in the same transaction the wide rows and the sums of the read models `orders` and
`statistics`, which alone answer. So a denormalised write costs what a normalised one does and the
upkeep besides: the price of the pattern with one shared database. Wide rows alone, decided by
themselves, would be cheaper to write; they would also be the only copy of a name or a total.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

from cqrs_sim.crud.answers import NormalisedAnswers
from cqrs_sim.crud.tables import NormalisedTables
from cqrs_sim.domain.commands import Command
from cqrs_sim.domain.events import Event
from cqrs_sim.domain.order import Cause, decide
from cqrs_sim.domain.queries import (
    AnswerValue,
    OrderAnswers,
    Query,
    StatisticsAnswers,
    answer_to,
)
from cqrs_sim.ids import Position
from cqrs_sim.read_side.sqlite.orders import OrderTables
from cqrs_sim.read_side.sqlite.statistics import StatisticsTables
from cqrs_sim.tables.batches import batches
from cqrs_sim.tables.connection import Connect, Connection, open_reader, transaction
from cqrs_sim.tables.size import tables_size_bytes

FormName: TypeAlias = Literal["normalised", "denormalised"]

FORMS: tuple[FormName, ...] = ("normalised", "denormalised")
BATCH = 1000
"""Events in a transaction when a form is filled."""


class _Answers(OrderAnswers, StatisticsAnswers, Protocol):
    """Who answers the four questions."""


class _ReadModelAnswers(OrderTables):
    """The read model `orders`, which has its sums from `statistics`."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self.between = StatisticsTables(connection).between


class Form:
    """A file with the tables of one form, a writer and a reader."""

    def __init__(self, name: FormName, path: Path, connect: Connect) -> None:
        self.name = name
        self._writer = connect(path)
        self._tables = NormalisedTables(self._writer)
        self._tables.create()
        views = (OrderTables, StatisticsTables) if name == "denormalised" else ()
        self._views = [view(self._writer) for view in views]
        for view in self._views:
            view.create()
        (changes,) = self._writer.execute("SELECT coalesce(sum(version), 0) FROM orders").fetchone()
        self._position: int = changes
        """Of the last event: each made one version of one order."""
        self._reader = open_reader(path)
        self._answers: _Answers = (
            _ReadModelAnswers(self._reader) if views else NormalisedAnswers(self._reader)
        )

    def fill(self, events: Sequence[Event]) -> None:
        """Put in what was decided elsewhere; the first events that the form sees."""
        for batch in batches(events, BATCH):
            with transaction(self._writer):
                self._save(batch)

    def execute(self, command: Command, cause: Cause) -> None:
        """Load, decide and save, in one transaction.

        Raises:
            CommandRejectedError: if the rules say no; nothing is changed.
        """
        with transaction(self._writer):
            order = self._tables.load(command.order_id)
            self._save(decide(order, command, cause))

    def _save(self, events: Sequence[Event]) -> None:
        self._tables.save(events)
        for event in events:
            self._position += 1
            event.position = Position(self._position)
        for view in self._views:
            view.show(events)

    def ask(self, query: Query) -> AnswerValue:
        """The answer, beside the writer."""
        return answer_to(query, self._answers, self._answers)

    def size_bytes(self) -> int:
        """Bytes of its tables and indexes."""
        return tables_size_bytes(self._writer)

    def close(self) -> None:
        """Close both connections; the file then holds all of it."""
        self._reader.close()
        self._writer.close()
