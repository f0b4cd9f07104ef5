"""The probe: the columns and methods through which a run is measured.

The write side, the log and the read side stamp each instant that the trace records
(`docs/trace-format.md`) into a column of the probe, or tell it by a method, and know nothing of
measurement. `NullProbe` ignores everything; the real one is `measurement.recorder.Recorder`. An
exception in a probe is a bug and ends the run.
"""

import itertools
from enum import IntEnum
from typing import Protocol

import attrs

from cqrs_sim.ids import CommandId, Nanoseconds, Position, QueryId, Version


class Outcome(IntEnum):
    """What became of a command; the codes stand in the trace."""

    UNFINISHED = 0
    """Neither accepted nor refused when the run ended."""
    ACCEPTED = 1
    """Its events are in the log."""
    REJECTED = 2
    """The domain said no."""
    REFUSED = 3
    """A full mailbox with policy `reject` turned it away, or the write side was down."""
    DROPPED = 4
    """A full mailbox with a drop policy threw it away (no such policy exists yet)."""
    UNKNOWN = 5
    """Its caller went away before the answer; the command ran on. Or the process of the write
    side ended before it had answered: perhaps just after it had stored the events."""
    REPEATED = 6
    """Its request id was known: answered with the first outcome, it has no events of its own."""
    CONFLICT = 7
    """Others wrote to its order first, each time that it was tried, until it was given up."""


class AttemptEnd(IntEnum):
    """How a handler's attempt at a command ended; the codes stand in the trace."""

    OPEN = 0
    """Not at all when the run ended."""
    COMMITTED = 1
    """Its events are in the log."""
    CONFLICT = 2
    """Another write to the order had come between its look and its own write."""
    REJECTED = 3
    """The domain said no."""
    REPEATED = 4
    """The request was committed before, and had its first outcome again."""


class Strategy(IntEnum):
    """How fresh a query's answer is to be; the codes stand in the trace."""

    EVENTUAL = 0
    """What the read model shows when it is asked."""
    AT_LEAST = 1
    """Once the read model shows a position, such as that of the session's own last write."""
    WRITE_SIDE = 2
    """From the order actor, which knows all that was committed of its order."""


class QueryOutcome(IntEnum):
    """What became of a query; the codes stand in the trace."""

    UNFINISHED = 0
    """Not answered when the run ended."""
    ANSWERED = 1
    TIMED_OUT = 2
    """The position that it waited for was not shown in time."""
    REFUSED = 3
    """A full mailbox with policy `reject` turned it away."""


class Lookup(IntEnum):
    """What a cache of answers had for a query; the codes stand in the trace."""

    NONE = 0
    """It was not asked."""
    MISS = 1
    """Nothing, or nothing that is fresh enough."""
    HIT = 2
    """The answer."""


class WorkKind(IntEnum):
    """What was done in a database; the codes stand in the trace."""

    WRITE = 0
    """An order actor's work on a command; with read models that are updated in the same commit."""
    APPLY = 1
    """A projector's work on an event, or on its checkpoint."""
    ANSWER = 2
    """The answer to a query."""


class Handling(IntEnum):
    """How the handling of an event was out of the ordinary; the codes stand in the trace."""

    SKIPPED = 0
    """It came again, and had no effect a second time."""
    REPEATED = 1
    """It came again, and took effect again."""
    WITHOUT_EFFECT = 2
    """It came for the first time, and found nothing to change: an earlier event had not
    come, or never did."""
    HELD = 3
    """It came before one of its order that it follows, and was buffered."""
    FETCHING = 4
    """It came before one of its order that it follows; what was missing was read from the log."""
    FETCHED = 5
    """It was read from the log, for one that follows it and came first."""
    LATE = 6
    """It came when it had been fetched already, and had no effect a second time."""


NO_READ_MODEL = -1
"""In place of a read model's index, where the write side answered."""


class Column(Protocol):
    """Where the stamps of one kind go, in nanoseconds: `column[row] = instant`."""

    def __setitem__(self, row: int, instant_ns: int, /) -> None: ...


