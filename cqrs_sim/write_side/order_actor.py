"""The order actor: takes the commands of one order from its mailbox, one at a time, in order.

Questions about the order's state come by the same mailbox and are answered in turn, so an answer
shows every command that was sent before it.
"""

from collections.abc import Awaitable, Callable, Generator
from typing import Protocol, TypeAlias, cast

import attrs

from cqrs_sim.actors.kernel import Rank
from cqrs_sim.actors.randomness import Draws
from cqrs_sim.actors.reply import Reply
from cqrs_sim.domain.commands import Command
from cqrs_sim.domain.order import Cause, Order, decide, evolve
from cqrs_sim.errors import CommandRejectedError
from cqrs_sim.event_log.memory import MemoryLog
from cqrs_sim.ids import OrderId, Position, QueryId, Version
from cqrs_sim.probe import Clock, Outcome, Probe


@attrs.define
class Accepted:
    """The outcome of an accepted command: the token with which a caller can read its own write.

    Never changed; not `frozen`, which would cost 0.4 µs a command.
    """

    order_id: OrderId
    version: Version
    """The order's version after the command."""
    position: Position
    """Position of the command's last event; `query(..., at_least=position)` reflects it."""


class Caller(Protocol):
    """Who hears of a command's outcome, and sees to its stamp `acknowledged`."""

    def set(self, value: Accepted) -> None:
        """It was accepted."""

    def fail(self, error: Exception) -> None:
        """It was not."""


@attrs.define
class Envelope(Cause):
    """A command on its way: the cause of what comes of it, so no second object is made for that."""

    command: Command
    reply: Caller | None
    """None if nobody waits and the outcome is only measured."""


@attrs.frozen
class Snapshot:
    """What an order actor answers."""

    order: Order | None
    """None: there is no such order."""
    position: Position
    """The log's last position then: of its own order the actor knows all up to there."""


@attrs.define(eq=False)
class Question:
    """A question about an order's state, on its way."""

    query_id: QueryId
    reply: Reply[Snapshot]
    is_answered: bool = False


Message: TypeAlias = Envelope | Question


class Inbox(Protocol):
    """Where an order actor takes its messages from; see `actors.mailbox.Mailbox`."""

    def take(self) -> Message | None:
        """The oldest message; None if the actor is to `wait` first."""

    def wait(self) -> Awaitable[None]:
        """Suspend the running actor until there may be a message."""


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
    question_service: Draws | None = None
    """Modelled time to answer a question, by query id; None: only the work itself."""
    reply_ns: int = 0
    """Modelled time between commit and acknowledgement."""

    def run(
        self, order_id: OrderId, mailbox: Inbox, answered: Callable[[], None]
    ) -> Generator[object, None, None]:
        """The life of one order actor, from activation to passivation.

        Args:
            order_id: whose.
            mailbox: what it takes its messages from.
            answered: called after each message was answered.
        """
        log, probe, clock, service = self.log, self.probe, self.clock, self.service
        work, append, write, reply_ns = self.work, log.append, Rank.WRITE, self.reply_ns
        take = cast("Callable[[], Envelope | None]", mailbox.take)
        dequeued, acknowledged = probe.dequeued, probe.acknowledged
        version = log.version_of(order_id)
        drawn = service.drawn if service is not None else []
        order = self.rehydrate(order_id)
        while True:
            envelope = take()
            if envelope is None:
                yield mailbox.wait()
                continue
            # Subtle: it may be a `Question`, and only that has no command id. A `try` that raises
            # nothing costs nothing; a test of the type would cost every command.
            try:
                command_id = envelope.command_id
            except AttributeError:
                yield from self._answer(cast("Question", envelope), order)
                answered()
                continue
            dequeued[command_id] = now = clock.instant_ns
            if service is not None:
                try:
                    duration_ns = drawn[command_id]
                except IndexError:
                    duration_ns = service[command_id]
                yield work(duration_ns, write, command_id)
                now = clock.instant_ns
            elif clock.is_virtual:
                # Commands of one instant must commit in the order of their ids, across orders: a
                # timer, though of no duration, sorts them.
                yield work(0, write, command_id)
            envelope.now_ns = now
            try:
                events = decide(order, envelope.command, envelope)
            except CommandRejectedError as rejection:
                probe.turned_away(command_id, Outcome.REJECTED)
                self._reject(envelope, rejection)
                answered()
                continue
            position = yield from append(order_id, version, events, command_id).__await__()
            for event in events:
                order = evolve(order, event)
                version = event.version
            if reply_ns:
                yield work(reply_ns, write, command_id)
            reply = envelope.reply
            if reply is None:
                acknowledged[command_id] = clock.instant_ns
            else:
                reply.set(Accepted(order_id, version, position))
            answered()

    def _answer(self, question: Question, order: Order | None) -> Generator[object, None, None]:
        service, query_id = self.question_service, question.query_id
        self.probe.query_dequeued(query_id)
        if service is not None:
            yield self.work(service[query_id], Rank.QUERY, query_id)
        question.is_answered = True
        question.reply.set(Snapshot(order, self.log.head))

    def rehydrate(self, order_id: OrderId) -> Order | None:
        """The order's state, folded from its events; None if it has none."""
        order = None
        for event in self.log.read_order(order_id):
            order = evolve(order, event)
        return order

    def _reject(self, envelope: Envelope, error: Exception) -> None:
        if envelope.reply is None:
            self.probe.acknowledged[envelope.command_id] = self.clock.instant_ns
        else:
            envelope.reply.fail(error)
