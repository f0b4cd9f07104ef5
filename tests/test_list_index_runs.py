"""Runs with an index that is a list: what a search takes, exactly, and what comes of it."""

from functools import cache

import numpy as np
import pytest

from cqrs_sim import simulation
from cqrs_sim.actors.clock import VirtualClock
from cqrs_sim.actors.randomness import Streams
from cqrs_sim.domain.events import OrderCancelled, OrderStatusChanged
from cqrs_sim.domain.status import CANCELLED, PENDING, STATUSES
from cqrs_sim.engines import virtual
from cqrs_sim.engines.algebra.engine import unsupported
from cqrs_sim.engines.experiment import Experiment
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.ids import OrderId
from cqrs_sim.read_side.list_index import ListedOrders
from cqrs_sim.scenario.reading import read_scenario, to_toml
from cqrs_sim.scenario.scenario import ReadModel, Scenario
from cqrs_sim.service_times import draws
from cqrs_sim.system import System, fold

LISTS = """
[run]
duration = "3s"
[load]
rate = "400/s"
[workload]
orders = 100
cancel_share = 0.2
[queries]
share = 0.1
mix = { by_id = 1, by_status = 1 }
[write_side]
service = { distribution = "exponential", mean = "500us" }
[read_models.orders]
index = "list"
search_each = "20us"
service = { distribution = "exponential", mean = "1ms" }
"""


def lists(*settings: str) -> Scenario:
    return read_scenario(LISTS, settings)


@cache
def ran(*settings: str) -> Experiment:
    experiment = Experiment(lists(*settings), 3, VirtualClock())
    virtual.run_experiment(experiment)
    return experiment


def times_ns(experiment: Experiment) -> list[int]:
    """What each event takes: its own draw, and 20 us for each entry up to it, by lists of ours."""
    service = draws(Streams(3), "read/orders", experiment.scenario.read_models["orders"].service)
    assert service is not None
    lists_of: dict[str, list[OrderId]] = {status: [] for status in STATUSES}
    status_of: dict[OrderId, str] = {}
    times = []
    for index, event in enumerate(experiment.system.log.events):
        order_id, looked_at = event.order_id, 0
        status: str = status_of.get(order_id, "")
        after = status or PENDING
        if isinstance(event, OrderStatusChanged):
            after = event.new_status
        elif isinstance(event, OrderCancelled):
            after = CANCELLED
        if after != status:
            if status:
                looked_at = lists_of[status].index(order_id) + 1
                lists_of[status].remove(order_id)
            lists_of[after].append(order_id)
        status_of[order_id] = after
        times.append(service[index] + looked_at * 20_000)
    return times


def test_an_event_takes_its_service_and_so_much_for_each_entry_looked_at() -> None:
    experiment = ran()
    deliveries = experiment.trace().deliveries_of("orders")
    delivered = deliveries.delivered.astype(np.int64).tolist()
    free, taken, applied = 0, [], []
    for arrived, took in zip(delivered, times_ns(experiment), strict=True):
        taken.append(max(arrived, free))
        free = taken[-1] + took
        applied.append(free)
    assert deliveries.taken.astype(np.int64).tolist() == taken
    assert deliveries.applied.astype(np.int64).tolist() == applied
    assert max(times_ns(experiment)) > 20 * 20_000


def test_a_search_that_takes_no_time_changes_no_stamp() -> None:
    free, usual = ran("read_models.orders.search_each=0s"), ran("read_models.orders.index=set")
    for stamp in ("delivered", "taken", "applied", "checkpointed"):
        mine, other = (getattr(e.trace().deliveries, stamp) for e in (free, usual))
        assert np.array_equal(mine, other, equal_nan=True)


def test_a_search_is_all_the_time_there_is_where_nothing_else_takes_any() -> None:
    experiment = ran("read_models.orders.service={}")
    deliveries = experiment.trace().deliveries_of("orders")
    took = (deliveries.applied - deliveries.taken).astype(np.int64)
    created = experiment.trace().events.version == 1
    assert (took[created] == 0).all()
    assert (took[~created] >= 20_000).all()
    assert (took % 20_000 == 0).all()


@pytest.mark.parametrize("settings", [(), ("read_models.orders.batch=8",)])
def test_in_the_end_it_shows_what_a_set_shows(settings: tuple[str, ...]) -> None:
    system: System = ran(*settings).system
    model = system.projectors["orders"].read_model
    assert isinstance(model, ListedOrders)
    assert model.contents() == fold(system, "orders").contents()
    assert ran(*settings).result("virtual").summary.is_correct


