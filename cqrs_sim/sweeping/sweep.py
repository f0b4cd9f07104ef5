"""The sweep itself: what is run, all of it checked before the first run."""

import hashlib
import importlib.metadata
import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Literal, TypeAlias

import attrs

from cqrs_sim import simulation
from cqrs_sim.analysis.json_values import Json
from cqrs_sim.analysis.thresholds import known_before
from cqrs_sim.engines.algebra.engine import unsupported
from cqrs_sim.engines.experiment import refuse_timeless
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.scenario.reading import to_toml
from cqrs_sim.scenario.scenario import Scenario
from cqrs_sim.scenario.settings import apply_settings
from cqrs_sim.scenario.structuring import MOST_MISTAKES, scenario_from
from cqrs_sim.scenario.wording import shown
from cqrs_sim.sweeping.designs import MOST_POINTS, Point, grid, latin_hypercube
from cqrs_sim.sweeping.factors import Factor

Design: TypeAlias = Literal["grid", "latin_hypercube"]

HIGHEST_SEED = 2**64 - 1
MOST_REPLICATIONS = 10_000
MOST_RUNS = 1_000_000


@attrs.frozen(kw_only=True)
class Sweep:
    """One scenario at many points, each with the same seeds."""

    base: Scenario
    factors: tuple[Factor, ...]
    points: tuple[Point, ...]
    scenarios: tuple[Scenario, ...] = attrs.field(repr=False)
    """One a point; without thresholds, since a sweep judges none."""
    engine: simulation.RunnableEngine
    seed: int
    replications: int
    metrics: tuple[str, ...]
    """Short names of those in the tables."""
    figures: tuple[str, ...]
    """Short names of those that are drawn."""

    @property
    def seeds(self) -> range:
        """The same at every point: common random numbers."""
        return range(self.seed, self.seed + self.replications)

    @property
    def runs_count(self) -> int:
        """How many runs it takes."""
        return len(self.points) * self.replications

    def identity(self) -> dict[str, Json]:
        """What must be equal for finished runs to be of this sweep, but for how many there are."""
        return {
            "engine": self.engine,
            "seed": self.seed,
            "versions": versions(),
            "scenario": to_toml(self.base),
            "points": [
                {"settings": list(point.settings), "digest": _digest(scenario)}
                for point, scenario in zip(self.points, self.scenarios, strict=True)
            ],
        }


@attrs.frozen(kw_only=True)
class Request:
    """What somebody asks for; `planned` makes a sweep of it, or names every mistake."""

    base: Scenario
    factors: tuple[Factor, ...]
    engine: simulation.RunnableEngine = "algebra"
    seed: int = 0
    replications: int = 10
    design: Design = "grid"
    points: int | None = None
    """Of a Latin hypercube."""
    metrics: tuple[str, ...] = ()
    """To be drawn; by default p99 of every lag and of the response."""


def planned(request: Request) -> Sweep:
    """The sweep that is asked for.

    Raises:
        InvalidScenarioError: one line a mistake, of every point.
    """
    mistakes = _mistakes_of(request)
    if mistakes:
        raise InvalidScenarioError(mistakes)
    points = _points(request)
    if len(points) * request.replications > MOST_RUNS:
        count = f"{len(points):,} points of {request.replications:,} replications"
        raise InvalidScenarioError([f"{count}: must be at most {MOST_RUNS:,} runs"])
    scenarios = _scenarios(request, points)
    figures = _asked(request.metrics, scenarios) or _drawn_by_default(scenarios[0])
    return Sweep(
        base=request.base,
        factors=request.factors,
        points=points,
        scenarios=scenarios,
        engine=request.engine,
        seed=request.seed,
        replications=request.replications,
        metrics=tuple(dict.fromkeys([*figures, *_in_every_table(scenarios[0])])),
        figures=figures,
    )


@cache
def versions() -> dict[str, Json]:
    """What the bits of a result depend on beside the sweep."""
    return {name: importlib.metadata.version(name) for name in ("cqrs-sim", "numpy")}


