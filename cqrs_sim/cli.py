"""The command line: options in, exit code out.

Whatever an option needs is imported inside its command, so that `--help` answers at once. Settings
take precedence in this order: scenario file, environment (`CQRS_SIM_*`), command line. Results go
to stdout, everything else to stderr. Exit codes: 0 fine, 1 internal error, 2 usage or invalid
scenario, 3 a correctness check failed, 4 the measurement is invalid, 5 the environment (disk,
permission, memory), 130 interrupted; where several apply, the first of 130, 1, 5, 3, 4.
With `CQRS_SIM_DEBUG` set an internal error shows its traceback.
"""

import itertools
import json
import os
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from cqrs_sim.errors import InvalidCommandLogError, InvalidScenarioError, ResultFolderError

if TYPE_CHECKING:
    from cqrs_sim.results import Result

INTERNAL, USAGE, INCORRECT, INVALID, ENVIRONMENT, INTERRUPTED = 1, 2, 3, 4, 5, 130
PRECEDENCE = (INTERRUPTED, INTERNAL, ENVIRONMENT, INCORRECT, INVALID)
ENGINES = ("virtual", "wall")

EXAMPLES = """\b
Examples:
  cqrs-sim demo                        six commands, and when each was visible
  cqrs-sim scenarios                   the scenarios that are shipped
  cqrs-sim run                         the scenario "default", simulated
  cqrs-sim run --rate 1500/s           more load than it can take
  cqrs-sim run --engine wall           the same in real time, on this machine
  cqrs-sim scenarios default > my.toml; cqrs-sim run my.toml
"""


class CommandLine(click.Group):
    """A group that turns every end of a command into an exit code, without tracebacks."""

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run a command and exit."""
        extra["standalone_mode"] = False
        sys.exit(_exit_code(lambda: super(CommandLine, self).main(*args, **extra)))


def _exit_code(command: Callable[[], int | None]) -> int:
    try:
        return command() or 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        _complain("interrupted: nothing was written")
        return INTERRUPTED
    except (InvalidScenarioError, InvalidCommandLogError) as error:
        _complain(*error.mistakes)
        return USAGE
    except MemoryError:
        _complain("not enough memory for a run of this size: lower the rate or the duration")
        return ENVIRONMENT
    except ResultFolderError as error:
        _complain(str(error))
        return ENVIRONMENT
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        _complain(f"{where}{error.strerror or error}")
        return ENVIRONMENT
    except Exception as error:
        _complain(f"internal error: {type(error).__name__}: {error}")
        if os.environ.get("CQRS_SIM_DEBUG"):
            traceback.print_exc()
        else:
            _complain("this is a bug in cqrs-sim; CQRS_SIM_DEBUG=1 shows where")
        return INTERNAL


def _complain(*lines: str) -> None:
    """One line each on stderr, made safe for a terminal."""
    from cqrs_sim.terminal import Screen, show_lines

    show_lines(Screen(sys.stderr), [f"cqrs-sim: {line}" for line in lines])


_engine = click.option(
    "--engine",
    type=click.Choice(ENGINES),
    default="virtual",
    show_default=True,
    envvar="CQRS_SIM_ENGINE",
    show_envvar=True,
    help="virtual: simulated, same numbers everywhere; wall: in real time.",
)
_seed = click.option(
    "--seed",
    type=click.IntRange(0, 2**64 - 1),
    metavar="NUMBER",
    default=0,
    show_default=True,
    envvar="CQRS_SIM_SEED",
    show_envvar=True,
    help="Of all random draws.",
)


@click.group(
    cls=CommandLine,
    invoke_without_command=True,
    epilog=EXAMPLES,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="cqrs-sim", prog_name="cqrs-sim")
@click.pass_context
def main(context: click.Context) -> None:
    """Simulate a CQRS order system, and measure how far its reads trail its writes."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@main.command(short_help="Six commands and four queries, and the lag of each read model.")
@click.argument("scenario", required=False)
@_engine
@_seed
def demo(scenario: str | None, engine: Literal["virtual", "wall"], seed: int) -> None:
    """Six commands and four queries, told with the lag of every read model.

    SCENARIO gives other service times: a preset's name or a TOML file.
    """
    from cqrs_sim.demo import run_demo
    from cqrs_sim.simulation import load_scenario
    from cqrs_sim.terminal import Screen, show_demo

    loaded = None if scenario is None else load_scenario(scenario)
    show_demo(Screen(sys.stdout), run_demo(loaded, clock=engine, seed=seed))


@main.command(short_help="List the shipped scenarios, or print one.")
@click.argument("name", required=False)
def scenarios(name: str | None) -> None:
    """List the scenarios that are shipped, or print the one called NAME as TOML."""
    from cqrs_sim.scenario.presets import load_preset, preset_names, preset_text
    from cqrs_sim.terminal import Screen, show_pairs

    screen = Screen(sys.stdout)
    if name is not None:
        screen.write(preset_text(name))
        return
    show_pairs(
        screen,
        "Scenarios: cqrs-sim run NAME",
        [(preset, load_preset(preset).description) for preset in preset_names()],
    )


@main.command(short_help="Check scenario files.")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
def validate(files: Sequence[str]) -> int:
    """Check scenario files; every mistake is listed, one line each."""
    from cqrs_sim.terminal import Screen, show_lines

    codes = []
    for file in files:
        mistakes = _mistakes(Path(file))
        codes.append(USAGE if mistakes else 0)
        if mistakes:
            _complain(*mistakes)
        else:
            show_lines(Screen(sys.stdout), [f"{file}: ok"])
    return max(codes)


