"""Little's law holds of every run to the nanosecond, and not of a trace with a fault in it."""

from collections.abc import Callable
from functools import cache

import attrs
import numpy as np
import pytest
from traces import Plan, make_trace

from cqrs_sim import simulation
from cqrs_sim.analysis.littles_law import areas
from cqrs_sim.analysis.saturation import WRITE_SIDE
from cqrs_sim.measurement.trace import Trace, select

NAT = np.timedelta64("NaT", "ns")


@cache
def run_of(preset: str, *settings: str) -> Trace:
    return simulation.run(
        simulation.load_scenario(preset, ["run.warm_up=0s", "run.duration=2s", *settings]),
        engine="algebra",
        seed=1,
    ).trace


SCENARIOS = [
    ("default",),
    ("overload", "run.drain=0s"),
    ("stall",),
    ("hot_order", "write_side.policy=reject", "write_side.mailbox=1"),
    ("default", "workload.invalid_share=0.5", "read_models.search.batch=7"),
]


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_area_under_the_backlog_is_the_sum_of_the_times_inside(
    scenario: tuple[str, ...],
) -> None:
    trace = run_of(*scenario)
    found = areas(trace)
    assert [area.stage for area in found] == [WRITE_SIDE, *trace.read_models]
    for area in found:
        assert area.counted_ns == area.summed_ns > 0, area


def test_the_area_is_that_of_a_loop_over_instants() -> None:
    trace = run_of("default", "run.duration=200ms")
    events, applied = trace.events.committed, trace.deliveries_of("search").applied
    steps = [(int(t), 1) for t in events.astype(np.int64)]
    steps += [(int(t), -1) for t in applied.astype(np.int64)]
    total, number, last = 0, 0, 0
    for instant, step in sorted(steps):
        total, number, last = total + number * (instant - last), number + step, instant
    (area,) = [area for area in areas(trace) if area.stage == "search"]
    assert (area.counted_ns, area.n) == (total, len(events))
    assert area.mean_inside == total / trace.ended_ns


def test_areas_that_fit_no_64_bits_are_exact() -> None:
    events = 1000
    longest = 2**62
    trace = run_of("default")
    enters = np.arange(events, dtype=np.int64).view("m8[ns]")
    table = select(trace.events, np.zeros(events, np.intp))
    deliveries = select(trace.deliveries_of("orders"), np.zeros(events, np.intp))
    never = np.full(events, NAT)
    huge = attrs.evolve(
        trace,
        events=attrs.evolve(table, committed=enters, position=np.arange(1, events + 1)),
        deliveries=attrs.evolve(
            deliveries,
            position=np.arange(1, events + 1),
            delivered=never,
            taken=never,
            applied=never,
            checkpointed=never,
        ),
        ended_ns=longest,
    )
    (area,) = [area for area in areas(huge) if area.stage == "orders"]
    assert area.counted_ns == area.summed_ns == events * longest - sum(range(events))


def test_a_run_in_which_nothing_happened_has_no_area() -> None:
    trace = make_trace(Plan(seconds=1.0, rate_per_s=0.0))
    assert {(area.counted_ns, area.summed_ns, area.n) for area in areas(trace)} == {(0, 0, 0)}


def late_commit(trace: Trace) -> Trace:
    committed = trace.events.committed.copy()
    committed[-1] += np.timedelta64(1, "ns")
    return attrs.evolve(trace, events=attrs.evolve(trace.events, committed=committed))


def lost_delivery(trace: Trace) -> Trace:
    rows = np.arange(len(trace.deliveries)) != 5
    return attrs.evolve(trace, deliveries=select(trace.deliveries, rows))


def doubled_delivery(trace: Trace) -> Trace:
    rows = np.sort(np.append(np.arange(len(trace.deliveries)), 5))
    return attrs.evolve(trace, deliveries=select(trace.deliveries, rows))


def unstamped_stage(trace: Trace) -> Trace:
    taken = trace.deliveries.taken.copy()
    taken[5] = NAT
    return attrs.evolve(trace, deliveries=attrs.evolve(trace.deliveries, taken=taken))


def late_command(trace: Trace) -> Trace:
    committed = trace.commands.committed.copy()
    committed[np.flatnonzero(~np.isnat(committed))[3]] += np.timedelta64(1, "ns")
    return attrs.evolve(trace, commands=attrs.evolve(trace.commands, committed=committed))


@pytest.mark.parametrize(
    ("plant", "stage"),
    [
        (late_commit, WRITE_SIDE),
        (late_command, WRITE_SIDE),
        (lost_delivery, "orders"),
        (doubled_delivery, "orders"),
        (unstamped_stage, "orders"),
    ],
)
def test_a_planted_fault_breaks_the_law_where_it_is(
    plant: Callable[[Trace], Trace], stage: str
) -> None:
    found = areas(plant(run_of("default")))
    assert [area.stage for area in found if not area.is_equal] == [stage]
