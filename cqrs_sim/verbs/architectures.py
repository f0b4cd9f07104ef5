"""`cqrs-sim architectures`: all architectures under one load, on a page and in a table."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cqrs_sim.errors import ResultFolderError
from cqrs_sim.verbs import exits
from cqrs_sim.verbs.exits import complain
from cqrs_sim.verbs.options import no_color_option, seed_option, settings_option

if TYPE_CHECKING:
    from cqrs_sim.side_by_side.comparison import ArchitectureComparison


@click.command(short_help="Compare CRUD and kinds of CQRS under one load.")
@click.option("--rate", metavar="RATE", help='Operations a second, such as "400/s".')
@click.option("--duration", metavar="TIME", help='How long load is made, such as "30s".')
@seed_option
@click.option(
    "--substrate",
    "substrates",
    metavar="NAME",
    multiple=True,
    help="What they stand on: modelled (costs, simulated), memory or sqlite (real work, on this "
    "machine); repeatable.  [default: all that there are]",
)
@settings_option("queries.share=0.9")
@click.option(
    "--cost",
    "costs",
    metavar="NAME=VALUE",
    multiple=True,
    help='Any of the costs that all of them share, such as "commit=2ms"; repeatable.',
)
@click.option(
    "-o",
    "--out",
    metavar="FOLDER",
    help="Where the page and the runs go; by default a new folder in results/.",
)
@click.option("--strict", is_flag=True, help="Exit code 3 if any architecture diverged.")
@click.option("--json", "as_json", is_flag=True, help="The numbers as JSON on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="No progress, and only the answer at the end.")
@no_color_option
def architectures(
    rate: str | None,
    duration: str | None,
    seed: int,
    substrates: Sequence[str],
    settings: Sequence[str],
    costs: Sequence[str],
    out: str | None,
    strict: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Run crud, simple, event_sourced, separate, multiple and tutorial under the same load.

    They differ in their architecture only: load, draws and costs are shared. The page in the folder
    says what each buys and what it gives up; crud is the control. Ctrl-C ends it; what is known is
    shown and written, and marked incomplete.
    """
    from cqrs_sim.engines.interrupts import no_interrupts
    from cqrs_sim.new_folders import check_folder, free_folder
    from cqrs_sim.side_by_side.comparison import compare_architectures
    from cqrs_sim.side_by_side.settings import base_scenario, costs_with
    from cqrs_sim.side_by_side.substrates import available
    from cqrs_sim.terminal.architectures import ComparisonLine
    from cqrs_sim.terminal.screen import Screen

    short = (("load.rate", rate), ("run.duration", duration))
    named = [f"{path}={value}" for path, value in short if value is not None]
    base = base_scenario([*named, *settings])
    shared = costs_with(costs)
    folder = free_folder("architectures", f"seed{seed}") if out is None else Path(out)
    check_folder(folder)
    line = ComparisonLine(Screen(sys.stderr), is_quiet=quiet)
    try:
        comparison = compare_architectures(
            base, shared, seed=seed, substrates=substrates or available(), progress=line
        )
        line.stage("writing the page")
        with no_interrupts():
            unwritten = _write(comparison, folder)
    finally:
        line.close()
    _show(comparison, folder, is_written=unwritten is None, as_json=as_json, quiet=quiet)
    if unwritten is not None:
        complain(str(unwritten))
    return _code_of(comparison, is_written=unwritten is None, is_strict=strict)


def _write(comparison: "ArchitectureComparison", folder: Path) -> ResultFolderError | None:
    """The error, if it cannot be written: what came out is shown all the same."""
    from cqrs_sim.side_by_side.folder import write_comparison

    try:
        write_comparison(comparison, folder)
    except ResultFolderError as error:
        return error
    return None


def _show(
    comparison: "ArchitectureComparison",
    folder: Path,
    *,
    is_written: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    from cqrs_sim.side_by_side.folder import PAGE, json_text
    from cqrs_sim.side_by_side.substrates import SUBSTRATES
    from cqrs_sim.terminal.architectures import show_architectures
    from cqrs_sim.terminal.screen import Screen, show_lines

    if as_json:
        Screen(sys.stdout).write(json_text(comparison))
    if as_json and quiet:
        return
    screen = Screen(sys.stderr if as_json else sys.stdout)
    show_architectures(screen, comparison.found, SUBSTRATES, is_quiet=quiet)
    if is_written:
        show_lines(screen, [f"written to {folder}; open {folder / PAGE}"])


def _code_of(comparison: "ArchitectureComparison", *, is_written: bool, is_strict: bool) -> int:
    """The exit code. That the tutorial's mechanism diverges is what it is there to show."""
    rows = comparison.found.rows
    # Of whatever keeps no promise of its own no other check may fail.
    is_wrong = any(row.failed and not row.is_diverged for row in rows)
    return exits.first_of(
        {
            exits.INTERRUPTED: not comparison.found.complete,
            exits.ENVIRONMENT: not is_written,
            exits.INCORRECT: is_wrong or (is_strict and any(row.is_diverged for row in rows)),
            exits.INVALID: any(row.invalid for row in rows),
        }
    )
