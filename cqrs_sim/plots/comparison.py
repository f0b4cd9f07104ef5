"""Figures of a comparison: both distributions, and how far each quantile moved.

As in `plots.run`, a plot function takes an `Axes` first, draws one thing and returns what it drew.
A is grey and dashed, B blue and solid, so that they can be told apart without colour. Distributions
are of the first seed of each result; where there are replications the shift has their intervals.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from cqrs_sim.analysis.comparison import Effect
from cqrs_sim.analysis.lag import consistency_lag_s, events_after
from cqrs_sim.analysis.quantiles import FRACTIONS, operations_needed, quantiles
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.plots import canvas
from cqrs_sim.plots.canvas import LOAD, READ_MODELS, WRITE, dress
from cqrs_sim.scenario.scenario import Scenario

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.container import ErrorbarContainer
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

A_COLOUR, B_COLOUR = LOAD, READ_MODELS[0]
MOST_POINTS = 1000
STEPS = 60
"""Quantiles of the curve of the shift, evenly spaced in the logarithm of the tail."""
LEAST_SCALE = 5.0
"""Per cent that the axis of the shift shows at least, so that nothing looks like something."""
SHARES = (
    *((1.0, "100 %"), (0.5, "p50"), (0.1, "p90"), (0.01, "p99"), (0.001, "p99.9")),
    *((1e-4, "0.01 %"), (1e-5, "0.001 %")),
)
MARKS = ((0.5, "p50"), (0.1, "p90"), (0.01, "p99"), (0.001, "p99.9"))


class Side(Protocol):
    """What the figures need of one result: `results.Result` has it all."""

    @property
    def trace(self) -> Trace:
        """The run."""

    @property
    def scenario(self) -> Scenario:
        """Its settings, with the warm-up that is left out."""

    @property
    def engine(self) -> str:
        """Which engine ran it."""


class Sides(Protocol):
    """What the figures need of a comparison: `comparison.Comparison` has it all."""

    @property
    def a(self) -> Side:
        """The one before."""

    @property
    def b(self) -> Side:
        """The one after."""

    @property
    def effects(self) -> Sequence[Effect]:
        """What became of each metric."""


def plot_distributions(ax: "Axes", comparison: Sides, read_model: str) -> list["Line2D"]:
    """Share of events whose lag is at least so long, of A and of B; censored ones count."""
    drawn: list[Line2D] = []
    size = 2
    for result, name, colour, dashes in (
        (comparison.a, "A", A_COLOUR, "--"),
        (comparison.b, "B", B_COLOUR, "-"),
    ):
        lag_s = _lag_s(result, read_model)
        size = max(size, len(lag_s))
        # The shortest hundredth would take most of a logarithmic axis and say nothing.
        shares = np.geomspace(0.99, 1.0 / max(len(lag_s), 2), MOST_POINTS)
        times = np.array(quantiles(lag_s, _fractions(shares)), np.float64)
        drawn += ax.plot(times * 1e3, shares, color=colour, linestyle=dashes, label=name)
    dress(ax, f"Lag of {read_model}", "share of events that lag so long", "lag (ms)")
    ax.set_yscale("log")
    ax.set_yticks(*zip(*SHARES, strict=True))
    ax.set_ylim(1.0 / max(size, 2), 1.2)
    if all(np.nanmin(np.asarray(line.get_xdata()), initial=1.0) > 0.0 for line in drawn):
        ax.set_xscale("log")
        ax.xaxis.set_major_formatter(canvas.plain_number)
    ax.minorticks_off()
    ax.legend(loc="lower left", frameon=False)
    return drawn


def plot_shift(
    ax: "Axes", comparison: Sides, read_model: str
) -> list["Line2D | ErrorbarContainer"]:
    """B's quantile over A's, less 1, for each quantile that both samples carry."""
    a, b = (_lag_s(result, read_model) for result in (comparison.a, comparison.b))
    size = min(len(a), len(b))
    shares = np.geomspace(0.9, 1.0 / max(size, 2), STEPS)
    carried = shares[[size >= operations_needed(1.0 - share) for share in shares.tolist()]]
    drawn: list[Line2D | ErrorbarContainer] = []
    if len(carried):
        before, after = (
            np.array(quantiles(lag_s, _fractions(carried)), np.float64) for lag_s in (a, b)
        )
        with np.errstate(divide="ignore", invalid="ignore"):
            shift = np.where(before > 0.0, after / before - 1.0, np.nan)
        drawn += ax.plot(carried, shift * 100, color=B_COLOUR, label="of the first seeds")
    any_mean = False
    for fraction, effect in _effects(comparison, read_model):
        change, interval = effect.relative_change, effect.relative
        if change is None or interval is None:
            continue
        ends = [[change - interval.low], [interval.high - change]]
        drawn.append(
            ax.errorbar(
                [1.0 - fraction],
                [change * 100],
                yerr=np.maximum(np.array(ends) * 100, 0.0),
                fmt="o",
                color=WRITE if effect.is_significant else A_COLOUR,
                capsize=4,
                label="" if any_mean else "mean, 95 %",
            )
        )
        any_mean = True
    ax.axhline(0.0, color="black", linewidth=0.8)
    ax.set_xscale("log")
    ax.invert_xaxis()
    ax.set_xticks([share for share, _ in MARKS], [name for _, name in MARKS])
    ax.minorticks_off()
    low, high = ax.get_ylim()
    ax.set_ylim(min(low, -LEAST_SCALE), max(high, LEAST_SCALE))
    if drawn:
        ax.legend(loc="best", frameon=False)
    dress(ax, f"Shift of {read_model}", "B against A (%)", "quantile")
    return drawn


def write_comparison_figures(folder: Path, comparison: Sides) -> list[Path]:
    """Draw both figures of every read model into a folder, as PNG and as SVG.

    Args:
        folder: exists; files in it are overwritten.
        comparison: equal ones give equal bytes.
    """
    names = [n for n in comparison.a.trace.read_models if n in comparison.b.trace.read_models]

    def draw(figure: "Figure") -> None:
        rows = figure.subplots(len(names), 2, squeeze=False)
        for name, (left, right) in zip(names, rows, strict=True):
            plot_distributions(left, comparison, name)
            plot_shift(right, comparison, name)

    height = 0.8 + 3.0 * len(names)
    return canvas.write_figure(folder, "comparison", _title(comparison), height, draw)


def _effects(comparison: Sides, read_model: str) -> Sequence[tuple[float, Effect]]:
    by_name = {effect.name: effect for effect in comparison.effects}
    found = ((q, by_name.get(f"lag_s.{read_model}.{name}")) for name, q in FRACTIONS.items())
    return [(fraction, effect) for fraction, effect in found if effect is not None]


def _lag_s(result: Side, read_model: str) -> NDArray[np.float64]:
    after_ns = result.scenario.run.warm_up
    return consistency_lag_s(result.trace, read_model)[events_after(result.trace, after_ns)]


def _fractions(shares: NDArray[np.float64]) -> list[float]:
    """The quantiles that leave these shares above them."""
    return [max(1.0 - float(share), 1e-9) for share in shares]


def _title(comparison: Sides) -> str:
    sides = (
        f"{side}: {result.scenario.name}, {result.engine} engine"
        for side, result in (("A", comparison.a), ("B", comparison.b))
    )
    return "   ".join(sides)
