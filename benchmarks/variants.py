"""The same order system built two other ways, so that the choice of runtime stays a measured one.

`run_inline` is plain calls with no concurrency at all: the limit of what CPython does with this
domain. `run_trio_tasks` is the obvious actor design: a trio task and a memory channel an order, a
task and a channel a read model, a task a client. Both use the product's domain and read models,
and measure nothing.
"""

from collections.abc import Iterator, Sequence

import attrs
import trio

from cqrs_sim.domain.commands import Command
from cqrs_sim.domain.events import Event
from cqrs_sim.domain.order import Cause, Order, decide, evolve
from cqrs_sim.errors import CommandRejectedError
from cqrs_sim.ids import CommandId, CorrelationId, Nanoseconds, OrderId, Position
from cqrs_sim.read_side.orders import OrdersReadModel
from cqrs_sim.read_side.projector import ReadModel
from cqrs_sim.read_side.search import SearchReadModel
from cqrs_sim.read_side.statistics import StatisticsReadModel

CLIENTS, CHANNEL, MAILBOX = 256, 1024, 16

Script = tuple[Command, ...]


@attrs.define
class Outcome:
    """What a variant did."""

    orders: OrdersReadModel
    accepted: int = 0
    rejected: int = 0


def _read_models() -> tuple[OrdersReadModel, tuple[ReadModel, ...]]:
    orders = OrdersReadModel()
    return orders, (orders, StatisticsReadModel(), SearchReadModel())


def _record(log: list[Event], events: Sequence[Event]) -> None:
    for event in events:
        log.append(event)
        event.position = Position(len(log))


def _cause(number: int) -> Cause:
    return Cause(Nanoseconds(number), CommandId(number), CorrelationId(number))


def run_inline(scripts: Sequence[Script]) -> Outcome:
    """All commands one after another, by plain calls."""
    shown, models = _read_models()
    outcome, log, states = Outcome(shown), list[Event](), dict[OrderId, Order]()
    for round_of in _rounds(scripts):
        for command in round_of:
            state = states.get(command.order_id)
            try:
                events = decide(state, command, _cause(len(log)))
            except CommandRejectedError:
                outcome.rejected += 1
                continue
            _record(log, events)
            for event in events:
                state = evolve(state, event)
                for model in models:
                    model.apply(event)
            assert state is not None
            states[command.order_id] = state
            outcome.accepted += 1
    return outcome


def _rounds(scripts: Sequence[Script]) -> Iterator[list[Command]]:
    """One command of each of `CLIENTS` open orders at a time, as clients would send them."""
    for first in range(0, len(scripts), CLIENTS):
        block = scripts[first : first + CLIENTS]
        for step in range(max(len(script) for script in block)):
            yield [script[step] for script in block if step < len(script)]


@attrs.define(eq=False)
class _Request:
    command: Command
    number: int
    answered: trio.Event = attrs.field(factory=trio.Event)
    error: CommandRejectedError | None = None


def run_trio_tasks(scripts: Sequence[Script]) -> Outcome:
    """All commands through trio tasks and memory channels."""
    return trio.run(_trio_tasks, scripts)


async def _trio_tasks(scripts: Sequence[Script]) -> Outcome:
    shown, models = _read_models()
    outcome, log, todo = Outcome(shown), list[Event](), iter(scripts)
    async with trio.open_nursery() as projectors:
        channels = []
        for model in models:
            send, receive = trio.open_memory_channel[Event](CHANNEL)
            channels.append(send)
            projectors.start_soon(_projector, receive, model)
        async with trio.open_nursery() as clients:
            for _ in range(CLIENTS):
                clients.start_soon(_client, todo, clients, (log, channels), outcome)
        for channel in channels:
            channel.close()
    return outcome


async def _projector(receive: trio.MemoryReceiveChannel[Event], model: ReadModel) -> None:
    async for event in receive:
        model.apply(event)


async def _order(
    receive: trio.MemoryReceiveChannel[_Request],
    log: list[Event],
    channels: list[trio.MemorySendChannel[Event]],
) -> None:
    state: Order | None = None
    async for request in receive:
        try:
            events = decide(state, request.command, _cause(request.number))
        except CommandRejectedError as error:
            request.error = error
        else:
            _record(log, events)
            for event in events:
                state = evolve(state, event)
                for channel in channels:
                    await channel.send(event)
        request.answered.set()


async def _client(
    todo: Iterator[Script],
    nursery: trio.Nursery,
    store: tuple[list[Event], list[trio.MemorySendChannel[Event]]],
    outcome: Outcome,
) -> None:
    for script in todo:
        send, receive = trio.open_memory_channel[_Request](MAILBOX)
        nursery.start_soon(_order, receive, *store)
        for command in script:
            request = _Request(command, outcome.accepted)
            await send.send(request)
            await request.answered.wait()
            if request.error is None:
                outcome.accepted += 1
            else:
                outcome.rejected += 1
        send.close()
