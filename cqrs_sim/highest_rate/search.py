"""The search: one root a seed, until their mean is known well enough; then what follows from it.

Each seed is a replication of its own: it has its own draws, and its root depends on nothing else.
So the roots are independent, and Student's t holds for their mean. The first seed's root is where
all others begin, so that nothing depends on who was done first, and the answer is the same, bit for
bit, however many processes share the work.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path
from typing import TypeVar

import attrs

from cqrs_sim.analysis.intervals import Interval, t_interval
from cqrs_sim.engines.experiment import refuse_timeless
from cqrs_sim.engines.interrupts import termination_as_interrupt
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.highest_rate.answer import (
    Capacity,
    Faster,
    LimitingStage,
    Purpose,
    mean_loads,
)
from cqrs_sim.highest_rate.confirmation import confirm
from cqrs_sim.highest_rate.curve import curve_rates
from cqrs_sim.highest_rate.faster import FACTOR, shortened
from cqrs_sim.highest_rate.limits import Limit, checked_limits, refuse_unsearchable
from cqrs_sim.highest_rate.probes import Computed, Probe, engine_for, probe
from cqrs_sim.highest_rate.roots import Kind, Root, find_root
from cqrs_sim.highest_rate.turned_away import remarkable
from cqrs_sim.scenario.scenario import Scenario
from cqrs_sim.simulation import load_scenario
from cqrs_sim.sweeping.crews import Crew, alone, processes

LEAST, MOST = 10, 200
PRECISION = 0.01
CONFIRMED_BY = 10
CURVE_SEEDS = 10
HIGHEST_SEED = 2**64 - 1

T = TypeVar("T")
Told = Callable[[str], None]


@attrs.frozen(kw_only=True)
class Wanted:
    """How well the rate is to be known, and what else."""

    seed: int = 0
    """Of the first replication."""
    precision: float = PRECISION
    """Half width of the interval, as a share of the rate."""
    most: int = MOST
    """Where the search gives up."""
    jobs: int = 1
    """Processes; the result does not depend on it."""
    confirmed_by: int = CONFIRMED_BY
    """Replications on the virtual engine at each end of the interval; 0: none."""
    faster: bool = True
    """Whether to ask what a shorter service time would buy."""
    curve: bool = False
    """Whether to probe what a figure needs."""

    @property
    def fresh_seed(self) -> int:
        """The first that no replication has."""
        return self.seed + self.most


def capacity(
    scenario: Scenario | str | Path,
    slo: str | Sequence[str],
    *,
    seed: int = 0,
    precision: float = PRECISION,
    most: int = MOST,
    jobs: int = 1,
    confirmed_by: int = CONFIRMED_BY,
) -> Capacity:
    """The highest rate at which a scenario keeps its limits.

    Args:
        scenario: a scenario, or what `load_scenario` takes.
        slo: upper limits such as "lag.orders.p99 < 250ms".
        seed: of the first replication; the others have those that follow it.
        precision: half width of the 95 % interval that is enough, as a share of the rate.
        most: replications after which the search gives up.
        jobs: processes that share the work.
        confirmed_by: replications on the virtual engine that confirm it; 0: none.

    Raises:
        InvalidScenarioError: if the scenario has no rate to search along, a limit names no metric,
            or the run is too short for it.
    """
    if not isinstance(scenario, Scenario):
        scenario = load_scenario(scenario)
    limits = checked_limits([slo] if isinstance(slo, str) else slo, scenario)
    wanted = Wanted(seed=seed, precision=precision, most=most, jobs=jobs, confirmed_by=confirmed_by)
    return search(scenario, limits, wanted)


def search(
    scenario: Scenario, limits: Sequence[Limit], wanted: Wanted, told: Told | None = None
) -> Capacity:
    """Find the highest rate; arguments as of `capacity`.

    Ctrl-C ends it: what is finished stays, and the answer says that it is not all.

    Args:
        scenario: what is searched.
        limits: of `checked_limits`.
        wanted: how well.
        told: told what is known so far.

    Raises:
        InvalidScenarioError: as `capacity` does.
        KeyboardInterrupt: if nothing was finished when it was interrupted.
        ChildProcessError: if a process was killed, perhaps for want of memory.
    """
    refuse_unsearchable(scenario)
    refuse_timeless(scenario, "algebra")
    if wanted.fresh_seed + wanted.confirmed_by > HIGHEST_SEED:
        raise InvalidScenarioError([f"seed = {wanted.seed}: too few seeds follow it"])
    course = _Course(scenario, tuple(limits), wanted, told or _tell_nobody)
    try:
        with termination_as_interrupt():
            if wanted.jobs == 1:
                course.run(alone())
            else:
                with processes(wanted.jobs) as crew:
                    course.run(crew)
    except KeyboardInterrupt:
        if not course.roots:
            raise
    except BrokenProcessPool:
        raise ChildProcessError(
            "a process of the search was killed, perhaps for want of memory: try fewer at a time "
            "with --jobs, or a shorter run.duration"
        ) from None
    return course.answer()


def _tell_nobody(_text: str) -> None:
    pass


@attrs.define
class _Course:
    """The search as it goes on."""

    scenario: Scenario
    limits: tuple[Limit, ...]
    wanted: Wanted
    told: Told
    engine: Computed = attrs.field(init=False)
    roots: list[Root] = attrs.field(factory=list)
    is_precise: bool = False
    is_complete: bool = False
    probes: list[tuple[Purpose, Probe]] = attrs.field(factory=list)
    found: Capacity | None = None

    def __attrs_post_init__(self) -> None:
        self.engine = engine_for(self.scenario)

    def run(self, crew: Crew) -> None:
        self._find_roots(crew)
        self.found = self._summed_up()
        if self.found.kind != "none":
            self._faster(crew)
            self._confirm(crew)
            self._curve(crew)
        self.is_complete = True

    def answer(self) -> Capacity:
        found = self.found or self._summed_up()
        return attrs.evolve(found, is_complete=self.is_complete, probes=tuple(self.probes))

    def _find_roots(self, crew: Crew) -> None:
        rate, seed, wanted = self.scenario.load.rate, self.wanted.seed, self.wanted
        assert rate is not None
        self.told("looking for the rate with the first seed")
        self._take(root_of(self.scenario, self.limits, self.engine, seed, rate))
        if self.roots[0].kind == "none":
            return
        start = self.roots[0].rate_per_s
        ask = partial(root_of, self.scenario, self.limits, self.engine)
        tasks = (partial(ask, later, start) for later in range(seed + 1, seed + wanted.most))
        for root in in_order(crew, tasks):
            self._take(root)
            self.told(f"{self._known()} after {len(self.roots)} replications")
            self.is_precise = self._is_enough()
            if self.is_precise or root.kind == "none":
                return

    def _take(self, root: Root) -> None:
        self.roots.append(root)
        self.probes += [("search", found) for found in root.probes]

    def _is_enough(self) -> bool:
        interval = self._interval()
        if len(self.roots) < LEAST or interval.half_width is None or interval.mean is None:
            return False
        return interval.half_width <= self.wanted.precision * interval.mean

    def _interval(self) -> Interval:
        return t_interval([root.rate_per_s for root in self.roots])

    def _known(self) -> str:
        interval = self._interval()
        half = "" if interval.half_width is None else f" ± {interval.half_width:,.3g}"
        return f"{interval.mean:,.5g}/s{half}"

    def _summed_up(self) -> Capacity:
        loads = mean_loads([root.loads for root in self.roots])
        kinds = Counter(root.kind for root in self.roots)
        # One seed with which no rate holds is one too many.
        kind: Kind = "none" if kinds["none"] else kinds.most_common(1)[0][0]
        return Capacity(
            scenario=self.scenario,
            limits=self.limits,
            engine=self.engine,
            seed=self.wanted.seed,
            kind=kind,
            binding=self._binding(),
            rates_per_s=tuple(root.rate_per_s for root in self.roots),
            # What was probed in vain is no rate to take a mean of.
            interval=t_interval([]) if kind == "none" else self._interval(),
            precision=self.wanted.precision,
            is_precise=self.is_precise,
            is_complete=False,
            limiting=None if kind == "none" else self._limiting(kind, loads),
            loads=loads,
            broken=next((root.nearest for root in self.roots if root.kind == "none"), None),
            turned_away=remarkable([root.nearest.turned_away for root in self.roots]),
        )

    def _binding(self) -> str:
        """The limit nearest to its metric at the roots; of most seeds.

        Where a seed has no rate, the one that it breaks.
        """
        votes = Counter[str]()
        for root in [root for root in self.roots if root.kind == "none"] or self.roots:
            last = root.nearest
            shares = [
                value / limit.value if limit.value else value
                for value, limit in zip(last.values, self.limits, strict=True)
            ]
            votes[self.limits[shares.index(max(shares))].expression] += 1
        return votes.most_common(1)[0][0]

    def _limiting(self, kind: Kind, loads: dict[str, float]) -> LimitingStage | None:
        """None where the metric is not the time of a stage that works: then none is to blame."""
        binding = next(one for one in self.limits if one.expression == self._binding())
        stage = _busiest(loads) if kind == "saturation" else binding.stage
        mean = self._interval().mean
        if mean is None or stage is None or not loads[stage]:
            return None
        return LimitingStage(
            stage=stage, utilisation=loads[stage], saturates_at_per_s=mean / loads[stage]
        )

    def _faster(self, crew: Crew) -> None:
        assert self.found is not None
        limiting = self.found.limiting
        stage = _busiest(self.found.loads) if limiting is None else limiting.stage
        if not self.wanted.faster:
            return
        changed = shortened(self.scenario, stage)
        if changed is None:
            return
        scenario, key = changed
        self.told(f"{self._known()}; what a faster {stage} would bring")
        start = self.roots[0].rate_per_s / FACTOR
        ask = partial(root_of, scenario, self.limits, self.engine)
        tasks = (partial(ask, root.seed, start) for root in self.roots)
        rates = []
        for root in in_order(crew, tasks):
            rates.append(root.rate_per_s)
            self.probes += [("faster", found) for found in root.probes]
        pairs = zip(rates, self.roots, strict=True)
        more = t_interval([rate - root.rate_per_s for rate, root in pairs])
        if limiting is None and not _excludes_0(more):
            return
        faster = Faster(stage=stage, key=key, factor=FACTOR, more_per_s=more)
        self.found = attrs.evolve(self.found, faster=faster)

    def _confirm(self, crew: Crew) -> None:
        assert self.found is not None
        if not self.wanted.confirmed_by:
            return
        seeds = range(self.wanted.fresh_seed, self.wanted.fresh_seed + self.wanted.confirmed_by)

        def map_in_order(tasks: Iterable[Callable[[], T]]) -> Iterator[T]:
            for number, result in enumerate(in_order(crew, tasks), start=1):
                self.told(f"{self._known()}; confirmed by {number} of {2 * len(seeds)} runs")
                yield result

        self.told(f"{self._known()}; confirming it on the virtual engine")
        confirmation = confirm(self.found, seeds, map_in_order)
        self.found = attrs.evolve(self.found, confirmation=confirmation)

    def _curve(self, crew: Crew) -> None:
        assert self.found is not None
        if not self.wanted.curve:
            return
        self.told(f"{self._known()}; the curve around it")
        rates = curve_rates(self.found, [found for _, found in self.probes])
        seeds = [root.seed for root in self.roots[:CURVE_SEEDS]]
        ask = partial(probe, self.scenario, self.limits, self.engine)
        tasks = (partial(ask, rate, seed) for seed in seeds for rate in rates)
        for found in in_order(crew, tasks):
            self.probes.append(("curve", found))


def _busiest(loads: Mapping[str, float]) -> str:
    return max(loads, key=lambda stage: loads[stage])


def _excludes_0(interval: Interval) -> bool:
    low, high = interval.low, interval.high
    return low is not None and high is not None and (low > 0.0 or high < 0.0)


def root_of(
    scenario: Scenario,
    limits: tuple[Limit, ...],
    engine: Computed,
    seed: int,
    start_per_s: float,
) -> Root:
    """The root of one seed; what a process of its own does."""
    ask = partial(probe, scenario, limits, engine, seed=seed)
    return find_root(ask, scenario, start_per_s)


def in_order(crew: Crew, tasks: Iterable[Callable[[], T]]) -> Iterator[T]:
    """What the tasks come to, in their order; whoever stops reading has the others cancelled."""
    left, running = iter(tasks), deque[Future[T]]()
    try:
        while True:
            while len(running) < crew.in_flight:
                task = next(left, None)
                if task is None:
                    break
                running.append(crew.executor.submit(task))
            if not running:
                return
            yield running.popleft().result()
    finally:
        for future in running:
            future.cancel()
