"""Databases that stages share: how busy their connections were, and how long stages waited.

A stage that works in a database is a customer of it, one of several. So what a stage needs of a
server's time is in the works alone (ended - begun), not in its own stamps, which hold its waits
for the others too; and the load of a database is the sum of what all its stages bring to it.

Utilisation law: U = sum over stages of X D / c. Where X is the rate of a stage's operations (1/s),
D the time that each occupies a connection (s), and c the number of connections. Source: Denning
and Buzen (1978), see `operational_laws`.
"""

from collections.abc import Collection, Mapping

import attrs
import numpy as np

from cqrs_sim.analysis.lag import mean_s
from cqrs_sim.analysis.quantiles import SampleSummary, summarise_sample
from cqrs_sim.analysis.rates import Stay
from cqrs_sim.measurement.database_tables import WorkTable
from cqrs_sim.measurement.trace import Trace, select
from cqrs_sim.probe import NO_READ_MODEL, WorkKind

PREFIX = "database "
"""Before the name of a database, where it stands among stages."""


@attrs.frozen(kw_only=True)
class DatabaseSummary:
    """What one database did from the end of the warm-up until the load ended."""

    connections: int
    works: int
    """Pieces of work that stages had for it."""
    utilisation: float | None
    """Share of the connections' time that they were occupied; None if there was no time."""
    wait_s: SampleSummary
    """Begun - submitted, of each piece: waiting for a connection. Unfinished ones are longest."""


def stage_name(database: str) -> str:
    """How a database is called among the stages."""
    return f"{PREFIX}{database}"


def is_database(stage: str) -> bool:
    """Whether a stage is a database."""
    return stage.startswith(PREFIX)


def databases_of(trace: Trace, read_model: int) -> tuple[str, ...]:
    """The databases, as stages, in which a stage was seen to work; -1: the write side."""
    used = np.unique(trace.works.database[trace.works.read_model == read_model])
    return tuple(stage_name(trace.database_names[index]) for index in used.tolist())


def queues_for(trace: Trace, read_model: int, saturated: Collection[str]) -> bool:
    """Whether a stage waits for a database that is saturated, so that its work takes ever longer.

    Args:
        trace: the run.
        read_model: the stage; -1: the write side.
        saturated: names of the stages that are.
    """
    return not set(saturated).isdisjoint(databases_of(trace, read_model))


def mean_wait_s(trace: Trace, kind: WorkKind, read_model: int = NO_READ_MODEL) -> float:
    """Begun - submitted, on average over what a stage did of a kind; 0 if it did nothing."""
    works = trace.works
    rows = (works.kind == kind) & (works.read_model == read_model) & ~np.isnat(works.begun)
    return mean_s((works.begun - works.submitted)[rows]) or 0.0


def works_in(trace: Trace, stage: str) -> Stay:
    """What waited for a database, or was done in it, in the order submitted."""
    works = trace.works
    rows = works.database == trace.database_names.index(stage.removeprefix(PREFIX))
    return Stay(entered=works.submitted[rows], left=works.ended[rows])


def offered_loads(
    trace: Trace, *, after_ns: int, commands_per_s: float, events_per_s: float
) -> dict[str, float | None]:
    """Work offered to each database per second and connection, by its name as a stage.

    By the rates at which work came to the system, not at which stages brought it to the database:
    what waits before a stage because the database is slow is offered to it all the same.

    Args:
        trace: the run.
        after_ns: what came before is left out.
        commands_per_s: put to a mailbox.
        events_per_s: committed.

    Returns:
        None for a database in which nothing was done.
    """
    found: dict[str, float | None] = {}
    works = select(trace.works, trace.works.submitted >= np.timedelta64(after_ns, "ns"))
    window_s = (trace.load_ended_ns - after_ns) / 1e9
    for index, name in enumerate(trace.database_names):
        here = select(works, works.database == index)
        demands = [
            demand
            for read_model in np.unique(here.read_model).tolist()
            for kind in WorkKind
            if (
                demand := _demand(
                    trace,
                    select(here, (here.read_model == read_model) & (here.kind == kind)),
                    {WorkKind.WRITE: commands_per_s, WorkKind.APPLY: events_per_s},
                    window_s,
                )
            )
            is not None
        ]
        connections = int(trace.databases.connections[index])
        found[stage_name(name)] = sum(demands) / connections if demands else None
    return found


def _demand(
    trace: Trace, works: WorkTable, rates_per_s: Mapping[WorkKind, float], window_s: float
) -> float | None:
    """Connections that one kind of work of one stage would keep busy; None if none was done."""
    ended = ~np.isnat(works.ended)
    work_s = mean_s((works.ended - works.begun)[ended])
    if work_s is None:
        return None
    kind = WorkKind(int(works.kind[0]))
    if kind is WorkKind.ANSWER:
        # A query brings its work as soon as it comes.
        in_time = works.submitted < np.timedelta64(trace.load_ended_ns, "ns")
        return int(np.count_nonzero(in_time)) / window_s * work_s
    each = _attempts_per_command(trace)
    if kind is WorkKind.APPLY:
        # An event is a piece of work, and a share of the checkpoint of its batch.
        deliveries = trace.deliveries
        is_applied = (deliveries.read_model == works.read_model[0]) & (
            deliveries.applied >= works.submitted[0]
        )
        each = int(np.count_nonzero(ended)) / max(int(np.count_nonzero(is_applied)), 1)
    return rates_per_s[kind] * each * work_s


def _attempts_per_command(trace: Trace) -> float:
    """How often a handler works on a command; 1 where an order actor does."""
    attempts = trace.attempts
    return len(attempts) / len(np.unique(attempts.command)) if len(attempts) else 1.0


def summarise_databases(trace: Trace, *, after_ns: int = 0) -> dict[str, DatabaseSummary]:
    """What each database did, by its name in the scenario."""
    found = {}
    works, window_ns = trace.works, trace.load_ended_ns - after_ns
    came = works.submitted >= np.timedelta64(after_ns, "ns")
    for index, name in enumerate(trace.database_names):
        connections = int(trace.databases.connections[index])
        is_here = works.database == index
        busy_ns = _busy_ns(select(works, is_here), after_ns, trace.load_ended_ns)
        rows = is_here & came & (works.submitted < np.timedelta64(trace.load_ended_ns, "ns"))
        wait_s = (works.begun - works.submitted)[rows] / np.timedelta64(1_000_000_000, "ns")
        found[name] = DatabaseSummary(
            connections=connections,
            works=int(np.count_nonzero(rows)),
            utilisation=busy_ns / (window_ns * connections) if window_ns > 0 else None,
            wait_s=summarise_sample(wait_s),
        )
    return found


def _busy_ns(works: WorkTable, start_ns: int, end_ns: int) -> int:
    """Connection time occupied within [start, end)."""
    has_begun = ~np.isnat(works.begun)
    begun = works.begun[has_begun].astype(np.int64)
    ended = works.ended[has_begun]
    until = np.where(np.isnat(ended), np.int64(end_ns), ended.astype(np.int64))
    return int(np.maximum(np.minimum(until, end_ns) - np.maximum(begun, start_ns), 0).sum())
