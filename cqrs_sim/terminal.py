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


def printable(text: str) -> str:
    """The text on one line, with everything that could steer a terminal escaped."""
    return "".join(
        character if character.isprintable() else ascii(character)[1:-1] for character in text
    )


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
        self._put(_progress_text(progress, self._last, self._clock_name))
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


def _progress_text(progress: "Progress", last: "Progress | None", clock_name: str) -> str:
    elapsed_s, expected_s = progress.elapsed_ns / 1e9, progress.expected_ns / 1e9
    if elapsed_s <= expected_s:
        share = f"{100 * elapsed_s / expected_s if expected_s else 100.0:3.0f} %"
    else:
        share = "drain"
    since_ns = progress.elapsed_ns - (last.elapsed_ns if last else 0)
    sent = progress.submitted_count - (last.submitted_count if last else 0)
    rate = f"{sent / since_ns * 1e9:,.0f}/s" if since_ns else "-"
    return (
        f"{share}  {elapsed_s:.1f} of {expected_s:.1f} s{clock_name}  "
        f"{progress.submitted_count:,} commands  {rate}  backlog {progress.backlog_count:,}"
    )


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


def milliseconds(duration_s: float | None) -> str:
    """Milliseconds to about three digits; `-` where withheld."""
    if duration_s is None:
        return "-"
    value = duration_s * 1e3
    if value == 0.0:
        return "0"
    # Each limit is where rounding would add a digit.
    for limit, digits in ((0.0995, 3), (9.995, 2), (99.95, 1)):
        if value < limit:
            return f"{value:.{digits}f}"
    return f"{value:,.0f}"


def percent(part: int, whole: int) -> str:
    """A share in per cent; 0 and 100 only where it is exactly that."""
    if not part or not whole:
        return "0 %"
    share = 100 * part / whole
    if part == whole:
        return "100 %"
    if share < 0.1 or share > 99.9:
        return "< 0.1 %" if share < 0.1 else "> 99.9 %"
    return f"{share:.1f} %" if share < 9.95 or share > 99.0 else f"{share:.0f} %"


def count_of(number: int, noun: str) -> str:
    """A number with its noun, such as "1 check" or "2 checks"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
