"""A sweep as a person reads it."""

import io

import pytest
from sweeps import SLOW, interrupt_at, small

from cqrs_sim.actors.clock import VirtualClock
from cqrs_sim.ids import Nanoseconds
from cqrs_sim.sweeping.runner import SweepProgress
from cqrs_sim.sweeping.session import Means, conduct
from cqrs_sim.terminal.screen import Screen
from cqrs_sim.terminal.sweep import SweepLine, progress_text, sentence, show_sweep


@pytest.mark.parametrize(
    ("progress", "elapsed_s", "shown"),
    [
        (SweepProgress(0, 0, 2000), 0.0, "  0 %  0 of 2,000 runs"),
        (SweepProgress(500, 0, 2000), 10.0, " 25 %  500 of 2,000 runs  about 30 s left"),
        (
            SweepProgress(1500, 1000, 2000),
            10.0,
            " 75 %  1,500 of 2,000 runs (1,000 were there)  about 10 s left",
        ),
        (SweepProgress(1, 0, 2), 600.0, " 50 %  1 of 2 runs  about 10 min left"),
        (SweepProgress(2, 0, 2), 600.0, "100 %  2 of 2 runs"),
    ],
)
def test_the_time_left_is_at_the_pace_of_this_session(
    progress: SweepProgress, elapsed_s: float, shown: str
) -> None:
    assert progress_text(progress, elapsed_s) == shown


def test_a_pipe_gets_a_line_every_three_seconds() -> None:
    stream, clock = io.StringIO(), VirtualClock()
    line = SweepLine(Screen(stream), clock=clock)
    for second in range(7):
        clock.instant_ns = Nanoseconds(second * 1_000_000_000)
        line(SweepProgress(second, 0, 10))
    line.close()
    assert stream.getvalue().splitlines() == [
        " 30 %  3 of 10 runs  about 7 s left",
        " 60 %  6 of 10 runs  about 4 s left",
    ]


def test_quiet_is_quiet() -> None:
    stream, clock = io.StringIO(), VirtualClock()
    line = SweepLine(Screen(stream), clock=clock, is_quiet=True)
    clock.instant_ns = Nanoseconds(9_000_000_000)
    line(SweepProgress(1, 0, 10))
    line.stage("drawing figures")
    line.close()
    assert stream.getvalue() == ""


def test_each_point_is_a_row_and_what_is_withheld_says_why() -> None:
    stream = io.StringIO()
    table = conduct(small(SLOW, metrics=("lag.orders.mean", "response.p99")), Means())
    show_sweep(Screen(stream), table)
    lines = stream.getvalue().splitlines()
    assert lines[0] == (
        "small: 3 points x 3 replications, 9 runs by the algebra engine; saturated at 1 point"
    )
    rows = [line for line in lines if line.startswith("read_models.orders.service.mean=")]
    assert "±" in rows[0]
    assert "too few to tell: " in rows[0]
    assert "saturated" in rows[2]
    assert len(rows) == 3


def test_a_sweep_that_was_interrupted_says_so() -> None:
    table = conduct(small(SLOW), Means(), interrupt_at(4))
    assert sentence(table).endswith("INTERRUPTED: the same command goes on from here")
    assert "4 of 9 runs" in sentence(table)
