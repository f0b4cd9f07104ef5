"""Stand-ins and builders for tests: they do less than the real things, and can be looked into."""

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from typing import TypeVar

from hypothesis import strategies as st

from cqrs_sim.actors.clock import VirtualClock, WallClock
from cqrs_sim.actors.kernel import Kernel
from cqrs_sim.actors.park import PARK
from cqrs_sim.domain.commands import AmendOrder, CancelOrder, Command, CreateOrder
from cqrs_sim.domain.commands import UpdateOrderStatus as Update
from cqrs_sim.domain.events import Event
from cqrs_sim.domain.item import OrderItem
from cqrs_sim.domain.order import Cause, Order, decide, evolve
from cqrs_sim.domain.status import STATUSES, OrderStatus
from cqrs_sim.errors import CommandRejectedError
from cqrs_sim.event_log.memory import MemoryLog
from cqrs_sim.ids import (
    Cents,
    CommandId,
    CorrelationId,
    CustomerId,
    Nanoseconds,
    OrderId,
    Position,
    ProductId,
    QueryId,
    Version,
)
from cqrs_sim.probe import (
    Column,
    DeliveryColumns,
    Handling,
    Lookup,
    NullProbe,
    Outcome,
    QueryOutcome,
    Strategy,
)
from cqrs_sim.scenario.scenario import Scenario, Service
from cqrs_sim.scenario.units import Duration

T = TypeVar("T")

MS = 1_000_000
SECOND = 1_000_000_000


class ScriptedClock(WallClock):
    """A wall clock that stands still until a test moves it."""

    def __init__(self) -> None:
        super().__init__()
        self._instant_ns = Nanoseconds(0)

    @property
    def instant_ns(self) -> Nanoseconds:
        return self._instant_ns

    def move_to(self, instant_ns: int) -> None:
        self._instant_ns = Nanoseconds(instant_ns)

    def move_by(self, duration_ns: int) -> None:
        self.move_to(self._instant_ns + duration_ns)


class NotedColumn:
    """A column that notes what is written to it, as (instant, name, ..., rows)."""

    def __init__(self, calls: list[tuple[object, ...]], *name: object) -> None:
        self._calls = calls
        self._name = name

    def __setitem__(self, row: int, instant_ns: int, /) -> None:
        self._calls.append((instant_ns, *self._name, row))


class RecordingProbe(NullProbe):
    """Keeps all that it is told as (instant, what, arguments...), in the order of telling."""

    def __init__(self, kernel: Kernel) -> None:
        super().__init__()
        self._clock = kernel.clock
        self.calls: list[tuple[object, ...]] = []
        self.submitted: Column = NotedColumn(self.calls, "submitted")
        self.dequeued: Column = NotedColumn(self.calls, "dequeued")
        self.committed: Column = NotedColumn(self.calls, "committed")
        self.acknowledged: Column = NotedColumn(self.calls, "acknowledged")

    def _note(self, *call: object) -> None:
        self.calls.append((int(self._clock.instant_ns), *call))

    def named(self, *names: str) -> list[tuple[object, ...]]:
        """What was told under some names only."""
        return [call for call in self.calls if call[1] in names]

    def deliveries(self, read_model: int) -> DeliveryColumns:
        return DeliveryColumns(
            *[
                NotedColumn(self.calls, name, read_model)
                for name in ("delivered", "taken", "applied", "checkpointed")
            ]
        )

    def turned_away(self, command_id: CommandId, outcome: Outcome) -> None:
        self._note("turned_away", command_id, outcome)

    def handled(self, read_model: int, position: Position, handling: Handling) -> None:
        self._note("handled", read_model, position, handling)

    def asked(self, read_model: int, position: Position) -> int:
        self._note("asked", read_model, position)
        return position

    def answered(self, row: int, attempts: int, *, is_told: bool) -> None:
        self._note("answered", attempts, is_told)

    def rename_submitted(self, customer: int, intended_ns: Nanoseconds) -> int:
        self._note("rename_submitted", customer, intended_ns)
        return len(self.named("rename_submitted")) - 1

    def rename_dequeued(self, row: int) -> None:
        self._note("rename_dequeued", row)

    def rename_committed(self, row: int, position: int, version: int) -> None:
        self._note("rename_committed", row, position, version)

    def rename_taken(self, read_model: int, position: int) -> int:
        self._note("rename_taken", read_model, position)
        return position

    def rename_applied(self, delivery_row: int, rows_count: int) -> None:
        self._note("rename_applied", delivery_row, rows_count)

    def crashed(
        self, read_model: int, resumed: Position, reached: Position, repeated_count: int
    ) -> int:
        self._note("crashed", read_model, resumed, reached, repeated_count)
        return 0

    def restarted(self, row: int) -> None:
        self._note("restarted", row)

    def query_submitted(self, query_id: QueryId, strategy: Strategy) -> None:
        self._note("query_submitted", query_id, strategy)

    def query_dequeued(self, query_id: QueryId) -> None:
        self._note("query_dequeued", query_id)

    def query_answered(self, query_id: QueryId, read_model: int, position: Position) -> None:
        self._note("query_answered", query_id, read_model, position)

    def query_looked_up(self, query_id: QueryId, found: Lookup) -> None:
        self._note("query_looked_up", query_id, found)

    def query_failed(self, query_id: QueryId, outcome: QueryOutcome) -> None:
        self._note("query_failed", query_id, outcome)


