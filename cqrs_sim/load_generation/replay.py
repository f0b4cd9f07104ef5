"""Recorded command logs: reading one (CSV), and the plan that replays it.

`docs/command-log.md` describes the format. A file is read to its end and every bad line reported.
What a command says is not judged: an order without items, or an unknown status, is for the domain
to reject, as it was when it was recorded. Only what cannot be parsed is a mistake.
"""

import csv
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.domain.commands import Command
from cqrs_sim.errors import InvalidCommandLogError, InvalidScenarioError
from cqrs_sim.load_generation.command_row import (
    COLUMNS,
    REQUIRED_COLUMNS,
    command_of,
    shown,
    suggestion,
)
from cqrs_sim.load_generation.plan import Plan
from cqrs_sim.load_generation.recorded_time import TimeKind, time_ns_of

ROWS_MAX = 10_000_000
MISTAKES_MAX = 1000
"""More are counted, not shown."""

SPAN_NS_MAX = 100 * 366 * 86_400 * 10**9
"""Longest log: a hundred years."""


@attrs.frozen(eq=False)
class CommandLog:
    """What was sent, and when."""

    times_ns: NDArray[np.int64]
    """Shape (n_commands,), int64 ns since the first command, non-decreasing."""
    commands: list[Command]


def read_command_log(path: Path) -> CommandLog:
    """Read a recorded command log.

    Raises:
        InvalidCommandLogError: if it cannot be read, holds no command, or has bad lines.
    """
    if not path.is_file():
        raise InvalidCommandLogError([f"{path}: there is no such file"])
    reader = _LogReader()
    try:
        # Bytes that are not UTF-8 become lone surrogates, so that each such line can be named.
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as stream:
            reader.read(stream)
    except OSError as error:
        raise InvalidCommandLogError([f"{path}: {error.strerror}"]) from error
    return reader.log()


def replay_plan(log: CommandLog, speed: float) -> Plan:
    """The plan that sends a log again, so many times faster; session 0 sends everything.

    Times are divided by the speed and rounded once. A log holds no queries, so the plan has none.
    """
    if not 0 < speed < np.inf:
        raise InvalidScenarioError([f"speed {speed}: it must be finite and above 0"])
    intended_ns = log.times_ns
    if speed != 1.0:
        scaled = np.rint(log.times_ns / speed)
        if scaled.size and scaled[-1] > SPAN_NS_MAX:
            raise InvalidScenarioError([f"speed {speed}: the replay would take over 100 years"])
        intended_ns = scaled.astype(np.int64)
    nothing = np.empty(0, np.int64)
    return Plan(
        setup=(),
        commands=log.commands,
        commands_intended_ns=intended_ns,
        commands_session=np.zeros(len(log.commands), np.int32),
        queries=[],
        queries_intended_ns=nothing,
        queries_session=nothing.astype(np.int32),
    )


class _LogReader:
    """Reads rows, and keeps the commands or, once there is a mistake, the mistakes."""

    def __init__(self) -> None:
        self._times_ns = array("q")
        self._commands: list[Command] = []
        self._mistakes: list[str] = []
        self._mistakes_count = 0
        self._first: tuple[int, TimeKind] | None = None
        self._last_ns = 0
        self._last_line = 0

    def read(self, stream: TextIO) -> None:
        """Read the header, then all rows."""
        rows = self._rows(stream)
        header_line, columns = next(rows, (0, None))
        if columns is None and not self._mistakes:
            self._add("the file is empty")
        # Without a good header the rows mean nothing; nor is the row after a bad one a header.
        if columns is None or self._mistakes or not self._header_is_good(header_line, columns):
            return
        count = 0
        for count, (line, cells) in enumerate(rows, start=1):
            if count > ROWS_MAX:
                self._add(f"line {line}: a log may have {ROWS_MAX} rows at most")
                return
            self._read_row(line, columns, cells)
        if not count and not self._mistakes:
            self._add("no command follows the header")

    def log(self) -> CommandLog:
        """What was read; raises if there was any mistake."""
        if self._mistakes:
            more = self._mistakes_count - len(self._mistakes)
            rest = [f"and {more} more mistakes"] if more else []
            raise InvalidCommandLogError([*self._mistakes, *rest])
        return CommandLog(np.array(self._times_ns, np.int64), self._commands)

    def _rows(self, stream: TextIO) -> Iterator[tuple[int, list[str]]]:
        """Rows with the number of the line that they begin on; blank lines are passed over."""
        reader = csv.reader(stream, strict=True)
        while True:
            line = reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                # The next row begins afresh, so that its mistakes are found too.
                self._add(f"line {line}: not CSV: {error}")
                continue
            if cells and self._text_is_good(line, "".join(cells)):
                yield line, cells

    def _text_is_good(self, line: int, text: str) -> bool:
        if "\0" in text:
            self._add(f"line {line}: holds a NUL character")
            return False
        if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
            self._add(f"line {line}: is not UTF-8")
            return False
        return True

    def _header_is_good(self, line: int, columns: list[str]) -> bool:
        mistakes = [f"column {name} is missing" for name in REQUIRED_COLUMNS if name not in columns]
        for index, name in enumerate(columns):
            if name not in COLUMNS:
                mistakes.append(f"unknown column {shown(name)}{suggestion(name, COLUMNS)}")
            elif name in columns[:index]:
                mistakes.append(f"column {name} is there twice")
        for mistake in mistakes:
            self._add(f"line {line}: {mistake}")
        return not mistakes

    def _read_row(self, line: int, columns: list[str], cells: list[str]) -> None:
        if len(cells) != len(columns):
            self._add(f"line {line}: {len(cells)} fields, but the header has {len(columns)}")
            return
        row = dict(zip(columns, cells, strict=True))
        mistakes: list[str] = []
        time_ns = self._time_of(line, row["time"], mistakes)
        command = command_of(row, mistakes)
        for mistake in mistakes:
            self._add(f"line {line}: {mistake}")
        if time_ns is not None and command is not None and not self._mistakes:
            self._times_ns.append(time_ns)
            self._commands.append(command)

    def _time_of(self, line: int, text: str, mistakes: list[str]) -> int | None:
        """Nanoseconds since the first row that has a time."""
        try:
            absolute_ns, kind = time_ns_of(text)
        except ValueError as error:
            mistakes.append(f"time {shown(text)}: {error}")
            return None
        if self._first is None:
            self._first = absolute_ns, kind
        origin_ns, first_kind = self._first
        time_ns = absolute_ns - origin_ns
        if kind != first_kind:
            mistakes.append(f"time {shown(text)} is {kind}; the rows before have {first_kind}")
        elif time_ns < self._last_ns:
            mistakes.append(f"time {shown(text)} is earlier than that of line {self._last_line}")
        elif time_ns > SPAN_NS_MAX:
            mistakes.append(f"time {shown(text)} is over 100 years after the first")
        else:
            self._last_ns, self._last_line = time_ns, line
            return time_ns
        return None

    def _add(self, mistake: str) -> None:
        self._mistakes_count += 1
        if len(self._mistakes) < MISTAKES_MAX:
            self._mistakes.append(mistake)
