from itertools import pairwise

import pytest
from fakes import run_actors
from hypothesis import given
from hypothesis import strategies as st

from cqrs_sim.actors.clock import VirtualClock
from cqrs_sim.actors.kernel import Kernel, Rank
from cqrs_sim.actors.mailbox import Mailbox
from cqrs_sim.actors.pauses import PausedMailbox, Pauses
from cqrs_sim.actors.processors import Processors


@pytest.mark.parametrize(
    ("instant", "begins"), [(9, 9), (10, 15), (14, 15), (15, 15), (16, 16), (20, 25), (25, 25)]
)
def test_what_would_begin_in_a_pause_begins_at_its_end(instant: int, begins: int) -> None:
    assert Pauses(Kernel(VirtualClock()), [(10, 15), (20, 25)]).resumes(instant) == begins


def test_pauses_that_touch_are_one() -> None:
    assert Pauses(Kernel(VirtualClock()), [(10, 15), (15, 25)]).resumes(12) == 25


@given(st.lists(st.integers(0, 99), max_size=8, unique=True).map(sorted), st.integers(0, 120))
def test_it_resumes_at_the_first_instant_outside_all_pauses(edges: list[int], at: int) -> None:
    spans = list(zip(edges[::2], edges[1::2], strict=False))
    outside = next(t for t in range(at, 300) if not any(b <= t < e for b, e in spans))
    assert Pauses(Kernel(VirtualClock()), spans).resumes(at) == outside
    assert all(a < b for a, b in pairwise(edges))


def test_nothing_is_taken_from_a_mailbox_in_a_pause() -> None:
    kernel, taken = Kernel(VirtualClock()), list[tuple[int, str]]()
    mailbox: Mailbox[str] = Mailbox(kernel, "a", 10)
    pauses: PausedMailbox[str] = PausedMailbox(mailbox, Pauses(kernel, [(10, 20)]), Rank.WRITE)

    async def send() -> None:
        for instant, letter in ((9, "a"), (10, "b"), (19, "c"), (20, "d"), (21, "e")):
            await kernel.sleep_until(instant, Rank.LOAD, 0)
            mailbox.tell(letter)

    async def receive() -> None:
        while len(taken) < 5:
            letter = pauses.take()
            if letter is None:
                await pauses.wait()
            else:
                taken.append((int(kernel.now_ns()), letter))

    run_actors(kernel, send(), receive())
    assert taken == [(9, "a"), (20, "b"), (20, "c"), (20, "d"), (21, "e")]


def test_work_in_service_is_finished_and_the_next_begins_when_the_pause_is_over() -> None:
    kernel, done = Kernel(VirtualClock()), list[int]()
    work = Pauses(kernel, [(10, 20)]).holding(kernel.sleep)

    async def body() -> None:
        for _ in range(3):
            await work(7, Rank.READ, 0)
            done.append(int(kernel.now_ns()))

    run_actors(kernel, body())
    assert done == [7, 14, 27]


def test_held_work_queues_for_a_processor_when_the_pause_is_over() -> None:
    kernel, done = Kernel(VirtualClock()), list[tuple[str, int]]()
    pool = Processors(kernel, 1)
    held = Pauses(kernel, [(0, 20)]).holding(pool.work)

    async def paused() -> None:
        await held(5, Rank.READ, 0)
        done.append(("held", int(kernel.now_ns())))

    async def other() -> None:
        for _ in range(3):
            await pool.work(9, Rank.READ, 1)
            done.append(("other", int(kernel.now_ns())))

    run_actors(kernel, paused(), other())
    # The processor is not kept while the work waits for the end of its pause.
    assert done == [("other", 9), ("other", 18), ("other", 27), ("held", 32)]


def test_an_actor_discarded_in_a_pause_does_not_come_back() -> None:
    kernel, done = Kernel(VirtualClock()), list[int]()
    work = Pauses(kernel, [(0, 20)]).holding(kernel.sleep)

    async def body() -> None:
        await work(5, Rank.READ, 0)
        done.append(1)

    async def killer() -> None:
        victim = kernel.spawn(body(), "victim")
        await kernel.sleep(10, Rank.OTHER, 0)
        kernel.discard(victim)

    run_actors(kernel, killer())
    assert not done
