"""The wall engine: the same actors on the machine's clock, hosted in trio.

Modelled service times are timers beside the real work; with `service = "real"` there is only the
work.
"""

from collections.abc import Callable

from cqrs_sim.actors.clock import WallClock
from cqrs_sim.actors.trio_host import TrioHost
from cqrs_sim.engines.experiment import ClosedLoad, Experiment, Progress, calm_collector
from cqrs_sim.engines.interrupts import interrupts
from cqrs_sim.load.plan import Plan
from cqrs_sim.results import Result
from cqrs_sim.scenario.scenario import Scenario

REPORT_PERIOD_NS = 250_000_000


def run(
    scenario: Scenario,
    *,
    seed: int = 0,
    load: Plan | ClosedLoad | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Result:
    """Run a scenario in real time; arguments as in `engines.virtual.run`.

    Raises:
        ActorCrashedError: if an actor raised.
        DeadlockError: if nothing can run any more while actors wait for one another.
    """
    experiment = Experiment(scenario, seed, WallClock(), load)
    run_experiment(experiment, progress)
    return experiment.result("wall")


def run_experiment(
    experiment: Experiment, progress: Callable[[Progress], None] | None = None
) -> None:
    """Run what is set up: from the first arrival to the end of the drain."""
    host = TrioHost(experiment.kernel, reports_deadlock=True)

    async def main() -> None:
        await host.call(experiment.drive, progress, REPORT_PERIOD_NS, name="run")

    with calm_collector(), interrupts(experiment.kernel):
        clock = experiment.kernel.clock
        assert isinstance(clock, WallClock)
        clock.restart()  # Setting up took time that is no part of the run.
        host.run(main)
