"""Polling in whole runs."""

import math

import numpy as np
import pytest
from fakes import MS, SECOND, exponential, scenario
from numpy.typing import NDArray

from cqrs_sim.engines import virtual, wall
from cqrs_sim.engines.algebra import engine as algebra
from cqrs_sim.results import Result
from cqrs_sim.scenario.reading import read_scenario, to_toml
from cqrs_sim.scenario.scenario import Load, Pause, ReadModel, Run, Scenario, Workload, WriteSide
from cqrs_sim.scenario.units import Count, Duration, Rate, Share

POLL = 10 * MS


def polling(model: ReadModel, **parts: object) -> Scenario:
    given: dict[str, object] = {
        "run": Run(duration=Duration(SECOND)),
        "load": Load(rate=Rate(500.0)),
        "workload": Workload(orders=Count(20), invalid_share=Share(0.0)),
        "write_side": WriteSide(),
        "read_models": {"orders": model},
    }
    return scenario(**(given | parts))


def stamps(result: Result, name: str) -> NDArray[np.int64]:
    column: NDArray[np.int64] = getattr(result.trace.deliveries, name).astype(np.int64)
    return column


@pytest.mark.parametrize("engine", [virtual, algebra])
def test_a_batch_is_taken_at_a_poll_and_applied_at_once_one_event_after_another(
    engine: object,
) -> None:
    model = ReadModel(
        service=exponential(MS), batch=Count(8), checkpoint=Duration(MS), poll=Duration(POLL)
    )
    result = engine.run(polling(model), seed=3)  # type: ignore[attr-defined] # an engine
    taken, applied, stored = (stamps(result, n) for n in ("taken", "applied", "checkpointed"))
    assert len(taken) > 100
    assert not (taken % POLL).any()
    first = np.flatnonzero(np.diff(stored, prepend=-1))
    assert (np.diff(taken[first]) >= POLL).all()
    assert (taken[first[1:]] >= stored[first[1:] - 1]).all()
    last = np.append(first[1:], len(taken)) - 1
    assert (stored[last] == applied[last] + MS).all()
    assert max(np.diff(first, append=len(taken))) == 8
    assert [check.name for check in result.summary.checks if not check.ok] == []


@pytest.mark.parametrize("engine", [virtual, algebra])
def test_an_event_waits_half_an_interval_for_its_poll(engine: object) -> None:
    """Poisson arrivals are uniform between two polls and independent of each other.

    With n of them the mean of t / p leaves 1/2 by more than sqrt(ln(2 / a) / 2n) with a probability
    of at most a, here 1e-9.

    Source: W. Hoeffding, "Probability inequalities for sums of bounded random variables", Journal
    of the American Statistical Association 58 (1963), theorem 1.
    """
    model = ReadModel(batch=Count(1000), poll=Duration(POLL))
    long = Run(duration=Duration(10 * SECOND))
    result = engine.run(polling(model, run=long), seed=5)  # type: ignore[attr-defined] # an engine
    waits = (stamps(result, "taken") - stamps(result, "delivered")) / POLL
    assert len(waits) > 2000
    bound = math.sqrt(math.log(2 / 1e-9) / (2 * len(waits)))
    assert bound < 0.08
    assert abs(waits.mean() - 0.5) < bound
    assert ((waits >= 0) & (waits < 1)).all()


def test_a_run_does_not_wait_for_a_poll_that_comes_when_all_is_done() -> None:
    brief = Run(duration=Duration(SECOND), drain=Duration(3600 * SECOND))
    seldom = polling(ReadModel(batch=Count(1000), poll=Duration(400 * MS)), run=brief)
    for engine in (virtual, algebra):
        trace = engine.run(seldom, seed=1).trace
        # What came after 800 ms is taken at 1200 ms; nobody polls at 1600 ms.
        assert trace.ended_ns == 1200 * MS


@pytest.mark.parametrize("pauses", [(), (Pause(at=Duration(55 * MS), duration=Duration(40 * MS)),)])
def test_on_the_wall_clock_nothing_is_taken_before_its_poll_either(
    pauses: tuple[Pause, ...],
) -> None:
    model = ReadModel(
        service=exponential(MS // 10), batch=Count(64), poll=Duration(50 * MS), pauses=pauses
    )
    brief = Run(duration=Duration(300 * MS))
    result = wall.run(polling(model, run=brief), seed=1)
    taken, delivered = stamps(result, "taken"), stamps(result, "delivered")
    polls = np.arange(0, 4 * SECOND, 50 * MS)
    # However late the thread is: between delivery and taking there was a poll.
    assert len(taken) > 50
    assert (np.searchsorted(polls, taken, "right") > np.searchsorted(polls, delivered)).all()
    assert [check.name for check in result.summary.checks if not check.ok] == []


def test_a_poll_is_written_and_read_back() -> None:
    found = polling(ReadModel(poll=Duration(POLL)))
    assert read_scenario(to_toml(found)) == found
