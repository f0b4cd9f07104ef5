"""Architectures in a terminal: the answer, a row each, what is wrong in red, in 80 columns."""

import io
import re

import pytest
from comparisons import row, side_by_side

from cqrs_sim.terminal.architectures import show_architectures
from cqrs_sim.terminal.screen import Screen

WORDS = {"modelled": "modelled costs"}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(*, is_quiet: bool = False, stream: io.StringIO | None = None) -> str:
    stream = stream or io.StringIO()
    show_architectures(Screen(stream), side_by_side(), WORDS, is_quiet=is_quiet)
    return stream.getvalue()


def test_every_architecture_has_its_row_in_every_table_and_the_costs_are_printed() -> None:
    lines = shown().splitlines()
    for name in ("crud", "tutorial"):
        assert sum(line.startswith(f"{name} ") for line in lines) >= 3
    assert any(line.split() == ["commit", "500us", "commit", "a", "transaction"] for line in lines)
    assert "crud: writes take 20 % longer than crud's" in lines


def test_a_divergence_is_shown_with_its_count_and_first_witness() -> None:
    told = "tutorial DIVERGED: 17 of 900 orders differ from the log; the first: orders shows 5 as"
    assert told in shown()
    assert told in shown(is_quiet=True)
    assert "Response (ms)" not in shown(is_quiet=True)


def test_what_is_wrong_is_red_on_a_terminal_and_plain_where_colours_are_not_wanted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    coloured = shown(stream=Terminal())
    red = next(line for line in coloured.splitlines() if "tutorial DIVERGED: 17" in line)
    assert "\x1b[1;31m" in red
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[1;31m" not in shown(stream=Terminal())


def test_80_columns_are_enough_for_every_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    lines = re.sub("\x1b\\[[0-9;]*m", "", shown(stream=Terminal())).splitlines()
    assert max(map(len, lines)) <= 80
    # No row is broken: each begins with its name and ends with its last cell.
    assert [line.split()[-1] for line in lines if line.startswith("tutorial  ")][1] == "DIVERGED"


def test_an_invalid_row_shows_no_times() -> None:
    stream = io.StringIO()
    late = row("crud", invalid=("late",))
    show_architectures(Screen(stream), side_by_side(late, row("simple")), WORDS)
    rows = [line.split() for line in stream.getvalue().splitlines() if line.startswith("crud  ")]
    assert rows[0] == ["crud", *["withheld"] * 4]
    assert rows[1] == ["crud", *["withheld"] * 3, "3,000", "1.00", "invalid"]
    assert "crud: INVALID, times withheld: late" in stream.getvalue()


def test_names_steer_no_terminal() -> None:
    stream = io.StringIO()
    bad = row("a\x1b[2Jb", gives_up=("c\x1b[2Jd",))
    show_architectures(Screen(stream), side_by_side(bad), WORDS)
    assert "\x1b" not in stream.getvalue()
