"""Runs in which projectors ask another system: names, stages, counts, and what is told of them."""

import io
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import attrs
import numpy as np
import pytest

from cqrs_sim import loading, results, simulation
from cqrs_sim.actors.clock import VirtualClock
from cqrs_sim.actors.kernel import Kernel
from cqrs_sim.actors.randomness import Streams
from cqrs_sim.analysis.lag import consistency_lag_s, lag_parts, seconds
from cqrs_sim.analysis.stages import ENRICHMENT
from cqrs_sim.checking.closed_forms import check_closed_forms
from cqrs_sim.checking.identities import conservation
from cqrs_sim.customer_names import AT_ONCE, LONGEST_NS, CustomerNames, Replies
from cqrs_sim.diagram.drawing import diagram_of
from cqrs_sim.diagram.graph import to_mermaid
from cqrs_sim.engines import virtual
from cqrs_sim.engines.algebra import engine as algebra
from cqrs_sim.engines.experiment import Experiment
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.highest_rate.faster import shortened
from cqrs_sim.ids import CommandId
from cqrs_sim.predictions import why_not
from cqrs_sim.probe import NullProbe
from cqrs_sim.read_side.names import NOT_TOLD
from cqrs_sim.read_side.orders import OrdersReadModel
from cqrs_sim.read_side.search import SearchReadModel
from cqrs_sim.report.page import report_html
from cqrs_sim.results import Result, write_result
from cqrs_sim.scenario.parts import Enrichment
from cqrs_sim.scenario.scenario import Scenario, Service
from cqrs_sim.scenario.units import LONGEST_NS as LONGEST_MEAN_NS
from cqrs_sim.simulation import load_scenario
from cqrs_sim.terminal.screen import Screen
from cqrs_sim.terminal.summary import show_summary

ASKS, ALSO = "read_models.orders.enrichment", "read_models.search.enrichment"
OFTEN_IN_VAIN = (f"{ASKS}.service.mean=1ms", f"{ASKS}.failure=0.4", f"{ASKS}.attempts=2")
SMALL = ("run.duration=2s", "run.warm_up=0s")


def scenario(*settings: str, preset: str = "default") -> Scenario:
    return load_scenario(preset, [*SMALL, *settings])


@cache
def short() -> Result:
    """One in six orders is shown without a name."""
    return virtual.run(scenario(*OFTEN_IN_VAIN), seed=1)


def shown(result: Result) -> Sequence[str]:
    out = io.StringIO()
    show_summary(Screen(out), result)
    return out.getvalue().splitlines()


# What is said.


def settings_of(**keys: object) -> Enrichment:
    service = Service(distribution="exponential", mean=1_000_000)
    return Enrichment(service=service, **keys)  # type: ignore[arg-type]


def test_what_is_said_of_an_order_depends_on_its_command_alone() -> None:
    settings = settings_of(failure=0.3, attempts=4, timeout=2_000_000)
    few, many = (Replies(Streams(5), settings) for _ in range(2))
    drawn = many.drawn(10_000)
    assert [few[CommandId(n)] for n in (7, 4099, 3)] == [many[CommandId(n)] for n in (7, 4099, 3)]
    assert [few[CommandId(n)].took_ns for n in range(9000)] == drawn.took_ns[:9000].tolist()
    assert np.array_equal(few.drawn(10).took_ns, drawn.took_ns[:10])


def test_calls_are_made_until_one_succeeds_or_there_were_enough() -> None:
    drawn = Replies(Streams(0), settings_of(failure=0.3, attempts=4)).drawn(100_000)
    shares = np.bincount(drawn.attempts, minlength=5)[1:] / 100_000
    assert shares == pytest.approx([0.7, 0.21, 0.063, 0.027], abs=0.006)
    assert 1 - drawn.is_told.mean() == pytest.approx(0.3**4, abs=0.001)
    assert set(drawn.attempts[~drawn.is_told].tolist()) == {4}
    # Wald: the time of a question is the calls times the time of one.
    assert drawn.took_ns.mean() == pytest.approx(1e6 * drawn.attempts.mean(), rel=0.02)


