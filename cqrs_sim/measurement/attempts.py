"""The attempts of handlers at commands: the table of a trace, and its rows while a run lasts."""

from array import array

import attrs
import numpy as np

from cqrs_sim.ids import CommandId, Version
from cqrs_sim.measurement.columns import Bytes, Ints, Stamps, check_columns, empty, stamps
from cqrs_sim.measurement.works import NAT
from cqrs_sim.probe import AttemptEnd, Clock


@attrs.frozen(eq=False, kw_only=True)
class AttemptTable:
    """One row an attempt, in the order in which they began. Columns: shape (n_attempts,)."""

    command: Ints
    """Row of the command."""
    version: Ints
    """The order's version that the handler saw, and decided on; 0 if there was none."""
    begun: Stamps
    """When it looked. Never NaT."""
    ended: Stamps
    """When it was over; NaT if the run ended first."""
    end: Bytes
    """`AttemptEnd` code."""

    def __attrs_post_init__(self) -> None:
        check_columns(self)

    def __len__(self) -> int:
        return len(self.command)


def no_attempts() -> AttemptTable:
    """The table of a run in which each order has an actor of its own."""
    return empty(AttemptTable)


class Attempts:
    """What `probe.Probe` is told of attempts; columns that grow, since nobody knows how many."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._command, self._version = array("i"), array("i")
        self._begun, self._ended = array("q"), array("q")
        self._end = array("b")

    def begin(self, command_id: CommandId, version: Version) -> int:
        """See `Probe.attempt_begun`."""
        self._command.append(command_id)
        self._version.append(version)
        self._begun.append(self._clock.instant_ns)
        self._ended.append(NAT)
        self._end.append(AttemptEnd.OPEN)
        return len(self._end) - 1

    def finish(self, row: int, end: AttemptEnd) -> None:
        """See `Probe.attempt_ended`."""
        self._ended[row] = self._clock.instant_ns
        self._end[row] = end

    def table(self) -> AttemptTable:
        """All of them."""
        return AttemptTable(
            command=np.array(self._command, np.int32),
            version=np.array(self._version, np.int32),
            begun=stamps(self._begun),
            ended=stamps(self._ended),
            end=np.array(self._end, np.int8),
        )
