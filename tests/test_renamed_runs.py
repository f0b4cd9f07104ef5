"""Runs in which customers are renamed: what comes of it, exactly, and that nothing else changes."""

from functools import cache
from itertools import pairwise
from pathlib import Path

import attrs
import numpy as np
import pytest
from numpy.typing import NDArray

from cqrs_sim import simulation
from cqrs_sim.actors.clock import VirtualClock
from cqrs_sim.actors.randomness import Streams
from cqrs_sim.calibration.measuring import real_scenario
from cqrs_sim.engines import virtual
from cqrs_sim.engines.algebra.engine import unsupported
from cqrs_sim.engines.experiment import Experiment
from cqrs_sim.engines.planning import renames_for
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.predictions import why_not
from cqrs_sim.read_side.joining import JoiningProjector
from cqrs_sim.read_side.orders import OrdersReadModel
from cqrs_sim.read_side.projector import Projector
from cqrs_sim.read_side.renamable_search import RenamableSearch
from cqrs_sim.read_side.search import SearchReadModel
from cqrs_sim.results import Result
from cqrs_sim.scenario.reading import read_scenario
from cqrs_sim.scenario.scenario import Scenario
from cqrs_sim.service_times import draws
from cqrs_sim.system import System, fold

RENAMES = """
[run]
duration = "2s"
[load]
rate = "400/s"
[workload]
customers = 20
[write_side]
service = { distribution = "exponential", mean = "500us" }
[customers]
rename_rate = "20/s"
service = { distribution = "exponential", mean = "2ms" }
transport = "5ms"
[read_models.orders]
service = { distribution = "exponential", mean = "800us" }
rename_each = "200us"
[read_models.search]
service = { distribution = "exponential", mean = "500us" }
[read_models.statistics]
service = { distribution = "exponential", mean = "800us" }
"""
WITHOUT = ("customers.rename_rate=0/s",)


def scenario(*settings: str) -> Scenario:
    return read_scenario(RENAMES, settings)


@cache
def ran(*settings: str) -> Experiment:
    experiment = Experiment(scenario(*settings), 3, VirtualClock())
    virtual.run_experiment(experiment)
    return experiment


def failed(result: Result) -> list[str]:
    return [check.detail for check in result.summary.checks if not check.ok]


def ns(stamps: NDArray[np.timedelta64]) -> list[int]:
    return [int(stamp) for stamp in stamps.astype(np.int64)]


# Exactly.


def test_renames_are_those_of_the_plan_each_after_its_customers_last() -> None:
    experiment = ran()
    plan = renames_for(experiment.scenario, Streams(3), 2_000_000_000)
    service = draws(Streams(3), "customers", experiment.scenario.customers.service)
    renames = experiment.trace().renames
    assert plan is not None
    assert service is not None
    assert ns(renames.intended) == ns(renames.submitted) == plan.intended_ns.tolist()
    assert renames.customer.tolist() == plan.customers.tolist()
    free: dict[int, int] = {}
    versions: dict[int, int] = {}
    committed: list[tuple[int, int]] = []
    for row, (customer, intended) in enumerate(
        zip(plan.customers.tolist(), plan.intended_ns.tolist(), strict=True)
    ):
        begun = max(intended, free.get(customer, 0))
        free[customer] = begun + service[row]
        versions[customer] = versions.get(customer, 0) + 1
        committed.append((free[customer], row))
        assert ns(renames.dequeued)[row] == begun
        assert renames.version[row] == versions[customer]
    assert ns(renames.committed) == [instant for instant, _ in committed]
    rows = [row for _, row in sorted(committed)]
    assert renames.position[rows].tolist() == list(range(1, len(rows) + 1))
    assert len(rows) > 25


def test_the_projector_does_one_thing_after_another_and_each_takes_its_time() -> None:
    """An event takes what was drawn for it, a rename so much for each of its rows."""
    experiment = ran()
    trace, settings = experiment.trace(), experiment.scenario.read_models["orders"]
    deliveries, renames = trace.deliveries_of("orders"), trace.rename_deliveries
    service = draws(Streams(3), "read/orders", settings.service)
    assert service is not None
    mine = renames.read_model == 0
    took_ns = [*service.array(len(trace.events)), *(200_000 * renames.rows[mine])]
    taken = [*ns(deliveries.taken), *ns(renames.taken[mine])]
    applied = [*ns(deliveries.applied), *ns(renames.applied[mine])]
    work = sorted(zip(taken, applied, took_ns, strict=True))
    assert all(done - begun == took for begun, done, took in work)
    assert all(done <= begun for (_, done, _), (begun, _, _) in pairwise(work))
    assert renames.rows.max() > 5
    in_log = np.argsort(trace.renames.position)
    arrived = trace.renames.committed[in_log] + np.timedelta64(5, "ms")
    assert (renames.taken[mine] >= arrived).all()
    assert (renames.taken[mine] == arrived).any()


