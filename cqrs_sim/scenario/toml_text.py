"""A scenario as TOML text: resolved, so that every key is there, and runnable as it stands.

There is no TOML writer in the standard library, and none is needed for a structure as flat as
this: a table a part, and whatever a part contains inline, on one line.
"""

from collections.abc import Iterator

import attrs

from cqrs_sim.scenario.parts import RateSegment
from cqrs_sim.scenario.scenario import Scenario
from cqrs_sim.scenario.units import quantity_of
from cqrs_sim.scenario.wording import key_shown


def to_toml(scenario: Scenario) -> str:
    """The whole scenario as TOML; reading it back gives an equal scenario."""
    return "\n".join(_table("", scenario)).lstrip("\n") + "\n"


def _table(path: str, table: attrs.AttrsInstance) -> Iterator[str]:
    """The lines of a table: its own keys first, since TOML gives a key to the last header."""
    if path:
        yield f"\n[{path}]"
    below: dict[str, attrs.AttrsInstance] = {}
    for name, value in _pairs(table):
        if isinstance(value, str):
            yield f"{name} = {value}"
        else:
            below |= {f"{path}.{name}" if path else name: value}
    for path_below, table_below in below.items():
        yield from _table(path_below, table_below)


def _pairs(table: attrs.AttrsInstance) -> Iterator[tuple[str, str | attrs.AttrsInstance]]:
    """Names with written values, or with tables that get a header of their own."""
    for attribute in attrs.fields(type(table)):
        name, value = attribute.name, getattr(table, attribute.name)
        quantity = quantity_of(attribute)
        if quantity is not None:
            if value is not None:
                yield name, quantity.write(value)
        elif isinstance(value, tuple):
            # No profile is no key, as no rate is none.
            if value:
                yield name, _array(value)
        elif isinstance(value, dict):
            for key, member in value.items():
                yield f"{name}.{key_shown(key)}", member
        elif isinstance(table, Scenario):
            yield name, value
        elif value is not None and dict(_pairs(value)):
            yield name, _inline(value)


def _array(tables: tuple[attrs.AttrsInstance, ...]) -> str:
    return "[\n" + "".join(f"    {_inline(table)},\n" for table in tables) + "]"


def _inline(table: attrs.AttrsInstance) -> str:
    pairs = dict(_pairs(table))
    if isinstance(table, RateSegment) and table.start == table.end:
        pairs = {"duration": pairs["duration"], "rate": pairs["start"]}
    return "{ " + ", ".join(f"{name} = {value}" for name, value in pairs.items()) + " }"
