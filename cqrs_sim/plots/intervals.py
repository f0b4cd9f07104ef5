"""Intervals over replications, drawn beside the curves of the first seed's run.

A curve of one run says nothing of how another seed would have come out. A bar does: it is Student's
t-interval for the mean of one quantile, a value a replication, at that quantile's own height.
Nothing joins the bars to a band: between them no interval was computed.
"""

from typing import TYPE_CHECKING

from cqrs_sim.analysis.replicated import LEVEL, Replications
from cqrs_sim.analysis.replicated_quantiles import quantile_intervals
from cqrs_sim.plots.canvas import LOAD

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.container import ErrorbarContainer


def mark_quantiles(
    ax: "Axes", replications: Replications, sample: str, colour: str
) -> list["ErrorbarContainer"]:
    """Bars of p50, p90, p99 and p99.9, as far as every replication has them.

    Args:
        ax: milliseconds across, the share of what is at least so long upwards.
        replications: of the run whose curve is there.
        sample: whole name of the sample in the summary, such as `lag_s.orders`.
        colour: of its curve.
    """
    drawn = []
    for interval in quantile_intervals(replications, sample):
        ends = [[interval.mean - interval.low], [interval.high - interval.mean]]
        drawn.append(
            ax.errorbar(
                [interval.mean * 1e3],
                [1.0 - interval.fraction],
                xerr=[[end * 1e3 for end in side] for side in ends],
                fmt="o",
                color=colour,
                markersize=4.5,
                markerfacecolor="white",
                markeredgewidth=1.4,
                elinewidth=1.6,
                capsize=4.0,
                zorder=4,
            )
        )
    return drawn


def bar_in_legend(ax: "Axes", replications: Replications) -> "ErrorbarContainer":
    """What explains the bars: of how many replications, and that the curves are not."""
    seeds = len(replications.seeds)
    return ax.errorbar(
        [], [], xerr=[], fmt="o", color=LOAD, markersize=4.5, markerfacecolor="white", capsize=4.0,
        label=f"bars: {LEVEL * 100:.0f} % intervals of the\nmean over {seeds:,} replications\n"
        "(curves: the first seed's run)",
    )  # fmt: skip
