"""Probes: what a scenario comes to at one rate, with one seed.

The algebra engine computes them where it can, else the virtual engine runs them; they agree to the
nanosecond, so which of the two did it shows in nothing but the time it takes.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import attrs

from cqrs_sim.analysis.json_values import Json
from cqrs_sim.analysis.metrics import metric
from cqrs_sim.analysis.quantiles import FRACTIONS, operations_needed
from cqrs_sim.analysis.samples import partial_summary
from cqrs_sim.analysis.saturation import StageLoad, stage_loads
from cqrs_sim.engines import virtual
from cqrs_sim.engines.algebra import engine as algebra
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.highest_rate.limits import Limit, at_rate
from cqrs_sim.highest_rate.turned_away import TurnedAway, turned_away
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.results import Result
from cqrs_sim.scenario.scenario import Scenario

Computed: TypeAlias = Literal["algebra", "virtual"]
MOST_MARGIN = 1e3
"""Of a metric that is almost nothing: as far below its limit as matters."""


@attrs.frozen(kw_only=True)
class Lack:
    """A sample too small for what it was asked."""

    metric: str
    n: int
    needed: int


@attrs.frozen(kw_only=True)
class Probe:
    """What a scenario came to at one rate, with one seed."""

    seed: int
    rate_per_s: float
    values: tuple[float, ...]
    """One a limit; inf where a stage is saturated or the value is longer than the run allowed, nan
    where the sample is too small."""
    margin: float
    """How far the worst of them is from its limit: limit / value - 1, at least -1; -1 where any
    stage is saturated, since no rate is held at which work piles up. 0 is the highest rate."""
    loads: Mapping[str, float]
    """Offered load by stage."""
    saturated: tuple[str, ...]
    """Stages that are."""
    turned_away: tuple[TurnedAway, ...] = ()
    """What was not served at all, and so is in no time."""
    lack: Lack | None = None
    """Where a sample was too small: then the margin means nothing."""
    invalid: str = ""
    """Why it is no measurement, in real time."""

    @property
    def saturates_at_per_s(self) -> float:
        """The rate at which the busiest stage has no time to spare; inf if none has any work."""
        busiest = max(self.loads.values(), default=0.0)
        return self.rate_per_s / busiest if busiest > 0.0 else math.inf


def engine_for(scenario: Scenario) -> Computed:
    """Who computes probes of a scenario."""
    return "virtual" if algebra.unsupported(scenario) else "algebra"


def probe(
    scenario: Scenario, limits: Sequence[Limit], engine: Computed, rate_per_s: float, seed: int
) -> Probe:
    """Ask what a scenario comes to at a rate.

    Raises:
        InvalidScenarioError: if a metric has no value although nothing is saturated.
        KeyboardInterrupt: if the run was cut short.
    """
    asked = at_rate(scenario, rate_per_s)
    if engine == "algebra":
        trace = algebra.compute(asked, seed=seed)
    else:
        result = virtual.run(asked, seed=seed)
        if not result.complete:
            raise KeyboardInterrupt
        trace = result.trace
    return read_probe(trace, asked, limits, engine, seed)


def read_probe(
    trace: Trace, scenario: Scenario, limits: Sequence[Limit], engine: Computed, seed: int
) -> Probe:
    """The probe of a run that has been made."""
    loads = stage_loads(trace, after_ns=scenario.run.warm_up, batches=scenario.batches)
    whole: dict[str, Json] | None = None
    values, lack = [], None
    for limit in limits:
        summary = partial_summary(trace, limit.whole_name, loads, after_ns=scenario.run.warm_up)
        if summary is None:
            if whole is None:
                whole = _whole_summary(trace, scenario, engine, seed)
            summary = whole
        value, too_few = _value(summary, limit, loads)
        values.append(value)
        lack = lack or too_few
    rate = scenario.load.rate
    assert rate is not None
    return Probe(
        seed=seed,
        rate_per_s=rate,
        values=tuple(values),
        margin=margin_of(values, limits, loads),
        loads={
            load.stage: load.offered_load or 0.0
            for load in loads
            # That of handlers is not known: nothing bounds how many are at work.
            if load.offered_load is not None or not len(trace.attempts)
        },
        saturated=tuple(load.stage for load in loads if load.is_saturated),
        turned_away=turned_away(trace, after_ns=scenario.run.warm_up),
        lack=lack,
    )


def margin_of(
    values: Sequence[float], limits: Sequence[Limit], loads: Sequence[StageLoad]
) -> float:
    """As `Probe.margin`."""
    if any(load.is_saturated for load in loads):
        return -1.0
    return min(map(_margin, values, limits))


def _margin(value: float, limit: Limit) -> float:
    if value <= 0.0:
        return MOST_MARGIN
    return min(limit.value / value - 1.0, MOST_MARGIN)


def _whole_summary(
    trace: Trace, scenario: Scenario, engine: Computed, seed: int
) -> dict[str, Json]:
    # Looking versions and machine up, for the provenance, takes 8 ms.
    result = Result(trace=trace, scenario=scenario, seed=seed, engine=engine, provenance={})
    return result.summary.to_json()


def _value(
    summary: Mapping[str, Json], limit: Limit, loads: Sequence[StageLoad]
) -> tuple[float, Lack | None]:
    found = metric(summary, limit.whole_name)
    if found.value is not None:
        return found.value, None
    around = _around(summary, found.whole_name)
    n, quantile = around.get("n"), found.whole_name.rpartition(".")[2]
    too_few, censored = around.get("too_few"), around.get("censored")
    if isinstance(too_few, Sequence) and quantile in too_few and isinstance(n, int):
        needed = operations_needed(FRACTIONS[quantile])
        return math.nan, Lack(metric=limit.name, n=n, needed=needed)
    if any(load.is_saturated for load in loads) or censored:
        return math.inf, None
    if n == 0 and quantile in FRACTIONS:
        return math.nan, Lack(metric=limit.name, n=0, needed=operations_needed(FRACTIONS[quantile]))
    raise InvalidScenarioError([f"--slo {limit.expression}: there is no value: {found.why}"])


def _around(summary: Mapping[str, Json], whole_name: str) -> Mapping[str, Json]:
    """The table of the summary that a metric stands in."""
    table: Json = summary
    for key in whole_name.split(".")[:-1]:
        assert isinstance(table, Mapping)
        table = table[key]
    assert isinstance(table, Mapping)
    return table
