"""Rates over time, and backlogs."""

import attrs
import numpy as np
import pytest
from traces import Plan, make_trace, stamps

from cqrs_sim.analysis.rates import (
    backlog,
    backlog_age_s,
    last_activity_ns,
    mailbox_backlog,
    rates,
)
from cqrs_sim.measurement.trace import QueryTable, Trace
from cqrs_sim.probe import Outcome

SECOND = 1_000_000_000
OVERLOAD = Plan(drain_s=1.0, read_ns=(("orders", 500_000), ("search", 1_300_000)))


def tiny() -> Trace:
    return make_trace(Plan(seconds=0.1, rate_per_s=100.0, orders=1, rejected_share=0.0))


def test_rates_count_every_command_and_event_once() -> None:
    trace = make_trace(Plan())
    found = rates(trace, bins=20)
    width_s = np.diff(found.edges_s)
    assert found.offered_per_s @ width_s == pytest.approx(len(trace.commands))
    assert found.accepted_per_s @ width_s == pytest.approx(len(trace.events))
    np.testing.assert_allclose(found.applied_per_s @ width_s, len(trace.events))
    assert found.applied_per_s.shape == (2, 20)


def test_the_applied_rate_of_an_overloaded_read_model_is_its_capacity() -> None:
    found = rates(make_trace(OVERLOAD), bins=15)
    steady = slice(2, 9)
    assert found.offered_per_s[steady].mean() == pytest.approx(1000.0, rel=0.05)
    assert found.applied_per_s[1][steady].mean() == pytest.approx(1 / 0.0013, rel=0.05)


def test_the_backlog_is_a_step_function_of_commits_and_applications() -> None:
    trace = make_trace(OVERLOAD)
    at_ns = np.array([0, 5 * SECOND, 10 * SECOND])
    committed = trace.events.committed.astype(np.int64)
    applied = trace.deliveries_of("search").applied.astype(np.int64)
    expected = [
        np.count_nonzero(committed <= at) - np.count_nonzero((applied <= at) & (applied >= 0))
        for at in at_ns
    ]
    assert backlog(trace, "search", at_ns).tolist() == expected
    assert expected[2] > expected[1] > 0


def test_what_happens_at_the_instant_counts() -> None:
    trace = tiny()
    first = int(trace.events.committed[0].astype(np.int64))
    assert backlog(trace, "orders", np.array([first - 1, first])).tolist() == [0, 1]


def looped_age_s(trace: Trace, read_model: str, at_ns: int) -> float:
    """The definition: now - committed of the oldest event committed and not applied."""
    committed = trace.events.committed.astype(np.int64)
    stamps_of_one = trace.deliveries_of(read_model).applied
    applied = np.where(np.isnat(stamps_of_one), 2**62, stamps_of_one.astype(np.int64))
    waits = (committed <= at_ns) & (applied > at_ns)
    return float(at_ns - committed[waits].min()) / 1e9 if waits.any() else 0.0


@pytest.mark.parametrize("is_in_order", [True, False])
def test_the_age_of_a_backlog_is_that_of_its_oldest_event(is_in_order: bool) -> None:
    trace = make_trace(attrs.evolve(OVERLOAD, seconds=2.0, drain_s=0.3))
    if not is_in_order:
        applied = trace.deliveries.applied.copy()
        applied[5::7] += np.timedelta64(30_000_000, "ns")  # Some are applied after their followers.
        applied[11::50] = np.timedelta64("NaT", "ns")
        applied[applied.astype(np.int64) > trace.ended_ns] = np.timedelta64("NaT", "ns")
        trace = attrs.evolve(trace, deliveries=attrs.evolve(trace.deliveries, applied=applied))
    at_ns = np.linspace(0, trace.ended_ns, 200).astype(np.int64)
    for name in trace.read_models:
        expected = [looped_age_s(trace, name, at) for at in at_ns.tolist()]
        np.testing.assert_allclose(backlog_age_s(trace, name, at_ns), expected, rtol=1e-12)
        assert max(expected) > 0.0


def test_an_empty_backlog_has_no_age() -> None:
    trace = make_trace(Plan())
    assert backlog_age_s(trace, "orders", np.array([0, trace.ended_ns])).tolist() == [0.0, 0.0]
    nothing = make_trace(Plan(rate_per_s=0.0))
    assert backlog_age_s(nothing, "orders", np.array([5])).tolist() == [0.0]


def test_a_drained_run_ends_with_no_backlog() -> None:
    trace = make_trace(Plan())
    end = np.array([trace.ended_ns])
    assert backlog(trace, "orders", end).tolist() == [0]
    assert mailbox_backlog(trace, end).tolist() == [0]


def test_commands_that_were_turned_away_were_never_in_a_mailbox() -> None:
    trace = tiny()
    count = len(trace.commands)
    nobody = attrs.evolve(
        trace.commands,
        dequeued=stamps(*[None] * count),
        outcome=np.full(count, Outcome.REFUSED, np.int8),
    )
    end = np.array([trace.ended_ns])
    assert mailbox_backlog(attrs.evolve(trace, commands=nobody), end).tolist() == [0]
    waiting = attrs.evolve(
        nobody,
        acknowledged=stamps(*[None] * count),
        outcome=np.full(count, Outcome.UNFINISHED, np.int8),
    )
    assert mailbox_backlog(attrs.evolve(trace, commands=waiting), end).tolist() == [count]


def test_a_query_waits_in_a_mailbox_until_the_order_actor_takes_it() -> None:
    trace = make_trace(Plan(seconds=1.0, rate_per_s=0.0))
    queries = QueryTable(
        intended=stamps(10, 10, 10, 10, 10),
        submitted=stamps(10, 10, 10, 10, 10),
        # Taken and answered; taken; waiting in the end; refused; not the write side's.
        dequeued=stamps(20, 25, None, None, None),
        answered=stamps(50, None, None, None, 60),
        kind=np.zeros(5, np.int8),
        session=np.zeros(5, np.int32),
        read_model=np.full(5, -1, np.int8),
        order=np.zeros(5, np.int32),
        position=np.zeros(5, np.int64),
        versions_missing=np.zeros(5),
        strategy=np.array([2, 2, 2, 2, 0], np.int8),
        outcome=np.array([1, 0, 0, 3, 1], np.int8),
    )
    at_ns = np.array([9, 10, 20, 25, 55])
    asked = attrs.evolve(trace, queries=queries)
    assert mailbox_backlog(asked, at_ns).tolist() == [0, 3, 2, 1, 1]
    # A file from before it was noted when they were taken: until they were answered.
    older = attrs.evolve(queries, dequeued=stamps(None, None, None, None, None))
    assert mailbox_backlog(attrs.evolve(trace, queries=older), at_ns).tolist() == [0, 3, 3, 3, 2]


def test_the_last_activity_is_the_end_only_if_something_still_waits() -> None:
    drained, cut = make_trace(Plan()), make_trace(OVERLOAD)
    assert drained.load_ended_ns <= last_activity_ns(drained) < drained.ended_ns
    assert last_activity_ns(cut) == cut.ended_ns


def test_an_empty_trace_has_rates_of_nought() -> None:
    found = rates(make_trace(Plan(rate_per_s=0.0)), bins=4)
    assert found.offered_per_s.tolist() == [0.0] * 4
