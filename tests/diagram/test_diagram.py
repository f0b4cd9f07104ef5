"""Diagrams: what is drawn is what the scenario has, and no name can break the text."""

import re
from pathlib import Path

import attrs
import pytest
from click.testing import CliRunner

from cqrs_sim import Result, Scenario, cli, load_scenario, run, write_result
from cqrs_sim.architectures.moving_parts import moving_parts
from cqrs_sim.diagram.drawing import diagram_of
from cqrs_sim.diagram.graph import Edge, Graph, Node, to_mermaid
from cqrs_sim.scenario.presets import preset_names
from cqrs_sim.verbs import exits

SHORT = ["run.duration=2s", "run.warm_up=200ms", "run.drain=1s"]


def edges(scenario: Scenario) -> dict[tuple[str, str], Edge]:
    return {(edge.source, edge.target): edge for edge in diagram_of(scenario).edges}


def told(graph: Graph) -> dict[str, tuple[str, ...]]:
    """What stands at each node, and at each edge as "source target"."""
    nodes = {node.id: node.lines for node in graph.nodes}
    return nodes | {f"{edge.source} {edge.target}": edge.lines for edge in graph.edges}


@pytest.mark.parametrize("name", preset_names())
def test_every_edge_joins_two_nodes_and_every_node_is_joined(name: str) -> None:
    graph = diagram_of(load_scenario(name))
    ids = [node.id for node in graph.nodes]

    assert len(set(ids)) == len(ids)
    assert {end for edge in graph.edges for end in (edge.source, edge.target)} == set(ids)
    assert {node for group in graph.groups for node in group.nodes} <= set(ids)


@pytest.mark.parametrize("name", preset_names())
def test_each_hop_of_an_event_is_drawn(name: str) -> None:
    """The way that `moving_parts` counts, from the commit to the read model."""
    scenario = load_scenario(name)
    drawn = edges(scenario)
    for read_model, hops in moving_parts(scenario).hops.items():
        model = f"model_{read_model}"
        if "projector" in hops or "task" in hops:
            projector = f"projector_{read_model}"
            assert (projector, model) in drawn
            way = drawn.get(("event_log", projector)) or drawn["order_actors", projector]
            assert any("channel" in line for line in way.lines) == ("channel" in hops)
            assert any("transport" in line for line in way.lines) == ("transport" in hops)
        elif scenario.read_models[read_model].form == "joined":
            assert drawn["write_tables", model].lines == ("joined for each answer",)
        else:
            assert drawn["order_actors", model].lines == ("in the same commit",)


def test_three_read_databases_stand_in_boxes_of_their_own_behind_a_cache() -> None:
    graph = diagram_of(load_scenario("multiple"))

    assert {group.heading: group.nodes for group in graph.groups} == {
        "main: 4 connections": ("write_tables", "event_log"),
        "queries: 4 connections": ("model_orders",),
        "reporting: 4 connections": ("model_statistics",),
        "search: 4 connections": ("model_search",),
    }
    drawn = edges(load_scenario("multiple"))
    assert drawn["cache", "model_orders"].lines == ("by_id", "by_customer", "by_status")
    assert drawn["cache", "model_statistics"].lines == ("statistics",)
    assert ("query_gateway", "model_orders") not in drawn


def test_rows_events_or_both_are_drawn_as_they_are_kept() -> None:
    kept = {
        name: {node.id for node in diagram_of(load_scenario(name)).nodes}
        & {"write_tables", "event_log"}
        for name in ("crud", "event_sourced", "separate")
    }
    assert kept == {
        "crud": {"write_tables"},
        "event_sourced": {"event_log"},
        "separate": {"write_tables", "event_log"},
    }


def test_crud_and_simple_have_no_projector() -> None:
    for name in ("crud", "simple"):
        assert not [node for node in diagram_of(load_scenario(name)).nodes if "proj" in node.id]


def test_what_may_be_lost_is_dashed() -> None:
    tasks, dual = edges(load_scenario("tutorial")), edges(load_scenario("dual_write"))
    log_first = edges(load_scenario("dual_write", ["write_side.publish=log_first"]))

    assert tasks["order_actors", "projector_orders"].is_dashed
    assert tasks["projector_orders", "model_orders"].lines == ("at most once",)
    assert dual["order_actors", "projector_orders"].is_dashed
    assert ("event_log", "projector_orders") not in dual
    assert not log_first["event_log", "projector_orders"].is_dashed


def test_handlers_are_drawn_where_no_actor_owns_an_order() -> None:
    nodes = {node.id: node.lines for node in diagram_of(load_scenario("optimistic")).nodes}
    drawn = edges(load_scenario("shared_state"))

    assert nodes["order_actors"] == (
        "handlers", "one for each command", "optimistic, up to 5 attempts",
    )  # fmt: skip
    assert drawn["command_gateway", "order_actors"].lines == ("all at once",)


