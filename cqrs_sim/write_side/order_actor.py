"""The order actor: takes the commands of one order from its mailbox, one at a time, in order."""

from collections.abc import Awaitable, Callable

import attrs

from cqrs_sim.actors.kernel import Rank
from cqrs_sim.actors.mailbox import Mailbox
from cqrs_sim.actors.randomness import Draws
from cqrs_sim.actors.reply import Reply
from cqrs_sim.domain.commands import Command
from cqrs_sim.domain.order import Cause, Order, decide, evolve
from cqrs_sim.errors import CommandRejectedError
from cqrs_sim.event_log.memory import MemoryLog
from cqrs_sim.ids import CommandId, CorrelationId, OrderId, Position, Version
from cqrs_sim.probe import Clock, Outcome, Probe


@attrs.frozen
class Accepted:
    """The outcome of an accepted command: the token with which a caller can read its own write."""

    order_id: OrderId
    version: Version
    """The order's version after the command."""
    position: Position
    """Position of the command's last event; `query(..., at_least=position)` reflects it."""


@attrs.define
class Envelope:
    """A command on its way; plain, not frozen, since one is made for every command."""

    command: Command
    command_id: CommandId
    correlation_id: CorrelationId
    reply: Reply[Accepted] | None
    """None if nobody waits and the outcome is only measured."""


@attrs.frozen
class OrderActors:
    """What all order actors share."""

    log: MemoryLog
    probe: Probe
    clock: Clock
    work: Callable[[int, int, int], Awaitable[None]]
    """Spends modelled time: (duration in ns, rank, index)."""
    service: Draws | None
    """Modelled service time by command id; None: only the work itself."""
    answered: Callable[[], None]
    """Called after each command was answered."""

    async def run(self, order_id: OrderId, mailbox: Mailbox[Envelope]) -> None:
        """The life of one order actor, from activation to passivation."""
        log, probe, clock, service = self.log, self.probe, self.clock, self.service
        work, answered = self.work, self.answered
        order = self.rehydrate(order_id)
        while True:
            envelope = await mailbox.receive()
            command_id = envelope.command_id
            probe.dequeued(command_id)
            if service is not None:
                await work(service[command_id], Rank.WRITE, command_id)
            cause = Cause(clock.instant_ns, command_id, envelope.correlation_id)
            try:
                events = decide(order, envelope.command, cause)
            except CommandRejectedError as rejection:
                probe.turned_away(command_id, Outcome.REJECTED)
                self._answer(envelope, rejection)
                continue
            expected = Version(0) if order is None else order.version
            position = await log.append(order_id, expected, events, command_id)
            for event in events:
                order = evolve(order, event)
            assert order is not None
            reply = envelope.reply
            if reply is None:
                probe.acknowledged(command_id)
            else:
                reply.set(Accepted(order_id, order.version, position))
            answered()

    def rehydrate(self, order_id: OrderId) -> Order | None:
        """The order's state, folded from its events; None if it has none."""
        order = None
        for event in self.log.read_order(order_id):
            order = evolve(order, event)
        return order

    def _answer(self, envelope: Envelope, error: Exception) -> None:
        if envelope.reply is None:
            self.probe.acknowledged(envelope.command_id)
        else:
            envelope.reply.fail(error)
        self.answered()
