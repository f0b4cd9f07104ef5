"""Saturated or invalid: the two cases in which a run's percentiles mean something else.

*Saturated* is a result: work arrives at a stage faster than it is done, so times grow for as long
as the run does, and a percentile would measure the run's length. *Invalid* is a failure: the load
generator could not keep its plan, so the system was not asked what the scenario says.
"""

import math
from collections.abc import Iterator, Mapping, Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.analysis.databases import (
    databases_of,
    is_database,
    mean_wait_s,
    offered_loads,
    works_in,
)
from cqrs_sim.analysis.intervals import t_quantile
from cqrs_sim.analysis.lag import (
    commands_after,
    deliveries_by_event,
    events_after,
    mean_s,
    queries_after,
    seconds,
)
from cqrs_sim.analysis.quantiles import quantiles
from cqrs_sim.analysis.rates import backlog, inside, mailbox_backlog
from cqrs_sim.analysis.renames import rename_load
from cqrs_sim.measurement.trace import CommandTable, QueryTable, Trace
from cqrs_sim.probe import NO_READ_MODEL, Strategy, WorkKind

WRITE_SIDE = "write side"
"""The stage of the order actors; read models are stages by their own names."""


def unit_of(stage: str) -> str:
    """What is counted in a stage's rates."""
    if is_database(stage):
        return "operations"
    return "commands" if stage == WRITE_SIDE else "events"


BLOCKS = 20
SLOPE_LIMIT = 0.01
"""Share of the offered rate by which a backlog must be seen to grow."""
SLIP_LIMIT_S = 0.002
ACHIEVED_LIMIT = 0.99
CENSORED_LIMIT = 0.05
"""Share of events never applied above which a run says too little of a read model that keeps up."""


@attrs.frozen(kw_only=True)
class StageLoad:
    """How loaded one stage was."""

    stage: str
    """`write side`, the name of a read model, or `database ` and the name of one."""
    offered_per_s: float
    """Events for a read model, commands for the write side, operations (commands and queries) for a
    database, that the load period offered."""
    offered_load: float | None
    """Work offered per second of time, in servers; None if no service was seen."""
    slope_per_s: float | None
    """Mean growth of the stage's backlog over the last half of the load period."""
    slope_low_per_s: float | None
    """Lower 95 % bound of that growth."""
    reasons: tuple[str, ...]
    """Why the stage is saturated; empty if it is not."""
    is_renaming: bool = False
    """Whether a part of its load are rows of renamed customers, which no rate of events decides."""

    @property
    def is_saturated(self) -> bool:
        """Whether there is any reason."""
        return bool(self.reasons)

    @property
    def is_offered_too_much(self) -> bool:
        """Whether more work comes to it than it can do."""
        return self.offered_load is not None and self.offered_load >= 1.0

    @property
    def full_at_per_s(self) -> float | None:
        """The rate at which it has no time to spare: 1 / busy time per event.

        For the write side that of all commands at which the busiest order has none, with the
        queries that it answers in the same proportion. None where no rate of commands alone is to
        blame: of a stage that only answers queries, or rewrites rows of renamed customers.
        """
        if not self.offered_load or not self.offered_per_s or self.is_renaming:
            return None
        return self.offered_per_s / self.offered_load

    @property
    def saturates_at_per_s(self) -> float | None:
        """`full_at_per_s` of a saturated stage that is offered too much work; else None.

        One that falls behind for another reason stands still at times: what it got done then is
        not what it can do.
        """
        return self.full_at_per_s if self.is_saturated and self.is_offered_too_much else None


