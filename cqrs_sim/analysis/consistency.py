"""Whether a run was correct, decided on its trace alone.

The load makes the run; this knows what a right one looks like. Each checker states one invariant
and returns what it found as data: the rows that prove a fault, and the same told in a sentence.
Soundness: a fault reported is one, wherever stamps of one clock are. Completeness: what leaves no
stamp (a wrong sum in a read model) is not seen here.
"""

from collections.abc import Collection, Mapping

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.analysis.json_values import Json
from cqrs_sim.analysis.lag import deliveries_by_event
from cqrs_sim.measurement.database_tables import WorkTable
from cqrs_sim.measurement.trace import CommandTable, DeliveryTable, QueryTable, Trace, select
from cqrs_sim.probe import NO_READ_MODEL, Outcome

WITNESSES = 5
"""Most rows named as proof."""
NEVER = np.iinfo(np.int64).max
COMMAND_STAMPS = ("intended", "submitted", "dequeued", "committed", "acknowledged")
QUERY_STAMPS = ("intended", "submitted", "dequeued", "answered")
DELIVERY_STAMPS = ("delivered", "taken", "applied", "checkpointed")
CHECKPOINT_FIRST = ("delivered", "taken", "checkpointed", "applied")
"""The same where events are delivered at most once."""


@attrs.frozen(kw_only=True)
class CheckResult:
    """What one checker found."""

    name: str
    ok: bool
    detail: str
    """One sentence: what holds, or what the first witness shows."""
    witness: tuple[int, ...] = ()
    """Rows (of the table that `detail` names) or positions that prove the fault, at most five."""

    def to_json(self) -> dict[str, Json]:
        """As in the file, where it stands under its name."""
        return {"ok": self.ok, "detail": self.detail, "witness": list(self.witness)}


def check_trace(
    trace: Trace, *, deadline_ns: int | None = None, unordered: Collection[str] = ()
) -> tuple[CheckResult, ...]:
    """All checks.

    Args:
        trace: the run.
        deadline_ns: when the run had to end, finished or not; None if it may have been cut at any
            time. A run that ended before its deadline claims that nothing was left to do.
        unordered: read models to which a task for each event is to bring it, in no order.
    """
    return (
        check_conservation(trace),
        check_positions(trace),
        check_versions(trace),
        check_order_kept(trace),
        check_nothing_doubled(trace),
        check_nothing_lost(trace, deadline_ns=deadline_ns, unordered=unordered),
        check_applied_in_order(trace, unordered=unordered),
        check_stamps(trace),
        check_stage_sums(trace),
        *((check_connections(trace),) if trace.database_names else ()),
    )


def check_conservation(trace: Trace) -> CheckResult:
    """Every command has one outcome, and events if and only if it was accepted."""
    commands, caused = trace.commands, trace.events.command
    name = "conservation"
    strangers = np.flatnonzero((caused < 0) | (caused >= len(commands)))
    if len(strangers):
        return fault(name, "event {} has no command", trace.events.position[strangers])
    events = np.bincount(caused, minlength=len(commands))
    accepted = commands.outcome == Outcome.ACCEPTED
    # A caller that went away, or the end of the run, leaves it open whether there are events.
    is_open = np.isin(commands.outcome, (Outcome.UNKNOWN, Outcome.UNFINISHED))
    without = np.flatnonzero(accepted & ((events == 0) | np.isnat(commands.committed)))
    if len(without):
        return fault(name, "command {} was accepted and has no event", without)
    against = np.flatnonzero(~accepted & ~is_open & (events > 0))
    if len(against):
        return fault(name, "command {} was not accepted and has events", against)
    counts = np.bincount(commands.outcome, minlength=len(Outcome))
    return fine(
        name,
        f"{len(commands):,} commands offered = "
        + " + ".join(f"{counts[o]:,} {o.name.lower()}" for o in Outcome if counts[o]),
    )


def check_positions(trace: Trace) -> CheckResult:
    """Positions are contiguous, and become visible in order."""
    events = trace.events
    expected = np.arange(len(events)) + trace.first_position
    holes = np.flatnonzero(events.position != expected)
    if len(holes):
        found = events.position[holes]
        return fault("positions", f"position {{}} stands where {expected[holes[0]]} is due", found)
    early = np.flatnonzero(np.diff(events.committed.astype(np.int64)) < 0)
    if len(early):
        later = events.position[early + 1]
        return fault("positions", "position {} was visible before the one before it", later)
    return fine("positions", f"{len(events):,} positions are contiguous and visible in order")


