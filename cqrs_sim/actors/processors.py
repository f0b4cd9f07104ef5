"""A pool of servers that modelled work queues for, first come first served.

The processors of a machine are one, and so are the connections of a database that stages share.
"""

from collections import deque
from collections.abc import Awaitable
from typing import Protocol

import attrs

from cqrs_sim.actors.kernel import Actor, Kernel
from cqrs_sim.actors.park import PARK
from cqrs_sim.actors.pauses import Work


class Ledger(Protocol):
    """Where a pool writes down the work of one stage, piece by piece."""

    def submitted(self, rank: int) -> int:
        """A piece of work has come; returns the row of its other instants."""

    def begun(self, row: int) -> None:
        """It has a server."""

    def ended(self, row: int) -> None:
        """It is done."""


class Processors:
    """So many servers; an actor that finds none free waits for its turn."""

    def __init__(self, kernel: Kernel, count: int) -> None:
        self.kernel = kernel
        self._free_count = count
        self._waiting: deque[_Job] = deque()

    def work(self, duration_ns: int, rank: int, index: int) -> Awaitable[None]:
        """Occupy one server for a duration; arguments and use as in `Kernel.sleep`."""
        return self._enter(_Job(self, self.kernel.running, duration_ns, rank, index))

    def noted(self, ledger: Ledger) -> Work:
        """The same work, written down in a ledger."""

        def work(duration_ns: int, rank: int, index: int) -> Awaitable[None]:
            row = ledger.submitted(rank)
            running = self.kernel.running
            return self._enter(_NotedJob(self, running, duration_ns, rank, index, ledger, row))

        return work

    def hand_on(self) -> None:
        """Give a server that came free to whoever waited longest."""
        while self._waiting:
            job = self._waiting.popleft()
            if not job.actor.is_done:  # It may have been discarded meanwhile.
                job.begin()
                return
        self._free_count += 1

    def _enter(self, job: "_Job") -> Awaitable[None]:
        if self._free_count:
            self._free_count -= 1
            job.begin()
        else:
            self._waiting.append(job)
        return PARK


@attrs.define(eq=False)
class _Job:
    """What an actor wants done; as a timer it stands for the actor, and resumes it."""

    processors: Processors
    actor: Actor
    duration_ns: int
    rank: int
    index: int

    def begin(self) -> None:
        """Set the timer."""
        kernel = self.processors.kernel
        kernel.set_timer(kernel.now_ns() + self.duration_ns, self.rank, self.index, self)

    def send(self, _: None) -> object:
        """End: also that of an actor which was discarded, since a server is never lost."""
        self.processors.hand_on()
        self.processors.kernel.step(self.actor)
        return PARK


@attrs.define(eq=False)
class _NotedJob(_Job):
    """One that is written down."""

    ledger: Ledger
    row: int

    def begin(self) -> None:
        """Begin, and say so."""
        self.ledger.begun(self.row)
        _Job.begin(self)

    def send(self, _: None) -> object:
        """End, and say so."""
        self.ledger.ended(self.row)
        return _Job.send(self, None)
