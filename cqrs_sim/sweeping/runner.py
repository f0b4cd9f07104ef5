"""The course of a sweep: hand out what is not finished, keep what comes back.

Runs are asked for in the order of the points and kept by point and seed, so nothing depends on who
did what when. Ctrl-C lets those at work end, keeps what they had finished, and is passed on.
"""

from collections import deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from concurrent.futures.process import BrokenProcessPool

import attrs

from cqrs_sim.errors import IncomparableResultsError
from cqrs_sim.sweeping.crews import Crew
from cqrs_sim.sweeping.designs import Point
from cqrs_sim.sweeping.folder import Store
from cqrs_sim.sweeping.points import Done, Work, run_seeds
from cqrs_sim.sweeping.sweep import Sweep, versions

TASKS_A_WORKER = 4
"""At least, where there are so many seeds: so that all of them end at about the same time."""
HURRY_S = 0.2


@attrs.frozen
class SweepProgress:
    """How far a sweep is."""

    finished: int
    """Runs, those of earlier sessions too."""
    earlier: int
    """Runs that were there when this session began."""
    total: int


@attrs.frozen
class _Task:
    point: Point
    work: Work


def run_sweep(
    sweep: Sweep,
    store: Store,
    crew: Crew,
    progress: Callable[[SweepProgress], None] | None = None,
) -> None:
    """Run what the store does not have yet.

    Args:
        sweep: what is to be run.
        store: where finished runs are, and go.
        crew: who runs them.
        progress: told at the start, and whenever something has been kept.

    Raises:
        KeyboardInterrupt: if it is interrupted; the store has what was finished.
        ChildProcessError: if a process was killed; the store has what was finished.
        IncomparableResultsError: if somebody of the crew has other versions than we.
    """
    _Course(sweep, store, crew, progress).run()


class _Course:
    def __init__(
        self,
        sweep: Sweep,
        store: Store,
        crew: Crew,
        progress: Callable[[SweepProgress], None] | None,
    ) -> None:
        self._store = store
        self._crew = crew
        self._progress = progress
        self._tasks = deque(_tasks(sweep, store, crew))
        self._running: dict[Future[Done], _Task] = {}
        left = sum(len(task.work.seeds) for task in self._tasks)
        self._earlier = self._finished = sweep.runs_count - left
        self._total = sweep.runs_count

    def run(self) -> None:
        is_over = False
        try:
            self._tell()
            while self._tasks or self._running:
                while self._tasks and len(self._running) < self._crew.in_flight:
                    task = self._tasks.popleft()
                    self._running[self._crew.executor.submit(run_seeds, task.work)] = task
                wait(self._running, return_when=FIRST_COMPLETED)
                self._take_in()
            is_over = True
        except KeyboardInterrupt:
            self._bring_home()
            raise
        except BrokenProcessPool:
            raise ChildProcessError(
                "a process of the sweep was killed, perhaps for want of memory; what is finished "
                "is kept: try fewer at a time with --jobs"
            ) from None
        except CancelledError:
            raise ChildProcessError(
                "the cluster gave up a part of the sweep; what is finished is kept: "
                "the same command goes on from there"
            ) from None
        finally:
            if not is_over:
                self._keep_finished()

    def _take_in(self) -> None:
        """Keep what has come back, in the order in which it was asked for."""
        for future in [future for future in self._running if future.done()]:
            # It leaves the list only when it is kept: an interruption in between repeats this.
            task, done = self._running[future], future.result()
            if done.versions != versions():
                raise IncomparableResultsError(
                    f"a worker has other versions: {_told(done.versions)}; here: "
                    f"{_told(versions())}"
                )
            self._store.keep(task.point, done.lines)
            del self._running[future]
            self._finished += len(done.lines)
            self._tell()
            if len(done.lines) < len(task.work.seeds):
                raise KeyboardInterrupt

    def _bring_home(self) -> None:
        """After an interruption: wait for those at work, who are told to end."""
        for future in self._running:
            future.cancel()
        while not all(future.done() for future in self._running):
            self._crew.hurry()
            wait(self._running, timeout=HURRY_S)

    def _keep_finished(self) -> None:
        """Keep what has come back and was not taken in, however the sweep ended."""
        for future, task in self._running.items():
            if future.done() and not future.cancelled() and future.exception() is None:
                done = future.result()
                if done.versions == versions():
                    self._store.keep(task.point, done.lines)

    def _tell(self) -> None:
        if self._progress is not None:
            self._progress(SweepProgress(self._finished, self._earlier, self._total))


def _tasks(sweep: Sweep, store: Store, crew: Crew) -> list[_Task]:
    """What is missing, in tasks of one point and several seeds each."""
    size = min(max(sweep.runs_count // (TASKS_A_WORKER * crew.workers), 1), crew.most_seeds)
    tasks = []
    for point, scenario in zip(sweep.points, sweep.scenarios, strict=True):
        kept = store.kept(point)
        missing = [seed for seed in sweep.seeds if seed not in kept]
        for begin in range(0, len(missing), size):
            seeds = tuple(missing[begin : begin + size])
            tasks.append(_Task(point, Work(scenario, sweep.engine, seeds)))
    return tasks


def _told(names: object) -> str:
    assert isinstance(names, dict)
    return ", ".join(f"{name} {version}" for name, version in names.items())
