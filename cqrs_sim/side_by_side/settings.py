"""The command line's settings: of the base scenario, and of the costs."""

from collections.abc import Sequence

import attrs

from cqrs_sim.architectures.catalogue import BASE
from cqrs_sim.architectures.costs import CostRow, Costs, cost_rows
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.scenario.reading import read_scenario, to_toml
from cqrs_sim.scenario.scenario import Scenario
from cqrs_sim.scenario.unit_text import duration_ns
from cqrs_sim.scenario.wording import nearest, shown

REPLACED = ("name", "description", "write_side", "read_models", "databases")
"""Of the base: what each architecture says itself. (Of the write side mailbox, policy and
passivation are kept.)"""
KEPT = ("mailbox", "policy", "passivate_after")


def base_scenario(settings: Sequence[str]) -> Scenario:
    """The base of all architectures, with settings on top of it.

    Raises:
        InvalidScenarioError: if a setting is none, or one of what the architectures differ in.
    """
    mistakes = [mistake for mistake in map(_refused, settings) if mistake]
    if mistakes:
        raise InvalidScenarioError(mistakes)
    return read_scenario(to_toml(BASE), settings)


def _refused(setting: str) -> str:
    """Why a setting would be lost; "" if it is not."""
    path = setting.partition("=")[0].strip()
    names = path.split(".")
    is_lost = names[0] in REPLACED and not (names[0] == "write_side" and names[-1] in KEPT)
    is_lost = is_lost or path.startswith(("queries.service", "queries.cache"))
    if not is_lost:
        return ""
    return (
        f"--set {shown(path)}: is what the architectures differ in; set load, workload, run or "
        "queries.mix, or a cost by --cost"
    )


def costs_with(settings: Sequence[str]) -> Costs:
    """The costs, with "name=value" settings on top of the defaults.

    Raises:
        InvalidScenarioError: one line for each that has no known name, or no value that can be.
    """
    costs, mistakes = Costs(), []
    known = {row.name: row for row in cost_rows(costs)}
    for setting in settings:
        name, equals, text = (part.strip() for part in setting.partition("="))
        try:
            if not equals or name not in known:
                raise ValueError(_unknown(name, equals, known))
            costs = _replaced(costs, name.split("."), _value(known[name], text))
        except InvalidScenarioError as error:
            # attrs names the field by its class and last name; what was typed is the path.
            mistakes += [
                f"--cost {name} = {text}: {mistake.partition(': ')[2]}"
                for mistake in error.mistakes
            ]
        except ValueError as error:
            mistakes.append(f"--cost {shown(setting)}: {error}")
    if mistakes:
        raise InvalidScenarioError(mistakes)
    return costs


def _unknown(name: str, equals: str, known: dict[str, CostRow]) -> str:
    if not equals:
        return "must be name=value, such as commit=2ms"
    near = nearest(name, known)
    hint = f"did you mean {near}?" if near else f"there are: {', '.join(known)}"
    return f"there is no such cost; {hint}"


def _value(row: CostRow, text: str) -> int:
    if row.is_duration:
        return duration_ns(text)
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise ValueError("must be a whole number, such as 4")
    return int(text)


def _replaced(table: Costs, path: Sequence[str], value: int) -> Costs:
    """The same with another value at a path of one or two names."""
    if len(path) == 1:
        return attrs.evolve(table, **{path[0]: value})  # type: ignore[arg-type]  # By its name
    inner = attrs.evolve(getattr(table, path[0]), **{path[1]: value})
    return attrs.evolve(table, **{path[0]: inner})
