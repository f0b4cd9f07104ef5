"""Durable appends through the whole write side, against a bare loop that inserts the same rows.

The product: load generator, gateway, order actors, `decide`, codec, checksums, writer thread with
group commit and the recorder, on the wall clock. Workload W's commands come by an open plan, faster
than anybody handles them: with W's clients a group is what all of them wait for, so the writer and
the order actors would work in turn, never at once. The read model looks for events every few
seconds, so it works when the load is over. The bare loop: `executemany` into the same tables with
the same indexes, the same bytes and the same sizes of commits as the run of the product just made,
and nothing else. The two alternate in one process, for each durability.

Beside them the same run with its log in memory: what the ratio would be if durability cost nothing.
"""

import argparse
import json
import os
import sqlite3
import statistics
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypedDict

import attrs
import numpy as np

from benchmarks.arguments import positive
from benchmarks.workload_w import CLIENTS, SCENARIO, script_of
from cqrs_sim.actors.clock import WallClock
from cqrs_sim.engines import wall
from cqrs_sim.engines.experiment import Experiment
from cqrs_sim.engines.stores import store_of_run
from cqrs_sim.event_log.durable import StoreOfRun
from cqrs_sim.load_generation.plan import Plan
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.scenario.scenario import Durability, Load, ReadModel, Service
from cqrs_sim.storage.database import connect, create
from cqrs_sim.storage.event_rows import COLUMNS, EVENTS_DB
from cqrs_sim.storage.event_store import EventReader

READ_MODELS = {
    "orders": ReadModel(
        service=Service(distribution="real"), batch=1 << 14, channel=1 << 20, poll=3_000_000_000
    )
}
"""Of the write side alone it is asked how fast it is: a load of 38,000 events takes a second."""
APART_NS = 1000
"""Between two commands of the plan: a million a second, more than any engine of ours can take."""
WANTED = 0.5
"""Least ratio of the product's rate to the bare loop's, with durability `normal`."""


class Rates(TypedDict):
    """Of one durability."""

    product_per_s: int
    bare_per_s: int
    ratio: float
    ratios: list[float]
    memory_per_s: int
    """With the log in memory."""
    memory_ratio: float
    """Of that rate to the bare loop's: no log on a disk can have a greater one."""
    events_a_commit: float


class Report(TypedDict):
    """The line that is printed."""

    orders: int
    events: int
    rounds: int
    payload_bytes: int
    load_average: list[float]
    """Before and after, over the last minute: two free processors are needed."""
    normal: Rates
    full: Rates
    ok: bool


@attrs.frozen
class Round:
    """One run of the product, and one of the bare loop with the same rows."""

    events: int
    commits: list[int]
    """Events of each commit, in order."""
    payload_bytes: int
    product_s: float
    bare_s: float
    memory_s: float
    is_right: bool


def run(orders: int, rounds: int) -> Report:
    """Measure all, alternating."""
    load_before, found = os.getloadavg()[0], _rounds(orders, rounds)
    normal, full = (_rates(done) for done in found.values())
    every = [one for done in found.values() for one in done]
    return {
        "orders": orders,
        "events": every[0].events,
        "rounds": rounds,
        "payload_bytes": round(every[0].payload_bytes / every[0].events),
        "load_average": [round(load, 2) for load in (load_before, os.getloadavg()[0])],
        "normal": normal,
        "full": full,
        "ok": all(one.is_right for one in every) and normal["ratio"] >= WANTED,
    }


def _rounds(orders: int, rounds: int) -> dict[Durability, list[Round]]:
    found: dict[Durability, list[Round]] = {"normal": [], "full": []}
    for _ in range(rounds):
        for durability, done in found.items():
            done.append(_round(orders, durability))
    return found


def _rates(rounds: list[Round]) -> Rates:
    ratios = [one.bare_s / one.product_s for one in rounds]
    return {
        "product_per_s": round(statistics.median(one.events / one.product_s for one in rounds)),
        "bare_per_s": round(statistics.median(one.events / one.bare_s for one in rounds)),
        "ratio": round(float(statistics.median(ratios)), 3),
        "ratios": [round(float(ratio), 3) for ratio in ratios],
        "memory_per_s": round(statistics.median(one.events / one.memory_s for one in rounds)),
        "memory_ratio": round(statistics.median(one.bare_s / one.memory_s for one in rounds), 3),
        "events_a_commit": round(
            sum(one.events for one in rounds) / sum(len(one.commits) for one in rounds), 1
        ),
    }


