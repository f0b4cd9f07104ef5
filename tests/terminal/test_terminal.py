import io
import re
from collections.abc import Callable

import attrs
import pytest
from rich.text import Text

from cqrs_sim import simulation
from cqrs_sim.actors.clock import VirtualClock
from cqrs_sim.delivery.comparison import compare_deliveries
from cqrs_sim.engines.experiment import Progress
from cqrs_sim.engines.live import Tail
from cqrs_sim.ids import Nanoseconds
from cqrs_sim.plain_text import milliseconds, percent, printable
from cqrs_sim.results import Result
from cqrs_sim.terminal.delivery import COLUMNS, show_deliveries
from cqrs_sim.terminal.progress import ProgressLine
from cqrs_sim.terminal.screen import Screen, show_pairs, table_of
from cqrs_sim.terminal.summary import show_summary, verdict

SECOND = 1_000_000_000


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def progress_at(
    seconds: float,
    offered: int = 0,
    accepted: int = 0,
    backlog: int = 7,
    tail: Tail = Tail(response_p99_ns=3_140_000, lag_p99_ns=1_234_000_000),  # noqa: B008 - frozen
) -> Progress:
    return Progress(
        elapsed_ns=int(seconds * SECOND),
        expected_ns=10 * SECOND,
        offered_count=offered,
        submitted_count=offered,
        committed_count=accepted,
        backlog_count=backlog,
        look=lambda: tail,
    )