# Actors.


def run_actors(kernel: Kernel, *coroutines: Coroutine[object, None, object]) -> None:
    """Run some actors, named a, b, c..., in virtual time until nothing is left to do."""
    for name, coroutine in zip("abcdefghij", coroutines, strict=False):
        kernel.spawn(coroutine, name)
    try:
        settle(kernel)
    finally:
        kernel.close()


async def appended(
    log: MemoryLog,
    order_id: OrderId,
    expected: Version,
    events: Sequence[Event],
    command_id: CommandId,
    request_id: str | None = None,
) -> Position:
    """Append as an order actor does, by an actor that is written as a coroutine."""
    begun = log.begin_append(order_id, expected, events, command_id, request_id)
    if isinstance(begun, int):
        return begun
    await PARK
    return begun.end()


def settle(kernel: Kernel) -> None:
    """Run in virtual time until nothing is left to do, not for a writer thread either."""
    kernel.run_virtual()
    while kernel.owed_count:
        kernel.inbox.get(timeout=60)()
        kernel.run_virtual()


def run_one(main: Callable[[Kernel], Awaitable[T]]) -> T:
    """Run one actor on a fresh kernel in virtual time and return its result."""
    kernel, results = Kernel(VirtualClock()), list[T]()

    async def body() -> None:
        results.append(await main(kernel))

    run_actors(kernel, body())
    return results[0]


# Orders.


def item(product: str = "prod-1", quantity: int = 1, price_cents: int = 1000) -> OrderItem:
    return OrderItem(ProductId(product), quantity, Cents(price_cents))


ITEMS = (item("prod-1", 2, 2999), item("prod-2", 1, 4999))
"""The first order of the seed's demo: 109.97."""


def create(
    order: str = "order-1", customer: str = "customer-1", items: Sequence[OrderItem] = ITEMS
) -> CreateOrder:
    return CreateOrder(OrderId(order), CustomerId(customer), tuple(items))


def update(status: OrderStatus, order: str = "order-1") -> Update:
    return Update(OrderId(order), status)


def cancel(order: str = "order-1", reason: str = "changed my mind") -> CancelOrder:
    return CancelOrder(OrderId(order), reason)


def amend(order: str = "order-1", items: Sequence[OrderItem] = ITEMS) -> AmendOrder:
    return AmendOrder(OrderId(order), tuple(items))


def cause(now_ns: int = 0, command: int = 0, correlation: int | None = None) -> Cause:
    belongs_to = command if correlation is None else correlation
    return Cause(Nanoseconds(now_ns), CommandId(command), CorrelationId(belongs_to))


class History:
    """Orders as their commands left them, with no system around; records as a log does."""

    def __init__(self) -> None:
        self.orders: dict[OrderId, Order] = {}
        self.events: list[Event] = []

    def handle(self, command: Command, now_ns: int = 0) -> tuple[Event, ...]:
        """Decide and evolve; rejections are raised."""
        order = self.orders.get(command.order_id)
        events = decide(order, command, cause(now_ns, len(self.events)))
        for event in events:
            order = evolve(order, event)
            self.events.append(event)
            event.position = Position(len(self.events))
        assert order is not None
        self.orders[command.order_id] = order
        return events


def histories(max_size: int = 40) -> st.SearchStrategy[History]:
    """Histories of up to three orders of two customers; what was rejected left no trace."""
    orders = st.sampled_from(["order-1", "order-2", "order-3"])
    products = st.sampled_from(["prod-1", "prod-2", "prod-3"])
    items = st.lists(
        st.builds(item, products, st.integers(1, 9), st.integers(0, 10_000)), min_size=1, max_size=4
    )
    commands = st.one_of(
        st.builds(create, orders, st.sampled_from(["customer-1", "customer-2"]), items),
        st.builds(update, st.sampled_from(STATUSES), orders),
        st.builds(cancel, orders, st.just("")),
        st.builds(amend, orders, items),
    )
    steps = st.lists(st.tuples(st.integers(0, 2), commands), max_size=max_size)
    return steps.map(_history)


def _history(steps: Sequence[tuple[int, Command]]) -> History:
    history, now = History(), 0
    for gap, command in steps:
        now += gap
        with suppress(CommandRejectedError):
            history.handle(command, now)
    return history


# Scenarios.


def constant(mean_ns: int) -> Service:
    return Service(distribution="constant", mean=Duration(mean_ns))


def exponential(mean_ns: int) -> Service:
    return Service(distribution="exponential", mean=Duration(mean_ns))


def scenario(**parts: object) -> Scenario:
    """A scenario with some parts given; the read model `orders` alone unless others are."""
    return Scenario(**parts)  # type: ignore[arg-type]
