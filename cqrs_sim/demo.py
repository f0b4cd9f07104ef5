"""The demo: six commands and four queries, told once for both clocks.

The story is one coroutine over the facade (`execute`, `query`, `subscribe`), so the virtual clock
and the wall clock run the same lines. Nobody sleeps to let the read side catch up: a read that must
see a write says which position it needs. What is returned is text and numbers; printing is the
command line's.
"""

from collections.abc import AsyncIterator
from typing import Literal, Protocol, TypeAlias, assert_never

import attrs
import numpy as np

from cqrs_sim.analysis.lag import consistency_lag_s, response_time_s
from cqrs_sim.domain.commands import CancelOrder, Command, CreateOrder, UpdateOrderStatus
from cqrs_sim.domain.events import Event
from cqrs_sim.domain.item import OrderItem
from cqrs_sim.domain.queries import (
    GetOrderById,
    GetOrdersByCustomer,
    GetOrdersByStatus,
    GetOrderStatistics,
    OrderRow,
    OrderStatistics,
    Query,
)
from cqrs_sim.domain.status import CONFIRMED, SHIPPED
from cqrs_sim.engines.experiment import refuse_timeless
from cqrs_sim.engines.hosted import HostedSystem, run_hosted
from cqrs_sim.engines.virtual import trace_script
from cqrs_sim.ids import Cents, CustomerId, Nanoseconds, OrderId, Position, ProductId
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.read_side.gateway import Answer
from cqrs_sim.scenario.scenario import ReadModel, Scenario, Service, WriteSide
from cqrs_sim.scenario.units import Duration, Text
from cqrs_sim.write_side.order_actor import Accepted

Clock: TypeAlias = Literal["virtual", "wall"]

FIRST, SECOND, THIRD = OrderId("order-001"), OrderId("order-002"), OrderId("order-003")
CUSTOMER, OTHER_CUSTOMER = CustomerId("customer-123"), CustomerId("customer-456")
END_OF_TIME = Nanoseconds(2**62)


def _item(product_id: str, quantity: int, price_cents: int) -> OrderItem:
    return OrderItem(ProductId(product_id), quantity, Cents(price_cents))


CHAPTERS: tuple[tuple[str, tuple[Command, ...]], ...] = (
    (
        "Commands: create three orders",
        (
            CreateOrder(FIRST, CUSTOMER, (_item("prod-1", 2, 2999), _item("prod-2", 1, 4999))),
            CreateOrder(SECOND, CUSTOMER, (_item("prod-3", 1, 9999),)),
            CreateOrder(THIRD, OTHER_CUSTOMER, (_item("prod-1", 3, 2999),)),
        ),
    ),
    (
        "Commands: confirm and ship one of them",
        (UpdateOrderStatus(FIRST, CONFIRMED), UpdateOrderStatus(FIRST, SHIPPED)),
    ),
    (
        "Commands: cancel another",
        (CancelOrder(SECOND, "Customer requested cancellation"),),
    ),
)


def demo_scenario() -> Scenario:
    """The demo's own system: constant service times, so that lags can be worked out by hand."""
    return Scenario(
        name=Text("demo"),
        description=Text("Six commands and four queries."),
        write_side=WriteSide(service=_constant_ms(2)),
        read_models={
            "orders": ReadModel(service=_constant_ms(3)),
            "statistics": ReadModel(service=_constant_ms(1)),
            "search": ReadModel(service=_constant_ms(5)),
        },
    )


def _constant_ms(mean_ms: int) -> Service:
    return Service(distribution="constant", mean=Duration(mean_ms * 1_000_000))


class OrderSystem(Protocol):
    """What the story needs: `System` inside a kernel, `HostedSystem` inside trio."""

    async def execute(self, command: Command) -> Accepted:
        """Send a command and wait for its outcome."""

    async def query(self, query: Query, *, at_least: Position) -> Answer:
        """Ask the read side, once it shows a position."""

    def subscribe(self, read_model: str, after: Position) -> AsyncIterator[Event]:
        """The events that a read model shows, as it comes to show them."""


@attrs.frozen(kw_only=True)
class Story:
    """What was done and answered."""

    lines: tuple[str, ...]
    commands: tuple[str, ...]
    """Class name and order of each command, in the order sent."""
    events: tuple[str, ...]
    """The class name of each command's event."""


@attrs.frozen(kw_only=True)
class Demo:
    """A told story and what was measured meanwhile."""

    story: Story
    clock: Clock
    scenario: str
    read_models: tuple[str, ...]
    response_s: tuple[float, ...]
    """By command."""
    lag_s: dict[str, tuple[float, ...]]
    """By read model, then by command: applied - committed."""
    second_order_visible_s: float
    """How long after order-002 was accepted the read model `orders` showed it; 0 if before."""


