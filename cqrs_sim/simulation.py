"""The short way from the name of a scenario to a result, whatever engine runs it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Literal, TypeAlias, assert_never, get_args

import attrs
import numpy as np

from cqrs_sim.actors.clock import VirtualClock
from cqrs_sim.analysis.enrichment import NOTHING_ASKED
from cqrs_sim.analysis.json_values import Json
from cqrs_sim.analysis.planned import Planned
from cqrs_sim.analysis.rehydration import summarise_rehydrations
from cqrs_sim.analysis.replicated import Until, parse_until
from cqrs_sim.analysis.stages import ENRICHMENT
from cqrs_sim.analysis.summary import summarise
from cqrs_sim.analysis.thresholds import Threshold, known_before, parse_thresholds
from cqrs_sim.engines import virtual, wall
from cqrs_sim.engines.algebra import engine as algebra
from cqrs_sim.engines.audit import rehydrations_of
from cqrs_sim.engines.experiment import Progress
from cqrs_sim.engines.planning import reads_of
from cqrs_sim.engines.sessions import strategies_of
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.measurement.recorder import Recorder
from cqrs_sim.measurement.trace import QueryTable
from cqrs_sim.probe import NO_READ_MODEL, Strategy
from cqrs_sim.results import Result
from cqrs_sim.scenario.presets import preset_names, preset_text
from cqrs_sim.scenario.reading import read_scenario
from cqrs_sim.scenario.scenario import Scenario
from cqrs_sim.scenario.wording import shown
from cqrs_sim.write_side.activations import Activations

RunnableEngine: TypeAlias = Literal["virtual", "wall", "algebra"]


def load_scenario(source: str | Path, settings: Sequence[str] = ()) -> Scenario:
    """The scenario of a preset or of a TOML file, with settings on top of it.

    Args:
        source: name of a preset, or path of a file. A string that is the name of a preset means
            that preset; write `./default` for a file of that name.
        settings: "path=value" each, such as "load.rate=800/s"; the last one of a path wins.

    Raises:
        InvalidScenarioError: if anything is wrong; it lists every mistake, one line each.
    """
    if isinstance(settings, str):
        raise InvalidScenarioError([f"settings must be a list, such as [{settings!r}]"])
    if isinstance(source, str) and (source in preset_names() or not _is_path(source)):
        scenario, folder = read_scenario(preset_text(source), settings), Path()
    else:
        scenario, folder = read_scenario(Path(source), settings), Path(source).parent
    log = scenario.load.log
    if log is None:
        return scenario
    # A path in a file is meant from where the file is, a path in a setting from where we are; as a
    # whole path it is good from anywhere, also in the scenario that is written beside a result.
    if any(setting.replace(" ", "").startswith("load.log=") for setting in settings):
        folder = Path()
    whole = str((folder / log).resolve())
    return attrs.evolve(scenario, load=attrs.evolve(scenario.load, log=whole))


def _is_path(source: str) -> bool:
    # A mistyped name should be answered with the presets there are, not with "no such file".
    return "/" in source or "\\" in source or source.endswith(".toml") or Path(source).is_file()


def run(
    scenario: Scenario | str | Path,
    *,
    engine: RunnableEngine = "virtual",
    seed: int = 0,
    progress: Callable[[Progress], None] | None = None,
    abort_on_fail: bool = False,
    store: Path | str | None = None,
) -> Result:
    """Run a scenario.

    Args:
        scenario: a scenario, or what `load_scenario` takes.
        engine: `virtual` simulates, the same on every machine; `wall` runs in real time; `algebra`
            computes what virtual would give, at once, where it can.
        seed: of all random draws, from 0 to 2**64 - 1.
        progress: called now and then while the run lasts.
        abort_on_fail: end the run when a threshold of the scenario has failed already; which can
            be judged so early stands in `engines.watch`.
        store: folder of a new store, in which the event log is kept.

    Raises:
        InvalidScenarioError: if the scenario is impossible, a threshold names no metric, or the
            engine cannot run it.
        StoreError: if the store cannot be made or written.
    """
    if not isinstance(scenario, Scenario):
        scenario = load_scenario(scenario)
    if engine not in get_args(RunnableEngine):
        engines = ", ".join(get_args(RunnableEngine))
        raise InvalidScenarioError([f"engine = {engine!r}: must be one of {engines}"])
    folder = None if store is None else Path(store)
    if folder is not None:
        scenario = attrs.evolve(scenario, store="sqlite")
    thresholds = checked_thresholds(scenario)
    abort_on = thresholds if abort_on_fail else ()
    if abort_on and engine == "algebra":
        raise InvalidScenarioError(
            ["abort_on_fail: the algebra engine has a whole run at once; there is nothing to abort"]
        )
    match engine:
        case "virtual":
            return virtual.run(
                scenario, seed=seed, progress=progress, abort_on=abort_on, store=folder
            )
        case "wall":
            return wall.run(scenario, seed=seed, progress=progress, abort_on=abort_on, store=folder)
        case "algebra":
            return algebra.run(scenario, seed=seed)
        case _:
            assert_never(engine)


def checked_thresholds(scenario: Scenario) -> tuple[Threshold, ...]:
    """The thresholds of a scenario, checked against the metrics that its summary will have.

    Raises:
        InvalidScenarioError: one line a mistake.
    """
    if not scenario.thresholds:
        return ()
    return parse_thresholds(scenario.thresholds, template_of(scenario))


def checked_until(text: str, scenario: Scenario) -> Until:
    """The rule of a text such as "lag.orders.p99 ±5%", checked like the thresholds.

    Raises:
        InvalidScenarioError: one line.
    """
    try:
        until = parse_until(text)
        known_before(template_of(scenario), until.name)
    except ValueError as error:
        raise InvalidScenarioError([f"--until {shown(text, 80)}: {error}"]) from None
    return until


def unknown_limits(result: Result) -> tuple[str, ...]:
    """Thresholds on what only the run could have shown to be a metric, and did not; a line each."""
    template = template_of(result.scenario)
    return tuple(
        f"threshold {shown(verdict.expression, 80)}: {verdict.reason}"
        for threshold, verdict in zip(
            parse_thresholds(result.scenario.thresholds), result.verdicts, strict=True
        )
        if verdict.is_unknown and known_before(template, threshold.name) is None
    )


def template_of(scenario: Scenario) -> dict[str, Json]:
    """The summary of a run of a scenario in which nothing happened."""
    asked = zip(strategies_of(scenario.queries).items(), reads_of(scenario).weights, strict=True)
    sends_queries = scenario.queries.share > 0.0 and scenario.load.model != "replay"
    reads = {
        kind.__name__: Strategy[strategy.upper()]
        for (kind, strategy), weight in asked
        if sends_queries and weight > 0.0
    }
    models = tuple(scenario.read_models)
    return template_for(
        models,
        reads,
        scenario.connections,
        tuple(scenario.asking),
        scenario.mending,
        scenario.renaming,
    )


def template_for(
    read_models: Sequence[str],
    reads: Mapping[str, Strategy] | None = None,
    connections: Mapping[str, int] | None = None,
    asking: Collection[str] = (),
    mending: Collection[str] = (),
    naming: Collection[str] = (),
) -> dict[str, Json]:
    """The summary of a run of these read models in which nothing happened.

    Args:
        read_models: their names.
        reads: the kinds of query that are asked, and by which strategy; each is asked once.
        connections: of each database that stages share.
        asking: those read models whose projectors ask another system.
        mending: those whose tasks look for gaps.
        naming: those that show renames of customers.
    """
    recorder = Recorder(VirtualClock(), read_models, connections=connections)
    trace = recorder.trace([], load_ended_ns=1, ended_ns=1)
    if reads:
        queries = _asked_once(tuple(reads.values()))
        trace = attrs.evolve(trace, queries=queries, query_kinds=tuple(reads))
    rehydration = summarise_rehydrations(trace, rehydrations_of(Activations(), None))
    planned = Planned(mending=frozenset(mending), naming=frozenset(naming))
    found = summarise(trace, planned=planned)
    stages = {
        name: attrs.evolve(means, parts={**means.parts, ENRICHMENT: None})
        for name, means in found.read_stages_s.items()
        if name in asking
    }
    return attrs.evolve(
        found,
        rehydration=rehydration,
        enrichment=dict.fromkeys(asking, NOTHING_ASKED),
        read_stages_s={**found.read_stages_s, **stages},
    ).to_json()


def _asked_once(strategies: Sequence[Strategy]) -> QueryTable:
    """A query of each kind, in the order of the kinds; none is answered."""
    count = len(strategies)
    at_once, never = np.zeros(count, "m8[ns]"), np.full(count, np.timedelta64("NaT"), "m8[ns]")
    return QueryTable(
        intended=at_once,
        submitted=at_once,
        answered=never,
        kind=np.arange(count, dtype=np.int8),
        session=np.zeros(count, np.int32),
        read_model=np.full(count, NO_READ_MODEL, np.int8),
        order=np.full(count, -1, np.int32),
        position=np.zeros(count, np.int64),
        versions_missing=np.full(count, np.nan),
        strategy=np.array(strategies, np.int8),
    )