def lines_of_80_columns(monkeypatch: pytest.MonkeyPatch, show: Callable[[Screen], None]) -> str:
    """What a narrow terminal shows, without colours."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    stream = Terminal()
    show(Screen(stream))
    return re.sub("\x1b\\[[0-9;]*m", "", stream.getvalue())


def test_no_word_of_the_table_of_deliveries_is_cut_in_80_columns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = compare_deliveries(crashes=2, seed=0)
    shown = lines_of_80_columns(monkeypatch, lambda screen: show_deliveries(screen, found))
    heading = next(line for line in shown.splitlines() if line.startswith("delivery "))
    assert tuple(heading.split()) == COLUMNS


def shown_on_a_terminal(progress: Progress, columns: int, monkeypatch: pytest.MonkeyPatch) -> str:
    """The first line of a run, as a terminal of that width gets it."""
    monkeypatch.setenv("COLUMNS", str(columns))
    stream, clock = Terminal(), VirtualClock()
    line = ProgressLine(Screen(stream), "virtual", clock=clock)
    clock.instant_ns = Nanoseconds(SECOND)
    line(progress)
    return stream.getvalue().removeprefix("\r\x1b[K")


@pytest.fixture(scope="module")
def overload() -> Result:
    scenario = simulation.load_scenario("overload", ["run.duration=6s", "run.drain=100ms"])
    return simulation.run(scenario)


# Tables.


@pytest.mark.parametrize("columns", [30, 60, 80])
def test_a_narrow_terminal_breaks_names_last_and_loses_nothing(
    columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    table = table_of("", "metric", *("a rather long heading",) * 4)
    names = ("lag.statistics.mean", "lag.orders.p99")
    for name in names:
        table.add_row(*map(Text, (name, *("not tested: no spread is known",) * 4)))
    stream = Terminal()
    Screen(stream).show(table)
    shown = re.sub(r"\x1b\[[0-9;]*m", "", stream.getvalue())
    assert all(name in shown for name in names) == (columns > 30)
    assert all(len(line) <= columns for line in shown.splitlines())
    # Where even a name must be broken, each of its letters is somewhere.
    assert all(shown.count(letter) >= "".join(names).count(letter) for letter in "lgt9")


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
        line(progress_at(tenths / 10, offered=tenths * 10, accepted=tenths * 9))
    line.close()

    assert stream.getvalue().splitlines() == [
        (
            " 30 %  3.0 of 10.0 s  offered 100, accepted 90/s  "
            "p99 response 3.14 ms, lag 1.23 s  backlog 7"
        ),
        (
            " 60 %  6.0 of 10.0 s  offered 100, accepted 90/s  "
            "p99 response 3.14 ms, lag 1.23 s  backlog 7"
        ),
    ]


def test_a_terminal_gets_one_line_that_is_rewritten_and_then_removed() -> None:
    stream, clock = Terminal(), VirtualClock()
    line = ProgressLine(Screen(stream), "virtual", clock=clock)
    clock.instant_ns = Nanoseconds(SECOND)
    line(progress_at(12.0, offered=1200, accepted=1200))
    line.stage("drawing figures")
    line.close()

    start = "\r\x1b[K"
    assert stream.getvalue() == (
        f"{start}drain  offered 100, accepted 100/s  p99 3.14 ms, lag 1.23 s  backlog 7"
        f"{start}drawing figures...{start}"
    )


def test_a_wide_terminal_shows_the_time_and_what_the_p99_is_of(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert shown_on_a_terminal(progress_at(5.0, 500, 400), 120, monkeypatch) == (
        " 50 %  5.0 of 10.0 s simulated  offered 100, accepted 80/s  "
        "p99 response 3.14 ms, lag 1.23 s  backlog 7"
    )


def test_the_line_fits_80_columns_whatever_is_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    huge = progress_at(
        10.0,
        offered=987_654_321_0,
        accepted=987_654_321_0,
        backlog=987_654_321,
        tail=Tail(response_p99_ns=999_449_000, lag_p99_ns=9_994_000_000_000),
    )
    shown = shown_on_a_terminal(huge, 80, monkeypatch)
    assert shown == "100 %  offered 988M, accepted 988M/s  p99 999 ms, lag 9,994 s  backlog 988M"
    assert len(shown) < 80


def test_nothing_accepted_or_applied_lately_is_shown_as_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    idle = progress_at(5.0, tail=Tail(response_p99_ns=None, lag_p99_ns=None))
    shown = shown_on_a_terminal(idle, 80, monkeypatch)
    assert shown == " 50 %  offered 0, accepted 0/s  p99 -, lag -  backlog 7"


def test_the_line_has_no_colours_that_no_color_would_have_to_take_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert "\x1b" not in shown_on_a_terminal(progress_at(5.0), 80, monkeypatch)


def test_one_of_several_runs_is_named_and_its_rates_are_its_own() -> None:
    stream, clock = Terminal(), VirtualClock()
    line = ProgressLine(Screen(stream), "virtual", clock=clock)
    for at_s, run, offered in ((1, "eventual", 900), (2, "at_least", 300)):
        clock.instant_ns = Nanoseconds(at_s * SECOND)
        line(progress_at(3.0, offered=offered, accepted=offered), run)
    first, second = stream.getvalue().split("\r\x1b[K")[1:]
    assert first.startswith("eventual:  30 %  offered 300, accepted 300/s  p99")
    # Not (300 - 900) over no time at all.
    assert second.startswith("at_least:  30 %  offered 100, accepted 100/s  p99")


def test_a_line_that_does_not_fit_loses_a_figure_and_not_a_part_of_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shown = shown_on_a_terminal(progress_at(5.0, 500, 400), 62, monkeypatch)
    assert shown == " 50 %  offered 100, accepted 80/s  p99 3.14 ms, lag 1.23 s"


def test_whoever_is_not_shown_a_line_does_not_pay_for_looking() -> None:
    def look() -> Tail:
        raise AssertionError("nobody asked")

    unseen = attrs.evolve(progress_at(1.0), look=look)
    stream, clock = io.StringIO(), VirtualClock()
    clock.instant_ns = Nanoseconds(SECOND)
    ProgressLine(Screen(stream), "wall", clock=clock)(unseen)
    clock.instant_ns = Nanoseconds(9 * SECOND)
    ProgressLine(Screen(Terminal()), "wall", is_quiet=True, clock=clock)(unseen)
    assert stream.getvalue() == ""


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
