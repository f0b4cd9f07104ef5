"""Read models in SQLite files: what an event costs by size of batch, and what an answer costs.

Every batch is one transaction with its checkpoint. Each read model is held against the one in
memory afterwards, so that none gets faster by being wrong.
"""

import argparse
import json
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TypedDict

from benchmarks.arguments import positive
from cqrs_sim.domain.events import Event
from cqrs_sim.domain.queries import GetOrderById, GetOrdersByCustomer, GetOrdersByStatus
from cqrs_sim.domain.queries import GetOrderStatistics as Statistics
from cqrs_sim.ids import Position
from cqrs_sim.query_cost.work import KINDS, Stock, make_stock, questions
from cqrs_sim.read_side.orders import OrdersReadModel
from cqrs_sim.read_side.projector import ReadModel
from cqrs_sim.read_side.search import SearchReadModel
from cqrs_sim.read_side.sqlite.orders import OrderTables
from cqrs_sim.read_side.sqlite.search import SearchTables
from cqrs_sim.read_side.sqlite.statistics import StatisticsTables
from cqrs_sim.read_side.sqlite.stored import ReadModelTables, StoredReadModel
from cqrs_sim.read_side.statistics import StatisticsReadModel
from cqrs_sim.storage.database import Durability
from cqrs_sim.tables.connection import Connection, open_writer

MODELS: tuple[tuple[Callable[[Connection], ReadModelTables], Callable[[], ReadModel]], ...] = (
    (OrderTables, OrdersReadModel),
    (StatisticsTables, StatisticsReadModel),
    (SearchTables, SearchReadModel),
)
DURABILITIES: tuple[Durability, ...] = ("normal", "off")
BATCHES = (1, 16, 256)
ASKED = (500, 100, 10, 100)
"""Questions of each kind."""


class Report(TypedDict):
    """The line that is printed."""

    orders: int
    events: int
    us_per_event: dict[str, float]
    """By read model, durability and batch."""
    us_per_answer: dict[str, float]
    bytes_per_order: dict[str, float]
    ok: bool


def run(orders: int) -> Report:
    """Apply, compare and ask."""
    stock = make_stock(orders, 0, 1)
    for position, event in enumerate(stock.events, 1):
        event.position = Position(position)
    report = Report(
        orders=orders, events=len(stock.events), us_per_event={}, us_per_answer={},
        bytes_per_order={}, ok=True,
    )  # fmt: skip
    with TemporaryDirectory() as folder:
        for number, (tables, memory) in enumerate(MODELS):
            expected = _fold(memory, stock.events)
            for durability, batch in product(DURABILITIES, BATCHES):
                path = Path(folder) / f"{number}-{durability}-{batch}.db"
                connect = partial(open_writer, durability=durability)
                with closing(StoredReadModel(path, tables, connect)) as model:
                    name = f"{model.name} {durability} {batch}"
                    report["us_per_event"][name] = _applied(model, stock.events, batch)
                    report["ok"] &= model.contents() == expected and not model.faults()
                    # The last of them is kept: all have the same rows.
                    report["us_per_answer"] |= _answered(model.answers, stock)
                report["bytes_per_order"][model.name] = round(path.stat().st_size / orders, 1)
    return report


def _fold(memory: Callable[[], ReadModel], events: Sequence[Event]) -> object:
    model = memory()
    for event in events:
        model.apply(event)
    return model.contents()


def _applied(model: StoredReadModel[ReadModelTables], events: Sequence[Event], batch: int) -> float:
    began = perf_counter()
    for start in range(0, len(events), batch):
        model.apply_batch(events[start : start + batch])
    return round((perf_counter() - began) / len(events) * 1e6, 2)


def _answered(answers: ReadModelTables, stock: Stock) -> dict[str, float]:
    """Microseconds an answer, by kind, of what this read model can be asked."""
    found = {}
    for kind, (name, count) in enumerate(zip(KINDS, ASKED, strict=True)):
        asked = questions(stock, kind, count, 1)
        began = perf_counter()
        for query in asked:
            if isinstance(answers, StatisticsTables) and isinstance(query, Statistics):
                answers.between(query.from_ns, query.to_ns)
            elif isinstance(answers, OrderTables) and isinstance(query, GetOrderById):
                answers.by_id(query.order_id)
            elif isinstance(answers, OrderTables) and isinstance(query, GetOrdersByCustomer):
                answers.by_customer(query.customer_id)
            elif isinstance(answers, OrderTables) and isinstance(query, GetOrdersByStatus):
                answers.by_status(query.status)
            else:
                break
        else:
            found[name] = round((perf_counter() - began) / count * 1e6, 1)
    return found


def main() -> None:
    """Parse, run, print; fail if a read model is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.stored_read_models", description=__doc__
    )
    parser.add_argument("--orders", type=positive, default=5_000)
    parser.add_argument("--json", action="store_true", help="one JSON line")
    args = parser.parse_args()
    report = run(args.orders)
    lines = (f"{key:16} {value}" for key, value in report.items())
    print(json.dumps(report) if args.json else "\n".join(lines))
    raise SystemExit(0 if report["ok"] else 1)


if __name__ == "__main__":
    main()
