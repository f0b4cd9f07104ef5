"""The table of thresholds can be read in a terminal of 80 columns, whatever the reasons are."""

import io

import attrs
import pytest
from traces import Plan, make_trace

from cqrs_sim.results import Result
from cqrs_sim.scenario.reading import read_scenario
from cqrs_sim.terminal.screen import Screen
from cqrs_sim.terminal.thresholds import show_thresholds

SCENARIO = read_scenario(
    '[run]\nduration = "2s"\n[load]\nrate = "1000/s"\n[read_models.orders]\n[read_models.search]\n'
)
RESULT = Result(trace=make_trace(Plan(seconds=2.0)), scenario=SCENARIO, seed=1, engine="virtual")
LONG = "reads.GetOrderById.eventual.response.p999 < 1500ms"


class Terminal(io.StringIO):
    """One that a person sits at."""

    def isatty(self) -> bool:
        return True


def shown(monkeypatch: pytest.MonkeyPatch, *thresholds: str, is_quiet: bool = False) -> list[str]:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    terminal = Terminal()
    result = attrs.evolve(RESULT, scenario=attrs.evolve(SCENARIO, thresholds=thresholds))
    show_thresholds(Screen(terminal), result, is_quiet=is_quiet)
    return terminal.getvalue().splitlines()


def test_limit_value_and_verdict_stand_in_one_line_of_80_columns(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = shown(monkeypatch, LONG, "lag.orders.p50 < 1us", "commands.dropped == 0")
    assert max(map(len, lines)) <= 80
    rows = [line.split() for line in lines]
    assert [*LONG.split(), "-", "FAILED"] in rows
    assert any(row[0] == "lag.orders.p50" and row[-1] == "FAILED" for row in rows if row)
    assert ["commands.dropped", "==", "0", "0", "ok"] in rows
    assert lines[-1] == "thresholds: 1 ok, 2 failed"


def test_a_reason_stands_beneath_the_table_and_breaks_between_words(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = shown(monkeypatch, LONG, "lag.orders.p50 < 1us")
    begin = lines.index(next(line for line in lines if line.startswith("FAILED: ")))
    told = " ".join(lines[begin:-1])
    assert told.startswith(f"FAILED: {LONG}: too few to tell: ")
    # What is seen from value and limit needs no words.
    assert told.count("FAILED") == 1


def test_quiet_says_all_in_a_line_each(monkeypatch: pytest.MonkeyPatch) -> None:
    text = " ".join(shown(monkeypatch, LONG, "commands.dropped > 0", is_quiet=True))
    assert f"threshold {LONG}: FAILED: too few to tell: " in text
    assert "threshold commands.dropped > 0: FAILED: it is 0" in text
