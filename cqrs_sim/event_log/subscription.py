"""A subscription: moves positions, in order, from the log onto one read model's channel.

The channel is bounded and the log is the buffer behind it, so a slow read model holds up nobody but
itself. An event is *delivered* when there is room for it on the channel.
"""

from collections.abc import Sequence

from cqrs_sim.actors.kernel import Kernel
from cqrs_sim.actors.mailbox import Mailbox, MailboxStatistics
from cqrs_sim.domain.events import Event
from cqrs_sim.ids import Position
from cqrs_sim.probe import Probe


class Subscription:
    """One reader's place in the log."""

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
        self._probe = probe
        self._events = events
        self._index = index
        self._is_ending = False
        self.delivered = Position(len(events))
        """The last position put on the channel."""
        self.channel: Mailbox[Event] = Mailbox(kernel, f"channel to {name}", capacity)
        """What the projector receives from; it calls `pump` when it has made room."""

    def pump(self) -> None:
        """Deliver while there are events and room."""
        events, offer = self._events, self.channel.offer
        while self.delivered < len(events) and offer(events[self.delivered]):
            position = self.delivered = Position(self.delivered + 1)
            self._probe.delivered(self._index, position)
        if self._is_ending and self.delivered == len(events):
            self.channel.close()

    def close(self) -> None:
        """End behind the present head: what is in the log is still delivered and received."""
        self._is_ending = True
        self.pump()

    def statistics(self) -> MailboxStatistics:
        """A snapshot of the channel."""
        return self.channel.statistics()
