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

    Hollow marks: not all queries got an answer; what they waited for nothing is paid too. A thin
    line leads from the mean to the p99, where the sample can carry one.
    """
    drawn: list[Line2D] = []
    for read in reads:
        (colour, marker), failed = READS[read.strategy], read.n - read.answered
        # None, as of a sample too small for its p99, becomes nan, which is not drawn.
        paid_ms = np.array([read.paid_mean_s, read.response_s.p99], np.float64) * 1e3
        left = np.full(2, read.missed_own_share, np.float64) * 100
        missed = "no answer about an own write"
        if read.missed_own_share is not None:
            missed = f"missed {left[0]:.3g} % of {read.own_writes:,} own writes"
        parts = [f"{read.strategy}: {missed}"]
        if read.age_s.mean is not None:
            parts.append(f"answers {canvas.milliseconds(read.age_s.mean)} old on average")
        if failed:
            parts.append(f"{failed / read.n * 100:.3g} % without an answer")
        ax.plot(paid_ms, left, color=colour, alpha=0.5)
        drawn += ax.plot(
            paid_ms[:1], left[:1], marker, color=colour, markersize=10, label="\n".join(parts),
            markerfacecolor="none" if failed else colour, markeredgewidth=2, clip_on=False,
        )  # fmt: skip
    dress(ax, "The price of a fresh read", "missed own writes (%)", "mean time paid, to p99 (ms)")
    ax.set_xlim(left=0)
    ax.set_ylim(bottom=0)
    canvas.legend(ax, drawn)
    return drawn


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
