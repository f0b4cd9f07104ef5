"""Saturated stages and invalid measurements."""

import attrs
import numpy as np
import pytest
from traces import Plan, departures, make_trace

from cqrs_sim import simulation
from cqrs_sim.analysis.saturation import (
    WRITE_SIDE,
    StageLoad,
    backlog_slope_per_s,
    busy_s_per_event,
    censoring_reasons,
    invalid_reasons,
    stage_loads,
)
from cqrs_sim.measurement.trace import QueryTable, Trace, select
from cqrs_sim.probe import NO_READ_MODEL, Strategy

LONG = Plan(seconds=30.0)
OVERLOAD = attrs.evolve(LONG, read_ns=(("orders", 500_000), ("search", 1_300_000)))


def by_name(trace: Trace, after_ns: int = 0) -> dict[str, StageLoad]:
    return {load.stage: load for load in stage_loads(trace, after_ns=after_ns)}


def test_a_steady_run_is_not_saturated_and_its_loads_are_those_of_the_plan() -> None:
    loads = by_name(make_trace(LONG))
    assert [name for name, load in loads.items() if load.is_saturated] == []
    assert list(loads) == [WRITE_SIDE, "orders", "search"]
    assert loads["orders"].offered_load == pytest.approx(0.98 * 0.5, rel=0.05)
    assert loads["search"].offered_load == pytest.approx(0.98 * 0.8, rel=0.05)


def test_a_read_model_offered_more_than_it_can_do_is_saturated() -> None:
    loads = by_name(make_trace(OVERLOAD), after_ns=3_000_000_000)
    assert [name for name, load in loads.items() if load.is_saturated] == ["search"]
    search = loads["search"]
    assert search.offered_load == pytest.approx(0.98 * 1.3, rel=0.05)
    assert search.slope_per_s == pytest.approx(980 - 1 / 0.0013, rel=0.2)
    assert search.reasons[0].startswith("it is offered 1.2")
    assert "its backlog grows by" in search.reasons[1]


def test_a_saturated_read_model_names_the_rate_that_it_can_just_do() -> None:
    loads = by_name(make_trace(OVERLOAD), after_ns=3_000_000_000)
    search = loads["search"]
    assert search.offered_per_s == pytest.approx(980.0, rel=0.03)
    assert search.saturates_at_per_s == pytest.approx(1 / 0.0013, rel=0.03)
    assert loads["orders"].saturates_at_per_s is None


def test_one_busy_order_saturates_the_write_side() -> None:
    plan = attrs.evolve(LONG, orders=1, write_ns=1_200_000)
    write = by_name(make_trace(plan))[WRITE_SIDE]
    assert write.is_saturated
    assert write.saturates_at_per_s == pytest.approx(1 / 0.0012, rel=0.03)
    assert write.offered_load == pytest.approx(1.2, rel=0.05)
    assert write.slope_per_s == pytest.approx(1000 - 1 / 0.0012, rel=0.2)


def with_questions(trace: Trace, each_ns: int, *, is_noted: bool = True) -> Trace:
    """The same commands, and as many queries that the order actor of order 0 answers in turn."""
    intended = trace.commands.intended.astype(np.int64)
    answered = departures(intended, np.full(len(intended), each_ns))
    queries = QueryTable(
        intended=intended.astype("m8[ns]"),
        submitted=intended.astype("m8[ns]"),
        answered=answered.astype("m8[ns]"),
        kind=np.zeros(len(intended), np.int8),
        session=np.zeros(len(intended), np.int32),
        read_model=np.full(len(intended), NO_READ_MODEL, np.int8),
        order=np.zeros(len(intended), np.int32),
        position=np.zeros(len(intended), np.int64),
        versions_missing=np.zeros(len(intended)),
        strategy=np.full(len(intended), Strategy.WRITE_SIDE, np.int8),
    )
    if is_noted:
        queries = attrs.evolve(queries, dequeued=(answered - each_ns).astype("m8[ns]"))
    return attrs.evolve(trace, queries=queries)


def test_queries_that_an_order_answers_are_work_of_the_write_side() -> None:
    """Order 0 has one command in 200, so its 1,000 questions a second are all its work."""
    plain = by_name(make_trace(LONG))[WRITE_SIDE]
    calm = by_name(with_questions(make_trace(LONG), 600_000))[WRITE_SIDE]
    assert plain.offered_load is not None
    assert plain.offered_load < 0.01
    assert calm.offered_load == pytest.approx(0.6, rel=0.03)
    assert not calm.is_saturated
    busy = by_name(with_questions(make_trace(LONG), 1_300_000))[WRITE_SIDE]
    assert busy.offered_load == pytest.approx(1.3, rel=0.03)
    assert busy.slope_per_s == pytest.approx(1000 - 1 / 0.0013, rel=0.2)
    assert len(busy.reasons) == 2
    # Of commands, with a question for each.
    assert busy.saturates_at_per_s == pytest.approx(1 / 0.0013, rel=0.03)


