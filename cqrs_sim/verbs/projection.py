"""`cqrs-sim projection`: the read models of a store on disk."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from cqrs_sim.verbs import exits
from cqrs_sim.verbs.log import store_argument
from cqrs_sim.verbs.options import no_color_option


@click.group(short_help="Read models on disk: how far they are; make one anew.")
def projection() -> None:
    """The read models of a store, the folder that a run with a durable log leaves.

    STORE is the folder that --store named, or a result's folder with a store in it; by default
    $CQRS_SIM_STORE, or "store".
    """


@projection.command(short_help="How far each read model is behind the log.")
@store_argument
@click.option("--json", "as_json", is_flag=True, help="The same as JSON on stdout.")
@no_color_option
def status(store: Path, as_json: bool) -> int:
    """Show the read models of STORE: checkpoint, positions behind, bytes.

    It only looks, also while a run writes to the store.
    """
    import attrs

    from cqrs_sim.auditing import store_in
    from cqrs_sim.projections.status import status_of
    from cqrs_sim.terminal.projection import show_status
    from cqrs_sim.terminal.screen import Screen

    found = status_of(store_in(store))
    screen = Screen(sys.stdout)
    if as_json:
        screen.write(f"{json.dumps(attrs.asdict(found), indent=2)}\n")
    else:
        show_status(screen, found)
    return 0


@projection.command(short_help="Make a read model anew from the log.")
@click.argument("places", nargs=-1, required=True, metavar="[STORE] NAME")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
@no_color_option
def rebuild(places: Sequence[str], quiet: bool) -> int:
    """Make the read model NAME (orders, statistics, search) of STORE anew from the whole log.

    It grows beside the live file, is compared with a fold of the log row by row, and replaces the
    live file at once. Interrupted at any instant the live file is as it was. No run may have the
    store meanwhile. Exit code 3 if the new one is wrong; then the live file stays.
    """
    from cqrs_sim.auditing import store_in
    from cqrs_sim.projections.rebuilding import rebuild_file
    from cqrs_sim.terminal.projection import RebuildLine, show_rebuilt
    from cqrs_sim.terminal.screen import Screen

    *stores, name = places
    if len(stores) > 1:
        raise click.UsageError(f"one store and one read model at a time, not {' '.join(places)}")
    line = RebuildLine(Screen(sys.stderr), name, is_quiet=quiet)
    try:
        store = stores[0] if stores else os.environ.get("CQRS_SIM_STORE", "store")
        found = rebuild_file(store_in(Path(store)), name, told=line)
    finally:
        line.close()
    show_rebuilt(Screen(sys.stdout), found)
    return exits.first_of({exits.INCORRECT: not found.is_right})
