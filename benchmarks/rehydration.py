"""How long an order with a long history takes to come back, with a snapshot and without.

One order is created and amended N - 1 times, the ordinary way and on the wall clock. Then it is
left idle until it has left memory, and asked for its state; its actor reads it back, several times
over, and the time is the write side's own measurement. Systems with snapshots and without take
turns, on the log in memory and on that in SQLite. All answers must be equal.

Beside it, the price of old schemas: N events as they were once written, brought up to date.
"""

import argparse
import json
import os
import statistics
import time
from collections.abc import Sequence
from typing import TypedDict

import attrs
import trio

from benchmarks.arguments import positive
from cqrs_sim.domain.commands import AmendOrder, CreateOrder
from cqrs_sim.domain.item import OrderItem
from cqrs_sim.domain.queries import GetOrderById, OrderRow
from cqrs_sim.domain.upcasting import upcast
from cqrs_sim.engines.hosted import HostedSystem, run_hosted
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.ids import Cents, CustomerId, Nanoseconds, OrderId, ProductId
from cqrs_sim.scenario.reading import read_scenario, to_toml
from cqrs_sim.scenario.scenario import ReadModel, Scenario, Service, WriteSide

ORDER = OrderId("order-1")
MS = 1_000_000
REAL = Service(distribution="real")
IDLE_NS = 5 * MS
"""After so long an idle order leaves memory; longer than from one command to the next, or the order
would come back for each command of its making."""
NO_TIME = Nanoseconds(0)
MOST_LOOKS = 10_000
WANTED = 20.0
"""How many times as fast a snapshot is to make it, of a history of `LONG` events."""
LONG = 10_000
READS = 10
"""How often the order is read back in one round."""


@attrs.frozen
class Measured:
    """What one system came to."""

    value: OrderRow
    is_steady: bool
    """Whether every answer was the same."""
    read_count: int
    spent_ns: list[int]


class Costs(TypedDict):
    """Of one store."""

    read_without: int
    """Events read from the log."""
    read_with: int
    without_us: float
    """Median of the rounds."""
    with_us: float
    ratio: float
    """Of the two."""
    us_per_event: float
    """Without a snapshot."""
    ok: bool


class Report(TypedDict):
    """The line that is printed."""

    events: int
    snapshot_every: int
    rounds: int
    memory: Costs
    sqlite: Costs
    upcast_us_per_event: float
    load_average: float
    """Of the last minute before it began: processes that wanted to run."""
    ok: bool


def scenario(snapshot_every: int, settings: Sequence[str] = ()) -> Scenario:
    """A write side that soon forgets an idle order; `KEY=VALUE` settings go last."""
    forgetful = Scenario(
        name="rehydration",
        write_side=WriteSide(service=REAL, passivate_after=IDLE_NS, snapshot_every=snapshot_every),
        read_models={"orders": ReadModel(service=REAL, batch=64)},
    )
    return read_scenario(to_toml(forgetful), settings)


def items(number: int) -> tuple[OrderItem, ...]:
    """Of the amendment of a number."""
    return (
        OrderItem(ProductId("p-1"), 1 + number % 9, Cents(1_999)),
        OrderItem(ProductId("p-2"), 1, Cents(100 + number)),
    )


async def made(system: HostedSystem, events: int) -> None:
    """The order, with all of its events."""
    await system.execute(CreateOrder(ORDER, CustomerId("c-1"), items(0)))
    for number in range(1, events):
        await system.execute(AmendOrder(ORDER, items(number)))


async def read_back(system: HostedSystem) -> OrderRow:
    """The order's state, from an actor that had to read it."""
    for _ in range(MOST_LOOKS):
        if not system.inner.write_side_statistics().resident_orders_count:
            break
        await trio.sleep(0.0002)
    answer = await system.query_write_side(GetOrderById(ORDER))
    assert isinstance(answer.value, OrderRow)
    # Instants are those of one system's clock.
    return attrs.evolve(answer.value, created_ns=NO_TIME, updated_ns=NO_TIME)