@pytest.mark.parametrize(
    "settings",
    [
        ("databases.one.connections=1", "read_models.orders.database=one"),
        ("run.processors=2",),
        ("read_models.orders.pauses=[{ at = '1s', duration = '100ms' }]",),
        ("read_models.orders.poll=50ms", "read_models.orders.batch=100"),
    ],
)
def test_it_goes_together_with_the_other_keys_of_a_projector(settings: tuple[str, ...]) -> None:
    result = ran(*settings).result("virtual")
    assert result.summary.is_correct
    assert not np.isnat(result.trace.deliveries_of("orders").applied).any()


def test_the_preset_keeps_up_at_first_and_falls_behind() -> None:
    brief = ["run.duration=70s", "run.warm_up=40s"]
    result = virtual.run(simulation.load_scenario("list_index", brief))
    assert [load.stage for load in result.summary.saturated] == ["orders"]
    committed = result.trace.events.committed.astype(np.int64) / 1e9
    deliveries = result.trace.deliveries_of("orders")
    lag = (deliveries.applied - result.trace.events.committed).astype(np.float64) / 1e9
    apply = (deliveries.applied - deliveries.taken).astype(np.float64) / 1e9
    first, last = committed < 10, (committed > 50) & (committed < 60)
    assert lag[first].mean() < 0.001
    assert lag[last].mean() > 1.0
    assert apply[last].mean() > 3 * apply[first].mean()
    control = virtual.run(
        simulation.load_scenario("list_index", [*brief, "read_models.orders.index=set"])
    )
    assert not control.summary.saturated
    assert control.summary.lag_s["orders"].p99 == pytest.approx(0.0023, rel=0.1)


def test_on_the_wall_clock_the_search_itself_takes_the_time() -> None:
    real = ('read_models.orders.service={ distribution = "real" }', "run.duration=400ms")
    scenario = lists(*real, "read_models.orders.search_each=0s", "load.rate=300/s")
    result = simulation.run(scenario, engine="wall")
    assert result.summary.is_correct


def test_the_algebra_refuses_it() -> None:
    (mistake,) = unsupported(lists("queries.share=0"))
    assert mistake.startswith('read_models.orders.index = "list": how long a search takes')


def test_a_running_system_refuses_to_rebuild_it_as_a_set() -> None:
    assert "orders" in ran().system.rebuilds.refused
    assert 'index = "list"' in ran().system.rebuilds.refused["orders"]


def test_it_survives_writing_and_reading_and_is_no_default() -> None:
    assert (ReadModel().index, ReadModel().search_each) == ("set", 0)
    assert read_scenario(to_toml(lists())) == lists()


@pytest.mark.parametrize(
    ("settings", "mistake"),
    [
        (
            ("read_models.statistics.index=list",),
            'read_models.statistics.index = "list": only orders has an index by status',
        ),
        (
            ("read_models.search.search_each=1us",),
            'read_models.search.search_each = "1us": only orders has an index by status',
        ),
        (
            ("read_models.orders.projection=inline",),
            (
                'read_models.orders.index = "list": needs a projector, but '
                'read_models.orders.projection = "inline"'
            ),
        ),
        (
            ("read_models.orders.delivery=at_most_once",),
            'read_models.orders.index = "list": needs delivery, idempotent, crashes and',
        ),
        (
            ("write_side.publish=dual_write",),
            'read_models.orders.index = "list": needs delivery, idempotent, crashes and',
        ),
        (
            ("read_models.orders.rebuilds=[{ at = '1s' }]",),
            'read_models.orders.rebuilds: a read model with read_models.orders.index = "list" has',
        ),
        (
            ('read_models.orders.service={ distribution = "real" }',),
            (
                'read_models.orders.search_each = "20us": must be 0s, because '
                'read_models.orders.service.distribution = "real"'
            ),
        ),
        (
            ("store=sqlite",),
            'read_models.orders.index = "list": needs store = "memory"; in a store SQLite keeps',
        ),
    ],
)
def test_what_cannot_be_is_one_line_with_its_place(settings: tuple[str, ...], mistake: str) -> None:
    with pytest.raises(InvalidScenarioError) as caught:
        lists(*settings)
    (found,) = caught.value.mistakes
    assert found.startswith(mistake)