@pytest.mark.parametrize(("failure", "told"), [(0.0, 1), (1.0, 0)])
def test_all_or_none_can_succeed(failure: float, told: int) -> None:
    drawn = Replies(Streams(0), settings_of(failure=failure, attempts=3)).drawn(5000)
    assert set(drawn.is_told.tolist()) == {bool(told)}
    assert set(drawn.attempts.tolist()) == {1 if told else 3}


def test_a_call_that_would_take_too_long_fails_when_its_time_is_over() -> None:
    drawn = Replies(Streams(0), settings_of(timeout=500_000, attempts=1)).drawn(50_000)
    assert drawn.took_ns.max() == 500_000
    assert np.array_equal(drawn.is_told, drawn.took_ns < 500_000)
    assert drawn.is_told.mean() == pytest.approx(1 - np.exp(-0.5), abs=0.01)


def test_the_longest_questions_still_fit_64_bits() -> None:
    service = Service(distribution="lognormal", mean=LONGEST_MEAN_NS, spread=5.0)
    settings = Enrichment(service=service, failure=1.0, attempts=100)
    took_ns = Replies(Streams(0), settings).drawn(5000).took_ns
    assert 0 < took_ns.min() <= took_ns.max() <= LONGEST_NS


def test_orders_from_before_the_run_are_named_at_once() -> None:
    assert Replies(Streams(0), settings_of(failure=1.0))[CommandId(-1)] == AT_ONCE


def test_who_asks_for_nothing_gets_no_replies() -> None:
    names = CustomerNames(scenario(), Kernel(VirtualClock()), NullProbe(), Streams(0))
    assert names.asking("orders", 0, None) is None


# What is shown.


@pytest.mark.parametrize(
    "settings",
    [
        (),
        ("read_models.orders.batch=8", "read_models.orders.checkpoint=1ms"),
        ('read_models.orders.pauses=[{at = "1s", duration = "300ms"}]',),
        ("read_models.orders.poll=10ms",),
        ("run.processors=2",),
        ("run.processors=1", "run.discipline=turns"),
        ("databases.main.connections=1", "read_models.orders.database=main"),
        ("load.model=closed", "load.rate=none"),
        ("read_models.orders.delivery=exactly_once_effect", "read_models.orders.batch=8"),
        ('read_models.orders.crashes=[{at = "1s", down = "100ms"}]', "read_models.orders.batch=8"),
        (
            'read_models.orders.crashes=[{at = "1s", down = "100ms"}]',
            "read_models.orders.delivery=exactly_once_effect",
            "read_models.orders.batch=8",
        ),
    ],
)
def test_names_stages_and_checks_hold_however_events_come(settings: tuple[str, ...]) -> None:
    experiment = Experiment(scenario(*OFTEN_IN_VAIN, *settings), 3, VirtualClock())
    virtual.run_experiment(experiment)
    result = experiment.result("virtual")
    trace, asked = result.trace, result.trace.enrichments
    assert [check.detail for check in result.summary.checks if not check.ok] == []

    parts = lag_parts(trace, "orders")
    lag = consistency_lag_s(trace, "orders")
    assert np.array_equal(seconds(parts.lag), lag, equal_nan=True)
    known = ~np.isnat(parts.enrichment)
    assert parts.apply[known].astype(np.int64).min() >= 0
    assert parts.enrichment[known & (trace.events.version > 1)].astype(np.int64).max() == 0
    took_ns = asked.answered - asked.asked
    row = asked.position - trace.first_position
    is_in_time = asked.answered <= trace.deliveries_of("orders").applied[row]
    in_time_ns = took_ns[is_in_time].astype(np.int64).sum()
    assert parts.enrichment[known].astype(np.int64).sum() == in_time_ns > 0
    assert is_in_time.all() or "crashes" in settings[0]

    orders = experiment.system.projectors["orders"].read_model
    assert isinstance(orders, OrdersReadModel)
    unnamed = [order_id for order_id, one in orders.rows.items() if one.customer_name == NOT_TOLD]
    untold = dict.fromkeys(trace.events.order[row[asked.is_told == 0]].tolist())
    is_shown = set(orders.rows)
    assert sorted(unnamed) == sorted({trace.order_ids[number] for number in untold} & is_shown)
    found = result.summary.enrichment["orders"]
    assert found.unnamed == len(unnamed) > 0
    assert found.first_unnamed is not None
    assert found.first_unnamed.event == f"{unnamed[0]}#1"