def stage_loads(
    trace: Trace,
    *,
    after_ns: int = 0,
    is_closed: bool = False,
    batches: Mapping[str, tuple[int, int]] | None = None,
) -> tuple[StageLoad, ...]:
    """The load of every stage: the write side, the read models, the databases, in trace order.

    A stage that works in a database is loaded by its own work, not by its waits for a connection;
    where the database is offered too much, it and all that work in it are saturated.

    Args:
        trace: the run.
        after_ns: what came before is left out.
        is_closed: whether clients made the load that wait for each answer. Then none is offered
            more than it can do for long, and a load of 1 only says that nobody thinks between two
            operations: a stage is judged by its backlog alone.
        batches: by read model, most events that its projector takes at once, and the interval in
            nanoseconds at which it polls (0: it does not); without it, the most that it took.
    """
    window_s = max(trace.load_ended_ns - after_ns, 0) / 1e9
    if window_s == 0.0:
        return ()
    end = np.timedelta64(trace.load_ended_ns, "ns")
    commands = commands_after(trace, after_ns) & (trace.commands.intended < end)
    events = events_after(trace, after_ns) & (trace.events.committed < end)
    asked = queries_after(trace, after_ns) & (trace.queries.intended < end)
    asked &= (trace.queries.strategy == Strategy.WRITE_SIDE) & (trace.queries.order >= 0)
    commands_per_s, events_per_s, asked_per_s = (
        int(np.count_nonzero(rows)) / window_s for rows in (commands, events, asked)
    )
    load = _busiest_order_load(trace, commands, asked, window_s)
    offers = {WRITE_SIDE: _Offer(load, commands_per_s, commands_per_s + asked_per_s)}
    for name in trace.read_models:
        batch, poll_ns = (batches or {}).get(name, (None, 0))
        busy_s = busy_s_per_event(trace, name, batch, poll_ns)
        load = _scaled(events_per_s, busy_s)
        rows = rename_load(trace, name, after_ns)
        load = None if load is None else load + rows
        offers[name] = _Offer(load, events_per_s, events_per_s, is_renaming=rows > 0.0)
    found = [_stage(trace, stage, offer, is_closed=is_closed) for stage, offer in offers.items()]
    if trace.database_names:
        reads = queries_after(trace, after_ns) & (trace.queries.intended < end)
        operations_per_s = commands_per_s + int(np.count_nonzero(reads)) / window_s
        met_an_actor = commands_per_s * _share_taken(trace, commands)
        shared = offered_loads(
            trace, after_ns=after_ns, commands_per_s=met_an_actor, events_per_s=events_per_s
        )
        found = _with_databases(
            trace,
            found,
            [
                _stage(trace, n, _Offer(o, operations_per_s, operations_per_s), is_closed=is_closed)
                for n, o in shared.items()
            ],
        )
    return tuple(found)


def _share_taken(trace: Trace, rows: NDArray[np.bool_]) -> float:
    """Share of commands that an order actor takes: all but the malformed and the refused."""
    commands = trace.commands
    turned_away = np.isnat(commands.dequeued) & ~np.isnat(commands.acknowledged)
    return 1.0 - float(turned_away[rows].mean()) if rows.any() else 1.0


def _with_databases(
    trace: Trace, stages: Sequence[StageLoad], databases: Sequence[StageLoad]
) -> list[StageLoad]:
    """All of them; what works in a saturated database is behind with all of its work."""
    overloaded = {load.stage: load for load in databases if load.is_saturated}
    found = []
    for number, load in enumerate(stages, start=NO_READ_MODEL):
        why = tuple(
            f"its {name} is saturated: {overloaded[name].reasons[0]}"
            for name in databases_of(trace, number)
            if name in overloaded
        )
        found.append(attrs.evolve(load, reasons=(*load.reasons, *why)))
    return [*found, *databases]


@attrs.frozen
class _Offer:
    """What the load period offered one stage."""

    load: float | None
    """Work per second of time."""
    per_s: float
    """Commands, or events."""
    messages_per_s: float
    """All that enters its backlog: of the write side also the queries that it answers."""
    is_renaming: bool = False


def _stage(trace: Trace, stage: str, offer: _Offer, *, is_closed: bool) -> StageLoad:
    slope, low = backlog_slope_per_s(trace, stage)
    reasons = []
    if offer.load is not None and offer.load >= 1.0 and not is_closed:
        reasons.append(f"it is offered {offer.load:.2f} times the work it can do")
    if low is not None and low > SLOPE_LIMIT * offer.messages_per_s:
        reasons.append(f"its backlog grows by {slope:,.0f} a second (at least {low:,.0f})")
    return StageLoad(
        stage=stage,
        offered_per_s=offer.per_s,
        offered_load=offer.load,
        slope_per_s=slope,
        slope_low_per_s=low,
        reasons=tuple(reasons),
        is_renaming=offer.is_renaming,
    )


