"""What a person sees in the terminal: a safe screen, progress, the demo.

Everything here is text for people and may change; programs read `summary.json`. Tables are plain
aligned columns of ASCII, so they survive pipes, old terminals and pasting into a ticket. Names
come from files of anybody: control characters are escaped and nothing is read as markup.
"""

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, TextIO

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from cqrs_sim.actors.clock import VirtualClock, WallClock
from cqrs_sim.plain_text import milliseconds, printable

if TYPE_CHECKING:
    # Only for types: listing scenarios should not wait for numpy and the engines.
    from cqrs_sim.demo import Demo
    from cqrs_sim.engines.experiment import Progress

ELLIPSIS = "..."
REWRITES_NS = 100_000_000
"""Shortest time between two rewrites of the progress line on a terminal."""
LINES_NS = 3_000_000_000
"""Time between two progress lines in a pipe; shorter runs print none."""
GOOD, BAD, WARNING = "green", "bold red", "bold yellow"


class Screen:
    """One stream that is written to, whoever reads it, or does not any more."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        # A name may hold letters that the terminal's encoding lacks.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
        self.is_terminal = stream.isatty()
        self._console = Console(file=stream, markup=False, highlight=False, emoji=False)
        if not self.is_terminal:
            # What reads a pipe has no edge to break lines at; tables take what they need.
            self._console.width = 1000
        self.width = self._console.width

    def show(self, *parts: RenderableType) -> None:
        """Print text and tables, each on lines of its own."""
        with self._console.capture() as capture:
            for part in parts:
                self._console.print(part)
        self.write("\n".join(line.rstrip() for line in capture.get().split("\n")))

    def write(self, text: str) -> None:
        """Write text as it is; a reader that went away has read enough."""
        try:
            self._stream.write(text)
            self._stream.flush()
        except BrokenPipeError:
            # Else the interpreter complains once more when it flushes on its way out.
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())


class ProgressLine:
    """How far a run is: one line that is rewritten on a terminal, now and then a line in a pipe."""

    def __init__(
        self,
        screen: Screen,
        engine: str,
        *,
        is_quiet: bool = False,
        clock: WallClock | VirtualClock | None = None,
    ) -> None:
        self._screen = screen
        self._clock_name = "" if engine == "wall" else " simulated"
        self._is_quiet = is_quiet
        self._clock = WallClock() if clock is None else clock
        self._shown_ns = 0
        self._last: Progress | None = None
        self._is_line_open = False

    def __call__(self, progress: "Progress") -> None:
        """Show it, unless that was done a moment ago."""
        now_ns = self._clock.instant_ns
        period_ns = REWRITES_NS if self._screen.is_terminal else LINES_NS
        if self._is_quiet or now_ns - self._shown_ns < period_ns:
            return
        self._shown_ns = now_ns
        width = self._screen.width
        self._put(_progress_text(progress, self._last, self._clock_name, width))
        self._last = progress

    def stage(self, what: str) -> None:
        """Say what is being done now that the run itself is over."""
        is_worth_it = self._screen.is_terminal or self._clock.instant_ns >= LINES_NS
        if is_worth_it and not self._is_quiet:
            self._put(f"{what}{ELLIPSIS}")

    def close(self) -> None:
        """Leave the terminal's line empty."""
        if self._is_line_open:
            self._screen.write("\r\x1b[K")
            self._is_line_open = False

    def _put(self, line: str) -> None:
        if self._screen.is_terminal:
            self._screen.write(f"\r\x1b[K{line[: self._screen.width - 1]}")
            self._is_line_open = True
        else:
            self._screen.write(f"{line}\n")


