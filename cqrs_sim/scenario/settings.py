"""Single settings on top of a document: what `--set path=value` does.

A setting changes the document, not the scenario, so that the checks of a file, and their messages,
hold for it as well.
"""

import copy
import tomllib
from collections.abc import Mapping, Sequence

import attrs

from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.scenario.contradictions import unknown_read_model
from cqrs_sim.scenario.keys import is_named, part_of, unknown_key
from cqrs_sim.scenario.parts import READ_MODEL_NAMES
from cqrs_sim.scenario.quantities import Quantity, TextQuantity
from cqrs_sim.scenario.scenario import Scenario
from cqrs_sim.scenario.units import quantity_of
from cqrs_sim.scenario.wording import joined, shown

_NONE = "none"
"""As a value, takes an optional key out: `load.rate=none`, before a load of another model."""


def apply_settings(document: Mapping[str, object], settings: Sequence[str]) -> dict[str, object]:
    """A copy of the document with each "path=value" set; the last setting of a path wins.

    A value is read as TOML, and as text if it is none: `load.rate=800/s` and `load.rate="800/s"`
    are the same.

    Raises: InvalidScenarioError: if a setting has no path or an unknown one; it lists all of them.
    """
    changed = copy.deepcopy(dict(document))
    mistakes = []
    for setting in settings:
        path, equals, text = setting.partition("=")
        names = [name.strip() for name in path.split(".")]
        if not equals or not all(names):
            mistakes.append(
                f'--set {shown(setting)}: must be path=value, such as load.rate="800/s"'
            )
            continue
        try:
            _set(changed, names, text.strip(), _field_at(names))
        except ValueError as error:
            mistakes.append(str(error))
    if mistakes:
        raise InvalidScenarioError(mistakes)
    return changed


def _field_at(names: Sequence[str]) -> "attrs.Attribute[object] | None":
    """The field that a path leads to; None for a read model's table."""
    cls: type[attrs.AttrsInstance] = Scenario
    attribute: attrs.Attribute[object] | None = None
    parent = ""
    left = list(names)
    while left:
        name = left.pop(0)
        if name not in attrs.fields_dict(cls):
            raise ValueError(unknown_key(cls, parent, name))
        attribute = attrs.fields_dict(cls)[name]
        parent = joined(parent, name)
        if left and is_named(attribute):
            member = left.pop(0)
            if attribute.name == "read_models" and member not in READ_MODEL_NAMES:
                raise ValueError(unknown_read_model(member))
            parent = joined(parent, member)
        part = part_of(attribute)
        if left and part is None:
            raise ValueError(f"{joined(parent, left[0])}: unknown key; {parent} is not a table")
        cls = part or cls
    return attribute


def _set(
    document: dict[str, object],
    names: Sequence[str],
    text: str,
    attribute: "attrs.Attribute[object] | None",
) -> None:
    table = document
    for depth, name in enumerate(names[:-1], start=1):
        below = table.setdefault(name, {})
        if not isinstance(below, dict):
            raise ValueError(f"{'.'.join(names[:depth])} = {shown(below)}: must be a table")
        table = below
    if text == _NONE and attribute is not None and attribute.default is None:
        table.pop(names[-1], None)
    else:
        table[names[-1]] = _value(text, None if attribute is None else quantity_of(attribute))


def _value(text: str, quantity: Quantity | None) -> object:
    try:
        document = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        # Also numbers of over 4,300 digits, and nesting too deep: as text they are refused.
        return text
    # More keys: the text had a line break in it.
    value = document.pop("value") if len(document) == 1 else text
    # A name such as 2024 needs no quotes: for text, anything is text.
    return text if isinstance(quantity, TextQuantity) and not isinstance(value, str) else value
