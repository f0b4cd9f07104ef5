"""Figures of one run.

Every plot function takes an `Axes` first, draws one thing, and returns what it drew; it never shows
or saves; `write_figures` does. What was never applied is drawn, not left out.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from cqrs_sim.analysis.lag import (
    commands_after,
    consistency_lag_s,
    events_after,
    lag_over_time,
    response_time_s,
)
from cqrs_sim.analysis.rates import (
    backlog,
    last_activity_ns,
    mailbox_backlog,
    rates,
    waiting_commands,
)
from cqrs_sim.analysis.rebuilds import Rebuild
from cqrs_sim.analysis.replicated import Replications
from cqrs_sim.analysis.stages import ENRICHMENT, path_stages_s
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.plots import canvas
from cqrs_sim.plots.canvas import LOAD, READ_MODELS, WRITE, dress, shown_name
from cqrs_sim.plots.tails import Tail, plot_tails

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.container import BarContainer
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D
    from matplotlib.patches import Rectangle

STAGES = {
    "queueing": ("#EFB48C", "write: queueing"),
    "service": (WRITE, "write: service"),
    "fan_out": ("#F0E442", "bus: fan-out"),
    "channel": ("#E69F00", "bus: channel"),
    ENRICHMENT: ("#56B4E9", "read: enrichment"),
    "apply": ("#0072B2", "read: apply"),
}


def plot_lag_over_time(
    ax: "Axes", trace: Trace, read_models: Sequence[str] | None = None
) -> list["Line2D"]:
    """Median (solid) and p99 (dashed) of the consistency lag by time of commit.

    Dotted: the least that the lag can be where most events were not applied when the run ended.
    """
    edges_s = np.linspace(0.0, max(trace.load_ended_ns, 1) / 1e9, _bins(trace) + 1)
    drawn: list[Line2D] = []
    is_cut = False
    for name in trace.read_models if read_models is None else read_models:
        colour = _colour(trace, name)
        lag = lag_over_time(trace, name, edges_s)
        label = _with_censored(name, consistency_lag_s(trace, name))
        drawn += ax.plot(lag.middle_s, lag.median_s * 1e3, color=colour, label=label)
        drawn += ax.plot(lag.middle_s, lag.p99_s * 1e3, color=colour, linestyle="--", linewidth=0.9)
        if not np.isnan(lag.at_least_s).all():
            is_cut = True
            drawn += ax.plot(lag.middle_s, lag.at_least_s * 1e3, color=colour, linestyle=":")
    named = canvas.labelled(drawn)
    dress(ax, "Consistency lag by time of commit", "lag (ms)")
    _time_axis(ax, trace)
    canvas.log_if_positive(ax, drawn)
    styles = [canvas.line_style("median", "-"), canvas.line_style("p99", "--")]
    if is_cut:
        styles.append(canvas.line_style("at least (never applied)", ":"))
    canvas.legend(ax, [*named, *styles])
    return drawn


def plot_backlog(ax: "Axes", trace: Trace) -> list["Line2D"]:
    """Events committed and not yet applied, by read model, and commands not yet handled."""
    at_ns = np.linspace(0, last_activity_ns(trace), 500).astype(np.int64)
    at_s, waiting = at_ns / 1e9, mailbox_backlog(trace, at_ns)
    where = waiting_commands(trace)
    label = where if where == "commands" else f"{where} (commands)"
    drawn = ax.plot(at_s, waiting, color=WRITE, linewidth=1.0, label=label)
    for name in trace.read_models:
        waiting, colour = backlog(trace, name, at_ns), _colour(trace, name)
        drawn += ax.plot(at_s, waiting, color=colour, linewidth=1.2, label=shown_name(name))
    dress(ax, "Backlog: events committed and not yet applied", "waiting")
    _time_axis(ax, trace)
    ax.set_ylim(bottom=0)
    canvas.legend(ax, [*drawn[1:], drawn[0]])
    return drawn


def plot_lag_distribution(
    ax: "Axes", trace: Trace, *, after_ns: int = 0, replications: Replications | None = None
) -> list["Line2D"]:
    """Share of events whose lag is at least so long, down to the longest one.

    A curve ends at the share that was never applied: below it nothing is known but "longer".
    """
    rows = events_after(trace, after_ns)
    tails = []
    for name in trace.read_models:
        lag_s = consistency_lag_s(trace, name)[rows]
        label = _with_censored(name, lag_s)
        tails.append(Tail(label, _colour(trace, name), lag_s, f"lag_s.{name}"))
    drawn = plot_tails(ax, tails, replications)
    dress(ax, "How many events lag at least so long", "share of events", "lag (ms)")
    return drawn


def plot_response_distribution(
    ax: "Axes", trace: Trace, *, after_ns: int = 0, replications: Replications | None = None
) -> list["Line2D"]:
    """Share of commands whose response takes at least so long, down to the longest one."""
    response_s = response_time_s(trace)[commands_after(trace, after_ns)]
    label = _with_censored("commands", response_s, "\n", "without an answer")
    drawn = plot_tails(ax, [Tail(label, WRITE, response_s, "response_s")], replications)
    dress(
        ax,
        "How many commands are answered no sooner, from the intended instant",
        "share of commands",
        "response time (ms)",
    )
    return drawn


def plot_stages(ax: "Axes", trace: Trace, *, after_ns: int = 0) -> list["BarContainer"]:
    """Where an event's time goes from its command's mailbox to each read model, on average."""
    stages = [path_stages_s(trace, name, after_ns=after_ns) for name in trace.read_models]
    rows = np.arange(len(stages))
    left = np.zeros(len(stages))
    drawn = []
    for stage, (colour, label) in STAGES.items():
        if not any(stage in means.parts for means in stages):
            continue
        width = np.array([(means.parts.get(stage) or 0.0) * 1e3 for means in stages])
        drawn.append(ax.barh(rows, width, left=left, color=colour, label=label, height=0.6))
        left += width
    for row, means in zip(rows, stages, strict=True):
        total = "none applied" if means.whole is None else canvas.milliseconds(means.whole)
        ax.annotate(total, (left[row], row), (4, 0), textcoords="offset points", va="center")
    names = [
        _with_censored(name, consistency_lag_s(trace, name)[events_after(trace, after_ns)], "\n")
        for name in trace.read_models
    ]
    dress(
        ax, "Where the time goes, from submission to read model", "", "mean time of an event (ms)"
    )
    ax.set_yticks(rows, names)
    for tick_label in ax.get_yticklabels():
        tick_label.set_parse_math(False)
    ax.invert_yaxis()
    ax.grid(visible=False, axis="y")
    # Room for the totals at the ends of the bars.
    ax.set_xlim(0, float(left.max(initial=0.0)) * 1.15 or 1.0)
    ax.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
    return drawn


def plot_rates(ax: "Axes", trace: Trace) -> list["Line2D"]:
    """Commands offered and accepted, and events applied, per second."""
    found = rates(trace, bins=_bins(trace))
    middle_s = (found.edges_s[:-1] + found.edges_s[1:]) / 2
    drawn = ax.plot(
        middle_s, found.offered_per_s, color=LOAD, linewidth=3.5, alpha=0.45, label="offered"
    )
    drawn += ax.plot(middle_s, found.accepted_per_s, color=WRITE, label="accepted")
    for name, applied_per_s in zip(trace.read_models, found.applied_per_s, strict=True):
        label = f"applied: {name}"
        drawn += ax.plot(middle_s, applied_per_s, color=_colour(trace, name), label=label)
    dress(ax, "Commands offered and accepted, events applied", "per second")
    _time_axis(ax, trace)
    ax.set_ylim(bottom=0)
    canvas.legend(ax, drawn)
    return drawn


def shade_rebuilds(ax: "Axes", trace: Trace, rebuilds: Sequence[Rebuild]) -> list["Rectangle"]:
    """A band where a read model was rebuilt beside the live one, in its colour, to the switch."""
    drawn = []
    for line, rebuild in enumerate(rebuilds):
        start_s, end_s = rebuild.span_s(trace)
        colour = _colour(trace, rebuild.read_model)
        drawn.append(ax.axvspan(start_s, end_s, color=colour, alpha=0.12, linewidth=0))
        fate = "rebuilt" if rebuild.switched_ns is not None else "rebuilding, dropped"
        canvas.note(ax, start_s, f"{rebuild.read_model} {fate}", line=line)
    return drawn


def write_figures(
    folder: Path,
    trace: Trace,
    title: str,
    *,
    warm_up_ns: int = 0,
    replications: Replications | None = None,
    rebuilds: Sequence[Rebuild] = (),
) -> list[Path]:
    """Draw all figures of a run into a folder, as PNG and as SVG; equal runs give equal bytes.

    Args:
        folder: exists; files in it are overwritten.
        trace: the run.
        title: scenario, engine and clock, to stand above every figure.
        warm_up_ns: left out of the distribution and of the stages, shaded in the others.
        replications: whose intervals stand beside the curves of this run, which is the first.
        rebuilds: of read models, shaded where time is the x axis.
    """
    written = []
    for name, height, draw in (
        ("lag_over_time", 6.0, partial(_draw_lag_over_time, rebuilds=rebuilds)),
        ("lag_distribution", 4.2, partial(_draw_lags, replications=replications)),
        ("response_distribution", 4.2, partial(_draw_responses, replications=replications)),
        ("stages", 1.6 + 0.7 * len(trace.read_models), _draw_stages),
        ("rates", 3.6, partial(_draw_rates, rebuilds=rebuilds)),
    ):
        drawing = partial(draw, trace=trace, warm_up_ns=warm_up_ns)
        written += canvas.write_figure(folder, name, title, height, drawing)
    return written


def _draw_lag_over_time(
    figure: "Figure", trace: Trace, warm_up_ns: int, rebuilds: Sequence[Rebuild]
) -> None:
    lag, waiting = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    plot_lag_over_time(lag, trace)
    plot_backlog(waiting, trace)
    lag.set_xlabel("")
    for ax in (lag, waiting):
        _shade_warm_up(ax, warm_up_ns)
        shade_rebuilds(ax, trace, rebuilds)


def _draw_lags(
    figure: "Figure", trace: Trace, warm_up_ns: int, replications: Replications | None
) -> None:
    ax = figure.subplots()
    plot_lag_distribution(ax, trace, after_ns=warm_up_ns, replications=replications)


def _draw_responses(
    figure: "Figure", trace: Trace, warm_up_ns: int, replications: Replications | None
) -> None:
    ax = figure.subplots()
    plot_response_distribution(ax, trace, after_ns=warm_up_ns, replications=replications)


def _draw_stages(figure: "Figure", trace: Trace, warm_up_ns: int) -> None:
    plot_stages(figure.subplots(), trace, after_ns=warm_up_ns)


def _draw_rates(
    figure: "Figure", trace: Trace, warm_up_ns: int, rebuilds: Sequence[Rebuild]
) -> None:
    ax = figure.subplots()
    plot_rates(ax, trace)
    _shade_warm_up(ax, warm_up_ns)
    shade_rebuilds(ax, trace, rebuilds)


def _bins(trace: Trace) -> int:
    """So many that a bin holds about a hundred events, within reason."""
    return int(np.clip(len(trace.events) // 100, 10, 100))


def _colour(trace: Trace, read_model: str) -> str:
    return READ_MODELS[trace.read_models.index(read_model) % len(READ_MODELS)]


def _with_censored(
    name: str, times_s: NDArray[np.float64], separator: str = " ", fate: str = "never applied"
) -> str:
    """The name, with the share of what had not happened when the run ended, if there is any."""
    censored = np.count_nonzero(np.isnan(times_s))
    if not censored:
        return shown_name(name)
    share = censored / len(times_s)
    percent = "< 0.1" if share < 0.001 else f"{share * 100:.2g}" if share < 0.995 else "100"
    return f"{shown_name(name)}{separator}({percent} % {fate})"


def _time_axis(ax: "Axes", trace: Trace) -> None:
    ax.set_xlabel("time from the start of the run (s)")
    ax.set_xlim(0, max(last_activity_ns(trace), 1) / 1e9)
    ax.yaxis.set_major_formatter(canvas.plain_number)
    # Where load ends late in the figure the line would only double its edge.
    if trace.load_ended_ns < 0.98 * last_activity_ns(trace):
        ax.axvline(trace.load_ended_ns / 1e9, color=LOAD, linestyle=(0, (1, 2)), linewidth=1.0)
        canvas.note(ax, trace.load_ended_ns / 1e9, "load ends")


def _shade_warm_up(ax: "Axes", warm_up_ns: int) -> None:
    if not warm_up_ns:
        return
    ax.axvspan(0, warm_up_ns / 1e9, color=LOAD, alpha=0.12, linewidth=0)
    canvas.note(ax, 0.0, "warm-up")
