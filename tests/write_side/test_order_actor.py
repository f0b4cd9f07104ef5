from collections.abc import Callable, Sequence

import attrs
import pytest
from fakes import RecordingProbe, amend, cancel, create, run_actors, update

from cqrs_sim.actors.kernel import Kernel, Rank
from cqrs_sim.actors.mailbox import Mailbox
from cqrs_sim.actors.reply import Reply
from cqrs_sim.domain.commands import Command
from cqrs_sim.domain.events import Event
from cqrs_sim.errors import ActorCrashedError, ConcurrencyConflictError
from cqrs_sim.event_log.memory import MemoryLog, Pending
from cqrs_sim.ids import CommandId, CorrelationId, Nanoseconds, OrderId, Position, Version
from cqrs_sim.write_side.order_actor import Accepted, Envelope, OrderActors

ORDER = OrderId("order-1")


@attrs.frozen
class Slow:
    """What is appended when the time of a `SuspendingLog` is over."""

    log: "SuspendingLog"
    append: Callable[[], Position | Pending]

    def end(self) -> Position:
        self.log.at_once -= 1
        position = self.append()
        assert isinstance(position, int)
        return position


class SuspendingLog(MemoryLog):
    """A log whose appends take their time, as those of a store on disk do."""

    def __init__(self, kernel: Kernel, probe: RecordingProbe) -> None:
        super().__init__(kernel, probe)
        self.kernel = kernel
        self.at_once = 0
        self.at_once_most = 0

    def begin_append(
        self,
        order_id: OrderId,
        expected: Version,
        new_events: Sequence[Event],
        command_id: CommandId,
        request_id: str | None = None,
    ) -> Position | Pending:
        self.at_once += 1
        self.at_once_most = max(self.at_once_most, self.at_once)
        self.kernel.sleep(10, Rank.OTHER, command_id)
        begin = super().begin_append
        return Slow(self, lambda: begin(order_id, expected, new_events, command_id, request_id))


def envelope(command: Command, number: int, reply: Reply[Accepted] | None = None) -> Envelope:
    return Envelope(Nanoseconds(-1), CommandId(number), CorrelationId(number), command, reply)


def started(kernel: Kernel, log: MemoryLog, probe: RecordingProbe) -> Mailbox[Envelope]:
    """The mailbox of an order actor that works at no modelled time."""
    mailbox: Mailbox[Envelope] = Mailbox(kernel, "order order-1", 100)
    actors = OrderActors(log, probe, kernel.clock, kernel.sleep, None)
    kernel.spawn(actors.run(ORDER, mailbox, lambda: None), "order order-1")
    return mailbox


def test_commands_are_handled_one_at_a_time_in_the_order_of_the_mailbox(
    kernel: Kernel, probe: RecordingProbe
) -> None:
    log = SuspendingLog(kernel, probe)
    mailbox = started(kernel, log, probe)
    commands: list[Command] = [create(), amend(), update("CONFIRMED"), update("SHIPPED"), cancel()]
    for number, command in enumerate(commands):
        mailbox.tell(envelope(command, number))
    run_actors(kernel)
    assert log.at_once_most == 1
    assert [event.causation_id for event in log.events] == [0, 1, 2, 3, 4]
    assert [type(event).__name__ for event in log.events] == [
        "OrderCreated",
        "OrderAmended",
        "OrderStatusChanged",
        "OrderStatusChanged",
        "OrderCancelled",
    ]


def test_the_outcome_of_a_command_is_decided_on_what_came_before_it(
    kernel: Kernel, probe: RecordingProbe
) -> None:
    mailbox = started(kernel, SuspendingLog(kernel, probe), probe)
    commands: list[Command] = [create(), update("CANCELLED"), update("CONFIRMED"), cancel()]
    for number, command in enumerate(commands):
        mailbox.tell(envelope(command, number))
    run_actors(kernel)
    assert [call[2] for call in probe.named("committed")] == [0, 1]
    assert [call[2] for call in probe.named("turned_away")] == [2, 3]


def test_the_reply_comes_after_the_commit(kernel: Kernel, probe: RecordingProbe) -> None:
    log = MemoryLog(kernel, probe)
    mailbox = started(kernel, log, probe)
    reply: Reply[Accepted] = Reply(kernel, ORDER)
    mailbox.tell(envelope(create(), 0, reply))

    async def client() -> None:
        accepted = await reply.wait()
        assert log.head == accepted.position == 1

    run_actors(kernel, client())


def test_an_append_by_somebody_else_ends_the_run_instead_of_being_overwritten(
    kernel: Kernel, probe: RecordingProbe
) -> None:
    log = MemoryLog(kernel, probe)
    mailbox = started(kernel, log, probe)

    async def intruder() -> None:
        mailbox.tell(envelope(create(), 0))
        await kernel.pause(1)
        other = started(kernel, log, probe)
        other.tell(envelope(amend(), 1))
        await kernel.pause(1)
        mailbox.tell(envelope(amend(), 2))

    with pytest.raises(ActorCrashedError, match="order order-1 crashed") as caught:
        run_actors(kernel, intruder())
    assert isinstance(caught.value.__cause__, ConcurrencyConflictError)
    assert log.head == 2
