"""Workloads: which commands are sent, to which orders.

`lifecycle`: orders come and go. Each has a script: create, confirm, ship, deliver, or a
cancellation on the way. As many scripts are open at once as there are orders in the workload; when
one ends, the next one takes its slot. `amendments`: long-lived orders, created before the run,
whose items are replaced again and again; only so does an order live long enough to be a hot one.

In both, a share of the commands is invalid: each is sent to the order whose turn it is in place of
a valid one (a script goes on at its next turn). The rules must reject it whatever the order's
state, and none of the others, as long as the commands of one order arrive in the order planned.

Everything random here is an endless iterator whose i-th item depends on the seed and on i alone.
"""

import sys
from collections.abc import Callable, Iterator
from typing import Literal, TypeAlias, TypeVar, assert_never

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.actors.randomness import Streams
from cqrs_sim.domain.commands import (
    AmendOrder,
    CancelOrder,
    Command,
    CreateOrder,
    UpdateOrderStatus,
)
from cqrs_sim.domain.item import OrderItem
from cqrs_sim.domain.status import CONFIRMED, DELIVERED, SHIPPED, OrderStatus
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.ids import Cents, CustomerId, OrderId, ProductId
from cqrs_sim.load_generation.popularity import Popularity

WorkloadKind: TypeAlias = Literal["lifecycle", "amendments"]
InvalidKind: TypeAlias = Literal["unknown_order", "forbidden_status", "no_items", "zero_quantity"]

Script: TypeAlias = tuple[Command, ...]
"""The valid commands of one order, in their order."""

INVALID_KINDS: tuple[InvalidKind, ...] = (
    "unknown_order",
    "forbidden_status",
    "no_items",
    "zero_quantity",
)

LIFECYCLE_STATUSES: tuple[OrderStatus, ...] = (CONFIRMED, SHIPPED, DELIVERED)
"""What an order goes through after it was created."""

CANCEL_REASON = "customer request"
_STEPS = (1, 4)
"""A cancellation comes after at least one step, and before the last one."""

BLOCK = 1024
"""Variates drawn at once."""

PRODUCTS = 50
LINES_MAX = 4
QUANTITY_MAX = 5

T = TypeVar("T")


@attrs.frozen(kw_only=True)
class Workload:
    """Which commands are sent."""

    popularity: Popularity
    """Which of the open orders a command goes to; it says how many there are."""
    kind: WorkloadKind = "lifecycle"
    customers: int = 100
    cancel_share: float = 0.0
    """Lifecycle: share of orders that end by `CancelOrder`, after 1 to 3 steps."""
    invalid_share: float = 0.0
    """Share of commands that must be rejected."""

    @property
    def setup_count(self) -> int:
        """How many orders exist before the run: all of `amendments`, none of `lifecycle`."""
        return self.popularity.choices if self.kind == "amendments" else 0

    def __attrs_post_init__(self) -> None:
        mistakes = []
        if self.customers < 1:
            mistakes.append(f"{self.customers} customers: there must be at least 1")
        if not 0.0 <= self.cancel_share <= 1.0:
            mistakes.append(f"share of cancellations {self.cancel_share}: it must be from 0 to 1")
        if not 0.0 <= self.invalid_share <= 1.0:
            mistakes.append(f"share of invalid commands {self.invalid_share}: it is not in 0 to 1")
        if mistakes:
            raise InvalidScenarioError(mistakes)


def order_id(number: int) -> OrderId:
    """The id of order number 0, 1, ...

    One object an order, however many commands name it: a dictionary finds the very object that is
    its key without a look at the text, which is a tenth of a run.
    """
    return OrderId(sys.intern(f"order-{number:07d}"))


def unknown_order_id(number: int) -> OrderId:
    """The id of the order that command number 0, 1, ... asks for, if nobody creates it."""
    return OrderId(f"unknown-{number:07d}")


def customer_id(number: int) -> CustomerId:
    """The id of customer number 0, 1, ..."""
    return CustomerId(f"customer-{number:05d}")


def customer_number(known: CustomerId) -> int | None:
    """The number of a customer by its id; None: it has no id as `customer_id` makes them."""
    digits = known.removeprefix("customer-")
    number = int(digits) if digits.isascii() and digits.isdecimal() and len(digits) < 20 else None
    return number if number is not None and customer_id(number) == known else None


def setup_orders(workload: Workload, streams: Streams) -> tuple[CreateOrder, ...]:
    """The orders that must exist before the run."""
    lines = item_lists(streams, "load.setup.items")
    customers = customer_numbers(workload, streams)
    numbers = range(workload.setup_count)
    return tuple(
        CreateOrder(order_id(number), customer_id(customer), items)
        for number, customer, items in zip(numbers, customers, lines, strict=False)
    )