@attrs.frozen
class DeliveryColumns:
    """The stamps of the deliveries to one read model; a row is a position.

    What happens to a whole batch at once is stamped in the row of its last event.
    """

    delivered: Column
    """The event was put on the read model's channel."""
    taken: Column
    """The projector took the batch that ends with this event."""
    applied: Column
    """The read model shows the event."""
    checkpointed: Column
    """The projector stored that it applied the batch that ends with this event."""


class Probe(Protocol):
    """What is told of a run while it runs.

    The plain instants are columns that the layers write to, since a call for each of them would be
    a tenth of a run's work; whatever else is to be known comes by method.
    """

    @property
    def submitted(self) -> Column:
        """By command id: it was put to its order's mailbox, or that was tried."""

    @property
    def dequeued(self) -> Column:
        """By command id: the order actor took it."""

    @property
    def committed(self) -> Column:
        """By command id: its events have their positions and are visible; none is delivered yet."""

    @property
    def acknowledged(self) -> Column:
        """By command id: the caller knows the outcome."""

    def deliveries(self, read_model: int) -> DeliveryColumns:
        """The columns of the read model of this index."""

    def new_command(
        self, command: object, intended_ns: Nanoseconds | None = None, session: int = 0
    ) -> CommandId:
        """A command that no plan foresaw; without `intended_ns` it is intended now."""

    def new_query(
        self, query: object, intended_ns: Nanoseconds | None = None, session: int = 0
    ) -> QueryId:
        """A query that no plan foresaw; without `intended_ns` it is intended now."""

    def turned_away(self, command_id: CommandId, outcome: Outcome) -> None:
        """The command ended otherwise than accepted."""

    def attempt_begun(self, command_id: CommandId, version: Version) -> int:
        """A handler has looked at the order, which is at this version; returns the row."""

    def attempt_ended(self, row: int, end: AttemptEnd) -> None:
        """The attempt is over."""

    def query_submitted(self, query_id: QueryId, strategy: Strategy) -> None:
        """The query was sent, or reached the side that is to answer it: the first of them counts.

        A load generator tells it when it sends, the gateways when it arrives.
        """

    def query_dequeued(self, query_id: QueryId) -> None:
        """An order actor took the query out of its mailbox."""

    def query_answered(self, query_id: QueryId, read_model: int, position: Position) -> None:
        """The caller has the answer; it reflects all events up to `position`.

        `read_model` is `NO_READ_MODEL` if the write side answered.
        """

    def query_failed(self, query_id: QueryId, outcome: QueryOutcome) -> None:
        """The query ended without an answer."""

    def promised(self, read_model: int, delivery: str) -> None:
        """Events come to the read model in this mode of delivery: checkpoints tell more by it."""

    def handled(self, read_model: int, position: Position, handling: Handling) -> None:
        """The read model's projector handled an event, out of the ordinary."""

    def asked(self, read_model: int, position: Position) -> int:
        """The read model's projector asks another system about an event; returns the row."""

    def answered(self, row: int, attempts: int, *, is_told: bool) -> None:
        """It goes on: told what it asked for by the last of its attempts, or without."""

    def rename_submitted(self, customer: int, intended_ns: Nanoseconds) -> int:
        """The customer of this number, from 0, was asked to take another name; returns the row."""

    def rename_dequeued(self, row: int) -> None:
        """The customer's actor took the rename."""

    def rename_committed(self, row: int, position: int, version: int) -> None:
        """Its event has this position in the customers' log, and is visible.

        `version` is the customer's after it; both count from 1.
        """

    def rename_taken(self, read_model: int, position: int) -> int:
        """The read model's projector begins with a rename; returns the row of the delivery."""

    def rename_applied(self, delivery_row: int, rows_count: int) -> None:
        """The read model shows the new name, in so many rows."""

    def crashed(
        self, read_model: int, resumed: Position, reached: Position, repeated_count: int
    ) -> int:
        """A process ended; returns its row.

        Args:
            read_model: whose projector it was; `NO_READ_MODEL`: the write side.
            resumed: where the next process begins: behind the projector's checkpoint, or the last
                event that the write side published.
            reached: the last event that the projector had begun with, or the write side stored.
            repeated_count: how many events are delivered again.
        """

    def restarted(self, row: int) -> None:
        """The next process is there."""

    def query_looked_up(self, query_id: QueryId, found: Lookup) -> None:
        """A cache was asked before the read model."""

    def work_submitted(self, database: int, kind: WorkKind, read_model: int) -> int:
        """A stage has something to do in the database of this index; returns its row.

        `read_model` is `NO_READ_MODEL` if the stage is the write side.
        """

    def work_begun(self, row: int) -> None:
        """It has a connection."""

    def work_ended(self, row: int) -> None:
        """It is done."""


