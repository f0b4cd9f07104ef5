"""Attempts: what it costs that many handlers write to one order, and whether any update was lost.

With an actor for each order there are none. Else each attempt looks at an order, works, and writes;
the table of them says on which version it was decided, and the log which versions there were. From
these two alone follows all that is here:

- attempts = committed + conflicts + rejected + repeated + open, and a conflict has a winner:
  another command made the very version that was expected to be free.
- an update is *lost* if it was there when a later one was written that had not seen it.
"""

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.analysis.consistency import WITNESSES, CheckResult, fine
from cqrs_sim.analysis.delivery import Witness, witness_of
from cqrs_sim.analysis.lag import commands_after
from cqrs_sim.measurement.attempts import AttemptTable
from cqrs_sim.measurement.trace import Trace, select
from cqrs_sim.probe import AttemptEnd, Outcome

ALLOWED = {
    AttemptEnd.COMMITTED: (Outcome.ACCEPTED, Outcome.UNKNOWN),
    AttemptEnd.CONFLICT: (Outcome.CONFLICT, Outcome.UNKNOWN, Outcome.UNFINISHED),
    AttemptEnd.REJECTED: (Outcome.REJECTED, Outcome.UNKNOWN),
    AttemptEnd.REPEATED: (Outcome.REPEATED, Outcome.UNKNOWN),
    AttemptEnd.OPEN: (Outcome.UNFINISHED, Outcome.UNKNOWN, Outcome.ACCEPTED),
}
"""Outcomes of a command by how its last attempt ended."""


@attrs.frozen(kw_only=True)
class AttemptsSummary:
    """What handlers tried; all 0 where each order has an actor."""

    attempts: int
    committed: int
    conflicts: int
    """Those that found another write before theirs."""
    rejected: int
    repeated: int
    """Those whose request had been committed before."""
    open: int
    """Those that were not over when the run ended."""
    retries: int
    """Attempts at a command but the first."""
    given_up: int
    """Commands whose every attempt was a conflict."""
    wasted_share: float | None
    """Time of the attempts that ended in a conflict, of the time of all that ended; None if that is
    none."""
    lost_updates: int
    """Events written by who had not seen the one before them."""
    first_lost: Witness | None
    """The first of these: it wrote over the version before it."""


def summarise_attempts(trace: Trace, *, after_ns: int = 0) -> AttemptsSummary:
    """Of commands that were intended at or after an instant; what was lost, of the whole run."""
    wanted = commands_after(trace, after_ns)
    attempts = select(trace.attempts, wanted[trace.attempts.command])
    spent_ns = (attempts.ended - attempts.begun)[~np.isnat(attempts.ended)].astype(np.int64)
    is_conflict = attempts.end[~np.isnat(attempts.ended)] == AttemptEnd.CONFLICT
    lost = lost_updates(trace)
    tried = len(np.unique(attempts.command))
    whole_ns = int(spent_ns.sum())
    return AttemptsSummary(
        attempts=len(attempts),
        committed=_count(attempts, AttemptEnd.COMMITTED),
        conflicts=_count(attempts, AttemptEnd.CONFLICT),
        rejected=_count(attempts, AttemptEnd.REJECTED),
        repeated=_count(attempts, AttemptEnd.REPEATED),
        open=_count(attempts, AttemptEnd.OPEN),
        retries=len(attempts) - tried,
        given_up=int(np.count_nonzero(wanted & (trace.commands.outcome == Outcome.CONFLICT))),
        wasted_share=int(spent_ns[is_conflict].sum()) / whole_ns if whole_ns else None,
        lost_updates=len(lost),
        first_lost=witness_of(trace, lost),
    )


def lost_updates(trace: Trace) -> NDArray[np.intp]:
    """Rows of the events that were decided on another version than the one before them."""
    seen = np.full(len(trace.commands), -1, np.int64)
    seen[trace.attempts.command] = trace.attempts.version  # The last one stays.
    read = seen[trace.events.command]
    return np.flatnonzero((read >= 0) & (trace.events.version != read + 1))


