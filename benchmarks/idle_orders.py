"""What an idle order costs: N orders are created, left idle, and passivated; then a sample is used.

A passivated order leaves nothing in memory but its event and an entry in the log's index of
orders. Memory is counted by `tracemalloc`, by the module that allocated it: the write side is
everything of `actors`, `event_log` and `write_side`; its stored events (made in `domain`) and the
read models are the rest. The order of a sample must come back from the log and answer a command
with the right version.
"""

import argparse
import gc
import json
import tracemalloc
from pathlib import Path
from typing import TypedDict

import cqrs_sim
from benchmarks.arguments import positive
from cqrs_sim.actors.clock import VirtualClock
from cqrs_sim.actors.kernel import Kernel, Rank
from cqrs_sim.actors.randomness import Streams
from cqrs_sim.domain.commands import CreateOrder, UpdateOrderStatus
from cqrs_sim.domain.item import OrderItem
from cqrs_sim.ids import Cents, CustomerId, OrderId, ProductId
from cqrs_sim.probe import NullProbe
from cqrs_sim.scenario.scenario import ReadModel, Scenario, Service, WriteSide
from cqrs_sim.system import System

IDLE_NS = 1_000_000_000
SAMPLE = 100
CREATED_AT_ONCE = 10_000
ITEMS = (OrderItem(ProductId("p"), 1, Cents(100)),)
"""Shared by all orders: what an order holds is not the subject here."""

SCENARIO = Scenario(
    name="idle_orders",
    write_side=WriteSide(
        service=Service(distribution="constant", mean=1_000), passivate_after=IDLE_NS
    ),
    read_models={name: ReadModel(batch=64) for name in ("orders", "statistics", "search")},
)


class Report(TypedDict):
    """The line that is printed."""

    orders: int
    bytes_per_order: float
    total_bytes_per_order: float
    resident_orders: int
    ok: bool


def run(orders: int) -> Report:
    """Create, leave idle, count, and use a sample."""
    kernel = Kernel(VirtualClock())
    tracemalloc.start()
    system = System(SCENARIO, kernel, Streams(0), NullProbe())
    before = _bytes_by_side()
    report: list[Report] = []

    async def main() -> None:
        for first in range(0, orders, CREATED_AT_ONCE):
            for number in range(first, min(orders, first + CREATED_AT_ONCE)):
                kernel.spawn(system.execute(_create(number)), "client")
            await kernel.sleep(3 * IDLE_NS, Rank.OTHER, 0)
        after = _bytes_by_side()
        resident = system.commands.statistics().resident_orders_count
        write_side, total = (after[side] - before[side] for side in ("write", "total"))
        is_right = await _sample_is_right(system, orders)
        report.append(
            {
                "orders": orders,
                "bytes_per_order": round(write_side / orders, 1),
                "total_bytes_per_order": round(total / orders, 1),
                "resident_orders": resident,
                "ok": resident == 0 and is_right,
            }
        )
        kernel.stop()

    kernel.spawn(main(), "main")
    kernel.run_virtual()
    kernel.close()
    tracemalloc.stop()
    return report[0]


def _create(number: int) -> CreateOrder:
    return CreateOrder(OrderId(f"order-{number:08d}"), CustomerId(f"c-{number % 1000}"), ITEMS)


async def _sample_is_right(system: System, orders: int) -> bool:
    """Whether orders spread over all of them accept their second command as version 2."""
    for number in range(0, orders, max(1, orders // SAMPLE)):
        order_id = _create(number).order_id
        accepted = await system.execute(UpdateOrderStatus(order_id, "CONFIRMED"))
        answer = system.projectors["orders"]
        await answer.wait_applied(accepted.position)
        if accepted.version != 2 or accepted.position <= orders:
            return False
    return True


def _bytes_by_side() -> dict[str, int]:
    gc.collect()
    package = Path(cqrs_sim.__file__).parent
    write_side = tuple(str(package / layer) for layer in ("actors", "event_log", "write_side"))
    sides = {"write": 0, "total": 0}
    for statistic in tracemalloc.take_snapshot().statistics("filename"):
        sides["total"] += statistic.size
        if statistic.traceback[0].filename.startswith(write_side):
            sides["write"] += statistic.size
    return sides


def main() -> None:
    """Parse, run, print one line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.idle_orders", description=__doc__)
    parser.add_argument("--orders", type=positive, default=100_000)
    parser.add_argument("--json", action="store_true", help="one JSON line")
    args = parser.parse_args()
    report = run(args.orders)
    print(json.dumps(report) if args.json else "\n".join(f"{k:22} {v}" for k, v in report.items()))
    raise SystemExit(0 if report["ok"] else 1)


if __name__ == "__main__":
    main()
