"""Replications: one scenario run again and again with fresh seeds, in processes of their own.

The seeds are seed, seed + 1, ... and whatever is decided (when a rule is met, what is kept) is
decided in their order, so the result is the same, bit for bit, however many processes share the
work. On the wall clock every replication gets a fresh process and the machine for itself, one after
the other.
"""

import multiprocessing
from collections import deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing

import attrs

from cqrs_sim import simulation
from cqrs_sim.analysis.json_values import Json
from cqrs_sim.analysis.metrics import UnknownMetricError, metric
from cqrs_sim.analysis.replicated import MOST, Until, is_known_well, replicated, why_hopeless
from cqrs_sim.engines.interrupts import (
    ignore_interrupts,
    interrupt_process,
    termination_as_interrupt,
)
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.results import Result
from cqrs_sim.scenario.scenario import Scenario
from cqrs_sim.scenario.wording import shown

HIGHEST_SEED = 2**64 - 1


@attrs.frozen(kw_only=True)
class Wanted:
    """How many replications, and on what."""

    count: int
    """With a rule: the least."""
    engine: simulation.RunnableEngine = "virtual"
    seed: int = 0
    """Of the first."""
    jobs: int = 1
    """Processes at a time; the wall engine takes one, whatever is asked for."""
    until: Until | None = None
    most: int = MOST
    """With a rule: the most."""

    @property
    def limit(self) -> int:
        """The most replications that can come of it."""
        return self.count if self.until is None else max(self.count, self.most)


@attrs.frozen(kw_only=True)
class _Ended:
    """What comes back from one run."""

    summary: dict[str, Json]
    complete: bool
    result: Result | None
    """The whole of it, if it was asked for: a trace is large."""


def replicate(
    scenario: Scenario, wanted: Wanted, progress: Callable[[int, int], None] | None = None
) -> Result:
    """Run the replications of a scenario.

    Ctrl-C ends them: what is finished stays, and the result says that it is not all.

    Args:
        scenario: what to run.
        wanted: how often, and how.
        progress: told how many have ended, and how many there may be.

    Returns:
        The result of the first seed, with the metrics of all of them.

    Raises:
        InvalidScenarioError: if the scenario is impossible, there are too few seeds, or the first
            run shows that the rule names no metric.
        ChildProcessError: if a process was killed, perhaps for want of memory.
    """
    if wanted.seed + wanted.limit - 1 > HIGHEST_SEED:
        raise InvalidScenarioError([f"seed = {wanted.seed}: too few seeds follow it"])
    series = _Series(wanted)
    try:
        with termination_as_interrupt(), closing(_ends(scenario, wanted)) as ends:
            for ended in ends:
                if not series.goes_on_after(ended):
                    break
                if progress is not None:
                    progress(len(series.summaries), wanted.limit)
    except KeyboardInterrupt:
        if not series.summaries:
            raise
    return series.result()


@attrs.define
class _Series:
    """The replications that have ended."""

    wanted: Wanted
    summaries: list[dict[str, Json]] = attrs.field(factory=list)
    is_narrow: bool = False
    hopeless: str = ""
    """Why the rule can never be met."""
    _first: Result | None = None

    def goes_on_after(self, ended: _Ended) -> bool:
        """Take one in; whether the next is wanted."""
        self._first = self._first or ended.result
        if not ended.complete:
            return False
        until = self.wanted.until
        if until is not None:
            self._give_up_early(until, ended.summary)
        self.summaries.append(ended.summary)
        if until is not None and len(self.summaries) >= self.wanted.count:
            self.is_narrow = is_known_well(until, self.summaries)
        return not self.is_narrow and not self.hopeless

    def _give_up_early(self, until: Until, summary: Mapping[str, Json]) -> None:
        """Notice a rule that can never be met, rather than run to the cap for nothing."""
        if not self.summaries:
            try:
                metric(summary, until.name)
            except UnknownMetricError as error:
                mistake = f"--until {shown(until.expression, 80)}: {error}"
                raise InvalidScenarioError([mistake]) from None
        why = why_hopeless(until, summary)
        if why:
            self.hopeless = f"with seed {self.wanted.seed + len(self.summaries)}: {why}"

    def result(self) -> Result:
        """That of the first, with the metrics of all."""
        assert self._first is not None, "the first of them always comes to a result"
        count = len(self.summaries)
        is_decided = self.is_narrow or bool(self.hopeless)
        until = self.wanted.until
        replications = replicated(
            range(self.wanted.seed, self.wanted.seed + count),
            self.summaries,
            is_complete=is_decided or count == self.wanted.limit,
            wanted=self.wanted.limit,
            until=until,
            is_narrow=None if until is None else self.is_narrow,
            hopeless=self.hopeless,
        )
        return attrs.evolve(self._first, replications=replications)


def _ends(scenario: Scenario, wanted: Wanted) -> Generator[_Ended, None, None]:
    """What comes of each seed, in their order; it ends early if it is interrupted."""
    seeds = range(wanted.seed, wanted.seed + wanted.limit)
    if wanted.engine != "wall" and wanted.jobs == 1:
        return (_run(scenario, wanted, seed) for seed in seeds)
    return _ends_of_processes(scenario, wanted, seeds)


def _run(scenario: Scenario, wanted: Wanted, seed: int) -> _Ended:
    """One replication; what a process of its own does."""
    result = simulation.run(scenario, engine=wanted.engine, seed=seed)
    return _Ended(
        summary=result.summary.to_json(),
        complete=result.complete,
        result=result if seed == wanted.seed else None,
    )


def _ends_of_processes(
    scenario: Scenario, wanted: Wanted, seeds: Sequence[int]
) -> Generator[_Ended, None, None]:
    jobs = 1 if wanted.engine == "wall" else min(wanted.jobs, len(seeds))
    others = set(multiprocessing.active_children())
    is_interrupted = False
    left, running = deque(seeds), deque[Future[_Ended]]()
    with ProcessPoolExecutor(
        jobs,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=ignore_interrupts,
        max_tasks_per_child=1 if wanted.engine == "wall" else None,
    ) as pool:
        try:
            while left or running:
                while left and len(_at_work(running)) < jobs:
                    running.append(pool.submit(_run, scenario, wanted, left.popleft()))
                try:
                    wait(_at_work(running), return_when=FIRST_COMPLETED)
                except KeyboardInterrupt:
                    is_interrupted = True
                    left.clear()
                    _interrupt(others)
                while running and running[0].done():
                    yield running.popleft().result()
        except BrokenProcessPool:
            if is_interrupted:  # It had not come so far as to take no notice.
                raise KeyboardInterrupt from None
            raise ChildProcessError(
                "a process of the replications was killed, perhaps for want of memory; "
                "try fewer at a time with --jobs"
            ) from None
        finally:
            if _at_work(running):
                _interrupt(others)


def _at_work(running: Iterable[Future[_Ended]]) -> list[Future[_Ended]]:
    return [future for future in running if not future.done()]


def _interrupt(others: set[multiprocessing.process.BaseProcess]) -> None:
    """Let our processes end their runs as Ctrl-C does; an idle one takes no notice."""
    for child in set(multiprocessing.active_children()) - others:
        if child.pid is not None:
            interrupt_process(child.pid)
