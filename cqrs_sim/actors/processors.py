"""A pool of processors that modelled work queues for, first come first served."""

from collections import deque
from collections.abc import Awaitable

import attrs

from cqrs_sim.actors.kernel import Actor, Kernel
from cqrs_sim.actors.park import PARK


class Processors:
    """So many servers; an actor that finds none free waits for its turn."""

    def __init__(self, kernel: Kernel, count: int) -> None:
        self.kernel = kernel
        self._free_count = count
        self._waiting: deque[_Job] = deque()

    def work(self, duration_ns: int, rank: int, index: int) -> Awaitable[None]:
        """Occupy one processor for a duration; arguments and use as in `Kernel.sleep`."""
        job = _Job(self, self.kernel.running, duration_ns, rank, index)
        if self._free_count:
            self._free_count -= 1
            job.begin()
        else:
            self._waiting.append(job)
        return PARK

    def hand_on(self) -> None:
        """Give a processor that came free to whoever waited longest."""
        while self._waiting:
            job = self._waiting.popleft()
            if not job.actor.is_done:  # It may have been discarded meanwhile.
                job.begin()
                return
        self._free_count += 1


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
        """End: also that of an actor which was discarded, since a processor is never lost."""
        self.processors.hand_on()
        self.processors.kernel.step(self.actor)
        return PARK
