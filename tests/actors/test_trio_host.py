import queue
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest
import trio
import trio.lowlevel
import trio.testing
from fakes import MS, constant, create, scenario, update

from cqrs_sim.actors.clock import WallClock
from cqrs_sim.actors.hiccups import HiccupTicker
from cqrs_sim.actors.kernel import Kernel, Rank
from cqrs_sim.actors.mailbox import Mailbox
from cqrs_sim.actors.park import PARK
from cqrs_sim.actors.trio_host import LEAD_NS_MAX, LEAD_NS_MIN, TrioHost, WakeLead
from cqrs_sim.domain.queries import GetOrderById
from cqrs_sim.engines.hosted import HostedSystem, run_hosted
from cqrs_sim.errors import ActorCrashedError, CqrsSimError, DeadlockError, OrderNotFoundError
from cqrs_sim.ids import OrderId, Position
from cqrs_sim.probe import Outcome
from cqrs_sim.scenario.scenario import ReadModel, WriteSide


def hosted() -> tuple[Kernel, TrioHost]:
    kernel = Kernel(WallClock())
    return kernel, TrioHost(kernel)


async def forever() -> None:
    await trio.sleep_forever()


def test_the_host_returns_what_main_returns() -> None:
    async def main() -> int:
        await trio.lowlevel.checkpoint()
        return 42

    assert hosted()[1].run(main) == 42


def test_an_error_of_main_comes_out_as_itself() -> None:
    async def main() -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        hosted()[1].run(main)


class RememberingInbox(queue.SimpleQueue[Any]):
    """Knows whether a wake-up may be left behind when somebody begins a timed wait."""

    def __init__(self) -> None:
        self.is_left_behind = True
        self.waits: list[bool] = []

    def put(self, item: Any, block: bool = True, timeout: float | None = None) -> None:
        super().put(item)
        self.is_left_behind = True

    def get_nowait(self) -> Any:
        if self.empty():
            self.is_left_behind = False
        return super().get_nowait()

    def get(self, block: bool = True, timeout: float | None = None) -> Any:
        if timeout is not None:
            self.waits.append(self.is_left_behind and self.empty())
        return super().get(block, timeout)


def test_a_wake_up_that_was_left_behind_is_taken_before_a_timed_wait() -> None:
    """CPython's queue may wait for ever on one whose timeout is over when it looks again."""
    kernel = Kernel(WallClock())
    kernel.inbox = inbox = RememberingInbox()
    host = TrioHost(kernel)

    async def nap() -> None:
        for _ in range(20):
            await kernel.sleep(2 * MS, Rank.OTHER, 0)

    async def main() -> None:
        await host.call(nap)

    host.run(main)
    assert inbox.waits, "on a busy machine some naps are over at once, but not all"
    assert not any(inbox.waits)


# The bridge.


def test_a_trio_task_calls_into_the_kernel_and_gets_the_result() -> None:
    kernel, host = hosted()

    async def double(number: int) -> int:
        await kernel.sleep(1, Rank.OTHER, 0)
        return 2 * number

    async def main() -> int:
        return await host.call(double, 21)

    assert host.run(main) == 42


def test_an_error_in_a_call_is_raised_in_the_trio_task_and_ends_nothing_else() -> None:
    _, host = hosted()

    async def fails() -> None:
        raise KeyError("theirs")

    async def works() -> str:
        return "still here"

    async def main() -> str:
        with pytest.raises(KeyError, match="theirs"):
            await host.call(fails)
        return await host.call(works)

    assert host.run(main) == "still here"


def test_an_actor_awaits_a_trio_function_while_the_others_run_on() -> None:
    kernel, host = hosted()
    log: list[str] = []

    async def other() -> None:
        for _ in range(3):
            log.append("other ran")
            await kernel.give_way()

    async def main() -> None:
        began, others_ran = trio.Event(), trio.Event()

        async def stored(row: int) -> int:
            log.append("the store began")
            began.set()
            await others_ran.wait()
            return row + 1

        async def actor() -> int:
            result = await host.await_trio(stored, 1)
            log.append(f"the store returned {result}")
            return result

        async def release() -> None:
            kernel.spawn(other(), "other", on_exit=lambda *_: others_ran.set())

        async with trio.open_nursery() as nursery:
            nursery.start_soon(host.call, actor)
            await began.wait()
            await host.call(release)

    host.run(main)
    assert log == ["the store began", *["other ran"] * 3, "the store returned 2"]


