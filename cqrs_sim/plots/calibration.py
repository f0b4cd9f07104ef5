"""The figure of a calibration: medians over the rate, predicted beside measured."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import numpy as np

from cqrs_sim.plots import canvas
from cqrs_sim.plots.canvas import LOAD, READ_MODELS, WRITE, dress

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

FILES = "prediction"
HEIGHT = 4.6


@attrs.frozen(kw_only=True)
class Predicted:
    """One quantity at one rate; None: unknown."""

    name: str
    rate_per_s: float
    predicted_s: float | None
    measured_s: float | None
    low_s: float | None
    high_s: float | None


def plot_predictions(ax: "Axes", points: Sequence[Predicted]) -> list["Line2D"]:
    """A solid line for what was measured, with its range, a dashed one for what was predicted."""
    drawn: list[Line2D] = []
    names = dict.fromkeys(point.name for point in points)
    for name, colour in zip(names, _colours(list(names)), strict=True):
        mine = [point for point in points if point.name == name]
        rates = np.array([point.rate_per_s for point in mine])
        measured = _microseconds([point.measured_s for point in mine])
        low = _microseconds([point.low_s for point in mine])
        high = _microseconds([point.high_s for point in mine])
        label = canvas.shown_name(name)
        drawn += ax.plot(rates, measured, color=colour, marker="o", markersize=3.5, label=label)
        ax.vlines(rates, low, high, color=colour, linewidth=1.2)
        predicted = _microseconds([point.predicted_s for point in mine])
        ax.plot(rates, predicted, color=colour, linestyle="--", marker="x", markersize=4)
    drawn += [canvas.line_style("measured", "-"), canvas.line_style("predicted", "--")]
    dress(ax, "What was predicted, and what was measured", "", "rate (operations per second)")
    ax.set_ylabel("median (µs)")
    canvas.log_if_positive(ax, [line for line in drawn if len(np.asarray(line.get_ydata()))])
    ax.set_xlim(left=0.0)
    ax.xaxis.set_major_formatter(canvas.plain_number)
    canvas.legend(ax, drawn)
    return drawn


def write_calibration_figure(folder: Path, points: Sequence[Predicted], title: str) -> list[Path]:
    """Draw the figure into a folder, as PNG and as SVG.

    Args:
        folder: exists; files in it are overwritten.
        points: equal ones give equal bytes.
        title: stands above the figure.
    """

    def draw(figure: "Figure") -> None:
        plot_predictions(figure.subplots(), points)

    return canvas.write_figure(folder, FILES, title, HEIGHT, draw)


def _colours(names: Sequence[str]) -> list[str]:
    """Warm for the write side, grey for queries, cool for the read models."""
    lags = [name for name in names if name.startswith("lag ")]
    return [
        READ_MODELS[lags.index(name) % len(READ_MODELS)]
        if name in lags
        else WRITE
        if name == "response"
        else LOAD
        for name in names
    ]


def _microseconds(
    durations_s: Sequence[float | None],
) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    return np.array([np.nan if value is None else value * 1e6 for value in durations_s])
