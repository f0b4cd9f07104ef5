"""`cqrs-sim calibrate`: measure the real stages here, and hold the model against real runs."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from cqrs_sim.verbs import exits
from cqrs_sim.verbs.options import seed_option, settings_option


@click.command(short_help="Measure this machine's stage times, as a scenario.")
@click.argument("scenario", default="default")
@seed_option
@settings_option("workload.kind=amendments")
@click.option(
    "-o",
    "--out",
    metavar="FOLDER",
    help="Where it goes; by default a new folder in results/.",
)
@click.option("--force", is_flag=True, help="Replace an earlier calibration in that folder.")
@click.option("--json", "as_json", is_flag=True, help="What was found, as JSON on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="No progress, and only the verdict at the end.")
def calibrate(
    scenario: str,
    seed: int,
    settings: Sequence[str],
    out: str | None,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Measure what the stages of SCENARIO really take on this machine.

    All its services become real, and its load is replaced: flat out for the saturation rate, then
    shares of that. Written are a scenario with the measured times, which virtual simulates, and a
    page with its predictions beside what was measured. Takes about half a minute; leave the machine
    alone meanwhile.

    Exit code 4 if the load generator could not keep to its plan in most runs at half of saturation.
    """
    from cqrs_sim.calibration.calibrate import calibrate as calibrate_scenario
    from cqrs_sim.calibration.folder import check_place, json_text, write_calibration
    from cqrs_sim.engines.interrupts import no_interrupts
    from cqrs_sim.new_folders import free_folder
    from cqrs_sim.simulation import load_scenario
    from cqrs_sim.terminal.calibration import CalibrationLine, show_calibration
    from cqrs_sim.terminal.screen import Screen, show_lines

    loaded = load_scenario(scenario, settings)
    folder = free_folder(loaded.name, "calibration") if out is None else Path(out)
    check_place(folder, force=force)
    line = CalibrationLine(Screen(sys.stderr), is_quiet=quiet)
    try:
        found = calibrate_scenario(loaded, seed=seed, progress=line)
    finally:
        line.close()
    with no_interrupts():
        write_calibration(found, folder, force=force)
    if as_json:
        Screen(sys.stdout).write(json_text(found))
    if not (as_json and quiet):
        screen = Screen(sys.stderr if as_json else sys.stdout)
        show_calibration(screen, found, is_quiet=quiet)
        show_lines(screen, [f"written to {folder}"])
    return exits.first_of({exits.INVALID: found.is_invalid})