def test_in_an_older_file_the_backlog_alone_shows_what_questions_are_to_the_write_side() -> None:
    busy = by_name(with_questions(make_trace(LONG), 1_300_000, is_noted=False))[WRITE_SIDE]
    assert busy.offered_load == by_name(make_trace(LONG))[WRITE_SIDE].offered_load
    assert len(busy.reasons) == 1
    assert "backlog grows" in busy.reasons[0]


def test_a_write_side_that_only_answers_saturates_at_no_rate_of_commands() -> None:
    trace = with_questions(make_trace(LONG), 1_300_000)
    nobody = select(trace.commands, slice(0, 0))
    empty = make_trace(attrs.evolve(LONG, rate_per_s=0.0))
    write = by_name(attrs.evolve(empty, queries=trace.queries, commands=nobody))[WRITE_SIDE]
    assert write.is_saturated
    assert (write.offered_per_s, write.saturates_at_per_s) == (0.0, None)


def test_a_closed_loop_is_judged_by_its_backlog_alone() -> None:
    """A client that never thinks offers a load of 1, or by rounding a little more, and waits."""
    trace = make_trace(attrs.evolve(LONG, orders=1, write_ns=1_000_000))
    commands, step = trace.commands, np.timedelta64(1_000_000, "ns")
    sent = (np.arange(len(commands)) * 1_000_000).astype("m8[ns]")
    looped = attrs.evolve(
        commands,
        intended=sent,
        submitted=sent,
        dequeued=sent,
        committed=np.where(np.isnat(commands.committed), commands.committed, sent + step),
        acknowledged=sent + step,
    )
    trace = attrs.evolve(trace, commands=looped, load_ended_ns=len(commands) * 1_000_000)
    (opened, *_), (closed, *_) = stage_loads(trace), stage_loads(trace, is_closed=True)
    assert opened.offered_load == closed.offered_load == 1.0
    assert (opened.is_saturated, closed.is_saturated) == (True, False)
    behind = stage_loads(make_trace(OVERLOAD), is_closed=True)
    assert [load.stage for load in behind if load.is_saturated] == ["search"]
    assert behind[2].saturates_at_per_s == pytest.approx(1 / 0.0013, rel=0.05)


def test_a_burst_that_drains_is_not_saturation() -> None:
    plan = attrs.evolve(LONG, profile=((10.0, 300.0), (3.0, 2500.0), (17.0, 300.0)))
    assert not any(load.is_saturated for load in stage_loads(make_trace(plan)))


def test_a_growing_backlog_is_saturation_even_if_the_stage_is_idle_at_times() -> None:
    """A projector that stands still for a while each second keeps up in work, not in time."""
    trace = make_trace(attrs.evolve(LONG, read_ns=(("orders", 500_000),)))
    deliveries = trace.deliveries
    # It takes each event only after a pause, which no busy time shows.
    delivered = deliveries.delivered.astype(np.int64)
    applied = departures(delivered, np.full(len(delivered), 1_300_000)).astype("m8[ns]")
    late = attrs.evolve(
        deliveries,
        taken=applied - np.timedelta64(100_000, "ns"),
        applied=applied,
        checkpointed=applied,
    )
    orders = by_name(attrs.evolve(trace, deliveries=late))["orders"]
    assert orders.offered_load == pytest.approx(0.098, rel=0.05)
    # Its work would allow 10,000 a second, and it got 769 done: neither is what it can do.
    assert orders.saturates_at_per_s is None
    assert len(orders.reasons) == 1
    assert "backlog grows" in orders.reasons[0]


def batched(sizes: list[int], fixed_ns: int, each_ns: int) -> Trace:
    """A projector with batches of these sizes that needs `fixed_ns` + size x `each_ns` a batch."""
    trace = make_trace(Plan(seconds=1.0, read_ns=(("orders", 1),), rejected_share=0.0))
    batch = np.repeat(np.arange(len(sizes)), sizes)
    duration = fixed_ns + np.array(sizes) * each_ns
    ends = np.cumsum(duration + 1000)
    rows = slice(0, len(batch))
    deliveries = trace.deliveries
    taken, checkpointed = (np.full(len(deliveries), np.timedelta64("NaT", "ns")) for _ in range(2))
    taken[rows] = (ends - duration)[batch].astype("m8[ns]")
    checkpointed[rows] = ends[batch].astype("m8[ns]")
    applied = checkpointed - np.timedelta64(fixed_ns, "ns")
    stamped = attrs.evolve(deliveries, taken=taken, applied=applied, checkpointed=checkpointed)
    return attrs.evolve(trace, deliveries=stamped)


