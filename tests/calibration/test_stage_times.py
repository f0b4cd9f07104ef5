"""The estimator on runs whose stage times are known."""

from typing import Any

import attrs
import numpy as np
import pytest
from traces import stamps

from cqrs_sim import simulation
from cqrs_sim.calibration.measuring import at_rate, flat_out_of
from cqrs_sim.calibration.model import calibrated
from cqrs_sim.calibration.stages import (
    SEND,
    StageTime,
    checkpoint,
    over_runs,
    query,
    read_model,
    stages_of,
)
from cqrs_sim.calibration.timeline import timeline_of
from cqrs_sim.engines import virtual
from cqrs_sim.measurement.recorder import Recorder
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.scenario.scenario import Scenario

TRUTH_US = {
    SEND: 5.0,
    "write": 4.0,
    "reply": 2.0,
    read_model("orders"): 3.0,
    read_model("statistics"): 6.0,
    read_model("search"): 2.5,
    checkpoint("orders"): 0.5,
    query("GetOrderById"): 7.0,
    query("GetOrdersByCustomer"): 9.0,
    query("GetOrdersByStatus"): 40.0,
    query("GetOrderStatistics"): 11.0,
}


# A malformed command is turned away in the middle of being sent, so what is left of its sending
# belongs to whatever comes next: a fiftieth of 5 us.
SETTINGS = ["run.warm_up=0s", "workload.invalid_share=0"]


def planted(truth_us: dict[str, float] | None = None, rate_per_s: float = 15_000.0) -> Scenario:
    times = {
        name: StageTime(mean_s=mean / 1e6, median_s=mean / 1e6, cv=0.0, n=1)
        for name, mean in (truth_us or TRUTH_US).items()
    }
    default = simulation.load_scenario("default", SETTINGS)
    return calibrated(at_rate(default, rate_per_s, 8_000), times)


def found_us(scenario: Scenario, seed: int = 1) -> dict[str, float]:
    trace = virtual.run(scenario, seed=seed).trace
    stages = stages_of(trace, waited_s=0.0).times
    return {name: time.mean_s * 1e6 for name, time in stages.items()}


@pytest.mark.parametrize("rate_per_s", [2_000.0, 15_000.0])
def test_the_planted_times_of_all_stages_are_found_whatever_waits_for_whom(
    rate_per_s: float,
) -> None:
    found = found_us(planted(rate_per_s=rate_per_s))
    # Exactly, since each gap has one owner: at 15,000/s the processor is busy half of the time.
    for name, truth in TRUTH_US.items():
        if name not in (SEND, "write") and not name.startswith("query"):
            assert found[name] == pytest.approx(truth, rel=1e-6), name
    # What no comparison tells apart at a low rate, where commands are always alone, adds up.
    assert found[SEND] + found["write"] == pytest.approx(9.0, rel=1e-6)
    assert found[query("GetOrderById")] + found[SEND] == pytest.approx(12.0, rel=1e-6)


def test_at_half_load_sending_is_told_from_writing() -> None:
    found = found_us(planted())
    for name, truth in TRUTH_US.items():
        assert found[name] == pytest.approx(truth, rel=1e-6), name


def test_a_read_model_that_is_planted_twice_as_slow_is_found_twice_as_slow() -> None:
    name = read_model("search")
    slower = TRUTH_US | {name: 2.0 * TRUTH_US[name]}
    assert found_us(planted(slower))[name] / found_us(planted())[name] == pytest.approx(
        2.0, rel=1e-3
    )


def test_the_spread_of_a_stage_is_found() -> None:
    name = read_model("statistics")
    times = {
        key: StageTime(mean_s=mean / 1e6, median_s=mean / 1e6, cv=0.5 if key == name else 0.0, n=1)
        for key, mean in TRUTH_US.items()
    }
    scenario = calibrated(at_rate(planted(), 5_000.0, 8_000), times)
    time = stages_of(virtual.run(scenario, seed=3).trace, waited_s=0.0).times[name]
    assert time.cv == pytest.approx(0.5, rel=0.05)
    assert time.mean_s * 1e6 == pytest.approx(6.0, rel=0.05)


