"""The way of renames to the read models: constant in time, in the order of the customers' log.

What is on the way is a window on that log: behind `taken`, up to `Way.arrived`. The log is the
buffer, so a slow projector holds up nobody but itself.
"""

from collections import deque
from collections.abc import Callable, Sequence

from cqrs_sim.actors.kernel import Kernel, Rank
from cqrs_sim.actors.park import PARK
from cqrs_sim.actors.pauses import Pauses
from cqrs_sim.customers.events import CustomerRenamed


class Way:
    """What is on its way to all read models; as a timer it lets the next renames arrive."""

    def __init__(
        self, kernel: Kernel, events: Sequence[CustomerRenamed], *, delay_ns: int, index: int
    ) -> None:
        """Carry events.

        Args:
            kernel: whose timers it uses.
            events: of the customers' log, now and later.
            delay_ns: how long each is on its way.
            index: orders arrivals of one instant; behind those of the read models' own events.
        """
        self._kernel = kernel
        self.events = events
        self._delay_ns = delay_ns
        self._index = index
        self._due_ns: deque[int] = deque()
        self._feeds: list[RenameFeed] = []
        self.arrived = 0
        """The last position that arrived."""
        self.is_ending = False

    def feed(self, pauses: Pauses | None = None) -> "RenameFeed":
        """The end of it at one read model, whose projector takes nothing in its pauses."""
        found = RenameFeed(self, pauses)
        self._feeds.append(found)
        return found

    def depart(self, _: CustomerRenamed) -> None:
        """Send the newest event of the log on its way."""
        if not self._delay_ns:
            self._arrive(self.arrived + 1)
            return
        self._due_ns.append(self._kernel.now_ns() + self._delay_ns)
        if len(self._due_ns) == 1:
            self._set_timer()

    def end(self) -> None:
        """End behind the present head of the log: what is on its way still arrives."""
        self.is_ending = True
        self._wake_all()

    def send(self, _: None) -> object:
        """Let arrive what is due."""
        now, due_ns, arrived = self._kernel.now_ns(), self._due_ns, self.arrived
        while due_ns and due_ns[0] <= now:
            due_ns.popleft()
            arrived += 1
        if due_ns:
            self._set_timer()
        self._arrive(arrived)
        return PARK

    def _arrive(self, position: int) -> None:
        self.arrived = position
        self._wake_all()

    def _wake_all(self) -> None:
        for feed in self._feeds:
            feed.wake()

    def _set_timer(self) -> None:
        self._kernel.set_timer(self._due_ns[0], Rank.ARRIVE, self._index, self)


def _nobody() -> None:
    pass


class RenameFeed:
    """The renames that come to one read model; it has one receiver."""

    def __init__(self, way: Way, pauses: Pauses | None) -> None:
        self._way = way
        self._pauses = pauses
        self.taken = 0
        """The last position that was taken."""
        self.wake: Callable[[], None] = _nobody
        """Wakes the receiver where it waits; called when there may be something to take."""

    @property
    def arrived(self) -> int:
        """The last position that arrived."""
        return self._way.arrived

    def take(self) -> CustomerRenamed | None:
        """The next that arrived; None if there is none, and in a pause."""
        if self.taken == self._way.arrived or (self._pauses is not None and self._pauses.is_on):
            return None
        self.taken += 1
        return self._way.events[self.taken - 1]

    @property
    def is_drained(self) -> bool:
        """Whether it was ended and all renames were taken."""
        return self._way.is_ending and self.is_through

    @property
    def is_through(self) -> bool:
        """Whether every rename in the log was taken."""
        return self.taken == len(self._way.events)
