"""The audit of a run: what order actors held to be true against what the log says.

The log alone is the truth of the write side, and an order actor's state is only a fold of it that
was kept in memory. Were the two to differ, decisions were made on a state that never was.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from cqrs_sim.analysis.consistency import WITNESSES, CheckResult
from cqrs_sim.analysis.rehydration import Rehydrations
from cqrs_sim.domain.events import Event
from cqrs_sim.domain.history import fold_all, legal_history
from cqrs_sim.domain.order import Order
from cqrs_sim.ids import OrderId
from cqrs_sim.write_side.activations import Activations
from cqrs_sim.write_side.rehydration import Rehydrator
from cqrs_sim.write_side.snapshots import Flaw

_OF_HANDLERS = ("as it was last written", "as they were last written")


def check_order_states(
    events: Sequence[Event],
    left: Mapping[OrderId, Order],
    rehydrator: Rehydrator,
    *,
    has_actors: bool = True,
) -> CheckResult:
    """Whether every order's state, in its actor and by snapshots or rows, is the fold of its log.

    Args:
        events: the whole log.
        left: what each order actor knew when it left memory with nothing left to do; or what was
            last written of each order.
        rehydrator: how an actor would know it now.
        has_actors: whether an actor owns each order.
    """
    name, folded = "order_states", fold_all(events)
    whose, where = ("to its actor", "in their actors") if has_actors else _OF_HANDLERS
    wrong = [
        f"{order_id} was {_told(state)} {whose} and is {_told(folded.get(order_id))} by its events"
        for order_id, state in left.items()
        if folded.get(order_id) != state
    ]
    if rehydrator.through:
        wrong += [
            f"{order_id} comes back as {_told(found)} and is {_told(state)} by its events"
            for order_id, state in folded.items()
            if (found := rehydrator.state_of(order_id).order) != state
        ]
    if wrong:
        more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
        return CheckResult(name=name, ok=False, detail=f"{wrong[0]}{more}")
    through = f", and {len(folded):,} through {rehydrator.through}," if rehydrator.through else ""
    detail = f"{len(left):,} orders {where}{through} are the folds of their events"
    return CheckResult(name=name, ok=True, detail=detail)


def check_histories(events: Sequence[Event]) -> CheckResult:
    """Whether the events of each order are a path that the rules allow: see `legal_history`.

    Who alone writes to an order cannot leave it. Where many may, this asks the log itself.
    """
    histories: dict[OrderId, list[Event]] = {}
    for event in events:
        histories.setdefault(event.order_id, []).append(event)
    found = [one for one in map(legal_history, histories.values()) if one is not None]
    name, count = "histories", f"{len(histories):,} orders"
    if not found:
        return CheckResult(name=name, ok=True, detail=f"the rules allow what happened to {count}")
    first = min(found, key=lambda one: one.event.position)
    return CheckResult(
        name=name,
        ok=False,
        detail=f"of {count} {len(found):,} have a history that cannot be: the first is {first}",
        witness=tuple(sorted(int(one.event.position) for one in found)[:WITNESSES]),
    )


def rehydrations_of(noted: Activations, rehydrator: Rehydrator | None) -> Rehydrations:
    """What was noted of a run, as arrays; without a rehydrator it had no order yet."""
    ignored = dict.fromkeys(Flaw, 0) if rehydrator is None else rehydrator.ignored_counts

    def column(values: Sequence[int]) -> NDArray[np.int64]:
        return np.array(values, np.int64)

    return Rehydrations(
        begun_ns=column(noted.begun_ns),
        spent_ns=column(noted.spent_ns),
        read_counts=column(noted.read_counts),
        snapshot_versions=column(noted.snapshot_versions),
        is_for_command=column(noted.is_for_command),
        snapshots_taken=0 if rehydrator is None else rehydrator.taken_count,
        snapshots_ignored={flaw.name.lower(): count for flaw, count in ignored.items()},
    )


def _told(order: Order | None) -> str:
    if order is None:
        return "unknown"
    return f"version {order.version}, {order.status}, {order.total_cents} cents"
