"""`cqrs-sim compare`: two result folders side by side."""

import json
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cqrs_sim.verbs import exits
from cqrs_sim.verbs.options import no_color_option

if TYPE_CHECKING:
    from cqrs_sim.comparison import Comparison


@click.command(short_help="Compare two results, with intervals.")
@click.argument("a", metavar="BEFORE")
@click.argument("b", metavar="AFTER")
@click.option(
    "--gate",
    "gates",
    metavar="MARGIN",
    multiple=True,
    help='How far a metric may move, such as "lag.orders.p99 +5%" or "rates.accepted -2%"; '
    "repeatable. Exit code 99 if it moved significantly further.",
)
@click.option("--across-engines", is_flag=True, help="Compare a simulated with a measured result.")
@click.option("--markdown", is_flag=True, help="A Markdown table on stdout, for a pull request.")
@click.option("--json", "as_json", is_flag=True, help="The comparison as JSON on stdout.")
@click.option("-o", "--out", metavar="FOLDER", help="A new folder for JSON, Markdown and figures.")
@click.option("-q", "--quiet", is_flag=True, help="Only the verdict, and that of each gate.")
@no_color_option
def compare(
    a: str,
    b: str,
    gates: Sequence[str],
    across_engines: bool,
    markdown: bool,
    as_json: bool,
    out: str | None,
    quiet: bool,
) -> int:
    """Compare the result folders BEFORE and AFTER.

    Replications with the same seeds on both sides are compared in pairs, which shows smaller
    changes; make them with `cqrs-sim run --replications 10`.
    """
    from cqrs_sim import comparison
    from cqrs_sim.loading import load
    from cqrs_sim.new_folders import check_folder, write_folder
    from cqrs_sim.terminal.comparison import show_comparison, to_markdown
    from cqrs_sim.terminal.screen import Screen

    if markdown and as_json:
        raise click.UsageError("--markdown and --json both want stdout: choose one")
    if out is not None:
        check_folder(Path(out))
    before, after = load(a), load(b)
    found = comparison.compare(before, after, gates, across_engines=across_engines)
    if out is not None:
        write_folder(Path(out), partial(_write, found), what="the comparison")
    if as_json:
        Screen(sys.stdout).write(_json(found))
    elif markdown:
        Screen(sys.stdout).write(to_markdown(found))
    else:
        show_comparison(Screen(sys.stdout), found, is_quiet=quiet)
    # What a broken run came to says nothing, whatever the gates make of it.
    exits.complain(*found.incorrect, *found.invalid)
    return exits.first_of(
        {
            exits.INCORRECT: bool(found.incorrect),
            exits.INVALID: bool(found.invalid),
            exits.FAILED: not found.passes,
        }
    )


def _json(found: "Comparison") -> str:
    return f"{json.dumps(found.to_json(), indent=2, allow_nan=False)}\n"


def _write(found: "Comparison", folder: Path) -> None:
    from cqrs_sim.plots.comparison import write_comparison_figures
    from cqrs_sim.terminal.comparison import to_markdown

    (folder / "comparison.json").write_text(_json(found), encoding="utf-8")
    (folder / "comparison.md").write_text(to_markdown(found), encoding="utf-8")
    write_comparison_figures(folder, found)