def scripts(workload: Workload, streams: Streams) -> Iterator[Script]:
    """Endless scripts; those of `amendments` are single commands."""
    match workload.kind:
        case "lifecycle":
            return _lifecycles(workload, streams)
        case "amendments":
            return _amendments(workload, streams)
        case _:
            assert_never(workload.kind)


def invalid_kinds(workload: Workload, streams: Streams) -> Iterator[InvalidKind | None]:
    """For each command in turn: how it is invalid, or None for a valid one."""
    chances, choices = streams.stream("load.invalid"), streams.stream("load.invalid.kind")
    is_invalid: Iterator[bool] = in_blocks(
        lambda count: chances.random(count) < workload.invalid_share
    )
    kinds: Iterator[int] = in_blocks(lambda count: choices.integers(0, len(INVALID_KINDS), count))
    for invalid, kind in zip(is_invalid, kinds, strict=True):
        yield INVALID_KINDS[kind] if invalid else None


def invalid_command(kind: InvalidKind, target: OrderId, number: int) -> Command:
    """A command that the rules reject whatever the state of the order, and if there is none.

    Args:
        kind: The rule that it breaks.
        target: The order it is sent to, but for an unknown one.
        number: Which command of the run it is, so that unknown orders are different ones.
    """
    match kind:
        case "unknown_order":
            return UpdateOrderStatus(unknown_order_id(number), "CONFIRMED")
        case "forbidden_status":
            # No status leads back to PENDING.
            return UpdateOrderStatus(target, "PENDING")
        case "no_items":
            return AmendOrder(target, ())
        case "zero_quantity":
            return AmendOrder(target, (OrderItem(ProductId("prod-0"), 0, Cents(100)),))
        case _:
            assert_never(kind)


def in_blocks(draw: Callable[[int], NDArray[np.generic]]) -> Iterator[T]:
    """Endless Python values from a function that draws arrays of a given length."""
    while True:
        yield from draw(BLOCK).tolist()


def _lifecycles(workload: Workload, streams: Streams) -> Iterator[Script]:
    lines = item_lists(streams, "load.items")
    customers = customer_numbers(workload, streams)
    cancels, steps = _cancel_streams(streams)
    chances: Iterator[float] = in_blocks(cancels.random)
    steps_before: Iterator[int] = in_blocks(lambda count: steps.integers(*_STEPS, count))
    rows = zip(customers, lines, chances, steps_before, strict=True)
    for number, (customer, items, chance, before) in enumerate(rows):
        order = order_id(number)
        script: Script = (
            CreateOrder(order, customer_id(customer), items),
            *[UpdateOrderStatus(order, status) for status in LIFECYCLE_STATUSES],
        )
        if chance < workload.cancel_share:
            yield (*script[:before], CancelOrder(order, CANCEL_REASON))
        else:
            yield script


def cancellations(
    workload: Workload, streams: Streams, count: int
) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Of the first scripts of a lifecycle: which end by `CancelOrder`, and after how many steps."""
    cancels, steps = _cancel_streams(streams)
    return cancels.random(count) < workload.cancel_share, steps.integers(*_STEPS, count)


def _cancel_streams(streams: Streams) -> tuple[np.random.Generator, np.random.Generator]:
    return streams.stream("load.cancel"), streams.stream("load.cancel.step")


def _amendments(workload: Workload, streams: Streams) -> Iterator[Script]:
    generator = streams.stream("load.popularity")
    numbers: Iterator[int] = in_blocks(lambda count: workload.popularity.draw(generator, count))
    for number, items in zip(numbers, item_lists(streams, "load.items"), strict=True):
        yield (AmendOrder(order_id(number), items),)


def customer_numbers(workload: Workload, streams: Streams) -> Iterator[int]:
    """Endless numbers of customers; of an order in the order of their numbers."""
    generator = streams.stream("load.customer")
    return in_blocks(lambda count: generator.integers(0, workload.customers, count))


def item_lists(streams: Streams, name: str) -> Iterator[tuple[OrderItem, ...]]:
    """1 to 4 lines of random products and quantities; a product has one price all along."""
    lines = _lines(streams)
    lengths, choices = streams.stream(f"{name}.count"), streams.stream(name)
    while True:
        counts = lengths.integers(1, LINES_MAX + 1, BLOCK).tolist()
        rows = choices.integers(0, len(lines), (BLOCK, LINES_MAX)).tolist()
        for count, row in zip(counts, rows, strict=True):
            yield tuple([lines[line] for line in row[:count]])


def _lines(streams: Streams) -> list[OrderItem]:
    """Every product in every quantity: items are immutable, so orders can share them."""
    prices = streams.stream("load.prices").integers(100, 10_000, PRODUCTS).tolist()
    return [
        OrderItem(ProductId(f"prod-{product}"), quantity, Cents(price))
        for product, price in enumerate(prices)
        for quantity in range(1, QUANTITY_MAX + 1)
    ]
