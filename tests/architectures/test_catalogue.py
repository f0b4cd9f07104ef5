"""The architectures: what they are made of, and what they come to under one load."""

import attrs
import numpy as np
import pytest

from cqrs_sim.architectures.catalogue import ARCHITECTURES, BASE, MAIN
from cqrs_sim.architectures.costs import Costs, QueryCosts, RowCosts, cost_rows
from cqrs_sim.architectures.moving_parts import moving_parts
from cqrs_sim.engines import virtual
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.results import Result
from cqrs_sim.scenario.presets import load_preset, preset_text
from cqrs_sim.scenario.scenario import Load, Run, Scenario, Workload
from cqrs_sim.scenario.units import Rate

COSTS = Costs()
SHORT = attrs.evolve(BASE, run=Run(duration=6_000_000_000, warm_up=1_000_000_000))


@pytest.fixture(scope="module")
def results() -> dict[str, Result]:
    return {name: virtual.run(build(SHORT, COSTS), seed=1) for name, build in ARCHITECTURES.items()}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_preset_is_what_its_architecture_makes_of_the_shared_costs(name: str) -> None:
    assert load_preset(name) == ARCHITECTURES[name](BASE, COSTS)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_an_architecture_changes_nothing_of_the_load(name: str) -> None:
    base = attrs.evolve(
        BASE,
        run=Run(duration=7_000_000_000, warm_up=3, drain=2, quantum=5),
        load=Load(rate=Rate(33.0), process="constant"),
        workload=Workload(orders=7, customers=3, invalid_share=0.5),
        queries=attrs.evolve(BASE.queries, share=0.25, sessions=9, timeout=77),
        thresholds=("lag.orders.p99 < 5ms",),
    )
    found = ARCHITECTURES[name](base, COSTS)
    assert (found.run, found.load, found.workload) == (base.run, base.load, base.workload)
    assert found.thresholds == base.thresholds
    for part in ("share", "sessions", "mix", "strategy", "timeout"):
        assert getattr(found.queries, part) == getattr(base.queries, part)
    assert found.name == name


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_time_of_an_architecture_comes_from_the_costs(name: str) -> None:
    """With costs of nothing there is no modelled time left, but for the lives of cached answers."""
    nothing = QueryCosts(by_id=0, by_customer=0, by_status=0, statistics=0)
    free = Costs(
        decide=0, tables=0, append=0, commit=0, row=RowCosts(orders=0, statistics=0, search=0),
        checkpoint=0, join=nothing, view=nothing, cache_hit=0, transport=0, replay=0,
    )  # fmt: skip
    found = ARCHITECTURES[name](SHORT, free)
    services = [found.write_side.service, *(m.service for m in found.read_models.values())]
    services += [s for s in attrs.asdict(found.queries.services, recurse=False).values() if s]
    services += [found.queries.service, found.queries.cache.service]
    assert [service.mean for service in services] == [0] * len(services)
    assert all(m.transport == m.checkpoint == 0 for m in found.read_models.values())


def test_costs_that_cannot_be_are_refused() -> None:
    with pytest.raises(InvalidScenarioError, match=r"Costs\.commit = -1"):
        Costs(commit=-1)
    with pytest.raises(InvalidScenarioError, match=r"Costs\.connections = 0"):
        Costs(connections=0)


def test_every_cost_is_printed_with_its_meaning() -> None:
    rows = {row.name: row for row in cost_rows(COSTS)}
    assert rows["commit"].value == 500_000
    assert rows["join.statistics"].value == 5_000_000
    assert (rows["connections"].value, rows["connections"].is_duration) == (4, False)
    assert len({row.meaning for row in rows.values()}) == len(rows) == 20


def test_all_keep_up_and_the_control_is_at_a_moderate_load(results: dict[str, Result]) -> None:
    for name, result in results.items():
        assert result.summary.saturated == (), name
        assert result.summary.invalid == (), name
    loads = {load.stage: load.offered_load for load in results["crud"].summary.loads}
    assert loads["database main"] == pytest.approx(0.43, abs=0.03)


def test_all_are_sent_the_same_commands_and_queries_at_the_same_instants(
    results: dict[str, Result],
) -> None:
    traces = [result.trace for result in results.values()]
    for trace in traces[1:]:
        assert np.array_equal(trace.commands.intended, traces[0].commands.intended)
        assert np.array_equal(trace.queries.intended, traces[0].queries.intended)
        assert np.array_equal(trace.commands.order, traces[0].commands.order)


