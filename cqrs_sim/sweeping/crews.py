"""Crews: who does the work of a sweep. Each is an executor, and how to use it well.

A sweep needs `submit` and futures and nothing else, so whatever has these can run it: this process,
processes of this machine, or a cluster (`sweeping.cluster`).
"""

import multiprocessing
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from typing import ParamSpec, Protocol, TypeVar

import attrs

from cqrs_sim.engines.interrupts import ignore_interrupts, interrupt_process

P = ParamSpec("P")
T = TypeVar("T")


class Executor(Protocol):
    """What a sweep asks of `concurrent.futures.Executor`."""

    def submit(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Begin some work."""


def _nothing() -> None:
    pass


@attrs.frozen(kw_only=True)
class Crew:
    """An executor, and how to use it."""

    executor: Executor
    workers: int
    """How many tasks it does at a time."""
    in_flight: int
    """How many tasks it should hold, so that nobody waits for the next."""
    hurry: Callable[[], None] = _nothing
    """Asks those at work to end their runs, as Ctrl-C would."""
    most_seeds: int = 100
    """In one task."""


class _Here:
    """An executor that works when it is asked to, in this process."""

    def submit(self, work: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """See `Executor`; what the work raises is raised here and now."""
        future: Future[T] = Future()
        future.set_result(work(*args, **kwargs))
        return future


def alone() -> Crew:
    """This process; an interruption loses no run but the present one."""
    return Crew(executor=_Here(), workers=1, in_flight=1, most_seeds=1)


@contextmanager
def processes(count: int, *, fresh: bool = False) -> Iterator[Crew]:
    """Processes of this machine.

    Args:
        count: how many at a time.
        fresh: whether each run gets a process of its own, as measurements in real time should.
    """
    others = set(multiprocessing.active_children())
    pool = ProcessPoolExecutor(
        count,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=ignore_interrupts,
        max_tasks_per_child=1 if fresh else None,
    )

    def ours() -> list[int]:
        children = set(multiprocessing.active_children()) - others
        return [child.pid for child in children if child.pid is not None]

    def hurry() -> None:
        for pid in ours():
            interrupt_process(pid)

    is_done = False
    try:
        yield Crew(
            executor=pool,
            workers=count,
            in_flight=count if fresh else 2 * count,
            hurry=hurry,
            most_seeds=1 if fresh else 100,
        )
        is_done = True
    finally:
        pool.shutdown(wait=is_done, cancel_futures=True)
        if not is_done:
            # Who leaves early does not wait for runs that nobody will keep.
            for child in set(multiprocessing.active_children()) - others:
                child.kill()
