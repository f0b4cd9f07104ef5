"""Architectures side by side: what is compared is what was run, and says so where it is wrong."""

import json

import attrs
import pytest

from cqrs_sim.analysis.architectures import CONTROL, ArchitectureFigures
from cqrs_sim.analysis.diverged import DivergedOrders
from cqrs_sim.analysis.makespan import makespan_of
from cqrs_sim.architectures.catalogue import ARCHITECTURES, BASE
from cqrs_sim.architectures.costs import Costs
from cqrs_sim.engines import virtual
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.scenario.scenario import Load, Run, Scenario
from cqrs_sim.scenario.units import Duration, Rate
from cqrs_sim.side_by_side import comparison, substrates
from cqrs_sim.side_by_side.comparison import (
    ArchitectureComparison,
    compare_architectures,
    load_text,
    run_side_by_side,
)
from cqrs_sim.side_by_side.substrates import flat_out, flat_out_load, on_substrate
from cqrs_sim.simulation import load_scenario, run

SECOND = 1_000_000_000
SHORT = attrs.evolve(BASE, run=Run(duration=Duration(2 * SECOND), warm_up=Duration(SECOND // 5)))


@pytest.fixture(scope="module")
def whole() -> ArchitectureComparison:
    return compared(SHORT)


def compared(base: Scenario, *names: str) -> ArchitectureComparison:
    """All architectures, or some of them, flat out for a moment only."""
    chosen = {name: ARCHITECTURES[name](base, Costs()) for name in names or ARCHITECTURES}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(substrates, "OPERATIONS", 2_000)
        return run_side_by_side(chosen, seed=3)


def row_of(found: ArchitectureComparison, name: str) -> ArchitectureFigures:
    return next(row for row in found.found.rows if row.architecture == name)


def test_each_row_is_the_summary_of_its_run(whole: ArchitectureComparison) -> None:
    for one, row in zip(whole.runs, whole.found.rows, strict=True):
        summary = one.result.summary
        assert (row.architecture, row.write.sample) == (one.architecture, summary.response_s)
        assert row.slowest is not None
        assert row.slowest.lag.sample == summary.lag_s[row.slowest.read_model]
        assert row.stale == sum(read.stale for read in summary.reads.rows)
        assert row.answered == sum(read.answered for read in summary.reads.rows)
        for kind in row.kinds:
            read = summary.reads.of(kind.kind, "eventual")
            assert read is not None
            assert kind.response.sample == read.response_s


def test_all_architectures_get_the_same_load_to_the_nanosecond(
    whole: ArchitectureComparison,
) -> None:
    first, *others = (one.result.trace for one in whole.runs)
    for other in others:
        assert first.commands.intended.tolist() == other.commands.intended.tolist()
        assert first.queries.intended.tolist() == other.queries.intended.tolist()
        assert first.queries.kind.tolist() == other.queries.kind.tolist()


def test_lag_is_nothing_where_the_commit_updates_the_views_and_something_where_it_does_not(
    whole: ArchitectureComparison,
) -> None:
    for name in (CONTROL, "simple"):
        slowest = row_of(whole, name).slowest
        assert slowest is not None
        assert slowest.lag.sample.max == 0.0
    for name in ("separate", "multiple"):
        slowest = row_of(whole, name).slowest
        assert slowest is not None
        assert slowest.lag.sample.p50 is not None
        assert slowest.lag.sample.p50 > 0.0


def test_stale_answers_of_the_cache_are_some_of_all_stale_answers(
    whole: ArchitectureComparison,
) -> None:
    multiple = row_of(whole, "multiple")
    assert multiple.stale_from_cache is not None
    assert 0 < multiple.stale_from_cache <= multiple.stale
    assert row_of(whole, "separate").stale_from_cache is None


def test_how_late_a_cache_shows_a_write_is_told_beside_the_lag(
    whole: ArchitectureComparison,
) -> None:
    """The lag ends where the read model shows an event; the cache goes on without it."""
    multiple = row_of(whole, "multiple")
    assert multiple.cache_age is not None
    assert multiple.slowest is not None
    (_, age_s), lag = multiple.cache_age.tail or ("", 0.0), multiple.slowest.lag.tail
    assert lag is not None
    assert age_s > 10 * lag[1]
    (told,) = [text for text in whole.found.answers if text.startswith("multiple")]
    assert "from the cache" in told
    assert any("from the cache" in text for text in multiple.gives_up if "reads trail" in text)
    assert not any("from the cache" in t for t in whole.found.answers if t is not told)


def test_the_same_seed_gives_the_same_numbers_but_for_the_machine() -> None:
    def told() -> str:
        return json.dumps(
            {**compared(SHORT, "multiple", "tutorial").found.to_json(), "provenance": None}
        )

    assert told() == told()


@pytest.mark.parametrize("name", ["crud", "simple", "event_sourced", "separate"])
def test_the_rate_flat_out_is_near_the_bound_of_the_utilisation_law_and_not_above_it(
    name: str,
) -> None:
    """X <= 1 / D_max, where D of a station is its work for an operation / servers.

    Demands are counted in the flat-out run itself: an exact bound, whatever it sent. It is not met
    by event_sourced, whose projectors wait for the connections that clients keep busy.
    """
    scenario = ARCHITECTURES[name](SHORT, Costs())
    ready = flat_out(scenario, "virtual")
    trace = virtual.run(ready, seed=5, load=flat_out_load(scenario, 5)).trace
    found = makespan_of(trace)
    assert found.unfinished == 0
    works, rate = trace.works, found.rate_per_s
    assert rate is not None
    busy_s = (works.ended - works.begun).astype(int) / 1e9
    demands_s = [
        float(busy_s[works.database == index].sum()) / connections / found.operations
        for index, connections in enumerate(trace.databases.connections.tolist())
    ]
    # A projector takes a batch at a time, so it is a server of its own besides.
    for index in range(len(trace.read_models)):
        rows = (works.read_model == index) & (works.kind == 1)
        demands_s.append(float(busy_s[rows].sum()) / found.operations)
    bound = 1.0 / max(demands_s)
    assert rate <= bound * (1.0 + 1e-9)
    assert rate > (0.6 if name == "event_sourced" else 0.97) * bound


def test_what_was_put_off_is_paid_for_in_the_rate_flat_out() -> None:
    """A projector of 4 ms an event saturates at 250 events a second, however fast writes are."""
    slow = load_scenario(
        "default",
        [
            "queries.share=0",
            'read_models.search={service={distribution="constant", mean="4ms"}}',
            'write_side.service={distribution="constant", mean="100us"}',
        ],
    )
    load = flat_out_load(slow, 1)
    trace = virtual.run(flat_out(slow, "virtual"), seed=1, load=load).trace
    found = makespan_of(trace)
    events_per_operation = len(trace.events) / found.operations
    assert found.rate_per_s == pytest.approx(1.0 / (0.004 * events_per_operation), rel=0.001)


def test_a_run_that_leaves_something_undone_has_no_rate() -> None:
    slow = load_scenario("slow_projector", ["run.duration=1s", "run.warm_up=0s", "run.drain=0s"])
    found = makespan_of(run(slow, seed=1).trace)
    assert found.unfinished > 0
    assert found.rate_per_s is None


def test_a_planted_divergence_reaches_row_answer_and_json(whole: ArchitectureComparison) -> None:
    planted = DivergedOrders(orders=17, of=900, witness="orders shows 5 as PENDING; not so")
    rows = [
        attrs.evolve(one.result, diverged=planted if one.architecture == "tutorial" else None)
        for one in whole.runs
    ]
    results = iter(rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparison, "run", lambda *_, **__: next(results))
        patch.setattr(substrates, "OPERATIONS", 100)
        found = compare_architectures(SHORT, seed=3).found
    assert "tutorial DIVERGED: it shows 17 of 900 orders wrong" in found.answer
    row = next(row for row in found.rows if row.architecture == "tutorial")
    assert row.is_diverged
    assert row.gives_up[0] == "17 of 900 orders shown wrong for good"
    told = json.dumps(found.to_json())
    assert "orders shows 5 as PENDING; not so" in told


def test_the_mechanism_of_the_tutorial_diverges_at_the_load_that_is_shipped() -> None:
    result = run("tutorial", seed=0)
    assert result.diverged is not None
    assert 0 < result.diverged.orders < result.diverged.of
    assert "the log says" in result.diverged.witness
    assert not result.summary.is_correct


def test_only_what_tasks_update_has_no_order(whole: ArchitectureComparison) -> None:
    assert [row.architecture for row in whole.found.rows if row.is_unordered] == ["tutorial"]


def test_an_interrupted_comparison_keeps_what_was_finished_and_says_so(
    whole: ArchitectureComparison,
) -> None:
    results = iter([one.result for one in whole.runs])

    def cut(*_: object, **__: object) -> object:
        result = next(results)
        if result.scenario.name == "event_sourced":
            raise KeyboardInterrupt
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(comparison, "run", cut)
        patch.setattr(substrates, "OPERATIONS", 100)
        found = compare_architectures(SHORT, seed=3).found
    assert [row.architecture for row in found.rows] == ["crud", "simple"]
    assert not found.complete
    assert found.answer.startswith("INCOMPLETE: interrupted; until then At 2,000/s")


def test_a_saturated_control_is_a_result_and_its_percentiles_are_withheld() -> None:
    base = attrs.evolve(SHORT, load=Load(rate=8000.0))
    found = compared(base, CONTROL)
    crud = row_of(found, CONTROL)
    assert crud.saturated
    assert crud.write.quantile_s("p50") is None
    assert crud.gives_up[0].startswith("saturated at this rate: ")
    assert "crud is saturated" in found.found.answer


def test_real_substrates_have_no_modelled_time_left() -> None:
    for build in ARCHITECTURES.values():
        real, engine = on_substrate(build(BASE, Costs()), "memory")
        assert engine == "wall"
        stages = [real.write_side.service, real.queries.service, real.queries.cache.service]
        stages += [model.service for model in real.read_models.values()]
        stages += [one for one in attrs.astuple(real.queries.services, recurse=False) if one]
        assert all(stage.mean == 0 for stage in stages)
        assert all(model.transport == model.checkpoint == 0 for model in real.read_models.values())


def test_a_load_that_is_not_open_is_refused() -> None:
    closed = attrs.evolve(BASE, load=Load(model="closed"))
    with pytest.raises(InvalidScenarioError, match="compared under an open load"):
        compare_architectures(closed)


def test_scenarios_of_different_loads_are_not_compared() -> None:
    one = ARCHITECTURES["crud"](BASE, Costs())
    other = attrs.evolve(one, load=Load(rate=1.0))
    with pytest.raises(InvalidScenarioError, match="load: b has another one"):
        run_side_by_side({"a": one, "b": other})


@pytest.mark.parametrize(
    ("names", "told"), [(("disk",), "must be one of"), (("modelled",) * 2, "twice")]
)
def test_unknown_and_repeated_substrates_are_refused(names: tuple[str, ...], told: str) -> None:
    with pytest.raises(InvalidScenarioError, match=told):
        compare_architectures(SHORT, substrates=names)


def test_sqlite_is_asked_less_and_the_page_says_so() -> None:
    base = attrs.evolve(BASE, load=Load(rate=Rate(2000.0)))
    rates = {"sqlite": 600.0}
    assert on_substrate(base, "sqlite")[0].load.rate == rates["sqlite"]
    assert on_substrate(base, "memory")[0].load.rate == 2000.0
    slow = attrs.evolve(BASE, load=Load(rate=Rate(20.0)))
    assert on_substrate(slow, "sqlite")[0].load.rate == 20.0
    assert load_text(base, rates).startswith("2,000 operations a second (on sqlite 600), ")
