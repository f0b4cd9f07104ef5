"""`cqrs-sim sweep`: one scenario at many settings."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs
import click

from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.verbs import exits
from cqrs_sim.verbs.exits import complain
from cqrs_sim.verbs.options import jobs_option

if TYPE_CHECKING:
    from cqrs_sim.sweeping.sweep import Sweep
    from cqrs_sim.sweeping.table import SweepTable

ENGINES = ("algebra", "virtual", "wall")
DESIGNS = ("grid", "latin_hypercube")
MOST_TOLD = 5
"""Runs that are wrong or invalid; more help nobody."""


@click.command(short_help="Run a scenario at many settings.")
@click.argument("source", default="default")
@click.option(
    "--vary",
    metavar="PATH=VALUES",
    multiple=True,
    help='A factor: levels ("load.rate=400/s,800/s") or a range with spacing and number of levels '
    '("load.rate=200/s..1600/s:log:9"); repeatable.',
)
@click.option(
    "--set",
    "settings",
    metavar="PATH=VALUE",
    multiple=True,
    help='A setting that all points share, such as "run.duration=20s"; repeatable.',
)
@click.option("--engine", type=click.Choice(ENGINES), help="Who runs it.  [default: algebra]")
@click.option(
    "--seed",
    type=click.IntRange(0, 2**64 - 1),
    metavar="NUMBER",
    help="The seeds are this one and those that follow it, at every point.  [default: 0]",
)
@click.option(
    "--replications",
    type=click.IntRange(1, 10_000),
    metavar="N",
    help="Runs at each point.  [default: 10]",
)
@click.option("--design", type=click.Choice(DESIGNS), help="Which points.  [default: grid]")
@click.option("--points", type=click.IntRange(2, 10_000), metavar="N", help="Of a Latin hypercube.")
@click.option(
    "--metric",
    "metrics",
    metavar="NAME",
    multiple=True,
    help='What the figures show, such as "lag.orders.p99"; repeatable.  '
    "[default: p99 of every lag and of the response]",
)
@jobs_option
@click.option(
    "--cluster",
    metavar="ADDRESS",
    help="A Dask scheduler whose workers do the work, such as tcp://127.0.0.1:8786.",
)
@click.option(
    "-o",
    "--out",
    metavar="FOLDER",
    help="Where the results go, or where they were going; by default a folder in results/.",
)
@click.option("--force", is_flag=True, help="Replace another sweep in that folder; begin anew.")
@click.option("-q", "--quiet", is_flag=True, help="No progress, and one line at the end.")
def sweep(
    source: str,
    vary: Sequence[str],
    settings: Sequence[str],
    engine: str | None,
    seed: int | None,
    replications: int | None,
    design: str | None,
    points: int | None,
    metrics: Sequence[str],
    jobs: int | None,
    cluster: str | None,
    out: str | None,
    force: bool,
    quiet: bool,
) -> int:
    """Run SOURCE at many settings: a sweep's TOML file, or a scenario with --vary.

    Every point gets the same seeds, so that points differ by their settings alone. Ctrl-C keeps
    what is finished; the same command goes on from there.
    """
    from cqrs_sim.sweeping.session import Means, conduct
    from cqrs_sim.terminal.screen import Screen, show_lines
    from cqrs_sim.terminal.sweep import SweepLine, show_sweep

    options = {
        "engine": engine,
        "seed": seed,
        "replications": replications,
        "design": design,
        "points": points,
        "metrics": tuple(metrics) or None,
    }
    said = {name: value for name, value in options.items() if value is not None}
    asked = _planned(source, vary, settings, said)
    folder = _folder(asked) if out is None else Path(out)
    processors = 1 if asked.engine == "wall" else os.cpu_count() or 1
    means = Means(jobs=jobs or processors, cluster=cluster, folder=folder, force=force)
    line = SweepLine(Screen(sys.stderr), is_quiet=quiet)
    try:
        table = conduct(asked, means, line, line.stage)
    finally:
        line.close()
    screen = Screen(sys.stdout)
    show_sweep(screen, table, is_quiet=quiet)
    show_lines(screen, [f"written to {folder}"])
    return _code_of(table)


def _planned(
    source: str, vary: Sequence[str], settings: Sequence[str], said: Mapping[str, Any]
) -> "Sweep":
    """The sweep of a file and of the command line, which has the last word."""
    from cqrs_sim.sweeping.factors import parse_factors
    from cqrs_sim.sweeping.sweep import planned
    from cqrs_sim.sweeping.sweep_file import SweepFile, is_sweep_file, read_sweep_file

    file = read_sweep_file(Path(source)) if is_sweep_file(source) else SweepFile(scenario=source)
    factors = parse_factors(vary)
    paths = {factor.path for factor in factors}
    if not factors and not file.factors:
        raise InvalidScenarioError(
            ['--vary: a sweep varies at least one key, as "load.rate=200/s..1600/s:log:9" does']
        )
    together = attrs.evolve(
        file,
        settings=(*file.settings, *settings),
        factors=(*(factor for factor in file.factors if factor.path not in paths), *factors),
        **said,
    )
    return planned(together.request())


def _folder(sweep: "Sweep") -> Path:
    """Where a sweep goes that was given no place: where it was begun, else to a new folder."""
    from cqrs_sim.new_folders import free_folder
    from cqrs_sim.sweeping.folder import SWEEP, difference_from

    def is_own(folder: Path) -> bool:
        return (folder / SWEEP).is_file() and not difference_from(folder, sweep)

    return free_folder(sweep.base.name, f"sweep-{sweep.engine}-seed{sweep.seed}", is_own)


def _code_of(table: "SweepTable") -> int:
    """The exit code; what is wrong with which run is told."""
    for run in table.incorrect[:MOST_TOLD]:
        complain(f"point {run.point}, seed {run.seed}: check FAILED: {', '.join(run.failed)}")
    for run in table.invalid[:MOST_TOLD]:
        complain(f"point {run.point}, seed {run.seed}: INVALID: {'; '.join(run.invalid)}")
    more = max(len(table.incorrect) - MOST_TOLD, 0) + max(len(table.invalid) - MOST_TOLD, 0)
    if more:
        complain(f"and {more:,} more such runs")
    return exits.first_of(
        {
            exits.INTERRUPTED: not table.is_complete,
            exits.INCORRECT: bool(table.incorrect),
            exits.INVALID: bool(table.invalid),
        }
    )
