"""The machine: a clock that is coarse, stuck or goes back, and a generator that is late."""

import attrs
import numpy as np
import pytest
from fakes import ScriptedClock

from cqrs_sim import simulation
from cqrs_sim.actors.clock import WallClock
from cqrs_sim.checking.machine import COARSEST_NS, machine_of, read_clock, shortened, steps_of
from cqrs_sim.results import Result
from cqrs_sim.scenario.scenario import Scenario


def test_the_steps_of_a_clock_are_counted() -> None:
    steps = steps_of([100, 100, 140, 200, 200, 300])
    assert (steps.readings, steps.smallest_ns, steps.overhead_ns, steps.backward) == (6, 40, 40, 0)
    assert steps.invalid == ()
    assert steps.result().ok
    assert steps.result().detail == "smallest step 40 ns, 40 ns a reading"


def test_a_clock_that_goes_back_fails() -> None:
    result = steps_of([100, 90, 200]).result()
    assert not result.ok
    assert result.detail.startswith("went back 1 times in 3 readings")


def test_a_coarse_clock_and_one_that_stands_still_are_no_good() -> None:
    (reason,) = steps_of([0, 0, COARSEST_NS + 1, COARSEST_NS + 1]).invalid
    assert "moves in steps of 100,001 ns" in reason
    (reason,) = read_clock(ScriptedClock(), 10).invalid
    assert reason == "the clock stood still for 10 readings"
    assert read_clock(ScriptedClock(), 10).result().detail.startswith("smallest step -")


def test_this_machines_clock_moves_forward() -> None:
    steps = read_clock(WallClock(), 1000)
    assert steps.backward == 0
    assert steps.smallest_ns is not None


def loaded(*settings: str) -> Scenario:
    return simulation.load_scenario("default", settings)


def test_a_scenario_is_shortened_to_seconds_with_some_left_behind_its_warm_up() -> None:
    brief = shortened(loaded("run.duration=60s", "run.warm_up=30s"))
    assert (brief.run.duration, brief.run.warm_up) == (5_000_000_000, 1_000_000_000)
    short = loaded("run.duration=2s", "run.warm_up=100ms")
    assert shortened(short) == short
    # Else nothing would be sent in it.
    thin = loaded("load.rate=0.1/s", "run.duration=60s")
    assert shortened(thin) == thin


def ran(late_ns: int) -> Result:
    """A run whose commands were all sent so late."""
    result = simulation.run(loaded("run.duration=1s", "run.warm_up=0s"))
    commands = result.trace.commands
    late = commands.submitted + np.timedelta64(late_ns, "ns")
    trace = attrs.evolve(result.trace, commands=attrs.evolve(commands, submitted=late))
    return attrs.evolve(result, trace=trace)


@pytest.mark.parametrize(
    ("late_ns", "is_late"), [(0, False), (1_000_000, False), (9 * 10**6, True)]
)
def test_a_generator_that_is_late_is_named(late_ns: int, is_late: bool) -> None:
    machine = machine_of(ran(late_ns), steps_of([0, 50, 100]))
    assert machine.slip_p50_s == machine.slip_p99_s == pytest.approx(late_ns / 1e9)
    assert machine.duration_s == 1.0
    assert any("the load generator was late" in reason for reason in machine.invalid) is is_late
    assert machine.to_json()["clock"] == {
        "readings": 3, "smallest_step_s": 5e-8, "reading_s": 5e-8, "backward": 0,
    }  # fmt: skip


def test_a_coarse_clock_makes_the_machine_invalid() -> None:
    machine = machine_of(ran(0), steps_of([0, 10**6, 2 * 10**6]))
    assert machine.invalid == ("the clock moves in steps of 1,000,000 ns, over 100,000",)
