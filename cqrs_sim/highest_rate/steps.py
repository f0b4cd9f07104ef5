"""Steps: the highest rate in real time, one run after another.

A machine cannot be asked about a rate again with other draws as cheaply as a model can, so rates
grow by a factor until one does not hold, and the gap between the two is halved until it is narrow.
Each run drains at its end, so that none begins with what the one before left behind. The answer is
a bracket: the last rate that held and the first that did not, a run each.
"""

import math
from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

import attrs

from cqrs_sim.analysis.json_values import Json, plain
from cqrs_sim.engines import wall
from cqrs_sim.engines.experiment import Progress
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.highest_rate.answer import SCHEMA, finite
from cqrs_sim.highest_rate.limits import Limit, at_rate, refuse_unsearchable
from cqrs_sim.highest_rate.probes import Probe, read_probe
from cqrs_sim.highest_rate.roots import too_short
from cqrs_sim.highest_rate.turned_away import remarkable
from cqrs_sim.results import Result
from cqrs_sim.scenario.scenario import Scenario

GROWTH = 1.5
NARROW = 0.05
"""Width of the bracket, as a share of the rate, that is enough."""
MOST_STEPS = 40
DEEPEST = 64.0
"""How many times lower than the first rate is looked for one that holds."""

End: TypeAlias = Literal["bracket", "generator", "none", "interrupted"]
Ask: TypeAlias = Callable[[float], Probe]


@attrs.frozen(kw_only=True)
class Steps:
    """What the steps came to."""

    scenario: Scenario
    limits: tuple[Limit, ...]
    seed: int
    end: End
    """`generator`: the load generator could not keep its plan at a higher rate, so that rate says
    nothing of the system. `none`: not even the lowest rate held."""
    held_per_s: float | None
    """The highest rate that held."""
    broken_per_s: float | None
    """The lowest that did not."""
    probes: tuple[Probe, ...]
    """In the order in which they were run."""

    @property
    def is_complete(self) -> bool:
        """Whether it was not interrupted."""
        return self.end != "interrupted"

    def to_json(self) -> dict[str, Json]:
        """The content of `capacity.json`."""
        return {
            "schema": SCHEMA,
            "scenario": self.scenario.name,
            "engine": "wall",
            "seed": self.seed,
            "slo": [limit.expression for limit in self.limits],
            "kind": self.end,
            "complete": self.is_complete,
            "held_per_s": self.held_per_s,
            "broken_per_s": self.broken_per_s,
            "steps": [
                {
                    "rate_per_s": step.rate_per_s,
                    "held": is_held(step),
                    "values": [finite(value) for value in step.values],
                    "saturated": list(step.saturated),
                    "offered_load": dict(step.loads),
                    "unserved": [plain(one) for one in remarkable([step.turned_away])],
                    "invalid": step.invalid or None,
                }
                for step in self.probes
            ],
        }


def is_held(step: Probe) -> bool:
    """Whether a run kept the limits."""
    return not step.invalid and step.margin > 0.0


def search_steps(
    scenario: Scenario,
    limits: Sequence[Limit],
    seed: int,
    ask: Ask | None = None,
    told: Callable[[Probe], None] | None = None,
) -> Steps:
    """Search the highest rate on the wall clock, from the scenario's own rate.

    Ctrl-C ends it: what is finished stays.

    Args:
        scenario: what is run.
        limits: of `checked_limits`.
        seed: of every run.
        ask: runs one rate; by default on this machine.
        told: told of each run that has ended.

    Raises:
        InvalidScenarioError: if the scenario has no rate, or a run is too short for a metric.
        KeyboardInterrupt: if no run had ended when it was interrupted.
    """
    refuse_unsearchable(scenario)
    rate = scenario.load.rate
    assert rate is not None
    search = _Search(ask or on_this_machine(scenario, limits, seed), told)
    try:
        end = search.run(rate)
    except KeyboardInterrupt:
        if not search.probes:
            raise
        end = "interrupted"
    return Steps(
        scenario=scenario,
        limits=tuple(limits),
        seed=seed,
        end=end,
        held_per_s=search.held,
        broken_per_s=search.broken,
        probes=tuple(search.probes),
    )


@attrs.define
class _Search:
    ask: Ask
    told: Callable[[Probe], None] | None
    probes: list[Probe] = attrs.field(factory=list)
    held: float | None = None
    broken: float | None = None

    def run(self, start_per_s: float) -> End:
        rate = start_per_s
        while len(self.probes) < MOST_STEPS:
            step = self.ask(rate)
            self.probes.append(step)
            if self.told is not None:
                self.told(step)
            if step.invalid:
                return "generator"
            if is_held(step):
                self.held = rate
            else:
                self.broken = rate
            following = self._next(start_per_s)
            if following is None:
                return "none" if self.held is None else "bracket"
            rate = following
        return "bracket" if self.held is not None else "none"

    def _next(self, start_per_s: float) -> float | None:
        """The rate to run next; None at the end."""
        if self.broken is None:
            assert self.held is not None
            return self.held * GROWTH
        if self.held is None:
            lower = self.broken / GROWTH
            return lower if lower * DEEPEST >= start_per_s else None
        if self.broken - self.held <= NARROW * self.held:
            return None
        return math.sqrt(self.held * self.broken)


def on_this_machine(
    scenario: Scenario,
    limits: Sequence[Limit],
    seed: int,
    progress: Callable[[Progress], None] | None = None,
) -> Ask:
    """Runs a rate in real time."""

    def ask(rate_per_s: float) -> Probe:
        result = wall.run(at_rate(scenario, rate_per_s), seed=seed, progress=progress)
        if not result.complete:
            raise KeyboardInterrupt
        return step_of(result, limits)

    return ask


def step_of(result: Result, limits: Sequence[Limit]) -> Probe:
    """The probe of a run in real time, with what makes it invalid.

    Raises:
        InvalidScenarioError: if it was too short for a metric.
    """
    scenario = result.scenario
    found = read_probe(result.trace, scenario, limits, "virtual", result.seed)
    invalid = "; ".join(result.summary.invalid)
    if found.lack is not None and not invalid and not found.saturated:
        raise InvalidScenarioError([too_short(scenario, found, found.lack, found.rate_per_s)])
    return attrs.evolve(found, invalid=invalid)
