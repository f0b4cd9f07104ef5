"""The short way from the name of a scenario to a result, whatever engine runs it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, TypeAlias, assert_never

from cqrs_sim.engines import virtual, wall
from cqrs_sim.engines.experiment import Progress
from cqrs_sim.results import Result
from cqrs_sim.scenario.presets import preset_names, preset_text
from cqrs_sim.scenario.reading import read_scenario
from cqrs_sim.scenario.scenario import Scenario

RunnableEngine: TypeAlias = Literal["virtual", "wall"]


def load_scenario(source: str | Path, settings: Sequence[str] = ()) -> Scenario:
    """The scenario of a preset or of a TOML file, with settings on top of it.

    Args:
        source: name of a preset, or path of a file. A string that is the name of a preset means
            that preset; write `./default` for a file of that name.
        settings: "path=value" each, such as "load.rate=800/s"; the last one of a path wins.

    Raises:
        InvalidScenarioError: if anything is wrong; it lists every mistake, one line each.
    """
    if isinstance(source, str):
        if source in preset_names() or not _is_path(source):
            return read_scenario(preset_text(source), settings)
        source = Path(source)
    return read_scenario(source, settings)


def _is_path(source: str) -> bool:
    # A mistyped name should be answered with the presets there are, not with "no such file".
    return "/" in source or "\\" in source or source.endswith(".toml") or Path(source).is_file()


def run(
    scenario: Scenario | str | Path,
    *,
    engine: RunnableEngine = "virtual",
    seed: int = 0,
    progress: Callable[[Progress], None] | None = None,
) -> Result:
    """Run a scenario.

    Args:
        scenario: a scenario, or what `load_scenario` takes.
        engine: `virtual` simulates, the same on every machine; `wall` runs in real time.
        seed: of all random draws, from 0 to 2**64 - 1.
        progress: called now and then while the run lasts.

    Raises:
        InvalidScenarioError: if the scenario is impossible, or the engine cannot run it.
    """
    if not isinstance(scenario, Scenario):
        scenario = load_scenario(scenario)
    match engine:
        case "virtual":
            return virtual.run(scenario, seed=seed, progress=progress)
        case "wall":
            return wall.run(scenario, seed=seed, progress=progress)
        case _:
            assert_never(engine)