def test_the_price_of_a_batch_is_shared_by_its_events() -> None:
    scenario = planted(rate_per_s=28_000.0)
    models = {name: attrs.evolve(model, batch=16) for name, model in scenario.read_models.items()}
    found = found_us(attrs.evolve(scenario, read_models=models))
    assert found[read_model("statistics")] == pytest.approx(6.0, rel=1e-3)
    assert found[checkpoint("orders")] == pytest.approx(0.5, rel=1e-3)


def by_hand(commands: list[tuple[int, int, int, int, int]], ended_ns: int) -> Trace:
    """A trace of commands alone: (intended, submitted, dequeued, committed, acknowledged)."""
    recorder = Recorder(_clock(), ())
    empty = recorder.trace([], load_ended_ns=ended_ns, ended_ns=ended_ns)
    names = ("intended", "submitted", "dequeued", "committed", "acknowledged")
    columns: dict[str, Any] = {
        name: stamps(*column)
        for name, column in zip(names, zip(*commands, strict=True), strict=True)
    }
    count = len(commands)
    table = attrs.evolve(
        empty.commands,
        **columns,
        order=np.zeros(count, np.int32),
        kind=np.zeros(count, np.int8),
        session=np.zeros(count, np.int32),
        outcome=np.ones(count, np.int8),
        version=np.zeros(count, np.int32),
        position=np.zeros(count, np.int64),
    )
    return attrs.evolve(empty, commands=table, order_ids=("o",), command_kinds=("Create",))


def _clock() -> Any:
    from cqrs_sim.actors.clock import VirtualClock

    return VirtualClock()


# Two turns: a command that finds the host waiting, and two of which the second was due meanwhile.
HAND = by_hand(
    [(100, 103, 110, 120, 125), (50_000, 50_003, 50_020, 50_030, 50_035),
     (50_001, 50_009, 50_040, 50_050, 50_055)],
    ended_ns=60_000,
)  # fmt: skip


def test_every_nanosecond_of_a_run_has_one_owner() -> None:
    line = timeline_of(HAND)
    assert line.gap_ns.sum() + line.tail_ns == HAND.ended_ns
    busy = int(line.gap_ns[~line.is_after_idling].sum())
    assert busy + line.idle_ns == HAND.ended_ns
    # Idling: until 103, from 125 to 50,003, from 50,055 to the end.
    assert line.idle_ns == 103 + (50_003 - 125) + (60_000 - 50_055)


def test_settling_is_what_the_host_did_not_wait_and_no_stamp_ended() -> None:
    line = timeline_of(HAND)
    # Of two idle gaps and the tail the host says it waited all but 46 ns; it woke 3 ns late.
    stages = stages_of(HAND, waited_s=(line.idle_ns - 46) / 1e9)
    assert stages.times["wake"].mean_s == pytest.approx(3e-9)
    assert stages.times["settle"].mean_s == pytest.approx((46 / 2 - 3) / 1e9)
    assert stages.busy_s + line.idle_ns / 1e9 == pytest.approx(stages.elapsed_s)


def test_no_gap_is_left_out_of_the_means_so_stages_sum_to_the_busy_time() -> None:
    commands = [(t, t, t, t + 10, t + 20) for t in range(1_000, 101_000, 1_000)]
    stalled = [*commands[:-1], (100_000, 100_000, 100_000, 900_000, 900_010)]
    stages = stages_of(by_hand(stalled, ended_ns=1_000_000), waited_s=0.0)
    write, reply = stages.times["write"], stages.times["reply"]
    assert 100 * (write.mean_s + reply.mean_s) == pytest.approx(stages.busy_s)
    assert write.median_s == pytest.approx(10e-9)


def test_the_flat_out_rate_counts_until_the_last_event_is_applied() -> None:
    trace = virtual.run(planted(), seed=1).trace
    flat_out = flat_out_of(trace)
    last = trace.deliveries.applied.max().astype(np.int64)
    assert flat_out.operations == len(trace.commands) + len(trace.queries)
    assert flat_out.makespan_s == max(last, trace.queries.answered.max().astype(np.int64)) / 1e9


def test_over_runs_the_median_run_counts() -> None:
    runs = [stages_of(virtual.run(planted(), seed=seed).trace, waited_s=0.0) for seed in (1, 2, 3)]
    disturbed = StageTime(mean_s=9.0, median_s=9.0, cv=0.0, n=5)
    runs[1] = attrs.evolve(runs[1], times={**runs[1].times, "reply": disturbed})
    assert over_runs(runs)["reply"].mean_s * 1e6 == pytest.approx(2.0)
