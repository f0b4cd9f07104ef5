"""`cqrs-sim check`: whether the engines, theory and this machine agree about a scenario."""

import json
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import click

from cqrs_sim.verbs import exits
from cqrs_sim.verbs.options import engine_option, seed_option, settings_option

if TYPE_CHECKING:
    from cqrs_sim.checking.scenario_check import Checked


@click.command(short_help="Hold a scenario against its other engine, and theory.")
@click.argument("scenario", default="default")
@engine_option("virtual", "wall")
@seed_option
@settings_option("workload.kind=amendments")
@click.option("--json", "as_json", is_flag=True, help="What was found, as JSON on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
def check(
    scenario: str,
    engine: Literal["virtual", "wall"],
    seed: int,
    settings: Sequence[str],
    as_json: bool,
    quiet: bool,
) -> int:
    """Check SCENARIO: a preset's name or a TOML file.

    On the virtual engine: virtual minus algebra is 0 in every stamp, nothing is lost or doubled,
    Little's law holds to the nanosecond, and where theory has a closed form, replications agree
    with it. With --engine wall: the same identities in real time, the steps of this machine's
    clock, and whether its load generator keeps a plan.

    Exit code 3 if a check fails, 4 if this machine cannot be measured on.
    """
    from cqrs_sim.checking import scenario_check
    from cqrs_sim.simulation import load_scenario
    from cqrs_sim.terminal.check import show_check
    from cqrs_sim.terminal.progress import ProgressLine
    from cqrs_sim.terminal.screen import Screen

    loaded = load_scenario(scenario, settings)
    progress = ProgressLine(Screen(sys.stderr), engine, is_quiet=quiet)
    try:
        found = scenario_check.check(loaded, engine=engine, seed=seed, teller=progress)
    finally:
        progress.close()
    screen = Screen(sys.stdout)
    if as_json:
        screen.write(f"{json.dumps(found.to_json(), indent=2, allow_nan=False)}\n")
    else:
        show_check(screen, found)
    return _code_of(found)


def _code_of(found: "Checked") -> int:
    return exits.first_of(
        {exits.INCORRECT: not found.is_correct, exits.INVALID: bool(found.invalid)}
    )