async def measured(system: HostedSystem, events: int) -> Measured:
    """Make the order and read it back again and again; the system notes what that takes."""
    await made(system, events)
    values = [await read_back(system) for _ in range(READS + 1)]
    noted = system.inner.activations
    # The first is left out: it warms the caches for the others.
    return Measured(
        value=values[-1],
        is_steady=all(value == values[-1] for value in values),
        read_count=noted.read_counts[-1],
        spent_ns=list(noted.spent_ns[-READS:]),
    )


def upcast_us_per_event(events: int) -> float:
    """Time to bring one amendment of schema version 1 up to date, in microseconds."""
    old = {
        **dict.fromkeys(("order_id", "version", "occurred_ns", "causation_id"), 0),
        "items": [
            {"product_id": "p-1", "quantity": 2, "price": 29.99},
            {"product_id": "p-2", "quantity": 1, "price": 49.99},
        ],
        "old_total_amount": 109.97,
        "total_amount": 109.97,
    }
    begun = time.perf_counter()
    for _ in range(events):
        upcast("OrderAmended", 1, old)
    return (time.perf_counter() - begun) / events * 1e6


def run(events: int, snapshot_every: int, rounds: int, settings: Sequence[str] = ()) -> Report:
    """Rounds of both stores, in turn."""
    load_average = os.getloadavg()[0]
    pairs: dict[str, list[tuple[Measured, Measured]]] = {"memory": [], "sqlite": []}
    for _ in range(rounds):
        for store, done in pairs.items():
            without, with_them = (
                run_hosted(
                    lambda system: measured(system, events),
                    scenario(every, [*settings, f"store={store}"]),
                )
                for every in (0, snapshot_every)
            )
            done.append((without, with_them))
    memory, sqlite = (costs(done, events, snapshot_every) for done in pairs.values())
    return {
        "events": events,
        "snapshot_every": snapshot_every,
        "rounds": rounds,
        "memory": memory,
        "sqlite": sqlite,
        "upcast_us_per_event": round(upcast_us_per_event(events), 3),
        "load_average": round(load_average, 2),
        "ok": memory["ok"] and sqlite["ok"],
    }


def costs(pairs: Sequence[tuple[Measured, Measured]], events: int, snapshot_every: int) -> Costs:
    """What pairs of runs, without snapshots and with, came to."""
    without, with_them = ([pair[number] for pair in pairs] for number in (0, 1))
    without_us, with_us = (
        statistics.median(ns for one in found for ns in one.spent_ns) / 1e3
        for found in (without, with_them)
    )
    everything = [*without, *with_them]
    read_with = max(one.read_count for one in with_them)
    is_right = all(one.is_steady and one.value == without[0].value for one in everything)
    return {
        "read_without": without[0].read_count,
        "read_with": read_with,
        "without_us": round(without_us, 1),
        "with_us": round(with_us, 1),
        "ratio": round(without_us / with_us, 1),
        "us_per_event": round(without_us / events, 3),
        "ok": is_right
        and without[0].read_count == events
        and read_with <= snapshot_every
        and (events < LONG or without_us / with_us >= WANTED),
    }


def main() -> None:
    """Parse, run, print one line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rehydration", description=__doc__)
    parser.add_argument("--events", type=positive, default=LONG)
    parser.add_argument("--every", type=positive, default=300, help="events between two snapshots")
    parser.add_argument("--rounds", type=positive, default=3)
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="a key of the scenario"
    )
    parser.add_argument("--json", action="store_true", help="one JSON line")
    args = parser.parse_args()
    try:
        report = run(args.events, args.every, args.rounds, args.set)
    except InvalidScenarioError as error:
        parser.error(str(error))
    print(json.dumps(report) if args.json else "\n".join(f"{k:22} {v}" for k, v in report.items()))
    raise SystemExit(0 if report["ok"] else 1)


if __name__ == "__main__":
    main()
