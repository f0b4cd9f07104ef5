"""Transport: what is on its way to a channel arrives late, in order, and is not lost at the end."""

import numpy as np
import pytest

from cqrs_sim import simulation
from cqrs_sim.engines import virtual
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.measurement.trace import Trace

MS = np.timedelta64(1, "ms")


def run(*settings: str) -> Trace:
    return virtual.run(simulation.load_scenario("default", ["run.warm_up=0s", *settings])).trace


def test_every_event_is_delivered_so_long_after_its_commit() -> None:
    trace = run("run.duration=2s", "read_models.search.transport=5ms")
    for name in trace.read_models:
        delivered = trace.deliveries_of(name).delivered
        expected = trace.events.committed + (5 * MS if name == "search" else 0 * MS)
        assert (delivered == expected).all()
    assert (np.diff(trace.deliveries_of("search").delivered) >= 0 * MS).all()


def test_what_is_on_its_way_when_the_load_ends_still_arrives() -> None:
    trace = run("run.duration=1s", "read_models.orders.transport=800ms")
    applied = trace.deliveries_of("orders").applied
    assert len(applied)
    assert not np.isnat(applied).any()
    assert trace.ended_ns >= int(trace.events.committed[-1].astype(np.int64)) + 800_000_000


def test_what_has_not_arrived_at_the_deadline_never_does() -> None:
    trace = run("run.duration=1s", "run.drain=100ms", "read_models.orders.transport=800ms")
    delivered = trace.deliveries_of("orders").delivered
    on_time = trace.events.committed + 800 * MS <= np.timedelta64(trace.ended_ns, "ns")
    assert 0 < np.count_nonzero(on_time) < len(on_time)
    assert (np.isnat(delivered) == ~on_time).all()


def test_an_event_that_arrives_at_a_full_channel_waits_for_room() -> None:
    trace = run(
        "run.duration=2s", "read_models.search.transport=5ms", "read_models.search.channel=1"
    )
    table = trace.deliveries_of("search")
    arrived = trace.events.committed + 5 * MS
    assert (table.delivered[1:] == np.maximum(arrived[1:], table.taken[:-1])).all()
    assert (table.delivered > arrived).any()


def test_transport_is_part_of_the_lag() -> None:
    settings = ["run.duration=2s", "read_models.search.transport=5ms"]
    scenario = simulation.load_scenario("default", ["run.warm_up=0s", *settings])
    stages = virtual.run(scenario).summary.read_stages_s["search"].parts
    assert stages["fan_out"] == pytest.approx(0.005)


def test_the_algebra_has_nothing_to_abort() -> None:
    settings = ["run.duration=4s", 'thresholds=["lag.orders.p50 < 5s"]']
    scenario = simulation.load_scenario("default", settings)
    with pytest.raises(InvalidScenarioError, match="abort_on_fail"):
        simulation.run(scenario, engine="algebra", abort_on_fail=True)
    assert simulation.run(scenario, engine="algebra").engine == "algebra"
