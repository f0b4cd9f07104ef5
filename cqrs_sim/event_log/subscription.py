"""A subscription: moves positions, in order, from the log onto one read model's channel.

The channel is bounded and the log is the buffer behind it, so a slow read model holds up nobody but
itself. An event is *delivered* when there is room for it on the channel.
"""

from collections.abc import Sequence

from cqrs_sim.actors.kernel import Kernel
from cqrs_sim.actors.mailbox import Mailbox
from cqrs_sim.domain.events import Event
from cqrs_sim.ids import Position
from cqrs_sim.probe import Probe


class Subscription(Mailbox[Event]):
    """A read model's channel, and its place in the log."""

    __slots__ = ("_events", "_index", "_is_ending", "_probe", "delivered")

    def __init__(
        self,
        kernel: Kernel,
        probe: Probe,
        events: Sequence[Event],
        *,
        name: str,
        index: int,
        capacity: int,
    ) -> None:
        super().__init__(kernel, f"channel to {name}", capacity)
        self._probe = probe
        self._events = events
        self._index = index
        self._is_ending = False
        self.delivered = Position(len(events))
        """The last position put on the channel."""

    @property
    def lags(self) -> bool:
        """Whether the log holds events that found no room yet."""
        return self.delivered < len(self._events)

    def pump(self) -> None:
        """Deliver while there are events and room; the receiver calls this when it made room."""
        events, offer, delivered = self._events, self.offer, self._probe.delivered
        while self.delivered < len(events) and offer(events[self.delivered]):
            self.delivered += 1  # type: ignore[assignment] # the next position
            delivered(self._index, self.delivered)
        if self._is_ending and self.delivered == len(events):
            self.close()

    def end(self) -> None:
        """End behind the present head: what is in the log is still delivered and received."""
        self._is_ending = True
        self.pump()
