"""The wall engine: the same actors on the machine's clock, hosted in trio.

Modelled service times are timers beside the real work; with `service = "real"` there is only the
work.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs

from cqrs_sim.actors.clock import WallClock
from cqrs_sim.actors.hiccups import HiccupTicker
from cqrs_sim.actors.trio_host import HostStatistics, TrioHost
from cqrs_sim.analysis.json_values import Json
from cqrs_sim.analysis.thresholds import Threshold
from cqrs_sim.engines.experiment import ClosedLoad, Experiment, Progress, calm_collector
from cqrs_sim.engines.interrupts import interrupts
from cqrs_sim.engines.stores import store_of_run
from cqrs_sim.engines.watch import MOST_ROWS, Watch
from cqrs_sim.load_generation.plan import Plan
from cqrs_sim.results import Result, provenance_of
from cqrs_sim.scenario.scenario import Scenario

REPORT_PERIOD_NS = 250_000_000
LOOK_AT = 4
"""A watch looks at one of so many reports: once a second."""


def run(
    scenario: Scenario,
    *,
    seed: int = 0,
    load: Plan | ClosedLoad | None = None,
    progress: Callable[[Progress], None] | None = None,
    abort_on: Sequence[Threshold] = (),
    store: Path | None = None,
) -> Result:
    """Run a scenario in real time; arguments as in `engines.virtual.run`.

    With `store` commits cost what they cost, whatever the scenario models. Where it says
    `store = "sqlite"` and none is named, the store is a temporary folder.

    Raises:
        StoreError: if the store cannot be made or written.
        ActorCrashedError: if an actor raised.
        DeadlockError: if nothing can run any more while actors wait for one another.
    """
    if store is None and scenario.store == "sqlite":
        with TemporaryDirectory(prefix="cqrs-sim-") as folder:
            return run(
                scenario, seed=seed, load=load, progress=progress, abort_on=abort_on,
                store=Path(folder) / "store",
            )  # fmt: skip
    clock, durability = WallClock(), scenario.log.durability
    with store_of_run(store, clock, durability, seed=seed, must_be_empty=True) as opened:
        experiment = Experiment(scenario, seed, clock, load, store=opened)
        watch = None
        if abort_on:
            watch = Watch(
                experiment, abort_on, every=LOOK_AT, most_rows=MOST_ROWS, progress=progress
            )
        host = run_experiment(experiment, watch or progress)
        # While the store is open, since what is in it is compared with the log.
        result = experiment.result("wall")
    provenance = {**provenance_of("wall"), "host": host_to_json(host)}
    aborted = None if watch is None else watch.failed
    return attrs.evolve(result, provenance=provenance, aborted=aborted)


def run_experiment(
    experiment: Experiment, progress: Callable[[Progress], None] | None = None
) -> HostStatistics:
    """Run what is set up, from the first arrival to the end of the drain; say how time was kept."""
    clock = experiment.kernel.clock
    assert isinstance(clock, WallClock)
    warm_up_ns = experiment.scenario.run.warm_up
    ticker = HiccupTicker(clock, after_ns=warm_up_ns, is_over=lambda: experiment.ended_ns > 0)
    host = TrioHost(experiment.kernel, reports_deadlock=True, ticker=ticker)

    async def main() -> None:
        await host.call(experiment.drive, progress, REPORT_PERIOD_NS, name="run")

    with calm_collector(), interrupts(experiment.kernel):
        clock.restart()  # Setting up took time that is no part of the run.
        try:
            host.run(main)
        finally:
            experiment.system.log.close()
    return host.statistics()


def host_to_json(host: HostStatistics) -> dict[str, Json]:
    """How a host kept time, as `analysis.generator` reads it, and as it stands in the summary."""
    hiccups = host.hiccups
    return {
        "elapsed_s": host.elapsed_ns / 1e9,
        "spun_s": host.spun_ns / 1e9,
        "waited_s": host.waited_ns / 1e9,
        "lead_s": host.lead_ns / 1e9,
        "hiccups": None
        if hiccups is None
        else {
            "period_s": hiccups.period_ns / 1e9,
            "ticks": hiccups.ticks_count,
            "late": hiccups.late_count,
            "late_s": hiccups.late_ns / 1e9,
            "worst": [
                {
                    "at_s": hiccup.due_ns / 1e9,
                    "length_s": hiccup.late_ns / 1e9,
                    "busy_s": hiccup.busy_ns / 1e9,
                }
                for hiccup in hiccups.worst
            ],
        },
    }
