"""A pool of processors that modelled work queues for, first come first served."""

from collections import deque

from cqrs_sim.actors.kernel import Actor, Kernel, park


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
            self._waiting.append(self._kernel.running)
            await park()
        await self._kernel.sleep(duration_ns, rank, index)
        if self._waiting:
            self._kernel.wake(self._waiting.popleft())
        else:
            self._free_count += 1
