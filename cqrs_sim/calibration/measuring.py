"""Measuring: the runs on this machine that a calibration rests on.

All of them are ordinary wall runs of one scenario with every service `real`, and of as many
operations each, whatever the rate: answers grow with what there is to answer (all delivered
orders), and only what has seen the same number of orders can be compared.
"""

from collections.abc import Iterator

import attrs
import numpy as np

from cqrs_sim.actors.randomness import Streams
from cqrs_sim.domain.commands import Command
from cqrs_sim.domain.queries import Query
from cqrs_sim.engines import wall
from cqrs_sim.engines.experiment import ClosedLoad, load_for
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.results import Result
from cqrs_sim.scenario.customers import renames_of
from cqrs_sim.scenario.parts import QueryServices
from cqrs_sim.scenario.scenario import Load, Scenario, Service
from cqrs_sim.scenario.units import Count, Duration, Rate

OPERATIONS = 12_000
"""Of each run: a median of the lag then rests on some 9,000 events, and a run at half of the
saturation rate takes less than half a second."""

CLIENTS = 64
"""Of the flat-out run: enough that one of them is always ready."""

WARM_UP = 0.1
"""Share of a run that no figure counts."""

LONGEST_NS = 60_000_000_000
"""A flat-out run ends with its operations, and here at the latest."""

REAL = Service(distribution="real")


def refuse_uncalibrated(scenario: Scenario) -> None:
    """Refuse what is not a matter of one thread, or not of stages as these here.

    Raises:
        InvalidScenarioError: one line for each such key.
    """
    mistakes = []
    if scenario.load.model == "replay":
        mistakes.append(
            'load.model = "replay": it is calibrated at other rates; must be "open" or "closed"'
        )
    if scenario.store != "memory":
        mistakes.append(
            f'store = "{scenario.store}": its commits are another thread\'s, and calibration '
            'accounts for one; must be "memory"'
        )
    if scenario.write_side.handling != "mailbox":
        handling = scenario.write_side.handling
        mistakes.append(
            f'write_side.handling = "{handling}": order actors are calibrated; must be "mailbox"'
        )
    if scenario.queries.cache.ttl:
        mistakes.append("queries.cache.ttl: what a cache answers is not calibrated; must be 0s")
    if scenario.customers.rename_rate:
        mistakes.append(
            f"{renames_of(scenario.customers)}: another system is not calibrated; must be 0/s"
        )
    for name, model in scenario.read_models.items():
        if model.projection != "async":
            mistakes.append(
                f'read_models.{name}.projection = "{model.projection}": only projectors are '
                'calibrated; must be "async"'
            )
        if model.enrichment is not None:
            mistakes.append(
                f"read_models.{name}.enrichment: another system is not calibrated; must be none"
            )
        if model.search_each:
            mistakes.append(
                f"read_models.{name}.search_each: the search itself takes the time; must be 0s"
            )
    if mistakes:
        raise InvalidScenarioError(mistakes)


def real_scenario(scenario: Scenario) -> Scenario:
    """The scenario with nothing modelled: all of its services are the work itself.

    Workload, read models, batches, channels, queries and their strategies stay; pauses, crashes,
    rebuilds, transport, polling, shared databases and modelled processors go, since this machine
    has its own.

    Raises:
        InvalidScenarioError: if it has what cannot be calibrated, a line for each such key.
    """
    refuse_uncalibrated(scenario)
    nothing = Duration(0)
    run = attrs.evolve(scenario.run, processors=Count(0), discipline="fifo", settle=nothing)
    side = attrs.evolve(
        scenario.write_side, service=REAL, reply=nothing, replay=nothing, pauses=(), crashes=(),
        database=None,
    )  # fmt: skip
    queries = attrs.evolve(scenario.queries, service=REAL, services=QueryServices())
    models = {
        name: attrs.evolve(
            model, service=REAL, transport=nothing, checkpoint=nothing, poll=nothing, pauses=(),
            crashes=(), rebuilds=(), database=None,
        )
        for name, model in scenario.read_models.items()
    }  # fmt: skip
    return attrs.evolve(
        scenario, run=run, load=Load(rate=Rate(1000.0)), queries=queries, write_side=side,
        read_models=models, databases={}, thresholds=(),
    )  # fmt: skip


def at_rate(scenario: Scenario, rate_per_s: float, operations: int) -> Scenario:
    """The scenario under an open load of a rate, for as long as so many operations take."""
    duration_ns = round(operations / rate_per_s * 1e9)
    warm_up_ns = round(duration_ns * WARM_UP)
    run = attrs.evolve(scenario.run, duration=Duration(duration_ns), warm_up=Duration(warm_up_ns))
    load = Load(rate=Rate(rate_per_s), send=scenario.load.send)
    return attrs.evolve(scenario, run=run, load=load)


@attrs.frozen(kw_only=True)
class FlatOut:
    """What the system did when there was always more to do."""

    operations: int
    makespan_s: float
    """Until the last answer, and the last event applied."""

    @property
    def rate_per_s(self) -> float:
        """Operations over makespan."""
        return self.operations / self.makespan_s


def run_flat_out(scenario: Scenario, *, seed: int, operations: int) -> FlatOut:
    """Run a closed loop without thinking, until every read model shows what it wrote."""
    run = attrs.evolve(scenario.run, duration=Duration(LONGEST_NS), warm_up=Duration(0))
    closed = attrs.evolve(scenario, run=run, load=Load(model="closed", clients=Count(CLIENTS)))
    endless = load_for(closed, Streams(seed))
    assert isinstance(endless, ClosedLoad)
    load = attrs.evolve(endless, scripts=first_of(endless.scripts, operations))
    return flat_out_of(_whole(wall.run(closed, seed=seed, load=load)).trace)


def flat_out_of(trace: Trace) -> FlatOut:
    """What a trace says of a run that was always busy."""
    ends = [trace.commands.acknowledged, trace.queries.answered, trace.deliveries.applied]
    last = max(int(column[~np.isnat(column)].astype(np.int64).max(initial=0)) for column in ends)
    return FlatOut(
        operations=len(trace.commands) + len(trace.queries), makespan_s=max(last, 1) / 1e9
    )


def first_of(
    scripts: Iterator[tuple[Command | Query, ...]], operations: int
) -> Iterator[tuple[Command | Query, ...]]:
    """Scripts until they hold so many operations."""
    left = operations
    while left > 0:
        script = next(scripts)
        left -= len(script)
        yield script


def run_at(scenario: Scenario, rate_per_s: float, *, seed: int, operations: int) -> Result:
    """Run the real stages under an open load."""
    return _whole(wall.run(at_rate(scenario, rate_per_s, operations), seed=seed))


def _whole(result: Result) -> Result:
    """A run that nobody cut short.

    Raises:
        KeyboardInterrupt: if somebody did. A run takes the first Ctrl-C for itself, and ends its
            load; here that ends the calibration, which a run cut short would falsify.
    """
    if not result.complete:
        raise KeyboardInterrupt
    return result
