"""The events of the log as one read model comes to show them, one by one."""

from cqrs_sim.domain.events import Event
from cqrs_sim.errors import ActorStoppedError
from cqrs_sim.event_log.memory import MemoryLog
from cqrs_sim.ids import Position
from cqrs_sim.read_side.projector import Projector


class EventFeed:
    """Events of the log as one read model comes to show them; the log is the buffer.

    What was lost on the way to the read model, where that may happen, is passed on in its place.
    """

    def __init__(self, log: MemoryLog, projector: Projector, after: Position) -> None:
        self._log = log
        self._projector = projector
        self._seen = after

    def __aiter__(self) -> "EventFeed":
        return self

    async def __anext__(self) -> Event:
        """The next event; ends when the system closes."""
        try:
            await self.wait_next()
        except ActorStoppedError:
            raise StopAsyncIteration from None
        return self.take()

    async def wait_next(self) -> None:
        """Return when the next event is shown.

        Raises:
            ActorStoppedError: if the system closes first.
        """
        await self._projector.wait_applied(Position(self._seen + 1))

    def take(self) -> Event:
        """The next event, which must be shown."""
        self._seen = Position(self._seen + 1)
        return self._log.events[self._seen - 1]
