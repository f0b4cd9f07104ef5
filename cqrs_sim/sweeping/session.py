"""One session of a sweep: a crew, a place for what is finished, and a table at the end."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import attrs

from cqrs_sim import simulation
from cqrs_sim.engines.interrupts import termination_as_interrupt
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.scenario.scenario import Scenario
from cqrs_sim.sweeping.cluster import cluster
from cqrs_sim.sweeping.crews import Crew, alone, processes
from cqrs_sim.sweeping.factors import parse_factors
from cqrs_sim.sweeping.figures import FIGURES, write_figures
from cqrs_sim.sweeping.folder import Memory, Store, held_folder, writing_to
from cqrs_sim.sweeping.runner import SweepProgress, run_sweep
from cqrs_sim.sweeping.sweep import Design, Request, Sweep, planned
from cqrs_sim.sweeping.table import SweepTable, table_of, write_table

Tell = Callable[[SweepProgress], None]


@attrs.frozen(kw_only=True)
class Means:
    """By what means a sweep is run; the result does not depend on it."""

    jobs: int = 1
    """Processes at a time."""
    cluster: str | None = None
    """Address of a Dask scheduler, in place of processes."""
    folder: Path | None = None
    """Where everything goes; None: nowhere."""
    force: bool = False
    """Replace another sweep there."""


def sweep(
    scenario: Scenario | str | Path,
    vary: Sequence[str],
    *,
    settings: Sequence[str] = (),
    engine: simulation.RunnableEngine = "algebra",
    seed: int = 0,
    replications: int = 10,
    design: Design = "grid",
    points: int | None = None,
    metrics: Sequence[str] = (),
    jobs: int = 1,
    cluster: str | None = None,
    folder: Path | str | None = None,
    force: bool = False,
    progress: Tell | None = None,
) -> SweepTable:
    """Run a scenario at many settings, each with the same seeds.

    Args:
        scenario: a scenario, or what `load_scenario` takes.
        vary: a factor each: "load.rate=200/s..1600/s:log:9", "load.rate=400/s,800/s".
        settings: "path=value" each, on top of a scenario that is loaded.
        engine: which one runs every point.
        seed: the seeds are this one and those that follow it, at every point.
        replications: how many.
        design: every combination of levels (`grid`), or `points` of them (`latin_hypercube`).
        points: of a Latin hypercube.
        metrics: to be drawn, and in the table beside means, medians, p99 and rates; by default p99
            of the lag of each read model and of the response.
        jobs: processes that share the work; with more than one, a program that calls this needs
            `if __name__ == "__main__":` around the call.
        cluster: address of a Dask scheduler, in their place.
        folder: where results go, and where a sweep that was interrupted is taken up again.
        force: replace another sweep there.
        progress: told whenever runs have been finished.

    Returns:
        All metrics of all runs; after Ctrl-C those that were finished (`is_complete` tells).

    Raises:
        InvalidScenarioError: if anything is wrong at any point; all of it, before the first run.
        ResultFolderError: if the folder cannot be used.
    """
    if isinstance(vary, str):
        raise InvalidScenarioError([f"vary must be a list, such as [{vary!r}]"])
    if not isinstance(scenario, Scenario):
        scenario = simulation.load_scenario(scenario, settings)
    elif settings:
        raise InvalidScenarioError(["settings: belong to a scenario that is loaded"])
    request = Request(
        base=scenario,
        factors=parse_factors(vary),
        engine=engine,
        seed=seed,
        replications=replications,
        design=design,
        points=points,
        metrics=tuple(metrics),
    )
    place = None if folder is None else Path(folder)
    means = Means(jobs=jobs, cluster=cluster, folder=place, force=force)
    return conduct(planned(request), means, progress)


def conduct(
    sweep: Sweep,
    means: Means,
    progress: Tell | None = None,
    stage: Callable[[str], None] | None = None,
) -> SweepTable:
    """Run a sweep, or what is left of it, and write its table and figures.

    Args:
        sweep: what to run.
        means: by whom, and where to.
        progress: told whenever runs have been finished.
        stage: told what is being done when the runs are over.

    Returns:
        The table of what was finished: all of it, unless somebody pressed Ctrl-C.
    """
    _refuse(sweep, means)
    place = means.folder
    if place is None:
        return _conducted(sweep, means, Memory(), (progress, stage))
    with held_folder(place, sweep, force=means.force) as folder:
        return _conducted(sweep, means, folder, (progress, stage))


def _conducted(
    sweep: Sweep,
    means: Means,
    store: Store,
    told: tuple[Tell | None, Callable[[str], None] | None],
) -> SweepTable:
    place, (progress, stage) = means.folder, told
    try:
        with termination_as_interrupt(), _crew(sweep, means) as crew:
            run_sweep(sweep, store, crew, progress)
    except KeyboardInterrupt:
        table = table_of(sweep, store)
        # A table of half a sweep has its use; figures of it would be mistaken for the whole.
        if place is not None:
            write_table(table, place)
        return table
    table = table_of(sweep, store)
    if place is not None:
        write_table(table, place)
        if stage is not None:
            stage("drawing figures")
        with writing_to(place):
            write_figures(table, place / FIGURES)
    return table


def _refuse(sweep: Sweep, means: Means) -> None:
    if sweep.engine == "wall" and (means.jobs > 1 or means.cluster is not None):
        raise InvalidScenarioError(
            ['engine = "wall": measures this machine, one run at a time: --jobs 1, no --cluster']
        )
    if means.jobs < 1:
        raise InvalidScenarioError([f"jobs = {means.jobs}: must be at least 1"])


@contextmanager
def _crew(sweep: Sweep, means: Means) -> Iterator[Crew]:
    if means.cluster is not None:
        with cluster(means.cluster) as crew:
            yield crew
    elif means.jobs > 1 or sweep.engine == "wall":
        with processes(min(means.jobs, sweep.runs_count), fresh=sweep.engine == "wall") as crew:
            yield crew
    else:
        yield alone()
