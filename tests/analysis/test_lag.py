"""Lags and times of one row, by the definitions."""

import attrs
import numpy as np
from traces import Plan, make_trace, stamps

from cqrs_sim.analysis.lag import (
    commands_after,
    consistency_lag_s,
    deliveries_by_event,
    events_after,
    lag_over_time,
    lag_parts,
    queries_after,
    queueing_s,
    response_time_s,
    schedule_slip_s,
    service_s,
    user_felt_window_s,
)
from cqrs_sim.measurement.trace import (
    CommandTable,
    DeliveryTable,
    EventTable,
    QueryTable,
    Trace,
    select,
)
from cqrs_sim.probe import Outcome

MS = 1_000_000


def three_commands() -> Trace:
    """Accepted and applied; accepted and never applied; rejected. Stamps in milliseconds."""
    return Trace(
        commands=CommandTable(
            intended=stamps(0, 10 * MS, 20 * MS),
            submitted=stamps(1 * MS, 10 * MS, 20 * MS),
            dequeued=stamps(3 * MS, 11 * MS, 21 * MS),
            committed=stamps(6 * MS, 13 * MS, None),
            acknowledged=stamps(8 * MS, 14 * MS, 25 * MS),
            order=np.array([0, 1, 0], np.int32),
            kind=np.zeros(3, np.int8),
            session=np.zeros(3, np.int32),
            outcome=np.array([Outcome.ACCEPTED, Outcome.ACCEPTED, Outcome.REJECTED], np.int8),
            version=np.array([1, 1, 0], np.int32),
            position=np.array([1, 2, 0], np.int64),
        ),
        events=EventTable(
            position=np.array([1, 2], np.int64),
            command=np.array([0, 1], np.int32),
            order=np.array([0, 1], np.int32),
            version=np.array([1, 1], np.int32),
            committed=stamps(6 * MS, 13 * MS),
        ),
        deliveries=DeliveryTable(
            read_model=np.array([0, 0], np.int8),
            position=np.array([1, 2], np.int64),
            delivered=stamps(7 * MS, 13 * MS),
            taken=stamps(9 * MS, None),
            applied=stamps(12 * MS, None),
            checkpointed=stamps(12 * MS, None),
        ),
        queries=QueryTable(
            intended=stamps(5 * MS),
            submitted=stamps(5 * MS),
            answered=stamps(6 * MS),
            kind=np.zeros(1, np.int8),
            session=np.zeros(1, np.int32),
            read_model=np.zeros(1, np.int8),
            order=np.array([0], np.int32),
            position=np.zeros(1, np.int64),
            versions_missing=np.array([1.0]),
        ),
        order_ids=("a", "b"),
        read_models=("orders",),
        command_kinds=("CreateOrder",),
        query_kinds=("GetOrderById",),
        load_ended_ns=30 * MS,
        ended_ns=40 * MS,
        first_position=1,
    )


def test_the_times_of_a_command_are_differences_of_its_stamps() -> None:
    trace = three_commands()
    np.testing.assert_array_equal(response_time_s(trace), [0.008, 0.004, 0.005])
    np.testing.assert_array_equal(schedule_slip_s(trace), [0.001, 0.0, 0.0])
    np.testing.assert_array_equal(queueing_s(trace), [0.002, 0.001, 0.001])
    np.testing.assert_array_equal(service_s(trace), [0.003, 0.002, np.nan])


def test_the_lag_of_an_event_is_from_commit_to_application() -> None:
    np.testing.assert_array_equal(consistency_lag_s(three_commands(), "orders"), [0.006, np.nan])


def test_the_parts_of_the_lag_sum_to_it() -> None:
    parts = lag_parts(three_commands(), "orders")
    np.testing.assert_array_equal(parts.fan_out, stamps(1 * MS, None))
    np.testing.assert_array_equal(parts.channel, stamps(2 * MS, None))
    np.testing.assert_array_equal(parts.apply, stamps(3 * MS, None))
    np.testing.assert_array_equal(parts.lag, stamps(6 * MS, None))


def test_the_parts_sum_exactly_in_a_long_run() -> None:
    trace = make_trace(Plan(drain_s=1.0, read_ns=(("orders", 1_300_000),)))
    deliveries = trace.deliveries_of("orders")
    lag = deliveries.applied - trace.events.committed
    assert np.isnat(lag).any()
    np.testing.assert_array_equal(lag_parts(trace, "orders").lag, lag)


def test_the_user_felt_window_begins_with_the_acknowledgement_and_is_never_negative() -> None:
    trace = three_commands()
    np.testing.assert_array_equal(user_felt_window_s(trace, "orders"), [0.004, np.nan])
    late = attrs.evolve(trace.commands, acknowledged=stamps(20 * MS, 14 * MS, 25 * MS))
    trace = attrs.evolve(trace, commands=late)
    np.testing.assert_array_equal(user_felt_window_s(trace, "orders"), [0.0, np.nan])


def test_an_event_without_a_delivery_row_was_not_applied() -> None:
    trace = three_commands()
    trace = attrs.evolve(trace, deliveries=select(trace.deliveries, slice(0, 1)))
    np.testing.assert_array_equal(consistency_lag_s(trace, "orders"), [0.006, np.nan])


def test_of_two_deliveries_the_first_counts() -> None:
    trace = three_commands()
    twice = select(trace.deliveries, np.array([0, 0, 1]))
    applied = twice.applied.copy()
    applied[1] = np.timedelta64(30 * MS, "ns")
    trace = attrs.evolve(trace, deliveries=attrs.evolve(twice, applied=applied))
    np.testing.assert_array_equal(consistency_lag_s(trace, "orders"), [0.006, np.nan])
    assert len(deliveries_by_event(trace, "orders")) == 2


def test_a_warm_up_cut_keeps_what_begins_at_its_end() -> None:
    trace = three_commands()
    assert commands_after(trace, 10 * MS).tolist() == [False, True, True]
    assert events_after(trace, 10 * MS).tolist() == [False, True]
    assert queries_after(trace, 10 * MS).tolist() == [False]


def test_lag_over_time_shows_bounds_where_the_lag_is_withheld() -> None:
    over_time = lag_over_time(three_commands(), "orders", np.array([0.0, 0.01, 0.02, 0.03]))
    np.testing.assert_allclose(over_time.middle_s, [0.005, 0.015, 0.025])
    np.testing.assert_array_equal(over_time.median_s, [0.006, np.nan, np.nan])
    np.testing.assert_array_equal(over_time.p99_s, [0.006, np.nan, np.nan])
    np.testing.assert_allclose(over_time.at_least_s, [np.nan, 0.025, np.nan])
