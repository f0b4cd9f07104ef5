"""The price of a fresh read: one scenario under each of the three read strategies, in one seed.

The runs share every draw. Reading at the read side changes nothing on the write side, so there the
commands, their events and the lag are equal to the nanosecond and all that differs is what reads
pay and get; only `write_side` reads stand in the commands' way.
"""

from collections.abc import Mapping
from typing import get_args

import attrs

from cqrs_sim.analysis.json_values import Json
from cqrs_sim.analysis.reads import ReadSummary
from cqrs_sim.domain.queries import GetOrderById
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.results import Result
from cqrs_sim.scenario.scenario import ReadStrategy, Scenario
from cqrs_sim.simulation import RunnableEngine, run

STRATEGIES: tuple[ReadStrategy, ...] = get_args(ReadStrategy)


@attrs.frozen
class FreshReads:
    """What `GetOrderById` costs and gives under each strategy."""

    results: Mapping[str, Result]
    """By strategy: `eventual`, `at_least`, `write_side`."""

    @property
    def summaries(self) -> dict[str, ReadSummary]:
        """The reads by id of each run, behind its warm-up cut."""
        return {name: _by_id(result, name) for name, result in self.results.items()}

    def to_json(self) -> dict[str, Json]:
        """The summaries, by strategy."""
        return {name: summary.to_json() for name, summary in self.summaries.items()}


def compare_reads(
    scenario: Scenario, *, engine: RunnableEngine = "virtual", seed: int = 0
) -> FreshReads:
    """Run a scenario three times, with `queries.strategy.by_id` set to each strategy in turn.

    Raises:
        InvalidScenarioError: if the scenario has no reads by id, or the engine cannot run it.
    """
    queries = scenario.queries
    if not (queries.share > 0 and queries.mix.by_id > 0):
        raise InvalidScenarioError(
            ["queries: to compare reads, queries.share and queries.mix.by_id must be above 0"]
        )
    return FreshReads(
        {name: run(with_strategy(scenario, name), engine=engine, seed=seed) for name in STRATEGIES}
    )


def with_strategy(scenario: Scenario, by_id: ReadStrategy) -> Scenario:
    """The same scenario with another strategy for `GetOrderById`."""
    queries = scenario.queries
    strategy = attrs.evolve(queries.strategy, by_id=by_id)
    return attrs.evolve(scenario, queries=attrs.evolve(queries, strategy=strategy))


def _by_id(result: Result, strategy: str) -> ReadSummary:
    row = result.summary.reads.of(GetOrderById.__name__, strategy)
    if row is None:
        raise InvalidScenarioError(["queries: no read by id was sent behind run.warm_up"])
    return row
