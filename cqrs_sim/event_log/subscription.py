"""A subscription: a bounded channel from the log to one read model.

What is on the channel is always a run of consecutive positions, so the channel is no queue but a
window on the log: behind `taken`, up to `limit`, which is its capacity further. An event is
*delivered* when it is in the log and the window reaches it. The log is the buffer behind it, so a
slow read model holds up nobody but itself.
"""

from collections.abc import Awaitable, Sequence

from cqrs_sim.actors.kernel import Actor, Kernel
from cqrs_sim.actors.mailbox import MailboxStatistics
from cqrs_sim.actors.park import PARK
from cqrs_sim.domain.events import Event
from cqrs_sim.ids import Nanoseconds, Position
from cqrs_sim.probe import Probe


class Subscription:
    """One read model's channel and its place in the log; it has one receiver."""

    __slots__ = (
        "_capacity", "_clock", "_events", "_highest_used_count", "_is_ending", "_kernel", "_name",
        "_start", "limit", "receiver", "stamps", "taken",
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
        self.stamps = probe.deliveries(index).delivered
        self._events = events
        self._name = name
        self._capacity = capacity
        self.receiver: Actor | None = None
        self._is_ending = False
        self._highest_used_count = 0
        self._start = Position(len(events))
        self.taken = self._start
        """The last position received from the channel."""
        self.limit = self._start + capacity
        """The last position for which there is room on the channel."""

    @property
    def delivered(self) -> int:
        """The last position put on the channel."""
        return min(len(self._events), self.limit)

    @property
    def arrived(self) -> Sequence[Event]:
        """All events that there are for it, from position 1: the log, but for what is on its way.

        Not to be changed; it grows.
        """
        return self._events

    def skip_to(self, position: Position) -> bool:
        """Take all that is left up to a position, for whoever has read it from the log itself.

        Returns:
            Whether anything was left.
        """
        is_left = self.taken < position
        while self.taken < position:
            self.take_batch(position - self.taken)
        return is_left

    def take_batch(self, limit: int) -> Sequence[Event]:
        """Up to `limit` events that are on the channel now; empty if there is none.

        The room that they leave goes to what waits in the log.
        """
        taken, head, room_until = self.taken, len(self._events), self.limit
        delivered = head if head < room_until else room_until
        if taken == delivered:
            return ()
        if delivered - taken > self._highest_used_count:
            self._highest_used_count = delivered - taken
        last = taken + limit
        if last > delivered:
            last = delivered
        self.taken = last  # type: ignore[assignment] # a position
        self.limit = last + self._capacity
        if delivered < head:
            now = self._clock.instant_ns
            for position in range(delivered + 1, self.delivered + 1):
                self.stamps[position] = now
        return self._events[taken:last]

    @property
    def is_drained(self) -> bool:
        """Whether it was ended and all of its events were taken."""
        return self._is_ending and self.taken == self.delivered

    def wait(self) -> Awaitable[None]:
        """Suspend the running actor, which must await or yield this, until there may be more.

        It is woken when an event is delivered, and when the subscription ends.
        """
        self.receiver = self._kernel.running
        return PARK

    def end(self) -> None:
        """End behind the present head: what is in the log is still delivered and received."""
        self._is_ending = True
        self.wake()

    def wake(self) -> None:
        """Wake the receiver if it waits here, to look at what else it has to do."""
        receiver, self.receiver = self.receiver, None
        if receiver is not None:
            receiver.lane.append(receiver)

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


def fan_out(subscriptions: Sequence[Subscription], position: Position, now_ns: Nanoseconds) -> None:
    """Deliver the newest event of the log to every channel that has room for it, at one instant."""
    for subscription in subscriptions:
        if position <= subscription.limit:
            subscription.stamps[position] = now_ns
            receiver = subscription.receiver
            if receiver is not None:
                subscription.receiver = None
                receiver.lane.append(receiver)


def fan_out_run(
    subscriptions: Sequence[Subscription], first: int, last: int, now_ns: Nanoseconds
) -> None:
    """Deliver the newest events of the log, from one position to the last, as `fan_out` would."""
    for subscription in subscriptions:
        delivered, stamps = min(last, subscription.limit), subscription.stamps
        if first <= delivered:
            for position in range(first, delivered + 1):
                stamps[position] = now_ns
            receiver = subscription.receiver
            if receiver is not None:
                subscription.receiver = None
                receiver.lane.append(receiver)
