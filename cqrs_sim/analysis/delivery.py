"""What came of deliveries: effects counted per read model and event, and promises held or broken.

An event takes effect on a read model once: 0 effects and none to come is *lost*, 2 or more is
*doubled*. What a mode of delivery promises of that when a process crashes (names as in the field):

- at most once: never a second delivery; what is lost was in a batch whose process crashed.
- at least once: no hole; what is delivered again was behind the checkpoint when a process crashed,
  and is at most a batch for each crash.
- exactly-once effect: no hole, and no second effect, however often an event is delivered.

A hole in what was never delivered is no fault of these: it was never published. The checks here
need nothing but the trace (and the batch size); each returns its witnesses.
"""

from collections.abc import Collection, Mapping

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.analysis.consistency import (
    CheckResult,
    by_tasks,
    check_trace,
    fault,
    fine,
    is_before_the_last,
    still_waiting,
)
from cqrs_sim.analysis.gaps import check_applied_by_version
from cqrs_sim.analysis.lag import deliveries_by_event
from cqrs_sim.analysis.planned import Planned
from cqrs_sim.measurement.delivery_tables import USUAL, CrashTable, HandlingTable
from cqrs_sim.measurement.trace import Trace, select
from cqrs_sim.probe import Handling

Positions = NDArray[np.int64]


@attrs.frozen(kw_only=True)
class Witness:
    """One event, to look up."""

    position: int
    order: str
    event: str
    """Order and version."""


@attrs.frozen(kw_only=True)
class DeliverySummary:
    """What came of the deliveries to one read model, over the whole run."""

    mode: str
    """What was promised."""
    crashes: int
    """Of its projector."""
    delivered: int
    """Events put on its channel, and those delivered again."""
    redelivered: int
    """Events delivered again."""
    skipped: int
    """Handled again without a second effect."""
    applied: int
    """Events that it came to show."""
    doubled: int
    """Events with more effects than one."""
    lost: int
    """Events without any effect, and none to come."""
    without_effect: int
    """Of these, how many came and found nothing to change."""
    first_doubled: Witness | None
    first_lost: Witness | None

    @property
    def is_remarkable(self) -> bool:
        """Whether an event was lost, took effect twice, or was delivered again."""
        return bool(self.lost or self.doubled or self.redelivered)

    @property
    def promise(self) -> str:
        """The mode, in words."""
        return self.mode.replace("_", " ")


def summarise_delivery(
    trace: Trace, *, deadline_ns: int | None = None, unordered: Collection[str] = ()
) -> dict[str, DeliverySummary]:
    """By read model; arguments as of `check_trace`."""
    return {
        name: _summary(
            trace, name, lost_by(trace, name, deadline_ns=deadline_ns, unordered=unordered)
        )
        for name in trace.read_models
    }


def effects_of(trace: Trace, name: str) -> NDArray[np.int64]:
    """How often each event took effect on a read model, shape (n_events,)."""
    counts = (~np.isnat(deliveries_by_event(trace, name).applied)).astype(np.int64)
    handlings = _handlings(trace, name)
    more = (handlings.kind == Handling.REPEATED).astype(np.int64)
    less = (handlings.kind == Handling.WITHOUT_EFFECT).astype(np.int64)
    np.add.at(counts, handlings.position - trace.first_position, more - less)
    return counts


def lost_by(
    trace: Trace, name: str, *, deadline_ns: int | None = None, unordered: Collection[str] = ()
) -> NDArray[np.bool_]:
    """Which events have no effect on a read model and never will, shape (n_events,).

    An event behind the last one applied may still be waiting, unless the run says that it finished;
    where events come in no order any may.
    """
    deliveries, is_unordered = deliveries_by_event(trace, name), name in unordered
    waiting = still_waiting(trace, deliveries, deadline_ns, is_unordered=is_unordered)
    return (effects_of(trace, name) < 1) & ~waiting


