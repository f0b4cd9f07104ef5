"""`cqrs-sim scenarios` and `cqrs-sim validate`."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from cqrs_sim.errors import InvalidCommandLogError, InvalidScenarioError
from cqrs_sim.verbs.exits import USAGE, complain


@click.command(short_help="List the shipped scenarios, or print one.")
@click.argument("name", required=False)
def scenarios(name: str | None) -> None:
    """List the scenarios that are shipped, or print the one called NAME as TOML."""
    from cqrs_sim.scenario.presets import load_preset, preset_names, preset_text
    from cqrs_sim.terminal.screen import Screen, show_pairs

    screen = Screen(sys.stdout)
    if name is not None:
        screen.write(preset_text(name))
        return
    show_pairs(
        screen,
        "Scenarios: cqrs-sim run NAME",
        [(preset, load_preset(preset).description) for preset in preset_names()],
    )


@click.command(short_help="Check scenario files.")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
def validate(files: Sequence[str]) -> int:
    """Check scenario files; every mistake is listed, one line each."""
    from cqrs_sim.terminal.screen import Screen, show_lines

    codes = []
    for file in files:
        mistakes = _mistakes(Path(file))
        codes.append(USAGE if mistakes else 0)
        if mistakes:
            complain(*mistakes)
        else:
            show_lines(Screen(sys.stdout), [f"{file}: ok"])
    return max(codes)


def _mistakes(path: Path) -> list[str]:
    """What is wrong with a scenario file, or with the command log that it replays."""
    from cqrs_sim.simulation import checked_thresholds, load_scenario

    try:
        scenario = load_scenario(path)
        checked_thresholds(scenario)
        if scenario.load.model == "replay" and scenario.load.log is not None:
            from cqrs_sim.engines.planning import recorded

            recorded(Path(scenario.load.log))
    except InvalidScenarioError as error:
        return [_with_name(path, mistake) for mistake in error.mistakes]
    except InvalidCommandLogError as error:
        return list(error.mistakes)
    return []


def _with_name(path: Path, mistake: str) -> str:
    return mistake if mistake.startswith(f"{path}: ") else f"{path}: {mistake}"
