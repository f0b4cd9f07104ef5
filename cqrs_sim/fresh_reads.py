"""The price of a fresh read: one scenario under each of the three read strategies, in one seed.

The runs share every draw. Reading at the read side changes nothing on the write side, so there the
commands, their events and the lag are equal to the nanosecond and all that differs is what reads
pay and get; only `write_side` reads stand in the commands' way.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import get_args

import attrs

from cqrs_sim.analysis.json_values import Json
from cqrs_sim.analysis.reads import ReadSummary
from cqrs_sim.domain.queries import GetOrderById
from cqrs_sim.engines.experiment import Progress
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
    def title(self) -> str:
        """What stands above the figure: the scenario, and how it was run, the same three times."""
        return next(iter(self.results.values())).title

    @property
    def summaries(self) -> dict[str, ReadSummary]:
        """The reads by id of each run, behind its warm-up cut."""
        return {name: _by_id(result, name) for name, result in self.results.items()}

    def to_json(self) -> dict[str, Json]:
        """The summaries, by strategy."""
        return {name: summary.to_json() for name, summary in self.summaries.items()}


def compare_reads(
    scenario: Scenario,
    *,
    engine: RunnableEngine = "virtual",
    seed: int = 0,
    progress: Callable[[Progress, str], None] | None = None,
) -> FreshReads:
    """Run a scenario three times, with `queries.strategy.by_id` set to each strategy in turn.

    Args:
        scenario: what to run.
        engine: as for `run`.
        seed: of all random draws, the same in the three runs.
        progress: called now and then with how far a run is, and the strategy that it is of.

    Raises:
        InvalidScenarioError: if the scenario has no reads by id, or the engine cannot run it.
        KeyboardInterrupt: if a run was interrupted; a part of one cannot be compared.
    """
    queries = scenario.queries
    if not (queries.share > 0 and queries.mix.by_id > 0):
        raise InvalidScenarioError(
            ["queries: to compare reads, queries.share and queries.mix.by_id must be above 0"]
        )
    # A limit on the reads of one strategy names nothing in the runs of the others.
    scenario = attrs.evolve(scenario, thresholds=())
    results: dict[str, Result] = {}
    for name in STRATEGIES:
        tell = None if progress is None else partial(_tell, progress, name)
        result = run(with_strategy(scenario, name), engine=engine, seed=seed, progress=tell)
        if not result.complete:
            raise KeyboardInterrupt
        results[name] = result
    return FreshReads(results)


def with_strategy(scenario: Scenario, by_id: ReadStrategy) -> Scenario:
    """The same scenario with another strategy for `GetOrderById`."""
    queries = scenario.queries
    strategy = attrs.evolve(queries.strategy, by_id=by_id)
    return attrs.evolve(scenario, queries=attrs.evolve(queries, strategy=strategy))


def _tell(told: Callable[[Progress, str], None], strategy: str, progress: Progress) -> None:
    told(progress, strategy)


def _by_id(result: Result, strategy: str) -> ReadSummary:
    row = result.summary.reads.of(GetOrderById.__name__, strategy)
    if row is None:
        raise InvalidScenarioError(["queries: no read by id was sent behind run.warm_up"])
    return row
