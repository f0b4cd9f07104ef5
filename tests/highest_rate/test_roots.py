"""Roots on probes that are formulas, where the answer is known exactly; and on runs."""

import math
from collections.abc import Callable

import pytest

from benchmarks.capacity_coverage import limit_of, scenario_of
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.highest_rate.limits import checked_limits
from cqrs_sim.highest_rate.probes import Lack, Probe, probe
from cqrs_sim.highest_rate.roots import MOST_PROBES, Root, find_root

SCENARIO = scenario_of(10.0)
MU = 1000.0


def asked(
    metric: Callable[[float], float], limit: float, events_needed: float = 0.0
) -> Callable[[float], Probe]:
    """Probes of a stage that does `MU` a second; `events_needed` in ten seconds."""

    def ask(rate: float) -> Probe:
        saturated = ("orders",) if rate >= MU else ()
        lack = None
        if rate * 10.0 < events_needed:
            lack = Lack(metric="lag", n=round(rate * 10.0), needed=round(events_needed))
        value = math.inf if saturated else metric(rate)
        margin = -1.0 if saturated else min(limit / value - 1.0, 1e3)
        return Probe(
            seed=7,
            rate_per_s=rate,
            values=(math.nan if lack else value,),
            margin=math.nan if lack else margin,
            loads={"write side": 0.0, "orders": rate / MU},
            saturated=saturated,
            lack=lack,
        )

    return ask


def mm1(rate: float) -> float:
    """Mean time in the system."""
    return 1.0 / (MU - rate)


def md1(rate: float) -> float:
    """Mean time in the system with constant service (Pollaczek and Khinchine)."""
    load = rate / MU
    return (1.0 + load / (2.0 * (1.0 - load))) / MU


def root(ask: Callable[[float], Probe], start: float) -> Root:
    return find_root(ask, SCENARIO, start)


@pytest.mark.parametrize("start", [50.0, 500.0, 790.0, 810.0, 990.0, 5000.0])
def test_an_mm1_queue_is_a_straight_line_and_found_at_once(start: float) -> None:
    found = root(asked(mm1, limit=0.005), start)
    assert found.kind == "limit"
    assert found.rate_per_s == pytest.approx(800.0, rel=1e-9)
    assert len(found.probes) <= 4
    assert found.loads["orders"] == pytest.approx(0.8)
    assert found.seed == 7


@pytest.mark.parametrize("start", [50.0, 500.0, 999.0, 5000.0])
@pytest.mark.parametrize("load", [0.15, 0.5, 0.9, 0.97])
def test_another_queue_is_found_in_a_few_probes(load: float, start: float) -> None:
    found = root(asked(md1, limit=md1(load * MU)), start)
    assert found.kind == "limit"
    assert found.rate_per_s == pytest.approx(load * MU, rel=5e-4)
    assert len(found.probes) <= 10


def test_a_step_is_found_too() -> None:
    """As of a stage that is judged saturated although its offered load is below 1."""

    def step(rate: float) -> float:
        return 0.001 if rate < 612.0 else 1.0

    found = root(asked(step, limit=0.01), 300.0)
    assert found.rate_per_s == pytest.approx(612.0, rel=2e-3)
    assert len(found.probes) < MOST_PROBES


def test_who_keeps_the_limit_up_to_saturation_is_limited_by_that() -> None:
    found = root(asked(md1, limit=1.0), 300.0)
    assert found.kind == "saturation"
    assert found.rate_per_s == pytest.approx(MU)


@pytest.mark.parametrize("start", [10.0, 300.0, 3000.0])
def test_a_limit_that_is_broken_by_the_service_alone_is_kept_at_no_rate(start: float) -> None:
    found = root(asked(mm1, limit=0.0005), start)
    assert found.kind == "none"
    assert found.rate_per_s <= 0.1 * MU


def test_a_rate_with_too_few_events_is_not_judged_but_left() -> None:
    found = root(asked(mm1, limit=0.005, events_needed=7_000.0), 100.0)
    assert found.kind == "limit"
    assert found.rate_per_s == pytest.approx(800.0, rel=1e-6)
    assert [probe.lack is not None for probe in found.probes][:2] == [True, False]


def test_a_run_too_short_at_any_rate_is_refused_with_the_time_that_it_takes() -> None:
    with pytest.raises(InvalidScenarioError) as caught:
        root(asked(mm1, limit=0.005, events_needed=20_000.0), 100.0)
    (line,) = caught.value.mistakes
    assert line.startswith('run.duration = "10s": lag needs 20,000 values')
    assert "must be at least" in line


def test_a_run_too_short_for_the_rates_that_matter_is_refused_and_not_judged() -> None:
    """At the lowest rate that can be judged, 721/s, the limit is broken; its root is 500/s."""
    ask = asked(mm1, limit=0.002, events_needed=7_000.0)
    with pytest.raises(InvalidScenarioError) as caught:
        root(ask, 800.0)
    (line,) = caught.value.mistakes
    wanted_s = int(line.rpartition(" ")[2].removesuffix("s"))
    assert 7_000 / 500.0 < wanted_s < 3 * 7_000 / 500.0


def test_stages_that_take_no_time_limit_nothing() -> None:
    def ask(rate: float) -> Probe:
        return Probe(
            seed=0, rate_per_s=rate, values=(0.0,), margin=1e3, loads={"orders": 0.0}, saturated=()
        )

    with pytest.raises(InvalidScenarioError, match="take no time, so nothing limits the rate"):
        root(ask, 100.0)


def test_a_run_of_the_queue_has_its_root_near_the_closed_form() -> None:
    """One seed of 20 s: its p99 scatters by some per cent; the rate by less than 10."""
    scenario = scenario_of(20.0)
    limits = checked_limits([limit_of(0.8)], scenario)
    found = find_root(lambda rate: probe(scenario, limits, "algebra", rate, 0), scenario, 300.0)
    assert found.kind == "limit"
    assert found.rate_per_s == pytest.approx(800.0, rel=0.1)
    before, after = (
        probe(scenario, limits, "algebra", found.rate_per_s * factor, 0).margin
        for factor in (0.99, 1.01)
    )
    assert before > 0.0 > after
