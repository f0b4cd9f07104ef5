"""A subscription from which nothing is taken in a pause (`actors.pauses`)."""

from collections.abc import Awaitable, Sequence

import attrs

from cqrs_sim.actors.kernel import Rank
from cqrs_sim.actors.pauses import Pauses
from cqrs_sim.domain.events import Event
from cqrs_sim.event_log.subscription import Subscription


@attrs.frozen(eq=False)
class PausedSubscription:
    """The receiving end of a subscription, as a projector uses it."""

    subscription: Subscription
    pauses: Pauses

    def take_batch(self, limit: int) -> Sequence[Event]:
        """See `Subscription.take_batch`."""
        return () if self.pauses.is_on else self.subscription.take_batch(limit)

    @property
    def is_drained(self) -> bool:
        """See `Subscription.is_drained`."""
        return self.subscription.is_drained

    def wait(self) -> Awaitable[None]:
        """See `Subscription.wait`."""
        return self.pauses.wait(Rank.READ) if self.pauses.is_on else self.subscription.wait()