def check_versions(trace: Trace) -> CheckResult:
    """The versions of each order are contiguous, in position order."""
    events = trace.events
    rows = np.argsort(events.order, kind="stable")
    order, version = events.order[rows], events.version[rows]
    is_first = np.diff(order, prepend=-1) != 0
    previous = np.concatenate([[0], version[:-1]])
    # An order that was set up before the run has versions that the trace does not show.
    starts = version >= 1 if trace.first_position > 1 else version == 1
    wrong = rows[~np.where(is_first, starts, version == previous + 1)]
    if len(wrong):
        witness = np.sort(wrong)
        row = witness[0]
        return fault(
            "versions",
            f"position {{}} is version {events.version[row]} of "
            f"{trace.order_ids[events.order[row]]}, which does not follow the one before it",
            events.position[witness],
        )
    return fine("versions", f"versions of {np.count_nonzero(is_first):,} orders are contiguous")


def check_order_kept(trace: Trace) -> CheckResult:
    """The commands of one order are dequeued in the order in which they were submitted.

    Where each command has a handler of its own that is not promised.
    """
    if len(trace.attempts):
        return fine("order_kept", "none is promised: each command has a handler of its own")
    commands = trace.commands
    submitted, dequeued = (c.astype(np.int64) for c in (commands.submitted, commands.dequeued))
    # What was refused or malformed was never in the mailbox; what is unfinished may still be, but
    # not in one that was gone since with its process.
    crashed = trace.crashes.crashed[trace.crashes.read_model == NO_READ_MODEL].astype(np.int64)
    never_in = np.isnat(commands.dequeued) & (
        ~np.isin(commands.outcome, (Outcome.UNFINISHED, Outcome.UNKNOWN))
        | ((commands.outcome == Outcome.UNKNOWN) & (submitted <= crashed.max(initial=-1)))
    )
    rows = np.flatnonzero(~np.isnat(commands.submitted) & ~never_in)
    waits_until = np.where(np.isnat(commands.dequeued), NEVER, dequeued)
    # Commands of one order and one instant have no order among themselves that stamps could show.
    rows = rows[np.lexsort((waits_until[rows], submitted[rows], commands.order[rows]))]
    same_order = np.diff(commands.order[rows]) == 0
    overtaken = np.flatnonzero(same_order & (np.diff(waits_until[rows]) < 0))
    if len(overtaken):
        overtaking = rows[overtaken + 1]
        first = rows[overtaken[0]]
        return fault("order_kept", f"command {{}} overtook command {first}", overtaking)
    return fine("order_kept", "each order's commands were taken in the order of submission")


def check_nothing_doubled(trace: Trace) -> CheckResult:
    """Each event goes to each read model at most once, and only events of the log do."""
    for name in trace.read_models:
        position = np.sort(trace.deliveries_of(name).position)
        twice = position[1:][np.diff(position) == 0]
        if len(twice):
            return fault("nothing_doubled", f"{name} was given position {{}} twice", twice)
        last = trace.first_position + len(trace.events) - 1
        unknown = position[(position < trace.first_position) | (position > last)]
        if len(unknown):
            return fault("nothing_doubled", f"{name} was given position {{}}, unknown", unknown)
    return fine("nothing_doubled", "each event went to each read model at most once")


def check_nothing_lost(
    trace: Trace, *, deadline_ns: int | None = None, unordered: Collection[str] = ()
) -> CheckResult:
    """Every event is applied by every read model, or was still waiting when time was up.

    An event that is missing although a later one was applied is lost whatever the time; one at the
    end of the line is lost only if the run says that it finished. Where there is no line, because
    tasks bring events in no order, any event may have been the last, but for those that a crash of
    their process cut off, or that were passed over when a later one was published.
    """
    censored = []
    for name in trace.read_models:
        deliveries = deliveries_by_event(trace, name)
        missing = np.isnat(deliveries.applied)
        is_unordered = name in unordered
        waiting = still_waiting(trace, deliveries, deadline_ns, is_unordered=is_unordered)
        lost = np.flatnonzero(missing & ~waiting)
        if len(lost):
            positions = trace.events.position[lost]
            return fault("nothing_lost", f"{name} never applied position {{}}", positions)
        censored.append(f"{np.count_nonzero(missing):,} of {name}")
    detail = "events still waiting at the end: " + ", ".join(censored)
    return fine("nothing_lost", detail + by_tasks(trace, unordered, "any of them may be among"))


