"""Pauses in whole runs, against the recursion in which only beginnings are moved."""

from collections.abc import Sequence

import numpy as np
import pytest
from fakes import MS, SECOND, constant, create, exponential, scenario, update

from cqrs_sim.actors.randomness import Draws, Streams
from cqrs_sim.engines import virtual, wall
from cqrs_sim.load_generation.plan import Plan
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.scenario.presets import load_preset
from cqrs_sim.scenario.reading import read_scenario, to_toml
from cqrs_sim.scenario.scenario import (
    Load,
    Pause,
    ReadModel,
    Run,
    Scenario,
    Service,
    Workload,
    WriteSide,
)
from cqrs_sim.scenario.units import Count, Duration, Rate, Share

PAUSES = (
    Pause(at=Duration(200 * MS), duration=Duration(150 * MS)),
    Pause(at=Duration(350 * MS), duration=Duration(50 * MS)),
    Pause(at=Duration(700 * MS), duration=Duration(100 * MS)),
)
SPANS = [(pause.at, pause.at + pause.duration) for pause in PAUSES]


def stalled(**parts: object) -> Scenario:
    given: dict[str, object] = {
        "run": Run(duration=Duration(SECOND)),
        "load": Load(rate=Rate(400.0)),
        "workload": Workload(orders=Count(20), invalid_share=Share(0.0)),
        "write_side": WriteSide(service=exponential(2 * MS), pauses=PAUSES, mailbox=Count(500)),
        "read_models": {"orders": ReadModel(service=exponential(MS))},
    }
    return scenario(**(given | parts))


def resumes(instant: int) -> int:
    for begin, end in SPANS:
        if begin <= instant < end:
            instant = end
    return instant


def drawn(name: str, service: Service, count: int, seed: int) -> list[int]:
    assert service.distribution != "real"
    stream = Streams(seed).stream(f"service/{name}")
    return [int(t) for t in Draws(stream, service.distribution, service.mean).array(count)]


def column(stamps: np.ndarray[tuple[int], np.dtype[np.timedelta64]]) -> list[int]:
    return [int(stamp) for stamp in stamps.astype(int)]


def ends_of_writes(trace: Trace, service: Sequence[int]) -> tuple[list[int], list[int]]:
    """B(n) = resumes(max(A(n), D(n-1))), D(n) = B(n) + S(n), with one server an order."""
    begins, ends, free = list[int](), list[int](), dict[int, int]()
    for number, intended in enumerate(column(trace.commands.intended)):
        order = int(trace.commands.order[number])
        begins.append(resumes(max(intended, free.get(order, 0))))
        free[order] = begins[-1] + service[number]
        ends.append(free[order])
    return begins, ends


def test_a_paused_write_side_is_the_recursion_with_moved_beginnings() -> None:
    paused = stalled()
    trace = virtual.run(paused, seed=11).trace
    service = drawn("write", paused.write_side.service, len(trace.commands), 11)
    begins, ends = ends_of_writes(trace, service)
    assert column(trace.commands.dequeued) == begins
    assert column(trace.commands.acknowledged) == ends
    waited = [b - a for a, b in zip(column(trace.commands.intended), begins, strict=True)]
    assert max(waited) > 195 * MS


@pytest.mark.parametrize(("batch", "checkpoint"), [(1, 0), (7, 3 * MS)])
def test_a_paused_projector_begins_no_event_and_no_checkpoint(batch: int, checkpoint: int) -> None:
    model = ReadModel(
        service=exponential(2 * MS),
        batch=Count(batch),
        checkpoint=Duration(checkpoint),
        pauses=PAUSES,
    )
    trace = virtual.run(
        stalled(read_models={"orders": model}, write_side=WriteSide(service=constant(MS))), seed=4
    ).trace
    service = drawn("read/orders", model.service, len(trace.events), 4)
    delivered = column(trace.deliveries.delivered)
    taken, applied, stored, now = list[int](), list[int](), list[int](), 0
    while len(taken) < len(delivered):
        first = len(taken)
        now = resumes(max(now, delivered[first]))
        size = min(batch, sum(at <= now for at in delivered[first:]))
        taken += [now] * size
        for event in range(first, first + size):
            now = resumes(now) + service[event]
            applied.append(now)
        if checkpoint:
            now = resumes(now) + checkpoint
        stored += [now] * size
    assert column(trace.deliveries.taken) == taken
    assert column(trace.deliveries.applied) == applied
    assert column(trace.deliveries.checkpointed) == stored


