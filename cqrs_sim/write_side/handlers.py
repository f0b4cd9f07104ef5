"""Handlers: each command gets one of its own at once, so many may work on one order.

What an order's actor with its mailbox spares is all here: to look, work, and write while others do
the same; to find that somebody was first; to wait a random time and begin again; to give up in the
end. It is a short-lived actor whose mailbox never holds more than its one command.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import attrs

from cqrs_sim.actors.kernel import Kernel, Rank
from cqrs_sim.actors.mailbox import Mailbox
from cqrs_sim.actors.park import PARK
from cqrs_sim.actors.randomness import Draws
from cqrs_sim.domain.order import decide
from cqrs_sim.errors import CommandRejectedError, ConcurrencyConflictError, StoreError
from cqrs_sim.ids import CommandId, OrderId
from cqrs_sim.probe import AttemptEnd, Outcome, Probe
from cqrs_sim.write_side.gateway import (
    UNDECIDED,
    CommandGateway,
    MailboxOptions,
    Resident,
    name_of,
)
from cqrs_sim.write_side.order_actor import (
    Accepted,
    Envelope,
    Inbox,
    Life,
    Message,
    OrderActors,
    Question,
    Snapshot,
)
from cqrs_sim.write_side.shared_states import CheckedStates

ONE_MESSAGE: Final = MailboxOptions(capacity=1, policy="block", passivate_after_ns=1)
JITTER_BITS: Final = 53


@attrs.frozen
class Retries:
    """When a handler tries again, and how long its work takes then.

    Full jitter: after attempt n it waits a time that is uniform in [0, min(cap, backoff x
    2^(n - 1))] (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015). Draws
    are by attempt and command, so what one handler draws depends on no other.
    """

    backoff_ns: int = 0
    cap_ns: int = 0
    jitter: Sequence[Draws] = ()
    """For each attempt but the first, integers that are uniform in [0, 2^JITTER_BITS)."""
    service: Sequence[Draws] = ()
    """For each attempt but the first its modelled service time; empty: only the work itself."""

    @property
    def attempts(self) -> int:
        """Most attempts at one command."""
        return len(self.jitter) + 1

    def wait_ns(self, command_id: CommandId, failed: int) -> int:
        """How long to wait after so many attempts failed, from 1."""
        longest_ns = min(self.cap_ns, self.backoff_ns << (failed - 1))
        return (longest_ns + 1) * self.jitter[failed - 1][command_id] >> JITTER_BITS

    def service_ns(self, command_id: CommandId, failed: int) -> int:
        """How long the work takes after so many attempts failed, from 1."""
        return self.service[failed - 1][command_id] if self.service else 0


@attrs.frozen(kw_only=True)
class OrderHandlers(OrderActors):
    """What all handlers share."""

    states: CheckedStates
    """Where handlers read and write, checked or not."""
    retries: Retries
    sleep: Callable[[int, int, int], Awaitable[None]]
    """Waits, on no server: arguments as of `work`."""

    def run(self, order_id: OrderId, mailbox: Inbox, answered: Callable[[], None]) -> Life:
        """The life of one handler: one message; `answered` is called at its end."""
        while (message := mailbox.take()) is None:
            yield mailbox.wait()
        if isinstance(message, Question):
            yield from self._answer_now(order_id, message)
        else:
            yield from self._handle(order_id, message)
        answered()

    def _handle(self, order_id: OrderId, envelope: Envelope) -> Life:
        """Try, and after a conflict again, until the outcome is known or it is given up."""
        command_id, retries = envelope.command_id, self.retries
        for failed in range(retries.attempts):
            if failed:
                wait_ns = retries.wait_ns(command_id, failed)
                yield self.sleep(wait_ns, Rank.WRITE, command_id)
            try:
                yield from self._attempt(order_id, envelope, failed)
            except ConcurrencyConflictError as conflict:
                # Not answered, should the run end while it waits.
                envelope.now_ns = UNDECIDED
                last = conflict
            else:
                return
        self.probe.turned_away(command_id, Outcome.CONFLICT)
        if envelope.reply is None:
            self.probe.acknowledged[command_id] = self.clock.instant_ns
        else:
            envelope.reply.fail(last)

    def _attempt(self, order_id: OrderId, envelope: Envelope, failed: int) -> Life:
        """Look, work, decide, write.

        Raises:
            ConcurrencyConflictError: if another write came in between.
        """
        probe, clock, command_id = self.probe, self.clock, envelope.command_id
        probe.dequeued[command_id] = clock.instant_ns
        order, version = self.states.read(order_id)
        row = probe.attempt_begun(command_id, version)
        if self.service is not None or clock.is_virtual:
            yield self.work(self._duration_ns(command_id, failed), Rank.WRITE, command_id)
        envelope.now_ns = clock.instant_ns
        try:
            if self._is_repeated(envelope):
                probe.attempt_ended(row, AttemptEnd.REPEATED)
                return
            events = decide(order, envelope.command, envelope)
            position = self.states.begin_write(
                order, version, events, command_id, envelope.request_id
            )
            if not isinstance(position, int):
                yield PARK
                position = position.end()
        except ConcurrencyConflictError:
            probe.attempt_ended(row, AttemptEnd.CONFLICT)
            raise
        except (CommandRejectedError, StoreError) as error:
            if isinstance(error, CommandRejectedError):
                probe.attempt_ended(row, AttemptEnd.REJECTED)
            self._refuse(envelope, error)
            return
        probe.attempt_ended(row, AttemptEnd.COMMITTED)
        if envelope.reply is None:
            probe.acknowledged[command_id] = clock.instant_ns
        else:
            envelope.reply.set(Accepted(order_id, events[-1].version, position))

    def _duration_ns(self, command_id: CommandId, failed: int) -> int:
        if failed:
            return self.retries.service_ns(command_id, failed)
        return 0 if self.service is None else self.service[command_id]

    def _answer_now(self, order_id: OrderId, question: Question) -> Life:
        """Answer from the state at the end of the work: it lacks nothing of its order."""
        self.probe.query_dequeued(question.query_id)
        service, query_id = self.question_service, question.query_id
        if service is not None:
            yield self.work(service[query_id], Rank.QUERY, query_id)
        question.is_answered = True
        question.reply.set(Snapshot(self.states.read(order_id)[0], self.log.head))


class HandlerGateway(CommandGateway):
    """A gateway that begins a handler for each message, in place of an actor for each order."""

    def __init__(self, kernel: Kernel, probe: Probe, handlers: OrderHandlers) -> None:
        super().__init__(kernel, probe, handlers, ONE_MESSAGE)
        self._handlers = handlers

    def close(self) -> None:
        """See `CommandGateway.close`; what was last written is what an audit compares."""
        super().close()
        for order in self._handlers.states.last_written():
            self._handlers.activations.leave(order)

    def _activate(self, order_id: OrderId) -> Resident:
        """A handler is resident by its own number: nobody finds it by its order."""
        name = f"a handler of {name_of(order_id)}"
        mailbox: Mailbox[Message] = Mailbox(self._kernel, name, ONE_MESSAGE.capacity)
        actor = self._kernel.spawn(self._actors.run(order_id, mailbox, self._gone), name)
        resident = self._residents[actor.serial] = Resident(order_id, mailbox, actor)
        self._activated_count += 1
        return resident

    def _gone(self) -> None:
        del self._residents[self._kernel.running.serial]
        self.answered()
