"""Whether every rename came once, and in sequence, to each read model that shows names.

Decided on the trace alone, as in `consistency`: of what a row shows in the end the stamps say
nothing, that is for the engine's comparison of contents.
"""

from collections.abc import Collection, Iterator
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from cqrs_sim.analysis.consistency import CheckResult, fault, fine
from cqrs_sim.analysis.renames import renames_to
from cqrs_sim.measurement.trace import Trace, select

CHECK = "renames"
STAMPS = ("intended", "submitted", "dequeued", "committed")
NONE = np.empty(0, np.int64)

Fault: TypeAlias = tuple[str, NDArray[np.int64]]
"""What is wrong, with `{}` for the first of those that show it, and these."""


def check_renames(
    trace: Trace, showing: Collection[str], *, deadline_ns: int | None = None
) -> tuple[CheckResult, ...]:
    """Whether each rename was committed and shown once, in sequence; nothing if there are none.

    Args:
        trace: the run.
        showing: the read models that show names.
        deadline_ns: as for `check_trace`: a run that ended before it claims that nothing was left.
    """
    if not len(trace.renames) and not len(trace.rename_deliveries):
        return ()
    is_whole = deadline_ns is not None and trace.ended_ns < deadline_ns
    for what, wrong in _faults(trace, showing, is_whole=is_whole):
        if len(wrong):
            return (fault(CHECK, what, np.sort(wrong)),)
    committed = int(np.count_nonzero(trace.renames.position))
    shown = {
        name: int(np.count_nonzero(~np.isnat(renames_to(trace, name).applied)))
        for name in trace.read_models
        if name in showing
    }
    waiting = ", ".join(f"{committed - count:,} of {name}" for name, count in shown.items())
    detail = f"{committed:,} renames came once each, in sequence"
    if waiting:
        detail += f"; still waiting at the end: {waiting}"
    return (fine(CHECK, detail),)


def _faults(trace: Trace, showing: Collection[str], *, is_whole: bool) -> Iterator[Fault]:
    yield from _in_the_log(trace, is_whole=is_whole)
    for name in trace.read_models:
        if name in showing:
            for what, wrong in _in_read_model(trace, name, is_whole=is_whole):
                yield f"{name}: {what}", wrong
        else:
            taken = renames_to(trace, name).position
            yield f"{name}: shows no names, and was told of rename {{}}", taken


def _in_the_log(trace: Trace, *, is_whole: bool) -> Iterator[Fault]:
    """Faults of the customers and of their log; they are told by rows, or by positions."""
    table = trace.renames
    for before, after in pairwise(STAMPS):
        came, went = getattr(table, before), getattr(table, after)
        early = (went < came) | (np.isnat(came) & ~np.isnat(went))
        yield f"row {{}} was {after} before it was {before}", np.flatnonzero(early)
    has_event = ~np.isnat(table.committed)
    yield (
        "row {} is committed, and has no position",
        np.flatnonzero(has_event != ((table.position > 0) & (table.version > 0))),
    )
    rows = np.flatnonzero(has_event)
    log = select(table, rows[np.argsort(table.position[rows], kind="stable")])
    holes = np.flatnonzero(log.position != np.arange(1, len(log) + 1))
    if len(holes):
        yield f"position {{}} stands where {holes[0] + 1} is due", log.position[holes]
    early = np.flatnonzero(log.committed[1:] < log.committed[:-1]) + 1
    yield "position {} was committed before the one before it", log.position[early]
    of_one = select(log, np.argsort(log.customer, kind="stable"))
    is_first = np.diff(of_one.customer, prepend=-1) != 0
    due = np.where(is_first, 1, np.append(0, of_one.version[:-1]) + 1)
    gap = of_one.version != due
    yield "position {} skips a version of its customer, or repeats one", of_one.position[gap]
    # One at a time, so a customer whose turn came has done with the rename before.
    crowded = np.flatnonzero(~is_first[1:] & (of_one.dequeued[1:] < of_one.committed[:-1])) + 1
    what = "position {} was begun before its customer had done with the one before"
    yield what, of_one.position[crowded]
    by_turn = select(table, np.argsort(table.customer, kind="stable"))
    came = np.where(np.isnat(by_turn.dequeued), np.timedelta64(2**62, "ns"), by_turn.dequeued)
    overtaken = (np.diff(by_turn.customer) == 0) & (np.diff(came) < np.timedelta64(0, "ns"))
    yield "position {} overtook one of its customer", by_turn.position[1:][overtaken]
    if is_whole:
        yield "row {} was never committed", np.flatnonzero(~has_event)


