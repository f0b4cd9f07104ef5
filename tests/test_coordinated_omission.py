"""Gil Tene's stall: what an open loop shows, by the arithmetic, and a closed loop hides.

The write side answers in half a millisecond and once stands still for 5 s of 50 s. A command that
is intended t before the end of the pause waits t, so P(response > x) = (5 s - x) / 50 s.
"""

import numpy as np
import pytest

from cqrs_sim.actors.randomness import Streams
from cqrs_sim.analysis.lag import response_time_s
from cqrs_sim.analysis.quantiles import quantiles
from cqrs_sim.engines import virtual
from cqrs_sim.engines.planning import plan_for
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.scenario.scenario import Scenario
from cqrs_sim.simulation import load_scenario

RUN_S, STALL_S, STALL_ENDS_S = 50.0, 5.0, 25.0
SERVICE_S = 0.0005
CLIENTS = 16
SMALL = ["load.rate=200/s"]
WAITING = [
    "load.model=closed", "load.rate=none", f"load.clients={CLIENTS}",
    "load.think_time.mean=79500us", "load.think_time.distribution=exponential",
]  # fmt: skip
"""The same 200 commands a second: 16 clients, each of whom needs 80 ms for one."""


@pytest.fixture(scope="module")
def open_loop() -> Trace:
    return virtual.run(load_scenario("stall", SMALL), seed=1).trace


@pytest.fixture(scope="module")
def closed_loop() -> Trace:
    return virtual.run(load_scenario("stall", WAITING), seed=1).trace


def before_the_end_of_the_stall_s(trace: Trace) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    left: np.ndarray[tuple[int], np.dtype[np.float64]] = STALL_ENDS_S - (
        trace.commands.intended / np.timedelta64(1, "s")
    )
    return left


def test_the_preset_is_the_stall_of_this_page() -> None:
    stall: Scenario = load_scenario("stall")
    (pause,) = stall.write_side.pauses
    assert (pause.at + pause.duration) / 1e9 == STALL_ENDS_S
    assert pause.duration / 1e9 == STALL_S
    assert stall.run.duration / 1e9 == RUN_S
    assert stall.write_side.service.mean / 1e9 == SERVICE_S
    plan = plan_for(stall, Streams(1))
    assert set(np.diff(plan.commands_intended_ns).tolist()) == {1_000_000}


def test_open_loop_each_command_of_the_stall_waits_for_its_end(open_loop: Trace) -> None:
    left_s = before_the_end_of_the_stall_s(open_loop)
    fell_in = (left_s > 0) & (left_s <= STALL_S)
    beyond_s = response_time_s(open_loop)[fell_in] - left_s[fell_in]
    # Behind at most the other commands of its own order; an order has no more than five.
    assert float(beyond_s.min()) > SERVICE_S - 1e-9
    assert float(beyond_s.max()) < 5 * SERVICE_S + 1e-9


def test_open_loop_nobody_else_waits(open_loop: Trace) -> None:
    left_s = before_the_end_of_the_stall_s(open_loop)
    # A command of an order that is still answering those of the stall may wait for them.
    clear = (left_s > STALL_S + SERVICE_S) | (left_s < -0.01)
    response_s = response_time_s(open_loop)[clear]
    assert response_s.tolist() == pytest.approx([SERVICE_S] * len(response_s))


def test_open_loop_the_distribution_is_that_of_the_arithmetic(open_loop: Trace) -> None:
    response_s = response_time_s(open_loop)
    spacing_s = 1 / 200
    for longer_than_s in (0.01, 0.5, 1.0, 2.5, 4.0, 4.9):
        share = float(np.mean(response_s > longer_than_s))
        # One command more or less, and the few that stand behind others of their order.
        assert share == pytest.approx(
            (STALL_S - longer_than_s) / RUN_S, abs=(spacing_s + 5 * SERVICE_S) / RUN_S
        )
    p95, p99, longest = quantiles(response_s, (0.95, 0.99, 1.0))
    assert p95 == pytest.approx(STALL_S - 0.05 * RUN_S, abs=0.01)
    assert p99 == pytest.approx(STALL_S - 0.01 * RUN_S, abs=0.01)
    assert longest == pytest.approx(STALL_S, abs=0.01)
    mean_s = float(response_s.mean())
    assert mean_s == pytest.approx(STALL_S**2 / 2 / RUN_S + SERVICE_S, rel=0.01)


def test_closed_loop_each_client_is_caught_once_and_the_p99_sees_nothing(
    closed_loop: Trace,
) -> None:
    response_s = response_time_s(closed_loop)
    caught = response_s > SERVICE_S + 1e-9
    assert int(np.count_nonzero(caught)) == CLIENTS
    assert len(set(closed_loop.commands.session[caught].tolist())) == CLIENTS
    p50, p99 = quantiles(response_s, (0.5, 0.99))
    assert p50 == p99 == pytest.approx(SERVICE_S)


def test_both_loops_sent_alike_where_there_was_no_stall(
    open_loop: Trace, closed_loop: Trace
) -> None:
    """What differs is the stall: without it the closed loop sends 200 commands a second too."""

    def sent_before_the_stall(trace: Trace) -> int:
        left_s = before_the_end_of_the_stall_s(trace)
        return int(np.count_nonzero(left_s > STALL_S))

    # 4,000 commands in cycles of 80 ms whose pauses are exponential: 3.3 standard errors are 5 %.
    planned, sent = sent_before_the_stall(open_loop), sent_before_the_stall(closed_loop)
    assert planned == 3999
    assert sent == pytest.approx(planned, rel=0.05)


def test_the_longest_response_is_the_same_in_both(open_loop: Trace, closed_loop: Trace) -> None:
    longest_open_s, longest_closed_s = (
        float(response_time_s(trace).max()) for trace in (open_loop, closed_loop)
    )
    assert longest_closed_s == pytest.approx(longest_open_s, rel=0.01)
