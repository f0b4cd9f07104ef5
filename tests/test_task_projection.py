"""A task for each event: what it does to a read model, and how that is found and told."""

from collections.abc import Sequence
from functools import cache

import attrs
import numpy as np
import pytest
from click.testing import CliRunner
from fakes import create

from cqrs_sim import cli, simulation
from cqrs_sim.actors.clock import VirtualClock
from cqrs_sim.analysis.consistency import (
    check_applied_in_order,
    check_nothing_lost,
    check_trace,
)
from cqrs_sim.divergence import Divergence, divergence
from cqrs_sim.domain.events import (
    Event,
    OrderAmended,
    OrderCancelled,
    OrderCreated,
    OrderStatusChanged,
)
from cqrs_sim.domain.item import OrderItem
from cqrs_sim.domain.queries import AnswerValue, GetOrderById
from cqrs_sim.domain.status import CANCELLED, CONFIRMED, PENDING, SHIPPED, OrderStatus
from cqrs_sim.engines import virtual
from cqrs_sim.engines.algebra.engine import unsupported
from cqrs_sim.engines.convergence import divergences
from cqrs_sim.engines.experiment import Experiment
from cqrs_sim.engines.virtual import run_script
from cqrs_sim.errors import InvalidScenarioError, WriteSideDownError
from cqrs_sim.ids import (
    Cents,
    CommandId,
    CorrelationId,
    CustomerId,
    Nanoseconds,
    OrderId,
    Position,
    ProductId,
    Version,
)
from cqrs_sim.probe import Outcome
from cqrs_sim.read_side.careless import CarelessOrders, CarelessStatistics
from cqrs_sim.read_side.orders import OrdersReadModel
from cqrs_sim.results import Result
from cqrs_sim.scenario.reading import read_scenario
from cqrs_sim.scenario.scenario import Scenario
from cqrs_sim.system import System

TASKS = """
[run]
duration = "4s"
[load]
rate = "1000/s"
[workload]
orders = 20
[queries]
share = 0.3
mix = { by_id = 6, by_customer = 2, by_status = 1, statistics = 1 }
[write_side]
service = { distribution = "exponential", mean = "200us" }
[read_models.orders]
projection = "task"
service = { distribution = "exponential", mean = "2ms" }
[read_models.statistics]
projection = "task"
service = { distribution = "exponential", mean = "2ms" }
[read_models.search]
service = { distribution = "exponential", mean = "200us" }
"""
ORDER = OrderId("o1")
ITEM = OrderItem(ProductId("book"), 2, Cents(500))


def tasks(*settings: str) -> Scenario:
    return read_scenario(TASKS, settings)


@cache
def run(*settings: str, seed: int = 2) -> Result:
    return virtual.run(tasks(*settings), seed=seed)


def failed_checks(result: Result) -> set[str]:
    return {check.name for check in result.summary.checks if not check.ok}


def _head(version: int) -> tuple[OrderId, Version, Nanoseconds, CommandId, CorrelationId]:
    return (
        ORDER,
        Version(version),
        Nanoseconds(version * 10),
        CommandId(version),
        CorrelationId(CommandId(version)),
    )


CREATED = OrderCreated(*_head(1), CustomerId("c"), (ITEM,), Cents(1000))


def moved(version: int, old: OrderStatus, new: OrderStatus) -> OrderStatusChanged:
    return OrderStatusChanged(*_head(version), old, new)


CONFIRM = moved(2, PENDING, CONFIRMED)
SHIP = moved(3, CONFIRMED, SHIPPED)


def told(*events: Event) -> CarelessOrders:
    model = CarelessOrders()
    for event in events:
        model.apply(event)
    return model


def listed(model: CarelessOrders) -> list[OrderStatus]:
    return [s for s in (PENDING, CONFIRMED, SHIPPED, CANCELLED) if model.by_status(s)]