def still_waiting(
    trace: Trace, deliveries: DeliveryTable, deadline_ns: int | None, *, is_unordered: bool
) -> NDArray[np.bool_]:
    """Which events may have come to a read model after the run, shape (n_events,).

    Args:
        trace: the run.
        deliveries: to the read model, by event (`deliveries_by_event`).
        deadline_ns: as of `check_trace`.
        is_unordered: whether tasks bring them.
    """
    missing = np.isnat(deliveries.applied)
    if deadline_ns is not None and trace.ended_ns < deadline_ns:
        return np.zeros(len(missing), np.bool_)
    if is_unordered:
        crashes = trace.crashes
        crashed = crashes.crashed[crashes.read_model == NO_READ_MODEL]
        never = np.isnat(deliveries.delivered) & is_before_the_last(deliveries.delivered)
        waiting = missing & ~never
        if len(crashed):
            waiting &= ~(deliveries.delivered <= crashed.max())
        return waiting
    return missing & ~is_before_the_last(deliveries.applied)


def is_before_the_last(stamps: NDArray[np.timedelta64]) -> NDArray[np.bool_]:
    """Which rows come before the last one that has a stamp."""
    known = np.flatnonzero(~np.isnat(stamps))
    return np.arange(len(stamps)) < (known[-1] if len(known) else 0)


def by_tasks(trace: Trace, unordered: Collection[str], how: str) -> str:
    """Says of which read models a check asks less, if of any."""
    names = ", ".join(name for name in trace.read_models if name in unordered)
    return f" ({how}, where tasks bring them: {names})" if names else ""


def check_applied_in_order(trace: Trace, *, unordered: Collection[str] = ()) -> CheckResult:
    """Each read model is delivered, takes, applies and checkpoints events in position order.

    Where tasks bring them there is no such order, only that of the stages of each (`check_stamps`).
    """
    for name in trace.read_models:
        if name in unordered:
            continue
        deliveries = trace.deliveries_of(name)
        for stamp in DELIVERY_STAMPS:
            instants = getattr(deliveries, stamp)
            known = np.flatnonzero(~np.isnat(instants))
            early = np.flatnonzero(np.diff(instants[known].astype(np.int64)) < 0)
            if len(early):
                positions = deliveries.position[known[early + 1]]
                what = f"{name}: position {{}} was {stamp} before the one before it"
                return fault("applied_in_order", what, positions)
    detail = "every read model applied events in position order"
    return fine("applied_in_order", detail + by_tasks(trace, unordered, "none is promised"))


def check_stamps(trace: Trace) -> CheckResult:
    """The instants of one command, one query and one delivery follow each other in time."""
    stamp, early = _first_early(trace.commands, COMMAND_STAMPS)
    if len(early):
        return fault("stamps", f"command {{}} was {stamp} before an earlier stage", early)
    stamp, early = _first_early(trace.queries, QUERY_STAMPS)
    if len(early):
        return fault("stamps", f"query {{}} was {stamp} before an earlier stage", early)
    events = trace.events
    shared = trace.commands.committed[np.clip(events.command, 0, len(trace.commands) - 1)]
    apart = np.flatnonzero((events.committed != shared) & ~np.isnat(shared))
    if len(apart):
        what = "position {} was committed at another instant than its command"
        return fault("stamps", what, events.position[apart])
    for name in trace.read_models:
        deliveries = deliveries_by_event(trace, name)
        early = np.flatnonzero(deliveries.delivered < events.committed)
        if len(early):
            what = f"{name} was delivered position {{}} before it was committed"
            return fault("stamps", what, events.position[early])
        is_first = trace.delivery_modes[trace.read_models.index(name)] == "at_most_once"
        stages = CHECKPOINT_FIRST if is_first else DELIVERY_STAMPS
        stamp, early = _first_early(deliveries, stages)
        if len(early):
            what = f"{name}: position {{}} was {stamp} before an earlier stage"
            return fault("stamps", what, events.position[early])
    return fine("stamps", "all stages follow each other in time")