def _mistakes(path: Path) -> list[str]:
    """What is wrong with a scenario file, or with the command log that it replays."""
    from cqrs_sim.simulation import load_scenario

    try:
        scenario = load_scenario(path)
        if scenario.load.model == "replay" and scenario.load.log is not None:
            from cqrs_sim.engines.planning import recorded

            recorded(Path(scenario.load.log))
    except InvalidScenarioError as error:
        return [_with_name(path, mistake) for mistake in error.mistakes]
    except InvalidCommandLogError as error:
        return list(error.mistakes)
    return []


def _with_name(path: Path, mistake: str) -> str:
    return mistake if mistake.startswith(f"{path}: ") else f"{path}: {mistake}"


@main.command(short_help="Run a scenario and write the result.")
@click.argument("scenario", default="default")
@_engine
@_seed
@click.option(
    "--rate",
    metavar="RATE",
    envvar="CQRS_SIM_RATE",
    show_envvar=True,
    help='Operations a second, such as "800/s".',
)
@click.option(
    "--duration",
    metavar="TIME",
    envvar="CQRS_SIM_DURATION",
    show_envvar=True,
    help='How long load is made, such as "30s"; longer than run.warm_up.',
)
@click.option(
    "--set",
    "settings",
    metavar="PATH=VALUE",
    multiple=True,
    help='Any setting of the scenario, such as "read_models.search.batch=10"; repeatable.',
)
@click.option(
    "-o",
    "--out",
    metavar="FOLDER",
    envvar="CQRS_SIM_OUT",
    show_envvar=True,
    help="Where the result goes; by default a new folder in results/.",
)
@click.option("--force", is_flag=True, help="Replace an earlier result in that folder.")
@click.option("--json", "as_json", is_flag=True, help="The summary as JSON on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="No progress, and only the verdict at the end.")
def run(
    scenario: str,
    engine: Literal["virtual", "wall"],
    seed: int,
    rate: str | None,
    duration: str | None,
    settings: Sequence[str],
    out: str | None,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Run SCENARIO: a preset's name or a TOML file.

    Ctrl-C ends the load and drains the system; a second one ends the run. The result is written
    either way, and marked incomplete.
    """
    from cqrs_sim import simulation
    from cqrs_sim.engines.interrupts import no_interrupts
    from cqrs_sim.results import check_folder
    from cqrs_sim.terminal import ProgressLine, Screen

    short = (("load.rate", rate), ("run.duration", duration))
    named = [f"{path}={value}" for path, value in short if value is not None]
    loaded = simulation.load_scenario(scenario, [*named, *settings])
    if duration is not None and loaded.load.model == "replay":
        raise InvalidScenarioError(
            ["run.duration: a replay ends with its log, leave --duration out"]
        )
    folder = _free_folder(loaded.name, engine, seed) if out is None else Path(out)
    # Before the run, since its result would have no place.
    check_folder(folder, force=force)
    progress = ProgressLine(Screen(sys.stderr), engine, is_quiet=quiet)
    try:
        result = simulation.run(loaded, engine=engine, seed=seed, progress=progress)
        progress.stage("drawing figures")
        with no_interrupts():
            unwritten = _write(result, folder, force=force)
    finally:
        progress.close()
    _show(result, folder, is_written=unwritten is None, as_json=as_json, quiet=quiet)
    if unwritten is not None:
        _complain(str(unwritten))
    return _code_of(result, is_written=unwritten is None)


def _free_folder(name: str, engine: str, seed: int) -> Path:
    """Where a result goes that was given no place: never where there is something already."""
    # A name may hold anything, also "../".
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", name)[:60].strip(".-") or "scenario"
    first = Path("results") / f"{safe}-{engine}-seed{seed}"
    others = (first.with_name(f"{first.name}-{number}") for number in itertools.count(2))
    return next(
        folder for folder in itertools.chain([first], others) if not os.path.lexists(folder)
    )


def _write(result: "Result", folder: Path, *, force: bool) -> ResultFolderError | None:
    """The error, if the result cannot be written: what came of the run is shown all the same."""
    from cqrs_sim.results import write_result

    try:
        write_result(result, folder, force=force)
    except ResultFolderError as error:
        return error
    return None


def _show(result: "Result", folder: Path, *, is_written: bool, as_json: bool, quiet: bool) -> None:
    from cqrs_sim.summary_text import show_summary
    from cqrs_sim.terminal import Screen, show_lines

    if as_json:
        summary = json.dumps(result.summary.to_json(), indent=2, allow_nan=False)
        Screen(sys.stdout).write(f"{summary}\n")
    if as_json and quiet:
        return
    screen = Screen(sys.stderr if as_json else sys.stdout)
    show_summary(screen, result, is_quiet=quiet)
    if is_written:
        files = sorted(path.name for path in folder.iterdir())
        listed = "" if quiet else f": {', '.join(files)}"
        show_lines(screen, [f"written to {folder}{listed}"])


def _code_of(result: "Result", *, is_written: bool) -> int:
    summary = result.summary
    codes = {
        INTERRUPTED: not result.complete,
        ENVIRONMENT: not is_written,
        INCORRECT: not summary.is_correct,
        INVALID: bool(summary.invalid),
    }
    return next((code for code in PRECEDENCE if codes.get(code)), 0)
