import pytest
from fakes import run_actors

from cqrs_sim.actors.kernel import Kernel, Rank
from cqrs_sim.actors.processors import Processors
from cqrs_sim.errors import ActorCrashedError


def spans(kernel: Kernel, processors: Processors, jobs: list[int]) -> list[tuple[int, int, int]]:
    """(job, start of waiting, end) of jobs that all come at instant 0, in their order of ending."""
    done: list[tuple[int, int, int]] = []

    async def job(index: int, duration: int) -> None:
        began = int(kernel.now_ns())
        await processors.work(duration, Rank.WRITE, index)
        done.append((index, began, int(kernel.now_ns())))

    run_actors(kernel, *[job(index, duration) for index, duration in enumerate(jobs)])
    return done


def test_one_processor_does_one_job_after_another_first_come_first_served(kernel: Kernel) -> None:
    done = spans(kernel, Processors(kernel, 1), [10, 5, 1])
    assert done == [(0, 0, 10), (1, 0, 15), (2, 0, 16)]


def test_two_processors_do_two_jobs_at_once(kernel: Kernel) -> None:
    done = spans(kernel, Processors(kernel, 2), [10, 4, 3, 9])
    assert done == [(1, 0, 4), (2, 0, 7), (0, 0, 10), (3, 0, 16)]


def test_enough_processors_make_nobody_wait(kernel: Kernel) -> None:
    done = spans(kernel, Processors(kernel, 3), [3, 2, 1])
    assert done == [(2, 0, 1), (1, 0, 2), (0, 0, 3)]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_processor_that_came_free_is_used_again(kernel: Kernel, count: int) -> None:
    processors = Processors(kernel, count)
    ends: list[int] = []

    async def worker(index: int) -> None:
        for _ in range(5):
            await processors.work(10, Rank.WRITE, index)
        ends.append(int(kernel.now_ns()))

    run_actors(kernel, *[worker(index) for index in range(6)])
    assert max(ends) == 6 * 5 * 10 // count


def test_no_processor_is_lost_with_an_actor_that_is_discarded(kernel: Kernel) -> None:
    processors = Processors(kernel, 1)
    done: list[int] = []

    async def job(index: int) -> None:
        await processors.work(10, Rank.WRITE, index)
        done.append(index)

    async def main() -> None:
        await kernel.sleep(5, Rank.OTHER, 9)
        kernel.discard(working)
        kernel.discard(waiting)

    working = kernel.spawn(job(0), "working")
    waiting = kernel.spawn(job(1), "waiting")
    kernel.spawn(job(2), "next")
    run_actors(kernel, main())
    assert done == [2]


def test_a_crash_after_work_names_the_actor_that_worked(kernel: Kernel) -> None:
    processors = Processors(kernel, 1)

    async def job() -> None:
        await processors.work(10, Rank.WRITE, 0)
        raise KeyError("k")

    kernel.spawn(job(), "worker")
    with pytest.raises(ActorCrashedError, match=r"^worker crashed: KeyError: 'k'$"):
        kernel.run_virtual()
