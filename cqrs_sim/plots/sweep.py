"""Figures of a sweep: a metric along one factor, or over two.

What has no number is never drawn as one. A point at which a stage is saturated, in any of its
replications, gets a cross at the upper edge, and one that is not known for another reason (too few
values, say) a ring; a curve has a gap there. Bands are 95 % intervals over replications.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.plots import canvas
from cqrs_sim.plots.canvas import LOAD, READ_MODELS, dress

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

SATURATED = "\N{MULTIPLICATION SIGN}"
FLOOR, STEP = 0.97, 0.035
"""Where marks stand below the upper edge, and how far apart those of two curves are."""
MOST_WRITTEN = 150
"""Cells of a heat map up to which the numbers stand in them."""
PANEL_INCHES = 3.2
MOST_TICKS = 12
"""Levels of a logarithmic factor up to which each gets a tick."""
WIDE = 30.0
"""Ratio of greatest to least number from which a scale is logarithmic."""


@attrs.frozen(eq=False, kw_only=True)
class Axis:
    """A factor, as far as a figure needs it."""

    label: str
    """With the unit."""
    texts: Sequence[str]
    """Shape (n_points,): its value at each point, as somebody would write it."""
    numbers: NDArray[np.float64] | None
    """Shape (n_points,), in the label's unit; None if the values are words."""
    is_log: bool = False


@attrs.frozen(eq=False, kw_only=True)
class Heights:
    """A metric at each point; each array has shape (n_points,)."""

    name: str
    mean: NDArray[np.float64]
    """nan where there is no number."""
    low: NDArray[np.float64]
    """Of the interval; nan where there is none, as with a single replication."""
    high: NDArray[np.float64]
    is_saturated: NDArray[np.bool_]
    colour: str = READ_MODELS[0]


@attrs.frozen(eq=False, kw_only=True)
class Panel:
    """What one pair of axes shows."""

    title: str
    label: str
    """Of the metric, with its unit."""
    axes: Sequence[Axis]
    """One factor, or two."""
    heights: Sequence[Heights]
    """Several over one factor, one over two."""


def write_sweep_figure(folder: Path, name: str, title: str, panels: Sequence[Panel]) -> list[Path]:
    """Draw panels one below the other into a folder, as PNG and as SVG.

    Args:
        folder: exists; files in it are overwritten.
        name: of the files, without a suffix.
        title: scenario, engine and replications, to stand above the figure.
        panels: at least one; equal ones give equal bytes.
    """

    def draw(figure: "Figure") -> None:
        for ax, panel in zip(
            figure.subplots(len(panels), squeeze=False)[:, 0], panels, strict=True
        ):
            plot_panel(ax, panel)

    return canvas.write_figure(folder, name, title, PANEL_INCHES * len(panels) + 0.4, draw)


def plot_panel(ax: "Axes", panel: Panel) -> None:
    """Curves over one factor; over two a heat map, or points where they make no grid."""
    if len(panel.axes) == 1:
        plot_curves(ax, panel.axes[0], panel.heights, panel.title, panel.label)
        return
    across, up = panel.axes
    is_grid = len(across.texts) == len(set(across.texts)) * len(set(up.texts))
    plot = plot_heat_map if is_grid else plot_scatter
    plot(ax, across, up, panel.heights[0], panel.title, panel.label)


def plot_curves(
    ax: "Axes", axis: Axis, curves: Sequence[Heights], title: str, label: str
) -> list["Line2D"]:
    """Metrics along one factor, each with the band of its intervals."""
    at = _positions(ax, axis)
    order = np.argsort(at, kind="stable")
    dashes = "none" if axis.numbers is None else "-"
    drawn: list[Line2D] = []
    for number, curve in enumerate(curves):
        mean = curve.mean[order]
        drawn += ax.plot(
            at[order], mean, color=curve.colour, marker="o", markersize=3.5, linestyle=dashes,
            label=canvas.shown_name(curve.name),
        )  # fmt: skip
        if axis.numbers is None:
            ax.vlines(at, curve.low, curve.high, color=curve.colour, alpha=0.5, linewidth=3)
        else:
            ax.fill_between(
                at[order], curve.low[order], curve.high[order], color=curve.colour,
                alpha=0.2, linewidth=0,
            )  # fmt: skip
        _mark(ax, at, curve, FLOOR - STEP * number)
    dress(ax, title, label, axis.label)
    means = np.concatenate([curve.mean for curve in curves])
    if _is_wide(means):
        canvas.log_if_positive(ax, drawn)
    elif np.any(np.isfinite(means)):
        ax.set_ylim(bottom=0)
    else:
        ax.set_yticks([])
    canvas.legend(ax, [*drawn, *_explained(curves)])
    return drawn


