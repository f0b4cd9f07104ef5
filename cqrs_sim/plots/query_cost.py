"""The figure of the query cost: an operation of either form against the share of reads."""

from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import numpy as np

from cqrs_sim.plots import canvas
from cqrs_sim.plots.canvas import LOAD, READ_MODELS, WRITE, dress

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.container import ErrorbarContainer
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

FILES = "query_cost"
HEIGHT = 4.2
STYLES = {"normalised": (WRITE, "o"), "denormalised": (READ_MODELS[0], "s")}
"""Colour and marker of each form."""
KIND_NAMES = {
    "by_id": "one order",
    "by_customer": "orders of a customer",
    "by_status": "orders in a status",
    "statistics": "statistics",
}


@attrs.frozen
class MixedPoint:
    """A mixed run: what an operation took."""

    form: str
    read_share: float
    median_us: float
    quartiles_us: tuple[float, float]


@attrs.frozen
class KindCrossover:
    """When denormalised tables pay, for one kind of question or the mix."""

    name: str
    told: str
    """In words: "above 62 % reads", "never"."""
    read_share: float | None
    quartiles: tuple[float, float] | None
    """Of the rounds; None if they disagree on more than the place."""


@attrs.frozen
class CostLines:
    """What the figure draws."""

    normalised_us: tuple[float, float]
    """Cost of a write, and of a read of the mix: the ends of the line."""
    denormalised_us: tuple[float, float]
    points: tuple[MixedPoint, ...]
    mix: KindCrossover
    kinds: tuple[KindCrossover, ...]


def plot_costs(ax: "Axes", lines: CostLines) -> list["Line2D | ErrorbarContainer"]:
    """Both lines over the share of reads, the mixed runs beside them, and where they meet."""
    drawn: list[Line2D | ErrorbarContainer] = []
    # Beside each other, so that one spread does not hide the other.
    for form, ends, aside in (
        ("normalised", lines.normalised_us, -0.7), ("denormalised", lines.denormalised_us, 0.7),
    ):  # fmt: skip
        colour, marker = STYLES[form]
        drawn += ax.plot([0.0, 100.0], ends, color=colour, label=f"{form}, from its parts")
        runs = [point for point in lines.points if point.form == form]
        if runs:
            middle = np.array([run.median_us for run in runs])
            low, high = np.array([run.quartiles_us for run in runs]).T
            drawn.append(
                ax.errorbar(
                    [100.0 * run.read_share + aside for run in runs], middle,
                    yerr=np.maximum([middle - low, high - middle], 0.0), fmt=marker,
                    color=colour, markersize=5, capsize=3,
                    label=f"{form}, mixed runs and quartiles",
                )
            )  # fmt: skip
    drawn += _mark_meeting(ax, lines)
    dress(ax, "What an operation costs", "time of an operation (µs)", "reads among them (%)")
    ax.set_xlim(-3.0, 103.0)
    # Room for the legend above what is drawn.
    ax.set_ylim(0.0, 1.5 * ax.get_ylim()[1])
    ax.legend(handles=drawn, loc="upper left", frameon=False)
    return drawn


def _mark_meeting(ax: "Axes", lines: CostLines) -> list["Line2D"]:
    mix = lines.mix
    if mix.read_share is None:
        return ax.plot([], [], " ", label=f"denormalised pays {mix.told}")
    if mix.quartiles is not None:
        low, high = mix.quartiles
        ax.axvspan(100.0 * low, 100.0 * high, color=LOAD, alpha=0.15, linewidth=0)
    share, (write, read) = mix.read_share, lines.normalised_us
    ax.axvline(100.0 * share, color=LOAD, linestyle=":")
    return ax.plot(
        [100.0 * share], [(1.0 - share) * write + share * read], "D", color=LOAD, markersize=7,
        label=f"denormalised pays {mix.told}",
    )  # fmt: skip


def plot_crossovers(ax: "Axes", lines: CostLines) -> list["Artist"]:
    """For each kind of question the share of reads from which on denormalised tables pay."""
    rows = (*lines.kinds, lines.mix)
    drawn: list[Artist] = []
    for place, found in enumerate(rows):
        height = len(rows) - 1 - place
        if found.read_share is not None:
            at = 100.0 * found.read_share
            if found.quartiles is not None:
                ax.plot(100.0 * np.array(found.quartiles), [height] * 2, color=LOAD, linewidth=2)
            drawn += ax.plot([at], [height], "D", color=LOAD, markersize=7)
        drawn.append(
            ax.annotate(found.told, (2.0, height), (0, 9), textcoords="offset points", color=LOAD)
        )
    names = [KIND_NAMES.get(found.name, found.name) for found in rows]
    ax.set_yticks(range(len(rows) - 1, -1, -1), names)
    ax.set_ylim(-0.6, len(rows) - 0.2)
    ax.set_xlim(0.0, 100.0)
    dress(ax, "When denormalised pays", "", "reads (%)")
    return drawn


def write_query_cost_figure(folder: Path, lines: CostLines, title: str) -> list[Path]:
    """Draw the figure into a folder, as PNG and as SVG.

    Args:
        folder: exists; files in it are overwritten.
        lines: equal ones give equal bytes.
        title: what was measured on, to stand above the figure.
    """

    def draw(figure: "Figure") -> None:
        left, right = figure.subplots(1, 2, width_ratios=(3, 2))
        plot_costs(left, lines)
        plot_crossovers(right, lines)

    return canvas.write_figure(folder, FILES, title, HEIGHT, draw)
