"""`cqrs-sim reads`: what a fresh read costs, by the three ways to get one."""

import json
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from cqrs_sim.verbs import exits
from cqrs_sim.verbs.exits import complain
from cqrs_sim.verbs.options import engine_option, no_color_option, seed_option, settings_option

if TYPE_CHECKING:
    from cqrs_sim.fresh_reads import FreshReads


@click.command(short_help="Compare the ways to read one's own write.")
@click.argument("scenario", default="default")
@engine_option("virtual", "wall")
@seed_option
@settings_option("queries.timeout=2ms")
@click.option("-o", "--out", metavar="FOLDER", help="A new folder for JSON and the figure.")
@click.option("--json", "as_json", is_flag=True, help="What was found, as JSON on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
@no_color_option
def reads(
    scenario: str,
    engine: Literal["virtual", "wall"],
    seed: int,
    settings: Sequence[str],
    out: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Run SCENARIO three times with the same draws, and compare what reads by id pay and get.

    They are eventual (answered at once), at_least (waiting for one's own last write), and
    write_side (queueing behind the commands of the order). Each pays in response or in staleness;
    the table has both. Ctrl-C ends all three, and nothing is written.
    """
    from cqrs_sim.fresh_reads import compare_reads
    from cqrs_sim.new_folders import check_folder, write_folder
    from cqrs_sim.simulation import load_scenario
    from cqrs_sim.terminal.progress import ProgressLine
    from cqrs_sim.terminal.reads import show_fresh_reads
    from cqrs_sim.terminal.screen import Screen

    loaded = load_scenario(scenario, settings)
    if out is not None:
        check_folder(Path(out))
    progress = ProgressLine(Screen(sys.stderr), engine, is_quiet=quiet)
    try:
        found = compare_reads(loaded, engine=engine, seed=seed, progress=progress)
    finally:
        progress.close()
    if out is not None:
        write_folder(Path(out), partial(_write, found), what="what was found")
    if as_json:
        Screen(sys.stdout).write(_json(found))
    else:
        show_fresh_reads(Screen(sys.stdout), found)
    return _code_of(found)


def _json(found: "FreshReads") -> str:
    return f"{json.dumps(found.to_json(), indent=2, allow_nan=False)}\n"


def _write(found: "FreshReads", folder: Path) -> None:
    from cqrs_sim.plots.reads import write_fresh_reads

    (folder / "reads.json").write_text(_json(found), encoding="utf-8")
    write_fresh_reads(folder, found.summaries.values(), found.title)


def _code_of(found: "FreshReads") -> int:
    """The exit code, as of a run; what is wrong with which of the three is told."""
    summaries = {name: result.summary for name, result in found.results.items()}
    for name, summary in summaries.items():
        failed = [check for check in summary.checks if not check.ok]
        complain(*(f"{name}: check FAILED: {check.name}: {check.detail}" for check in failed))
        complain(*(f"{name}: measurement INVALID: {reason}" for reason in summary.invalid))
    return exits.first_of(
        {
            exits.INCORRECT: not all(summary.is_correct for summary in summaries.values()),
            exits.INVALID: any(summary.invalid for summary in summaries.values()),
        }
    )
