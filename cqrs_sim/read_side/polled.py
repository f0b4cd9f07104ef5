"""A subscription that is polled: events are taken at multiples of an interval (`poll`).

The rule, for polls every p from the start of the run: a projector that has nothing to do since F
takes what is on the channel at the first poll from F on that finds an event. What would begin in a
pause begins at its end, a poll too. So with one event, which comes at A, it is taken at
p * ceil(max(A, F) / p), and then waits p / 2 on average if A has no regard to the polls.

A poll that finds nothing changes nothing, so none is made: the projector sleeps until there is an
event, and then until its poll.
"""

from collections.abc import Awaitable, Sequence

import attrs

from cqrs_sim.actors.kernel import Kernel, Rank
from cqrs_sim.actors.pauses import Pauses
from cqrs_sim.domain.events import Event
from cqrs_sim.event_log.subscription import Subscription


@attrs.define(eq=False)
class PolledSubscription:
    """The receiving end of a subscription, as a projector uses it."""

    kernel: Kernel
    subscription: Subscription
    interval_ns: int
    """Between two polls; more than 0."""
    pauses: Pauses | None = None
    """In which nothing is taken."""
    _idle_since_ns: int | None = None
    """When the projector first asked after its last batch; None: it has not yet."""
    _poll_ns: int | None = None
    """The poll at which the events that are there will be taken; None: it knows of none."""

    def take_batch(self, limit: int) -> Sequence[Event]:
        """See `Subscription.take_batch`; empty before the poll."""
        now, subscription = self.kernel.clock.instant_ns, self.subscription
        if self._idle_since_ns is None:
            self._idle_since_ns = now
        if self._poll_ns is None:
            if subscription.taken == subscription.delivered:
                return ()
            self._poll_ns = self.finds(now, self._idle_since_ns)
        if now < self._poll_ns:
            return ()
        self._idle_since_ns = self._poll_ns = None
        return subscription.take_batch(limit)

    @property
    def is_drained(self) -> bool:
        """See `Subscription.is_drained`."""
        return self.subscription.is_drained

    def wait(self) -> Awaitable[None]:
        """See `Subscription.wait`; it wakes before all else of its rank, as after a pause."""
        if self._poll_ns is None:
            return self.subscription.wait()
        kernel = self.kernel
        return kernel.sleep_until(self._poll_ns, Rank.READ, -kernel.running.serial)

    def finds(self, came_ns: int, idle_since_ns: int) -> int:
        """When a poll finds what came at an instant, if the projector is idle since another.

        A poll that fell into a pause and is made at its end finds also what came in between.
        """
        before = came_ns - came_ns % self.interval_ns
        if before >= idle_since_ns and self._resumes(before) >= came_ns:
            return self._resumes(before)
        earliest = max(came_ns, idle_since_ns)
        return self._resumes(earliest + -earliest % self.interval_ns)

    def _resumes(self, instant_ns: int) -> int:
        return instant_ns if self.pauses is None else self.pauses.resumes(instant_ns)