def test_without_time_for_a_row_no_event_notices_a_rename() -> None:
    timeless, without = ran("read_models.orders.rename_each=0s"), ran(*WITHOUT)
    assert isinstance(timeless.system.projectors["orders"], JoiningProjector)
    for stamp in ("delivered", "taken", "applied", "checkpointed"):
        mine, other = (getattr(e.trace().deliveries, stamp) for e in (timeless, without))
        assert np.array_equal(mine, other, equal_nan=True)


def test_events_wait_behind_renames_in_the_read_model_that_rewrites_rows_alone() -> None:
    renamed, without = ran().trace(), ran(*WITHOUT).trace()
    for name in ("search", "statistics"):
        assert same(renamed, without, name)
    late = renamed.deliveries_of("orders").applied - without.deliveries_of("orders").applied
    assert late.min() == np.timedelta64(0)
    assert late.max() > np.timedelta64(1, "ms")


def same(one: Trace, other: Trace, name: str) -> bool:
    return np.array_equal(one.deliveries_of(name).applied, other.deliveries_of(name).applied)


@pytest.mark.parametrize("load", ["load.process=constant", "workload.kind=amendments", "seed"])
def test_commands_and_events_are_the_same_with_and_without_renames(load: str) -> None:
    settings = () if load == "seed" else (load,)
    renamed, without = ran(*settings), ran(*WITHOUT, *settings)
    assert len(renamed.trace().renames.customer) > 25
    assert len(without.trace().renames.customer) == 0
    assert renamed.system.log.events == without.system.log.events
    for stamp in ("intended", "submitted", "dequeued", "committed", "acknowledged"):
        mine, other = (getattr(e.trace().commands, stamp) for e in (renamed, without))
        assert np.array_equal(mine, other, equal_nan=True)


def test_the_same_seed_gives_the_same_trace_and_another_one_other_renames() -> None:
    first, again = (virtual.run(scenario(), seed=5).trace.to_arrays() for _ in range(2))
    assert first.keys() == again.keys()
    for name, array in first.items():
        assert array.tobytes() == again[name].tobytes(), name
    other = virtual.run(scenario(), seed=6).trace.renames
    assert other.customer.tolist() != first["renames.customer"].tolist()


def test_without_a_rate_nothing_of_it_is_there() -> None:
    system = ran(*WITHOUT).system
    assert {type(projector) for projector in system.projectors.values()} == {Projector}
    assert type(system.projectors["search"].read_model) is SearchReadModel
    assert system.renaming.log.events == []


# What rows show in the end.


def names_by_log(system: System) -> dict[str, str]:
    return {event.customer_id: event.name for event in system.renaming.log.events}


@pytest.mark.parametrize(
    "settings",
    [
        (),
        ("workload.kind=amendments", "workload.orders=100"),
        ("read_models.orders.batch=8", "read_models.orders.checkpoint=1ms"),
        ("read_models.orders.index=list", "read_models.orders.search_each=10us"),
        ('read_models.orders.pauses=[{at = "1s", duration = "300ms"}]',),
        ("read_models.orders.channel=1", "read_models.orders.transport=20ms"),
        ("read_models.orders.service={}",),
        ("run.processors=2",),
        ("run.processors=1", "run.discipline=turns"),
        ("databases.main.connections=1", "read_models.orders.database=main"),
        ("load={model='closed', think_time={mean='20ms'}}",),
        ("customers.service={}", "customers.transport=0s", "load.process=constant"),
        ("customers.transport=600ms",),
        ("customers.service={mean='300ms'}",),
        ("write_side.handling=optimistic",),
        ('write_side.crashes=[{at = "1s", down = "100ms"}]',),
        ("queries={share=0.3, mix={by_id=1, by_customer=1}, cache={ttl='10ms'}}",),
        ("log.commit.mean=2ms",),
    ],
)
def test_in_the_end_every_row_shows_the_last_name_of_its_customer(
    settings: tuple[str, ...],
) -> None:
    experiment = ran(*settings)
    result, system = experiment.result("virtual"), experiment.system
    assert failed(result) == []
    names = names_by_log(system)
    assert len(names) > 10
    orders, search = (system.projectors[name].read_model for name in ("orders", "search"))
    assert isinstance(orders, OrdersReadModel)
    assert isinstance(search, RenamableSearch)
    for row in orders.rows.values():
        expected = names.get(row.customer_id, f"Customer-{row.customer_id}")
        assert row.customer_name == expected
        assert search.rows[row.order_id].customer_name == expected
    for name in ("orders", "search"):
        assert system.projectors[name].is_through(system.log.head)
    count = len(experiment.trace().renames.customer)
    assert count == len(system.renaming.log.events)
    assert len(experiment.trace().rename_deliveries.position) == 2 * count
    assert not np.isnat(experiment.trace().rename_deliveries.applied).any()


def test_a_row_that_shows_an_old_name_is_found() -> None:
    experiment = Experiment(scenario(), 3, VirtualClock())
    virtual.run_experiment(experiment)
    orders = experiment.system.projectors["orders"].read_model
    assert isinstance(orders, OrdersReadModel)
    row = next(row for row in orders.rows.values() if row.customer_name.endswith("(1)"))
    last, row.customer_name, row.shown = row.customer_name, f"Customer-{row.customer_id}", None
    checks = {check.name: check for check in experiment.result("virtual").summary.checks}
    assert not checks["convergence"].ok
    told = checks["convergence"].detail
    assert f"order {row.order_id}" in told
    names = (f", of Customer-{row.customer_id}; the log says ", f", of {last}")
    assert all(name in told for name in names)


