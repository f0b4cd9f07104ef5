"""The figure of the query cost."""

from pathlib import Path

import attrs
import numpy as np
import pytest
from axes import legend_of, make_axes
from matplotlib.lines import Line2D

from cqrs_sim.plots.query_cost import (
    CostLines,
    KindCrossover,
    MixedPoint,
    plot_costs,
    plot_crossovers,
    write_query_cost_figure,
)

LINES = CostLines(
    (100.0, 200.0),
    (160.0, 60.0),
    (MixedPoint("normalised", 0.5, 150.0, (140.0, 170.0)),),
    KindCrossover("mix", "above 30 % reads", 0.3, (0.25, 0.4)),
    (
        KindCrossover("by_id", "above 90 % reads", 0.9, None),
        KindCrossover("statistics", "never", None, None),
    ),
)


def test_lines_run_from_a_write_to_a_read() -> None:
    drawn = [line for line in plot_costs(make_axes(), LINES) if isinstance(line, Line2D)]
    ends = [np.asarray(line.get_ydata(), float).tolist() for line in drawn[:2]]
    assert ends == [[100.0, 200.0], [160.0, 60.0]]


def test_the_crossover_stands_where_the_lines_meet() -> None:
    (*_, mark) = plot_costs(make_axes(), LINES)
    assert isinstance(mark, Line2D)
    place = [*np.asarray(mark.get_xdata(), float), *np.asarray(mark.get_ydata(), float)]
    assert place == pytest.approx([30.0, 130.0])


def test_the_legend_tells_when_denormalised_pays() -> None:
    for mix in (LINES.mix, KindCrossover("mix", "never", None, None)):
        ax = make_axes()
        plot_costs(ax, attrs.evolve(LINES, mix=mix))
        assert legend_of(ax)[-1] == f"denormalised pays {mix.told}"


def test_every_kind_of_question_has_its_row() -> None:
    ax = make_axes()
    plot_crossovers(ax, LINES)
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["one order", "statistics", "mix"]
    assert [text.get_text() for text in ax.texts] == [
        "above 90 % reads", "never", "above 30 % reads",
    ]  # fmt: skip


def test_equal_figures_are_equal_bytes(tmp_path: Path) -> None:
    written = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        paths = write_query_cost_figure(tmp_path / name, LINES, "SQLite")
        written.append([path.read_bytes() for path in paths])
    assert written[0] == written[1]
