import re
import tomllib

import attrs
import pytest
from fakes import SECOND

from cqrs_sim import simulation
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.scenario.contradictions import expected_operations
from cqrs_sim.scenario.presets import load_preset, preset_names, preset_text
from cqrs_sim.scenario.reading import read_scenario, to_toml
from cqrs_sim.scenario.scenario import ReadModel, Scenario
from cqrs_sim.scenario.units import Duration

NAMES = (
    *("default", "burst", "crud", "dual_write", "enrichment", "event_sourced", "global_lock"),
    *("hot_order", "list_index", "multiple", "optimistic", "overload", "rebuild", "redelivery"),
    *("renames", "separate", "shared_state", "simple", "slow_projector", "stall", "tutorial"),
)


def commands_per_s(scenario: Scenario) -> float:
    operations = expected_operations(scenario.run, scenario.load)
    return operations / (scenario.run.duration / 1e9) * (1 - scenario.queries.share)


def offered_load(scenario: Scenario, read_model: ReadModel) -> float:
    events_per_s = commands_per_s(scenario) * (1 - scenario.workload.invalid_share)
    busy_ns = read_model.service.mean + read_model.checkpoint / read_model.batch
    return events_per_s * busy_ns / 1e9


def test_the_presets_are_listed_with_the_default_first() -> None:
    assert preset_names() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_is_a_valid_scenario_of_its_own_name(name: str) -> None:
    scenario = load_preset(name)
    assert scenario.name == name
    assert scenario.description


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_survives_writing_and_reading(name: str) -> None:
    scenario = load_preset(name)
    assert read_scenario(to_toml(scenario)) == scenario


@pytest.mark.parametrize("name", NAMES)
def test_a_preset_begins_with_its_lesson(name: str) -> None:
    text = preset_text(name)
    assert text.startswith("# ")
    assert "# Look at: " in text
    assert tomllib.loads(text)["name"] == name


@pytest.mark.parametrize(
    ("name", "slowest", "load"),
    [
        ("stall", "search", 0.40),
        ("rebuild", "search", 0.71),
        ("default", "search", 0.78),
        ("slow_projector", "orders", 0.95),
        ("overload", "search", 1.30),
        ("hot_order", "search", 0.63),
        ("dual_write", "search", 0.63),
        ("optimistic", "orders", 0.29),
        ("shared_state", "orders", 0.20),
        ("global_lock", "orders", 0.60),
        ("redelivery", "orders", 0.68),
        ("renames", "orders", 0.31),
    ],
)
def test_the_slowest_projector_has_the_load_that_the_comment_states(
    name: str, slowest: str, load: float
) -> None:
    scenario = load_preset(name)
    loads = {n: offered_load(scenario, model) for n, model in scenario.read_models.items()}
    assert max(loads, key=lambda n: loads[n]) == slowest
    assert loads[slowest] == pytest.approx(load, abs=0.006)
    assert all(other < 0.8 for n, other in loads.items() if n != slowest)


def test_the_slow_projector_is_that_of_the_read_model_that_orders_are_read_from() -> None:
    """Else nobody would be shown anything stale, and a fresh read would cost nothing."""
    scenario = load_preset("slow_projector")
    assert scenario.queries.mix.by_id > 0
    trace = simulation.run(
        attrs.evolve(
            scenario, run=attrs.evolve(scenario.run, duration=Duration(SECOND), warm_up=Duration(0))
        )
    ).trace
    by_id = trace.queries.kind == trace.query_kinds.index("GetOrderById")
    answered_by = set(trace.queries.read_model[by_id].tolist())
    assert {trace.read_models[code] for code in answered_by} == {"orders"}


def test_the_hot_order_is_near_its_capacity() -> None:
    scenario = load_preset("hot_order")
    to_hot_order = commands_per_s(scenario) * scenario.workload.hot_share
    assert to_hot_order * scenario.write_side.service.mean / 1e9 == pytest.approx(0.84)


def test_the_burst_is_above_capacity_only_while_it_lasts() -> None:
    scenario = load_preset("burst")
    search = scenario.read_models["search"]
    assert offered_load(scenario, search) < 0.7
    assert max(s.start for s in scenario.load.profile) * 0.784 * search.service.mean / 1e9 > 2


def test_the_clients_that_the_stall_speaks_of_send_as_fast_as_its_open_load() -> None:
    text = preset_text("stall")
    settings = re.findall(r"--set (\S+)", text)
    scenario = read_scenario(text, settings)
    load, service = scenario.load, scenario.write_side.service
    assert load.model == "closed"
    per_s = load.clients / ((load.think_time.mean + service.mean) / 1e9)
    assert per_s == load_preset("stall").load.rate


@pytest.mark.parametrize("name", ["", "../default", "default.toml", "/etc/passwd", "a\0b", "x\x1b"])
def test_an_unknown_preset_is_refused(name: str) -> None:
    with pytest.raises(InvalidScenarioError, match="unknown preset") as refused:
        load_preset(name)
    assert str(refused.value).isprintable()


def test_a_misspelt_preset_is_suggested() -> None:
    with pytest.raises(InvalidScenarioError, match='did you mean "overload"'):
        load_preset("overlaod")