def right(*events: Event) -> OrdersReadModel:
    model = OrdersReadModel()
    for event in events:
        model.apply(event)
    return model


def wrong(shown: CarelessOrders, *log: Event) -> Divergence | None:
    return divergence("orders", shown, right(*log))


# The careless read model.


@pytest.mark.parametrize(
    "log",
    [
        (CREATED,),
        (CREATED, CONFIRM),
        (CREATED, CONFIRM, SHIP),
        (CREATED, CONFIRM, OrderCancelled(*_head(3), CONFIRMED, "why")),
        (CREATED, OrderAmended(*_head(2), (ITEM, ITEM), Cents(1000), Cents(2000))),
    ],
)
def test_events_that_come_one_by_one_leave_it_right(log: Sequence[Event]) -> None:
    assert wrong(told(*log), *log) is None


def test_a_change_that_overtakes_its_order_is_lost() -> None:
    shown = told(CONFIRM, CREATED)
    assert shown.by_id(ORDER).status == PENDING  # type: ignore[union-attr]
    found = wrong(shown, CREATED, CONFIRM)
    assert found is not None
    assert str(found) == (
        "orders is wrong about 1 of 1 orders, first o1: it shows PENDING after version 1, "
        "the log says CONFIRMED after version 2"
    )


def test_two_changes_that_overtake_each_other_leave_one_order_under_two_statuses() -> None:
    shown = told(CREATED, SHIP, CONFIRM)
    assert listed(shown) == [CONFIRMED, SHIPPED]
    assert shown.by_id(ORDER).status == CONFIRMED  # type: ignore[union-attr]
    assert shown.by_status(SHIPPED)[0].status == CONFIRMED
    found = wrong(shown, CREATED, CONFIRM, SHIP)
    assert found is not None
    assert "it shows CONFIRMED after version 2, listed under CONFIRMED and SHIPPED" in str(found)


def test_a_cancellation_takes_the_old_status_from_its_row_and_so_may_be_undone() -> None:
    cancelled = OrderCancelled(*_head(3), CONFIRMED, "why")
    shown = told(CREATED, cancelled, CONFIRM)
    # Its handler found it PENDING; then the confirmation found nothing to remove.
    assert listed(shown) == [CONFIRMED, CANCELLED]
    assert shown.by_id(ORDER).status == CONFIRMED  # type: ignore[union-attr]


def test_an_order_that_is_added_twice_is_listed_twice() -> None:
    assert len(told(CREATED, CREATED).by_customer(CustomerId("c"))) == 2


def test_what_was_never_created_is_missing_and_told() -> None:
    found = wrong(told(), CREATED)
    assert found is not None
    assert "it shows no such order, the log says PENDING after version 1" in str(found)


def test_careless_statistics_are_a_scan_of_careless_rows() -> None:
    model = CarelessStatistics()
    for event in (CREATED, SHIP, CONFIRM):
        model.apply(event)
    found = model.between(Nanoseconds(10), Nanoseconds(11))
    assert (found.orders_count, found.revenue_cents) == (1, 1000)
    assert dict(found.by_status)[CONFIRMED] == 1
    assert model.between(Nanoseconds(11), Nanoseconds(99)).orders_count == 0
    assert divergence("statistics", model, right(CREATED, CONFIRM, SHIP)) is not None


# The run.


def test_a_run_diverges_and_says_about_how_many_orders_with_a_witness() -> None:
    result = run()
    (failed,) = [check for check in result.summary.checks if not check.ok]
    assert failed.name == "convergence"
    assert "orders is wrong about " in failed.detail
    assert "statistics is wrong about " in failed.detail
    assert failed.witness
    events = result.trace.events
    named = failed.detail.partition("first ")[2].partition(":")[0]
    first = events.order[events.position == failed.witness[0]]
    assert result.trace.order_ids[int(first[0])] == named