def test_a_rename_that_is_lost_on_its_way_is_found() -> None:
    experiment = Experiment(scenario(), 3, VirtualClock())
    virtual.run_experiment(experiment)
    last = experiment.system.renaming.log.events[-1]
    last.name = "A name that no row shows"
    assert set(experiment.differences()) == {"orders", "search"}
    assert fold(experiment.system, "statistics").contents() is not None


def test_renames_that_the_end_of_the_run_cuts_off_are_no_fault() -> None:
    cut = ("customers.transport=600ms", "run.drain=100ms")
    experiment = ran(*cut)
    result, renames = experiment.result("virtual"), experiment.trace().rename_deliveries
    assert failed(result) == []
    assert 0 < len(renames.position) < 2 * len(experiment.system.renaming.log.events)
    assert not experiment.system.projectors["orders"].is_through(experiment.system.log.head)


@pytest.mark.parametrize(("interrupts", "all_shown"), [(1, True), (2, False)])
@pytest.mark.parametrize("load", ["load.process=poisson", "load={model='closed'}"])
def test_an_interrupted_run_makes_no_more_renames_and_finishes_those_on_their_way(
    load: str, interrupts: int, all_shown: bool
) -> None:
    thinks = [load.replace("'closed'", "'closed', think_time={mean='20ms'}")]
    slow = scenario("customers.service={mean='100ms'}", "customers.transport=300ms", *thinks)
    experiment = Experiment(slow, 3, VirtualClock())
    for number in range(interrupts):
        instant_ns = 1_000_000_000 + number * 50_000_000
        experiment.kernel.alarm(instant_ns, experiment.kernel.interrupt)
    virtual.run_experiment(experiment)
    trace = experiment.trace()
    assert failed(experiment.result("virtual")) == []
    assert trace.renames.submitted.max() <= np.timedelta64(1, "s")
    assert (len(trace.rename_deliveries.position) == 2 * len(trace.renames.customer)) is all_shown


# Where it is not possible, and what follows from it elsewhere.


def test_the_algebra_names_the_key() -> None:
    (mistake,) = unsupported(scenario())
    assert mistake.startswith('customers.rename_rate = "20/s": projectors take renames between ')
    assert unsupported(scenario(*WITHOUT)) == []


def test_it_is_not_calibrated() -> None:
    with pytest.raises(InvalidScenarioError) as caught:
        real_scenario(scenario())
    assert caught.value.mistakes == (
        'customers.rename_rate = "20/s": another system is not calibrated; must be 0/s',
    )


def test_theory_says_nothing_of_a_lag_with_renames_and_names_the_key() -> None:
    found = why_not(scenario("write_side.service={}"))
    assert found["lag.orders"][0].startswith('customers.rename_rate = "20/s": ')
    assert "lag.statistics" not in found


def test_a_store_is_refused_also_one_that_the_scenario_does_not_speak_of(tmp_path: Path) -> None:
    with pytest.raises(InvalidScenarioError, match="knows of no rename") as caught:
        simulation.run(scenario(), store=tmp_path / "store")
    assert len(caught.value.mistakes) == 1
    with pytest.raises(InvalidScenarioError, match="knows of no rename"):
        virtual.run(scenario(), store=tmp_path / "other")


async def _rebuilt(system: System) -> None:
    await system.rebuild("orders")


def test_a_running_system_refuses_a_rebuild() -> None:
    with pytest.raises(Exception, match="which knows no names") as caught:
        virtual.run_script(_rebuilt, scenario())
    assert isinstance(caught.value.__cause__ or caught.value, InvalidScenarioError)


def test_the_wall_clock_renames_the_same_customers_in_the_same_rows() -> None:
    settings = ("run.duration=1s", "load.rate=100/s")
    result = simulation.run(scenario(*settings), engine="wall", seed=4)
    assert failed(result) == []
    virtually = virtual.run(scenario(*settings), seed=4).trace.renames
    assert result.trace.renames.customer.tolist() == virtually.customer.tolist()
    assert len(result.trace.rename_deliveries.position) == 2 * len(virtually.customer) > 20
    real = attrs.evolve(scenario(*settings))
    models = {n: attrs.evolve(m, rename_each=0) for n, m in real.read_models.items()}
    at_once = simulation.run(attrs.evolve(real, read_models=models), engine="wall", seed=4)
    assert failed(at_once) == []


def test_in_the_preset_renames_make_the_lag_of_orders_long_and_leave_that_of_statistics() -> None:
    lags = simulation.run("renames").summary.lag_s
    orders, statistics = lags["orders"], lags["statistics"]
    assert orders.p50 == pytest.approx(statistics.p50, rel=0.2)
    assert orders.p99 is not None
    assert statistics.p99 is not None
    assert orders.p99 > 3 * statistics.p99
