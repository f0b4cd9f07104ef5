"""The figure of the price of a fresh read: what each strategy pays against what it leaves stale."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from cqrs_sim.analysis.reads import ReadSummary
from cqrs_sim.plots import canvas
from cqrs_sim.plots.canvas import WRITE, dress

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

READS = {"eventual": ("#56B4E9", "o"), "at_least": ("#0072B2", "s"), "write_side": (WRITE, "D")}
"""Colour and marker of each read strategy."""


def plot_fresh_reads(ax: "Axes", reads: Iterable[ReadSummary]) -> list["Line2D"]:
    """What a fresh read pays against what it leaves stale, a mark for each strategy.

    Hollow marks: not all queries got an answer; what they waited for nothing is paid too. A line
    leads from the mean to the p99, where the sample can carry one.
    """
    drawn: list[Line2D] = []
    for read in reads:
        (colour, marker), failed = READS[read.strategy], read.n - read.answered
        # None, as of a sample too small for its p99, becomes nan, which is not drawn.
        paid_ms = np.array([read.paid_mean_s, read.response_s.p99], np.float64) * 1e3
        left = np.full(2, read.missed_own_share, np.float64) * 100
        ax.plot(paid_ms, left, color=colour, linewidth=2.5, alpha=0.5)
        ax.plot(paid_ms[1:], left[1:], "|", color=colour, markersize=12, markeredgewidth=2)
        drawn += ax.plot(
            paid_ms[:1], left[:1], marker, color=colour, markersize=10, label=_told(read),
            markerfacecolor="none" if failed else colour, markeredgewidth=2,
        )  # fmt: skip
    dress(ax, "The price of a fresh read", "missed own writes (%)", "time paid (ms): mean, |: p99")
    # A little below nought, where a mark or a line at nought would be hidden by the frame.
    right, top = ax.get_xlim()[1], max(ax.get_ylim()[1], 1.0)
    ax.set_xlim(-0.03 * right, right)
    ax.set_ylim(-0.06 * top, top)
    canvas.legend(ax, drawn)
    return drawn


def _told(read: ReadSummary) -> str:
    """A strategy in the legend: what it missed, what it paid, what got no answer."""
    missed = "no answer about an own write"
    if read.missed_own_share is not None:
        missed = f"missed {100 * read.missed_own_share:.3g} % of {read.own_writes:,} own writes"
    parts = [f"{read.strategy}: {missed}"]
    if read.paid_mean_s is not None:
        p99 = read.response_s.p99
        tail = "" if p99 is None else f", p99 {canvas.milliseconds(p99)}"
        parts.append(f"paid {canvas.milliseconds(read.paid_mean_s)} on average{tail}")
    if read.age_s.mean is not None:
        parts.append(f"answers {canvas.milliseconds(read.age_s.mean)} old on average")
    if read.n > read.answered:
        parts.append(f"{100 * (1 - read.answered / read.n):.3g} % without an answer")
    return "\n".join(parts)


def write_fresh_reads(folder: Path, reads: Iterable[ReadSummary], title: str) -> list[Path]:
    """Draw the price of a fresh read into a folder, as PNG and as SVG.

    Args:
        folder: exists; files in it are overwritten.
        reads: one of each strategy; equal ones give equal bytes.
        title: scenario and engine, to stand above the figure.
    """

    def draw(figure: "Figure") -> None:
        plot_fresh_reads(figure.subplots(), reads)

    return canvas.write_figure(folder, "fresh_reads", title, 3.6, draw)
