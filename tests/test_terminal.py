import io

import attrs
import pytest

from cqrs_sim import simulation
from cqrs_sim.actors.clock import VirtualClock
from cqrs_sim.engines.experiment import Progress
from cqrs_sim.ids import Nanoseconds
from cqrs_sim.results import Result
from cqrs_sim.summary_text import show_summary, verdict
from cqrs_sim.terminal import ProgressLine, Screen, milliseconds, percent, printable, show_pairs

SECOND = 1_000_000_000


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def progress_at(seconds: float, submitted: int = 0) -> Progress:
    return Progress(
        elapsed_ns=int(seconds * SECOND),
        expected_ns=10 * SECOND,
        submitted_count=submitted,
        committed_count=submitted,
        backlog_count=7,
    )


@pytest.fixture(scope="module")
def overload() -> Result:
    scenario = simulation.load_scenario("overload", ["run.duration=6s", "run.drain=100ms"])
    return simulation.run(scenario)


# Text.


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("order-1", "order-1"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("two\nlines", "two\\nlines"),
        ("right\u202eleft", "right\\u202eleft"),
        ("café", "café"),
    ],
)
def test_what_could_steer_a_terminal_is_escaped(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_names_are_not_read_as_markup() -> None:
    stream = io.StringIO()
    show_pairs(Screen(stream), "t", [("[red]name[/red]", ":smile: [/]")])
    assert "[red]name[/red]  :smile: [/]" in stream.getvalue()


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, "-"),
        (0.0, "0"),
        (0.000_000_4, "0.000"),
        (0.000_012, "0.012"),
        (0.003_14, "3.14"),
        (0.009_996, "10.0"),
        (0.0231, "23.1"),
        (1.2345, "1,234"),
    ],
)
def test_milliseconds_have_about_three_digits(seconds: float | None, shown: str) -> None:
    assert milliseconds(seconds) == shown


@pytest.mark.parametrize(
    ("part", "whole", "shown"),
    [
        (0, 0, "0 %"),
        (0, 9, "0 %"),
        (1, 100_000, "< 0.1 %"),
        (3, 100, "3.0 %"),
        (31, 100, "31 %"),
        (99_999, 100_000, "> 99.9 %"),
        (5, 5, "100 %"),
    ],
)
def test_a_share_is_0_or_100_per_cent_only_where_it_is(part: int, whole: int, shown: str) -> None:
    assert percent(part, whole) == shown


# Progress.


def test_a_pipe_gets_a_line_every_three_seconds_and_none_before() -> None:
    stream, clock = io.StringIO(), VirtualClock()
    line = ProgressLine(Screen(stream), "wall", clock=clock)
    for tenths in range(65):
        clock.instant_ns = Nanoseconds(tenths * SECOND // 10)
        line(progress_at(tenths / 10, submitted=tenths * 10))
    line.close()

    assert stream.getvalue().splitlines() == [
        " 30 %  3.0 of 10.0 s  300 commands  100/s  backlog 7",
        " 60 %  6.0 of 10.0 s  600 commands  100/s  backlog 7",
    ]


def test_a_terminal_gets_one_line_that_is_rewritten_and_then_removed() -> None:
    stream, clock = Terminal(), VirtualClock()
    line = ProgressLine(Screen(stream), "virtual", clock=clock)
    clock.instant_ns = Nanoseconds(SECOND)
    line(progress_at(12.0, submitted=1200))
    line.stage("drawing figures")
    line.close()

    start = "\r\x1b[K"
    assert stream.getvalue() == (
        f"{start}drain  12.0 of 10.0 s simulated  1,200 commands  100/s  backlog 7"
        f"{start}drawing figures...{start}"
    )


def test_a_quiet_run_shows_no_progress() -> None:
    stream, clock = Terminal(), VirtualClock()
    line = ProgressLine(Screen(stream), "wall", is_quiet=True, clock=clock)
    clock.instant_ns = Nanoseconds(9 * SECOND)
    line(progress_at(9.0))
    line.stage("drawing figures")
    line.close()
    assert stream.getvalue() == ""


# The end of a run.


def test_saturation_is_told_with_its_load_and_what_was_never_applied(overload: Result) -> None:
    text = verdict(overload.summary).plain
    assert text.startswith("SATURATED: search (offered load 1.")
    assert text.endswith("% of events were never applied")


def test_percentiles_of_a_saturated_read_model_are_withheld_with_the_reason(
    overload: Result,
) -> None:
    stream = io.StringIO()
    show_summary(Screen(stream), overload)
    lines = stream.getvalue().splitlines()

    (row,) = [line for line in lines if line.startswith("search  ") and "withheld" in line]
    assert row.split()[1:6] == ["withheld", "-", "-", "-", "-"]
    (reason,) = [line for line in lines if line.startswith("search: percentiles withheld")]
    assert "the work it can do" in reason


def test_a_run_that_was_cut_short_says_so_before_anything_else(overload: Result) -> None:
    cut = attrs.evolve(overload, complete=False)
    text = verdict(cut.summary).plain
    assert text.startswith("INCOMPLETE: interrupted; until then SATURATED: search")


def test_the_summary_of_a_pipe_is_plain_text(overload: Result) -> None:
    stream = io.StringIO()
    show_summary(Screen(stream), overload)
    assert "\x1b" not in stream.getvalue()
    assert all(line == line.rstrip() for line in stream.getvalue().splitlines())
