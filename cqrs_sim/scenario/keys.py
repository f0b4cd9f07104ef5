"""The keys of a scenario file: which there are, and which was meant by one that is not there."""

from collections.abc import Iterator
from types import UnionType
from typing import get_args, get_origin

import attrs

from cqrs_sim.scenario.parts import READ_MODEL_NAMES
from cqrs_sim.scenario.quantities import Quantity
from cqrs_sim.scenario.scenario import Scenario
from cqrs_sim.scenario.units import quantity_of
from cqrs_sim.scenario.wording import joined, nearest


def part_of(attribute: "attrs.Attribute[object]") -> type[attrs.AttrsInstance] | None:
    """The class of the table that a field holds; None for a value or a list of tables."""
    kind: object = attribute.type
    if get_origin(kind) is dict:
        kind = get_args(kind)[1]
    elif isinstance(kind, UnionType):  # A table that may be left out.
        kind = get_args(kind)[0]
    return kind if isinstance(kind, type) and attrs.has(kind) else None


def is_named(attribute: "attrs.Attribute[object]") -> bool:
    """Whether the field holds tables by name."""
    return get_origin(attribute.type) is dict


ANY_NAME = "NAME"
"""Stands in a path for the name of a table that may have any."""


def quantity_at(path: str) -> Quantity | None:
    """The quantity of the value at a path; None if there is no value there, or no such path."""
    names = path.split(".")
    if len(names) == 3 and names[0] == "databases":
        names[1] = ANY_NAME
    return dict(keys_below()).get(".".join(names))


def keys_below(
    cls: type[attrs.AttrsInstance] = Scenario, parent: str = ""
) -> Iterator[tuple[str, Quantity | None]]:
    """Paths of all keys of a table and the tables in it, with the quantities of the values."""
    for attribute in attrs.fields(cls):
        path = joined(parent, attribute.name)
        yield path, quantity_of(attribute)
        part = part_of(attribute)
        if part is None:
            continue
        if not is_named(attribute):
            yield from keys_below(part, path)
            continue
        if attribute.name == "databases":
            yield from keys_below(part, joined(path, ANY_NAME))
            continue
        for name in READ_MODEL_NAMES:
            yield joined(path, name), None
            yield from keys_below(part, joined(path, name))


def meant_key(cls: type[attrs.AttrsInstance], key: object) -> str | None:
    """The key of the table that is most like this one."""
    return nearest(key, attrs.fields_dict(cls))


def unknown_key(cls: type[attrs.AttrsInstance], parent: str, key: object) -> str:
    """The mistake of a key that its table does not have."""
    # Perhaps it is a right key in the wrong table.
    elsewhere = [path for path, _ in keys_below() if path.rpartition(".")[2] == key]
    meant = meant_key(cls, key)
    if len(elsewhere) == 1:
        hint = f"did you mean {elsewhere[0]}?"
    elif meant is not None:
        hint = f"did you mean {joined(parent, meant)}?"
    else:
        hint = f"the keys here are {', '.join(attrs.fields_dict(cls))}"
    return f"{joined(parent, key)}: unknown key; {hint}"
