"""The figures of a comparison: one a question, the control's line in each."""

from pathlib import Path

import pytest
from comparisons import row, side_by_side
from matplotlib.figure import Figure

from cqrs_sim.plots.architectures import (
    plot_lags,
    plot_parts,
    plot_queries,
    plot_rates,
    plot_stale,
    plot_stored,
    plot_writes,
    write_architecture_figures,
)

ALL = (plot_writes, plot_queries, plot_lags, plot_stale, plot_rates, plot_stored, plot_parts)


@pytest.mark.parametrize("plot", ALL, ids=lambda plot: plot.__name__)
def test_the_control_is_a_dashed_line_in_every_figure(plot: object) -> None:
    ax = Figure().subplots()
    rows = (row("crud", stored_bytes=1_000), row("simple", stored_bytes=2_000))
    plot(ax, rows)  # type: ignore[operator]
    dashed = [line for line in ax.lines if line.get_linestyle() == "--"]
    assert len(dashed) == 1
    assert [label.get_text() for label in ax.get_yticklabels()] == ["crud", "simple"]


def test_equal_comparisons_give_equal_files_and_nothing_stored_gives_none(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        write_architecture_figures(tmp_path / name, side_by_side())
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert "write.svg" in files
    assert "stored.svg" not in files
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


@pytest.mark.filterwarnings("error::UserWarning")
def test_three_substrates_side_by_side_leave_room_for_their_bars(tmp_path: Path) -> None:
    """A legend that is wider than its panel would squeeze it to nothing."""
    names = ("crud", "event_sourced", "multiple", "tutorial")
    rows = [
        row(name, substrate=substrate, invalid=("late",), stale_from_cache=10)
        for substrate in ("modelled", "memory", "sqlite")
        for name in names
    ]
    assert write_architecture_figures(tmp_path, side_by_side(*rows))
