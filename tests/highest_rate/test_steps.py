"""Steps in real time, on runs that are formulas; one on this machine, which only has to end."""

from collections.abc import Callable

import attrs
import pytest

from benchmarks.capacity_coverage import scenario_of
from cqrs_sim import simulation
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.highest_rate.limits import checked_limits
from cqrs_sim.highest_rate.probes import Probe
from cqrs_sim.highest_rate.steps import NARROW, Steps, is_held, search_steps, step_of
from cqrs_sim.terminal.capacity import steps_sentence

QUEUE = scenario_of(5.0)
LIMITS = checked_limits(["lag.orders.mean < 2.5ms"], QUEUE)


def step(rate: float, *, held: bool, invalid: str = "") -> Probe:
    return Probe(
        seed=0,
        rate_per_s=rate,
        values=(0.001 if held else 0.01,),
        margin=1.5 if held else -0.75,
        loads={"orders": rate / 1000.0},
        saturated=(),
        invalid=invalid,
    )


def steps(ask: Callable[[float], Probe]) -> Steps:
    return search_steps(QUEUE, LIMITS, 0, ask)


@pytest.mark.parametrize("limit", [20.0, 290.0, 301.0, 777.0, 12_345.0])
def test_the_bracket_holds_the_rate_and_is_narrow(limit: float) -> None:
    found = steps(lambda rate: step(rate, held=rate < limit))
    assert found.end == "bracket"
    assert found.held_per_s is not None
    assert found.broken_per_s is not None
    assert found.held_per_s < limit <= found.broken_per_s
    assert found.broken_per_s - found.held_per_s <= NARROW * found.held_per_s
    assert found.probes[0].rate_per_s == 300.0


def test_a_generator_that_is_late_ends_the_search_and_what_held_stays() -> None:
    found = steps(lambda rate: step(rate, held=True, invalid="late" if rate > 1000.0 else ""))
    assert (found.end, found.held_per_s, found.broken_per_s) == ("generator", 675.0, None)
    assert "at least 675/s; beyond, the load generator cannot keep its plan" in steps_sentence(
        found
    )
    assert not is_held(found.probes[-1])


def test_a_limit_that_no_rate_keeps_is_given_up() -> None:
    found = steps(lambda rate: step(rate, held=False))
    assert found.end == "none"
    assert found.held_per_s is None
    assert steps_sentence(found).startswith("NO RATE HOLDS")


def test_an_interruption_keeps_what_was_run() -> None:
    def ask(rate: float) -> Probe:
        if rate > 500.0:
            raise KeyboardInterrupt
        return step(rate, held=True)

    found = steps(ask)
    assert (found.end, found.held_per_s) == ("interrupted", 450.0)
    assert not found.is_complete
    assert "INCOMPLETE" in steps_sentence(found)


def test_a_step_is_read_from_a_run_with_what_makes_it_invalid() -> None:
    result = simulation.run(QUEUE, engine="virtual")
    assert step_of(result, LIMITS).invalid == ""
    late = attrs.evolve(
        result.trace.commands, submitted=result.trace.commands.submitted + 60_000_000
    )
    trace = attrs.evolve(result.trace, commands=late)
    assert "the load generator" in step_of(attrs.evolve(result, trace=trace), LIMITS).invalid


def test_a_step_too_short_for_its_metric_is_refused() -> None:
    result = simulation.run(QUEUE, engine="virtual")
    limits = checked_limits(["lag.orders.p99 < 20ms"], QUEUE)
    with pytest.raises(InvalidScenarioError, match=r"run\.duration = "):
        step_of(result, limits)
