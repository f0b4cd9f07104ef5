"""What became of events that came too early: counts and witnesses, from planted rows."""

from typing import Any

import attrs
import numpy as np
from traces import Plan, make_trace, stamps

from cqrs_sim.analysis.delivery import check_run
from cqrs_sim.analysis.gaps import check_applied_by_version, summarise_gaps
from cqrs_sim.analysis.planned import Planned
from cqrs_sim.measurement.delivery_tables import CrashTable, HandlingTable
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.probe import NO_READ_MODEL, Handling

PLAN = Plan(seconds=1.0, orders=5, rejected_share=0.0)
MENDING = {"orders"}


def run_with(
    *handled: tuple[int, int, Handling], applied: dict[int, int | None], crashed: int | None = None
) -> Trace:
    """A right run with (position, instant, kind) about `orders`, and when it applied some."""
    trace = make_trace(PLAN)
    column = trace.deliveries.applied.copy()
    for position, instant in applied.items():
        column[position - 1] = stamps(instant)[0]
    positions, instants, kinds = zip(*handled, strict=True) if handled else ((),) * 3
    crashes: tuple[int, ...] = () if crashed is None else (crashed,)
    rows: dict[str, Any] = {"resumed": 1, "reached": 1, "repeated": 0}
    types = {"resumed": np.int64, "reached": np.int64, "repeated": np.int32}
    return attrs.evolve(
        trace,
        deliveries=attrs.evolve(trace.deliveries, applied=column),
        handlings=HandlingTable(
            read_model=np.zeros(len(handled), np.int8),
            position=np.array(positions, np.int64),
            handled=stamps(*instants),
            kind=np.array(kinds, np.int8),
        ),
        crashes=CrashTable(
            read_model=np.full(len(crashes), NO_READ_MODEL, np.int8),
            crashed=stamps(*crashes),
            restarted=stamps(*crashes),
            **{n: np.full(len(crashes), value, types[n]) for n, value in rows.items()},
        ),
    )


def test_nothing_is_said_of_read_models_that_do_not_look_for_gaps() -> None:
    assert summarise_gaps(make_trace(PLAN), frozenset()) == {}
    found = summarise_gaps(make_trace(PLAN), MENDING)["orders"]
    assert (found.gaps, found.buffered_max, found.parked, found.first_parked) == (0, 0, 0, None)


def test_most_are_counted_as_held_at_the_end_of_an_instant() -> None:
    trace = run_with(
        (10, 100, Handling.HELD),
        (11, 110, Handling.HELD),
        (12, 120, Handling.HELD),
        (13, 120, Handling.HELD),
        applied={10: 120, 11: 120, 12: 130, 13: 120},
    )
    found = summarise_gaps(trace, MENDING)["orders"]
    assert (found.gaps, found.buffered, found.buffered_max) == (4, 4, 2)
    assert (found.parked, found.dropped, found.fetched) == (0, 0, 0)
    assert found.told == "4 events came too early, 4 held, at most 2 at once"


def test_what_still_waits_is_parked_and_the_first_says_for_which_version() -> None:
    trace = make_trace(PLAN)
    of_order = trace.events.position[trace.events.order == trace.events.order[20]].tolist()
    missing, *held = of_order[-3:]
    trace = run_with(
        *((position, 500 + position, Handling.HELD) for position in held),
        applied=dict.fromkeys((missing, *held)),
    )
    found = summarise_gaps(trace, MENDING)["orders"]
    assert (found.parked, found.buffered_max) == (2, 2)
    first = found.first_parked
    assert first is not None
    assert first.position == held[0]
    assert first.waits_for == int(trace.events.version[missing - 1])
    assert first.event == f"{first.order}#{first.waits_for + 1}"
    assert found.told.endswith(
        f"2 parked, first {first.event}, which waits for version {first.waits_for}"
    )


def test_what_was_held_when_the_process_ended_was_lost_with_the_buffer() -> None:
    trace = run_with(
        (10, 100, Handling.HELD),
        (11, 110, Handling.HELD),
        (12, 300, Handling.HELD),
        applied={10: 150, 11: None, 12: None},
        crashed=200,
    )
    found = summarise_gaps(trace, MENDING)["orders"]
    assert (found.buffered, found.buffered_max) == (3, 2)
    assert (found.dropped, found.parked) == (1, 1)
    assert found.first_parked is not None
    assert found.first_parked.position == 12


def test_what_is_fetched_is_counted_as_often_as_it_is_read() -> None:
    trace = run_with(
        (11, 100, Handling.FETCHING),
        (10, 100, Handling.FETCHED),
        (12, 105, Handling.FETCHING),
        (10, 105, Handling.FETCHED),
        (10, 110, Handling.LATE),
        applied={},
    )
    found = summarise_gaps(trace, MENDING)["orders"]
    assert (found.gaps, found.buffered, found.fetched, found.late) == (2, 0, 2, 1)
    assert found.told == (
        "2 events came too early, 2 fetched from the log, 1 skipped that came after it"
    )


def test_an_event_that_is_shown_before_one_that_it_follows_is_caught() -> None:
    trace = make_trace(PLAN)
    assert check_applied_by_version(trace, MENDING).ok
    first, second = trace.events.position[trace.events.order == trace.events.order[0]][:2].tolist()
    early = run_with(applied={second: 1})
    found = check_applied_by_version(early, MENDING)
    assert not found.ok
    assert found.witness == (second,)
    assert f"position {second} before one that it follows" in found.detail
    assert check_applied_by_version(early, {"search"}).ok

    over_a_gap = run_with(applied={first: None})
    assert check_applied_by_version(over_a_gap, MENDING).witness == (second,)
    parked = run_with(applied=dict.fromkeys(over_a_gap.events.position.tolist()))
    assert check_applied_by_version(parked, MENDING).ok


def test_it_is_asked_of_a_run_in_which_tasks_look_for_gaps_and_of_no_other() -> None:
    trace = make_trace(PLAN)
    named = {check.name for check in check_run(trace, Planned(mending=frozenset(MENDING)))}
    assert named - {check.name for check in check_run(trace, Planned())} == {"applied_by_version"}
