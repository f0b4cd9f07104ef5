"""Effects counted and promises judged, each against the fault planted for it."""

from typing import Any

import attrs
import numpy as np
import pytest
from traces import NaT, Plan, make_trace, stamps

from cqrs_sim.analysis.delivery import (
    Witness,
    check_deliveries,
    check_effects,
    check_promises,
    effects_of,
    lost_by,
    summarise_delivery,
)
from cqrs_sim.analysis.planned import Planned
from cqrs_sim.analysis.summary import summarise
from cqrs_sim.measurement.delivery_tables import CrashTable, HandlingTable
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.probe import Handling

PLAN = Plan(seconds=1.0, orders=5, rejected_share=0.0)
BATCHES = {"orders": (4, 0), "search": (4, 0)}


def run_with(
    mode: str = "at_least_once",
    *,
    handled: tuple[tuple[int, int, Handling], ...] = (),
    crashes: tuple[tuple[int, int, int, int], ...] = (),
    **columns: tuple[int, Any],
) -> Trace:
    """A right run of `orders` and `search`, with what is given about `orders` planted.

    Args:
        mode: of delivery to `orders`.
        handled: (position, instant, kind).
        crashes: (instant, checkpoint, reached, repeated).
        columns: by column of its deliveries, (position, value).
    """
    trace = make_trace(PLAN)
    deliveries = trace.deliveries
    for name, (position, value) in columns.items():
        changed = getattr(deliveries, name).copy()
        changed[position - 1] = value
        deliveries = attrs.evolve(deliveries, **{name: changed})
    crashed, resumed, reached, repeated = zip(*crashes, strict=True) if crashes else ([],) * 4
    positions, instants, kinds = zip(*handled, strict=True) if handled else ([],) * 3
    return attrs.evolve(
        trace,
        deliveries=deliveries,
        delivery_modes=(mode, "at_least_once"),
        crashes=CrashTable(
            read_model=np.zeros(len(crashes), np.int8),
            crashed=stamps(*crashed),
            restarted=stamps(*crashed),
            resumed=np.array(resumed, np.int64),
            reached=np.array(reached, np.int64),
            repeated=np.array(repeated, np.int32),
        ),
        handlings=HandlingTable(
            read_model=np.zeros(len(handled), np.int8),
            position=np.array(positions, np.int64),
            handled=stamps(*instants),
            kind=np.array(kinds, np.int8),
        ),
    )


AGAIN = ((1000, 6, 8, 2),)
"""A crash at 1,000 ns with the checkpoint at 6 and 7, 8 applied."""


def test_a_run_in_which_all_is_as_usual_has_one_effect_an_event_and_no_such_checks() -> None:
    trace = make_trace(PLAN)
    assert check_deliveries(trace) == ()
    assert set(effects_of(trace, "orders").tolist()) == {1}
    found = summarise_delivery(trace, deadline_ns=trace.ended_ns)["search"]
    assert (found.delivered, found.applied, found.lost, found.doubled) == (
        len(trace.events),
        len(trace.events),
        0,
        0,
    )
    assert found.first_lost is found.first_doubled is None


def test_events_skipped_when_they_came_again_are_counted_and_right() -> None:
    skipped = tuple((position, 2000, Handling.SKIPPED) for position in (7, 8))
    trace = run_with(handled=skipped, crashes=AGAIN)
    assert [check.ok for check in check_deliveries(trace, BATCHES)] == [True, True]
    found = summarise_delivery(trace)["orders"]
    assert (found.redelivered, found.skipped, found.doubled) == (2, 2, 0)
    assert found.delivered == len(trace.events) + 2
    assert summarise_delivery(trace)["search"].redelivered == 0


def test_a_second_effect_is_found_with_its_order_and_event() -> None:
    trace = run_with(handled=((7, 2000, Handling.REPEATED),), crashes=AGAIN)
    check = check_effects(trace)
    assert (check.ok, check.witness) == (False, (7,))
    assert check.detail == "orders: position 7 took effect 2 times"
    found = summarise_delivery(trace)["orders"]
    order = trace.order_ids[trace.events.order[6]]
    event = f"{order}#{trace.events.version[6]}"
    assert found.doubled == 1
    assert found.first_doubled == Witness(position=7, order=order, event=event)


