"""`cqrs-sim delivery`: what is lost and doubled, by who tells the readers and what is promised."""

import json
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.verbs import exits
from cqrs_sim.verbs.options import no_color_option, seed_option

if TYPE_CHECKING:
    from cqrs_sim.delivery.comparison import DeliveryComparison


@click.command(short_help="Count what each way to deliver events loses and doubles.")
@click.option("--rate", metavar="RATE", help='Of the commands, such as "400/s".  [default: 800/s]')
@click.option(
    "--crashes",
    type=click.IntRange(1, 100),
    metavar="N",
    default=5,
    show_default=True,
    help="Of each process, between its two steps; one a second.",
)
@seed_option
@click.option("--strict", is_flag=True, help="Exit with 3 if anything was lost or doubled.")
@click.option("-o", "--out", metavar="FOLDER", help="A new folder for JSON and the figure.")
@click.option("--json", "as_json", is_flag=True, help="What was found, as JSON on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="No progress.")
@no_color_option
def delivery(
    rate: str | None,
    crashes: int,
    seed: int,
    strict: bool,
    out: str | None,
    as_json: bool,
    quiet: bool,
) -> int:
    """Run one load under each way to deliver, with the same draws and the same planned crashes.

    The writer ends between storing and publishing (log first, dual write); projectors end between
    the effects of a batch and its checkpoint (at least once, at most once, exactly-once effect).
    What is wrong here is so on purpose: the exit code is 0, unless it is to be --strict.
    """
    from cqrs_sim.delivery.comparison import compare_deliveries
    from cqrs_sim.new_folders import check_folder, write_folder
    from cqrs_sim.terminal.delivery import show_deliveries
    from cqrs_sim.terminal.progress import ProgressLine
    from cqrs_sim.terminal.screen import Screen

    if out is not None:
        check_folder(Path(out))
    rate_per_s = None if rate is None else _rate(rate)
    progress = ProgressLine(Screen(sys.stderr), "virtual", is_quiet=quiet)
    try:
        found = compare_deliveries(
            rate_per_s=rate_per_s, crashes=crashes, seed=seed, progress=progress
        )
    finally:
        progress.close()
    if out is not None:
        write_folder(Path(out), partial(_write, found), what="what was found")
    if as_json:
        Screen(sys.stdout).write(_json(found))
    else:
        show_deliveries(Screen(sys.stdout), found)
    is_wrong = not all(outcome.is_right for outcome in found.outcomes)
    return exits.INCORRECT if strict and is_wrong else 0


def _rate(text: str) -> float:
    from cqrs_sim.scenario.units import parse_rate
    from cqrs_sim.scenario.wording import shown

    try:
        return parse_rate(text)
    except ValueError as error:
        raise InvalidScenarioError([f"--rate = {shown(text)}: {error}"]) from None


def _json(found: "DeliveryComparison") -> str:
    return f"{json.dumps(found.to_json(), indent=2, allow_nan=False)}\n"


def _write(found: "DeliveryComparison", folder: Path) -> None:
    from cqrs_sim.plots.delivery import EffectCounts, write_deliveries

    (folder / "delivery.json").write_text(_json(found), encoding="utf-8")
    counts = [
        EffectCounts(label=one.variant, lost=one.lost, doubled=one.doubled)
        for one in found.outcomes
    ]
    write_deliveries(folder, counts, found.title)
