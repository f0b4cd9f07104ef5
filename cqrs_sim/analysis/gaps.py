"""Gaps: events that came before one of their order that they follow, and what became of them.

Of read models whose tasks look for gaps. An event is *held* from the end of its task's work until
it takes effect, which is part of `apply` (applied - taken); what waits in the end is *parked*. What
was *fetched* in place of waiting is counted as often as it was read, and is *late* if it comes by
itself when it has taken effect.
"""

from collections.abc import Collection

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.analysis.consistency import WITNESSES, CheckResult, fine
from cqrs_sim.analysis.lag import deliveries_by_event
from cqrs_sim.measurement.trace import Trace, select
from cqrs_sim.probe import NO_READ_MODEL, Handling


@attrs.frozen(kw_only=True)
class Parked:
    """One event that waits for what never came."""

    position: int
    order: str
    event: str
    """Order and version."""
    waits_for: int
    """The version of the order that is missing."""


@attrs.frozen(kw_only=True)
class GapSummary:
    """What one read model did about gaps, over the whole run."""

    gaps: int
    """Events that came before one of their order that they follow."""
    buffered: int
    """Of these, how many were held until what was missing had taken effect."""
    buffered_max: int
    """Most that were held at the end of any instant."""
    fetched: int
    """How often an event was read from the log because a later one met a gap."""
    late: int
    """Events that came by themselves when they had been fetched and shown; they were skipped."""
    dropped: int
    """Events that were lost with the buffer, when the process of the tasks ended."""
    parked: int
    """Events that were still held when the run ended."""
    first_parked: Parked | None

    @property
    def told(self) -> str:
        """In a sentence."""
        events = "event" if self.gaps == 1 else "events"
        parts = [f"{self.gaps:,} {events} came too early"]
        if self.buffered:
            parts.append(f"{self.buffered:,} held, at most {self.buffered_max:,} at once")
        if self.fetched:
            parts.append(f"{self.fetched:,} fetched from the log")
            parts.append(f"{self.late:,} skipped that came after it")
        if self.dropped:
            parts.append(f"{self.dropped:,} lost with the buffer")
        if self.first_parked is not None:
            first = self.first_parked
            parts.append(
                f"{self.parked:,} parked, first {first.event}, which waits for version "
                f"{first.waits_for}"
            )
        return ", ".join(parts)


def summarise_gaps(trace: Trace, mending: Collection[str]) -> dict[str, GapSummary]:
    """What came of gaps, by read model, in the order of the trace.

    Args:
        trace: the run.
        mending: the read models whose tasks look for gaps.
    """
    return {name: _summary(trace, name) for name in trace.read_models if name in mending}


def check_applied_by_version(trace: Trace, mending: Collection[str]) -> CheckResult:
    """Events of an order take effect in the order of their versions, and none over a gap.

    Args:
        trace: the run.
        mending: of these read models it is asked.
    """
    rows = np.lexsort((trace.events.version, trace.events.order))
    follows = np.diff(trace.events.order[rows]) == 0
    for name in trace.read_models:
        if name not in mending:
            continue
        applied = deliveries_by_event(trace, name).applied[rows]
        # NaT is before and after nothing, so it is asked for by itself.
        over_a_gap = np.isnat(applied[:-1]) & ~np.isnat(applied[1:])
        wrong = np.flatnonzero(follows & (over_a_gap | (applied[1:] < applied[:-1]))) + 1
        if len(wrong):
            positions = np.sort(trace.events.position[rows[wrong]])
            detail = f"{name} applied position {positions[0]} before one that it follows"
            witness = tuple(positions[:WITNESSES].tolist())
            return CheckResult(name="applied_by_version", ok=False, detail=detail, witness=witness)
    names = ", ".join(name for name in trace.read_models if name in mending)
    return fine("applied_by_version", f"every order was applied version by version: {names}")


def _summary(trace: Trace, name: str) -> GapSummary:
    of_model = trace.handlings.read_model == trace.read_models.index(name)
    kinds = np.bincount(trace.handlings.kind[of_model], minlength=len(Handling))
    holds = select(trace.handlings, of_model & (trace.handlings.kind == Handling.HELD))
    rows = holds.position - trace.first_position
    applied = deliveries_by_event(trace, name).applied
    crashes = trace.crashes
    ended = np.sort(crashes.crashed[crashes.read_model == NO_READ_MODEL])
    number = np.searchsorted(ended, holds.handled)
    is_shown = ~np.isnat(applied[rows])
    is_dropped = ~is_shown & (number < len(ended))
    left = applied[rows]
    left[is_dropped] = ended[number[is_dropped]]
    parked = np.sort(rows[~is_shown & ~is_dropped])
    return GapSummary(
        gaps=int(kinds[Handling.HELD] + kinds[Handling.FETCHING]),
        buffered=int(kinds[Handling.HELD]),
        buffered_max=_most_at_once(holds.handled, left),
        fetched=int(kinds[Handling.FETCHED]),
        late=int(kinds[Handling.LATE]),
        dropped=int(np.count_nonzero(is_dropped)),
        parked=len(parked),
        first_parked=_parked(trace, applied, int(parked[0])) if len(parked) else None,
    )


def _most_at_once(held: NDArray[np.timedelta64], left: NDArray[np.timedelta64]) -> int:
    """Most that were held at the end of an instant; NaT of `left`: until the end."""
    left = left[~np.isnat(left)]
    instants, place = np.unique(np.concatenate((held, left)), return_inverse=True)
    changes = np.repeat(np.array([1, -1]), (len(held), len(left)))
    counts = np.cumsum(np.bincount(place, changes, minlength=len(instants)))
    return int(counts.max(initial=0))


def _parked(trace: Trace, applied: NDArray[np.timedelta64], row: int) -> Parked:
    events = trace.events
    order = events.order[row]
    missing = (events.order == order) & np.isnat(applied)
    name, version = trace.order_ids[order], int(events.version[row])
    return Parked(
        position=int(events.position[row]),
        order=name,
        event=f"{name}#{version}",
        waits_for=int(events.version[missing].min()),
    )