def _in_read_model(trace: Trace, name: str, *, is_whole: bool) -> Iterator[Fault]:
    """Faults of one read model that shows names; they are told by positions."""
    table, taken = trace.renames, renames_to(trace, name)
    count = int(np.count_nonzero(table.position))
    committed = np.full(count + 1, np.timedelta64("NaT", "ns"))
    known = table.position[table.position <= count]
    committed[known] = table.committed[table.position <= count]
    twice = taken.position[1:][np.diff(taken.position) == 0]
    yield "took rename {} twice", twice
    stranger = (taken.position < 1) | (taken.position > count)
    yield "took rename {}, which is in no log", taken.position[stranger]
    last = int(taken.position.max(initial=0))
    yield (
        "never took rename {}, and took a later one",
        np.setdiff1d(np.arange(1, last + 1), taken.position),
    )
    at = np.clip(taken.position, 0, count)
    yield "took rename {} before it was committed", taken.position[taken.taken < committed[at]]
    yield "showed rename {} before it was taken", taken.position[taken.applied < taken.taken]
    # NaT is before nothing, so what is not done is asked for by itself.
    is_open = np.isnat(taken.applied)
    crowded = np.flatnonzero(is_open[:-1] | (taken.taken[1:] < taken.applied[:-1])) + 1
    yield "took rename {} before it had done with the one before", taken.position[crowded]
    yield "took rename {} in the middle of an event", _amid_events(trace, name)
    what = "rewrote fewer rows for rename {} than for the one before of its customer"
    yield what, _fewer(trace, name)
    if is_whole:
        shown = taken.position[~is_open]
        yield "never showed rename {}", np.setdiff1d(np.arange(1, count + 1), shown)


def _fewer(trace: Trace, name: str) -> NDArray[np.int64]:
    """Positions of renames shown in fewer rows than an earlier one; orders are never deleted."""
    table, taken = trace.renames, renames_to(trace, name)
    customer_at = np.full(int(table.position.max(initial=0)) + 1, -1)
    customer_at[table.position] = table.customer
    over = np.flatnonzero(~np.isnat(taken.applied) & (taken.position < len(customer_at)))
    position, rows = taken.position[over], taken.rows[over]
    by_customer = np.argsort(customer_at[position], kind="stable")
    customer, rows = customer_at[position][by_customer], rows[by_customer]
    shrunk = np.append(False, (np.diff(customer) == 0) & (np.diff(rows) < 0)) | (rows < 0)
    return position[by_customer][shrunk]


def _amid_events(trace: Trace, name: str) -> NDArray[np.int64]:
    """Positions of renames on which the projector worked while it worked on a batch of events."""
    deliveries, renamed = trace.deliveries_of(name), renames_to(trace, name)
    done = ~np.isnat(deliveries.taken) & ~np.isnat(deliveries.applied)
    batch, first = np.unique(deliveries.taken[done].astype(np.int64), return_index=True)
    if not len(batch) or not len(renamed):
        return NONE
    until = np.maximum.reduceat(deliveries.applied[done].astype(np.int64), first)
    over = ~np.isnat(renamed.applied)
    begun, ended = (stamps[over].astype(np.int64) for stamps in (renamed.taken, renamed.applied))
    # Of the batches begun before the rename ended, which are over one after another, the last.
    row = np.searchsorted(batch, ended, side="left") - 1
    overlaps = (row >= 0) & (until[row] > begun) & (ended > batch[row])
    return renamed.position[over][overlaps]
