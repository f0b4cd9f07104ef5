"""The virtual engine: the actors on a deterministic clock that jumps from timer to timer.

Same scenario, seed and versions: the same trace, to the nanosecond, in any process.
"""

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

import attrs

from cqrs_sim.actors.clock import VirtualClock
from cqrs_sim.actors.kernel import Kernel
from cqrs_sim.actors.randomness import Streams
from cqrs_sim.actors.turns import run_in_turns
from cqrs_sim.analysis.thresholds import Threshold
from cqrs_sim.engines.experiment import (
    ClosedLoad,
    Experiment,
    Progress,
    calm_collector,
    refuse_timeless,
)
from cqrs_sim.engines.interrupts import interrupts
from cqrs_sim.engines.stores import store_of_run
from cqrs_sim.engines.watch import Watch
from cqrs_sim.load_generation.plan import Plan
from cqrs_sim.measurement.recorder import Recorder
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.results import Result
from cqrs_sim.scenario.scenario import Scenario
from cqrs_sim.system import System

T = TypeVar("T")

REPORTS = 200
"""How often progress is reported in a run."""
LOOK_AT = 10
"""A watch looks at one of so many reports."""


def run(
    scenario: Scenario,
    *,
    seed: int = 0,
    load: Plan | ClosedLoad | None = None,
    progress: Callable[[Progress], None] | None = None,
    abort_on: Sequence[Threshold] = (),
    store: Path | None = None,
) -> Result:
    """Run a scenario in virtual time.

    Args:
        scenario: what to run.
        seed: of all random streams.
        load: what to send; by default it is drawn from the scenario.
        progress: called now and then while the run lasts.
        abort_on: the run ends when one of them has failed, see `engines.watch`.
        store: folder of a new store, to which each commit is written when it ends; without one a
            commit only takes its modelled time.

    Raises:
        StoreError: if the store cannot be made or written.
        InvalidScenarioError: if a stage's service is `real`, for which there is no virtual time.
    """
    refuse_timeless(scenario, "virtual")
    clock, durability = VirtualClock(), scenario.log.durability
    with store_of_run(store, clock, durability, seed=seed, must_be_empty=True) as opened:
        experiment = Experiment(scenario, seed, clock, load, store=opened)
        watch = Watch(experiment, abort_on, every=LOOK_AT, progress=progress) if abort_on else None
        run_experiment(experiment, watch or progress)
        # While the store is open, since what is in it is compared with the log.
        result = experiment.result("virtual")
    return result if watch is None else attrs.evolve(result, aborted=watch.failed)


def run_experiment(
    experiment: Experiment, progress: Callable[[Progress], None] | None = None
) -> None:
    """Run what is set up: from the first arrival to the end of the drain."""
    kernel = experiment.kernel
    period = max(1, experiment.expected_ns // REPORTS)
    with calm_collector(), interrupts(kernel):
        kernel.spawn(_to_the_end(experiment, progress, period), "run")
        try:
            _run(kernel, experiment.scenario)
        finally:
            kernel.close()
            experiment.system.log.close()


def _run(kernel: Kernel, scenario: Scenario) -> None:
    if scenario.run.discipline == "turns":
        run_in_turns(kernel, scenario.run.settle)
    else:
        kernel.run_virtual()


async def _to_the_end(
    experiment: Experiment, progress: Callable[[Progress], None] | None, period_ns: int
) -> None:
    await experiment.drive(progress, period_ns)
    experiment.kernel.stop()


def run_script(script: Callable[[System], Awaitable[T]], scenario: Scenario, *, seed: int = 0) -> T:
    """Run one coroutine against a fresh system in virtual time, and return what it returns.

    Raises:
        ActorCrashedError: if the script, or any actor, raised.
        DeadlockError: if the script waits for something that cannot come.
    """
    return trace_script(script, scenario, seed=seed)[0]


def trace_script(
    script: Callable[[System], Awaitable[T]], scenario: Scenario, *, seed: int = 0
) -> tuple[T, Trace]:
    """Like `run_script`, and return what was recorded until the script returned as well."""
    kernel = Kernel(VirtualClock(), quantum=scenario.run.quantum)
    recorder = Recorder(kernel.clock, tuple(scenario.read_models), connections=scenario.connections)
    system = System(scenario, kernel, Streams(seed), recorder)
    results: list[T] = []

    async def main() -> None:
        results.append(await script(system))
        kernel.stop()

    kernel.spawn(main(), "script")
    try:
        _run(kernel, scenario)
    finally:
        kernel.close()
    now = kernel.now_ns()
    return results[0], recorder.trace(system.log.events, load_ended_ns=now, ended_ns=now)
