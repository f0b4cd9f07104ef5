"""The axis of a far tail: quantiles spaced by what is left above them, on a logarithmic scale.

So p90, p99 and p99.9 are evenly spaced, and the longest value of a million is as plain to see as
the median, where the axis begins. Distributions of latency are drawn so since HdrHistogram (G.
Tene).
"""

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.analysis.quantiles import BEYOND
from cqrs_sim.report.chart import Axis
from cqrs_sim.report.scales import Scale, Tick
from cqrs_sim.report.spans import Span

POINTS = 160
NAMED = (
    ("p50", 2.0, False),
    ("p90", 10.0, False),
    ("p99", 100.0, False),
    ("p99.9", 1e3, False),
    ("p99.99", 1e4, False),
    ("p99.999", 1e5, False),
    ("p99.9999", 1e6, True),
)
"""Label, what it is one in, and whether a narrow screen does without."""


@attrs.frozen(eq=False, kw_only=True)
class QuantileGrid:
    """The quantiles that a tail is read at. Columns: shape (n,)."""

    one_in: NDArray[np.float64]
    """1 / (1 - q), increasing: one in so many is beyond. The last one is the whole sample."""
    fractions: NDArray[np.float64]
    """q, increasing; the last one is 1, the longest value."""
    texts: tuple[str, ...]


def quantile_grid(size: int) -> QuantileGrid:
    """Quantiles from the median to the longest value of a sample of `size`."""
    one_in = np.unique(np.geomspace(2.0, max(size, 3), POINTS))
    fractions = np.append(1.0 - 1.0 / one_in[:-1], 1.0)
    texts = tuple(f"p{100.0 * q:.6g}" for q in fractions[:-1].tolist())
    return QuantileGrid(one_in=one_in, fractions=fractions, texts=(*texts, "the longest"))


def one_in(fraction: float) -> float:
    """Place of a quantile on the axis; the median, where it begins, is 2."""
    return 1.0 / (1.0 - fraction)


def quantile_axis(grid: QuantileGrid, title: str) -> Axis:
    """The x axis of a tail."""
    scale = Scale(kind="log", low=2.0, high=float(grid.one_in[-1]))
    ticks = tuple(
        Tick(scale.fraction(one_in), label, is_minor)
        for label, one_in, is_minor in NAMED
        if one_in <= scale.high
    )
    return Axis(title=title, scale=scale, ticks=ticks)


def thin_data(size: int) -> tuple[Span, ...]:
    """Where so few values are beyond that a quantile describes this run and estimates nothing."""
    if not size:
        return ()
    return (
        Span(
            start=max(size / BEYOND, 2.0),
            end=float(max(size, 3)),
            text=f"fewer than {BEYOND} beyond",
            kind="thin-data",
        ),
    )
