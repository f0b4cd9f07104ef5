"""The past as the log knows it: where it ended at a position, or at an instant."""

from typing import Protocol, TypeAlias

import attrs

from cqrs_sim.errors import UnknownPastError
from cqrs_sim.ids import Nanoseconds, Position


@attrs.frozen
class Instant:
    """An instant of the run's clock, to ask for the past as of then."""

    instant_ns: Nanoseconds
    """From the start of the run; what was committed at this instant is seen.

    What a store held before the run was there at 0: further back only positions lead."""


AsOf: TypeAlias = Position | Instant
"""A past: what stands up to a position, or what was committed up to an instant."""


class DatedLog(Protocol):
    """What of a log is needed here."""

    @property
    def head(self) -> Position:
        """The last position; 0 if the log is empty."""

    def head_at(self, instant_ns: Nanoseconds) -> Position:
        """The last position that was committed up to an instant, that instant included."""


def position_as_of(log: DatedLog, as_of: AsOf, now_ns: Nanoseconds) -> Position:
    """The position at which the log ended then.

    Args:
        log: of which the past is asked.
        as_of: a position from 0 (nothing had happened) to the head, or an instant up to now.
        now_ns: the present.

    Raises:
        UnknownPastError: if it is neither, or the log does not reach there.
    """
    if isinstance(as_of, Instant):
        instant_ns = as_of.instant_ns
        if not _is_whole(instant_ns):
            raise UnknownPastError(f"as_of = {as_of!r}: an instant is whole nanoseconds")
        if not 0 <= instant_ns <= now_ns:
            raise UnknownPastError(
                f"as_of = {instant_ns} ns: the run began at 0 and is at {now_ns} ns"
            )
        return log.head_at(instant_ns)
    if not _is_whole(as_of):
        raise UnknownPastError(f"as_of = {as_of!r}: must be a position or an Instant")
    if not 0 <= as_of <= log.head:
        raise UnknownPastError(f"as_of = {as_of}: the log has the positions 0 to {log.head}")
    return as_of


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