def test_the_count_is_that_of_the_orders_whose_events_were_handled_out_of_turn() -> None:
    """From the trace alone: only an order with two events out of turn can be wrong."""
    experiment = Experiment(tasks(), 3, VirtualClock())
    virtual.run_experiment(experiment)
    (found, _) = divergences(experiment.system, experiment.scenario.unordered)
    trace = experiment.trace()
    applied = trace.deliveries_of("orders").applied.astype(np.int64)
    crossed = set()
    for order in np.unique(trace.events.order).tolist():
        own = applied[trace.events.order == order]
        if (np.diff(own) < 0).any():
            crossed.add(OrderId(trace.order_ids[order]))
    assert len(crossed) > 10
    assert set(found.orders) <= crossed
    assert found.read_model == "orders"
    # An order whose events came in turn is right; of the others nearly none is.
    assert len(found.orders) > len(crossed) / 2


def test_without_modelled_time_no_event_overtakes_another_and_nothing_is_wrong() -> None:
    settings = [f"read_models.{name}.service={{}}" for name in ("orders", "statistics")]
    assert virtual.run(tasks(*settings), seed=2).summary.is_correct


def test_handlers_begin_at_once_and_store_nothing() -> None:
    trace = run().trace
    deliveries = trace.deliveries_of("orders")
    assert np.array_equal(deliveries.delivered, trace.events.committed)
    assert np.array_equal(deliveries.taken, trace.events.committed)
    assert np.isnat(deliveries.checkpointed).all()
    assert not np.isnat(deliveries.applied).any()
    lag = (deliveries.applied - trace.events.committed).astype(np.int64)
    assert lag.mean() == pytest.approx(2e6, rel=0.1)
    assert (np.diff(deliveries.applied.astype(np.int64)) < 0).any()


def test_the_same_seed_gives_the_same_damage() -> None:
    details = {
        check.detail
        for _ in range(2)
        for check in virtual.run(tasks(), seed=4).summary.checks
        if check.name == "convergence"
    }
    assert len(details) == 1


def test_a_read_that_waits_is_answered_when_all_up_to_its_write_were_handled() -> None:
    result = virtual.run(tasks("queries.strategy.by_id=at_least"), seed=2)
    assert result.summary.own_writes.queries > 100
    assert result.summary.own_writes.queries_that_missed == 0


def test_events_whose_tasks_were_cut_off_are_lost_and_counted_as_never_shown() -> None:
    result = virtual.run(tasks("run.drain=0s", "read_models.orders.service.mean=500ms"), seed=2)
    unseen = np.isnat(result.trace.deliveries_of("orders").applied)
    assert 0 < np.count_nonzero(unseen) < len(unseen)
    assert result.summary.lag_s["orders"].censored > 0
    # Nothing is said of a read model that has not seen the whole log.
    (found,) = [check for check in result.summary.checks if check.name == "convergence"]
    assert "orders is wrong" not in found.detail
    assert all(c.ok for c in result.summary.checks if c.name != "convergence")
    (lost,) = [check for check in result.summary.checks if check.name == "nothing_lost"]
    assert "where tasks bring them: orders, statistics" in lost.detail


# Crashes of the writer, in whose process the tasks live.


CRASHES = """write_side.crashes=[
    { at = "1s", down = "50ms" }, { at = "2s", down = "50ms" }, { at = "3s", down = "50ms" }
]"""


def lost_by_tasks(result: Result, name: str) -> tuple[list[int], list[int]]:
    """Positions that never came to a read model, and those whose task did not end."""
    deliveries, position = result.trace.deliveries_of(name), result.trace.events.position
    never = np.isnat(deliveries.delivered)
    cut = ~never & np.isnat(deliveries.applied)
    return position[never].tolist(), position[cut].tolist()


