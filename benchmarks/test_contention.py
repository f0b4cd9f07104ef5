"""Where things queue: one hot order, fan-out to more read models, full mailboxes and channels."""

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from cqrs_sim.engines import virtual
from cqrs_sim.probe import Outcome
from cqrs_sim.results import Result
from cqrs_sim.scenario.scenario import (
    Load,
    ReadModel,
    Run,
    Scenario,
    Service,
    Workload,
    WriteSide,
)

pytestmark = pytest.mark.benchmark(group="contention")

RATE_PER_S = 1000
SERVICE = Service(distribution="exponential", mean=500_000)


def scenario_of(
    size: int, orders: int, read_models: int, write_side: WriteSide | None = None
) -> Scenario:
    """Amendments at a steady rate, about `size` of them."""
    names = ("orders", "statistics", "search")[:read_models]
    return Scenario(
        name="contention",
        run=Run(duration=size * 1_000_000_000 // RATE_PER_S, drain=60_000_000_000),
        load=Load(rate=float(RATE_PER_S)),
        workload=Workload(kind="amendments", orders=orders, invalid_share=0.0),
        write_side=write_side or WriteSide(service=SERVICE),
        read_models={name: ReadModel(service=SERVICE, channel=8) for name in names},
    )


def all_applied(result: Result) -> bool:
    """Whether every command was accepted and every event shown."""
    commands, deliveries = result.trace.commands, result.trace.deliveries
    return bool((commands.outcome == Outcome.ACCEPTED).all() and (deliveries.applied > 0).all())


@pytest.mark.parametrize("orders", [1, 1000])
def test_orders(benchmark: BenchmarkFixture, size: int, orders: int) -> None:
    """All commands to one order, or spread over a thousand."""
    scenario = scenario_of(size, orders, 1)
    assert all_applied(benchmark.pedantic(virtual.run, (scenario,), rounds=2))


@pytest.mark.parametrize("read_models", [1, 2, 3])
def test_fan_out(benchmark: BenchmarkFixture, size: int, read_models: int) -> None:
    """One to three read models on channels of capacity 8."""
    scenario = scenario_of(size, 100, read_models)
    assert all_applied(benchmark.pedantic(virtual.run, (scenario,), rounds=2))


def test_full_mailboxes(benchmark: BenchmarkFixture, size: int) -> None:
    """A hot order too slow for its load, which refuses what its mailbox has no room for."""
    slow = Service(distribution="exponential", mean=2_000_000)
    scenario = scenario_of(size, 1, 1, WriteSide(service=slow, mailbox=4, policy="reject"))
    result = benchmark.pedantic(virtual.run, (scenario,), rounds=2)
    assert (result.trace.commands.outcome == Outcome.REFUSED).sum() > size // 10
