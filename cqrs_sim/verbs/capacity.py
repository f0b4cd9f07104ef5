"""`cqrs-sim capacity`: the highest rate that a scenario holds under a limit."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from cqrs_sim.errors import ResultFolderError
from cqrs_sim.verbs import exits
from cqrs_sim.verbs.exits import complain
from cqrs_sim.verbs.options import jobs_option, seed_option, settings_option

if TYPE_CHECKING:
    from cqrs_sim.highest_rate.answer import Capacity
    from cqrs_sim.highest_rate.limits import Limit
    from cqrs_sim.highest_rate.search import Wanted
    from cqrs_sim.highest_rate.steps import Steps
    from cqrs_sim.scenario.scenario import Scenario
    from cqrs_sim.terminal.capacity import SearchLine
    from cqrs_sim.terminal.screen import Screen


@click.command(short_help="Find the highest rate that keeps a limit.")
@click.argument("scenario", default="default")
@click.option(
    "--slo",
    "limits",
    metavar="LIMIT",
    multiple=True,
    required=True,
    help='An upper limit on any number of the summary, such as "lag.orders.p99 < 250ms"; '
    "repeatable: then all of them are kept.",
)
@click.option(
    "--engine",
    type=click.Choice(("algebra", "wall")),
    default="algebra",
    show_default=True,
    help="algebra: computed (simulated by virtual where it cannot be), with an interval; wall: "
    "steps in real time on this machine, with a bracket.",
)
@seed_option
@settings_option("run.duration=2min")
@click.option(
    "--precision",
    type=click.FloatRange(0.01, 50.0),
    metavar="PERCENT",
    default=1.0,
    show_default=True,
    help="Half width of the interval that is enough, in per cent of the rate.",
)
@click.option(
    "--max-replications",
    "most",
    type=click.IntRange(10, 10_000),
    metavar="N",
    default=200,
    show_default=True,
    help="Where the search gives up.",
)
@click.option(
    "--confirm",
    type=click.IntRange(0, 1_000),
    metavar="N",
    default=10,
    show_default=True,
    help="Runs of the virtual engine, with fresh seeds, at each end of the interval; 0: none.",
)
@jobs_option
@click.option(
    "-o",
    "--out",
    metavar="FOLDER",
    help="Where the answer goes; by default a new folder in results/.",
)
@click.option("--force", is_flag=True, help="Replace an earlier answer in that folder.")
@click.option("--json", "as_json", is_flag=True, help="The answer as JSON on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="No progress, and only the answer at the end.")
def capacity(
    scenario: str,
    limits: Sequence[str],
    engine: Literal["algebra", "wall"],
    seed: int,
    settings: Sequence[str],
    precision: float,
    most: int,
    confirm: int,
    jobs: int | None,
    out: str | None,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Find the highest load.rate at which SCENARIO keeps every limit.

    Also: which stage limits it, what a tenth off that stage's time would bring, and whether the
    virtual engine confirms it with fresh seeds. Ctrl-C ends the search; what is known is shown and
    written, and marked incomplete. Exit code 99 if no rate holds.
    """
    from cqrs_sim.engines.interrupts import no_interrupts
    from cqrs_sim.highest_rate.folder import check_place, json_text, write_answer
    from cqrs_sim.highest_rate.limits import checked_limits, refuse_unsearchable
    from cqrs_sim.highest_rate.search import Wanted
    from cqrs_sim.new_folders import free_folder
    from cqrs_sim.simulation import load_scenario
    from cqrs_sim.terminal.capacity import SearchLine
    from cqrs_sim.terminal.screen import Screen, show_lines

    loaded = load_scenario(scenario, settings)
    refuse_unsearchable(loaded)
    checked = checked_limits(limits, loaded)
    folder = free_folder(loaded.name, f"capacity-{engine}") if out is None else Path(out)
    check_place(folder, force=force)
    wanted = Wanted(
        seed=seed,
        precision=precision / 100.0,
        most=most,
        jobs=jobs or os.cpu_count() or 1,
        confirmed_by=confirm,
        curve=True,
    )
    line = SearchLine(Screen(sys.stderr), is_quiet=quiet)
    try:
        found = _search(loaded, checked, engine, wanted, line)
        line("drawing the figure")
        unwritten = None
        with no_interrupts():
            try:
                write_answer(found, folder, force=force)
            except ResultFolderError as error:
                unwritten = error
    finally:
        line.close()
    if as_json:
        Screen(sys.stdout).write(json_text(found.to_json()))
    if not (as_json and quiet):
        screen = Screen(sys.stderr if as_json else sys.stdout)
        _show(screen, found, is_quiet=quiet)
        if unwritten is None:
            show_lines(screen, [f"written to {folder}"])
    if unwritten is not None:
        complain(str(unwritten))
    return _code_of(found, is_written=unwritten is None)


def _search(
    scenario: "Scenario",
    limits: "Sequence[Limit]",
    engine: str,
    wanted: "Wanted",
    line: "SearchLine",
) -> "Capacity | Steps":
    from cqrs_sim.highest_rate.search import search
    from cqrs_sim.highest_rate.steps import search_steps

    if engine == "wall":
        return search_steps(scenario, limits, wanted.seed, told=line.step)
    return search(scenario, limits, wanted, line)


def _show(screen: "Screen", found: "Capacity | Steps", *, is_quiet: bool) -> None:
    from cqrs_sim.highest_rate.steps import Steps
    from cqrs_sim.terminal.capacity import show_capacity, show_steps

    if isinstance(found, Steps):
        show_steps(screen, found, is_quiet=is_quiet)
    else:
        show_capacity(screen, found, is_quiet=is_quiet)


def _code_of(found: "Capacity | Steps", *, is_written: bool) -> int:
    from cqrs_sim.highest_rate.steps import Steps

    if isinstance(found, Steps):
        is_wrong, is_invalid = False, found.end == "generator"
        is_none = found.end == "none"
    else:
        confirmation = found.confirmation
        is_wrong = confirmation is not None and bool(confirmation.differ)
        is_invalid, is_none = False, found.kind == "none"
    return exits.first_of(
        {
            exits.INTERRUPTED: not found.is_complete,
            exits.ENVIRONMENT: not is_written,
            exits.INCORRECT: is_wrong,
            exits.INVALID: is_invalid,
            exits.FAILED: is_none,
        }
    )