def _mistakes_of(request: Request) -> list[str]:
    mistakes = []
    paths = [factor.path for factor in request.factors]
    if not paths:
        mistakes.append("factors: a sweep varies at least one key, such as load.rate")
    twice = dict.fromkeys(path for path in paths if paths.count(path) > 1)
    mistakes += [f"{path}: is varied twice" for path in twice]
    if not 1 <= request.replications <= MOST_REPLICATIONS:
        mistakes.append(
            f"replications = {request.replications}: must be from 1 to {MOST_REPLICATIONS:,}"
        )
    elif not 0 <= request.seed <= HIGHEST_SEED - request.replications + 1:
        mistakes.append(f"seed = {request.seed}: too few seeds follow it")
    if request.design == "grid" and request.points is not None:
        mistakes.append(f"points = {request.points}: belongs to the design latin_hypercube")
    if request.design == "latin_hypercube" and not 2 <= (request.points or 0) <= MOST_POINTS:
        found = "is missing" if request.points is None else f"= {request.points}"
        mistakes.append(f"points {found}: a Latin hypercube has from 2 to {MOST_POINTS:,} points")
    return mistakes


def _points(request: Request) -> tuple[Point, ...]:
    if request.design == "grid":
        return grid(request.factors)
    assert request.points is not None
    return latin_hypercube(request.factors, request.points, request.seed)


def _scenarios(request: Request, points: Sequence[Point]) -> tuple[Scenario, ...]:
    """The scenario of each point; a mistake of several points is told once, with the first."""
    document = tomllib.loads(to_toml(attrs.evolve(request.base, thresholds=())))
    scenarios: list[Scenario] = []
    wrong: dict[str, list[Point]] = {}
    for point in points:
        try:
            scenario = _with_whole_path(scenario_from(apply_settings(document, point.settings)))
            _refuse(scenario, request.engine)
        except InvalidScenarioError as error:
            for mistake in error.mistakes:
                wrong.setdefault(mistake, []).append(point)
        else:
            scenarios.append(scenario)
    if wrong:
        lines = [_told(mistake, at, len(points)) for mistake, at in wrong.items()]
        if len(lines) > MOST_MISTAKES:
            lines[MOST_MISTAKES:] = [f"and {len(lines) - MOST_MISTAKES} more mistakes"]
        raise InvalidScenarioError(lines)
    return tuple(scenarios)


def _with_whole_path(scenario: Scenario) -> Scenario:
    """The scenario with a log that is found from any folder."""
    if scenario.load.log is None:
        return scenario
    whole = str(Path(scenario.load.log).resolve())
    return attrs.evolve(scenario, load=attrs.evolve(scenario.load, log=whole))


def _refuse(scenario: Scenario, engine: str) -> None:
    mistakes = unsupported(scenario) if engine == "algebra" else []
    if mistakes:
        raise InvalidScenarioError(mistakes)
    if engine != "wall":
        refuse_timeless(scenario, engine)


def _told(mistake: str, at: Sequence[Point], points_count: int) -> str:
    if len(at) == points_count:
        return mistake
    settings = " ".join(at[0].settings)
    return f"{mistake} (at {len(at)} of {points_count} points; the first has {settings})"


def _asked(names: Sequence[str], scenarios: Sequence[Scenario]) -> tuple[str, ...]:
    """The short names of metrics that somebody named, of which any point has a value."""
    if not names:
        return ()
    template = simulation.template_for(
        tuple(scenarios[0].read_models),
        asking={name for scenario in scenarios for name in scenario.asking},
        mending={name for scenario in scenarios for name in scenario.mending},
        naming={name for scenario in scenarios for name in scenario.renaming},
    )
    found, mistakes = [], []
    for name in names:
        try:
            known = known_before(template, name)
        except ValueError as error:
            mistakes.append(f"--metric {shown(name, 80)}: {error}")
        else:
            found.append(name.strip() if known is None else known.name)
    if mistakes:
        raise InvalidScenarioError(mistakes)
    return tuple(dict.fromkeys(found))


def _drawn_by_default(scenario: Scenario) -> tuple[str, ...]:
    return (*(f"lag.{name}.p99" for name in scenario.read_models), "response.p99")


def _in_every_table(scenario: Scenario) -> list[str]:
    samples = ["response", *(f"lag.{name}" for name in scenario.read_models)]
    rates = ["rates.offered", "rates.accepted", "rates.applied"]
    return [*rates, *(f"{sample}.{what}" for sample in samples for what in ("mean", "p50", "p99"))]


def _digest(scenario: Scenario) -> str:
    """Of all that a run of the scenario depends on, a recorded log too."""
    digest = hashlib.sha256(to_toml(scenario).encode())
    log = scenario.load.log
    if log is not None and Path(log).is_file():
        digest.update(Path(log).read_bytes())
    return digest.hexdigest()
