"""The receiving end of a subscription, as the settings of a projector want it."""

from cqrs_sim.actors.kernel import Kernel
from cqrs_sim.actors.pauses import Pauses
from cqrs_sim.event_log.subscription import Subscription
from cqrs_sim.read_side.paused import PausedSubscription
from cqrs_sim.read_side.polled import PolledSubscription
from cqrs_sim.read_side.projector import Inbox


def inbox_of(
    kernel: Kernel, subscription: Subscription, poll_ns: int, pauses: Pauses | None
) -> Inbox:
    """Where a projector takes from that polls every `poll_ns` (0: it does not), and pauses."""
    if poll_ns:
        return PolledSubscription(kernel, subscription, poll_ns, pauses)
    return subscription if pauses is None else PausedSubscription(subscription, pauses)
