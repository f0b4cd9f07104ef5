"""A read model that is updated within the commit of its events: it never lags.

There is no channel and no batch to wait for, and no actor: the order actor that commits does the
work, and pays for it with its own time.
"""

from collections.abc import Awaitable, Sequence

from cqrs_sim.actors.kernel import Kernel
from cqrs_sim.actors.park import PARK
from cqrs_sim.domain.events import Event
from cqrs_sim.ids import Nanoseconds
from cqrs_sim.probe import Probe
from cqrs_sim.read_side.projector import Projector, ProjectorOptions, ReadModel


class NoInbox:
    """The inbox of what takes no events from anywhere."""

    is_drained = True

    def take_batch(self, limit: int) -> Sequence[Event]:
        """Nothing."""
        return ()

    def wait(self) -> Awaitable[None]:
        """For ever; never called, since it is drained."""
        return PARK


class InlineProjector(Projector):
    """The writer of one such read model; an `event_log.memory.CommitHook`."""

    def __init__(
        self, kernel: Kernel, probe: Probe, read_model: ReadModel, options: ProjectorOptions
    ) -> None:
        super().__init__(kernel, probe, NoInbox(), read_model, kernel.sleep, options)

    def before(self, events: Sequence[Event]) -> None:
        """Show the events of a commit that is about to be visible."""
        for event in events:
            self._apply(event)
            self._versions[event.order_id] = event.version

    def after(self, events: Sequence[Event], now_ns: Nanoseconds) -> None:
        """All their stages are one instant, that of the commit."""
        stamps = self._stamps
        for event in events:
            position = event.position
            for column in (stamps.delivered, stamps.taken, stamps.applied, stamps.checkpointed):
                column[position] = now_ns
            self.applied = self.checkpoint = position
        self._wake_waiters()
