"""The command gateway: validates a command's shape and puts it to its order's mailbox.

Questions about an order's state go the same way (`ask`).

It activates an order's actor on the first command and passivates it when it was idle for long
enough: then nothing of the order is left in memory but its events.
"""

from collections.abc import Iterator
from typing import TypeGuard

import attrs

from cqrs_sim.actors.kernel import Actor, Kernel, Rank
from cqrs_sim.actors.mailbox import Mailbox, MailboxPolicy, MailboxStatistics
from cqrs_sim.actors.pauses import PausedMailbox, Pauses
from cqrs_sim.actors.reply import Latch, Reply
from cqrs_sim.domain.commands import Command, CreateOrder, shape_errors
from cqrs_sim.domain.order import Cause, decide
from cqrs_sim.errors import (
    ActorStoppedError,
    InvalidCommandError,
    MailboxFullError,
    WriteSideDownError,
)
from cqrs_sim.ids import CommandId, CorrelationId, Nanoseconds, OrderId, QueryId
from cqrs_sim.probe import Outcome, Probe, QueryOutcome, Strategy
from cqrs_sim.write_side.order_actor import (
    Caller,
    Envelope,
    Inbox,
    Message,
    OrderActors,
    Question,
    Snapshot,
)

UNDECIDED = Nanoseconds(-1)
"""An envelope's instant before its command is decided."""

AT_ONCE = 64
"""Orders passivated in one turn: thousands of them would hold up everybody for milliseconds."""

SET_UP = CommandId(-1)
"""Cause of the events that exist before the run; it has no row in the trace."""


@attrs.frozen
class MailboxOptions:
    """How every order's mailbox is made, and when its actor leaves memory."""

    capacity: int
    policy: MailboxPolicy
    passivate_after_ns: int
    pauses: Pauses | None = None
    """When no order actor takes a message."""


@attrs.define(eq=False)
class Resident:
    """An order actor, or a handler, in memory."""

    order_id: OrderId
    mailbox: Mailbox[Message]
    actor: Actor
    sent_count_at_sweep: int = -1


@attrs.frozen
class WriteSideStatistics:
    """A snapshot of the write side."""

    resident_orders_count: int
    """Order actors in memory now."""
    activated_count: int
    passivated_count: int
    in_flight_count: int
    """Commands and questions submitted and not yet answered."""
    highest_mailbox_count: int
    """Most messages that were ever inside one mailbox at once."""


