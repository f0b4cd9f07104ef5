"""The probe: the hooks through which a run is measured.

The write side, the log and the read side call a probe at each instant that the trace records
(`docs/trace-format.md`) and know nothing of measurement. `NullProbe` ignores everything; the real one
is `measurement.recorder.Recorder`. A hook takes its own time stamp, so no layer handles clocks for
measurement's sake. An exception in a hook is a bug and ends the run.
"""

from enum import IntEnum
from typing import Protocol

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
    """A full mailbox with policy `reject` turned it away."""
    DROPPED = 4
    """A full mailbox with a drop policy threw it away (no such policy exists yet)."""
    UNKNOWN = 5
    """Its caller went away before the answer; the command ran on."""


class Probe(Protocol):
    """What is told of a run while it runs; one method an instant."""

    def submitted(self, command_id: CommandId) -> None:
        """The command was put to its order's mailbox, or that was tried."""

    def dequeued(self, command_id: CommandId) -> None:
        """The order actor took the command."""

    def committed(
        self, command_id: CommandId, first: Position, last: Position, version: Version
    ) -> None:
        """The command's events have positions `first`..`last` and are visible; called before any
        of them is delivered. `version` is the order's, after the last of them.
        """

    def turned_away(self, command_id: CommandId, outcome: Outcome) -> None:
        """The command ended otherwise than accepted."""

    def acknowledged(self, command_id: CommandId) -> None:
        """The caller knows the outcome."""

    def delivered(self, read_model: int, position: Position) -> None:
        """The event was put on a read model's channel."""

    def taken(self, read_model: int, first: Position, last: Position) -> None:
        """The projector took a batch of events."""

    def applied(self, read_model: int, position: Position) -> None:
        """The read model shows the event."""

    def checkpointed(self, read_model: int, first: Position, last: Position) -> None:
        """The projector stored that it applied these events."""

    def query_submitted(self, query_id: QueryId) -> None:
        """The query reached the read side."""

    def query_answered(self, query_id: QueryId, read_model: int, position: Position) -> None:
        """The caller has the answer; it reflects all events up to `position`."""


class Clock(Protocol):
    """Time as the layers see it: integer nanoseconds from the start of the run."""

    def now_ns(self) -> Nanoseconds:
        """The present instant."""


class NullProbe:
    """Measures nothing."""

    def submitted(self, command_id: CommandId) -> None: ...  # noqa: D102 - see `Probe`
    def dequeued(self, command_id: CommandId) -> None: ...  # noqa: D102
    def committed(  # noqa: D102
        self, command_id: CommandId, first: Position, last: Position, version: Version
    ) -> None: ...
    def turned_away(self, command_id: CommandId, outcome: Outcome) -> None: ...  # noqa: D102
    def acknowledged(self, command_id: CommandId) -> None: ...  # noqa: D102
    def delivered(self, read_model: int, position: Position) -> None: ...  # noqa: D102
    def taken(self, read_model: int, first: Position, last: Position) -> None: ...  # noqa: D102
    def applied(self, read_model: int, position: Position) -> None: ...  # noqa: D102
    def checkpointed(  # noqa: D102
        self, read_model: int, first: Position, last: Position
    ) -> None: ...
    def query_submitted(self, query_id: QueryId) -> None: ...  # noqa: D102
    def query_answered(  # noqa: D102
        self, query_id: QueryId, read_model: int, position: Position
    ) -> None: ...
