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
        self._delivered = Position(len(events))
        self._is_ending = False
        self._channel: Mailbox[Event] = Mailbox(kernel, f"channel to {name}", capacity)

    @property
    def delivered(self) -> Position:
        """The last position put on the channel."""
        return self._delivered

    def pump(self) -> None:
        """Deliver while there are events and room."""
        events, channel = self._events, self._channel
        while self._delivered < len(events) and channel.has_room:
            position = self._delivered = Position(self._delivered + 1)
            channel.send_nowait(events[position - 1])
            self._probe.delivered(self._index, position)
        if self._is_ending and self._delivered == len(events):
            channel.close()

    async def receive_batch(self, limit: int) -> list[Event]:
        """Up to `limit` events that are on the channel now, at least one.

        Raises:
            EndOfChannel: if the subscription was closed and all delivered events were received.
        """
        batch = await self._channel.receive_batch(limit)
        if self._delivered < len(self._events):
            self.pump()
        return batch

    def close(self) -> None:
        """End behind the present head: what is in the log is still delivered and received."""
        self._is_ending = True
        self.pump()

    def statistics(self) -> MailboxStatistics:
        """A snapshot of the channel."""
        return self._channel.statistics()
