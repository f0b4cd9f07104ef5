"""Options that several verbs have."""

import os
from collections.abc import Callable
from typing import TypeVar

import click

T = TypeVar("T", bound=Callable[..., object])

_ENGINES = {
    "virtual": "simulated, same numbers everywhere",
    "wall": "in real time",
    "algebra": "what virtual gives, computed at once, where that can be",
}


def engine_option(*engines: str) -> Callable[[T], T]:
    """Which of some engines is to run it."""
    return click.option(
        "--engine",
        type=click.Choice(engines),
        default="virtual",
        show_default=True,
        envvar="CQRS_SIM_ENGINE",
        show_envvar=True,
        help="; ".join(f"{engine}: {_ENGINES[engine]}" for engine in engines) + ".",
    )


def settings_option(example: str) -> Callable[[T], T]:
    """Any setting of the scenario, with an example that suits the verb."""
    return click.option(
        "--set",
        "settings",
        metavar="PATH=VALUE",
        multiple=True,
        help=f'Any setting of the scenario, such as "{example}"; repeatable.',
    )


jobs_option = click.option(
    "-j",
    "-J",
    "--jobs",
    type=click.IntRange(1, 1_000),
    metavar="N",
    help="Processes that share the work; the result does not depend on it.  "
    "[default: one a processor]",
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


def _without_colour(context: click.Context, _: click.Parameter, is_asked_for: bool) -> None:
    """Ask for it in the way that everything below knows, and only while this command runs."""
    if not is_asked_for:
        return
    before = os.environ.get("NO_COLOR")
    os.environ["NO_COLOR"] = "1"

    def restore() -> None:
        if before is None:
            os.environ.pop("NO_COLOR", None)
        else:
            os.environ["NO_COLOR"] = before

    context.call_on_close(restore)


no_color_option = click.option(
    "--no-color",
    is_flag=True,
    expose_value=False,
    callback=_without_colour,
    help="No colours, as with NO_COLOR set.",
)