def test_who_asks_alike_is_told_alike() -> None:
    both = (
        f"{path}={{service={{mean='1ms', distribution='exponential'}}, failure=0.5, attempts=1}}"
        for path in (ASKS, ALSO)
    )
    experiment = Experiment(scenario(*both), 3, VirtualClock())
    virtual.run_experiment(experiment)
    orders, search = (
        experiment.system.projectors[name].read_model for name in ("orders", "search")
    )
    assert isinstance(orders, OrdersReadModel)
    assert isinstance(search, SearchReadModel)
    names = {order_id: row.customer_name for order_id, row in orders.rows.items()}
    assert names == {order_id: row.customer_name for order_id, row in search.rows.items()}
    assert 0.4 < list(names.values()).count(NOT_TOLD) / len(names) < 0.6
    asked = experiment.trace().enrichments
    one, other = (
        asked.answered[asked.read_model == n] - asked.asked[asked.read_model == n] for n in (0, 2)
    )
    assert np.array_equal(one, other)


def test_a_row_that_shows_another_name_than_was_told_is_found() -> None:
    experiment = Experiment(scenario(*OFTEN_IN_VAIN), 3, VirtualClock())
    virtual.run_experiment(experiment)
    orders = experiment.system.projectors["orders"].read_model
    assert isinstance(orders, OrdersReadModel)
    row = next(row for row in orders.rows.values() if row.customer_name == NOT_TOLD)
    row.customer_name, row.shown = "Customer-who-knows", None
    checks = {check.name: check for check in experiment.result("virtual").summary.checks}
    assert not checks["convergence"].ok
    assert f"order {row.order_id}" in checks["convergence"].detail


def test_a_question_that_the_end_of_the_run_cuts_off_is_told() -> None:
    slow = (f"{ASKS}.service.mean=10s", "run.drain=0s")
    result = virtual.run(scenario(*slow))
    found = result.summary.enrichment["orders"]
    assert (found.asked, found.attempts, found.unanswered, found.mean_s) == (1, 0, 1, None)
    (line,) = [line for line in shown(result) if line.startswith("names shown by orders")]
    assert line.endswith("; 1 without an answer when the run ended")


# What is made a second time.


def test_a_rebuild_takes_the_time_of_its_questions_and_comes_to_the_same_names() -> None:
    rebuilt = ('read_models.orders.rebuilds=[{at = "1s"}]', "load.rate=100/s")
    without = virtual.run(scenario(*rebuilt))
    asking = virtual.run(scenario(f"{ASKS}.service.mean=5ms", *rebuilt))
    (quick,), (slow,) = without.rebuilds, asking.rebuilds
    assert quick.switched_ns is not None
    assert slow.switched_ns is not None
    new_orders = np.count_nonzero(asking.trace.events.version[: slow.events] == 1)
    # It draws its own times to apply events, the same in both runs, as far as it applied them.
    took_longer = slow.switched_ns - quick.switched_ns
    assert took_longer > new_orders * 5_000_000
    assert slow.differing == 0 < slow.rows
    assert asking.summary.is_correct


def test_a_rebuild_that_never_showed_anything_leaves_the_questions_to_be_checked() -> None:
    dropped = virtual.run(
        scenario(f"{ASKS}.service.mean=5ms", 'read_models.orders.rebuilds=[{at = "2900ms"}]')
    )
    assert dropped.rebuilds[0].switched_ns is None
    assert "enrichment" in {check.name for check in dropped.summary.checks}


def test_read_models_in_a_store_show_the_names_that_were_told(tmp_path: Path) -> None:
    settings = (f"{ASKS}.service.mean=1ms", "store=sqlite", "read_models.orders.batch=4")
    stored = virtual.run(scenario(*settings), store=tmp_path / "store")
    assert stored.summary.is_correct
    assert stored.summary.enrichment["orders"].asked > 100
    lagging = virtual.run(scenario(*settings[1:]), store=tmp_path / "other")
    one, other = (r.summary.read_stages_s["orders"].parts for r in (stored, lagging))
    assert one[ENRICHMENT] is not None
    assert ENRICHMENT not in other


