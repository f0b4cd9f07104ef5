"""Whether this machine can be measured on: how its clock steps, and how load is made on it."""

from collections.abc import Sequence
from itertools import pairwise

import attrs

from cqrs_sim.actors.clock import WallClock
from cqrs_sim.analysis.consistency import CheckResult
from cqrs_sim.analysis.generator import GeneratorHealth
from cqrs_sim.analysis.json_values import Json
from cqrs_sim.analysis.lag import commands_after, schedule_slip_s
from cqrs_sim.analysis.quantiles import quantiles
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.results import Result
from cqrs_sim.scenario.scenario import Scenario
from cqrs_sim.scenario.units import Duration

READINGS = 200_000
COARSEST_NS = 100_000
"""Smallest step of a clock above which times of milliseconds are not known to a tenth."""
LONGEST_NS = 5_000_000_000
"""Of the run that the load is judged by."""


@attrs.frozen(kw_only=True)
class ClockSteps:
    """How a clock moves while it is read again and again."""

    readings: int
    smallest_ns: int | None
    """The least by which two readings in succession differed; None: it stood still."""
    overhead_ns: float
    """What one reading takes."""
    backward: int
    """How often it went back."""

    @property
    def invalid(self) -> tuple[str, ...]:
        """Why nothing can be measured with it; empty if it will do."""
        if self.smallest_ns is None:
            return (f"the clock stood still for {self.readings:,} readings",)
        if self.smallest_ns > COARSEST_NS:
            return (f"the clock moves in steps of {self.smallest_ns:,} ns, over {COARSEST_NS:,}",)
        return ()

    def result(self) -> CheckResult:
        """As a check: it must not go back."""
        step = "-" if self.smallest_ns is None else f"{self.smallest_ns:,} ns"
        detail = f"smallest step {step}, {self.overhead_ns:,.0f} ns a reading"
        if self.backward:
            detail = f"went back {self.backward:,} times in {self.readings:,} readings; {detail}"
        return CheckResult(name="clock", ok=not self.backward, detail=detail)


@attrs.frozen(kw_only=True)
class Machine:
    """What a short run in real time shows of the machine."""

    clock: ClockSteps
    health: GeneratorHealth
    slip_p50_s: float | None
    slip_p99_s: float | None
    """Submitted - intended of the commands, however few they were; None: some never were."""
    invalid: tuple[str, ...]
    """Why a measurement here is not valid; empty if it is."""
    duration_s: float

    def to_json(self) -> dict[str, Json]:
        """Plain values, no nan."""
        return {
            "clock": {
                "readings": self.clock.readings,
                "smallest_step_s": None
                if self.clock.smallest_ns is None
                else self.clock.smallest_ns / 1e9,
                "reading_s": self.clock.overhead_ns / 1e9,
                "backward": self.clock.backward,
            },
            "duration_s": self.duration_s,
            "slip_s": {"p50": self.slip_p50_s, "p99": self.slip_p99_s},
            "achieved_share": self.health.achieved_share,
            "generator": self.health.to_json(),
            "invalid": list(self.invalid),
        }


def read_clock(clock: WallClock, readings: int = READINGS) -> ClockSteps:
    """Read a clock as fast as that goes."""
    instants = [clock.instant_ns for _ in range(readings)]
    return steps_of(instants)


def steps_of(instants: Sequence[int]) -> ClockSteps:
    """What readings in succession say of a clock.

    Args:
        instants: at least two, nanoseconds.
    """
    steps = [later - sooner for sooner, later in pairwise(instants)]
    return ClockSteps(
        readings=len(instants),
        smallest_ns=min((step for step in steps if step > 0), default=None),
        overhead_ns=(instants[-1] - instants[0]) / len(steps),
        backward=sum(step < 0 for step in steps),
    )


def shortened(scenario: Scenario) -> Scenario:
    """The scenario for a few seconds.

    A replay ends with its log all the same, and a load so thin that nothing would be sent in that
    time is left as it is.
    """
    run = scenario.run
    duration = min(run.duration, LONGEST_NS)
    warm_up = min(run.warm_up, duration // 5)
    brief = attrs.evolve(run, duration=Duration(duration), warm_up=Duration(warm_up))
    try:
        return attrs.evolve(scenario, run=brief)
    except InvalidScenarioError:
        return scenario


def machine_of(result: Result, clock: ClockSteps) -> Machine:
    """What a run in real time shows."""
    trace, warm_up_ns = result.trace, result.scenario.run.warm_up
    slip_s = schedule_slip_s(trace)[commands_after(trace, warm_up_ns)]
    p50, p99 = quantiles(slip_s, (0.5, 0.99))
    return Machine(
        clock=clock,
        health=result.summary.generator,
        slip_p50_s=p50,
        slip_p99_s=p99,
        invalid=(*clock.invalid, *result.summary.invalid),
        duration_s=trace.load_ended_ns / 1e9,
    )
