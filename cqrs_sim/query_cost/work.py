"""The work that is timed: a stock of orders, and commands and questions about them.

All of it is drawn from a seed before anything is timed, so both forms and every round do the same.
"""

from collections.abc import Iterator, Sequence
from itertools import islice

import attrs
import numpy as np

from cqrs_sim.actors.randomness import Streams
from cqrs_sim.domain.commands import Command
from cqrs_sim.domain.events import Event
from cqrs_sim.domain.order import Cause, Order, decide, evolve
from cqrs_sim.domain.queries import Query
from cqrs_sim.ids import CommandId, CorrelationId, Nanoseconds, OrderId
from cqrs_sim.load_generation.popularity import Popularity
from cqrs_sim.load_generation.reads import query_of
from cqrs_sim.load_generation.workload import Script, Workload, scripts

KINDS = ("by_id", "by_customer", "by_status", "statistics")
"""Of questions, in the order of `domain.queries.QUERY_TYPES`."""

COMMAND_GAP_NS = 1_000_000
"""Between two commands: 1,000 a second."""
ORDERS_PER_CUSTOMER = 20
CANCEL_SHARE = 0.1
IN_WORK = 100
"""Orders that the commands of a measurement are about at once."""


@attrs.frozen
class Stock:
    """What is there before anything is timed, and what is done then."""

    events: tuple[Event, ...]
    """Of all orders, each somewhere in its life."""
    orders: tuple[OrderId, ...]
    customers: int
    commands: tuple[tuple[Command, Cause], ...]
    """None will be rejected if they are executed in this order."""
    ends_ns: Nanoseconds
    """When the last of the events happened."""


def make_stock(orders: int, commands: int, seed: int) -> Stock:
    """Draw a stock.

    Args:
        orders: how many there are; each has gone through a random part of its script.
        commands: how many are to be executed, about further orders.
        seed: of all draws.
    """
    streams = Streams(seed)
    customers = max(1, orders // ORDERS_PER_CUSTOMER)
    workload = Workload(
        popularity=Popularity(choices=IN_WORK), customers=customers, cancel_share=CANCEL_SHARE
    )
    source = scripts(workload, streams)
    generator = streams.stream("query_cost.steps")
    steps = generator.integers(1, 5, orders).tolist()
    begun = [script[:count] for script, count in zip(source, steps, strict=False)]
    states: dict[OrderId, Order] = {}
    events: list[Event] = []
    for command in _interleaved(begun, generator):
        cause = _cause(len(events))
        order = states.get(command.order_id)
        for event in decide(order, command, cause):
            order = evolve(order, event)
            events.append(event)
        assert order is not None
        states[command.order_id] = order
    later = _interleaved(islice(source, commands), generator)
    numbered = enumerate(islice(later, commands), len(events))
    return Stock(
        tuple(events), tuple(states), customers,
        tuple((command, _cause(number)) for number, command in numbered),
        Nanoseconds(len(events) * COMMAND_GAP_NS),
    )  # fmt: skip


def _interleaved(
    source: Iterator[Script] | Sequence[Script], generator: np.random.Generator
) -> Iterator[Command]:
    """The commands of scripts, as many of them open at once as there are orders in work."""
    remaining = iter(source)
    in_work = [iter(script) for script in islice(remaining, IN_WORK)]
    while in_work:
        index = int(generator.integers(len(in_work)))
        command = next(in_work[index], None)
        if command is not None:
            yield command
        elif (script := next(remaining, None)) is not None:
            in_work[index] = iter(script)
        else:
            in_work[index] = in_work[-1]
            in_work.pop()


def _cause(number: int) -> Cause:
    now_ns = Nanoseconds((number + 1) * COMMAND_GAP_NS)
    return Cause(now_ns, CommandId(number), CorrelationId(number))


def questions(stock: Stock, kind: int, count: int, seed: int) -> tuple[Query, ...]:
    """Questions of one kind; their targets are spread evenly and asked in random order.

    Answers by status differ in length by far, so every status must come equally often, as far as
    the count allows.
    """
    generator = Streams(seed).stream(f"query_cost.{KINDS[kind]}")
    targets = ((np.arange(count) + generator.random(count)) / max(count, 1)).tolist()
    generator.shuffle(targets)
    orders = stock.orders
    return tuple(
        query_of(kind, target, orders[int(target * len(orders))], stock.customers, stock.ends_ns)
        for target in targets
    )
