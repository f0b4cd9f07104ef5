"""Transport: the way from the log to one read model's channel, which takes a constant time.

Events arrive in the order of their positions, because each takes as long as all others.
"""

from collections import deque

from cqrs_sim.actors.kernel import Kernel, Rank
from cqrs_sim.actors.park import PARK
from cqrs_sim.domain.events import Event
from cqrs_sim.event_log.subscription import Subscription, fan_out
from cqrs_sim.ids import Nanoseconds


class Transport:
    """What is on its way to one subscription; as a timer it lets the next events arrive."""

    def __init__(
        self,
        kernel: Kernel,
        subscription: Subscription,
        arrived: list[Event],
        *,
        delay_ns: int,
        index: int,
    ) -> None:
        """Carry events to a subscription.

        Args:
            kernel: whose timers it uses.
            subscription: to what has arrived.
            arrived: all events that have, from position 1; the subscription reads it.
            delay_ns: how long each is on its way.
            index: of the read model, which orders arrivals of one instant.
        """
        self._kernel = kernel
        self._subscription = subscription
        self._arrived = arrived
        self._delay_ns = delay_ns
        self._index = index
        self._on_its_way: deque[tuple[int, Event]] = deque()
        self._is_ending = False

    def depart(self, event: Event, now_ns: Nanoseconds) -> None:
        """Send an event on its way."""
        self._on_its_way.append((now_ns + self._delay_ns, event))
        if len(self._on_its_way) == 1:
            self._set_timer()

    def end(self) -> None:
        """End the subscription behind what is on its way now."""
        self._is_ending = True
        if not self._on_its_way:
            self._subscription.end()

    def send(self, _: None) -> object:
        """Let arrive what is due."""
        now, on_its_way = self._kernel.now_ns(), self._on_its_way
        while on_its_way and on_its_way[0][0] <= now:
            event = on_its_way.popleft()[1]
            self._arrived.append(event)
            # Its place among what arrived; that is its position, unless some never depart.
            fan_out((self._subscription,), len(self._arrived), now)  # type: ignore[arg-type]
        if on_its_way:
            self._set_timer()
        elif self._is_ending:
            self._subscription.end()
        return PARK

    def _set_timer(self) -> None:
        self._kernel.set_timer(self._on_its_way[0][0], Rank.ARRIVE, self._index, self)