def is_usual(trace: Trace) -> bool:
    """Whether nothing crashed, and nothing but the usual was promised."""
    return (
        not len(trace.crashes) and not len(trace.handlings) and {*trace.delivery_modes} <= {USUAL}
    )


def check_run(
    trace: Trace, planned: Planned, *, deadline_ns: int | None = None
) -> tuple[CheckResult, ...]:
    """All checks on the trace of a run; `deadline_ns` as of `check_trace`."""
    versions = (check_applied_by_version(trace, planned.mending),) if planned.mending else ()
    return (
        *check_trace(trace, deadline_ns=deadline_ns, unordered=planned.unordered),
        *check_deliveries(trace, planned.batches, unordered=planned.unordered),
        *versions,
    )


def check_deliveries(
    trace: Trace,
    batches: Mapping[str, tuple[int, int]] | None = None,
    *,
    unordered: Collection[str] = (),
) -> tuple[CheckResult, ...]:
    """The checks of this module; none for a run in which all of it is as usual.

    Args:
        trace: the run.
        batches: by read model, most events taken at once (and the interval of its polls).
        unordered: as of `check_trace`.
    """
    if is_usual(trace):
        return ()
    return (check_effects(trace, unordered=unordered), check_promises(trace, batches))


def check_effects(trace: Trace, *, unordered: Collection[str] = ()) -> CheckResult:
    """Every event that was applied took effect once: neither twice, nor on nothing.

    Where tasks bring events in no order one may well find nothing to change. That is counted
    (`DeliverySummary.without_effect`), and no fault here: what it does to a read model is.
    """
    for name in trace.read_models:
        counts = effects_of(trace, name)
        doubled = np.flatnonzero(counts > 1)
        if len(doubled):
            what = f"{name}: position {{}} took effect {counts[doubled[0]]} times"
            return fault("effects", what, trace.events.position[doubled])
        if name in unordered:
            continue
        is_applied = ~np.isnat(deliveries_by_event(trace, name).applied)
        nothing = np.flatnonzero(is_applied & (counts < 1))
        if len(nothing):
            what = f"{name}: position {{}} came and found nothing to change"
            return fault("effects", what, trace.events.position[nothing])
    told = by_tasks(trace, unordered, "at most")
    return fine("effects", f"every event that was applied took effect once{told}")


def check_promises(
    trace: Trace, batches: Mapping[str, tuple[int, int]] | None = None
) -> CheckResult:
    """Each mode of delivery kept its promise; arguments as of `check_deliveries`."""
    for name, mode in zip(trace.read_models, trace.delivery_modes, strict=True):
        batch = None if batches is None else batches[name][0]
        for found, positions in (
            _delivered_twice(trace, name) if mode == "at_most_once" else _holes(trace, name),
            _lost_without_a_crash(trace, name) if mode == "at_most_once" else _stray(trace, name),
            _too_many(trace, name, batch),
            _second_effects(trace, name) if mode == "exactly_once_effect" else ("", _NOTHING),
        ):
            if len(positions):
                return fault("delivery", f"{name} ({mode}): {found}", positions)
    kept = ", ".join(map("{} {}".format, trace.read_models, trace.delivery_modes))
    return fine("delivery", f"every promise was kept: {kept}")


_NOTHING: Positions = np.empty(0, np.int64)
Finding = tuple[str, Positions]


def _delivered_twice(trace: Trace, name: str) -> Finding:
    handlings = _handlings(trace, name)
    return "position {} was handled again", handlings.position[_is_again(handlings)]


def _lost_without_a_crash(trace: Trace, name: str) -> Finding:
    """What is lost must have been taken with the batch of a crash."""
    deliveries, crashes = deliveries_by_event(trace, name), _crashes(trace, name)
    rows = crashes.reached - trace.first_position
    crashed = deliveries.taken[rows[(rows >= 0) & (rows < len(deliveries))]]
    lost = np.isnat(deliveries.applied) & ~np.isnat(deliveries.checkpointed)
    lost &= ~np.isin(deliveries.taken, crashed) & is_before_the_last(deliveries.applied)
    return "position {} was lost without a crash", trace.events.position[lost]