def check_attempts(trace: Trace) -> tuple[CheckResult, ...]:
    """The checks of this module; none where each order has an actor."""
    if not len(trace.attempts):
        return ()
    return check_ends(trace), check_lost_updates(trace)


def check_ends(trace: Trace) -> CheckResult:
    """Every attempt has one end, every command that of its last, and every conflict a winner."""
    name, commands, events, attempts = "attempts", trace.commands, trace.events, trace.attempts
    # Of one command they are in the order in which they began, which is that of the table.
    rows = np.argsort(attempts.command, kind="stable")
    one = select(attempts, rows)
    is_last = np.append(np.diff(one.command) != 0, True)
    more = rows[~is_last & (one.end != AttemptEnd.CONFLICT)]
    if len(more):
        return _fault(name, "attempt {} was no conflict, and its command was tried again", more)
    last = select(one, is_last)
    wrong = np.ones(len(last), np.bool_)
    for end, outcomes in ALLOWED.items():
        wrong &= ~((last.end == end) & np.isin(commands.outcome[last.command], outcomes))
    # Taken for the last attempt, after the one before it.
    dequeued, before = commands.dequeued[one.command], np.roll(one.ended, 1)
    is_again = np.append(False, ~is_last[:-1])
    wrong |= ((dequeued > one.begun) | (is_again & (dequeued < before)))[is_last]
    if wrong.any():
        what = "command {} does not have the outcome, or the instants, of its last attempt"
        return _fault(name, what, last.command[wrong])
    given_up = np.flatnonzero(commands.outcome == Outcome.CONFLICT)
    untried = given_up[~np.isin(given_up, attempts.command)]
    if len(untried):
        return _fault(name, "command {} was given up, and never tried", untried)
    # What was being committed when the run ended has won, and is in no table.
    orders = commands.order[attempts.command]
    is_open = np.isin(orders, orders[attempts.end == AttemptEnd.OPEN])
    made = _of_order(events.order, events.version)
    expected = _of_order(orders, attempts.version + 1)
    is_conflict = attempts.end == AttemptEnd.CONFLICT
    alone = np.flatnonzero(is_conflict & ~is_open & ~np.isin(expected, made))
    if len(alone):
        return _fault(name, "attempt {} was a conflict, and nobody else had written", alone)
    ends = {end: _count(attempts, end) for end in AttemptEnd}
    told = " + ".join(f"{count:,} {end.name.lower()}" for end, count in ends.items() if count)
    return fine(name, f"{len(attempts):,} attempts = {told}")


def check_lost_updates(trace: Trace) -> CheckResult:
    """Whoever wrote had seen what was there."""
    name, lost, events = "lost_updates", lost_updates(trace), trace.events
    if not len(lost):
        return fine(name, "each event was decided on the version before it")
    first = int(lost[0])
    order = trace.order_ids[int(events.order[first])]
    command = int(events.command[first])
    read = int(trace.attempts.version[trace.attempts.command == command][-1])
    what = (
        f"position {{}} is version {events.version[first]} of {order} and was decided on version "
        f"{read}: what came between was overwritten unseen"
    )
    return _fault(name, what, events.position[lost])


def _of_order(order: NDArray[np.int32], version: NDArray[np.int32]) -> NDArray[np.int64]:
    """One number for each version of each order."""
    return order.astype(np.int64) << 32 | version.astype(np.int64)


def _count(attempts: AttemptTable, end: AttemptEnd) -> int:
    return int(np.count_nonzero(attempts.end == end))


def _fault(name: str, what: str, rows: NDArray[np.integer]) -> CheckResult:
    """As `consistency.fault`, but with commas in the number of the first row."""
    more = f" (and {len(rows) - 1:,} more)" if len(rows) > 1 else ""
    witness = tuple(int(row) for row in rows[:WITNESSES])
    detail = what.replace("{}", f"{witness[0]:,}", 1) + more
    return CheckResult(name=name, ok=False, detail=detail, witness=witness)
