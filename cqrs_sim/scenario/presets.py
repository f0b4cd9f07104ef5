"""The scenarios that are shipped: each a small experiment with one lesson.

Non-goals: presets are no benchmarks of anything real; their service times are round numbers,
chosen so that one effect stands out.
"""

from importlib import resources
from importlib.resources.abc import Traversable

from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.scenario.reading import read_scenario
from cqrs_sim.scenario.scenario import Scenario
from cqrs_sim.scenario.wording import nearest, quoted, shown

_SUFFIX = ".toml"


def preset_names() -> tuple[str, ...]:
    """Names of the presets: `default` first, the others by alphabet."""
    names = [file.name.removesuffix(_SUFFIX) for file in _folder().iterdir() if _is_preset(file)]
    return tuple(sorted(names, key=lambda name: (name != "default", name)))


def preset_text(name: str) -> str:
    """The TOML text of a preset, with its comments.

    Raises: InvalidScenarioError: if there is no such preset.
    """
    names = preset_names()
    # Only a listed name becomes a path: "../x" is no preset.
    if name not in names:
        near = nearest(name, names)
        hint = f"there are {', '.join(names)}" if near is None else f"did you mean {quoted(near)}?"
        raise InvalidScenarioError([f"preset {shown(name)}: unknown preset; {hint}"])
    return (_folder() / f"{name}{_SUFFIX}").read_text(encoding="utf-8")


def load_preset(name: str) -> Scenario:
    """The scenario of a preset.

    Raises: InvalidScenarioError: if there is no such preset.
    """
    return read_scenario(preset_text(name))


def _folder() -> Traversable:
    return resources.files("cqrs_sim.scenario") / "presets"


def _is_preset(file: Traversable) -> bool:
    return file.is_file() and file.name.endswith(_SUFFIX)