def test_queries_go_where_their_strategy_sends_them() -> None:
    asked = ["queries.strategy.by_id=write_side", "queries.strategy.by_customer=at_least"]
    drawn = {
        (e.source, e.target, e.lines) for e in diagram_of(load_scenario("default", asked)).edges
    }

    assert ("load", "command_gateway", ("queries", "by_id")) in drawn
    assert ("query_gateway", "model_orders", ("by_customer at_least", "by_status")) in drawn


def test_a_load_without_queries_leaves_their_ways_dashed() -> None:
    drawn = edges(load_scenario("default", ["queries.share=0"]))

    assert drawn["load", "query_gateway"].is_dashed
    assert drawn["query_gateway", "model_orders"].is_dashed
    assert not edges(load_scenario("default"))["load", "query_gateway"].is_dashed


@pytest.fixture(scope="module")
def result() -> Result:
    return run(load_scenario("multiple", SHORT), seed=3)


def test_the_figures_of_a_run_stand_where_they_belong(result: Result) -> None:
    summary = result.summary
    found = told(diagram_of(result.scenario, summary))

    lag, parts = summary.lag_s["search"], summary.read_stages_s["search"].parts
    assert lag.p50 is not None
    assert parts["apply"] is not None
    assert f"lag p50 {lag.p50 * 1e3:.2f} ms" in found["model_search"]
    assert f"apply {parts['apply'] * 1e3:.2f} ms" in found["projector_search model_search"]
    assert f"{summary.rates_per_s.offered:,.0f}/s" in found["load command_gateway"]
    row = summary.reads.of("GetOrderStatistics", "eventual")
    assert row is not None
    at = found["cache model_statistics"]
    assert at[0] == "statistics"
    assert at[2] == f"{100 * row.stale / row.answered:.0f} % stale"
    assert any(line.startswith("hits ") for line in found["cache"])


def test_without_a_run_there_is_no_figure() -> None:
    words = " ".join(
        line for lines in told(diagram_of(load_scenario("multiple"))).values() for line in lines
    )
    assert not re.search(r"lag|stale|load \d|\d ms", words)


def test_a_saturated_stage_is_called_that_and_has_no_times() -> None:
    slow = [*SHORT, "read_models.search.service.mean=5ms"]
    result = run(load_scenario("default", slow))
    found = told(diagram_of(result.scenario, result.summary))

    assert found["model_search"] == ("search", "SATURATED")
    assert not any("waits" in line for line in found["event_log projector_search"])
    assert any("waits" in line for line in found["event_log projector_orders"])


def test_text_that_could_end_a_label_is_written_as_entities() -> None:
    hostile = 'a "b" <c> & #35; `d`\n--> e'
    node = Node(id="n", side="load", lines=(hostile,))
    text = to_mermaid(Graph(title=hostile, nodes=(node,), edges=()))

    assert r'title: "a \"b\" <c> & #35; `d`\\n--> e"' in text
    label = next(line for line in text.splitlines() if line.startswith("    n["))
    assert label == r'    n["a #34;b#34; #60;c#62; #38; #35;35; #96;d#96;\n--#62; e"]'


def test_equal_scenarios_give_equal_text() -> None:
    first, second = (to_mermaid(diagram_of(load_scenario("separate"))) for _ in range(2))
    assert first == second
    assert to_mermaid(diagram_of(attrs.evolve(load_scenario("separate"), name="x"))) != first


def test_the_verb_draws_a_scenario_or_a_result(result: Result, tmp_path: Path) -> None:
    write_result(result, tmp_path / "made")
    plain = CliRunner().invoke(cli.main, ["diagram", "multiple"])
    live = CliRunner().invoke(cli.main, ["diagram", "--result", str(tmp_path / "made")])
    kept = CliRunner().invoke(cli.main, ["diagram", "-o", str(tmp_path / "d.mmd"), "multiple"])

    assert (plain.exit_code, live.exit_code, kept.exit_code) == (0, 0, 0), live.output
    assert plain.stdout == to_mermaid(diagram_of(load_scenario("multiple")))
    assert live.stdout == to_mermaid(diagram_of(result.scenario, result.summary))
    assert (tmp_path / "d.mmd").read_text("utf-8") == plain.stdout


def test_the_verb_replaces_no_file_and_takes_no_second_scenario(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine", "utf-8")
    there = CliRunner().invoke(cli.main, ["diagram", "-o", str(tmp_path / "mine")])
    both = CliRunner().invoke(cli.main, ["diagram", "default", "--result", "x"])
    none = CliRunner().invoke(cli.main, ["diagram", "--result", str(tmp_path / "none")])

    assert (there.exit_code, both.exit_code) == (exits.ENVIRONMENT, exits.USAGE)
    assert (tmp_path / "mine").read_text("utf-8") == "mine"
    assert none.exit_code == exits.ENVIRONMENT
    assert none.stderr.count("\n") == 1
