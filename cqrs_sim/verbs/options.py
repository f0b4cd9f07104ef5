"""Options that several verbs have."""

import click

ENGINES = ("virtual", "wall")

engine_option = click.option(
    "--engine",
    type=click.Choice(ENGINES),
    default="virtual",
    show_default=True,
    envvar="CQRS_SIM_ENGINE",
    show_envvar=True,
    help="virtual: simulated, same numbers everywhere; wall: in real time.",
)
seed_option = click.option(
    "--seed",
    type=click.IntRange(0, 2**64 - 1),
    metavar="NUMBER",
    default=0,
    show_default=True,
    envvar="CQRS_SIM_SEED",
    show_envvar=True,
    help="Of all random draws.",
)
