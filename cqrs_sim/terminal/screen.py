"""A safe screen: one stream that text and tables are written to.

Tables are plain aligned columns of ASCII, so they survive pipes, old terminals and pasting into a
ticket. Names come from files of anybody: control characters are escaped and nothing is read as
markup.
"""

import io
import os
from collections.abc import Iterable, Sequence
from typing import TextIO

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from cqrs_sim.plain_text import printable

GOOD, BAD, WARNING = "green", "bold red", "bold yellow"


class Screen:
    """One stream that is written to, whoever reads it, or does not any more."""

    def __init__(self, stream: TextIO | None) -> None:
        """Write to a stream; to nobody if there is none, as where a shell had closed it (`>&-`)."""
        self._stream = stream = io.StringIO() if stream is None else stream
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
                if isinstance(part, Table) and part.columns:
                    _keep_names_whole(part, self.width)
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


def _keep_names_whole(table: Table, width: int) -> None:
    """Let the names in the first column be broken last: they are what a reader copies.

    Not where they would take more than half of the width, or leave less than 3 to a column: a name
    that may not be broken would be cut off there.
    """
    names, *others = table.columns
    longest = max((cell.cell_len for cell in names.cells if isinstance(cell, Text)), default=0)
    names.no_wrap = longest <= min(width // 2, width - 5 * len(others))


def table_of(title: str, *columns: str) -> Table:
    """An empty table: names to the left, figures to the right."""
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False)
    for number, column in enumerate(columns):
        table.add_column(Text(column), justify="right" if number else "left", overflow="fold")
    return table


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
