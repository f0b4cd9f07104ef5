"""`cqrs-sim demo`."""

import sys
from typing import Literal

import click

from cqrs_sim.verbs.options import engine_option, no_color_option, seed_option


@click.command(short_help="Six commands and four queries, and the lag of each read model.")
@click.argument("scenario", required=False)
@engine_option("virtual", "wall")
@seed_option
@no_color_option
def demo(scenario: str | None, engine: Literal["virtual", "wall"], seed: int) -> None:
    """Six commands and four queries, told with the lag of every read model.

    SCENARIO gives other service times: a preset's name or a TOML file.
    """
    from cqrs_sim.demo import run_demo
    from cqrs_sim.simulation import load_scenario
    from cqrs_sim.terminal.demo import show_demo
    from cqrs_sim.terminal.screen import Screen

    loaded = None if scenario is None else load_scenario(scenario)
    show_demo(Screen(sys.stdout), run_demo(loaded, clock=engine, seed=seed))