def _round(orders: int, durability: Durability) -> Round:
    with TemporaryDirectory() as name:
        folder = Path(name) / "store"
        clock = WallClock()
        with store_of_run(folder, clock, durability, seed=0) as opened:
            experiment, trace = _run(orders, clock, opened)
            is_diverged = bool(experiment.diverged())
        reader = EventReader(folder)
        rows = [attrs.astuple(event) for event in reader.between(1, reader.last_position())]
        reader.close()
        commits = _commits(trace.events.committed.astype(int).tolist())
        bare_s = _bare(Path(name) / "bare.db", rows, commits, durability)
        accepted = 4 * orders - orders // 5
        return Round(
            events=len(rows),
            commits=commits,
            payload_bytes=sum(len(row[COLUMNS.index("payload")]) for row in rows),
            product_s=_seconds(trace),
            bare_s=bare_s,
            memory_s=_seconds(_run(orders, WallClock(), None)[1]),
            is_right=len(rows) == accepted
            and [row[0] for row in rows] == list(range(1, accepted + 1))
            and not is_diverged,
        )


def _run(orders: int, clock: WallClock, store: StoreOfRun | None) -> tuple[Experiment, Trace]:
    """All of the product; without a store its log is in memory."""
    plan = _plan(orders)
    scenario = attrs.evolve(
        SCENARIO,
        run=attrs.evolve(SCENARIO.run, duration=APART_NS * len(plan.commands)),
        load=Load(process="constant", rate=1e9 / APART_NS),
        read_models=READ_MODELS,
    )
    experiment = Experiment(scenario, 0, clock, plan, store=store)
    wall.run_experiment(experiment)
    return experiment, experiment.trace()


def _plan(orders: int) -> Plan:
    """Workload W's commands: of as many orders in turn as it has clients."""
    scripts = [script_of(number) for number in range(orders)]
    commands = [
        command
        for first in range(0, orders, CLIENTS)
        for step in zip(*scripts[first : first + CLIENTS], strict=True)
        for command in step
    ]
    none = np.zeros(0, np.int64)
    return Plan(
        setup=(),
        commands=commands,
        commands_intended_ns=np.arange(len(commands)) * APART_NS,
        commands_session=np.zeros(len(commands), np.int32),
        queries=(),
        queries_intended_ns=none,
        queries_session=none.astype(np.int32),
    )


def _seconds(trace: Trace) -> float:
    """From the first submission to the last commit."""
    began, ended = trace.commands.submitted.min(), trace.events.committed.max()
    return float((ended - began).astype(int) / 1e9)


def _commits(committed_ns: list[int]) -> list[int]:
    """Events of each commit: those that were committed at one instant."""
    sizes: list[int] = []
    last = None
    for instant in committed_ns:
        if instant == last:
            sizes[-1] += 1
        else:
            sizes.append(1)
        last = instant
    return sizes


def _bare(
    path: Path, rows: list[tuple[object, ...]], commits: list[int], durability: Durability
) -> float:
    """Seconds that the bare loop takes."""
    create(path, EVENTS_DB)
    statement = f"INSERT INTO events VALUES ({', '.join('?' * len(COLUMNS))})"
    groups, begun = [], 0
    for size in commits:
        groups.append(rows[begun : begun + size])
        begun += size
    with closing(connect(path, EVENTS_DB, durability)) as connection:
        clock = WallClock()
        for group in groups:
            _commit(connection, statement, group)
        return clock.instant_ns / 1e9


def _commit(
    connection: sqlite3.Connection, statement: str, group: list[tuple[object, ...]]
) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(statement, group)
    connection.execute("COMMIT")


def main() -> None:
    """Parse, run, print one line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.durable_append", description=__doc__
    )
    parser.add_argument("--orders", type=positive, default=10_000)
    parser.add_argument("--rounds", type=positive, default=5)
    parser.add_argument("--json", action="store_true", help="one JSON line")
    args = parser.parse_args()
    report = run(args.orders, args.rounds)
    print(json.dumps(report) if args.json else "\n".join(f"{k:14} {v}" for k, v in report.items()))
    raise SystemExit(0 if report["ok"] else 1)


if __name__ == "__main__":
    main()