def _scaled(rate_per_s: float, busy_s: float | None) -> float | None:
    return None if busy_s is None else rate_per_s * busy_s


def _busiest_order_load(
    trace: Trace, rows: NDArray[np.bool_], asked: NDArray[np.bool_], window_s: float
) -> float | None:
    """Each order is its own server, so the busiest one decides; None if each command is.

    Its work: commands x mean service of commands, and the queries it answers x their mean service.
    """
    if len(trace.attempts):
        return None
    commands, queries = trace.commands, trace.queries
    orders = len(trace.order_ids)
    # Without what they waited for a connection, which is the work of others.
    service_s = [
        _less(mean_s((commands.committed - commands.dequeued)[rows]), trace, WorkKind.WRITE),
        _less(mean_s((queries.answered - queries.dequeued)[asked]), trace, WorkKind.ANSWER),
    ]
    counts = (
        np.bincount(commands.order[rows], minlength=orders),
        np.bincount(queries.order[asked], minlength=orders),
    )
    work_s = [
        each_s * count
        for each_s, count in zip(service_s, counts, strict=True)
        if each_s is not None
    ]
    return float(np.sum(work_s, axis=0).max()) / window_s if work_s else None


def _less(mean_s: float | None, trace: Trace, kind: WorkKind) -> float | None:
    return None if mean_s is None else max(mean_s - mean_wait_s(trace, kind), 0.0)


def busy_s_per_event(
    trace: Trace, read_model: str, batch: int | None = None, poll_ns: int = 0
) -> float | None:
    """Time that a projector needs for an event when it is busiest; None if it took none.

    A batch pays for its checkpoint once, so an event is cheaper in a larger batch, and a projector
    that takes whatever is there is always busy, yet far from its limit. Both are in the stamps:
    with a mean of s from taken to applied for each event, and of c from the last one applied to
    checkpointed for each batch, an event in batches of b costs s + c / b.

    Args:
        trace: the run.
        read_model: whose projector.
        batch: most events taken at once; None: the most that were.
        poll_ns: batches are taken at multiples of this only, so a full one lasts until the next; 0:
            at any time.
    """
    deliveries = trace.deliveries_of(read_model)
    known = ~np.isnat(deliveries.taken) & ~np.isnat(deliveries.checkpointed)
    known &= ~np.isnat(deliveries.applied)  # At most once, it is checkpointed before it is shown.
    taken = deliveries.taken[known].astype(np.int64)
    if not len(taken):
        return None
    applied = deliveries.applied[known].astype(np.int64)
    checkpointed = deliveries.checkpointed[known].astype(np.int64)
    # The events of a batch are taken at one instant and checkpointed at one instant. Taken alone
    # would join an event whose drawn service time is 0 ns to the next one.
    is_first = np.diff(taken, prepend=taken[0] - 1) != 0
    is_first[1:] |= np.diff(checkpointed) != 0
    first = np.flatnonzero(is_first)
    size = np.diff(first, append=len(taken))
    last_applied = np.maximum.reduceat(applied, first)
    service_ns = float((last_applied - taken[first]).sum()) / len(taken)
    checkpoint_ns = float((np.maximum.reduceat(checkpointed, first) - last_applied).mean())
    waited_ns = 1e9 * mean_wait_s(trace, WorkKind.APPLY, trace.read_models.index(read_model))
    service_ns = max(service_ns - waited_ns, 0.0)
    checkpoint_ns = max(checkpoint_ns - waited_ns, 0.0)
    together = batch or int(size.max())
    batch_ns = service_ns * together + checkpoint_ns
    if poll_ns:
        batch_ns = max(math.ceil(batch_ns / poll_ns), 1) * poll_ns
    return batch_ns / together / 1e9


