"""`cqrs-sim report`: the page of a result, made again."""

import os
import sys
from functools import partial
from pathlib import Path

import click

from cqrs_sim.errors import ResultFolderError


@click.command(short_help="Make the report of a result folder again.")
@click.argument("folder")
@click.option(
    "-o", "--out", metavar="FILE", help="A new file for it; by default report.html in the folder."
)
def report(folder: str, out: str | None) -> int:
    """Make report.html from the trace and scenario in FOLDER: one file, for any browser, offline.

    `cqrs-sim run` has made one already. This is for results of earlier versions, or for a second
    place.
    """
    from cqrs_sim.loading import load
    from cqrs_sim.new_folders import write_file
    from cqrs_sim.report.page import write_report
    from cqrs_sim.results import REPORT
    from cqrs_sim.terminal.screen import Screen, show_lines

    path = Path(folder) / REPORT if out is None else Path(out)
    # The page in the folder is ours to make again; whatever else there is may be anybody's.
    if out is not None and os.path.lexists(path):
        raise ResultFolderError(f"{path} exists already; name a new file")
    result = load(folder)
    write_file(path, partial(write_report, result))
    show_lines(Screen(sys.stdout), [f"written to {path}"])
    return 0
