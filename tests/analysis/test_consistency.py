"""Each checker passes a right run and catches the fault planted for it."""

from collections.abc import Callable

import attrs
import numpy as np
import pytest
from traces import NaT, Plan, make_trace

from cqrs_sim.analysis.consistency import (
    CheckResult,
    check_applied_in_order,
    check_conservation,
    check_nothing_doubled,
    check_nothing_lost,
    check_order_kept,
    check_positions,
    check_stage_sums,
    check_stamps,
    check_trace,
    check_versions,
)
from cqrs_sim.measurement.trace import Trace, select
from cqrs_sim.probe import Outcome

PLAN = Plan(seconds=2.0, orders=5)
OVERLOAD = Plan(drain_s=1.0, read_ns=(("orders", 500_000), ("search", 1_300_000)))


def planted(trace: Trace, table: str, column: str, row: int, value: int | np.timedelta64) -> Trace:
    """The same trace with one cell changed."""
    arrays = trace.to_arrays()
    changed = arrays[f"{table}.{column}"].copy()
    changed[row] = value
    return Trace.from_arrays({**arrays, f"{table}.{column}": changed})


def accepted_row(trace: Trace) -> int:
    return int(trace.events.command[100])


@pytest.mark.parametrize("plan", [PLAN, OVERLOAD, Plan(rate_per_s=0.0)])
def test_a_right_run_passes_every_check(plan: Plan) -> None:
    trace = make_trace(plan)
    checks = check_trace(trace, deadline_ns=trace.ended_ns)
    assert [check for check in checks if not check.ok] == []
    assert len({check.name for check in checks}) == len(checks) == 9


def test_conservation_counts_every_outcome() -> None:
    trace = make_trace(PLAN)
    rejected = len(trace.commands) - len(trace.events)
    assert check_conservation(trace).detail == (
        f"{len(trace.commands):,} commands offered = {len(trace.events):,} accepted + "
        f"{rejected} rejected"
    )


def test_an_accepted_command_without_an_event_is_caught() -> None:
    trace = make_trace(PLAN)
    row = int(np.flatnonzero(trace.commands.outcome == Outcome.REJECTED)[0])
    check = check_conservation(planted(trace, "commands", "outcome", row, Outcome.ACCEPTED))
    assert check == CheckResult(
        name="conservation",
        ok=False,
        detail=f"command {row} was accepted and has no event",
        witness=(row,),
    )


def test_a_rejected_command_with_an_event_is_caught() -> None:
    trace = make_trace(PLAN)
    row = accepted_row(trace)
    check = check_conservation(planted(trace, "commands", "outcome", row, Outcome.REJECTED))
    assert (check.ok, check.witness) == (False, (row,))


def test_an_event_without_a_command_is_caught() -> None:
    trace = make_trace(PLAN)
    check = check_conservation(planted(trace, "events", "command", 7, -1))
    assert (check.ok, check.detail) == (False, "event 8 has no command")


def test_a_command_whose_caller_went_away_may_have_an_event_or_not() -> None:
    trace = make_trace(PLAN)
    row = accepted_row(trace)
    assert check_conservation(planted(trace, "commands", "outcome", row, Outcome.UNKNOWN)).ok


def test_a_hole_in_the_positions_is_caught() -> None:
    trace = make_trace(PLAN)
    check = check_positions(planted(trace, "events", "position", 41, 4000))
    assert check.detail == "position 4000 stands where 42 is due"


def test_a_position_visible_too_early_is_caught() -> None:
    trace = make_trace(PLAN)
    early = trace.events.committed[40] - np.timedelta64(1, "ns")
    check = check_positions(planted(trace, "events", "committed", 41, early))
    assert check.detail == "position 42 was visible before the one before it"


def test_a_version_that_does_not_follow_is_caught() -> None:
    trace = make_trace(PLAN)
    row = int(np.flatnonzero(trace.events.version == 3)[0])
    order = trace.order_ids[trace.events.order[row]]
    check = check_versions(planted(trace, "events", "version", row, 4))
    assert not check.ok
    assert check.detail.startswith(f"position {row + 1} is version 4 of {order}")
    assert check.witness[0] == row + 1


def test_an_order_begins_with_version_one_unless_it_was_set_up_before_the_run() -> None:
    trace = make_trace(PLAN)
    events = attrs.evolve(trace.events, version=trace.events.version + 1)
    assert not check_versions(attrs.evolve(trace, events=events)).ok
    assert check_versions(attrs.evolve(trace, events=events, first_position=6)).ok


def test_a_command_that_overtakes_another_of_its_order_is_caught() -> None:
    trace = make_trace(PLAN)
    commands = trace.commands
    first, second = (int(row) for row in np.flatnonzero(commands.order == 3)[10:12])
    later = commands.dequeued[second] + np.timedelta64(1, "ns")
    check = check_order_kept(planted(trace, "commands", "dequeued", first, later))
    assert check.detail == f"command {second} overtook command {first}"
    unfinished = planted(trace, "commands", "dequeued", first, NaT)
    unfinished = planted(unfinished, "commands", "outcome", first, Outcome.UNFINISHED)
    assert check_order_kept(unfinished).witness == (second,)


def test_a_refused_command_was_never_in_line() -> None:
    trace = make_trace(PLAN)
    refused = planted(trace, "commands", "dequeued", 5, NaT)
    assert check_order_kept(planted(refused, "commands", "outcome", 5, Outcome.REFUSED)).ok


