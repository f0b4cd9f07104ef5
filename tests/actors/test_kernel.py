from collections.abc import Callable, Generator
from typing import Any

import pytest
from fakes import ScriptedClock, run_actors

from cqrs_sim.actors.clock import VirtualClock
from cqrs_sim.actors.kernel import SLICE, Kernel, Rank
from cqrs_sim.actors.mailbox import Mailbox
from cqrs_sim.actors.park import PARK
from cqrs_sim.actors.reply import Latch, Reply
from cqrs_sim.errors import ActorCrashedError, DeadlockError, ForeignAwaitError


class Foreign:
    """An awaitable of some other library."""

    def __await__(self) -> Any:
        yield "something foreign"

    def __repr__(self) -> str:
        return "Foreign()"


def test_timers_fire_by_instant_then_rank_then_index(kernel: Kernel) -> None:
    fired: list[tuple[int, int, int]] = []

    async def sleeper(instant: int, rank: int, index: int) -> None:
        await kernel.sleep_until(instant, rank, index)
        fired.append((kernel.now_ns(), rank, index))

    timers = [
        (20, Rank.LOAD, 0),
        (10, Rank.QUERY, 0),
        (10, Rank.WRITE, 7),
        (10, Rank.READ, 1),
        (10, Rank.OTHER, 1),
        (10, Rank.WRITE, 3),
        (10, Rank.LOAD, 9),
        (5, Rank.OTHER, 9),
    ]
    run_actors(kernel, *[sleeper(*timer) for timer in timers])
    assert fired == [
        (5, Rank.OTHER, 9),
        (10, Rank.LOAD, 9),
        (10, Rank.WRITE, 3),
        (10, Rank.WRITE, 7),
        (10, Rank.READ, 1),
        (10, Rank.QUERY, 0),
        (10, Rank.OTHER, 1),
        (20, Rank.LOAD, 0),
    ]


def test_a_timer_in_the_past_fires_now_and_time_never_goes_back(kernel: Kernel) -> None:
    async def actor() -> None:
        await kernel.sleep(10, Rank.OTHER, 0)
        await kernel.sleep_until(3, Rank.OTHER, 0)
        assert kernel.now_ns() == 10

    run_actors(kernel, actor())
    assert kernel.now_ns() == 10


def test_actors_run_in_the_order_in_which_they_became_ready(kernel: Kernel) -> None:
    ran: list[str] = []

    async def actor(name: str) -> None:
        for _ in range(2):
            ran.append(name)
            await kernel.give_way()

    run_actors(kernel, actor("a"), actor("b"), actor("c"))
    assert ran == ["a", "b", "c"] * 2


def test_background_actors_run_after_all_others_that_are_ready(kernel: Kernel) -> None:
    ran: list[str] = []

    async def background() -> None:
        ran.append("background")

    async def foreground() -> None:
        for number in range(3):
            ran.append(f"foreground {number}")
            await kernel.give_way()

    kernel.spawn(background(), "projector", is_background=True)
    kernel.spawn(foreground(), "order")
    kernel.run_virtual()
    assert ran == ["foreground 0", "foreground 1", "foreground 2", "background"]


def test_all_commits_of_one_instant_come_before_an_idle_projector_wakes(kernel: Kernel) -> None:
    ran: list[str] = []
    channel: Mailbox[int] = Mailbox(kernel, "channel", 10)

    async def projector() -> None:
        while True:
            ran.append(f"took {await channel.receive()}")

    async def writer(index: int) -> None:
        await kernel.sleep(10, Rank.WRITE, index)
        ran.append(f"commit {index}")
        channel.send_nowait(index)

    async def reader() -> None:
        await kernel.sleep(10, Rank.QUERY, 0)
        ran.append("query")

    kernel.spawn(projector(), "projector", is_background=True)
    run_actors(kernel, reader(), writer(2), writer(0), writer(1))
    commits, taken = ["commit 0", "commit 1", "commit 2"], ["took 0", "took 1", "took 2"]
    assert ran == [*commits, *taken, "query"]


def test_a_deadlock_names_every_blocked_actor_and_what_it_waits_for(kernel: Kernel) -> None:
    async def asker() -> None:
        await Reply[int](kernel, "order 7").wait()

    async def waiter() -> None:
        await Latch(kernel, "the load to end").wait()

    async def idler() -> None:
        await Mailbox[int](kernel, "idler", 1).receive()

    with pytest.raises(DeadlockError) as caught:
        run_actors(kernel, asker(), waiter(), idler())
    assert caught.value.blocked == (
        "a waits for a reply from order 7",
        "b waits for the load to end",
    )


