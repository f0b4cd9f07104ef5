"""Enrichment: a projector asks another system for what an event does not say.

For each new order that is the name of its customer. The projector waits for the answer, and asks
again where there is none, before it applies the event: so a call that takes a while is paid for by
every event behind it. Nothing of that happens at the projector's own place of work: a processor or
a connection is free for others meanwhile.

What is asked for one order takes as long, and is answered the same, whoever asks and whenever.
"""

from collections.abc import Generator
from typing import Protocol

import attrs

from cqrs_sim.actors.kernel import Rank
from cqrs_sim.actors.pauses import Work
from cqrs_sim.domain.events import Event, OrderCreated
from cqrs_sim.ids import CommandId
from cqrs_sim.probe import Probe
from cqrs_sim.read_side.names import NOT_TOLD, NameOf, derived_name


@attrs.frozen
class Reply:
    """What came of asking for one order."""

    took_ns: int
    """All attempts together."""
    attempts: int
    is_told: bool
    """Whether the last of them brought the name."""


class Replies(Protocol):
    """What the other system says."""

    def __getitem__(self, command_id: CommandId, /) -> Reply:
        """About the order that was created by this command."""


@attrs.frozen(eq=False)
class Asking:
    """How the projector of one read model asks."""

    probe: Probe
    read_model: int
    """Its index in the trace."""
    replies: Replies
    wait: Work
    """Lets the time of an answer pass."""

    def ask(self, event: Event, place: int) -> Generator[object, None, None]:
        """Have what is to be shown of an event; at once of any but a new order.

        Args:
            event: about to be applied.
            place: of who asks, among timers of one instant.
        """
        if type(event) is OrderCreated:
            reply = self.replies[event.causation_id]
            row = self.probe.asked(self.read_model, event.position)
            yield self.wait(reply.took_ns, Rank.READ, place)
            self.probe.answered(row, reply.attempts, is_told=reply.is_told)

    def ask_again(self, event: Event, place: int) -> Generator[object, None, None]:
        """The same for a read model that is made beside the live one, whose lag is not measured."""
        if type(event) is OrderCreated:
            yield self.wait(self.replies[event.causation_id].took_ns, Rank.READ, place)


def named_by(replies: Replies) -> NameOf:
    """What a row shows by what was said: the name, or a placeholder where nobody told it."""
    return lambda created: (
        derived_name(created) if replies[created.causation_id].is_told else NOT_TOLD
    )
