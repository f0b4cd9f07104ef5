"""The short way from the name of a scenario to a result, whatever engine runs it."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, TypeAlias, assert_never, get_args

import attrs

from cqrs_sim.engines import virtual, wall
from cqrs_sim.engines.experiment import Progress
from cqrs_sim.errors import InvalidScenarioError
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
    if engine not in get_args(RunnableEngine):
        raise InvalidScenarioError([f'engine = {engine!r}: must be "virtual" or "wall"'])
    match engine:
        case "virtual":
            return virtual.run(scenario, seed=seed, progress=progress)
        case "wall":
            return wall.run(scenario, seed=seed, progress=progress)
        case _:
            assert_never(engine)