def _progress_text(
    progress: "Progress", last: "Progress | None", clock_name: str, width: int
) -> str:
    """How far the run is, and what happened since `last`; the longest form that fits."""
    elapsed_s, expected_s = progress.elapsed_ns / 1e9, progress.expected_ns / 1e9
    share = "drain"
    if elapsed_s <= expected_s:
        share = f"{100 * elapsed_s / expected_s if expected_s else 100.0:3.0f} %"
    tail = progress.look()
    response, lag = _brief_time(tail.response_p99_ns), _brief_time(tail.lag_p99_ns)
    rates = (
        f"offered {_rate(progress, last, 'offered_count')}, "
        f"accepted {_rate(progress, last, 'committed_count')}/s"
    )
    backlog = f"backlog {_brief_count(progress.backlog_count)}"
    of_time = f"{elapsed_s:.1f} of {expected_s:.1f} s{clock_name}"
    short = f"{share}  {rates}  p99 {response}, lag {lag}  {backlog}"
    long = f"{share}  {of_time}  {rates}  p99 response {response}, lag {lag}  {backlog}"
    return long if len(long) < width else short


def _rate(progress: "Progress", last: "Progress | None", count: str) -> str:
    since_s = (progress.elapsed_ns - (last.elapsed_ns if last else 0)) / 1e9
    number: int = getattr(progress, count) - (getattr(last, count) if last else 0)
    return _brief_count(round(number / since_s)) if since_s else "-"


def _brief_count(number: int) -> str:
    """A number in at most five characters, up to a billion."""
    for limit, unit, digits in ((10_000, 1, 0), (99_950, 1e3, 1), (999_500, 1e3, 0)):
        if number < limit:
            return f"{number / unit:,.{digits}f}{'k' if unit > 1 else ''}"
    return f"{number / 1e6:.1f}M" if number < 99_950_000 else f"{number / 1e6:.0f}M"


def _brief_time(duration_ns: int | None) -> str:
    """A duration in about three digits, with its unit; `-` if there is none."""
    if duration_ns is None:
        return "-"
    duration_s = duration_ns / 1e9
    if duration_s < 0.9995:
        return f"{milliseconds(duration_s)} ms"
    digits = 2 if duration_s < 9.995 else 1 if duration_s < 99.95 else 0
    return f"{duration_s:,.{digits}f} s"


def table_of(title: str, *columns: str) -> Table:
    """An empty table: names to the left, figures to the right."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(Text(column), justify="right" if number else "left", overflow="fold")
    return table


def show_demo(screen: Screen, demo: "Demo") -> None:
    """The story, then what each command cost and when each read model showed it."""
    clock = "virtual clock, simulated" if demo.clock == "virtual" else "wall clock, measured"
    title = f"On the {clock} (ms): response time, and lag by read model"
    table = table_of(title, "command", "event", "response", *demo.read_models)
    table.collapse_padding = True  # Fits 80 columns.
    table.columns[1].justify = "left"
    for number, command in enumerate(demo.story.commands):
        lags = (milliseconds(demo.lag_s[name][number]) for name in demo.read_models)
        response = milliseconds(demo.response_s[number])
        table.add_row(command, demo.story.events[number], response, *lags)
    screen.show(
        Text(f"One order system, {printable(demo.scenario)}: writes here, reads there", "bold"),
        *map(Text, demo.story.lines),
        "",
        table,
        Text("Lag grows where a read model needs longer for an event than the next takes to come."),
        "",
        Text(f"order-002 was visible in orders {milliseconds(demo.second_order_visible_s)} ms "
             "after it was accepted.", GOOD),
        Text("Next: cqrs-sim run"),
    )  # fmt: skip


def show_lines(screen: Screen, lines: Sequence[str]) -> None:
    """Plain lines, made safe."""
    screen.write("".join(f"{printable(line)}\n" for line in lines))


def show_pairs(screen: Screen, title: str, pairs: Iterable[tuple[str, str]]) -> None:
    """Names and what they mean."""
    table = table_of(title, "", "")
    table.show_header = False
    table.columns[1].justify = "left"
    for name, meaning in pairs:
        table.add_row(Text(printable(name), "bold"), Text(printable(meaning)))
    screen.show(table)
