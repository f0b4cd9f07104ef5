"""Probes against the whole summary, and against what is planted."""

import math

import pytest

from benchmarks.capacity_coverage import scenario_of
from cqrs_sim import simulation
from cqrs_sim.analysis.metrics import metric
from cqrs_sim.analysis.samples import partial_summary
from cqrs_sim.analysis.saturation import stage_loads
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.highest_rate.limits import checked_limits
from cqrs_sim.highest_rate.probes import engine_for, probe
from cqrs_sim.scenario.scenario import Scenario
from cqrs_sim.simulation import load_scenario

EVERY_GROUP = (
    "lag_s.search.p90",
    "lag_s.orders.mean",
    "lag_s.orders.p99",
    "visibility_s.search.p50",
    "response_s.p90",
    "served_response_s.mean",
)


def small(*settings: str) -> Scenario:
    return load_scenario("default", ["run.duration=4s", "run.warm_up=500ms", *settings])


@pytest.mark.parametrize("rate", ["600/s", "2000/s"])
@pytest.mark.parametrize("name", EVERY_GROUP)
def test_a_partial_summary_has_the_metric_of_the_whole_one(name: str, rate: str) -> None:
    """Below saturation and above it: value, and why there is none."""
    result = simulation.run(small(f"load.rate={rate}"), engine="algebra", seed=3)
    after_ns = result.scenario.run.warm_up
    loads = stage_loads(result.trace, after_ns=after_ns)
    part = partial_summary(result.trace, name, loads, after_ns=after_ns)
    assert part is not None
    assert metric(part, name) == metric(result.summary.to_json(), name)


def test_what_is_no_sample_takes_the_whole_summary() -> None:
    result = simulation.run(small(), engine="algebra")
    assert partial_summary(result.trace, "rates_per_s.accepted", (), after_ns=0) is None
    assert partial_summary(result.trace, "backlog.orders.max", (), after_ns=0) is None


def test_a_probe_has_the_values_and_loads_of_a_run() -> None:
    scenario = small()
    limits = checked_limits(
        ["lag.orders.p90 < 9ms", "rates.accepted < 800/s", "lag.search.mean < 4ms"], scenario
    )
    found = probe(scenario, limits, "algebra", 700.0, 5)
    summary = simulation.run(
        load_scenario("default", ["run.duration=4s", "run.warm_up=500ms", "load.rate=700/s"]),
        engine="virtual",
        seed=5,
    ).summary
    accepted = summary.rates_per_s.accepted
    assert found.values == (summary.lag_s["orders"].p90, accepted, summary.lag_s["search"].mean)
    assert found.loads == {load.stage: load.offered_load for load in summary.loads}
    margins = [limit.value / value - 1 for limit, value in zip(limits, found.values, strict=True)]
    assert found.margin == min(margins)
    assert found.saturates_at_per_s == pytest.approx(700.0 / max(found.loads.values()))


def test_both_engines_come_to_the_same_probe() -> None:
    scenario = small()
    limits = checked_limits(["lag.orders.p90 < 9ms"], scenario)
    assert probe(scenario, limits, "algebra", 500.0, 1) == probe(
        scenario, limits, "virtual", 500.0, 1
    )


def test_what_the_algebra_cannot_do_is_simulated() -> None:
    assert engine_for(small()) == "algebra"
    assert engine_for(small("run.processors=2")) == "virtual"


def test_no_rate_is_held_at_which_any_stage_is_saturated() -> None:
    """`search` is; the lag of `orders` is known and far below its limit, and still."""
    scenario = small()
    found = probe(scenario, checked_limits(["lag.orders.p90 < 9s"], scenario), "algebra", 1450.0, 0)
    assert found.saturated == ("search",)
    assert math.isfinite(found.values[0])
    assert found.margin == -1.0


def test_the_lag_of_a_saturated_stage_is_beyond_all_bounds() -> None:
    scenario = small()
    found = probe(scenario, checked_limits(["lag.search.p90 < 9s"], scenario), "algebra", 2000.0, 0)
    assert (found.values, found.margin) == ((math.inf,), -1.0)


def test_too_few_events_are_said_to_be_too_few() -> None:
    scenario = scenario_of(4.0)
    limits = checked_limits(["lag.orders.p99 < 9ms"], scenario)
    found = probe(scenario, limits, "algebra", 300.0, 0)
    assert found.lack is not None
    assert found.lack.needed == 10_000
    assert found.lack.n == pytest.approx(900, rel=0.2)
    assert math.isnan(found.values[0])


def test_a_metric_without_a_value_is_refused_with_the_reason() -> None:
    scenario = scenario_of(4.0)
    limits = checked_limits(["queries.versions_missing_mean < 1"], scenario)
    with pytest.raises(InvalidScenarioError, match=r"--slo queries\.versions_missing_mean < 1"):
        probe(scenario, limits, "algebra", 300.0, 0)
