"""The tail of what happened lately, for whoever watches a run.

Read off the recorder's columns when somebody looks, so a run that nobody watches pays nothing.
Watching must not slow the run down either, so of what happened since the last look a sample of
evenly spaced events is read. These are figures to watch by; a result's come from its whole trace.
"""

import math
from collections.abc import Sequence
from typing import cast

import attrs

from cqrs_sim.domain.events import Event
from cqrs_sim.event_log.memory import MemoryLog
from cqrs_sim.measurement.recorder import Recorder
from cqrs_sim.measurement.works import NAT
from cqrs_sim.read_side.projector import Projector

SAMPLE = 400
"""Most events that one look reads in a column: a quarter of a millisecond in all."""


@attrs.frozen
class Tail:
    """What the slowest hundredth took at least, of what happened since the last look."""

    response_p99_ns: int | None
    """Of the accepted commands; None if there was none."""
    lag_p99_ns: int | None
    """Of the events applied, by the read model with the longest; None if none was applied."""


def nothing_seen() -> Tail:
    """A look at a run that is not recorded."""
    return Tail(None, None)


@attrs.frozen
class _Timed:
    """Columns of stamps."""

    intended: Sequence[int]
    committed: Sequence[int]
    acknowledged: Sequence[int]
    applied: tuple[Sequence[int], ...]
    """By read model."""


class Live:
    """Looks at a run while it lasts."""

    def __init__(self, recorder: Recorder, log: MemoryLog, projectors: Sequence[Projector]) -> None:
        """Watch a run that has not begun: what the log holds now is no part of it."""
        self._log = log
        self._projectors = tuple(projectors)
        self._columns = _Timed(
            intended=recorder.intended,
            committed=recorder.committed,
            acknowledged=recorder.acknowledged,
            # What the layers only write to is a list here.
            applied=tuple(
                cast("Sequence[int]", recorder.deliveries(index).applied)
                for index in range(len(projectors))
            ),
        )
        self._accepted = log.head
        self._applied = [log.head for _ in projectors]

    def look(self) -> Tail:
        """The tail since the last look."""
        columns, events = self._columns, self._log.events
        head, self._accepted = self._accepted, self._log.head
        intended, acknowledged = columns.intended, columns.acknowledged
        commands = [event.causation_id for event in _sample(events, head, self._accepted)]
        response = [acknowledged[c] - intended[c] for c in commands if acknowledged[c] != NAT]
        lags = []
        for index, projector in enumerate(self._projectors):
            seen, self._applied[index] = self._applied[index], projector.applied
            applied = columns.applied[index]
            lag = [
                applied[event.position] - columns.committed[event.causation_id]
                for event in _sample(events, seen, projector.applied)
                if applied[event.position] != NAT
            ]
            lags.append(_p99(lag))
        return Tail(_p99(response), max((lag for lag in lags if lag is not None), default=None))


def _sample(events: Sequence[Event], after: int, up_to: int) -> Sequence[Event]:
    """At most `SAMPLE` of the events between two positions."""
    return events[after : up_to : max(1, math.ceil((up_to - after) / SAMPLE))]


def _p99(sample: list[int]) -> int | None:
    """The order statistic of `analysis.quantiles`, without NumPy: the samples are small."""
    return sorted(sample)[math.ceil(0.99 * len(sample)) - 1] if sample else None