def test_an_error_of_a_trio_function_is_raised_in_the_actor_that_awaits_it() -> None:
    _, host = hosted()

    async def store() -> None:
        raise OSError("disk full")

    async def actor() -> str:
        with pytest.raises(OSError, match="disk full"):
            await host.await_trio(store)
        return "handled"

    async def main() -> str:
        return await host.call(actor)

    assert host.run(main) == "handled"


def test_the_bridge_to_trio_is_closed_while_the_host_does_not_run() -> None:
    kernel, host = hosted()

    async def actor() -> None:
        await host.await_trio(forever)

    kernel.spawn(actor(), "order 7")
    with pytest.raises(ActorCrashedError, match=r"order 7 crashed.*the trio host does not run"):
        kernel.run_turn(kernel.now_ns() + MS)
    kernel.close()


def test_a_cancelled_call_runs_on_and_its_result_is_discarded() -> None:
    kernel, host = hosted()
    log: list[str] = []

    async def main() -> None:
        mailbox: Mailbox[str] = Mailbox(kernel, "m", 1)

        async def receive() -> None:
            log.append(await mailbox.receive())

        async def send() -> None:
            mailbox.tell("came after the cancellation")
            await kernel.give_way()

        with trio.CancelScope() as scope:
            scope.cancel()
            await host.call(receive, on_abandoned=lambda: log.append("abandoned"))
        assert scope.cancelled_caught
        await host.call(send)

    host.run(main)
    assert log == ["abandoned", "came after the cancellation"]


# What ends a run.


def test_a_crash_is_raised_in_the_nursery_names_actor_and_message_and_cancels_main() -> None:
    kernel, host = hosted()
    cancelled: list[bool] = []
    mailbox: Mailbox[str] = Mailbox(kernel, "order 7", 1)

    async def actor() -> None:
        async for _ in mailbox:
            raise ZeroDivisionError("division by zero")

    async def main() -> None:
        kernel.spawn(actor(), "order 7")
        mailbox.tell("a message")
        try:
            await trio.sleep_forever()
        except trio.Cancelled:
            cancelled.append(True)
            raise

    with pytest.raises(
        ActorCrashedError, match=r"order 7 crashed while handling 'a message': ZeroDivisionError"
    ) as caught:
        host.run(main)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert cancelled == [True]


def test_a_deadlock_is_reported_where_all_work_comes_from_actors() -> None:
    kernel = Kernel(WallClock())
    host = TrioHost(kernel, reports_deadlock=True)
    mailbox: Mailbox[int] = Mailbox(kernel, "order 7", 1)

    async def sender() -> None:
        await mailbox.send(1)
        await mailbox.send(2)

    async def main() -> None:
        await host.call(sender, name="the sender")

    with pytest.raises(DeadlockError, match="the sender waits for room in the mailbox of order 7"):
        host.run(main)


def test_waiting_for_trio_is_no_deadlock() -> None:
    kernel = Kernel(WallClock())
    host = TrioHost(kernel, reports_deadlock=True)

    async def store() -> str:
        await trio.testing.wait_all_tasks_blocked()
        return "stored"

    async def actor() -> str:
        return await host.await_trio(store)

    async def main() -> str:
        return await host.call(actor)

    assert host.run(main) == "stored"


def test_cancelling_main_closes_every_coroutine() -> None:
    kernel, host = hosted()
    closed: list[str] = []

    async def actor(name: str) -> None:
        try:
            await PARK
        finally:
            closed.append(name)

    async def main() -> None:
        async def call() -> None:
            await actor("called")

        kernel.spawn(actor("order 7"), "order 7")
        kernel.spawn(actor("projector"), "projector", is_background=True)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(host.call, call)
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()

    host.run(main)
    assert sorted(closed) == ["called", "order 7", "projector"]


async def move_on_after() -> None:
    with trio.move_on_after(1):
        await PARK


async def event_wait() -> None:
    await trio.Event().wait()