def test_without_batches_busy_time_is_the_mean_of_checkpointed_less_taken() -> None:
    assert busy_s_per_event(batched([1] * 50, 300, 500), "orders") == pytest.approx(800e-9)


def test_the_time_of_a_batch_is_shared_by_its_events() -> None:
    assert busy_s_per_event(batched([4] * 50, 800, 500), "orders") == pytest.approx(700e-9)


def test_a_batch_is_judged_at_the_largest_size_seen() -> None:
    """Small batches pay their checkpoint more often, but only since there is time to."""
    trace = batched([1, 2, 3, 8] * 10, 800, 500)
    assert busy_s_per_event(trace, "orders") == pytest.approx(600e-9)


def test_a_batch_that_could_be_larger_is_judged_at_its_limit() -> None:
    """At a light load no batch is ever full, and yet the limit is what full ones can do."""
    assert busy_s_per_event(batched([1] * 50, 800, 500), "orders", 8) == pytest.approx(600e-9)


def test_the_load_of_a_batched_read_model_grows_in_proportion_to_the_rate() -> None:
    settings = [
        'read_models.orders.service={distribution = "exponential", mean = "500us"}',
        "read_models.orders.batch=64",
        "read_models.orders.checkpoint=5ms",
        "workload.invalid_share=0",
        "queries.share=0",
        "run.duration=20s",
    ]
    for rate in (200, 1500):
        scenario = simulation.load_scenario("default", [*settings, f"load.rate={rate}/s"])
        (load,) = [
            load
            for load in simulation.run(scenario, engine="algebra").summary.loads
            if load.stage == "orders"
        ]
        assert load.offered_load is not None
        # 0.5 ms + 5 ms / 64 an event.
        assert load.offered_per_s / load.offered_load == pytest.approx(1729, rel=0.03)


def test_a_projector_that_polls_can_do_a_batch_a_poll() -> None:
    # 8 x 0.5 us + 0.8 us fit one poll of 10 us; of 4 us it takes two.
    trace = batched([1] * 50, 800, 500)
    assert busy_s_per_event(trace, "orders", 8, 10_000) == pytest.approx(10_000e-9 / 8)
    assert busy_s_per_event(trace, "orders", 8, 4_000) == pytest.approx(8_000e-9 / 8)
    settings = ["read_models.search.poll=10ms", "load.rate=400/s", "run.duration=5s"]
    scenario = simulation.load_scenario("default", settings)
    summary = simulation.run(scenario, engine="algebra").summary
    (search,) = [load for load in summary.saturated if load.stage == "search"]
    assert search.saturates_at_per_s == pytest.approx(100.0)


def test_an_event_that_takes_no_time_makes_no_batch_with_the_next_one() -> None:
    trace = batched([1] * 50, 300, 0)
    applied = trace.deliveries.applied.copy()
    taken, checkpointed = trace.deliveries.taken.copy(), trace.deliveries.checkpointed.copy()
    applied[10] = checkpointed[10] = taken[10] = taken[11]  # A draw of 0 ns, taken with the next.
    deliveries = attrs.evolve(
        trace.deliveries, taken=taken, applied=applied, checkpointed=checkpointed
    )
    busy_s = busy_s_per_event(attrs.evolve(trace, deliveries=deliveries), "orders")
    assert busy_s == pytest.approx(49 * 300e-9 / 50)


def test_nothing_taken_means_that_no_load_is_known() -> None:
    assert busy_s_per_event(batched([], 1, 1), "orders") is None


def test_the_slope_is_that_of_the_last_half_of_the_load_period() -> None:
    slope, low = backlog_slope_per_s(make_trace(OVERLOAD), "search")
    assert slope is not None
    assert low is not None
    assert 0 < low < slope


def test_a_run_without_time_or_load_has_no_stages_to_judge() -> None:
    trace = make_trace(Plan(rate_per_s=0.0))
    assert not any(load.is_saturated for load in stage_loads(trace))
    assert invalid_reasons(trace) == ()
    assert stage_loads(trace, after_ns=trace.load_ended_ns) == ()


def unseen(trace: Trace, share: float) -> Trace:
    """The same run, but `search` never came to show this share of the events."""
    applied = trace.deliveries.applied.copy()
    rows = np.flatnonzero(trace.deliveries.read_model == 1)
    chosen = np.random.default_rng(1).choice(rows, int(len(rows) * share), replace=False)
    applied[chosen] = np.timedelta64("NaT", "ns")
    return attrs.evolve(trace, deliveries=attrs.evolve(trace.deliveries, applied=applied))


