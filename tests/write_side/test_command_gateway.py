import gc
import weakref
from collections.abc import Callable, Coroutine

import attrs
import pytest
from fakes import MS, RecordingProbe, amend, cancel, constant, create, run_actors, update

from cqrs_sim.actors.kernel import Kernel, Rank
from cqrs_sim.actors.mailbox import MailboxPolicy
from cqrs_sim.actors.randomness import Draws, Streams
from cqrs_sim.actors.reply import Reply
from cqrs_sim.domain.commands import Command
from cqrs_sim.domain.order import Order
from cqrs_sim.errors import (
    ActorStoppedError,
    CommandRejectedError,
    InvalidCommandError,
    InvalidTransitionError,
    MailboxFullError,
)
from cqrs_sim.event_log.memory import MemoryLog
from cqrs_sim.ids import CommandId, CorrelationId, OrderId
from cqrs_sim.probe import Outcome
from cqrs_sim.service_times import draws
from cqrs_sim.write_side.gateway import CommandGateway, MailboxOptions
from cqrs_sim.write_side.order_actor import Accepted, OrderActors

SERVICE_NS = 10
IDLE_NS = 1000


class WriteSide:
    """A gateway with its log; every command takes 10 ns."""

    def __init__(
        self,
        kernel: Kernel,
        *,
        capacity: int = 64,
        policy: MailboxPolicy = "block",
        service_ns: int = SERVICE_NS,
    ) -> None:
        self.kernel = kernel
        self.probe = RecordingProbe(kernel)
        self.log = MemoryLog(kernel, self.probe)
        service: Draws | None = draws(Streams(0), "write", constant(service_ns))
        self.actors = OrderActors(self.log, self.probe, kernel.clock, kernel.sleep, service)
        options = MailboxOptions(capacity, policy, IDLE_NS)
        self.gateway = CommandGateway(kernel, self.probe, self.actors, options)
        self._commands = 0

    def tell(self, command: Command) -> CommandId:
        command_id = CommandId(self._commands)
        self._commands += 1
        self.gateway.submit(command, command_id)
        return command_id

    async def ask(self, command: Command) -> Accepted:
        reply: Reply[Accepted] = Reply(self.kernel, command.order_id)
        self._commands += 1
        self.gateway.submit(command, CommandId(self._commands - 1), reply)
        return await reply.wait()

    def run(self, *mains: Callable[[], Coroutine[object, None, None]]) -> None:
        run_actors(self.kernel, *[main() for main in mains])


def test_a_command_is_answered_with_its_version_and_position(kernel: Kernel) -> None:
    side = WriteSide(kernel)

    async def main() -> None:
        assert await side.ask(create("a")) == Accepted(OrderId("a"), 1, 1)  # type: ignore[arg-type]
        assert await side.ask(create("b")) == Accepted(OrderId("b"), 1, 2)  # type: ignore[arg-type]
        accepted = await side.ask(update("CONFIRMED", "a"))
        assert (accepted.version, accepted.position) == (2, 3)

    side.run(main)


def test_the_stamps_of_a_command_are_taken_where_they_belong(kernel: Kernel) -> None:
    side = WriteSide(kernel)

    async def main() -> None:
        side.tell(create())
        side.tell(update("CONFIRMED"))
        side.tell(update("PENDING"))

    side.run(main)
    assert side.probe.calls == [
        (0, "submitted", 0),
        (0, "submitted", 1),
        (0, "submitted", 2),
        (0, "dequeued", 0),
        (10, "committed", 0),
        (10, "acknowledged", 0),
        (10, "dequeued", 1),
        (20, "committed", 1),
        (20, "acknowledged", 1),
        (20, "dequeued", 2),
        (30, "turned_away", 2, Outcome.REJECTED),
        (30, "acknowledged", 2),
    ]


def test_commands_of_one_order_wait_for_each_other_and_those_of_another_do_not(
    kernel: Kernel,
) -> None:
    side = WriteSide(kernel)

    async def main() -> None:
        for order in "ab":
            side.tell(create(order))
            side.tell(update("CONFIRMED", order))

    side.run(main)
    committed = [(call[0], call[2]) for call in side.probe.named("committed")]
    assert committed == [(10, 0), (10, 2), (20, 1), (20, 3)]


def test_commits_of_one_instant_take_their_positions_by_command(kernel: Kernel) -> None:
    side = WriteSide(kernel)

    async def main() -> None:
        for order in "cab":
            side.tell(create(order))
        for order in "bca":
            side.tell(amend(order))

    side.run(main)
    assert [(call[0], call[2]) for call in side.probe.named("committed")] == [
        (10, 0), (10, 1), (10, 2), (20, 3), (20, 4), (20, 5),
    ]  # fmt: skip


def test_commits_of_one_instant_take_their_positions_by_command_without_service_time_too(
    kernel: Kernel,
) -> None:
    side = WriteSide(kernel, service_ns=0)

    async def main() -> None:
        for order in "bab":  # Two commands of one order, and another order's between them.
            side.tell(create(order) if side.gateway.submitted_count < 2 else amend(order))

    side.run(main)
    assert [call[2] for call in side.probe.named("committed")] == [0, 1, 2]


