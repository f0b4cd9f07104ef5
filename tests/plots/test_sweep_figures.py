"""The figures of a sweep: what has no number is marked, not drawn as one."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import FillBetweenPolyCollection, PathCollection
from matplotlib.figure import Figure

from cqrs_sim.plots.sweep import (
    SATURATED,
    Axis,
    Heights,
    Panel,
    plot_curves,
    plot_heat_map,
    plot_panel,
    plot_scatter,
    write_sweep_figure,
)

NAN = float("nan")


def make_axes() -> Axes:
    figure = Figure(layout="constrained")
    FigureCanvasAgg(figure)
    return figure.subplots()


def axis_of(*numbers: float, is_log: bool = False, label: str = "load.rate") -> Axis:
    texts = [f"{number:g}/s" for number in numbers]
    return Axis(label=label, texts=texts, numbers=np.array(numbers), is_log=is_log)


def words(*texts: str) -> Axis:
    return Axis(label="policy", texts=texts, numbers=None)


def heights(*means: float, saturated: tuple[int, ...] = (), name: str = "orders") -> Heights:
    mean = np.array(means)
    is_saturated = np.isin(np.arange(len(means)), saturated)
    return Heights(name=name, mean=mean, low=mean * 0.9, high=mean * 1.2, is_saturated=is_saturated)


def legend_of(ax: Axes) -> list[str]:
    legend = ax.get_legend()
    assert legend is not None
    return [text.get_text() for text in legend.get_texts()]


def marks_of(ax: Axes, marker: str) -> list[list[float]]:
    """Where crosses or rings stand at the upper edge."""
    return [
        np.asarray(line.get_xdata(), np.float64).tolist()
        for line in ax.lines
        if line.get_marker() == marker and line.get_transform() == ax.get_xaxis_transform()
    ]


def test_a_curve_goes_through_the_means_in_the_order_of_the_axis() -> None:
    ax = make_axes()
    (line,) = plot_curves(ax, axis_of(300, 100, 200), [heights(3, 1, 2)], "t", "lag (ms)")
    assert np.asarray(line.get_xdata()).tolist() == [100, 200, 300]
    assert np.asarray(line.get_ydata()).tolist() == [1, 2, 3]
    assert ax.get_ylabel() == "lag (ms)"
    assert legend_of(ax) == ["orders"]


def test_the_band_is_the_interval() -> None:
    ax = make_axes()
    plot_curves(ax, axis_of(100, 200), [heights(10, 20)], "t", "y")
    (band,) = (one for one in ax.collections if isinstance(one, FillBetweenPolyCollection))
    corners = {
        tuple(corner) for corner in np.asarray(band.get_paths()[0].vertices, np.float64).tolist()
    }
    assert {(100.0, 9.0), (100.0, 12.0), (200.0, 18.0), (200.0, 24.0)} <= corners


def test_a_saturated_point_is_a_cross_and_a_gap_and_an_unknown_one_a_ring() -> None:
    ax = make_axes()
    curve = heights(1, NAN, NAN, saturated=(2,))
    (line,) = plot_curves(ax, axis_of(100, 200, 300), [curve], "t", "y")
    assert np.isnan(np.asarray(line.get_ydata(), np.float64)).tolist() == [False, True, True]
    assert marks_of(ax, "x") == [[300.0]]
    assert marks_of(ax, "o") == [[200.0]]
    assert legend_of(ax) == ["orders", "saturated", "not known"]


def test_marks_of_two_curves_do_not_cover_each_other() -> None:
    ax = make_axes()
    pair = [heights(NAN, saturated=(0,), name=name) for name in ("orders", "search")]
    plot_curves(ax, axis_of(100), pair, "t", "y")
    at = [
        np.asarray(line.get_ydata(), np.float64).tolist()
        for line in ax.lines
        if line.get_marker() == "x"
    ]
    (first,), (second,) = (mark for mark in at if mark)
    assert first != second


def test_a_factor_spaced_by_logarithm_has_a_logarithmic_axis_and_a_tick_a_level() -> None:
    ax = make_axes()
    plot_curves(ax, axis_of(600, 900, 1350, is_log=True), [heights(1, 2, 3)], "t", "y")
    assert ax.get_xscale() == "log"
    assert [label.get_text() for label in ax.get_xticklabels()] == ["600", "900", "1,350"]
    linear = make_axes()
    plot_curves(linear, axis_of(600, 900), [heights(1, 2)], "t", "y")
    assert linear.get_xscale() == "linear"


def test_words_are_ticks_without_a_line_between_them() -> None:
    ax = make_axes()
    (line,) = plot_curves(ax, words("block", "reject"), [heights(1, 2)], "t", "y")
    assert line.get_linestyle() == "None"
    assert [label.get_text() for label in ax.get_xticklabels()] == ["block", "reject"]


def test_a_wide_range_is_shown_on_a_logarithmic_scale() -> None:
    narrow, wide = make_axes(), make_axes()
    plot_curves(narrow, axis_of(1, 2), [heights(1, 20)], "t", "y")
    plot_curves(wide, axis_of(1, 2), [heights(1, 2000)], "t", "y")
    assert (narrow.get_yscale(), wide.get_yscale()) == ("linear", "log")


def test_a_heat_map_has_a_cell_a_combination_by_size_of_the_levels() -> None:
    ax = make_axes()
    across, up = axis_of(200, 200, 100, 100), axis_of(5, 1, 5, 1, label="mailbox")
    cells = plot_heat_map(ax, across, up, heights(1, 2, 3, NAN, saturated=(3,)), "t", "lag")
    assert np.array_equal(cells, [[NAN, 2.0], [3.0, 1.0]], equal_nan=True)
    assert {text.get_text() for text in ax.texts} == {"1", "2", "3", SATURATED}
    assert [label.get_text() for label in ax.get_xticklabels()] == ["100/s", "200/s"]
    assert ax.get_title("left") == f"t  ({SATURATED} saturated)"


def test_a_heat_map_in_which_nothing_is_known_says_so() -> None:
    ax = make_axes()
    plot_heat_map(ax, axis_of(1, 2), axis_of(3, 3), heights(NAN, NAN), "t", "lag")
    assert [text.get_text() for text in ax.texts] == ["?", "?"]
    canvas = ax.figure.canvas
    assert isinstance(canvas, FigureCanvasAgg)
    canvas.draw()  # type: ignore[no-untyped-call]


def test_points_that_make_no_grid_are_coloured_and_the_saturated_crossed() -> None:
    ax = make_axes()
    at = axis_of(1, 2, 3), axis_of(30, 10, 20)
    plot_scatter(ax, *at, heights(7, 8, NAN, saturated=(2,)), "t", "lag")
    (points,) = (one for one in ax.collections if isinstance(one, PathCollection))
    assert np.asarray(points.get_array()).tolist() == [7.0, 8.0]
    crosses = next(line for line in ax.lines if line.get_marker() == "x")
    assert (crosses.get_xdata()[0], crosses.get_ydata()[0]) == (3.0, 20.0)  # type: ignore[index]


@pytest.mark.parametrize(("up", "is_map"), [((1, 2, 1, 2), True), ((1, 2, 3, 4), False)])
def test_two_factors_make_a_map_only_where_every_combination_was_run(
    up: tuple[float, ...], is_map: bool
) -> None:
    ax = make_axes()
    axes = [axis_of(1, 1, 2, 2), axis_of(*up)]
    plot_panel(ax, Panel(title="t", label="y", axes=axes, heights=[heights(1, 2, 3, 4)]))
    assert any(isinstance(one, PathCollection) for one in ax.collections) != is_map


def test_the_figure_is_written_as_png_and_svg_with_equal_bytes(tmp_path: Path) -> None:
    panel = Panel(title="t", label="y", axes=[axis_of(1, 2)], heights=[heights(1, 2)])
    written = write_sweep_figure(tmp_path, "lag", "small", [panel])
    assert [path.name for path in written] == ["lag.png", "lag.svg"]
    before = [path.read_bytes() for path in written]
    again = write_sweep_figure(tmp_path, "lag", "small", [panel])
    assert [path.read_bytes() for path in again] == before
