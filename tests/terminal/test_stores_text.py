"""What is in a store, in 80 columns: no name and no date is broken."""

import io
from pathlib import Path

import attrs
import pytest

from cqrs_sim.auditing import history_of
from cqrs_sim.projections.status import ModelStatus, StoreStatus
from cqrs_sim.simulation import load_scenario, run
from cqrs_sim.terminal.log import show_history
from cqrs_sim.terminal.projection import show_status
from cqrs_sim.terminal.screen import Screen

DAY_NS = 86_400 * 10**9
NOON_NS = 20_000 * DAY_NS + DAY_NS // 2 + 123_456_789
"""Of a day in 2024."""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "dumb")
    return Terminal()


def test_the_history_of_an_order_fits_with_the_date_in_its_title(
    tmp_path: Path, terminal: Terminal
) -> None:
    settings = ["run.duration=500ms", "run.warm_up=0s", "workload.orders=5"]
    run(load_scenario("default", settings), seed=1, store=tmp_path / "store")
    found = history_of(tmp_path / "store", "order-0000000")
    # As a store of a busy year has it: large positions, and an order that outlives a day.
    steps = [
        attrs.evolve(
            step,
            stored=attrs.evolve(
                step.stored,
                position=9_000_000_000 + number,
                recorded_ns=NOON_NS + number * DAY_NS,
                type="OrderStatusChanged",
            ),
        )
        for number, step in enumerate(found.steps[:2])
    ]
    dated = attrs.evolve(found, is_dated=True, steps=tuple(steps))
    show_history(Screen(terminal), dated)
    lines = terminal.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    assert [line for line in lines if line.startswith("Order ")] == [
        "Order order-0000000, 2024-10-04 (UTC)",
        "Order order-0000000, 2024-10-05 (UTC)",
    ]
    rows = [line.split() for line in lines if "9,000,000," in line]
    assert [row[2:4] for row in rows] == [["12:00:00.123", "OrderStatusChanged"]] * 2
    assert not any("command" in line for line in lines)


def test_simulated_time_is_told_as_such(tmp_path: Path, terminal: Terminal) -> None:
    settings = ["run.duration=500ms", "run.warm_up=0s", "workload.orders=5"]
    run(load_scenario("default", settings), seed=1, store=tmp_path / "store")
    found = history_of(tmp_path / "store", "order-0000000")
    show_history(Screen(terminal), found)
    title, _, first, *_ = terminal.getvalue().splitlines()
    assert title == "Order order-0000000, simulated time (s)"
    assert first.split()[2] == f"{found.steps[0].stored.recorded_ns / 1e9:.3f}"


@pytest.mark.parametrize("is_dated", [True, False])
def test_no_date_of_a_status_is_broken(terminal: Terminal, *, is_dated: bool) -> None:
    until_ns = NOON_NS if is_dated else 9_999_999 * 10**9
    models = tuple(
        ModelStatus(
            name=name,
            state="other tables",
            checkpoint=1_234_567_890,
            behind=123_456_789,
            bytes=12_345_678_901,
            shows_until_ns=until_ns,
            written_ns=NOON_NS,
        )
        for name in ("orders", "statistics", "search")
    )
    status = StoreStatus(folder="store", head=5, is_dated=is_dated, read_models=models)
    show_status(Screen(terminal), status)
    lines = terminal.getvalue().splitlines()
    assert max(map(len, lines)) <= 80
    until = "2024-10-04T12:00:00Z" if is_dated else "9,999,999.000 s, simulated"
    for name in ("orders", "statistics", "search"):
        assert any(line.split() == [name, *until.split(), "2024-10-04T12:00:00Z"] for line in lines)
        counts = ["1,234,567,890", "123,456,789", "12,345,678,901"]
        assert any(line.split() == [name, "other", "tables", *counts] for line in lines)
