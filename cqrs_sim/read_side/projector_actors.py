"""The actors of a system's projectors: one for each read model, from its start to its end."""

from cqrs_sim.actors.kernel import Actor, Kernel
from cqrs_sim.actors.reply import Latch
from cqrs_sim.read_side.projector import Projector


class ProjectorActors:
    """Starts them, replaces them, and knows when all are done."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._actors: dict[str, Actor] = {}
        self._done: Latch | None = None
        self._left_count = 0

    def start(self, projector: Projector) -> None:
        """Start a projector's actor, in place of an earlier one that is not done."""
        name = projector.options.name
        earlier = self._actors.get(name)
        if earlier is None:
            self._left_count += 1
        elif earlier.is_done:
            return  # It had all that there will be.
        else:
            self._kernel.discard(earlier)
        self._actors[name] = self._kernel.spawn(
            projector.run(), f"projector {name}", is_background=True, on_exit=self._ended
        )

    async def wait_done(self) -> None:
        """Return when every projector has had all that there will be."""
        if self._left_count:
            self._done = Latch(self._kernel, "the projectors to finish")
            await self._done.wait()

    def close(self) -> None:
        """End them where they are."""
        for actor in self._actors.values():
            self._kernel.discard(actor)

    def _ended(self, _: object) -> None:
        self._left_count -= 1
        if self._done is not None and not self._left_count:
            self._done.open()
