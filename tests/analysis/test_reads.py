"""What reads paid and what they got, on traces whose every answer is known."""

import json

import attrs
import numpy as np
import pytest
from numpy.typing import NDArray
from traces import Plan, make_trace, stamps

from cqrs_sim.analysis.reads import summarise_reads
from cqrs_sim.measurement.trace import CommandTable, EventTable, QueryTable, Trace, select
from cqrs_sim.measurement.versions import versions_missing
from cqrs_sim.probe import NO_READ_MODEL, Outcome, QueryOutcome, Strategy

EVENTUAL, AT_LEAST, WRITE_SIDE = map(int, Strategy)
UNFINISHED, ANSWERED, TIMED_OUT, REFUSED = map(int, QueryOutcome)

ROWS = (
    # intended, answered, kind, session, order, position, strategy, outcome
    (100, 100, 0, 1, 0, 1, EVENTUAL, ANSWERED),  # Lacks version 2, its own, of 50: 50 old.
    (100, 100, 0, 2, 0, 1, EVENTUAL, ANSWERED),  # Lacks it too, but it is not its own.
    (100, 100, 0, 1, 1, 0, EVENTUAL, ANSWERED),  # The other order: nothing of it is there yet.
    (100, 140, 0, 1, 0, 2, AT_LEAST, ANSWERED),
    (100, None, 0, 1, 0, 0, AT_LEAST, TIMED_OUT),
    (100, 107, 0, 1, 0, 3, WRITE_SIDE, ANSWERED),
    (100, None, 0, 1, 0, 0, WRITE_SIDE, REFUSED),
    (100, None, 0, 1, 0, 0, WRITE_SIDE, UNFINISHED),
    (100, 100, 1, 1, -1, 1, EVENTUAL, ANSWERED),  # A statistic: lacks the event of 50.
)


def known() -> Trace:
    """Session 1 writes versions 1 and 2 of order 0 at 10 and 50; order 1 begins at 120."""
    base = make_trace(Plan(seconds=1.0, rate_per_s=0.0))
    written = stamps(10, 50, 120)
    commands = CommandTable(
        intended=stamps(0, 40, 110),
        submitted=stamps(0, 40, 110),
        dequeued=stamps(0, 40, 110),
        committed=written,
        acknowledged=written,
        order=np.array([0, 0, 1], np.int32),
        kind=np.zeros(3, np.int8),
        session=np.array([1, 1, 9], np.int32),
        outcome=np.full(3, Outcome.ACCEPTED, np.int8),
        version=np.array([1, 2, 1], np.int32),
        position=np.array([1, 2, 3], np.int64),
    )
    events = EventTable(
        position=np.array([1, 2, 3], np.int64),
        command=np.array([0, 1, 2], np.int32),
        order=np.array([0, 0, 1], np.int32),
        version=np.array([1, 2, 1], np.int32),
        committed=written,
    )
    intended, answered, kind, session, order, position, strategy, outcome = zip(*ROWS, strict=True)
    orders, positions = np.array(order, np.int32), np.array(position, np.int64)
    queries = QueryTable(
        intended=stamps(*intended),
        submitted=stamps(*intended),
        answered=stamps(*answered),
        kind=np.array(kind, np.int8),
        session=np.array(session, np.int32),
        read_model=np.where(np.array(strategy) == WRITE_SIDE, NO_READ_MODEL, 0).astype(np.int8),
        order=orders,
        position=positions,
        versions_missing=versions_missing(orders, stamps(*answered), positions, events),
        strategy=np.array(strategy, np.int8),
        outcome=np.array(outcome, np.int8),
    )
    return attrs.evolve(base, commands=commands, events=events, queries=queries)


def test_each_kind_and_strategy_has_a_row_of_its_own() -> None:
    rows = summarise_reads(known()).rows
    assert [(row.kind, row.strategy) for row in rows] == [
        ("GetOrderById", "eventual"),
        ("GetOrderById", "at_least"),
        ("GetOrderById", "write_side"),
        ("GetOrderStatistics", "eventual"),
    ]
    assert [row.n for row in rows] == [3, 2, 3, 1]


