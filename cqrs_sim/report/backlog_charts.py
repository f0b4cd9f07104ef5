"""Charts of what waits: how much, and how old the oldest of it is.

A backlog comes and goes between any two instants that one could pick, so each point is the largest
value of its stretch of time. It is exact: a backlog rises only when something comes, and its age
falls only when something leaves.
"""

import numpy as np
from numpy.typing import NDArray

from cqrs_sim.analysis.rates import (
    backlog,
    backlog_age_s,
    happened_ns,
    mailbox_backlog,
    waiting_commands,
)
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.plain_text import milliseconds
from cqrs_sim.report.chart import Chart, Series
from cqrs_sim.report.load_charts import axis_from_nought
from cqrs_sim.report.readings import count_texts, exact_ms_texts, look_of
from cqrs_sim.report.timeline import Timeline, instant_texts, largest_in_bins


def backlog_chart(trace: Trace, timeline: Timeline) -> Chart:
    """The most that waited in each stretch: events not applied, commands not yet handled."""
    at_ns = _with(timeline.starts_ns, happened_ns(trace.commands.submitted))
    waiting = mailbox_backlog(trace, at_ns)
    series = [_counts(waiting_commands(trace), "write", at_ns, waiting, timeline)]
    at_ns = _with(timeline.starts_ns, happened_ns(trace.events.committed))
    for name in trace.read_models:
        waiting = backlog(trace, name, at_ns)
        series.append(_counts(name, look_of(trace, name), at_ns, waiting, timeline))
    words = [
        f"{one.name}: at most {int(one.values.max()):,} waiting, {int(one.values[-1]):,} in the "
        "last stretch of time."
        for one in series
    ]
    return _chart(
        timeline,
        series,
        key="backlog",
        title="Backlog: what waits",
        lead="Events committed and not yet applied (position lag), and commands that wait.",
        alternative=" ".join(words),
        unit="waiting",
        point="the most",
    )


def backlog_age_chart(trace: Trace, timeline: Timeline) -> Chart:
    """The greatest age of the oldest event not yet applied, in each stretch."""
    series = []
    for name in trace.read_models:
        # Just before something leaves, and at the end of each stretch.
        left_ns = happened_ns(trace.deliveries_of(name).applied)
        at_ns = _with(timeline.ends_ns, np.maximum(left_ns - 1, 0))
        age_s = backlog_age_s(trace, name, at_ns)
        largest_s = largest_in_bins(at_ns / 1e9, age_s, timeline.whole_edges_s)
        series.append(
            Series(
                name=name,
                look=look_of(trace, name),
                values=largest_s * 1e3,
                texts=exact_ms_texts(largest_s),
                unit="ms",
            )
        )
    words = [
        f"{one.name}: at most {milliseconds(float(one.values.max()) / 1e3)} ms behind."
        for one in series
    ]
    return _chart(
        timeline,
        series,
        key="backlog-age",
        title="Age of the backlog",
        lead="How far behind a read model is, in time: the age of the oldest event that it does "
        "not show.",
        alternative=" ".join(words),
        unit="age (ms)",
        point="the greatest age",
    )


def _chart(
    timeline: Timeline,
    series: list[Series],
    *,
    key: str,
    title: str,
    lead: str,
    alternative: str,
    unit: str,
    point: str,
) -> Chart:
    """What both charts share: the time axis, an axis from nought, and what a point is."""
    middle_s = timeline.whole_middle_s
    return Chart(
        key=key,
        title=title,
        lead=lead,
        alternative=alternative,
        x=timeline.axis,
        y=axis_from_nought(unit, series),
        at=middle_s,
        at_texts=instant_texts(middle_s),
        at_name="around",
        series=tuple(series),
        spans=timeline.spans,
        notes=(f"Each point: {point} at any instant within {timeline.whole_bin_text}.",),
        height=200,
    )


def _counts(
    name: str,
    look: str,
    at_ns: NDArray[np.int64],
    waiting: NDArray[np.int64],
    timeline: Timeline,
) -> Series:
    most = largest_in_bins(at_ns / 1e9, waiting.astype(np.float64), timeline.whole_edges_s)
    return Series(name=name, look=look, values=most, texts=count_texts(most.astype(np.int64)))


def _with(edges_ns: NDArray[np.int64], at_ns: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([edges_ns, at_ns])
