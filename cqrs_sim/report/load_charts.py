"""Charts of the load: how much was asked and done, and how late the generator was."""

import numpy as np

from cqrs_sim.analysis.lag import schedule_slip_s, seconds
from cqrs_sim.analysis.rates import happened_ns
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.plain_text import milliseconds
from cqrs_sim.report.chart import Axis, Chart, Series
from cqrs_sim.report.readings import exact_ms_texts, look_of, number_texts
from cqrs_sim.report.scales import linear_to_tick, ticks
from cqrs_sim.report.timeline import Timeline, instant_texts, largest_in_bins


def rates_chart(trace: Trace, timeline: Timeline) -> Chart:
    """Commands offered and accepted, and events applied, per second."""
    edges_ns = np.rint(timeline.whole_edges_s * 1e9).astype(np.int64)
    width_s = np.diff(edges_ns) / 1e9
    stamps = [
        ("offered", "load", trace.commands.intended),
        ("accepted", "write", trace.commands.committed),
    ]
    stamps += [
        (f"applied: {name}", look_of(trace, name), trace.deliveries_of(name).applied)
        for name in trace.read_models
    ]
    series = []
    for name, look, column in stamps:
        values = np.histogram(happened_ns(column), edges_ns)[0] / width_s
        texts = number_texts(values.tolist())
        series.append(Series(name=name, look=look, values=values, texts=texts, unit="/s"))
    offered, accepted = series[0].values, series[1].values
    middle_s = timeline.whole_middle_s
    return Chart(
        key="rates",
        title="Offered, accepted, applied",
        lead="Where a read model's line lies below the accepted commands, its backlog grows.",
        alternative=(
            f"Commands offered: at most {offered.max():,.4g} a second; accepted: at most "
            f"{accepted.max():,.4g} a second."
        ),
        x=timeline.axis,
        y=axis_from_nought("per second", series),
        at=middle_s,
        at_texts=instant_texts(middle_s),
        at_name="around",
        series=tuple(series),
        spans=timeline.spans,
        notes=(
            f"Each point: the mean over {timeline.whole_bin_text}.",
            "Phases and pauses begin and end with such a stretch.",
        ),
        height=200,
    )


def slip_chart(trace: Trace, timeline: Timeline) -> Chart | None:
    """The worst schedule slip of each stretch of time; None if no command was ever late."""
    slip_s = schedule_slip_s(trace)
    intended_s = seconds(trace.commands.intended)
    if not np.any(slip_s > 0.0):
        return None
    worst_s = largest_in_bins(intended_s, slip_s, timeline.edges_s)
    middle_s = (timeline.edges_s[:-1] + timeline.edges_s[1:]) / 2
    series = Series(
        name="worst slip",
        look="slip",
        values=worst_s * 1e3,
        texts=exact_ms_texts(worst_s),
        unit="ms",
    )
    return Chart(
        key="slip",
        title="How late the generator was",
        lead="The longest schedule slip (sent - intended) of each stretch: the fault of the load "
        "generator, not of the system.",
        alternative=f"The longest slip is {milliseconds(float(np.nanmax(slip_s)))} ms.",
        x=timeline.axis,
        y=axis_from_nought("slip (ms)", [series]),
        at=middle_s,
        at_texts=instant_texts(middle_s),
        at_name="intended around",
        series=(series,),
        spans=timeline.spans,
        notes=(f"Each point: the longest slip of commands intended within {timeline.bin_text}.",),
        height=150,
    )


def axis_from_nought(title: str, series: list[Series]) -> Axis:
    """An axis from 0 to a round number that is not below any value."""
    values = np.concatenate([*(one.values for one in series), np.zeros(1)])
    scale = linear_to_tick(float(np.nanmax(values)), most=4)
    return Axis(title=title, scale=scale, ticks=ticks(scale, most=4))