async def zero_sleep() -> None:
    await trio.lowlevel.checkpoint()


async def checkpoint() -> None:
    await trio.lowlevel.checkpoint()


async def sleep_a_while() -> None:
    await trio.sleep(5)


async def open_nursery() -> None:
    async with trio.open_nursery():
        pass


async def receive_from_trio() -> None:
    await trio.open_memory_channel[int](0)[1].receive()


@pytest.mark.parametrize(
    "accident",
    [
        move_on_after,
        event_wait,
        zero_sleep,
        checkpoint,
        sleep_a_while,
        open_nursery,
        receive_from_trio,
    ],
)
def test_a_trio_call_in_an_actor_ends_the_run_with_the_name_of_the_actor(
    accident: Callable[[], Awaitable[None]],
) -> None:
    kernel, host = hosted()
    cancelled: list[str] = []

    async def actor() -> None:
        await accident()

    async def main() -> None:
        kernel.spawn(actor(), "order 7")
        try:
            await trio.sleep_forever()
        except trio.Cancelled:
            cancelled.append("main")
            raise

    with pytest.raises(CqrsSimError, match="order 7") as caught:
        host.run(main)
    assert getattr(caught.value, "actor", None) == "order 7"
    # By the failure of the actor, that is: the trio call itself touched neither host nor main.
    assert cancelled == ["main"]


@pytest.mark.parametrize("accident", [move_on_after, event_wait, checkpoint])
def test_a_trio_call_in_an_actor_that_a_trio_task_woke_ends_the_run_too(
    accident: Callable[[], Awaitable[None]],
) -> None:
    kernel, host = hosted()
    mailbox: Mailbox[str] = Mailbox(kernel, "order 7", 1)

    async def actor() -> None:
        async for _ in mailbox:
            await accident()

    async def main() -> None:
        kernel.spawn(actor(), "order 7")

        async def send() -> None:
            mailbox.tell("hello")

        await host.call(send)
        await trio.sleep_forever()

    with pytest.raises(CqrsSimError, match=r"order 7.*'hello'|order 7 awaited"):
        host.run(main)


def test_the_host_runs_again_after_an_accident() -> None:
    test_a_trio_call_in_an_actor_ends_the_run_with_the_name_of_the_actor(event_wait)
    test_the_host_returns_what_main_returns()


# The system, hosted.

SLOW_READS = scenario(
    write_side=WriteSide(service=constant(MS)),
    read_models={"orders": ReadModel(service=constant(2 * MS))},
)


def run_system(main: Callable[[HostedSystem], Awaitable[Any]]) -> Any:
    return run_hosted(main, SLOW_READS)


def test_a_trio_task_executes_and_reads_its_own_write() -> None:
    async def main(system: HostedSystem) -> None:
        accepted = await system.execute(create())
        assert (accepted.version, accepted.position) == (1, 1)
        answer = await system.query(GetOrderById(OrderId("order-1")), at_least=accepted.position)
        assert answer.value is not None
        assert answer.position == 1

    run_system(main)


def test_a_rejection_is_raised_in_the_trio_task_that_sent_the_command() -> None:
    async def main(system: HostedSystem) -> None:
        with pytest.raises(OrderNotFoundError):
            await system.execute(update("CONFIRMED"))
        assert await system.execute(create())

    run_system(main)


def test_a_cancelled_execute_runs_on_and_its_outcome_is_unknown() -> None:
    async def main(system: HostedSystem) -> None:
        with trio.CancelScope() as scope:
            scope.cancel()
            await system.execute(create())
        assert scope.cancelled_caught
        answer = await system.query(GetOrderById(OrderId("order-1")), at_least=Position(1))
        assert answer.value is not None
        trace = system.trace()
        assert trace.commands.outcome.tolist() == [Outcome.UNKNOWN]
        assert trace.commands.position.tolist() == [1]
        assert str(trace.commands.acknowledged[0]) == "NaT"

    run_system(main)


def test_a_cancelled_execute_that_is_rejected_stays_unknown() -> None:
    async def main(system: HostedSystem) -> None:
        with trio.CancelScope() as scope:
            scope.cancel()
            await system.execute(update("CONFIRMED"))
        with pytest.raises(OrderNotFoundError):
            await system.execute(update("CONFIRMED"))
        assert system.trace().commands.outcome.tolist() == [Outcome.UNKNOWN, Outcome.REJECTED]

    run_system(main)