def test_a_store_is_refused_to_who_may_show_no_name(tmp_path: Path) -> None:
    """Also one that the scenario does not speak of."""
    with pytest.raises(InvalidScenarioError) as caught:
        virtual.run(scenario(*OFTEN_IN_VAIN), store=tmp_path / "store")
    (mistake,) = caught.value.mistakes
    assert mistake.startswith(f"{ASKS}.failure: must be 0, because a store ")


@pytest.mark.parametrize(
    ("settings", "mistake"),
    [
        (["read_models.statistics.enrichment.attempts=1"], "shows no names"),
        ([f"{ASKS}.service.distribution=real"], "there is no other system to be asked"),
        ([f"{ASKS}.service.distribution=exponential"], "needs a mean above 0"),
        ([f"{ASKS}.attempts=1", "read_models.orders.projection=inline"], "a projector asks, but"),
        ([f"{ASKS}.attempts=1", "read_models.orders.projection=task"], "a projector asks, but"),
        (
            [
                f"{ASKS}.attempts=1",
                *("read_models.orders.projection=inline", "read_models.orders.form=joined"),
                *("read_models.orders.service={}", "write_side.keeps=both"),
            ],
            "has no rows of its own",
        ),
        ([f"{ASKS}.attempts=1", "workload.kind=amendments"], "makes all orders before the run"),
        ([f"{ASKS}.failure=0.1", "store=sqlite"], "a store makes its files again"),
        ([f"{ASKS}.timeout=1ms", "store=sqlite"], "a store makes its files again"),
        (
            [f"{ASKS}.failure=0.1", 'read_models.orders.rebuilds=[{at = "1s"}]'],
            "a rebuild asks again",
        ),
    ],
)
def test_what_cannot_be_asked_is_refused_by_its_key(settings: list[str], mistake: str) -> None:
    with pytest.raises(InvalidScenarioError) as caught:
        scenario(*settings)
    (found,) = [line for line in caught.value.mistakes if mistake in line]
    assert found.startswith("read_models.")
    assert ".enrichment" in found


async def _rebuilt(system: object) -> None:
    await system.rebuild("orders")  # type: ignore[attr-defined]


def test_a_running_system_refuses_a_rebuild_that_may_come_to_other_names() -> None:
    with pytest.raises(Exception, match="a rebuild asks again") as caught:
        virtual.run_script(_rebuilt, scenario(*OFTEN_IN_VAIN))
    assert isinstance(caught.value.__cause__ or caught.value, InvalidScenarioError)


# What is told.


def test_who_asks_nobody_is_told_nothing_of_it() -> None:
    result = virtual.run(scenario())
    assert not [name for name in result.trace.to_arrays() if name.startswith("enrichments")]
    assert "enrichment" not in json.dumps(result.to_json())
    assert not [line for line in shown(result) if "enrichment" in line or "names shown" in line]
    assert "of another system" not in report_html(result)
    assert "read: enrichment" not in report_html(result)
    assert "asks for each new order" not in to_mermaid(diagram_of(result.scenario, result.summary))


def test_stage_counts_and_first_witness_are_told() -> None:
    result, found = short(), short().summary.enrichment["orders"]
    assert found.first_unnamed is not None
    first = found.first_unnamed.event
    (told,) = [line for line in shown(result) if line.startswith("names shown by orders: ")]
    assert told.endswith(f"; {found.unnamed} orders shown without a name, the first: {first}")
    (stages,) = [line for line in shown(result) if line.startswith("orders: fan-out")]
    assert " + enrichment " in stages
    assert not [line for line in shown(result) if line.startswith("search") and ENRICHMENT in line]
    page = report_html(result)
    assert "read: enrichment" in page
    assert f"The first that orders shows without a name: {first}" in page
    picture = to_mermaid(diagram_of(result.scenario, result.summary))
    assert "asks for each new order<br/>enrichment 0.4" in picture
    assert f"{found.unnamed} not told" in picture