def test_actors_that_only_idle_are_no_deadlock(kernel: Kernel) -> None:
    async def idler() -> None:
        await Mailbox[int](kernel, "idler", 1).receive()

    run_actors(kernel, idler())


def test_housekeeping_does_not_keep_a_run_alive(kernel: Kernel) -> None:
    async def keeper() -> None:
        while True:
            await kernel.sleep(1000, Rank.HOUSEKEEPING, 0)

    async def worker() -> None:
        await kernel.sleep(2500, Rank.OTHER, 0)

    run_actors(kernel, keeper(), worker())
    assert kernel.now_ns() == 2500


def test_a_crash_ends_the_run_and_names_the_actor_and_its_message(kernel: Kernel) -> None:
    mailbox: Mailbox[str] = Mailbox(kernel, "order 7", 3)
    for message in ("first", "second"):
        mailbox.send_nowait(message)

    async def body() -> None:
        async for message in mailbox:
            assert message == "first", "cannot handle this"

    kernel.spawn(body(), "order 7")
    with pytest.raises(ActorCrashedError, match=r"order 7 crashed while handling 'second'") as got:
        kernel.run_virtual()
    assert isinstance(got.value.__cause__, AssertionError)
    assert (got.value.actor, got.value.message) == ("order 7", "second")


def test_a_crash_without_a_message_names_the_actor_alone(kernel: Kernel) -> None:
    async def body() -> None:
        raise KeyError("k")

    with pytest.raises(ActorCrashedError, match=r"^a crashed: KeyError: 'k'$"):
        run_actors(kernel, body())


def test_a_foreign_await_ends_the_run_and_names_the_actor(kernel: Kernel) -> None:
    async def body() -> None:
        await Foreign()

    with pytest.raises(ForeignAwaitError, match=r"a awaited 'something foreign'") as caught:
        run_actors(kernel, body())
    assert caught.value.actor == "a"


def test_on_exit_hears_the_result_and_on_error_the_error(kernel: Kernel) -> None:
    heard: list[object] = []

    async def body(fails: bool) -> int:
        if fails:
            raise ValueError("no")
        return 42

    kernel.spawn(body(fails=False), "a", on_exit=heard.append, on_error=heard.append)
    kernel.spawn(body(fails=True), "b", on_exit=heard.append, on_error=heard.append)
    kernel.run_virtual()
    assert heard[0] == 42
    assert isinstance(heard[1], ValueError)


@pytest.mark.parametrize("end", ["discard", "close"])
def test_ending_an_actor_runs_its_finally_blocks_and_nothing_else(kernel: Kernel, end: str) -> None:
    ran: list[str] = []

    async def body() -> None:
        try:
            await PARK
            ran.append("went on")
        finally:
            ran.append("finally")

    actor = kernel.spawn(body(), "a")
    kernel.run_virtual()
    if end == "discard":
        kernel.discard(actor)
    else:
        kernel.close()
    assert ran == ["finally"]
    assert actor.is_done
    actor.lane.append(actor)  # Somebody may still hold it, and wake it.
    kernel.run_virtual()
    assert ran == ["finally"]


def test_a_generator_is_an_actor_that_yields_what_others_await(kernel: Kernel) -> None:
    ran: list[int] = []

    def body() -> Generator[object, None, str]:
        try:
            for _ in range(3):
                yield kernel.sleep(10, Rank.OTHER, 0)
                ran.append(int(kernel.now_ns()))
        finally:
            ran.append(-1)
        return "done"

    heard: list[object] = []
    kernel.spawn(body(), "a", on_exit=heard.append)
    discarded = kernel.spawn(body(), "b")
    kernel.discard(discarded)
    kernel.run_virtual()
    assert ran == [10, 20, 30, -1]
    assert heard == ["done"]


def test_a_generator_cannot_discard_itself(kernel: Kernel) -> None:
    ran: list[str] = []

    def body() -> Generator[object, None, None]:
        kernel.discard(actor)
        yield kernel.sleep(1, Rank.OTHER, 0)
        ran.append("went on")

    actor = kernel.spawn(body(), "a")
    kernel.run_virtual()
    assert ran == ["went on"]


def test_an_interrupt_and_a_stop_at_one_instant_are_both_heard(kernel: Kernel) -> None:
    ran: list[str] = []
    kernel.on_interrupt = lambda: ran.append("interrupt")

    async def body() -> None:
        kernel.interrupt()
        kernel.interrupt()
        await kernel.pause(1)
        ran.append("one")
        kernel.stop()
        kernel.interrupt()
        await kernel.pause(1)
        ran.append("never")

    kernel.spawn(body(), "a")
    kernel.run_virtual()
    kernel.close()
    assert ran == ["interrupt", "one", "interrupt"]


