"""Distributions down to their far tail: the share of a sample that is at least so long."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.analysis.replicated import Replications
from cqrs_sim.plots import canvas
from cqrs_sim.plots.intervals import bar_in_legend, mark_quantiles

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D

MOST_POINTS = 2000
"""Of a curve: an SVG of 100,000 points is slow to open and shows nothing more."""
SHARES = (
    *((1.0, "100 %"), (0.5, "50 %  p50"), (0.1, "10 %  p90"), (0.01, "1 %  p99")),
    *((1e-3, "0.1 %  p99.9"), (1e-4, "0.01 %"), (1e-5, "0.001 %")),
)


@attrs.frozen(eq=False)
class Tail:
    """One sample."""

    label: str
    colour: str
    times_s: NDArray[np.float64]
    """Shape (n,), seconds, any order; nan: longer than the run allowed."""
    metric: str
    """Whole name of the sample in the summary, by which its intervals are found."""


def plot_tails(
    ax: "Axes", tails: Sequence[Tail], replications: Replications | None = None
) -> list["Line2D"]:
    """A curve a sample, in milliseconds; with replications, bars of their intervals too."""
    drawn: list[Line2D] = []
    marks = 0
    for tail in tails:
        x_s, share = _thinned(tail.times_s)
        drawn += ax.plot(x_s * 1e3, share, color=tail.colour, label=tail.label)
        if np.isnan(tail.times_s).any() and len(x_s):
            end = (float(x_s[-1]) * 1e3, float(share[-1]))
            ax.plot(*end, color=tail.colour, marker="o", markersize=5, clip_on=False)
        if replications is not None:
            marks += len(mark_quantiles(ax, replications, tail.metric, tail.colour))
    _scale(ax, drawn)
    explained = [bar_in_legend(ax, replications)] if replications is not None and marks else []
    canvas.legend(ax, [*drawn, *explained])
    return drawn


def _scale(ax: "Axes", drawn: list["Line2D"]) -> None:
    ax.set_yscale("log")
    ax.set_yticks(*zip(*SHARES, strict=True))
    ax.minorticks_off()
    shares = canvas.heights(drawn)
    ax.set_ylim(shares.min(initial=0.5) * 0.6, 1.2)
    if not len(shares):
        return
    ax.set_xscale("log")
    # The shortest hundredth would take most of a logarithmic axis and say nothing.
    starts = [_first_below(line, 0.99) for line in drawn if len(canvas.heights([line]))]
    ax.set_xlim(left=min(starts) * 0.7)
    canvas.label_log_axis(ax.xaxis, *ax.get_xlim())


def _thinned(times_s: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times, and the share of all that are at least so long, thinned but for the tail."""
    seen = np.sort(times_s[times_s > 0.0])
    behind = len(times_s) - np.count_nonzero(times_s <= 0.0)
    if len(seen) <= MOST_POINTS:
        kept = np.arange(len(seen))
    else:
        # Evenly spaced in rank for the body, and in its logarithm from the longest one down.
        half = MOST_POINTS // 2
        body = np.linspace(0, len(seen) - 1, half)
        tail = len(seen) - np.geomspace(1, len(seen), half)
        kept = np.unique(np.concatenate([body, tail]).round().astype(np.intp))
    return seen[kept], (behind - kept) / max(len(times_s), 1)


def _first_below(line: "Line2D", share: float) -> float:
    """Where a falling curve first is at most `share`, else where it ends."""
    x, y = np.asarray(line.get_xdata()), np.asarray(line.get_ydata())
    return float(x[min(int(np.count_nonzero(y > share)), len(x) - 1)])