def check_stage_sums(trace: Trace) -> CheckResult:
    """What was applied passed every stage, so that the parts of its lag sum to it."""
    for name in trace.read_models:
        deliveries = deliveries_by_event(trace, name)
        lag = deliveries.applied - trace.events.committed
        parts = (
            (deliveries.delivered - trace.events.committed)
            + (deliveries.taken - deliveries.delivered)
            + (deliveries.applied - deliveries.taken)
        )
        # NaT equals nothing, so a missing stage shows as a sum that differs.
        wrong = np.flatnonzero((parts != lag) & ~np.isnat(lag))
        if len(wrong):
            what = f"{name}: the stages of position {{}} do not sum to its lag"
            return fault("stage_sums", what, trace.events.position[wrong])
    return fine("stage_sums", "the stages of every event sum to its lag, to the nanosecond")


def check_connections(trace: Trace) -> CheckResult:
    """A database does no more at once than it has connections, first come first served."""
    works, name = trace.works, "connections"
    stamp, early = _first_early(works, ("submitted", "begun", "ended"))
    if len(early):
        return fault(name, f"work {{}} was {stamp} before an earlier stage", early)
    for index, database in enumerate(trace.database_names):
        rows = np.flatnonzero((works.database == index) & ~np.isnat(works.begun))
        begun, ended = works.begun[rows].astype(np.int64), works.ended[rows]
        overtaken = np.flatnonzero(np.diff(begun) < 0)
        if len(overtaken):
            return fault(name, f"{database}: work {{}} overtook another", rows[overtaken + 1])
        # In the order begun the one that is as many places on as there are connections needs one
        # of those that were given up by then.
        connections = int(trace.databases.connections[index])
        until = np.sort(np.where(np.isnat(ended), NEVER, ended.astype(np.int64)))
        free = until[: max(len(rows) - connections, 0)]
        crowded = np.flatnonzero(begun[connections:] < free)
        if len(crowded):
            what = f"{database}: work {{}} began when all {connections} connections were occupied"
            return fault(name, what, rows[crowded + connections])
    return fine(name, f"{len(works):,} pieces of work, each on a connection of its own")


def outcome_counts(commands: CommandTable, rows: NDArray[np.bool_]) -> Mapping[Outcome, int]:
    """How many of these commands had which outcome; together they are all of them."""
    counts = np.bincount(select(commands, rows).outcome, minlength=len(Outcome))
    return {outcome: int(counts[outcome]) for outcome in Outcome}


def fine(name: str, detail: str) -> CheckResult:
    """What a checker found where its invariant holds."""
    return CheckResult(name=name, ok=True, detail=detail)


def fault(name: str, detail: str, rows: NDArray[np.intp] | NDArray[np.int64]) -> CheckResult:
    """A fault, told by its first row.

    Args:
        name: of the checker.
        detail: one sentence, in which `{}` stands for the first row.
        rows: all that prove the fault, or their positions; at least one.
    """
    others = f" (and {len(rows) - 1:,} more)" if len(rows) > 1 else ""
    witness = tuple(int(row) for row in rows[:WITNESSES])
    return CheckResult(
        name=name,
        ok=False,
        detail=detail.replace("{}", str(witness[0]), 1) + others,
        witness=witness,
    )


def _first_early(
    table: CommandTable | DeliveryTable | QueryTable | WorkTable, stamps: tuple[str, ...]
) -> tuple[str, NDArray[np.intp]]:
    """The first column with a stamp before one of an earlier column, and the rows where it is."""
    # NaT is the smallest int64, so it neither raises the latest stamp nor can be late.
    latest = np.full(len(table), np.iinfo(np.int64).min)
    for name in stamps:
        column = getattr(table, name)
        instants = column.astype(np.int64)
        early = np.flatnonzero((instants < latest) & ~np.isnat(column))
        if len(early):
            return name, early
        latest = np.maximum(latest, instants)
    return "", np.empty(0, np.intp)
