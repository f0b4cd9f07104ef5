import pytest
from fakes import run_actors

from cqrs_sim.actors.kernel import Kernel, Rank
from cqrs_sim.actors.reply import Latch, Reply
from cqrs_sim.errors import DeadlockError


def test_a_reply_wakes_the_actor_that_waits_for_it(kernel: Kernel) -> None:
    reply: Reply[str] = Reply(kernel, "order 7")
    got: list[tuple[int, str]] = []

    async def asker() -> None:
        value = await reply.wait()
        got.append((int(kernel.now_ns()), value))

    async def answerer() -> None:
        await kernel.sleep(10, Rank.OTHER, 0)
        reply.set("yes")

    run_actors(kernel, asker(), answerer())
    assert got == [(10, "yes")]


def test_a_reply_that_came_first_is_not_waited_for(kernel: Kernel) -> None:
    reply: Reply[int] = Reply(kernel, "order 7")
    reply.set(0)
    got: list[int] = []

    async def asker() -> None:
        got.append(await reply.wait())

    run_actors(kernel, asker())
    assert got == [0]


@pytest.mark.parametrize("comes_first", [True, False])
def test_a_failed_reply_raises_where_it_is_awaited(kernel: Kernel, comes_first: bool) -> None:
    reply: Reply[int] = Reply(kernel, "order 7")
    if comes_first:
        reply.fail(KeyError("gone"))

    async def asker() -> None:
        with pytest.raises(KeyError, match="gone"):
            await reply.wait()

    async def answerer() -> None:
        if not comes_first:
            reply.fail(KeyError("gone"))

    run_actors(kernel, asker(), answerer())


def test_a_reply_to_a_discarded_actor_is_discarded_too(kernel: Kernel) -> None:
    reply: Reply[int] = Reply(kernel, "order 7")

    async def asker() -> None:
        await reply.wait()
        raise AssertionError("woke")

    async def main() -> None:
        kernel.discard(waiting)
        reply.set(1)

    waiting = kernel.spawn(asker(), "asker")
    run_actors(kernel, main())


def test_a_wait_that_ended_is_no_longer_reported_as_blocked(kernel: Kernel) -> None:
    reply: Reply[int] = Reply(kernel, "order 7")
    never: Reply[int] = Reply(kernel, "nobody")

    async def asker() -> None:
        await reply.wait()
        await never.wait()

    async def answerer() -> None:
        reply.set(1)

    with pytest.raises(DeadlockError, match=r"^deadlock: a waits for a reply from nobody$"):
        run_actors(kernel, asker(), answerer())


def test_a_latch_lets_all_pass_once_it_is_open(kernel: Kernel) -> None:
    latch = Latch(kernel, "the gate to open")
    passed: list[tuple[int, str]] = []

    async def waiter(name: str) -> None:
        await latch.wait()
        passed.append((int(kernel.now_ns()), name))

    async def opener() -> None:
        await kernel.sleep(10, Rank.OTHER, 0)
        latch.open()
        latch.open()
        await waiter("late")

    run_actors(kernel, waiter("first"), waiter("second"), opener())
    assert passed == [(10, "late"), (10, "first"), (10, "second")]