def plot_heat_map(
    ax: "Axes", across: Axis, up: Axis, heights: Heights, title: str, label: str
) -> NDArray[np.float64]:
    """A metric over two factors of which every combination was run.

    Returns:
        What the colours stand for: shape (levels up, levels across); nan where there is no number.
    """
    columns, rows = _ranks(across), _ranks(up)
    shape = (int(rows.max()) + 1, int(columns.max()) + 1)
    cells, is_saturated = np.full(shape, np.nan), np.zeros(shape, np.bool_)
    cells[rows, columns], is_saturated[rows, columns] = heights.mean, heights.is_saturated
    norm = _norm(cells)
    mesh = ax.pcolormesh(
        np.ma.masked_invalid(cells), cmap="viridis", norm=norm, edgecolors="white",
        linewidth=0.5,
    )  # fmt: skip
    ax.set_facecolor("#DDDDDD")
    for (row, column), value in np.ndenumerate(cells):
        if is_saturated[row, column]:
            _write(ax, column, row, SATURATED, LOAD)
        elif np.isnan(value):
            _write(ax, column, row, "?", LOAD)
        elif cells.size <= MOST_WRITTEN:
            is_bright = float(norm(value)) > 0.6
            _write(ax, column, row, f"{value:.3g}", "black" if is_bright else "white")
    dress(
        ax,
        f"{title}  ({SATURATED} saturated)" if is_saturated.any() else title,
        up.label,
        across.label,
    )
    ax.grid(visible=False)
    ax.set_xticks(np.arange(shape[1]) + 0.5, _level_texts(across, columns), rotation=45, ha="right")
    ax.set_yticks(np.arange(shape[0]) + 0.5, _level_texts(up, rows))
    if np.any(np.isfinite(cells)):
        ax.figure.colorbar(mesh, ax=ax, label=label)
    return cells


def plot_scatter(
    ax: "Axes", across: Axis, up: Axis, heights: Heights, title: str, label: str
) -> None:
    """A metric over two factors, at points that make no grid."""
    x, y = _positions(ax, across), _positions(ax, up, is_upright=True)
    is_known = np.isfinite(heights.mean)
    if is_known.any():
        points = ax.scatter(
            x[is_known], y[is_known], c=heights.mean[is_known], cmap="viridis",
            norm=_norm(heights.mean), s=30,
        )  # fmt: skip
        ax.figure.colorbar(points, ax=ax, label=label)
    ax.plot(x[heights.is_saturated], y[heights.is_saturated], "x", color=LOAD)
    is_unknown = ~is_known & ~heights.is_saturated
    ax.plot(x[is_unknown], y[is_unknown], "o", color=LOAD, markerfacecolor="none")
    marks = [(heights.is_saturated, f"{SATURATED} saturated"), (is_unknown, "o not known")]
    told = "  ".join(text for where, text in marks if where.any())
    dress(ax, f"{title}  ({told})" if told else title, up.label, across.label)


def _positions(ax: "Axes", axis: Axis, *, is_upright: bool = False) -> NDArray[np.float64]:
    """Where each point lies along an axis, which is set up for it."""
    scale, ticks = (ax.set_yscale, ax.set_yticks) if is_upright else (ax.set_xscale, ax.set_xticks)
    if axis.numbers is None:
        ranks = _ranks(axis)
        ticks(np.arange(int(ranks.max()) + 1), _level_texts(axis, ranks))
        return ranks.astype(np.float64)
    if axis.is_log:
        scale("log")
        low, high = float(axis.numbers.min()), float(axis.numbers.max())
        canvas.label_log_axis(ax.yaxis if is_upright else ax.xaxis, low, high)
        levels = np.unique(axis.numbers)
        if len(levels) <= MOST_TICKS:
            # Powers of ten would be too few to read a value off.
            ticks(levels, [canvas.plain_number(round(level, 3)) for level in levels.tolist()])
            ticks([], minor=True)
    return axis.numbers


def _ranks(axis: Axis) -> NDArray[np.intp]:
    """The index of each point's level: by size, or for words by first mention."""
    if axis.numbers is not None:
        return np.unique(axis.numbers, return_inverse=True)[1]
    levels = list(dict.fromkeys(axis.texts))
    return np.array([levels.index(text) for text in axis.texts], np.intp)


def _level_texts(axis: Axis, ranks: NDArray[np.intp]) -> list[str]:
    named = dict(zip(ranks.tolist(), axis.texts, strict=True))
    return [named[rank] for rank in sorted(named)]


def _mark(ax: "Axes", at: NDArray[np.float64], curve: Heights, height: float) -> None:
    """Crosses and rings at the upper edge, for what has no number."""
    is_unknown = np.isnan(curve.mean) & ~curve.is_saturated
    for where, marker in ((curve.is_saturated, "x"), (is_unknown, "o")):
        x = at[where]
        ax.plot(
            x, np.full(len(x), height), marker, color=curve.colour, markersize=5,
            markerfacecolor="none", transform=ax.get_xaxis_transform(),
        )  # fmt: skip


def _explained(curves: Sequence[Heights]) -> list["Line2D"]:
    """Legend entries of the marks that there are."""
    from matplotlib.lines import Line2D

    is_saturated = any(curve.is_saturated.any() for curve in curves)
    is_unknown = any((np.isnan(curve.mean) & ~curve.is_saturated).any() for curve in curves)
    marks = [("x", "saturated", is_saturated), ("o", "not known", is_unknown)]
    return [
        Line2D(
            [], [], color=LOAD, marker=marker, linestyle="none", markerfacecolor="none", label=name
        )
        for marker, name, is_there in marks
        if is_there
    ]


def _write(ax: "Axes", column: int, row: int, text: str, colour: str) -> None:
    ax.text(
        column + 0.5, row + 0.5, text, color=colour, ha="center", va="center", fontsize="x-small"
    )


def _is_wide(values: NDArray[np.float64]) -> bool:
    known = values[np.isfinite(values)]
    return bool(len(known) and known.min() > 0.0 and known.max() > WIDE * known.min())


def _norm(values: NDArray[np.float64]) -> "Normalize":
    from matplotlib.colors import LogNorm, Normalize

    known = values[np.isfinite(values)]
    if not len(known):
        return Normalize(0.0, 1.0)
    kind = LogNorm if _is_wide(known) else Normalize
    return kind(float(known.min()), float(known.max()))