def test_a_steady_run_of_which_too_much_is_censored_is_invalid() -> None:
    # Lost all along the run: the backlog grows, but by less than saturation is.
    trace = unseen(make_trace(LONG), 0.06)
    steady = [attrs.evolve(load, reasons=()) for load in stage_loads(trace)]
    (reason,) = censoring_reasons(trace, steady)
    assert reason == (
        "too much is censored: search did not come to show 6.0% of the events before the run "
        "ended, more than 5%; let it run longer"
    )
    assert censoring_reasons(unseen(make_trace(LONG), 0.04), steady) == ()
    # With ever more rows to rewrite a longer run would be of no help.
    renaming = [attrs.evolve(load, is_renaming=True) for load in steady]
    assert censoring_reasons(trace, renaming) == (reason.removesuffix("; let it run longer"),)


def test_a_saturated_read_model_may_leave_any_share_censored() -> None:
    trace = make_trace(attrs.evolve(OVERLOAD, drain_s=1.0))
    assert np.isnat(trace.deliveries_of("search").applied).mean() > 0.1
    assert censoring_reasons(trace, stage_loads(trace)) == ()


def test_what_was_censored_of_the_warm_up_does_not_matter() -> None:
    trace = unseen(make_trace(LONG), 0.5)
    steady = [attrs.evolve(load, reasons=()) for load in stage_loads(trace)]
    assert len(censoring_reasons(trace, steady)) == 1
    assert censoring_reasons(trace, steady, after_ns=trace.ended_ns) == ()


def test_a_generator_that_keeps_its_plan_is_valid() -> None:
    assert invalid_reasons(make_trace(Plan())) == ()


def delayed(trace: Trace, delay_ns: int) -> Trace:
    """The same run, planned earlier than it was sent."""
    intended = trace.commands.intended - np.timedelta64(delay_ns, "ns")
    return attrs.evolve(trace, commands=attrs.evolve(trace.commands, intended=intended))


def test_a_late_generator_makes_the_measurement_invalid() -> None:
    (reason,) = invalid_reasons(delayed(make_trace(Plan(write_ns=10_000)), 5_000_000))
    assert reason == ("the load generator was late: schedule slip p99 is 5 ms, more than 2 ms")


def test_a_slip_that_is_small_beside_the_response_time_does_not_matter() -> None:
    trace = make_trace(Plan(write_ns=950_000))
    assert invalid_reasons(delayed(trace, 2_500_000)) == ()


def test_a_warm_up_in_which_the_generator_was_late_does_not_matter() -> None:
    trace = delayed(make_trace(Plan(write_ns=10_000)), 5_000_000)
    assert invalid_reasons(trace, after_ns=trace.load_ended_ns) == ()


READS = Plan(seconds=2.0, query_share=3.0)


def with_late_queries(trace: Trace, delay_ns: int) -> Trace:
    late, queries = np.timedelta64(delay_ns, "ns"), trace.queries
    queries = attrs.evolve(
        queries, submitted=queries.submitted + late, answered=queries.answered + late
    )
    return attrs.evolve(trace, queries=queries)


def test_a_generator_that_is_late_with_queries_alone_makes_the_measurement_invalid() -> None:
    assert invalid_reasons(with_late_queries(make_trace(READS), 1_900_000)) == ()
    (reason,) = invalid_reasons(with_late_queries(make_trace(READS), 5_000_000))
    assert reason == (
        "the load generator was late with its queries: schedule slip p99 is 5 ms, more than 2 ms"
    )


def test_queries_that_are_sent_after_the_load_period_were_not_sent_in_time() -> None:
    trace = with_late_queries(make_trace(READS), 1_000_000_000)
    unsent, _ = invalid_reasons(trace)
    share = np.mean(trace.queries.submitted <= np.timedelta64(2_002_000_000, "ns"))
    assert unsent == (f"the load generator sent {share:.1%} of its queries in time, less than 99%")
    assert invalid_reasons(trace, after_ns=trace.load_ended_ns) == ()


def test_a_generator_that_leaves_commands_unsent_makes_the_measurement_invalid() -> None:
    trace = make_trace(Plan())
    submitted = trace.commands.submitted.copy()
    submitted[-len(submitted) // 50 :] = np.timedelta64("NaT", "ns")
    commands = attrs.evolve(trace.commands, submitted=submitted)
    (reason,) = invalid_reasons(attrs.evolve(trace, commands=commands))
    assert reason == "the load generator sent 98.0% of its commands in time, less than 99%"