class Clock(Protocol):
    """Where a probe reads the time."""

    @property
    def instant_ns(self) -> Nanoseconds:
        """The present instant, from the start of the run."""

    @property
    def is_virtual(self) -> bool:
        """Whether it stands still while actors work."""


class Nowhere:
    """A column that keeps nothing."""

    def __setitem__(self, row: int, instant_ns: int, /) -> None:
        """Forget it."""


NOWHERE: Column = Nowhere()


class NullProbe:
    """Measures nothing; it only gives out ids."""

    def __init__(self) -> None:
        self._commands = itertools.count()
        self._queries = itertools.count()
        self.submitted = self.dequeued = self.committed = self.acknowledged = NOWHERE

    def deliveries(self, read_model: int) -> DeliveryColumns:  # noqa: D102
        return DeliveryColumns(NOWHERE, NOWHERE, NOWHERE, NOWHERE)

    def new_command(  # noqa: D102 - see `Probe`
        self, command: object, intended_ns: Nanoseconds | None = None, session: int = 0
    ) -> CommandId:
        return CommandId(next(self._commands))

    def new_query(  # noqa: D102
        self, query: object, intended_ns: Nanoseconds | None = None, session: int = 0
    ) -> QueryId:
        return QueryId(next(self._queries))

    def turned_away(self, command_id: CommandId, outcome: Outcome) -> None: ...  # noqa: D102
    def attempt_begun(self, command_id: CommandId, version: Version) -> int:  # noqa: D102
        return 0

    def attempt_ended(self, row: int, end: AttemptEnd) -> None: ...  # noqa: D102
    def query_submitted(self, query_id: QueryId, strategy: Strategy) -> None: ...  # noqa: D102
    def query_dequeued(self, query_id: QueryId) -> None: ...  # noqa: D102
    def query_answered(  # noqa: D102
        self, query_id: QueryId, read_model: int, position: Position
    ) -> None: ...
    def query_failed(self, query_id: QueryId, outcome: QueryOutcome) -> None: ...  # noqa: D102
    def promised(self, read_model: int, delivery: str) -> None: ...  # noqa: D102
    def handled(  # noqa: D102
        self, read_model: int, position: Position, handling: Handling
    ) -> None: ...
    def asked(self, read_model: int, position: Position) -> int:  # noqa: D102
        return 0

    def answered(self, row: int, attempts: int, *, is_told: bool) -> None: ...  # noqa: D102
    def rename_submitted(self, customer: int, intended_ns: Nanoseconds) -> int:  # noqa: D102
        return 0

    def rename_dequeued(self, row: int) -> None: ...  # noqa: D102
    def rename_committed(self, row: int, position: int, version: int) -> None: ...  # noqa: D102
    def rename_taken(self, read_model: int, position: int) -> int:  # noqa: D102
        return 0

    def rename_applied(self, delivery_row: int, rows_count: int) -> None: ...  # noqa: D102
    def crashed(  # noqa: D102
        self, read_model: int, resumed: Position, reached: Position, repeated_count: int
    ) -> int:
        return 0

    def restarted(self, row: int) -> None: ...  # noqa: D102
    def query_looked_up(self, query_id: QueryId, found: Lookup) -> None: ...  # noqa: D102
    def work_submitted(  # noqa: D102
        self, database: int, kind: WorkKind, read_model: int
    ) -> int:
        return 0

    def work_begun(self, row: int) -> None: ...  # noqa: D102
    def work_ended(self, row: int) -> None: ...  # noqa: D102