def run_demo(scenario: Scenario | None = None, *, clock: Clock = "virtual", seed: int = 0) -> Demo:
    """Tell the story on a fresh system.

    Args:
        scenario: gives the service times; its load is not used. None: `demo_scenario()`.
        clock: virtual or wall.
        seed: of the drawn service times.

    Raises:
        InvalidScenarioError: if a stage's service is `real` on the virtual clock.
    """
    scenario = demo_scenario() if scenario is None else scenario
    read_models = tuple(scenario.read_models)
    # Where events may overtake each other the story is true only if it waits between its steps, as
    # tutorials do by sleeping; here the step is over when it is seen.
    waits = tuple(name for name in read_models if name in scenario.unordered)

    async def hosted(system: HostedSystem) -> tuple[Story, Trace]:
        return await tell_the_story(system, read_models, waits), system.trace()

    match clock:
        case "virtual":
            refuse_timeless(scenario, "virtual")
            story, trace = trace_script(
                lambda system: tell_the_story(system, read_models, waits), scenario, seed=seed
            )
        case "wall":
            story, trace = run_hosted(hosted, scenario, seed=seed)
        case _:
            assert_never(clock)
    return _measured(story, trace, clock, scenario.name)


async def tell_the_story(
    system: OrderSystem, read_models: tuple[str, ...], waits: tuple[str, ...] = ()
) -> Story:
    """Send the six commands, ask the four queries, and wait until every read model shows it all.

    Args:
        system: on which it is told.
        read_models: their names.
        waits: those that must show each command's event before the next command is sent.
    """
    lines: list[str] = []
    told: list[str] = []
    last = Position(0)
    for title, commands in CHAPTERS:
        lines += ["", title]
        for command in commands:
            accepted = await system.execute(command)
            last = accepted.position
            for name in waits:
                await _events_shown(system, name, last)
            told.append(f"{type(command).__name__} {command.order_id}")
            lines.append(
                f"  {told[-1]}{_to_status(command)}: "
                f"accepted, version {accepted.version}, position {last}"
            )
    lines += await _queries(system, last)
    # No read model is asked for here but `orders` and `statistics`: the others are watched.
    seen = [await _events_shown(system, name, last) for name in read_models]
    return Story(lines=tuple(lines), commands=tuple(told), events=seen[0])


async def _queries(system: OrderSystem, last: Position) -> list[str]:
    """Ask four queries, each of them answered from position `last` on."""

    async def ask(query: Query) -> object:
        return (await system.query(query, at_least=last)).value

    orders = [await ask(GetOrderById(order_id)) for order_id in (FIRST, SECOND, THIRD)]
    of_customer = await ask(GetOrdersByCustomer(CUSTOMER))
    shipped = await ask(GetOrdersByStatus(SHIPPED))
    statistics = await ask(GetOrderStatistics(Nanoseconds(0), END_OF_TIME))
    assert isinstance(of_customer, tuple)
    assert isinstance(shipped, tuple)
    assert isinstance(statistics, OrderStatistics)
    return [
        "",
        f"Queries, each of an answer that reflects position {last}",
        *(_order_line(row) for row in orders),
        f"  {CUSTOMER} has {len(of_customer)} orders: {_ids(of_customer)}",
        f"  {SHIPPED}: {len(shipped)} order: {_ids(shipped)}",
        _statistics_line(statistics),
        "    " + ", ".join(f"{status} {count}" for status, count in statistics.by_status if count),
    ]


async def _events_shown(system: OrderSystem, read_model: str, last: Position) -> tuple[str, ...]:
    """Wait until a read model shows everything; the class names of what it showed."""
    names: list[str] = []
    async for event in system.subscribe(read_model, Position(0)):
        names.append(type(event).__name__)
        if len(names) == last:
            break
    return tuple(names)


def _measured(story: Story, trace: Trace, clock: Clock, scenario: str) -> Demo:
    second = next(i for i, told in enumerate(story.commands) if SECOND in told)
    applied = trace.deliveries_of("orders").applied[second]
    visible = applied - trace.commands.acknowledged[second]
    return Demo(
        story=story,
        clock=clock,
        scenario=scenario,
        read_models=trace.read_models,
        response_s=tuple(response_time_s(trace).tolist()),
        lag_s={name: tuple(consistency_lag_s(trace, name).tolist()) for name in trace.read_models},
        second_order_visible_s=max(0.0, float(visible / np.timedelta64(1, "s"))),
    )


def _to_status(command: Command) -> str:
    match command:
        case UpdateOrderStatus():
            return f" to {command.new_status}"
        case _:
            return ""


def _order_line(row: object) -> str:
    assert isinstance(row, OrderRow)
    lines = f"{row.item_count} line{'s' if row.item_count > 1 else ''}"
    return (
        f"  {row.order_id} of {row.customer_name}: {row.status}, {lines}, {_money(row.total_cents)}"
    )


def _statistics_line(statistics: OrderStatistics) -> str:
    revenue, average = statistics.revenue_cents, statistics.average_order_cents
    return (
        f"  statistics: {statistics.orders_count} orders, revenue {_money(revenue)}, "
        f"average {_money(average)}"
    )


def _ids(rows: tuple[OrderRow, ...]) -> str:
    return ", ".join(row.order_id for row in rows)


def _money(cents: float) -> str:
    return f"${cents / 100:,.2f}"