def test_what_a_timer_raises_ends_the_run_as_it_is(kernel: Kernel) -> None:
    def ring() -> None:
        raise KeyError("k")

    kernel.alarm(10, ring)
    with pytest.raises(KeyError):
        kernel.run_virtual()


def test_closing_ends_actors_that_never_ran_without_a_warning(kernel: Kernel) -> None:
    async def body() -> None:
        raise AssertionError("never runs")

    kernel.spawn(body(), "a")
    kernel.spawn(body(), "b", is_background=True)
    kernel.close()
    kernel.run_virtual()


def test_a_discarded_sleeper_does_not_wake(kernel: Kernel) -> None:
    async def sleeper() -> None:
        await kernel.sleep(10, Rank.OTHER, 0)
        raise AssertionError("woke")

    async def main() -> None:
        await kernel.sleep(5, Rank.OTHER, 1)
        kernel.discard(asleep)

    asleep = kernel.spawn(sleeper(), "asleep")
    run_actors(kernel, main())


def test_an_alarm_rings_once_unless_it_was_cancelled(kernel: Kernel) -> None:
    rang: list[tuple[int, str]] = []

    def ring(name: str) -> Callable[[], None]:
        return lambda: rang.append((int(kernel.now_ns()), name))

    kernel.alarm(20, ring("late"))
    cancelled = kernel.alarm(10, ring("cancelled"))
    kernel.alarm(10, ring("early"))
    cancelled.is_cancelled = True
    kernel.run_virtual()
    assert rang == [(10, "early"), (20, "late")]


def test_alarms_of_one_instant_ring_in_the_order_in_which_they_were_set(kernel: Kernel) -> None:
    rang: list[int] = []
    for number in range(5):
        kernel.alarm(10, lambda number=number: rang.append(number))  # type: ignore[misc]
    kernel.run_virtual()
    assert rang == [0, 1, 2, 3, 4]


def test_stop_leaves_the_loop_after_the_present_step(kernel: Kernel) -> None:
    ran: list[str] = []

    async def first() -> None:
        kernel.stop()
        ran.append("first")
        await kernel.give_way()
        ran.append("never")

    async def main() -> None:
        await kernel.sleep(1, Rank.OTHER, 0)
        ran.append("too late")

    run_actors(kernel, first(), main())
    assert ran == ["first"]
    kernel.run_virtual()
    assert ran == ["first"], "a kernel that was stopped stays so"


def test_a_background_actor_takes_messages_though_others_are_always_ready() -> None:
    clock = ScriptedClock()
    kernel = Kernel(clock, quantum=4)
    mailboxes = [Mailbox[int](kernel, "busy", 100), Mailbox[int](kernel, "background", 100)]
    got: list[int] = []

    async def busy() -> None:
        while True:
            mailboxes[0].send_nowait(await mailboxes[0].receive())
            clock.move_by(1)

    async def background() -> None:
        while True:
            got.append(await mailboxes[1].receive())

    for mailbox in mailboxes:
        for number in range(3):
            mailbox.send_nowait(number)
    kernel.spawn(busy(), "busy")
    kernel.spawn(background(), "background", is_background=True)
    kernel.run_turn(100)
    kernel.close()
    assert got == [0, 1, 2]


def test_an_interrupt_is_heard_once_between_two_steps(kernel: Kernel) -> None:
    heard: list[int] = []
    kernel.on_interrupt = lambda: heard.append(int(kernel.now_ns()))

    async def actor() -> None:
        for _ in range(4):
            await kernel.sleep(10, Rank.OTHER, 0)
            if kernel.now_ns() == 20:
                kernel.interrupt()

    run_actors(kernel, actor())
    assert heard == [20]


def test_an_interrupt_is_heard_though_no_time_passes(kernel: Kernel) -> None:
    kernel.on_interrupt = kernel.stop
    steps = 0

    async def busy() -> None:
        nonlocal steps
        while steps < 1000:
            steps += 1
            if steps == 10:
                kernel.interrupt()
            await kernel.give_way()

    run_actors(kernel, busy())
    assert steps == 10


# The wall kernel, on a clock that a test moves.


def filled(kernel: Kernel, count: int) -> Mailbox[int]:
    mailbox: Mailbox[int] = Mailbox(kernel, "work", count)
    for number in range(count):
        mailbox.send_nowait(number)
    return mailbox