def test_an_event_delivered_twice_is_caught() -> None:
    trace = make_trace(PLAN)
    rows = np.sort(np.append(np.arange(len(trace.deliveries)), 9))
    check = check_nothing_doubled(attrs.evolve(trace, deliveries=select(trace.deliveries, rows)))
    assert check.detail == "orders was given position 10 twice"


def test_an_event_that_the_log_does_not_have_is_caught() -> None:
    trace = make_trace(PLAN)
    check = check_nothing_doubled(planted(trace, "deliveries", "position", -1, 1_000_000))
    assert check.detail == "search was given position 1000000, unknown"


def never_applied(trace: Trace, row: int) -> Trace:
    for column in ("delivered", "taken", "applied", "checkpointed"):
        trace = planted(trace, "deliveries", column, row, NaT)
    return trace


def test_an_event_skipped_by_a_read_model_is_caught_whenever_the_run_ended() -> None:
    trace = never_applied(make_trace(PLAN), 9)
    for deadline_ns in (None, trace.ended_ns, trace.ended_ns + 1):
        check = check_nothing_lost(trace, deadline_ns=deadline_ns)
        assert check.detail == "orders never applied position 10"


def test_an_event_skipped_without_a_delivery_row_is_caught() -> None:
    trace = make_trace(PLAN)
    rows = np.delete(np.arange(len(trace.deliveries)), 9)
    trace = attrs.evolve(trace, deliveries=select(trace.deliveries, rows))
    assert check_nothing_lost(trace).witness == (10,)


def test_the_last_event_may_still_wait_at_the_deadline_but_not_before_it() -> None:
    trace = never_applied(make_trace(PLAN), -1)
    assert check_nothing_lost(trace, deadline_ns=trace.ended_ns).detail == (
        "events still waiting at the end: 0 of orders, 1 of search"
    )
    check = check_nothing_lost(trace, deadline_ns=trace.ended_ns + 1)
    assert check.witness == (len(trace.events),)


def test_an_event_applied_before_its_predecessor_is_caught() -> None:
    trace = make_trace(PLAN)
    early = trace.deliveries.applied[49] - np.timedelta64(1, "ns")
    check = check_applied_in_order(planted(trace, "deliveries", "applied", 50, early))
    assert check.detail == "orders: position 51 was applied before the one before it"


NANOSECOND = np.timedelta64(1, "ns")


@pytest.mark.parametrize(
    ("table", "column", "before", "told"),
    [
        ("commands", "submitted", "intended", "was submitted before an earlier stage"),
        ("commands", "dequeued", "submitted", "was dequeued before an earlier stage"),
        ("commands", "committed", "dequeued", "was committed before an earlier stage"),
        ("commands", "acknowledged", "committed", "was acknowledged before an earlier stage"),
        ("deliveries", "taken", "delivered", "was taken before an earlier stage"),
        ("deliveries", "applied", "taken", "was applied before an earlier stage"),
        ("deliveries", "checkpointed", "applied", "was checkpointed before an earlier stage"),
        ("queries", "answered", "submitted", "was answered before an earlier stage"),
    ],
)
def test_a_stage_before_the_one_before_it_is_caught(
    table: str, column: str, before: str, told: str
) -> None:
    trace = make_trace(PLAN)
    row = accepted_row(trace) if table == "commands" else 100
    early = getattr(getattr(trace, table), before)[row] - NANOSECOND
    check = check_stamps(planted(trace, table, column, row, early))
    assert not check.ok
    assert told in check.detail


def test_a_missing_stage_does_not_hide_an_earlier_one() -> None:
    """A rejected command has no commit, yet may not be acknowledged before it was dequeued."""
    trace = make_trace(PLAN)
    row = int(np.flatnonzero(trace.commands.outcome == Outcome.REJECTED)[0])
    early = trace.commands.dequeued[row] - NANOSECOND
    assert check_stamps(planted(trace, "commands", "acknowledged", row, early)).witness == (row,)


def test_an_event_delivered_before_its_commit_is_caught() -> None:
    trace = make_trace(PLAN)
    early = trace.events.committed[50] - NANOSECOND
    check = check_stamps(planted(trace, "deliveries", "delivered", 50, early))
    assert check.detail == "orders was delivered position 51 before it was committed"


def test_an_event_with_another_commit_than_its_command_is_caught() -> None:
    trace = make_trace(PLAN)
    late = trace.events.committed[50] + NANOSECOND
    assert check_stamps(planted(trace, "events", "committed", 50, late)).witness == (51,)


def test_an_applied_event_that_passed_no_channel_is_caught() -> None:
    check = check_stage_sums(planted(make_trace(PLAN), "deliveries", "taken", 50, NaT))
    assert check.detail == "orders: the stages of position 51 do not sum to its lag"


def test_a_fault_names_at_most_five_witnesses_and_counts_the_rest() -> None:
    trace = make_trace(PLAN)
    outcome = np.where(trace.commands.outcome == Outcome.ACCEPTED, Outcome.REJECTED, 0)
    commands = attrs.evolve(trace.commands, outcome=outcome.astype(np.int8))
    check = check_conservation(attrs.evolve(trace, commands=commands))
    assert len(check.witness) == 5
    assert check.detail.endswith(f"(and {len(trace.events) - 1:,} more)")


CHECKS: list[Callable[[Trace], CheckResult]] = [
    check_conservation,
    check_positions,
    check_versions,
    check_order_kept,
    check_nothing_doubled,
    check_nothing_lost,
    check_applied_in_order,
    check_stamps,
    check_stage_sums,
]


def test_check_trace_runs_all_of_them() -> None:
    trace = make_trace(PLAN)
    assert check_trace(trace) == tuple(check(trace) for check in CHECKS)
