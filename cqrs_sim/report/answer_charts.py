"""Charts of answers: how long commands and queries took, and how stale the answers were."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from cqrs_sim.analysis.lag import (
    commands_after,
    queries_after,
    response_time_s,
    schedule_slip_s,
    seconds,
)
from cqrs_sim.analysis.quantiles import operations_needed, quantiles
from cqrs_sim.analysis.replicated import Replications
from cqrs_sim.analysis.staleness import answer_staleness_s
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.plain_text import milliseconds
from cqrs_sim.report.chart import Axis, Chart, Series
from cqrs_sim.report.quantile_axis import one_in, quantile_axis, quantile_grid, thin_data
from cqrs_sim.report.readings import exact_ms_texts, share_texts
from cqrs_sim.report.scales import linear, logarithmic, ticks
from cqrs_sim.report.timeline import Timeline, instant_texts, width_text
from cqrs_sim.report.whiskers import in_words, notes_on, reach_ms, whiskers_of

ANSWERS_OF_A_BIN = 25


def response_chart(
    trace: Trace,
    *,
    after_ns: int,
    is_saturated: bool,
    replications: Replications | None = None,
) -> Chart:
    """Response times of commands and queries at every quantile.

    Args:
        trace: the run.
        after_ns: end of the warm-up.
        is_saturated: whether the write side is, so that its quantiles are withheld.
        replications: whose intervals stand beside the curves.
    """
    rows, asked = commands_after(trace, after_ns), queries_after(trace, after_ns)
    response_s = response_time_s(trace)[rows]
    samples = []
    if not is_saturated:
        samples.append(("commands", "write", response_s))
        slip_s = schedule_slip_s(trace)[rows]
        if np.any(slip_s > 0.0):
            samples.append(("commands, from sent", "load", response_s - slip_s))
    if asked.any():
        answer_s = seconds(trace.queries.answered - trace.queries.intended)[asked]
        samples.append(("queries", "q3", answer_s))
    size = max((len(sample) for _, _, sample in samples), default=0)
    grid = quantile_grid(size)
    series = []
    for name, look, sample in samples:
        found = quantiles(sample, grid.fractions.tolist())
        # A smaller sample ends where its own longest value is.
        ends = grid.one_in <= max(len(sample), 1)
        values_s = np.array([np.nan if q is None else q for q in found], dtype=np.float64)
        values_s = np.where(ends, values_s, np.nan)
        texts = exact_ms_texts(values_s)
        series.append(Series(name=name, look=look, values=values_s * 1e3, texts=texts, unit="ms"))
    whiskers = [
        *whiskers_of(replications, "response_s", "write", one_in),
        *whiskers_of(replications, "queries_s", "q3", one_in),
    ]
    sizes = {name: len(sample) for name, _, sample in samples}
    words = _in_words(series, grid.fractions.tolist(), sizes)
    words += [
        text
        for sample, name in (("response_s", "commands"), ("queries_s", "queries"))
        if (text := in_words(replications, sample, name))
    ]
    scale = logarithmic(np.concatenate([*(one.values for one in series), reach_ms(whiskers)]))
    return Chart(
        key="response-tail",
        title="Response time from the median to the far tail",
        lead="From the instant at which the load wanted an operation sent to its answer: what a "
        "stalled system made others wait is in it.",
        alternative=" ".join(words),
        x=quantile_axis(grid, "share with a shorter response time"),
        y=Axis(title="response time (ms)", scale=scale, ticks=ticks(scale)),
        at=grid.one_in,
        at_texts=grid.texts,
        at_name="quantile",
        series=tuple(series),
        spans=thin_data(size),
        whiskers=tuple(whiskers),
        notes=(
            *_notes(grid.fractions.tolist(), series, is_saturated=is_saturated),
            *notes_on(replications, whiskers),
        ),
    )


def stale_chart(trace: Trace, timeline: Timeline) -> Chart | None:
    """The share of stale answers by time, one curve a kind of query; None if none was answered."""
    queries = trace.queries
    answered = ~np.isnat(queries.answered)
    if not answered.any():
        return None
    is_stale = ~np.isnan(answer_staleness_s(trace))
    at_s = seconds(queries.answered)
    edges_s = _edges(trace, timeline)
    series = []
    for code, kind in enumerate(trace.query_kinds):
        rows = answered & (queries.kind == code)
        if not rows.any():
            continue
        total = np.histogram(at_s[rows], edges_s)[0]
        stale = np.histogram(at_s[rows & is_stale], edges_s)[0]
        share = np.full(len(total), np.nan)
        np.divide(stale, total, out=share, where=total > 0)
        series.append(
            Series(
                name=kind,
                look=f"q{code % 4}",
                values=share * 100.0,
                texts=share_texts(share),
                unit="%",
            )
        )
    middle_s = (edges_s[:-1] + edges_s[1:]) / 2
    scale = linear(100.0)
    return Chart(
        key="stale",
        title="Stale answers",
        lead="The share of answers that lacked something already committed: of the order asked "
        "for, or for lists and counts of any order.",
        alternative=" ".join(
            f"{one.name}: between {np.nanmin(one.values):.3g} and {np.nanmax(one.values):.3g} % "
            "of answers stale."
            for one in series
            if not np.isnan(one.values).all()
        ),
        x=timeline.axis,
        y=Axis(title="stale answers (%)", scale=scale, ticks=ticks(scale)),
        at=middle_s,
        at_texts=instant_texts(middle_s),
        at_name="answered around",
        series=tuple(series),
        spans=timeline.spans,
        notes=(f"Each point: the answers given within {width_text(edges_s)}.",),
        height=200,
    )


def _edges(trace: Trace, timeline: Timeline) -> NDArray[np.float64]:
    """Bins so wide that the rarest kind of query has some answers in most of them."""
    asked = np.bincount(trace.queries.kind[~np.isnat(trace.queries.answered)])
    bins = int(np.clip(asked[asked > 0].min() // ANSWERS_OF_A_BIN, 5, len(timeline.edges_s) - 1))
    return timeline.edges_of(bins)


def _in_words(series: list[Series], fractions: list[float], sizes: Mapping[str, int]) -> list[str]:
    """What each curve says, of the quantiles that its sample can carry."""
    words = []
    for one in series:
        named = [
            f"{label} {milliseconds(value / 1e3)} ms"
            for label, q in (("median", 0.5), ("p99", 0.99))
            if sizes[one.name] >= operations_needed(q)
            and not np.isnan(value := float(np.interp(q, fractions, one.values)))
        ]
        if named:
            words.append(f"{one.name}: about {', '.join(named)}.")
        elif sizes[one.name]:
            words.append(f"{one.name}: {sizes[one.name]:,} are too few to name a quantile.")
    return words or ["There is nothing to draw."]


def _notes(fractions: list[float], series: list[Series], *, is_saturated: bool) -> list[str]:
    notes = [f"Read at {len(fractions)} quantiles, each exact, of everything after the warm-up."]
    if any(one.name == "commands, from sent" for one in series):
        notes.append(
            "commands, from sent: what a generator would have reported that forgives itself for "
            "being late (coordinated omission)."
        )
    if is_saturated:
        notes.append(
            "commands: percentiles withheld, because the write side is saturated: they would "
            "measure how long the run was."
        )
    at_nought = [one.name for one in series if np.any(one.values == 0.0)]
    if at_nought:
        notes.append(f"{', '.join(at_nought)}: times of 0 are drawn at the lower edge.")
    return notes