def test_an_event_without_effect_is_lost_although_it_came() -> None:
    trace = run_with(handled=((9, 2000, Handling.WITHOUT_EFFECT),))
    check = check_effects(trace)
    assert (check.ok, check.witness) == (False, (9,))
    found = summarise_delivery(trace)["orders"]
    assert (found.lost, found.without_effect, found.applied) == (1, 1, len(trace.events))
    assert found.first_lost is not None
    assert found.first_lost.position == 9


def test_a_hole_is_lost_and_what_waits_at_the_end_is_not_unless_the_run_finished() -> None:
    last = len(make_trace(PLAN).events)
    trace = run_with("at_most_once", applied=(5, NaT))
    assert np.flatnonzero(lost_by(trace, "orders")).tolist() == [4]
    trace = run_with(applied=(last, NaT))
    assert not lost_by(trace, "orders").any()
    assert not lost_by(trace, "orders", deadline_ns=trace.ended_ns).any()
    finished = trace.ended_ns + 1
    assert np.flatnonzero(lost_by(trace, "orders", deadline_ns=finished)).tolist() == [last - 1]


@pytest.mark.parametrize(
    ("trace", "detail", "witness"),
    [
        (
            run_with("at_most_once", handled=((7, 2000, Handling.SKIPPED),), crashes=AGAIN),
            "orders (at_most_once): position 7 was handled again",
            (7,),
        ),
        (
            run_with("at_most_once", applied=(5, NaT)),
            "orders (at_most_once): position 5 was lost without a crash",
            (5,),
        ),
        (
            run_with("at_least_once", applied=(5, NaT)),
            "orders (at_least_once): position 5 was delivered and never applied",
            (5,),
        ),
        (
            run_with("exactly_once_effect", applied=(5, NaT)),
            "orders (exactly_once_effect): position 5 was delivered and never applied",
            (5,),
        ),
        (
            run_with("exactly_once_effect", handled=((7, 2000, Handling.REPEATED),), crashes=AGAIN),
            "orders (exactly_once_effect): position 7 took effect again",
            (7,),
        ),
        (
            run_with(handled=((7, 2000, Handling.REPEATED),)),
            "orders (at_least_once): position 7 was handled again without a crash",
            (7,),
        ),
        (
            run_with(handled=((6, 2000, Handling.SKIPPED),), crashes=AGAIN),
            "orders (at_least_once): position 6 came again, and was not behind the checkpoint",
            (6,),
        ),
        (
            run_with(handled=((7, 999, Handling.SKIPPED),), crashes=AGAIN),
            "orders (at_least_once): position 7 came again, and was not behind the checkpoint",
            (7,),
        ),
        (
            run_with(crashes=((1000, 3, 8, 5),)),
            "orders (at_least_once): 5 events up to position 8 came again, more than a batch of 4",
            (8,),
        ),
    ],
)
def test_a_broken_promise_is_caught(trace: Trace, detail: str, witness: tuple[int, ...]) -> None:
    check = check_promises(trace, BATCHES)
    assert (check.ok, check.detail, check.witness) == (False, detail, witness)
    assert not summarise(trace, planned=Planned(batches=BATCHES)).is_correct


def test_a_repetition_is_no_breach_of_at_least_once_but_its_second_effect_is_a_fault() -> None:
    trace = run_with(handled=((7, 2000, Handling.REPEATED),), crashes=AGAIN)
    assert check_promises(trace, BATCHES).ok
    assert not check_effects(trace).ok


def test_what_was_lost_with_the_batch_of_a_crash_keeps_at_most_once() -> None:
    trace = run_with("at_most_once", applied=(5, NaT), crashes=((1000, 5, 5, 0),))
    assert check_promises(trace, BATCHES).ok
    found = summarise_delivery(trace)["orders"]
    assert (found.crashes, found.lost, found.redelivered) == (1, 1, 0)
    assert not summarise(trace).is_correct, "what is lost is a fault whatever was promised"


def test_at_most_once_stores_its_checkpoint_before_it_applies() -> None:
    trace = run_with()
    taken = trace.deliveries.taken
    early = attrs.evolve(trace, deliveries=attrs.evolve(trace.deliveries, checkpointed=taken))
    failed = {check.name for check in summarise(early).checks if not check.ok}
    assert failed == {"stamps"}
    both = ("at_most_once", "at_most_once")
    assert summarise(attrs.evolve(early, delivery_modes=both)).is_correct