class CommandGateway:
    """The way in for commands."""

    def __init__(
        self, kernel: Kernel, probe: Probe, actors: OrderActors, options: MailboxOptions
    ) -> None:
        self._kernel = kernel
        self._probe = probe
        self._clock = kernel.clock
        self._submitted = probe.submitted
        self._actors = actors
        self._options = options
        # By order; by a number of their own where many work on one order.
        self._residents: dict[OrderId | int, Resident] = {}
        self.submitted_count = 0
        self._in_flight_count = 0
        self._activated_count = 0
        self._passivated_count = 0
        self._highest_mailbox_count = 0
        self._drained: Latch | None = None
        self._sweeper: Actor | None = None
        self._is_closed = False
        self._is_down = False

    def submit(
        self,
        command: Command,
        command_id: CommandId,
        reply: Caller | None = None,
        correlation_id: CorrelationId | None = None,
        request_id: str | None = None,
    ) -> None:
        """Put a command to its order's mailbox; the outcome goes to `reply` and to the probe."""
        self._submitted[command_id] = self._clock.instant_ns
        self.submitted_count += 1
        self._in_flight_count += 1
        reasons = shape_errors(command)
        if reasons:
            error = InvalidCommandError(command.order_id, reasons)
            self._turn_away(command_id, reply, Outcome.REJECTED, error)
            return
        order_id = command.order_id
        resident = self._residents.get(order_id)
        if resident is None:
            if self._is_closed:
                stopped = ActorStoppedError("the system")
                self._turn_away(command_id, reply, Outcome.UNFINISHED, stopped)
                return
            if self._is_down:
                down = WriteSideDownError(order_id)
                self._turn_away(command_id, reply, Outcome.REFUSED, down)
                return
            resident = self._activate(order_id)
        correlation: CorrelationId = command_id if correlation_id is None else correlation_id  # type: ignore[assignment] # begins its own conversation
        envelope = Envelope(UNDECIDED, command_id, correlation, command, reply, request_id)
        try:
            resident.mailbox.tell(envelope)
        except MailboxFullError as full:
            self._turn_away(command_id, reply, Outcome.REFUSED, full)

    def ask(self, order_id: OrderId, query_id: QueryId, reply: Reply[Snapshot]) -> None:
        """Put a question about an order's state to its mailbox, behind what is already there.

        An order that does not exist has an actor too, which answers that it does not.
        """
        self._probe.query_submitted(query_id, Strategy.WRITE_SIDE)
        resident = self._residents.get(order_id)
        if resident is None:
            if self._is_closed:
                reply.fail(ActorStoppedError("the system"))
                return
            if self._is_down:
                self._probe.query_failed(query_id, QueryOutcome.REFUSED)
                reply.fail(WriteSideDownError(order_id))
                return
            resident = self._activate(order_id)
        try:
            resident.mailbox.tell(Question(query_id, reply))
        except MailboxFullError as full:
            self._probe.query_failed(query_id, QueryOutcome.REFUSED)
            reply.fail(full)
        else:
            self._in_flight_count += 1

    def set_up(self, commands: tuple[CreateOrder, ...]) -> None:
        """Record the orders that exist before the run: no mailbox, no service time, no stamps."""
        log = self._actors.log
        for command in commands:
            cause = Cause(self._kernel.now_ns(), SET_UP, CorrelationId(SET_UP))
            log.record(
                command.order_id, log.version_of(command.order_id), decide(None, command, cause)
            )

    def answered(self) -> None:
        """Count one command or question less in flight."""
        self._in_flight_count -= 1
        if self._drained is not None and not self._in_flight_count:
            self._drained.open()

    async def wait_drained(self) -> None:
        """Return when every command and question that was submitted has been answered."""
        if self._in_flight_count:
            self._drained = Latch(self._kernel, "the write side to drain")
            await self._drained.wait()

    def close(self) -> None:
        """Stop every order actor and answer whatever is left in the mailboxes."""
        for order_id, message in self._remove_residents():
            error = ActorStoppedError(name_of(order_id))
            if isinstance(message, Question):
                message.reply.fail(error)
                self.answered()
            else:
                self._turn_away(message.command_id, message.reply, Outcome.UNFINISHED, error)
        self._is_closed = True

    def crash(self) -> None:
        """End as a process does: what was in memory is gone, nothing is taken until `restart`."""
        self._is_down = True
        for order_id, message in self._remove_residents():
            error = WriteSideDownError(order_id)
            if isinstance(message, Question):
                self._probe.query_failed(message.query_id, QueryOutcome.REFUSED)
                message.reply.fail(error)
                self.answered()
            else:
                self._turn_away(message.command_id, message.reply, Outcome.UNKNOWN, error)

    def restart(self) -> None:
        """Take messages again."""
        self._is_down = False

    def _remove_residents(self) -> Iterator[tuple[OrderId, Message]]:
        """End every order actor; what it had not answered, and what was in its mailbox."""
        residents, self._residents = self._residents, {}
        for resident in residents.values():
            left = resident.mailbox.remove_all()
            in_work = resident.actor.message
            if _is_open(in_work, resident.actor):
                left.insert(0, in_work)
            self._kernel.discard(resident.actor)
            for message in left:
                yield resident.order_id, message

    def statistics(self) -> WriteSideStatistics:
        """A frozen snapshot."""
        highest = max((r.mailbox.highest_used_count for r in self._residents.values()), default=0)
        return WriteSideStatistics(
            resident_orders_count=len(self._residents),
            activated_count=self._activated_count,
            passivated_count=self._passivated_count,
            in_flight_count=self._in_flight_count,
            highest_mailbox_count=max(highest, self._highest_mailbox_count),
        )

    def mailbox_statistics(self) -> list[MailboxStatistics]:
        """A snapshot of the mailbox of every order in memory."""
        return [resident.mailbox.statistics() for resident in self._residents.values()]

    def _turn_away(
        self,
        command_id: CommandId,
        reply: Caller | None,
        outcome: Outcome,
        error: Exception,
    ) -> None:
        self._probe.turned_away(command_id, outcome)
        if reply is not None:
            reply.fail(error)
        elif outcome is not Outcome.UNFINISHED:
            self._probe.acknowledged[command_id] = self._clock.instant_ns
        self.answered()

    def _activate(self, order_id: OrderId) -> Resident:
        name = name_of(order_id)
        mailbox: Mailbox[Message] = Mailbox(
            self._kernel, name, self._options.capacity, self._options.policy
        )
        pauses = self._options.pauses
        inbox: Inbox = mailbox
        if pauses is not None:
            paused: PausedMailbox[Message] = PausedMailbox(mailbox, pauses, Rank.WRITE)
            inbox = paused
        actor = self._kernel.spawn(self._actors.run(order_id, inbox, self.answered), name)
        resident = self._residents[order_id] = Resident(order_id, mailbox, actor)
        self._activated_count += 1
        if self._sweeper is None or self._sweeper.is_done:
            self._sweeper = self._kernel.spawn(self._sweep(), "passivation")
        return resident

    async def _sweep(self) -> None:
        """Passivate what had no message between two looks; end when nobody is left in memory."""
        period = self._options.passivate_after_ns
        while self._residents:
            await self._kernel.sleep(period, Rank.HOUSEKEEPING, 0)
            idle = []
            for order_id, resident in self._residents.items():
                mailbox = resident.mailbox
                if mailbox.sent_count != resident.sent_count_at_sweep:
                    resident.sent_count_at_sweep = mailbox.sent_count
                elif mailbox.is_idle:
                    idle.append(order_id)
            for number, order_id in enumerate(idle, start=1):
                found = self._residents.get(order_id)
                if found is not None and found.mailbox.is_idle:
                    self._passivate(order_id)
                if number % AT_ONCE == 0:
                    await self._kernel.give_way()

    def _passivate(self, order_id: OrderId | int) -> None:
        resident = self._residents.pop(order_id)
        self._kernel.discard(resident.actor)
        self._passivated_count += 1
        highest = resident.mailbox.highest_used_count
        self._highest_mailbox_count = max(self._highest_mailbox_count, highest)


def _is_open(message: object, actor: Actor) -> TypeGuard[Message]:
    """Whether what an actor took last is still to be answered."""
    if isinstance(message, Question):
        return not message.is_answered
    # What was decided and is not yet committed: only for that an order actor waits for others.
    is_committing = actor.waiting_for is not None
    return isinstance(message, Envelope) and (message.now_ns == UNDECIDED or is_committing)


def name_of(order_id: OrderId) -> str:
    """What the actor of an order is called."""
    return f"order {order_id}"