def test_a_threshold_on_names_is_known_before_the_run_and_judged_after_it() -> None:
    limits = ("enrichment.orders.unnamed < 1", "stages.read_models.orders.enrichment < 1s")
    planned = attrs.evolve(scenario(*OFTEN_IN_VAIN), thresholds=limits)
    simulation.checked_thresholds(planned)
    assert [verdict.ok for verdict in simulation.run(planned).verdicts] == [False, True]
    with pytest.raises(InvalidScenarioError, match="unknown metric"):
        simulation.checked_thresholds(attrs.evolve(scenario(), thresholds=limits[:1]))


def test_a_result_that_is_loaded_says_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(results, "write_figures", lambda *_, **__: [])
    write_result(short(), tmp_path / "result")
    loaded = loading.load(tmp_path / "result")
    assert loaded.summary.to_json() == short().summary.to_json()


# What counts with it.


def test_load_and_saturation_count_the_questions() -> None:
    sure = scenario(f"{ASKS}.service.mean=2ms", "run.duration=20s")
    for engine in (virtual.run, algebra.run):
        result = engine(sure)
        (load,) = [load for load in result.summary.loads if load.stage == "orders"]
        events, new = len(result.trace.events), len(result.trace.enrichments)
        assert load.offered_load == pytest.approx(events / 20 * 0.8e-3 + new / 20 * 2e-3, rel=0.03)
    much = virtual.run(scenario(f"{ASKS}.service.mean=5ms", "run.duration=5s"))
    assert [load.stage for load in much.summary.saturated] == ["orders"]


def test_theory_says_nothing_of_a_lag_with_questions_and_names_the_key() -> None:
    asked = scenario(f"{ASKS}.service.mean=1ms", "write_side.service={}")
    assert why_not(asked)["lag.orders"][0].startswith(f"{ASKS}: ")
    assert "lag.statistics" not in why_not(asked)
    told = scenario(f"{ASKS}.service.mean=1ms")
    assert not any(
        "--set" in why for lines in check_closed_forms(told).why_not.values() for why in lines
    )


def test_of_answers_and_work_the_longer_one_is_made_faster() -> None:
    for mean, key, left in (
        ("5ms", "read_models.orders.enrichment.service.mean", 4_500_000),
        ("500us", "read_models.orders.service.mean", 720_000),
    ):
        faster = shortened(scenario(f"{ASKS}.service.mean={mean}"), "orders")
        assert faster is not None
        model = faster[0].read_models["orders"]
        assert model.enrichment is not None
        assert faster[1] == key
        assert left in (model.enrichment.service.mean, model.service.mean)


def test_the_check_of_a_scenario_holds_questions_against_deliveries_too() -> None:
    names = [check.name for check in conservation(short())]
    assert names.count("enrichment") == 1


def test_the_wall_clock_asks_about_every_new_order_too() -> None:
    settings = ("run.duration=1s", "load.rate=100/s", "queries.share=0")
    result = simulation.run(scenario(*OFTEN_IN_VAIN, *settings), engine="wall", seed=4)
    failed = [check.detail for check in result.summary.checks if not check.ok]
    assert failed == []
    new_orders = np.count_nonzero(result.trace.events.version == 1)
    assert len(result.trace.enrichments) == new_orders > 10
    virtually = virtual.run(scenario(*OFTEN_IN_VAIN, *settings), seed=4)
    one, other = (r.summary.enrichment["orders"] for r in (result, virtually))
    assert (one.attempts, one.unnamed) == (other.attempts, other.unnamed)


def test_in_the_preset_who_asks_lags_ten_times_as_much_as_who_does_not() -> None:
    summary = simulation.run("enrichment", engine="algebra").summary
    loads = {load.stage: load.offered_load for load in summary.loads}
    assert loads["orders"] == pytest.approx(0.75, abs=0.02)
    assert loads["search"] == pytest.approx(0.31, abs=0.02)
    lags = {name: lag.mean for name, lag in summary.lag_s.items()}
    assert lags["search"] is not None
    assert lags["orders"] is not None
    assert 8 < lags["orders"] / lags["search"] < 12
    parts = summary.read_stages_s["orders"].parts
    assert parts["channel"] is not None
    assert parts["channel"] > 5 * (parts[ENRICHMENT] or 0.0)
    assert summary.enrichment["orders"].unnamed == 13
