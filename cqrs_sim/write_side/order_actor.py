"""The order actor: takes the commands of one order from its mailbox, one at a time, in order.

Questions about the order's state come by the same mailbox and are answered in turn, so an answer
shows every command that was sent before it.
"""

from collections.abc import Awaitable, Callable, Generator
from typing import Protocol, TypeAlias, cast

import attrs

from cqrs_sim.actors.kernel import Rank
from cqrs_sim.actors.park import PARK
from cqrs_sim.actors.randomness import Draws
from cqrs_sim.actors.reply import Reply
from cqrs_sim.domain.commands import Command
from cqrs_sim.domain.order import Cause, Order, could_have_caused, decide, evolve
from cqrs_sim.errors import CommandRejectedError, DuplicateCommandError, StoreError
from cqrs_sim.event_log.memory import MemoryLog
from cqrs_sim.ids import Nanoseconds, OrderId, Position, QueryId, Version
from cqrs_sim.probe import Clock, Outcome, Probe
from cqrs_sim.write_side.activations import Activations
from cqrs_sim.write_side.rehydration import NEVER, NO_VERSION, Rehydrator


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
    request_id: str | None = None
    """By which its sender knows it, if it may send it again."""


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

Life: TypeAlias = Generator[object, None, None]
"""What an actor does, step by step."""


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
    inline_service: Callable[[int], int] | None = None
    """By command id, modelled time to update what is updated within the commit; None: nothing is.

    It is one piece of work with the service, which must not be None then, since it is one
    transaction: no other gets in between."""
    reply_ns: int = 0
    """Modelled time between commit and acknowledgement."""
    rehydrator: Rehydrator = attrs.field()
    """How an order's state comes back from the log; without snapshots by default."""
    replay_ns: int = 0
    """Modelled time for each event read at a rehydration, on top of the first service."""
    activations: Activations = attrs.field(factory=Activations)
    """What is known of the actors' coming and going."""

    @rehydrator.default
    def _without_snapshots(self) -> Rehydrator:
        return Rehydrator(self.log)

    def run(self, order_id: OrderId, mailbox: Inbox, answered: Callable[[], None]) -> Life:
        """The life of one order actor, to passivation; `answered` is called after each message."""
        probe, clock, service, inline = self.probe, self.clock, self.service, self.inline_service
        work, append, activate = self.work, self.log.begin_append, self._activated
        take = cast("Callable[[], Envelope | None]", mailbox.take)
        dequeued, acknowledged, write = probe.dequeued, probe.acknowledged, Rank.WRITE
        drawn = service.drawn if service is not None else []
        order, version, snapshot_due, is_active = None, NO_VERSION, NEVER, False
        while True:
            envelope = take()
            if envelope is None:
                try:
                    yield mailbox.wait()
                except GeneratorExit:
                    self.activations.leave(order)
                    raise
                continue
            # Subtle: only a `Question` has no command id; a `try` that raises nothing is free.
            try:
                command_id = envelope.command_id
            except AttributeError:
                question = cast("Question", envelope)
                probe.query_dequeued(question.query_id)
                if not is_active:
                    activated = activate(order_id, Rank.QUERY, question.query_id)
                    (order, version, snapshot_due), is_active = (yield from activated), True
                yield from self._answer(question, order)
                answered()
                continue
            dequeued[command_id] = now = clock.instant_ns
            if not is_active:
                order, version, snapshot_due = yield from activate(order_id, write, command_id)
                is_active, now = True, clock.instant_ns
            if service is not None:
                try:
                    duration_ns = drawn[command_id]
                except IndexError:
                    duration_ns = service[command_id]
                if inline is not None and _is_accepted(order, envelope):
                    duration_ns += inline(command_id)
                yield work(duration_ns, write, command_id)
                now = clock.instant_ns
            elif clock.is_virtual:
                # A timer, though of no duration, sorts the commits of one instant by command id.
                yield work(0, write, command_id)
            envelope.now_ns = now
            try:
                if envelope.request_id is not None and self._is_repeated(envelope):
                    answered()
                    continue
                events = decide(order, envelope.command, envelope)
                position = append(order_id, version, events, command_id, envelope.request_id)
                if not isinstance(position, int):
                    yield PARK
                    position = position.end()
            except (CommandRejectedError, StoreError) as error:
                self._refuse(envelope, error)
                answered()
                continue
            for event in events:
                order, version = evolve(order, event), event.version
            if self.reply_ns:
                yield work(self.reply_ns, write, command_id)
            if envelope.reply is None:
                acknowledged[command_id] = clock.instant_ns
            else:
                envelope.reply.set(Accepted(order_id, version, position))
            if version >= snapshot_due:  # Behind the reply: the caller does not wait for it.
                snapshot_due = self.rehydrator.take_snapshot(order, position)
            answered()

    def _is_repeated(self, envelope: Envelope) -> bool:
        """Whether the request was committed before; then it has its first outcome again.

        Raises:
            DuplicateCommandError: if that asked for something else.
        """
        request_id, command = envelope.request_id, envelope.command
        first = None if request_id is None else self.log.outcome_of(request_id)
        if first is None:
            return False
        before = Version(first.version - 1)
        event = self.log.read_order(first.order_id, before, first.position)[-1]
        if not could_have_caused(command, event):
            raise DuplicateCommandError(command.order_id, str(request_id))
        self.probe.turned_away(envelope.command_id, Outcome.REPEATED)
        if envelope.reply is None:
            self.probe.acknowledged[envelope.command_id] = self.clock.instant_ns
        else:
            envelope.reply.set(Accepted(first.order_id, first.version, first.position))
        return True

    def _answer(self, question: Question, order: Order | None) -> Life:
        service, query_id = self.question_service, question.query_id
        if service is not None:
            yield self.work(service[query_id], Rank.QUERY, query_id)
        question.is_answered = True
        question.reply.set(Snapshot(order, self.log.head))

    def rehydrate(self, order_id: OrderId) -> Order | None:
        """The order's state, from its events; None if it has none."""
        return self.rehydrator.state_of(order_id).order

    def _activated(
        self, order_id: OrderId, rank: int, index: int
    ) -> Generator[object, None, tuple[Order | None, Version, Version]]:
        """Bring an order's state into memory; the message of that index waits for it.

        Returns:
            The state, its version, and the version of which the next snapshot is due.
        """
        rehydrator, clock = self.rehydrator, self.clock
        if not self.log.version_of(order_id):
            return None, NO_VERSION, rehydrator.due_after(NO_VERSION)
        begun_ns = clock.instant_ns
        found = rehydrator.state_of(order_id)
        if self.replay_ns:
            yield self.work(self.replay_ns * found.read_count, rank, index)
        spent_ns = Nanoseconds(clock.instant_ns - begun_ns)
        self.activations.enter(order_id, found, begun_ns, spent_ns, rank == Rank.WRITE)
        assert found.order is not None, "an order with a version has events"
        version = found.order.version
        return found.order, version, rehydrator.due_after(version)

    def _refuse(self, envelope: Envelope, error: CommandRejectedError | StoreError) -> None:
        if isinstance(error, CommandRejectedError):
            self.probe.turned_away(envelope.command_id, Outcome.REJECTED)
            if envelope.reply is None:
                self.probe.acknowledged[envelope.command_id] = self.clock.instant_ns
        # With a broken store the command stays unfinished, and the log ends the run.
        if envelope.reply is not None:
            envelope.reply.fail(error)


def _is_accepted(order: Order | None, envelope: Envelope) -> bool:
    """Whether a command will be: nothing changes the order while its only actor is at work."""
    try:
        decide(order, envelope.command, envelope)
    except CommandRejectedError:
        return False
    return True