def test_a_trio_task_follows_the_events_of_a_read_model() -> None:
    async def main(system: HostedSystem) -> list[str]:
        seen: list[str] = []

        async def follow(task_status: trio.TaskStatus[None]) -> None:
            feed = system.subscribe("orders")
            task_status.started()
            async for event in feed:
                seen.append(f"{type(event).__name__} {event.position}")
                if event.position == 3:
                    return

        async with trio.open_nursery() as nursery:
            await nursery.start(follow)
            await system.execute(create())
            await system.execute(update("CONFIRMED"))
            await system.execute(update("SHIPPED"))
        return seen

    assert run_system(main) == ["OrderCreated 1", "OrderStatusChanged 2", "OrderStatusChanged 3"]


def test_a_cancelled_wait_for_an_event_loses_none() -> None:
    async def main(system: HostedSystem) -> int:
        feed = system.subscribe("orders")
        with trio.CancelScope() as scope:
            scope.cancel()
            await feed.__anext__()
        assert scope.cancelled_caught
        accepted = await system.execute(create())
        await system.query(GetOrderById(OrderId("order-1")), at_least=accepted.position)
        await system.execute(update("CONFIRMED"))
        return int((await feed.__anext__()).position)

    assert run_system(main) == 1


def test_many_trio_tasks_use_the_system_at_once() -> None:
    async def main(system: HostedSystem) -> None:
        async def client(number: int) -> None:
            await system.execute(create(f"order-{number}"))
            await system.execute(update("CONFIRMED", f"order-{number}"))

        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(client, number)
        trace = system.trace()
        assert trace.events.position.tolist() == list(range(1, 41))
        assert set(trace.commands.outcome.tolist()) == {int(Outcome.ACCEPTED)}

    run_system(main)


def test_a_system_without_an_actor_left_to_run_waits_for_its_trio_tasks() -> None:
    async def main(system: HostedSystem) -> str:
        for _ in range(3):
            await trio.testing.wait_all_tasks_blocked()
        return "done"

    assert run_system(main) == "done"


# How it keeps time.


def test_the_lead_comes_to_be_what_99_of_100_waits_need() -> None:
    lead, draws = WakeLead(), np.random.default_rng(1)
    late_ns = draws.gamma(40.0, 2_000.0, 20_000)  # Some 80 µs.
    too_late = []
    for late in late_ns.tolist():
        too_late.append(late > lead.ns)
        lead.learn(round(late))
    # Learning has a noise of its own; 0.5 to 2 % of 15,000 is 13 binomial errors wide.
    assert 0.005 < float(np.mean(too_late[5_000:])) < 0.02
    assert lead.ns == pytest.approx(np.quantile(late_ns, 0.99), rel=0.2)


def test_the_lead_has_bounds_however_late_a_thread_wakes() -> None:
    lead = WakeLead()
    for _ in range(1000):
        lead.learn(10**9)
    assert lead.ns == LEAD_NS_MAX
    for _ in range(10_000):
        lead.learn(0)
    assert lead.ns == LEAD_NS_MIN


def test_a_host_with_a_ticker_ticks_while_nothing_else_happens() -> None:
    clock = WallClock()
    kernel = Kernel(clock)
    host = TrioHost(kernel, ticker=HiccupTicker(clock))

    async def main() -> None:
        async def wait_for_ticks() -> None:
            statistics = host.statistics().hiccups
            while statistics is None or statistics.ticks_count < 3:
                await kernel.pause(MS // 5)
                statistics = host.statistics().hiccups

        await host.call(wait_for_ticks)

    host.run(main)
    statistics = host.statistics()
    assert statistics.hiccups is not None
    assert statistics.hiccups.ticks_count >= 3
    assert 0 < statistics.spun_ns + statistics.waited_ns <= statistics.elapsed_ns


def test_a_host_without_a_ticker_has_no_hiccups() -> None:
    async def main() -> None:
        await trio.lowlevel.checkpoint()

    _, host = hosted()
    host.run(main)
    assert host.statistics().hiccups is None