def test_a_writer_that_ends_takes_its_tasks_along_and_what_it_had_not_told() -> None:
    result = run("write_side.publish=dual_write", CRASHES)
    crashes = result.trace.crashes
    stored = crashes.reached.tolist()
    assert len(stored) == 3
    for name in ("orders", "statistics"):
        never, cut = lost_by_tasks(result, name)
        assert never == stored
        assert cut, "at 2 ms each some tasks are always at work"
        applied = result.trace.deliveries_of(name).applied
        for gone, back in zip(crashes.crashed, crashes.restarted, strict=True):
            assert not ((applied > gone) & (applied < back)).any()
        found = result.summary.delivery[name]
        assert found.mode == "at_most_once"
        assert found.lost == len(never) + len(cut) + found.without_effect
        assert found.without_effect > 0
        assert found.first_lost is not None
    # Of `search`, which is told by the same writer, some changes found no order to change.
    assert failed_checks(result) == {"nothing_lost", "effects", "convergence"}
    assert result.diverged is not None


def test_a_writer_that_publishes_from_its_log_loses_no_more_than_the_tasks_at_work() -> None:
    result = run("write_side.publish=log_first", CRASHES)
    crashes = result.trace.crashes
    for name in ("orders", "statistics"):
        never, cut = lost_by_tasks(result, name)
        assert never == []
        assert cut
        delivered = result.trace.deliveries_of(name).delivered[crashes.reached - 1]
        assert delivered.tolist() == crashes.restarted.tolist()


def test_readers_are_told_of_what_came_after_a_loss() -> None:
    """Where nothing more will come of an event, those behind it are what an answer reflects."""
    result = run("write_side.publish=dual_write", CRASHES)
    by_id = next(row for row in result.summary.reads.rows if row.kind == "GetOrderById")
    usual = next(row for row in run().summary.reads.rows if row.kind == "GetOrderById")
    assert by_id.stale / by_id.answered < 2 * usual.stale / usual.answered


def test_a_run_waits_for_a_writer_that_is_gone_when_the_load_ends() -> None:
    last = "write_side.crashes=[{ at = '3900ms', down = '1s' }]"
    for publish, is_told in (("log_first", True), ("dual_write", False)):
        result = run(f"write_side.publish={publish}", last, "read_models.search.channel=1")
        (reached,) = result.trace.crashes.reached.tolist()
        assert reached == len(result.trace.events)
        applied = result.trace.deliveries_of("orders").applied[reached - 1]
        assert np.isnat(applied) != is_told


@pytest.mark.parametrize("publish", ["log_first", "dual_write"])
def test_what_a_crash_cut_off_is_lost_also_in_a_run_that_did_not_finish(publish: str) -> None:
    """A writer that is gone until after the drain lets the run end when time is up."""
    gone = "write_side.crashes=[{ at = '2s', down = '50ms' }, { at = '3900ms', down = '60s' }]"
    result = run(f"write_side.publish={publish}", gone, "run.drain=1s")
    trace = result.trace
    assert trace.ended_ns == 5_000_000_000
    first, last = trace.crashes.reached.tolist()
    for name in ("orders", "statistics"):
        never, cut = lost_by_tasks(result, name)
        assert never == ([last] if publish == "log_first" else [first, last])
        assert cut
        found = result.summary.delivery[name]
        # Of the last one nobody can say but who knows how it would be published.
        assert found.lost == len(cut) + len(never) - 1 + found.without_effect
    assert "nothing_lost" in failed_checks(result)
    assert ("convergence" in failed_checks(result)) == (publish == "dual_write")


def test_nobody_waits_for_what_a_dual_write_has_lost() -> None:
    crash = "write_side.crashes=[{ at = '0s', down = '50ms' }]"

    async def script(system: System) -> tuple[int, AnswerValue, int]:
        with pytest.raises(WriteSideDownError):
            await system.execute(create("o-1"), request_id="r-1")
        answer = await system.query(GetOrderById(OrderId("o-1")), at_least=Position(1))
        # It was stored, so it is not done again.
        again = await system.execute(create("o-1"), request_id="r-1")
        return answer.position, answer.value, again.position

    assert run_script(script, tasks("write_side.publish=dual_write", crash)) == (1, None, 1)


