"""Synthetic traces: the order system as Lindley recursions in int64, with no engine involved."""

from collections.abc import Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.measurement.trace import CommandTable, DeliveryTable, EventTable, QueryTable, Trace
from cqrs_sim.measurement.versions import versions_missing
from cqrs_sim.probe import Outcome

NaT = np.timedelta64("NaT", "ns")


def stamps(*nanoseconds: int | None) -> NDArray[np.timedelta64]:
    """A column of stamps; None is NaT."""
    return np.array([NaT if n is None else np.timedelta64(n, "ns") for n in nanoseconds], "m8[ns]")


def departures(arrival: NDArray[np.int64], service: NDArray[np.int64]) -> NDArray[np.int64]:
    """When each leaves one server, first come first served: D(n) = max(A(n), D(n-1)) + S(n)."""
    total = np.cumsum(service)
    return total + np.maximum.accumulate(arrival - (total - service))


def exponential(rng: np.random.Generator, mean_ns: int, size: int) -> NDArray[np.int64]:
    return np.rint(rng.exponential(mean_ns, size)).astype(np.int64)


@attrs.frozen(kw_only=True)
class Plan:
    """What a synthetic run looks like."""

    seconds: float = 10.0
    rate_per_s: float = 1000.0
    profile: tuple[tuple[float, float], ...] = ()
    """(seconds, rate) one after the other, in place of `rate_per_s`."""
    write_ns: int = 500_000
    orders: int = 200
    read_ns: tuple[tuple[str, int], ...] = (("orders", 500_000), ("search", 800_000))
    drain_s: float = 5.0
    query_share: float = 0.2
    rejected_share: float = 0.02


def make_trace(plan: Plan | None = None, *, seed: int = 1) -> Trace:
    """A run of the plan: one server writes, one server each read model, nothing is lost."""
    plan = plan or Plan()
    rng = np.random.default_rng(seed)
    intended = _arrivals(plan, rng)
    count = len(intended)
    load_ended = int(plan.seconds * 1e9)
    ended = load_ended + int(plan.drain_s * 1e9)
    done = departures(intended, exponential(rng, plan.write_ns, count))
    dequeued = np.maximum(intended, np.concatenate([[0], done[:-1]])) if count else intended
    accepted = (rng.random(count) >= plan.rejected_share) & (done <= ended)
    order = rng.integers(0, plan.orders, count).astype(np.int32)
    commands = _commands(intended, dequeued, done, accepted, order, ended)
    events = _events(commands, np.flatnonzero(accepted))
    deliveries = _deliveries(plan, rng, events, ended)
    position = np.zeros(count, np.int64)
    position[events.command] = events.position
    version = np.zeros(count, np.int32)
    version[events.command] = events.version
    return Trace(
        commands=attrs.evolve(commands, position=position, version=version),
        events=events,
        deliveries=deliveries,
        queries=_queries(plan, rng, events, deliveries),
        order_ids=tuple(f"order-{number}" for number in range(plan.orders)),
        read_models=tuple(name for name, _ in plan.read_ns),
        command_kinds=("AmendOrder",),
        query_kinds=("GetOrderById", "GetOrderStatistics"),
        load_ended_ns=load_ended,
        ended_ns=ended,
        first_position=1,
    )


def _arrivals(plan: Plan, rng: np.random.Generator) -> NDArray[np.int64]:
    pieces, start = [], 0.0
    for seconds, rate in plan.profile or ((plan.seconds, plan.rate_per_s),):
        count = rng.poisson(seconds * rate)
        pieces.append(np.sort(start + rng.random(count) * seconds))
        start += seconds
    return np.rint(np.concatenate(pieces) * 1e9).astype(np.int64)


def _until(instants: NDArray[np.int64], ended: int) -> NDArray[np.timedelta64]:
    """As stamps; what comes after the end never happened."""
    return np.where(instants <= ended, instants.astype("m8[ns]"), NaT)


def _commands(
    intended: NDArray[np.int64],
    dequeued: NDArray[np.int64],
    done: NDArray[np.int64],
    accepted: NDArray[np.bool_],
    order: NDArray[np.int32],
    ended: int,
) -> CommandTable:
    count = len(intended)
    outcome = np.where(accepted, Outcome.ACCEPTED, Outcome.REJECTED)
    return CommandTable(
        intended=intended.astype("m8[ns]"),
        submitted=intended.astype("m8[ns]"),
        dequeued=_until(dequeued, ended),
        committed=np.where(accepted, _until(done, ended), NaT),
        acknowledged=_until(done, ended),
        order=order,
        kind=np.zeros(count, np.int8),
        session=np.zeros(count, np.int32),
        outcome=np.where(done <= ended, outcome, Outcome.UNFINISHED).astype(np.int8),
        version=np.zeros(count, np.int32),
        position=np.zeros(count, np.int64),
    )


def _events(commands: CommandTable, rows: NDArray[np.intp]) -> EventTable:
    order = commands.order[rows]
    by_order = np.argsort(order, kind="stable")
    is_first = np.diff(order[by_order], prepend=-1) != 0
    start = np.maximum.accumulate(np.where(is_first, np.arange(len(rows)), 0))
    version = np.empty(len(rows), np.int32)
    version[by_order] = np.arange(len(rows)) - start + 1
    return EventTable(
        position=np.arange(1, len(rows) + 1, dtype=np.int64),
        command=rows.astype(np.int32),
        order=order,
        version=version,
        committed=commands.committed[rows],
    )


def _deliveries(
    plan: Plan, rng: np.random.Generator, events: EventTable, ended: int
) -> DeliveryTable:
    tables = []
    committed = events.committed.astype(np.int64)
    count = len(committed)
    for index, (_, mean_ns) in enumerate(plan.read_ns):
        service = exponential(rng, mean_ns, count)
        delivered = committed + 20_000
        applied = departures(delivered, service)
        taken = applied - service
        tables.append(
            DeliveryTable(
                read_model=np.full(count, index, np.int8),
                position=events.position,
                delivered=_until(delivered, ended),
                taken=_until(taken, ended),
                applied=_until(applied, ended),
                checkpointed=_until(applied, ended),
            )
        )
    return concatenated(tables)


def concatenated(tables: Sequence[DeliveryTable]) -> DeliveryTable:
    return DeliveryTable(
        **{
            field.name: np.concatenate([getattr(table, field.name) for table in tables])
            for field in attrs.fields(DeliveryTable)
        }
    )


def _queries(
    plan: Plan, rng: np.random.Generator, events: EventTable, deliveries: DeliveryTable
) -> QueryTable:
    count = int(len(events) * plan.query_share)
    at = np.sort(rng.integers(0, int(plan.seconds * 1e9), count)).astype("m8[ns]")
    kind = (rng.random(count) < 0.2).astype(np.int8)
    order = np.where(kind == 0, rng.integers(0, plan.orders, count), -1).astype(np.int32)
    applied = deliveries.applied[deliveries.read_model == 0]
    position = np.searchsorted(applied[~np.isnat(applied)], at, side="right").astype(np.int64)
    return QueryTable(
        intended=at,
        submitted=at,
        answered=at,
        kind=kind,
        session=np.zeros(count, np.int32),
        read_model=np.zeros(count, np.int8),
        order=order,
        position=position,
        versions_missing=versions_missing(order, at, position, events),
    )
