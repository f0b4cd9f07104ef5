"""Architectures side by side: each of them under the same load, draws and costs, one by one.

Each is run twice. Once under the open load of the scenario, which none of them can slow down: what
it makes of that load is compared. And once flat out, to see how much load it could take
(`analysis.makespan` says how that is counted); that is measured the same way on every substrate.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

import attrs

from cqrs_sim.analysis.architectures import (
    ArchitectureFigures,
    Cost,
    KindFigures,
    LagFigures,
    Measured,
    Parts,
    SideBySide,
)
from cqrs_sim.analysis.json_values import Json
from cqrs_sim.analysis.makespan import Makespan, makespan_of
from cqrs_sim.analysis.saturation import WRITE_SIDE
from cqrs_sim.analysis.summary import Summary
from cqrs_sim.architectures.catalogue import ARCHITECTURES, BASE
from cqrs_sim.architectures.costs import CostRow, Costs, cost_rows
from cqrs_sim.architectures.moving_parts import moving_parts
from cqrs_sim.engines import virtual, wall
from cqrs_sim.engines.experiment import Progress
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.results import Result, clock_kind
from cqrs_sim.scenario.scenario import Scenario
from cqrs_sim.scenario.units import Duration, format_duration
from cqrs_sim.side_by_side.substrates import (
    CLIENTS,
    FLAT_OUT,
    OPERATIONS,
    EngineOfSubstrate,
    checked_substrate,
    flat_out,
    flat_out_load,
    on_substrate,
    rate_on,
)
from cqrs_sim.side_by_side.words import answered, gives_up
from cqrs_sim.simulation import run

DEFAULT_COSTS = Costs()
Told: TypeAlias = Callable[[Progress, str], None]


@attrs.frozen(kw_only=True)
class ArchitectureRun:
    """One architecture on one substrate."""

    architecture: str
    substrate: str
    result: Result
    """Under the load that all of them get."""
    makespan: Makespan | None
    """Flat out; None if it was interrupted before."""
    stored_bytes: int | None
    """What it left on disk; None where everything was in memory: nothing is estimated."""


@attrs.frozen(kw_only=True)
class ArchitectureComparison:
    """All runs, and what they came to."""

    runs: tuple[ArchitectureRun, ...]
    found: SideBySide
    """The numbers, ready to be shown and written."""

    @property
    def results(self) -> dict[tuple[str, str], Result]:
        """By substrate and architecture."""
        return {(one.substrate, one.architecture): one.result for one in self.runs}


def compare_architectures(
    base: Scenario = BASE,
    costs: Costs = DEFAULT_COSTS,
    *,
    seed: int = 0,
    substrates: Sequence[str] = ("modelled",),
    progress: Told | None = None,
) -> ArchitectureComparison:
    """Run every architecture under one load, and compare what they come to.

    Args:
        base: load, workload, queries and frame of the run; the architecture is replaced.
        costs: what each step of modelled work costs, the same for all.
        seed: of all random draws, the same in all runs.
        substrates: what they stand on: `modelled`, `memory`, `sqlite`.
        progress: called now and then with how far a run is, and which one it is.

    Raises:
        InvalidScenarioError: if the load is not open, or a substrate unknown.
    """
    return run_side_by_side(
        {name: build(base, costs) for name, build in ARCHITECTURES.items()},
        seed=seed,
        substrates=substrates,
        costs=[
            Cost(name=row.name, value=_cost_text(row), meaning=row.meaning)
            for row in cost_rows(costs)
        ],
        progress=progress,
    )


def _cost_text(row: CostRow) -> str:
    return format_duration(Duration(row.value)) if row.is_duration else f"{row.value:,}"


def run_side_by_side(
    scenarios: Mapping[str, Scenario],
    *,
    seed: int = 0,
    substrates: Sequence[str] = ("modelled",),
    costs: Sequence[Cost] = (),
    progress: Told | None = None,
) -> ArchitectureComparison:
    """Run scenarios that differ in their architecture only, and compare them.

    Args:
        scenarios: by the name of the architecture, in the order of the tables. Their load is open
            and the same.
        seed: of all random draws, the same in all runs.
        substrates: what they stand on, one after the other.
        costs: what the scenarios were made of, to be shown.
        progress: called now and then with how far a run is, and which one it is.

    Raises:
        InvalidScenarioError: if a load is not open, a rate is missing, or a substrate unknown.
    """
    base = _common_load(scenarios)
    for substrate in substrates:
        checked_substrate(substrate)
    if len(set(substrates)) < len(substrates):
        raise InvalidScenarioError([f"substrate: named twice in {', '.join(substrates)}"])
    runs: list[ArchitectureRun] = []
    is_complete = True
    try:
        for one in _each(scenarios, seed, substrates, progress):
            runs.append(one)
            if not one.result.complete or one.makespan is None:
                is_complete = False
                break
    except KeyboardInterrupt:
        # Between two runs nobody else is there to take it.
        is_complete = False
    rows = tuple(_figures(one, scenarios[one.architecture]) for one in runs)
    rows = tuple(
        attrs.evolve(row, gives_up=gives_up(row, [o for o in rows if o.substrate == row.substrate]))
        for row in rows
    )
    rates = _other_rates(base, substrates)
    found = SideBySide(
        where="",
        answers=(),
        load=load_text(base, rates),
        rate_per_s=base.load.rate or 0.0,
        rates=rates,
        seed=seed,
        complete=is_complete,
        costs=tuple(costs),
        rows=rows,
        measured=tuple(_measured(runs)),
        provenance=_provenance(runs),
    )
    return ArchitectureComparison(runs=tuple(runs), found=answered(found))


def _common_load(scenarios: Mapping[str, Scenario]) -> Scenario:
    """One of the scenarios, for what they have in common.

    Raises:
        InvalidScenarioError: if they have no rate in common.
    """
    first = next(iter(scenarios.values()))
    load = first.load
    if load.model != "open" or load.rate is None:
        raise InvalidScenarioError(
            [
                (
                    f'load.model = "{load.model}": architectures are compared under an open load '
                    "with a load.rate, which none of them can slow down"
                )
            ]
        )
    for name, scenario in scenarios.items():
        for part in ("load", "workload"):
            if getattr(scenario, part) != getattr(first, part):
                raise InvalidScenarioError([f"{part}: {name} has another one than the others"])
    return first


def _each(
    scenarios: Mapping[str, Scenario],
    seed: int,
    substrates: Sequence[str],
    progress: Told | None,
) -> Iterator[ArchitectureRun]:
    for substrate in substrates:
        for name, scenario in scenarios.items():
            ready, engine = on_substrate(scenario, substrate)
            tell = partial(_told, progress, f"{substrate}/{name}")
            # What a threshold of one architecture names need not be there in the others.
            ready = attrs.evolve(ready, thresholds=())
            result, stored_bytes = _run_on(ready, substrate, engine, seed, tell)
            makespan = None
            if result.complete:
                tell = partial(_told, progress, f"{substrate}/{name} flat out")
                makespan = _makespan(flat_out(ready, engine), engine, seed, tell)
            yield ArchitectureRun(
                architecture=name,
                substrate=substrate,
                result=result,
                makespan=makespan,
                stored_bytes=stored_bytes,
            )


def _other_rates(base: Scenario, substrates: Sequence[str]) -> dict[str, float]:
    """By substrate, where it is not that of the load."""
    rates = {name: rate_on(name, base.load.rate) for name in substrates}
    return {name: rate for name, rate in rates.items() if rate not in (None, base.load.rate)}


def _told(told: Told | None, name: str, progress: Progress) -> None:
    if told is not None:
        told(progress, name)


def _makespan(
    scenario: Scenario, engine: EngineOfSubstrate, seed: int, tell: Callable[[Progress], None]
) -> Makespan | None:
    load = flat_out_load(scenario, seed)
    chosen = virtual if engine == "virtual" else wall
    result = chosen.run(scenario, seed=seed, load=load, progress=tell)
    return makespan_of(result.trace) if result.complete else None


def _figures(one: ArchitectureRun, scenario: Scenario) -> ArchitectureFigures:
    summary = one.result.summary
    is_unordered = bool(scenario.unordered - scenario.mending)
    saturated, cache = {load.stage: load for load in summary.saturated}, summary.cache
    return ArchitectureFigures(
        architecture=one.architecture,
        substrate=one.substrate,
        engine=one.result.engine,
        complete=one.result.complete,
        write=Measured(sample=summary.response_s, is_withheld=WRITE_SIDE in saturated),
        query=Measured(
            sample=summary.queries_s,
            is_withheld=any("response_s" in row.withheld for row in summary.reads.rows),
        ),
        kinds=tuple(_kinds(summary)),
        stale_from_cache=cache.stale_hits if cache.hits + cache.misses else None,
        cache_age=Measured(sample=cache.hits_age_s) if cache.hits else None,
        slowest=_slowest(summary),
        makespan=one.makespan,
        saturated=tuple(
            f"{stage}: {', and '.join(load.reasons)}" for stage, load in saturated.items()
        ),
        invalid=summary.invalid,
        failed=tuple(f"{check.name}: {check.detail}" for check in summary.checks if not check.ok),
        diverged=one.result.diverged,
        stored_bytes=one.stored_bytes,
        parts=_parts(scenario),
        is_unordered=is_unordered,
    )


def _parts(scenario: Scenario) -> Parts:
    found = moving_parts(scenario)
    return Parts(
        actors=found.actors,
        channels=len(found.channels),
        hops=found.longest_path,
        databases=len(found.databases),
        failures=found.failure_modes,
    )


def _kinds(summary: Summary) -> Iterator[KindFigures]:
    """The queries by kind; a scenario has one read strategy for each."""
    for row in summary.reads.rows:
        yield KindFigures(
            kind=row.kind,
            response=Measured(sample=row.response_s, is_withheld="response_s" in row.withheld),
            answered=row.answered,
            stale=row.stale,
        )


def _slowest(summary: Summary) -> LagFigures | None:
    """The read model whose lag is longest: a saturated one, else by the tail that all have."""
    saturated = {load.stage for load in summary.saturated}
    found = [
        LagFigures(read_model=name, lag=Measured(sample=sample, is_withheld=name in saturated))
        for name, sample in summary.lag_s.items()
    ]
    return max(found, key=_slowness, default=None)


def _slowness(one: LagFigures) -> tuple[bool, float]:
    tail = one.lag.tail
    return one.lag.is_withheld, -1.0 if tail is None else tail[1]


def _run_on(
    scenario: Scenario,
    substrate: str,
    engine: EngineOfSubstrate,
    seed: int,
    tell: Callable[[Progress], None],
) -> tuple[Result, int | None]:
    """A run, and what it left on disk."""
    if substrate != "sqlite":
        return run(scenario, engine=engine, seed=seed, progress=tell), None
    with TemporaryDirectory(prefix="cqrs-sim-") as folder:
        store = Path(folder) / "store"
        result = run(scenario, engine=engine, seed=seed, progress=tell, store=store)
        return result, sum(path.stat().st_size for path in store.rglob("*") if path.is_file())


def load_text(scenario: Scenario, rates: Mapping[str, float]) -> str:
    """What is asked of every architecture, in words; by substrate, other rates than the load's."""
    load, queries, run = scenario.load, scenario.queries, scenario.run
    others = "".join([f" (on {name} {rate:,.4g})" for name, rate in rates.items()])
    share = f"{100 * queries.share:.3g} % of them queries" if queries.share else "all commands"
    return (
        f"{load.rate:,.4g} operations a second{others}, {share}, {load.process} arrivals, for "
        f"{format_duration(run.duration)}, the first {format_duration(run.warm_up)} left out"
    )