def test_without_service_time_everything_waits_for_the_end_of_the_pause() -> None:
    instant = stalled(
        write_side=WriteSide(pauses=PAUSES), read_models={"orders": ReadModel(pauses=PAUSES)}
    )
    trace = virtual.run(instant, seed=2).trace
    moved = [resumes(at) for at in column(trace.commands.intended)]
    assert column(trace.commands.committed) == moved
    by_position = np.argsort(trace.commands.position)
    applied = [resumes(moved[row]) for row in by_position]
    assert column(trace.deliveries.applied) == applied


def test_what_is_in_service_when_the_pause_begins_is_finished() -> None:
    load = Plan(
        setup=(),
        commands=[create(), update("CONFIRMED"), update("SHIPPED")],
        commands_intended_ns=np.array([199, 199, 400], np.int64) * MS,
        commands_session=np.zeros(3, np.int32),
        queries=[],
        queries_intended_ns=np.empty(0, np.int64),
        queries_session=np.empty(0, np.int32),
    )
    slow = stalled(write_side=WriteSide(service=constant(5 * MS), pauses=PAUSES))
    trace = virtual.run(slow, load=load).trace
    assert column(trace.commands.dequeued) == [199 * MS, 400 * MS, 405 * MS]
    assert column(trace.commands.committed) == [204 * MS, 405 * MS, 410 * MS]


def test_a_run_does_not_wait_for_a_pause_that_comes_when_all_is_done() -> None:
    late = (Pause(at=Duration(SECOND + 900 * MS), duration=Duration(SECOND)),)
    trace = virtual.run(stalled(write_side=WriteSide(pauses=late))).trace
    assert trace.ended_ns < SECOND + 100 * MS


def test_pauses_pass_every_check_also_with_few_processors() -> None:
    tight = stalled(
        run=Run(duration=Duration(SECOND), processors=Count(2)),
        read_models={"orders": ReadModel(service=exponential(MS), pauses=PAUSES)},
    )
    result = virtual.run(tight, seed=1)
    assert [check.name for check in result.summary.checks if not check.ok] == []
    applied = column(result.trace.deliveries.applied)
    # An event in work finishes at most; then nothing is applied until the pause is over.
    inside = [at for at in applied if any(b + 20 * MS < at < e for b, e in SPANS)]
    assert inside == []


@pytest.mark.parametrize("timed", [True, False], ids=["modelled", "real"])
def test_on_the_wall_clock_nothing_is_taken_in_a_pause_either(timed: bool) -> None:
    brief = (Pause(at=Duration(50 * MS), duration=Duration(60 * MS)),)
    service = exponential(MS // 10) if timed else Service(distribution="real")
    both = stalled(
        run=Run(duration=Duration(150 * MS)),
        write_side=WriteSide(service=service, pauses=brief),
        read_models={"orders": ReadModel(service=service, pauses=brief)},
    )
    result = wall.run(both, seed=1)
    trace = result.trace
    for taken in (column(trace.commands.dequeued), column(trace.deliveries.taken)):
        # Not from 50 ms on: this thread may lose the processor between a look and a stamp.
        assert not [at for at in taken if 55 * MS <= at < 110 * MS]
        assert [at for at in taken if at >= 110 * MS]
    assert [check.name for check in result.summary.checks if not check.ok] == []


def test_pauses_are_written_and_read_back() -> None:
    paused = stalled(read_models={"search": ReadModel(pauses=PAUSES)})
    assert read_scenario(to_toml(paused)) == paused


def test_the_stall_shows_in_the_open_response_as_the_arithmetic_of_its_preset_says() -> None:
    """Evenly spaced commands: one intended t before the end of the pause waits t."""
    preset = load_preset("stall")
    (pause,) = preset.write_side.pauses
    result = virtual.run(preset, seed=1)
    response = result.summary.response_s
    assert response.max == pytest.approx(5.0, abs=0.01)
    # A tenth of the load is intended in the pause; the longest 1 % wait over 5 s - 10 % of it.
    assert pause.duration * 10 == preset.run.duration
    assert response.p99 == pytest.approx(4.5, abs=0.01)
    assert response.p50 == 0.0005
    assert not result.summary.saturated
    assert not result.summary.invalid
