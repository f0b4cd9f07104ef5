"""SWEEP.toml: a sweep written down. Unknown keys and wrong values are refused, all at once."""

import difflib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import get_args

import attrs

from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.scenario.quantities import (
    ChoiceQuantity,
    CountQuantity,
    Quantity,
    TextQuantity,
    TextsQuantity,
)
from cqrs_sim.scenario.reading import read_document
from cqrs_sim.scenario.wording import key_shown, shown
from cqrs_sim.simulation import RunnableEngine, load_scenario
from cqrs_sim.sweeping.designs import MOST_POINTS
from cqrs_sim.sweeping.factors import (
    MOST_LEVELS,
    Factor,
    Spacing,
    factor_of_levels,
    factor_of_range,
    plain_path,
)
from cqrs_sim.sweeping.sweep import HIGHEST_SEED, MOST_REPLICATIONS, Design, Request

_TEXTS = TextsQuantity(TextQuantity(1, 300, False), 100)
KEYS: dict[str, Quantity] = {
    "scenario": TextQuantity(1, 4096, False),
    "settings": _TEXTS,
    "engine": ChoiceQuantity(get_args(RunnableEngine)),
    "seed": CountQuantity(0, HIGHEST_SEED),
    "replications": CountQuantity(1, MOST_REPLICATIONS),
    "design": ChoiceQuantity(get_args(Design)),
    "points": CountQuantity(2, MOST_POINTS),
    "metrics": _TEXTS,
}
"""Keys of the file beside `factors`."""
FACTOR_KEYS: dict[str, Quantity] = {
    "path": TextQuantity(1, 300, False),
    "spacing": ChoiceQuantity(get_args(Spacing)),
    "count": CountQuantity(2, MOST_LEVELS),
}
"""Keys of a factor beside `levels`, `from` and `to`, which hold what the key at `path` may be."""


@attrs.frozen(kw_only=True)
class SweepFile:
    """What such a file says; None where it says nothing."""

    scenario: str | None = None
    """A preset, or a path from where the file is."""
    settings: tuple[str, ...] = ()
    engine: RunnableEngine | None = None
    seed: int | None = None
    replications: int | None = None
    design: Design | None = None
    points: int | None = None
    metrics: tuple[str, ...] = ()
    factors: tuple[Factor, ...] = ()

    def request(self) -> Request:
        """What it asks for, with the defaults where it says nothing.

        Raises:
            InvalidScenarioError: if the scenario is none; one line a mistake.
        """
        names = ("engine", "seed", "replications", "design", "points")
        said = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        return Request(
            base=load_scenario(self.scenario or "default", self.settings),
            factors=self.factors,
            metrics=self.metrics,
            **said,
        )


def is_sweep_file(source: str) -> bool:
    """Whether a source of scenarios is a sweep instead: the file of a scenario has no factors."""
    path = Path(source)
    if path.suffix != ".toml" or not path.is_file():
        return False
    document = read_document(path)
    return "factors" in document or "scenario" in document


def read_sweep_file(path: Path) -> SweepFile:
    """The sweep of a file.

    Raises:
        InvalidScenarioError: if anything is wrong; it lists every mistake, one line each.
    """
    return sweep_from(read_document(path), path.parent)


def sweep_from(document: Mapping[str, object], folder: Path) -> SweepFile:
    """The sweep of a document whose paths are meant from a folder.

    Raises:
        InvalidScenarioError: as `read_sweep_file`.
    """
    mistakes: list[str] = []
    values = _values(document, KEYS, ("factors",), "", mistakes)
    factors = _factors(document.get("factors"), mistakes)
    if mistakes:
        raise InvalidScenarioError(mistakes)
    scenario = values.get("scenario")
    if isinstance(scenario, str) and scenario.endswith(".toml"):
        values["scenario"] = str(folder / scenario)
    # The quantities made sure of the types.
    return SweepFile(**values, factors=tuple(factors))  # type: ignore[arg-type]


def _values(
    table: Mapping[str, object],
    known: Mapping[str, Quantity],
    others: tuple[str, ...],
    parent: str,
    mistakes: list[str],
) -> dict[str, object]:
    found = {}
    for key, raw in table.items():
        if key in known:
            try:
                found[key] = known[key].parse(raw)
            except ValueError as error:
                mistakes.append(f"{parent}{key} = {shown(raw)}: {error}")
        elif key not in others:
            mistakes.append(_unknown(key, [*known, *others], parent))
    return found


def _unknown(key: str, keys: list[str], parent: str) -> str:
    near = difflib.get_close_matches(key[:60].lower(), keys, n=1)
    hint = f"did you mean {parent}{near[0]}?" if near else f"the keys here are {', '.join(keys)}"
    return f"{parent}{key_shown(key)}: unknown key; {hint}"


def _factors(raw: object, mistakes: list[str]) -> list[Factor]:
    if not isinstance(raw, list) or not raw:
        found = "is missing" if raw is None else f"= {shown(raw)}"
        mistakes.append(f"factors {found}: must be tables such as [[factors]]")
        return []
    factors = []
    for index, table in enumerate(raw):
        where = f"factors[{index}]"
        if not isinstance(table, Mapping):
            mistakes.append(f"{where} = {shown(table)}: must be a table")
            continue
        before = len(mistakes)
        values = _values(table, FACTOR_KEYS, ("levels", "from", "to"), f"{where}.", mistakes)
        make = _maker(table, values, where, mistakes)
        if make is not None and len(mistakes) == before:
            try:
                factors.append(make())
            except InvalidScenarioError as error:
                mistakes += [f"{where}: {mistake}" for mistake in error.mistakes]
    return factors


def _maker(
    table: Mapping[str, object], values: Mapping[str, object], where: str, mistakes: list[str]
) -> Callable[[], Factor] | None:
    """How a factor of a table is made; None if its keys do not go together."""
    if "path" not in table:
        mistakes.append(f"{where}.path: is missing")
        return None
    path, levels = plain_path(str(values.get("path", ""))), table.get("levels")
    is_range = "from" in table and "to" in table
    if ("levels" in table) == is_range or ("from" in table) != ("to" in table):
        mistakes.append(f"{where}: must have levels, or both from and to")
        return None
    if is_range:
        count = values.get("count")
        assert count is None or isinstance(count, int)
        spacing = str(values.get("spacing", "lin"))
        return lambda: factor_of_range(path, table["from"], table["to"], spacing, count)
    if not isinstance(levels, list):
        mistakes.append(f'{where}.levels = {shown(levels)}: must be a list such as ["1ms", "2ms"]')
        return None
    mistakes += [
        f"{where}.{key}: belongs to from and to" for key in ("spacing", "count") if key in table
    ]
    return lambda: factor_of_levels(path, levels)