@pytest.mark.parametrize("quantum", [1, 5, SLICE, SLICE + 4, 3 * SLICE])
def test_background_actors_get_their_turn_after_a_quantum_of_messages(quantum: int) -> None:
    kernel = Kernel(ScriptedClock(), quantum=quantum)
    seen: list[int] = []
    handled = 0
    mailbox = filled(kernel, 4 * quantum)

    async def worker() -> None:
        nonlocal handled
        while True:
            await mailbox.receive()
            handled += 1

    async def background() -> None:
        while handled < 4 * quantum:
            await kernel.give_way()
            seen.append(handled)

    kernel.spawn(worker(), "order")
    kernel.spawn(background(), "projector", is_background=True)
    kernel.run_turn(1)
    kernel.close()
    assert seen == [2 * quantum, 3 * quantum, 4 * quantum]


def test_the_quantum_counts_the_messages_of_all_actors_together() -> None:
    kernel = Kernel(ScriptedClock(), quantum=6)
    seen: list[int] = []
    handled: list[str] = []
    mailboxes = {name: filled(kernel, 3) for name in "abcd"}

    async def worker(name: str) -> None:
        while True:
            await mailboxes[name].receive()
            handled.append(name)

    async def background() -> None:
        while len(handled) < 12:
            seen.append(len(handled))
            await kernel.give_way()

    for name in mailboxes:
        kernel.spawn(worker(name), name)
    kernel.spawn(background(), "projector", is_background=True)
    kernel.run_turn(1)
    kernel.close()
    assert seen == [6]
    assert sorted(handled) == sorted("abcd" * 3)


def test_background_actors_do_not_wait_for_a_quantum_that_nobody_uses() -> None:
    kernel = Kernel(ScriptedClock(), quantum=1000)
    ran: list[str] = []

    async def background() -> None:
        ran.append("background")

    kernel.spawn(background(), "projector", is_background=True)
    kernel.run_turn(1)
    assert ran == ["background"]


def test_due_timers_fire_before_ready_actors_and_the_load_before_all() -> None:
    clock = ScriptedClock()
    kernel = Kernel(clock)
    ran: list[str] = []

    async def sleeper(name: str, rank: int) -> None:
        await kernel.sleep_until(100, rank, 0)
        ran.append(name)

    async def ready() -> None:
        ran.append("ready")

    kernel.spawn(sleeper("write", Rank.WRITE), "write")
    kernel.spawn(sleeper("load", Rank.LOAD), "load")
    kernel.run_turn(50)
    kernel.spawn(ready(), "ready")
    clock.move_to(200)
    kernel.run_turn(250)
    assert ran == ["load", "write", "ready"]


def test_an_overloaded_kernel_looks_at_its_timers_after_every_slice() -> None:
    clock = ScriptedClock()
    kernel = Kernel(clock, quantum=10_000)
    handled = 0
    late: list[int] = []
    mailbox = filled(kernel, 20 * SLICE)

    async def worker() -> None:
        nonlocal handled
        async for _ in mailbox:
            handled += 1
            clock.move_by(10)

    async def generator() -> None:
        for number in range(1, 10):
            await kernel.sleep_until(number * 100, Rank.LOAD, 0)
            late.append(int(kernel.now_ns()) - number * 100)

    kernel.spawn(generator(), "load")
    kernel.spawn(worker(), "order")
    kernel.run_turn(20 * SLICE * 10)
    kernel.close()
    assert len(late) == 9
    assert max(late) <= SLICE * 10


def test_a_turn_ends_when_its_time_is_over_though_actors_are_ready() -> None:
    clock = ScriptedClock()
    kernel = Kernel(clock, quantum=4)
    mailbox = filled(kernel, 1000)
    handled = 0

    async def worker() -> None:
        nonlocal handled
        async for _ in mailbox:
            handled += 1
            clock.move_by(10)

    kernel.spawn(worker(), "order")
    kernel.run_turn(100)
    assert 10 <= handled <= 10 + SLICE
    assert kernel.has_ready
    kernel.close()


def test_a_virtual_kernel_spends_no_quantum() -> None:
    kernel = Kernel(VirtualClock(), quantum=1)
    seen: list[int] = []
    handled = 0
    mailbox = filled(kernel, 50)

    async def worker() -> None:
        nonlocal handled
        while handled < 50:
            await mailbox.receive()
            handled += 1

    async def background() -> None:
        seen.append(handled)

    kernel.spawn(background(), "projector", is_background=True)
    run_actors(kernel, worker())
    assert seen == [50]
