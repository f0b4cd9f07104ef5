"""The figure of the highest rate: the metric against the rate, the limit, and where they meet.

The knee is where the metric begins to cost more than rate brings: of all rates, the one at which
rate / metric is greatest (Kleinrock's power; L. Kleinrock, "Power and deterministic rules of thumb
for probabilistic problems in computer communications", ICC 1979).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.analysis.intervals import Interval, t_interval
from cqrs_sim.analysis.metrics import Unit
from cqrs_sim.plots import canvas
from cqrs_sim.plots.canvas import LOAD, READ_MODELS, WRITE, dress

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

FILES = "capacity"
HEIGHT = 4.2
ABOVE = 8.0
"""Times the limit that the figure shows at most: beyond it only saturation is told."""


@attrs.frozen(kw_only=True)
class CurvePoints:
    """What the figure draws."""

    rates_per_s: tuple[float, ...]
    """Increasing."""
    values: tuple[tuple[float, ...], ...]
    """The metric at each rate, one a seed; inf where saturated, nan where unknown."""
    metric: str
    unit: Unit
    limit: float
    expression: str
    interval: Interval
    """Of the highest rate."""
    saturates_at_per_s: float
    busiest: str
    """The stage that saturates there."""


def plot_capacity(ax: "Axes", points: CurvePoints) -> list["Line2D"]:
    """The metric against the rate, with the answer."""
    scale = 1e3 if points.unit == "s" else 1.0
    rates = np.array(points.rates_per_s, np.float64)
    mean, low, high = (column * scale for column in bands(points.values))
    colour = READ_MODELS[0]
    seeds = max(map(len, points.values), default=0)
    ax.fill_between(rates, low, high, color=colour, alpha=0.2, linewidth=0)
    name = f"mean over {seeds} seeds, with its\n95 % band"
    drawn = ax.plot(rates, mean, color=colour, marker="o", markersize=3.5, label=name)
    drawn += _mark_unknown(ax, rates, mean, colour)
    drawn.append(
        ax.axhline(points.limit * scale, color=WRITE, linestyle="--", label=points.expression)
    )
    drawn += _mark_answer(ax, points, scale)
    drawn += _mark_knee(ax, rates, mean)
    told = f"{canvas.shown_name(points.busiest).strip()} saturates:\n"
    told += f"{points.saturates_at_per_s:,.4g}/s"
    drawn.append(ax.axvline(points.saturates_at_per_s, color=LOAD, linestyle=":", label=told))
    unit = {"s": " (ms)", "per_s": " (per second)", "number": ""}[points.unit]
    title = "How much it can take before it is too slow"
    dress(ax, title, "", "rate (operations per second)")
    ax.set_ylabel(f"{points.metric}{unit}", parse_math=False)
    _set_limits(ax, mean, points.limit * scale)
    ax.set_xlim(left=0.0)
    canvas.legend(ax, drawn)
    return drawn


def bands(values: Sequence[Sequence[float]]) -> NDArray[np.float64]:
    """Mean and both ends of its interval at each rate: shape (3, n_rates); nan where unknown."""
    found = np.full((3, len(values)), np.nan)
    for column, one in enumerate(values):
        if one and np.all(np.isfinite(one)):
            interval = t_interval(one)
            ends = (interval.mean, interval.low, interval.high)
            found[:, column] = [np.nan if end is None else end for end in ends]
    return found


def knee(rates: NDArray[np.float64], mean: NDArray[np.float64]) -> int | None:
    """Which of the rates is the knee; None if the metric is nowhere known, or nothing."""
    known = np.flatnonzero(np.isfinite(mean) & (mean > 0.0))
    if not len(known):
        return None
    return int(known[np.argmax(rates[known] / mean[known])])


def _mark_unknown(
    ax: "Axes", rates: NDArray[np.float64], mean: NDArray[np.float64], colour: str
) -> list["Line2D"]:
    """Crosses at the upper edge: rates at which a seed saturated, or the metric is not known."""
    unknown = rates[~np.isfinite(mean)]
    if not len(unknown):
        return []
    return ax.plot(
        unknown, np.full(len(unknown), 0.97), "x", color=colour, label="no number: saturated",
        transform=ax.get_xaxis_transform(),
    )  # fmt: skip


def _mark_answer(ax: "Axes", points: CurvePoints, scale: float) -> list["Line2D"]:
    interval = points.interval
    if interval.mean is None:
        return []
    half = "" if interval.half_width is None else f" ± {interval.half_width:,.2g}"
    if interval.low is not None and interval.high is not None:
        ax.axvspan(interval.low, interval.high, color=WRITE, alpha=0.15, linewidth=0)
    name = f"highest rate: {interval.mean:,.4g}/s{half}"
    return ax.plot(
        [interval.mean], [points.limit * scale], "D", color=WRITE, markersize=8, label=name
    )


def _mark_knee(ax: "Axes", rates: NDArray[np.float64], mean: NDArray[np.float64]) -> list["Line2D"]:
    at = knee(rates, mean)
    if at is None:
        return []
    return ax.plot(
        [rates[at]], [mean[at]], "s", color=LOAD, markersize=8, markerfacecolor="none",
        markeredgewidth=1.6, label=f"knee: {rates[at]:,.3g}/s",
    )  # fmt: skip


def _set_limits(ax: "Axes", mean: NDArray[np.float64], limit: float) -> None:
    """From 0, and not so high that what matters becomes a line at the bottom."""
    known = mean[np.isfinite(mean)]
    highest = float(known.max()) if len(known) else limit
    if limit <= 0.0:
        ax.set_ylim(0.0, 1.1 * highest or 1.0)
    elif highest < limit / ABOVE:
        # A limit far above everything: only a logarithmic axis shows both.
        if len(known) and float(known.min()) > 0.0:
            ax.set_yscale("log")
            canvas.label_log_axis(ax.yaxis, float(known.min()), limit)
    else:
        ax.set_ylim(0.0, min(1.08 * max(highest, limit), 3.0 * limit))


def write_capacity_figure(folder: Path, points: CurvePoints, title: str) -> list[Path]:
    """Draw the figure into a folder, as PNG and as SVG.

    Args:
        folder: exists; files in it are overwritten.
        points: equal ones give equal bytes.
        title: scenario and engine, to stand above the figure.
    """

    def draw(figure: "Figure") -> None:
        plot_capacity(figure.subplots(), points)

    return canvas.write_figure(folder, FILES, title, HEIGHT, draw)
