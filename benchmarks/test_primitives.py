"""What one step costs: decide, evolve, a mailbox hop, append, apply, a virtual sleep."""

from collections.abc import Callable

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from cqrs_sim.actors.clock import VirtualClock
from cqrs_sim.actors.kernel import Kernel, Rank
from cqrs_sim.actors.mailbox import Mailbox
from cqrs_sim.domain.commands import AmendOrder, CreateOrder
from cqrs_sim.domain.item import OrderItem
from cqrs_sim.domain.order import Cause, decide, evolve
from cqrs_sim.event_log.memory import MemoryLog
from cqrs_sim.ids import (
    Cents,
    CommandId,
    CorrelationId,
    CustomerId,
    Nanoseconds,
    OrderId,
    ProductId,
    Version,
)
from cqrs_sim.probe import NullProbe
from cqrs_sim.read_side.orders import OrdersReadModel
from cqrs_sim.read_side.projector import ReadModel
from cqrs_sim.read_side.search import SearchReadModel
from cqrs_sim.read_side.statistics import StatisticsReadModel

pytestmark = pytest.mark.benchmark(group="primitives")

ITEMS = (OrderItem(ProductId("p"), 2, Cents(1000)), OrderItem(ProductId("q"), 1, Cents(500)))
CREATE = CreateOrder(OrderId("o"), CustomerId("c"), ITEMS)
AMEND = AmendOrder(OrderId("o"), ITEMS)
CAUSE = Cause(Nanoseconds(0), CommandId(0), CorrelationId(0))
(CREATED,) = decide(None, CREATE, CAUSE)
ORDER = evolve(None, CREATED)
(AMENDED,) = decide(ORDER, AMEND, CAUSE)


def test_decide(benchmark: BenchmarkFixture) -> None:
    """An amendment of two lines."""
    (event,) = benchmark(decide, ORDER, AMEND, CAUSE)
    assert event.version == 2


def test_evolve(benchmark: BenchmarkFixture) -> None:
    """The state after it."""
    assert benchmark(evolve, ORDER, AMENDED).total_cents == 2500


@pytest.mark.parametrize("model", [OrdersReadModel, StatisticsReadModel, SearchReadModel])
def test_apply(benchmark: BenchmarkFixture, model: Callable[[], ReadModel]) -> None:
    """An amendment on each read model."""
    table = model()
    table.apply(CREATED)
    benchmark(table.apply, AMENDED)
    assert table.contents()


def test_append(benchmark: BenchmarkFixture, size: int) -> None:
    """Events of one order, recorded one by one."""

    def run() -> int:
        log = MemoryLog(Kernel(VirtualClock()), NullProbe())
        order = None
        for number in range(size):
            (event,) = decide(order, AMEND if order else CREATE, CAUSE)
            order = evolve(order, event)
            log.record(event.order_id, Version(number), (event,))
        return log.head

    assert benchmark(run) == size


def test_mailbox_hop(benchmark: BenchmarkFixture, size: int) -> None:
    """A message told and received by an actor that waits for it."""

    def run() -> int:
        kernel = Kernel(VirtualClock())
        mailbox: Mailbox[int] = Mailbox(kernel, "receiver", 1)
        received: list[int] = []

        async def receiver() -> None:
            for _ in range(size):
                received.append(await mailbox.receive())  # noqa: PERF401 - a loop is measured

        async def sender() -> None:
            for number in range(size):
                await mailbox.send(number)

        kernel.spawn(receiver(), "receiver")
        kernel.spawn(sender(), "sender")
        kernel.run_virtual()
        return len(received)

    assert benchmark(run) == size


def test_virtual_sleep(benchmark: BenchmarkFixture, size: int) -> None:
    """A timer set and fired, with four other actors asleep."""

    def run() -> int:
        kernel = Kernel(VirtualClock())

        async def sleeper(index: int) -> None:
            for _ in range(size // 5):
                await kernel.sleep(10 + index, Rank.OTHER, index)

        for index in range(5):
            kernel.spawn(sleeper(index), "sleeper")
        kernel.run_virtual()
        return kernel.now_ns()

    assert benchmark(run) == 14 * (size // 5)