def _holes(trace: Trace, name: str) -> Finding:
    deliveries = deliveries_by_event(trace, name)
    hole = ~np.isnat(deliveries.delivered) & np.isnat(deliveries.applied)
    hole &= is_before_the_last(deliveries.applied)
    return "position {} was delivered and never applied", trace.events.position[hole]


def _stray(trace: Trace, name: str) -> Finding:
    """What is handled again must have been behind the checkpoint of a crash before."""
    handlings, crashes = _handlings(trace, name), _crashes(trace, name)
    again = select(handlings, _is_again(handlings))
    number = np.searchsorted(crashes.crashed, again.handled, side="right") - 1
    if not len(crashes):
        return "position {} was handled again without a crash", again.position
    last = np.maximum(number, 0)
    within = (again.position > crashes.resumed[last]) & (again.position <= crashes.reached[last])
    stray = again.position[(number < 0) | ~within]
    return "position {} came again, and was not behind the checkpoint", stray


def _too_many(trace: Trace, name: str, batch: int | None) -> Finding:
    crashes = _crashes(trace, name)
    if batch is None:
        return "", _NOTHING
    beyond = np.flatnonzero(crashes.repeated > batch)
    if not len(beyond):
        return "", _NOTHING
    count = int(crashes.repeated[beyond[0]])
    what = f"{count} events up to position {{}} came again, more than a batch of {batch}"
    return what, crashes.reached[beyond]


def _second_effects(trace: Trace, name: str) -> Finding:
    handlings = _handlings(trace, name)
    return "position {} took effect again", handlings.position[handlings.kind == Handling.REPEATED]


def _is_again(handlings: HandlingTable) -> NDArray[np.bool_]:
    return np.isin(handlings.kind, (Handling.SKIPPED, Handling.REPEATED))


def _handlings(trace: Trace, name: str) -> HandlingTable:
    return select(trace.handlings, trace.handlings.read_model == trace.read_models.index(name))


def _crashes(trace: Trace, name: str) -> CrashTable:
    return select(trace.crashes, trace.crashes.read_model == trace.read_models.index(name))


def _summary(trace: Trace, name: str, is_lost: NDArray[np.bool_]) -> DeliverySummary:
    deliveries, crashes = deliveries_by_event(trace, name), _crashes(trace, name)
    kinds = np.bincount(_handlings(trace, name).kind, minlength=len(Handling))
    doubled = np.flatnonzero(effects_of(trace, name) > 1)
    lost = np.flatnonzero(is_lost)
    redelivered = int(crashes.repeated[~np.isnat(crashes.restarted)].sum())
    return DeliverySummary(
        mode=trace.delivery_modes[trace.read_models.index(name)],
        crashes=len(crashes),
        delivered=int(np.count_nonzero(~np.isnat(deliveries.delivered))) + redelivered,
        redelivered=redelivered,
        skipped=int(kinds[Handling.SKIPPED]),
        applied=int(np.count_nonzero(~np.isnat(deliveries.applied))),
        doubled=len(doubled),
        lost=len(lost),
        without_effect=int(kinds[Handling.WITHOUT_EFFECT]),
        first_doubled=witness_of(trace, doubled),
        first_lost=witness_of(trace, lost),
    )


def witness_of(trace: Trace, rows: NDArray[np.intp]) -> Witness | None:
    """The event of the first of these rows; None if there is none."""
    if not len(rows):
        return None
    events, row = trace.events, int(rows[0])
    order = trace.order_ids[events.order[row]]
    return Witness(
        position=int(events.position[row]), order=order, event=f"{order}#{events.version[row]}"
    )
