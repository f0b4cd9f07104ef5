"""The figure of deliveries: how many effects each way lost, and how many it doubled."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import attrs
import numpy as np

from cqrs_sim.plots import canvas
from cqrs_sim.plots.canvas import READ_MODELS, dress

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.container import BarContainer
    from matplotlib.figure import Figure

LOST, DOUBLED = READ_MODELS[0], READ_MODELS[3]
FILES = "delivery"
HEIGHT = 4.4


@attrs.frozen(kw_only=True)
class EffectCounts:
    """One way to deliver, as the figure draws it."""

    label: str
    lost: int
    doubled: int


def plot_deliveries(ax: "Axes", counts: Sequence[EffectCounts]) -> list["BarContainer"]:
    """Two bars for each way, the first way on top; each with its count, 0 too."""
    places = np.arange(len(counts), dtype=np.float64)
    drawn = []
    for shift, name, colour in ((-0.19, "lost", LOST), (0.19, "doubled", DOUBLED)):
        numbers = [getattr(one, name) for one in counts]
        bars = ax.barh(places + shift, numbers, 0.36, color=colour, label=f"{name} effects")
        ax.bar_label(bars, labels=[f"{number:,}" for number in numbers], padding=3, fontsize=8)
        drawn.append(bars)
    ax.set_yticks(places, [one.label for one in counts])
    ax.invert_yaxis()
    dress(ax, "Effects lost and doubled, over all read models", "", "effects")
    ax.grid(visible=False, axis="y")
    ax.set_xlim(0, max(1.0, 1.08 * max((max(c.lost, c.doubled) for c in counts), default=0)))
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    return drawn


def write_deliveries(folder: Path, counts: Sequence[EffectCounts], title: str) -> list[Path]:
    """Draw the figure into a folder, as PNG and as SVG.

    Args:
        folder: exists; files in it are overwritten.
        counts: in their order; equal ones give equal bytes.
        title: stands above the figure.
    """

    def draw(figure: "Figure") -> None:
        plot_deliveries(figure.subplots(), counts)

    return canvas.write_figure(folder, FILES, title, HEIGHT, draw)