def test_without_a_crash_a_dual_write_is_as_right_or_wrong_as_a_log() -> None:
    dual, log = run("write_side.publish=dual_write"), run()
    assert dual.diverged == log.diverged
    for name in dual.trace.read_models:
        mine, other = dual.trace.deliveries_of(name), log.trace.deliveries_of(name)
        assert mine.applied.tolist() == other.applied.tolist()


def test_an_event_that_found_nothing_to_change_is_counted() -> None:
    result = run()
    for name in ("orders", "statistics"):
        found = result.summary.delivery[name]
        assert found.lost == found.without_effect > 0
        assert found.first_lost is not None
    assert result.summary.delivery["search"].lost == 0


# The checks that ask less of it, and of nothing else.


def test_order_is_asked_of_every_read_model_but_those_of_tasks() -> None:
    trace = run().trace
    unordered = frozenset({"orders", "statistics"})
    assert not check_applied_in_order(trace).ok
    found = check_applied_in_order(trace, unordered=unordered)
    assert found.ok
    assert "none is promised, where tasks bring them: orders, statistics" in found.detail
    assert not check_applied_in_order(trace, unordered=unordered - {"orders"}).ok

    swapped = trace.deliveries.applied.copy()
    first = np.flatnonzero(trace.deliveries.read_model == trace.read_models.index("search"))[0]
    swapped[[first, first + 1]] = swapped[[first + 1, first]]
    planted = attrs.evolve(trace, deliveries=attrs.evolve(trace.deliveries, applied=swapped))
    assert not check_applied_in_order(planted, unordered=unordered).ok


def test_an_event_that_is_missing_in_a_run_that_finished_is_lost_also_where_tasks_bring_it() -> (
    None
):
    trace = run().trace
    applied = trace.deliveries.applied.copy()
    applied[50] = np.timedelta64("NaT")
    planted = attrs.evolve(trace, deliveries=attrs.evolve(trace.deliveries, applied=applied))
    name = trace.read_models[int(trace.deliveries.read_model[50])]
    assert name == "orders"
    found = check_nothing_lost(planted, deadline_ns=trace.ended_ns + 1, unordered={name})
    assert not found.ok
    assert found.witness == (int(trace.deliveries.position[50]),)
    # In a run that was cut it may have been waiting; for a projector it may not.
    assert check_nothing_lost(planted, unordered={name}).ok
    assert not check_nothing_lost(planted).ok
    assert check_trace(planted)[5] == check_nothing_lost(planted)


# From outside.


def test_the_run_ends_with_the_code_of_a_failed_check(tmp_path: pytest.TempPathFactory) -> None:
    (tmp_path / "tasks.toml").write_text(TASKS)  # type: ignore[operator] # a path
    arguments = ["run", f"{tmp_path}/tasks.toml", "--out", f"{tmp_path}/out", "--seed", "2"]
    shown = CliRunner().invoke(cli.main, arguments)
    assert shown.exit_code == 3
    assert "check FAILED: convergence: orders is wrong about" in shown.stdout


def test_the_wall_clock_runs_tasks_too() -> None:
    result = simulation.run(tasks("run.duration=400ms", "load.rate=300/s"), engine="wall")
    trace = result.trace
    assert (trace.commands.outcome == Outcome.ACCEPTED).any()
    assert not np.isnat(trace.deliveries_of("orders").applied).any()
    assert all(check.ok for check in result.summary.checks if check.name != "convergence")


def test_the_algebra_refuses_it_and_search_has_no_careless_form() -> None:
    assert any("projection" in line for line in unsupported(tasks("queries.share=0")))
    with pytest.raises(InvalidScenarioError, match=r'read_models\.search\.projection = "task"'):
        tasks("read_models.search.projection=task")
