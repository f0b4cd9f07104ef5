"""`cqrs-sim log`: what is in a durable log, and whether it holds together."""

import json
import sys
from pathlib import Path

import click

from cqrs_sim.verbs import exits
from cqrs_sim.verbs.exits import complain
from cqrs_sim.verbs.options import no_color_option

store_argument = click.argument(
    "store", type=click.Path(path_type=Path), default="store", envvar="CQRS_SIM_STORE"
)


@click.group(short_help="Look into a durable log, or audit it.")
def log() -> None:
    """Look into a durable log, or audit it.

    STORE is the folder that --store named, or a result's folder with a store in it; by default
    $CQRS_SIM_STORE, or "store".
    """


@log.command(short_help="The events of an order, and its state after each.")
@store_argument
@click.option("--order", "order_id", metavar="ID", required=True, help="Which order.")
@click.option("--json", "as_json", is_flag=True, help="The events as JSON on stdout.")
@no_color_option
def show(store: Path, order_id: str, as_json: bool) -> int:
    """Show the events of an order, and its state after each.

    Exit code 2 if there is no such order.
    """
    from cqrs_sim.auditing import history_of
    from cqrs_sim.terminal.log import show_history
    from cqrs_sim.terminal.screen import Screen

    history = history_of(store, order_id)
    if not history.steps:
        first = history.first_order_id
        like = "the log has no events" if first is None else f"the first of the log is {first!r}"
        complain(f"{store}: there is no order {order_id!r}; {like}")
        return exits.USAGE
    screen = Screen(sys.stdout)
    if as_json:
        steps = [step.to_json() for step in history.steps]
        screen.write(f"{json.dumps({'order': order_id, 'events': steps}, indent=2)}\n")
    else:
        show_history(screen, history)
    return 0


@log.command(short_help="Whether all of a log holds together.")
@store_argument
@click.option("--json", "as_json", is_flag=True, help="What was found, as JSON on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
@no_color_option
def verify(store: Path, as_json: bool, quiet: bool) -> int:
    """Check pages, positions, versions, checksums, and that each order's events follow.

    Exit code 3 with the first witness if anything is wrong.
    """
    from cqrs_sim import auditing
    from cqrs_sim.terminal.log import AuditLine, show_verified
    from cqrs_sim.terminal.screen import Screen

    progress = AuditLine(Screen(sys.stderr), is_quiet=quiet)
    try:
        found = auditing.verify(store, progress)
    finally:
        progress.close()
    screen = Screen(sys.stdout)
    if as_json:
        screen.write(f"{json.dumps(found.to_json(), indent=2, allow_nan=False)}\n")
    else:
        show_verified(screen, found)
    return exits.first_of({exits.INCORRECT: found.finding is not None})
