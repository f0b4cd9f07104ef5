"""A subscription: a bounded channel from the log to one read model.

What is on the channel is always a run of consecutive positions, so the channel is no queue but a
window on the log: behind `taken`, up to `delivered`, never wider than its capacity. An event is
*delivered* when the window reaches it. The log is the buffer behind it, so a slow read model
holds up nobody but itself.
"""

import types
from collections.abc import Generator, Sequence

from cqrs_sim.actors.kernel import PARKED, Actor, Kernel
from cqrs_sim.actors.mailbox import EndOfChannel, MailboxStatistics
from cqrs_sim.domain.events import Event
from cqrs_sim.ids import Nanoseconds, Position
from cqrs_sim.probe import Probe


class Subscription:
    """One read model's channel and its place in the log; it has one receiver."""

    __slots__ = (
        "_capacity", "_clock", "_events", "_highest_used_count", "_is_ending", "_kernel", "_name",
        "_receiver", "_stamps", "_start", "delivered", "taken",
    )  # fmt: skip

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
        self._kernel = kernel
        self._clock = kernel.clock
        self._stamps = probe.deliveries(index).delivered
        self._events = events
        self._name = name
        self._capacity = capacity
        self._receiver: Actor | None = None
        self._is_ending = False
        self._highest_used_count = 0
        self._start = Position(len(events))
        self.taken = self._start
        """The last position received from the channel."""
        self.delivered = self._start
        """The last position put on the channel."""

    def offer(self, position: Position, now_ns: Nanoseconds) -> None:
        """Deliver the newest event of the log, if all before it are delivered and there is room.

        The fan-out of an event is one instant, `now_ns`, for all subscriptions.
        """
        if self.delivered == position - 1 and position - self.taken <= self._capacity:
            self.delivered = position
            self._stamps[position] = now_ns
            receiver = self._receiver
            if receiver is not None:
                self._receiver = None
                receiver.lane.append(receiver)

    def pump(self) -> None:
        """Deliver while there are events and room."""
        delivered, stamps, clock = self.delivered, self._stamps, self._clock
        last = self.taken + self._capacity
        if last > len(self._events):
            last = len(self._events)
        while delivered < last:
            delivered += 1  # type: ignore[assignment] # the next position
            stamps[delivered] = clock.instant_ns
        self.delivered = delivered
        receiver = self._receiver
        if receiver is not None:
            self._receiver = None
            receiver.lane.append(receiver)

    def take_batch(self, limit: int) -> Sequence[Event]:
        """Up to `limit` events that are on the channel now; empty if there is none."""
        taken, delivered = self.taken, self.delivered
        if delivered - taken > self._highest_used_count:
            self._highest_used_count = delivered - taken
        last = taken + limit
        if last > delivered:
            last = delivered
        self.taken = last  # type: ignore[assignment] # a position
        if delivered < len(self._events):
            self.pump()
        return self._events[taken:last]

    @types.coroutine
    def receive_batch(self, limit: int) -> Generator[object, None, Sequence[Event]]:
        """Up to `limit` events that are on the channel now, at least one; wait if there is none.

        Raises:
            EndOfChannel: if the subscription was ended and all of its events were received.
        """
        while self.taken == self.delivered:
            if self._is_ending:
                raise EndOfChannel(self._name)
            self._receiver = self._kernel.running
            yield PARKED
        return self.take_batch(limit)

    def end(self) -> None:
        """End behind the present head: what is in the log is still delivered and received."""
        self._is_ending = True
        self.pump()

    def statistics(self) -> MailboxStatistics:
        """A snapshot of the channel."""
        used = self.delivered - self.taken
        return MailboxStatistics(
            name=f"channel to {self._name}",
            capacity=self._capacity,
            used_count=used,
            waiting_count=0,
            sent_count=self.delivered - self._start,
            received_count=self.taken - self._start,
            refused_count=0,
            highest_used_count=max(self._highest_used_count, used),
        )
