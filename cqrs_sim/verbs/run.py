"""`cqrs-sim run`: run a scenario, once or with replications, and write what came of it."""

import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import attrs
import click

from cqrs_sim.errors import InvalidScenarioError, ResultFolderError
from cqrs_sim.verbs import exits
from cqrs_sim.verbs.exits import complain
from cqrs_sim.verbs.options import engine_option, no_color_option, seed_option, settings_option

if TYPE_CHECKING:
    from cqrs_sim.replications import Wanted
    from cqrs_sim.results import Result
    from cqrs_sim.scenario.scenario import Scenario
    from cqrs_sim.terminal.progress import ProgressLine
    from cqrs_sim.verbs.kept_store import StoreAt


@attrs.frozen(kw_only=True)
class _Precision:
    """How many runs are asked for."""

    replications: int | None
    until: str | None
    most: int | None
    jobs: int | None


@click.command(short_help="Run a scenario and write the result.")
@click.argument("scenario", default="default")
@engine_option("virtual", "wall", "algebra")
@seed_option
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
@settings_option("read_models.search.batch=10")
@click.option(
    "--threshold",
    "thresholds",
    metavar="LIMIT",
    multiple=True,
    help='What any number of the summary must come to, such as "lag.orders.p99 < 50ms"; '
    "repeatable, beside those of the scenario. Exit code 99 if it does not.",
)
@click.option(
    "--abort-on-fail",
    is_flag=True,
    help="End the run when an upper limit on a response or lag has failed already; other "
    "thresholds are judged at its end. Of a single run only: with replications a threshold holds "
    "for the mean over them, which one bad seed does not decide.",
)
@click.option(
    "--replications",
    type=click.IntRange(2, 10_000),
    metavar="N",
    help="Run it N times, with the seeds SEED, SEED + 1, ..., and give intervals.",
)
@click.option(
    "--until",
    metavar="PRECISION",
    help='Replicate until a metric is known so well, such as "lag.orders.p99 ±5%" (or +-5%).',
)
@click.option(
    "--max-replications",
    "most",
    type=click.IntRange(10, 10_000),
    metavar="N",
    help="Where --until gives up.  [default: 100]",
)
@click.option(
    "-J",
    "--jobs",
    type=click.IntRange(1, 1_000),
    metavar="N",
    help="Processes that share the replications; the result does not depend on it.  "
    "[default: one a processor]",
)
@click.option(
    "-o",
    "--out",
    metavar="FOLDER",
    envvar="CQRS_SIM_OUT",
    show_envvar=True,
    help="Where the result goes; by default a new folder in results/.",
)
@click.option(
    "--store",
    metavar="FOLDER",
    envvar="CQRS_SIM_STORE",
    show_envvar=True,
    type=click.Path(path_type=Path),
    help='Keep the event log in this new folder, in SQLite; as store = "sqlite", which puts it '
    "into the folder of the result.",
)
@click.option("--force", is_flag=True, help="Replace an earlier result in that folder.")
@click.option("--json", "as_json", is_flag=True, help="The summary as JSON on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="No progress, and only the verdict at the end.")
@no_color_option
def run(
    scenario: str,
    engine: Literal["virtual", "wall", "algebra"],
    seed: int,
    rate: str | None,
    duration: str | None,
    settings: Sequence[str],
    thresholds: Sequence[str],
    abort_on_fail: bool,
    replications: int | None,
    until: str | None,
    most: int | None,
    jobs: int | None,
    out: str | None,
    store: Path | None,
    force: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Run SCENARIO: a preset's name or a TOML file.

    Ctrl-C ends the load and drains the system; a second one ends the run. The result is written
    either way, and marked incomplete. While figures are drawn Ctrl-C does nothing, so that the
    result is whole.
    """
    from cqrs_sim import simulation
    from cqrs_sim.engines.interrupts import no_interrupts
    from cqrs_sim.new_folders import free_folder
    from cqrs_sim.results import check_folder
    from cqrs_sim.terminal.progress import ProgressLine
    from cqrs_sim.terminal.screen import Screen

    precision = _Precision(replications=replications, until=until, most=most, jobs=jobs)
    short = (("load.rate", rate), ("run.duration", duration))
    named = [f"{path}={value}" for path, value in short if value is not None]
    loaded = simulation.load_scenario(scenario, [*named, *settings])
    if duration is not None and loaded.load.model == "replay":
        raise InvalidScenarioError(
            ["run.duration: a replay ends with its log, leave --duration out"]
        )
    loaded = attrs.evolve(loaded, thresholds=(*loaded.thresholds, *thresholds))
    simulation.checked_thresholds(loaded)
    if abort_on_fail:
        _check_abort(loaded, precision)
    wanted = _wanted(precision, loaded, engine, seed)
    folder = free_folder(loaded.name, f"{engine}-seed{seed}") if out is None else Path(out)
    # Before the run, since its result would have no place.
    check_folder(folder, force=force)
    progress = ProgressLine(Screen(sys.stderr), engine, is_quiet=quiet)
    kept = _kept(store, folder, is_single=wanted is None, is_real=engine == "wall", of=loaded)
    try:
        if wanted is None:
            result = simulation.run(
                loaded, engine=engine, seed=seed, progress=progress,
                abort_on_fail=abort_on_fail, store=kept.path,
            )  # fmt: skip
        else:
            result = _replicated(loaded, wanted, progress)
        progress.stage("drawing figures")
        with no_interrupts():
            unwritten = _write(result, folder, kept, force=force)
    finally:
        progress.close()
        kept.close()
    _show(result, folder, kept, is_written=unwritten is None, as_json=as_json, quiet=quiet)
    if unwritten is not None:
        complain(str(unwritten))
    unknown = simulation.unknown_limits(result)
    complain(*unknown)
    return _code_of(result, is_written=unwritten is None, is_usage=bool(unknown))


def _check_abort(scenario: "Scenario", precision: _Precision) -> None:
    """Refuse to end early what has no limit, or several runs by one of them."""
    if not scenario.thresholds:
        raise InvalidScenarioError(
            ["--abort-on-fail needs a --threshold, or thresholds in the scenario"]
        )
    if precision.replications is not None or precision.until is not None:
        raise InvalidScenarioError(
            [
                (
                    "--abort-on-fail ends a single run: with replications a threshold holds for "
                    "the mean over them, and is judged at the end"
                )
            ]
        )


def _wanted(
    precision: _Precision,
    scenario: "Scenario",
    engine: Literal["virtual", "wall", "algebra"],
    seed: int,
) -> "Wanted | None":
    """What to replicate; None for a single run."""
    from cqrs_sim.analysis.replicated import LEAST, MOST
    from cqrs_sim.replications import Wanted
    from cqrs_sim.simulation import checked_until

    if precision.most is not None and precision.until is None:
        raise click.UsageError("--max-replications belongs to --until")
    if precision.replications is None and precision.until is None:
        if precision.jobs is not None:
            raise click.UsageError("--jobs belongs to --replications and --until")
        return None
    _check_least(precision, LEAST)
    rule = None if precision.until is None else checked_until(precision.until, scenario)
    count = precision.replications or LEAST
    return Wanted(
        count=count,
        engine=engine,
        seed=seed,
        jobs=precision.jobs or os.cpu_count() or 1,
        until=rule,
        most=precision.most or MOST,
    )


def _check_least(precision: _Precision, least: int) -> None:
    """Refuse counts that a rule could not keep to, rather than run more, or fewer, than asked."""
    count, most = precision.replications, precision.most
    if precision.until is None or count is None:
        return
    if count < least:
        raise InvalidScenarioError(
            [f"--replications {count}: with --until it is the least, which is at least {least}"]
        )
    if most is not None and count > most:
        raise InvalidScenarioError(
            [
                (
                    f"--replications {count}: with --until it is the least, which must not be "
                    f"above --max-replications, {most}"
                )
            ]
        )


def _replicated(scenario: "Scenario", wanted: "Wanted", progress: "ProgressLine") -> "Result":
    from cqrs_sim.replications import replicate

    most = "at most " if wanted.until is not None else ""

    def tell(done: int, limit: int) -> None:
        progress.stage(f"{done} of {most}{limit} replications")

    progress.stage(f"replications with the seeds {wanted.seed}, {wanted.seed + 1}")
    return replicate(scenario, wanted, tell)


def _kept(
    store: Path | None, result: Path, *, is_single: bool, is_real: bool, of: "Scenario"
) -> "StoreAt":
    """Where the run keeps its store: where it was told to, else with the result if it is real."""
    from cqrs_sim.verbs.kept_store import StoreAt, StoreBeside

    if store is not None and not is_single:
        raise click.UsageError("--store belongs to a single run, not to replications")
    is_inside = store is None and is_single and is_real and of.store == "sqlite"
    return StoreBeside(result) if is_inside else StoreAt(store)


def _write(
    result: "Result", folder: Path, kept: "StoreAt", *, force: bool
) -> ResultFolderError | None:
    """The error, if the result cannot be written: what came of the run is shown all the same."""
    from cqrs_sim.results import write_result

    try:
        write_result(result, folder, force=force)
    except ResultFolderError as error:
        kept.settle(is_written=False)
        return error
    kept.settle(is_written=True)
    return None


def _show(
    result: "Result",
    folder: Path,
    kept: "StoreAt",
    *,
    is_written: bool,
    as_json: bool,
    quiet: bool,
) -> None:
    from cqrs_sim.terminal.log import show_store
    from cqrs_sim.terminal.screen import Screen, show_lines
    from cqrs_sim.terminal.summary import show_summary
    from cqrs_sim.terminal.thresholds import show_replications, show_thresholds

    if as_json:
        summary = json.dumps(result.to_json(), indent=2, allow_nan=False)
        Screen(sys.stdout).write(f"{summary}\n")
    if as_json and quiet:
        return
    screen = Screen(sys.stderr if as_json else sys.stdout)
    show_summary(screen, result, is_quiet=quiet)
    show_replications(screen, result, is_quiet=quiet)
    show_thresholds(screen, result, is_quiet=quiet)
    if is_written:
        files = sorted(path.name for path in folder.iterdir())
        listed = "" if quiet else f": {', '.join(files)}"
        show_lines(screen, [f"written to {folder}{listed}"])
    if kept.path is not None and not quiet:
        show_store(screen, kept.path)


def _code_of(result: "Result", *, is_written: bool, is_usage: bool) -> int:
    summary, replications = result.summary, result.replications
    return exits.first_of(
        {
            exits.INTERRUPTED: not result.is_whole and result.aborted is None,
            exits.ENVIRONMENT: not is_written,
            exits.INCORRECT: not summary.is_correct
            or (replications is not None and bool(replications.incorrect)),
            exits.INVALID: bool(summary.invalid)
            or (replications is not None and bool(replications.invalid)),
            exits.USAGE: is_usage,
            exits.FAILED: result.aborted is not None
            or not all(verdict.ok for verdict in result.verdicts),
        }
    )