def _measured(runs: Sequence[ArchitectureRun]) -> Iterator[tuple[str, str]]:
    """How it was measured: name and text each."""
    by_substrate = {one.substrate: one.result for one in runs}
    for substrate, result in by_substrate.items():
        run, run_rate = result.scenario.run, result.scenario.load.rate or 0.0
        clock, most = clock_kind(result.engine), format_duration(FLAT_OUT[result.engine])
        duration, warm_up = format_duration(run.duration), format_duration(run.warm_up)
        told = (
            f"{result.engine} engine, {clock} clock",
            f"{duration} of load at {run_rate:,.4g}/s, the first {warm_up} left out",
            f"flat out: {CLIENTS} clients that never pause, {OPERATIONS:,} operations or {most}",
        )
        yield substrate, "; ".join(told)
    yield "draws", "the same in all runs of one seed: arrivals, commands, queries, service times"
    unseen = {
        f"{one.substrate}/{one.architecture}": sum(
            lag.censored for lag in one.result.summary.lag_s.values()
        )
        for one in runs
    }
    counts = [f"{count:,} in {name}" for name, count in unseen.items() if count]
    yield "never applied", ", ".join(counts) or "none: every event reached every read model"


def _provenance(runs: Sequence[ArchitectureRun]) -> dict[str, Json]:
    """Versions and machine, the same of all runs; the clock differs by substrate."""
    if not runs:
        return {}
    kept = ("python", "versions", "machine")
    return {key: runs[0].result.provenance[key] for key in kept}