def test_only_what_shares_the_transaction_never_lags(results: dict[str, Result]) -> None:
    for name, result in results.items():
        longest = max(lag.max or 0.0 for lag in result.summary.lag_s.values())
        stale = sum(row.stale for row in result.summary.reads.rows)
        assert (longest == 0.0) == (stale == 0) == (name in ("crud", "simple")), name


def test_what_is_carried_between_databases_lags_by_at_least_the_way(
    results: dict[str, Result],
) -> None:
    for name in ("separate", "multiple"):
        trace = results[name].trace
        for model in trace.read_models:
            lag = trace.deliveries_of(model).applied - trace.events.committed
            assert int(np.nanmin(lag.astype(np.int64))) >= COSTS.transport


def test_views_make_reading_cheap_and_writing_dear(results: dict[str, Result]) -> None:
    crud, simple = results["crud"].summary, results["simple"].summary
    assert simple.queries_s.mean is not None
    assert crud.queries_s.mean is not None
    assert simple.queries_s.mean < crud.queries_s.mean / 3
    assert simple.response_s.mean is not None
    assert crud.response_s.mean is not None
    assert simple.response_s.mean > crud.response_s.mean


def test_the_cache_answers_and_adds_staleness(results: dict[str, Result]) -> None:
    cache = results["multiple"].summary.cache
    assert cache.hit_share is not None
    assert cache.hit_share > 0.3
    assert cache.hits_age_s.mean is not None
    assert cache.misses_age_s.mean is not None
    assert cache.hits_age_s.mean > 10 * cache.misses_age_s.mean
    assert all(r.summary.cache.hits == 0 for n, r in results.items() if n != "multiple")


def test_only_an_order_that_is_its_events_costs_something_to_bring_back() -> None:
    side = attrs.evolve(BASE.write_side, passivate_after=20_000_000)
    base = attrs.evolve(SHORT, write_side=side)
    unshared = attrs.evolve(COSTS, connections=1024)  # Or waiting for one would be part of it.
    found = {
        name: virtual.run(ARCHITECTURES[name](base, unshared), seed=1).metrics
        for name in ("crud", "event_sourced")
    }
    orders = [one["rehydration.orders"] for one in found.values()]
    assert all(count is not None and count > 100 for count in orders)
    assert found["crud"]["rehydration.time_s"] == 0.0
    read = found["event_sourced"]["rehydration.events_read"]
    assert read is not None
    took_s = found["event_sourced"]["rehydration.time_s"]
    assert took_s == pytest.approx(read * unshared.replay / 1e9)


def test_only_the_tutorial_is_wrong_and_says_about_how_many_orders(
    results: dict[str, Result],
) -> None:
    for name, result in results.items():
        failed = {check.name for check in result.summary.checks if not check.ok}
        assert failed == ({"convergence"} if name == "tutorial" else set()), name


def test_moving_parts_are_read_from_the_scenario() -> None:
    found = {name: moving_parts(build(BASE, COSTS)) for name, build in ARCHITECTURES.items()}
    assert found["crud"].databases == (MAIN,)
    assert found["crud"].channels == ()
    assert found["crud"].hops["orders"] == ("commit", "orders")
    assert found["event_sourced"].hops["search"] == ("commit", "channel", "projector", "search")
    assert found["separate"].databases == (MAIN, "views")
    assert found["multiple"].databases == (MAIN, "queries", "reporting", "search")
    assert found["multiple"].hops["orders"] == (
        *("commit", "transport", "channel", "projector", "orders", "cache"),
    )
    assert found["tutorial"].hops["orders"] == ("commit", "task", "orders")
    counts = [found[name].count for name in ("crud", "event_sourced", "separate", "multiple")]
    assert counts == sorted(counts)
    assert all(parts.failure_modes for parts in found.values())
    assert any("overtake" in mode for mode in found["tutorial"].failure_modes)
    assert moving_parts(Scenario()).databases == ()


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_preset_tells_where_its_costs_come_from(name: str) -> None:
    assert "Look at: " in preset_text(name)
    assert "costs.py" in preset_text("crud")