def backlog_slope_per_s(trace: Trace, stage: str) -> tuple[float | None, float | None]:
    """Growth of a stage's backlog over the last half of the load period, and its lower bound.

    The half is cut into blocks; the growth within each is one observation. Where the backlog is
    steady, neighbouring observations are negatively correlated, so the bound errs towards "steady".
    """
    end_ns = trace.load_ended_ns
    at_ns = np.linspace(end_ns // 2, end_ns, BLOCKS + 1).astype(np.int64)
    block_s = (end_ns - end_ns // 2) / BLOCKS / 1e9
    if block_s == 0.0:
        return None, None
    if is_database(stage):
        waiting = inside(works_in(trace, stage), at_ns)
    elif stage == WRITE_SIDE:
        waiting = mailbox_backlog(trace, at_ns)
    else:
        waiting = backlog(trace, stage, at_ns)
    growth = np.diff(waiting) / block_s
    mean = int(waiting[-1] - waiting[0]) / (BLOCKS * block_s)
    return mean, mean - t_quantile(BLOCKS - 1) * float(growth.std(ddof=1)) / math.sqrt(BLOCKS)


def censoring_reasons(
    trace: Trace, loads: Sequence[StageLoad], *, after_ns: int = 0
) -> tuple[str, ...]:
    """Why too much was cut off by the end of the run to measure the lag; empty if it was not.

    A saturated read model is excused: that it never catches up is the result.
    """
    saturated = {load.stage for load in loads if load.is_saturated}
    growing = {load.stage for load in loads if load.is_renaming}
    rows = events_after(trace, after_ns)
    reasons = []
    for name in trace.read_models:
        unseen = np.isnat(deliveries_by_event(trace, name).applied[rows])
        count, size = int(np.count_nonzero(unseen)), len(unseen)
        if name not in saturated and count > CENSORED_LIMIT * size:
            # Ever more rows to rewrite: a longer run has a longer backlog.
            advice = "" if name in growing else "; let it run longer"
            reasons.append(
                f"too much is censored: {name} did not come to show {count / size:.1%} of the "
                f"events before the run ended, more than {CENSORED_LIMIT:.0%}{advice}"
            )
    return tuple(reasons)


def invalid_reasons(trace: Trace, *, after_ns: int = 0) -> tuple[str, ...]:
    """Why the measurement is invalid, by the generator's fault; empty if it is valid.

    Commands and queries are judged apart: a generator that serves one of them may starve the other.
    """
    commands, queries = trace.commands, trace.queries
    ended = np.timedelta64(trace.load_ended_ns, "ns")
    rows, asked = commands_after(trace, after_ns), queries_after(trace, after_ns)
    return (
        *_lateness("commands", ended, *_lives(commands, commands.acknowledged, rows)),
        *_lateness("queries", ended, *_lives(queries, queries.answered, asked)),
    )


def _lives(
    table: CommandTable | QueryTable, answered: NDArray[np.timedelta64], rows: NDArray[np.bool_]
) -> tuple[NDArray[np.timedelta64], NDArray[np.timedelta64], NDArray[np.timedelta64]]:
    """When these rows were intended, submitted and answered."""
    return table.intended[rows], table.submitted[rows], answered[rows]


def _lateness(
    what: str,
    load_ended: np.timedelta64,
    intended: NDArray[np.timedelta64],
    submitted: NDArray[np.timedelta64],
    answered: NDArray[np.timedelta64],
) -> Iterator[str]:
    """How the generator failed to send its commands, or its queries, as planned."""
    if not len(intended):
        return
    # What is intended in the last instant may be sent as late as any other.
    in_time = submitted <= load_ended + np.timedelta64(round(SLIP_LIMIT_S * 1e9), "ns")
    achieved = float(in_time.mean())
    if achieved < ACHIEVED_LIMIT:
        yield (
            f"the load generator sent {achieved:.1%} of its {what} in time, "
            f"less than {ACHIEVED_LIMIT:.0%}"
        )
    (slip,) = quantiles(seconds(submitted - intended), (0.99,))
    (response,) = quantiles(seconds(answered - intended), (0.99,))
    # A response that is withheld is longer than the run: no slip matters beside it.
    limit = math.inf if response is None else max(SLIP_LIMIT_S, 0.1 * response)
    if slip is not None and slip > limit:
        late = "late" if what == "commands" else f"late with its {what}"
        yield (
            f"the load generator was {late}: schedule slip p99 is {slip * 1e3:.3g} ms, "
            f"more than {limit * 1e3:.3g} ms"
        )
