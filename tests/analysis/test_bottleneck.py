"""The bottleneck, against the rate at which a stage with that service really has no time left."""

import attrs
import pytest

from benchmarks.capacity_coverage import scenario_of
from cqrs_sim import simulation
from cqrs_sim.analysis.bottleneck import bottleneck
from cqrs_sim.analysis.saturation import StageLoad
from cqrs_sim.report.key_figures import key_figures
from cqrs_sim.scenario.scenario import ReadModel, Service
from cqrs_sim.verdict import busiest


def load(stage: str, offered: float | None, per_s: float = 100.0) -> StageLoad:
    return StageLoad(
        stage=stage,
        offered_per_s=per_s,
        offered_load=offered,
        slope_per_s=0.0,
        slope_low_per_s=0.0,
        reasons=(),
    )


def test_the_stage_with_most_work_saturates_first_and_at_its_own_rate() -> None:
    found = bottleneck([load("write side", 0.2), load("orders", 0.8), load("search", 0.5)])
    assert found is not None
    assert (found.stage, found.offered_load, found.unit) == ("orders", 0.8, "events")
    assert found.saturates_at_per_s == pytest.approx(125.0)


def test_a_stage_of_which_nothing_was_seen_is_no_bottleneck() -> None:
    assert bottleneck([]) is None
    assert bottleneck([load("write side", None), load("orders", 0.0)]) is None
    assert busiest([load("orders", None)]) == ""


def test_rows_of_renamed_customers_have_no_rate_of_events() -> None:
    renaming = attrs.evolve(load("orders", 0.8), is_renaming=True)
    found = bottleneck([renaming, load("search", 0.5)])
    assert found is not None
    assert (found.stage, found.saturates_at_per_s) == ("orders", None)
    assert busiest([renaming]).endswith("bottleneck is orders")


def test_queries_alone_have_no_rate_of_commands() -> None:
    found = bottleneck([load("write side", 0.7, per_s=0.0)])
    assert found is not None
    assert found.saturates_at_per_s is None
    assert busiest([load("write side", 0.7, per_s=0.0)]).endswith("bottleneck is the write side")


def test_a_run_names_its_bottleneck_at_the_rate_of_its_service_time() -> None:
    slow = ReadModel(service=Service(distribution="constant", mean=2_000_000))
    queue = scenario_of(5.0)
    scenario = attrs.evolve(queue, read_models={**queue.read_models, "search": slow})
    summary = simulation.run(scenario, engine="algebra").summary
    found = bottleneck(summary.loads)
    assert found is not None
    assert found.stage == "search"
    assert found.saturates_at_per_s == pytest.approx(500.0)
    told = busiest(summary.loads)
    assert told.endswith("the bottleneck is search: it saturates at 500 events/s")
    (figure,) = (one for one in key_figures(summary) if one.name == "Busiest stage")
    assert "search" in figure.context
    assert "500 events/s" in figure.context


def test_names_in_the_sentence_steer_nothing() -> None:
    assert "\x1b" not in busiest([load("\x1b[31mred", 0.5)])