def test_eventual_reads_pay_nothing_and_miss_what_their_session_wrote() -> None:
    row = summarise_reads(known()).of("GetOrderById", "eventual")
    assert row is not None
    assert (row.answered, row.answered_mean_s) == (3, 0.0)
    assert row.stale == 2
    assert row.stale_share == pytest.approx(2 / 3)
    assert (row.age_s.n, row.age_s.censored) == (3, 0)
    assert row.age_s.mean == pytest.approx(50e-9 * 2 / 3)
    assert row.age_s.max == 50e-9
    assert row.versions_missing_mean == pytest.approx(2 / 3)
    assert row.versions_missing_max == 1
    # Session 2 wrote nothing and session 1 never wrote order 1.
    assert (row.own_writes, row.missed_own_share) == (1, 1.0)


def test_reads_at_least_pay_the_wait_and_their_timeouts_are_counted() -> None:
    row = summarise_reads(known()).of("GetOrderById", "at_least")
    assert row is not None
    assert (row.answered, row.timed_out, row.refused, row.unfinished) == (1, 1, 0, 0)
    assert (row.own_writes, row.missed_own_share, row.age_s.mean) == (1, 0.0, 0.0)
    assert row.answered_mean_s == pytest.approx(40e-9)


def test_a_query_without_an_answer_makes_no_strategy_look_fast() -> None:
    row = summarise_reads(known()).of("GetOrderById", "at_least")
    assert row is not None
    assert (row.response_s.n, row.response_s.censored) == (2, 1)
    assert row.response_s.max is None
    assert row.response_s.mean is None


def test_what_was_given_up_is_paid_for_until_then() -> None:
    """One waited 40 ns for its answer, one 900 ns for nothing."""
    row = summarise_reads(known(), timeout_ns=900).of("GetOrderById", "at_least")
    assert row is not None
    assert row.paid_mean_s == pytest.approx((40 + 900) / 2 * 1e-9)
    assert row.answered_mean_s == pytest.approx(40e-9)


def test_without_the_timeout_nobody_knows_what_was_paid() -> None:
    rows = {row.strategy: row.paid_mean_s for row in summarise_reads(known()).rows[:3]}
    trace = known()
    # Answered after 7 ns, refused at once, unfinished when the run ended.
    assert rows["write_side"] == pytest.approx((7 + 0 + trace.ended_ns - 100) / 3 * 1e-9)
    assert (rows["eventual"], rows["at_least"]) == (0.0, None)


def test_the_write_side_refuses_and_leaves_unfinished_too() -> None:
    row = summarise_reads(known()).of("GetOrderById", "write_side")
    assert row is not None
    assert (row.answered, row.timed_out, row.refused, row.unfinished) == (1, 0, 1, 1)
    assert (row.stale, row.stale_share) == (0, 0.0)
    assert (row.versions_missing_mean, row.versions_missing_max) == (0.0, 0)


def test_an_answer_about_no_order_has_no_versions_and_no_own_write() -> None:
    row = summarise_reads(known()).of("GetOrderStatistics", "eventual")
    assert row is not None
    assert (row.versions_missing_mean, row.versions_missing_max) == (None, None)
    assert (row.own_writes, row.missed_own_share) == (0, None)
    assert (row.stale, row.stale_share, row.age_s.mean) == (1, 1.0, 50e-9)


def test_strategies_without_any_answer_have_no_staleness_either() -> None:
    trace = known()
    failed = trace.queries.outcome != ANSWERED
    only_failed = attrs.evolve(trace, queries=select(trace.queries, failed))
    row = summarise_reads(only_failed).of("GetOrderById", "at_least")
    assert row is not None
    assert (row.answered_mean_s, row.stale_share, row.missed_own_share) == (None, None, None)
    assert (row.stale, row.age_s.n, row.age_s.mean) == (0, 0, None)


def test_a_stale_answer_of_age_0_is_stale() -> None:
    """Version 2 was committed at the very instant of the answer."""
    trace = known()
    first = select(trace.queries, slice(0, 1))
    at_once = attrs.evolve(first, intended=stamps(50), submitted=stamps(50), answered=stamps(50))
    (row,) = summarise_reads(attrs.evolve(trace, queries=at_once)).rows
    assert (row.stale, row.stale_share, row.age_s.max) == (1, 1.0, 0.0)


def looped_ages_ns(trace: Trace, rows: NDArray[np.bool_]) -> list[int]:
    """The definition, row by row; -1 where nothing is lacking."""
    events, queries, ages = trace.events, trace.queries, []
    for row in np.flatnonzero(rows).tolist():
        lacks = events.position > queries.position[row]
        lacks &= events.committed <= queries.answered[row]
        if queries.order[row] >= 0:
            lacks &= events.order == queries.order[row]
        age_ns = (queries.answered[row] - events.committed[lacks]).astype(np.int64)
        ages.append(int(age_ns.max(initial=-1)))
    return ages


