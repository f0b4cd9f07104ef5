"""Workload W on the wall engine: real work, 256 closed-loop clients, three read models.

N orders over 1,000 customers, four commands each; every fifth order is created, confirmed and
cancelled, and its fourth command, SHIPPED, must be rejected. A client takes an order, sends its
commands one by one, each after the outcome of the last one, and then takes the next order. One
event for each accepted command goes to all three read models. Commands are built before the clock
starts; the time is from the first submission to the last application, the lag that of the slowest
read model for every event.

Everything goes the ordinary way: facade, gateway, order actors, log, channels, projectors,
recorder.
"""

import argparse
import json
import resource
from typing import TypedDict

import numpy as np

from benchmarks.arguments import positive
from cqrs_sim.actors.clock import WallClock
from cqrs_sim.domain.commands import CancelOrder, Command, CreateOrder, UpdateOrderStatus
from cqrs_sim.domain.item import OrderItem
from cqrs_sim.engines import wall
from cqrs_sim.engines.experiment import ClosedLoad, Experiment
from cqrs_sim.ids import Cents, CustomerId, Nanoseconds, OrderId, ProductId
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.read_side.orders import OrdersReadModel
from cqrs_sim.read_side.search import SearchReadModel
from cqrs_sim.read_side.statistics import StatisticsReadModel
from cqrs_sim.scenario.scenario import Load, ReadModel, Run, Scenario, Service, WriteSide

CUSTOMERS, PRODUCTS, CLIENTS = 1000, 50, 256
REAL = Service(distribution="real")
SCENARIO = Scenario(
    name="workload_w",
    run=Run(duration=Nanoseconds(3_600_000_000_000), drain=Nanoseconds(60_000_000_000)),
    load=Load(model="closed", clients=CLIENTS),
    write_side=WriteSide(service=REAL),
    read_models={
        name: ReadModel(service=REAL, batch=64) for name in ("orders", "statistics", "search")
    },
)


class Report(TypedDict):
    """The line that is printed."""

    peer: str
    orders: int
    commands: int
    wall_s: float
    cmds_per_s: int
    lag_p50_us: float
    lag_p99_us: float
    ok: bool
    accepted: int
    rejected: int
    wrong_status: int
    maxrss_mb: int


def script_of(number: int) -> tuple[Command, ...]:
    """The four commands of an order."""
    order_id = OrderId(f"o{number}")
    create = CreateOrder(
        order_id,
        CustomerId(f"c{number * 7919 % CUSTOMERS}"),
        (
            _item(number % PRODUCTS, 1 + number % 3),
            _item((number * 13 + 7) % PRODUCTS, 1 + number % 2),
        ),
    )
    confirm = UpdateOrderStatus(order_id, "CONFIRMED")
    ship = UpdateOrderStatus(order_id, "SHIPPED")
    if number % 5 == 4:
        return create, confirm, CancelOrder(order_id, "changed my mind"), ship
    return create, confirm, ship, UpdateOrderStatus(order_id, "DELIVERED")


def _item(product: int, quantity: int) -> OrderItem:
    return OrderItem(ProductId(f"p{product}"), quantity, Cents(500 + 10 * product))


def run(orders: int) -> Report:
    """Do the work and check all of it."""
    scripts = [script_of(number) for number in range(orders)]
    experiment = Experiment(SCENARIO, 0, WallClock(), ClosedLoad((), iter(scripts)))
    wall.run_experiment(experiment)
    trace = experiment.trace()
    seconds, lag_us = _time_and_lag(trace)
    accepted = int((trace.commands.position > 0).sum())
    wrong = _wrong_statuses(experiment, orders)
    return {
        "peer": "cqrs_sim:wall",
        "orders": orders,
        "commands": 4 * orders,
        "wall_s": round(seconds, 4),
        "cmds_per_s": round(4 * orders / seconds),
        "lag_p50_us": round(float(np.quantile(lag_us, 0.5)), 1),
        "lag_p99_us": round(float(np.quantile(lag_us, 0.99)), 1),
        "ok": is_right(experiment, scripts)
        and accepted == 4 * orders - orders // 5
        and len(trace.commands.outcome) - accepted == orders // 5
        and len(lag_us) == accepted,
        "accepted": accepted,
        "rejected": len(trace.commands.outcome) - accepted,
        "wrong_status": wrong,
        "maxrss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def is_right(experiment: Experiment, scripts: list[tuple[Command, ...]]) -> bool:
    """Whether the system shows what the scripts come to, whatever was recorded of them."""
    orders = len(scripts)
    return (
        experiment.system.log.head == 4 * orders - orders // 5
        and _wrong_statuses(experiment, orders) == 0
        and _is_statistics_right(experiment, scripts)
        and not experiment.diverged()
    )


def _time_and_lag(trace: Trace) -> tuple[float, np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """Seconds from first submission to last application; lag of each event in µs, slowest model."""
    applied = trace.deliveries.applied.reshape(len(trace.read_models), -1)
    assert not np.isnat(applied).any(), "every event was applied"
    slowest = applied.max(axis=0)
    lag_us = (slowest - trace.events.committed).astype(np.int64) / 1e3
    seconds = (slowest.max() - trace.commands.submitted.min()).astype(np.int64) / 1e9
    return float(seconds), lag_us


def _wrong_statuses(experiment: Experiment, orders: int) -> int:
    projectors = experiment.system.projectors
    shown, found = projectors["orders"].read_model, projectors["search"].read_model
    assert isinstance(shown, OrdersReadModel)
    assert isinstance(found, SearchReadModel)
    wrong = 0
    for number in range(orders):
        order_id = OrderId(f"o{number}")
        want = "CANCELLED" if number % 5 == 4 else "DELIVERED"
        wrong += not (shown.rows[order_id].status == found.rows[order_id].status == want)
    return wrong


def _is_statistics_right(experiment: Experiment, scripts: list[tuple[Command, ...]]) -> bool:
    """Our rule: the revenue counts all orders, cancelled ones too."""
    model = experiment.system.projectors["statistics"].read_model
    assert isinstance(model, StatisticsReadModel)
    statistics = model.between(Nanoseconds(0), Nanoseconds(1 << 62))
    creates = [script[0] for script in scripts if isinstance(script[0], CreateOrder)]
    revenue = sum(i.quantity * i.price_cents for create in creates for i in create.items)
    n, counts = len(scripts), dict(statistics.by_status)
    return (
        statistics.orders_count == n
        and statistics.revenue_cents == revenue
        and counts["DELIVERED"] == n - n // 5
        and counts["CANCELLED"] == n // 5
    )


def main() -> None:
    """Parse, run, print one line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.workload_w", description=__doc__)
    parser.add_argument("--orders", type=positive, default=20_000)
    parser.add_argument("--json", action="store_true", help="one JSON line")
    args = parser.parse_args()
    report = run(args.orders)
    print(json.dumps(report) if args.json else "\n".join(f"{k:12} {v}" for k, v in report.items()))
    raise SystemExit(0 if report["ok"] else 1)


if __name__ == "__main__":
    main()