def test_a_bad_shape_is_rejected_before_any_mailbox(kernel: Kernel) -> None:
    side = WriteSide(kernel)

    async def main() -> None:
        with pytest.raises(InvalidCommandError, match="order must have at least one item"):
            await side.ask(create(items=()))
        side.tell(cancel(""))

    side.run(main)
    assert side.gateway.statistics().activated_count == 0
    assert side.probe.calls == [
        (0, "submitted", 0),
        (0, "turned_away", 0, Outcome.REJECTED),
        (0, "submitted", 1),
        (0, "turned_away", 1, Outcome.REJECTED),
        (0, "acknowledged", 1),
    ]
    assert side.log.head == 0


def test_a_rejection_by_the_order_reaches_the_caller_and_records_nothing(kernel: Kernel) -> None:
    side = WriteSide(kernel)

    async def main() -> None:
        await side.ask(create())
        with pytest.raises(InvalidTransitionError):
            await side.ask(update("SHIPPED"))
        assert (await side.ask(update("CONFIRMED"))).version == 2

    side.run(main)
    assert side.log.head == 2


def test_a_command_begins_its_own_conversation_unless_it_is_told_another(kernel: Kernel) -> None:
    side = WriteSide(kernel)

    async def main() -> None:
        side.gateway.submit(create(), CommandId(5))
        side.gateway.submit(update("CONFIRMED"), CommandId(6), None, CorrelationId(5))

    side.run(main)
    assert [(e.causation_id, e.correlation_id) for e in side.log.events] == [(5, 5), (6, 5)]


# Full mailboxes.


def test_a_full_mailbox_refuses_commands_by_policy_reject(kernel: Kernel) -> None:
    side = WriteSide(kernel, capacity=2, policy="reject")

    async def main() -> None:
        side.tell(create())
        await kernel.sleep(1, Rank.OTHER, 0)  # It is in work; the mailbox is empty.
        for _ in range(3):
            side.tell(amend())
        with pytest.raises(MailboxFullError, match=r"order order-1 is full \(2 messages\)"):
            await side.ask(amend())

    side.run(main)
    refused = [call[2] for call in side.probe.named("turned_away") if call[3] == Outcome.REFUSED]
    assert refused == [3, 4]
    assert [call[2] for call in side.probe.named("committed")] == [0, 1, 2]
    assert side.gateway.statistics().highest_mailbox_count == 2
    assert side.gateway.statistics().in_flight_count == 0


def test_a_full_mailbox_keeps_commands_waiting_by_policy_block_and_loses_none(
    kernel: Kernel,
) -> None:
    side = WriteSide(kernel, capacity=1, policy="block")

    async def main() -> None:
        side.tell(create())
        for _ in range(9):
            side.tell(amend())

    side.run(main)
    assert [(call[0], call[2]) for call in side.probe.named("committed")] == [
        (10 * (number + 1), number) for number in range(10)
    ]
    assert side.gateway.statistics().highest_mailbox_count == 1


# Activation and passivation.


def test_an_actor_is_activated_by_the_first_command_of_its_order(kernel: Kernel) -> None:
    side = WriteSide(kernel)
    residents: list[int] = []

    async def main() -> None:
        for order in ("a", "b", "a"):
            side.tell(create(order))
            residents.append(side.gateway.statistics().resident_orders_count)

    side.run(main)
    assert residents == [1, 2, 2]
    assert side.gateway.statistics().activated_count == 2


