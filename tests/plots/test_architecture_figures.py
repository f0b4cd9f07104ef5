"""The figures of a comparison: one a question, the control's line in each."""

from pathlib import Path

import numpy as np
import pytest
from comparisons import row, sample, side_by_side
from matplotlib.figure import Figure

from cqrs_sim.analysis.architectures import PARTS, Measured
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
    # Of moving parts each kind is counted by itself.
    assert len(dashed) == (4 if plot is plot_parts else 1)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["crud", "simple"]


@pytest.mark.parametrize("plot", [plot_writes, plot_queries, plot_lags, plot_stale],
                         ids=lambda plot: plot.__name__)  # fmt: skip
def test_an_invalid_row_shows_no_times_and_draws_no_line(plot: object) -> None:
    ax = Figure().subplots()
    plot(ax, (row("crud", invalid=("late",)), row("simple")))  # type: ignore[operator]
    assert not [line for line in ax.lines if line.get_linestyle() == "--"]
    # Of a mark its place, of a bar its length: there is none at all of the first row.
    assert not [line for line in ax.lines if 0 in np.asarray(line.get_ydata())]
    assert all(bar.get_width() == 0.0 for bars in ax.containers for bar in bars[:1])
    assert [text.get_text() for text in ax.texts].count("withheld: invalid") == 1
    assert len(ax.get_xticks())
    assert "dashed" not in ax.get_xlabel()
    nothing = Figure().subplots()
    plot(nothing, (row("crud", invalid=("late",)),))  # type: ignore[operator]
    assert not len(nothing.get_xticks())


@pytest.mark.parametrize("plot", [plot_writes, plot_rates, plot_stored])
def test_a_control_of_which_nothing_is_known_is_no_line_at_nought(plot: object) -> None:
    ax = Figure().subplots()
    held = Measured(sample=sample(0.002), is_withheld=True)
    unknown = row("crud", write=held, makespan=None, saturated=("too much",))
    plot(ax, (unknown, row("simple", stored_bytes=5)))  # type: ignore[operator]
    assert not ax.lines or all(line.get_linestyle() != "--" for line in ax.lines)


def test_moving_parts_are_counted_by_kind_and_never_added_up() -> None:
    ax = Figure().subplots()
    plot_parts(ax, (row("crud"),))
    assert [text.get_text() for text in ax.texts] == ["1", "2", "3", "4"]
    assert [label.get_text() for label in ax.get_xticklabels()] == list(PARTS)


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
