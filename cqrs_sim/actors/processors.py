"""A pool of processors that modelled work queues for, first come first served."""

from collections import deque

from cqrs_sim.actors.kernel import PARK, Actor, Kernel


class Processors:
    """So many servers; an actor that finds none free waits for its turn."""

    def __init__(self, kernel: Kernel, count: int) -> None:
        self._kernel = kernel
        self._free_count = count
        self._waiting: deque[Actor] = deque()

    async def work(self, duration_ns: int, rank: int, index: int) -> None:
        """Occupy one processor for a duration; arguments as in `Kernel.sleep`."""
        if self._free_count:
            self._free_count -= 1
        else:
            await self._wait()
        try:
            await self._kernel.sleep(duration_ns, rank, index)
        finally:  # Also when the actor is discarded meanwhile: a processor is never lost.
            self._hand_on()

    async def _wait(self) -> None:
        actor = self._kernel.running
        self._waiting.append(actor)
        try:
            await PARK
        except GeneratorExit:  # Discarded: in line still, or just handed a processor.
            if actor not in self._waiting:
                self._hand_on()
            raise

    def _hand_on(self) -> None:
        while self._waiting:
            actor = self._waiting.popleft()
            if not actor.is_done:
                actor.lane.append(actor)
                return
        self._free_count += 1