def test_the_staleness_of_each_kind_is_what_a_loop_says() -> None:
    trace = make_trace(Plan(orders=20, read_ns=(("orders", 900_000),)))
    second, found = 1_000_000_000, 0
    for row in summarise_reads(trace, after_ns=second).rows:
        of_kind = trace.queries.kind == trace.query_kinds.index(row.kind)
        rows = of_kind & (trace.queries.intended >= np.timedelta64(second, "ns"))
        ages = looped_ages_ns(trace, rows)
        assert row.answered == row.age_s.n == len(ages)
        assert row.stale == sum(age >= 0 for age in ages) > 0
        assert row.age_s.max == max(ages) / 1e9
        assert row.age_s.mean == pytest.approx(sum(max(age, 0) for age in ages) / len(ages) / 1e9)
        if row.versions_missing_max is not None:
            missing = trace.queries.versions_missing[rows]
            assert row.stale == np.count_nonzero(missing > 0)
            assert row.versions_missing_max == missing.max()
            assert row.versions_missing_mean == pytest.approx(missing.mean())
        found += 1
    assert found == 2


def test_what_was_asked_in_the_warm_up_is_left_out() -> None:
    assert summarise_reads(known(), after_ns=101).rows == ()


def test_the_summary_is_plain_json_by_kind_and_strategy() -> None:
    found = json.loads(json.dumps(summarise_reads(known()).to_json()))
    assert list(found["GetOrderById"]) == ["eventual", "at_least", "write_side"]
    assert found["GetOrderById"]["at_least"]["timed_out"] == 1
    assert "kind" not in found["GetOrderStatistics"]["eventual"]


def withheld(*saturated: str) -> dict[tuple[str, str], tuple[str, ...]]:
    rows = summarise_reads(known(), timeout_ns=900, saturated=saturated).rows
    return {(row.kind, row.strategy): row.withheld for row in rows}


MISSING = ("versions_missing_mean", "versions_missing_max")
WAITED_FOR = ("response_s", "answered_mean_s", "paid_mean_s")


def test_the_stage_that_answers_is_named_even_if_those_who_waited_for_it_got_no_answer() -> None:
    trace = known()
    last = trace.queries.outcome.copy()
    answered = trace.queries.answered.copy()
    last[3], answered[3] = TIMED_OUT, np.timedelta64("NaT", "ns")
    queries = attrs.evolve(trace.queries, outcome=last, answered=answered)
    rows = summarise_reads(attrs.evolve(trace, queries=queries)).rows
    assert [row.answered_by for row in rows] == ["orders", "orders", "write side", "orders"]


def test_behind_a_saturated_read_model_ages_are_withheld_and_the_price_of_waiting_for_it() -> None:
    """They would measure how long the run was; an eventual read waits for nothing."""
    assert withheld("orders", "another") == {
        ("GetOrderById", "eventual"): ("age_s", *MISSING),
        ("GetOrderById", "at_least"): ("age_s", *MISSING, *WAITED_FOR),
        ("GetOrderById", "write_side"): (),
        ("GetOrderStatistics", "eventual"): ("age_s",),
    }
    row = summarise_reads(known(), timeout_ns=900, saturated={"orders"}).of(
        "GetOrderById", "at_least"
    )
    assert row is not None
    assert (row.age_s.p50, row.age_s.max, row.age_s.mean, row.age_s.n) == (None, None, None, 1)
    assert (row.response_s.max, row.response_s.n, row.response_s.censored) == (None, 2, 1)
    assert (row.answered_mean_s, row.paid_mean_s) == (None, None)
    assert (row.versions_missing_mean, row.versions_missing_max) == (None, None)
    assert (row.stale_share, row.missed_own_share) == (0.0, 0.0)


def test_reads_at_a_saturated_write_side_have_no_response_and_still_lack_nothing() -> None:
    found = withheld("write side")
    assert found["GetOrderById", "write_side"] == WAITED_FOR
    assert found["GetOrderById", "at_least"] == found["GetOrderById", "eventual"] == ()
    row = summarise_reads(known(), saturated={"write side"}).of("GetOrderById", "write_side")
    assert row is not None
    assert (row.answered_mean_s, row.age_s.max) == (None, 0.0)


def test_a_run_without_queries_has_no_reads() -> None:
    assert summarise_reads(make_trace(Plan(seconds=1.0, query_share=0.0))).rows == ()