def test_an_idle_order_leaves_memory_and_one_in_use_stays(kernel: Kernel) -> None:
    side = WriteSide(kernel)
    residents: list[tuple[int, int]] = []

    async def main() -> None:
        side.tell(create("idle"))
        side.tell(create("busy"))
        for _ in range(6):
            await kernel.sleep(IDLE_NS // 2, Rank.LOAD, 0)
            side.tell(amend("busy"))
            residents.append((int(kernel.now_ns()), len(side.gateway.mailbox_statistics())))

    side.run(main)
    assert residents[-1] == (3 * IDLE_NS, 1)
    statistics = side.gateway.statistics()
    assert (statistics.passivated_count, statistics.resident_orders_count) == (1, 1)
    (left,) = side.gateway.mailbox_statistics()
    assert left.name == "order busy"


def test_nothing_of_a_passivated_order_is_left_but_its_events(kernel: Kernel) -> None:
    side = WriteSide(kernel)
    alive: list[object] = []

    async def main() -> None:
        await side.ask(create())
        (resident,) = side.gateway._residents.values()
        mailbox, actor = resident.mailbox, weakref.ref(resident.actor)
        del resident
        await kernel.sleep(3 * IDLE_NS, Rank.OTHER, 0)
        assert mailbox.statistics().used_count == 0
        del mailbox
        gc.collect()
        alive.append(actor())

    side.run(main)
    assert alive == [None]
    assert side.gateway.statistics().resident_orders_count == 0


def test_the_state_of_a_passivated_order_comes_back_from_the_log(kernel: Kernel) -> None:
    answers: dict[bool, list[object]] = {}
    for pauses in (False, True):
        side = WriteSide(Kernel(type(kernel.clock)()))
        given_back: list[object] = []

        async def main(
            side: WriteSide = side, pauses: bool = pauses, answers: list[object] = given_back
        ) -> None:
            steps: list[Command] = [
                create(),
                amend(),
                update("CONFIRMED"),
                amend(),
                update("SHIPPED"),
                update("CANCELLED"),
                cancel(),
                cancel(),
                create(),
            ]
            for step in steps:
                try:
                    answers.append(await side.ask(step))
                except CommandRejectedError as rejection:
                    answers.append(str(rejection))
                if pauses:
                    await side.kernel.sleep(3 * IDLE_NS, Rank.OTHER, 0)

        side.run(main)
        answers[pauses] = given_back
        assert side.gateway.statistics().passivated_count == (9 if pauses else 0)
    assert answers[True] == answers[False]
    assert len(answers[True]) == 9


def test_rehydration_folds_all_events_of_the_order(kernel: Kernel) -> None:
    side = WriteSide(kernel)

    async def main() -> None:
        for command in (create(), update("CONFIRMED"), cancel()):
            await side.ask(command)

    side.run(main)
    order = side.actors.rehydrate(OrderId("order-1"))
    assert isinstance(order, Order)
    assert attrs.evolve(order, items=()) == Order(
        order_id="order-1",  # type: ignore[arg-type]
        customer_id="customer-1",  # type: ignore[arg-type]
        items=(),
        total_cents=10997,  # type: ignore[arg-type]
        status="CANCELLED",
        version=3,  # type: ignore[arg-type]
        created_ns=10,  # type: ignore[arg-type]
        updated_ns=30,  # type: ignore[arg-type]
    )
    assert side.actors.rehydrate(OrderId("nobody")) is None


def test_an_order_with_a_command_in_work_is_not_passivated(kernel: Kernel) -> None:
    side = WriteSide(kernel, service_ns=10 * IDLE_NS)

    async def main() -> None:
        assert (await side.ask(create())).version == 1

    side.run(main)
    assert side.gateway.statistics().passivated_count == 0


# Set-up, drain and teardown.


def test_orders_set_up_before_the_run_exist_and_have_no_stamps(kernel: Kernel) -> None:
    side = WriteSide(kernel)
    side.gateway.set_up((create("a"), create("b")))
    assert side.probe.calls == []
    assert side.log.head == 2

    async def main() -> None:
        assert (await side.ask(amend("b"))).version == 2

    side.run(main)


def test_the_write_side_is_drained_when_the_last_command_is_answered(kernel: Kernel) -> None:
    side = WriteSide(kernel)
    log: list[tuple[int, int]] = []

    async def main() -> None:
        await side.gateway.wait_drained()
        log.append((int(kernel.now_ns()), 0))
        for order in "aab":
            side.tell(create(order))
        log.append((int(kernel.now_ns()), side.gateway.statistics().in_flight_count))
        await side.gateway.wait_drained()
        log.append((int(kernel.now_ns()), side.gateway.statistics().in_flight_count))

    side.run(main)
    assert log == [(0, 0), (0, 3), (20, 0)]


def test_closing_answers_what_is_left_in_the_mailboxes_and_in_line(kernel: Kernel) -> None:
    side = WriteSide(kernel, capacity=1)
    heard: list[str] = []

    side.tell(create())
    side.tell(amend())

    async def client(number: int) -> None:
        try:
            await side.ask(amend())
        except ActorStoppedError as error:
            heard.append(f"{number}: {error}")

    async def main() -> None:
        await kernel.sleep(SERVICE_NS + 1, Rank.OTHER, 9)
        side.gateway.close()

    side.run(*[lambda number=number: client(number) for number in (2, 3, 4)], main)
    # Command 0 was accepted, 1 was in work, 2 in the mailbox, 3 and 4 in line outside.
    assert heard == [f"{number}: order order-1 has stopped" for number in (2, 3, 4)]
    unfinished = [call[2] for call in side.probe.named("turned_away")]
    assert unfinished[-3:] == [2, 3, 4]
    assert [call[2] for call in side.probe.named("committed")] == [0]


def test_closing_answers_the_command_in_work_too(kernel: Kernel) -> None:
    side = WriteSide(kernel, service_ns=MS)
    heard: list[str] = []

    async def client() -> None:
        with pytest.raises(ActorStoppedError, match="order order-1 has stopped"):
            await side.ask(create())
        heard.append("stopped")

    async def main() -> None:
        await kernel.sleep(1, Rank.OTHER, 9)
        side.gateway.close()

    side.run(client, main)
    assert heard == ["stopped"]
    assert side.gateway.statistics().in_flight_count == 0
    assert side.log.head == 0
