"""Charts of the consistency lag: when it came up, and its far tail."""

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from cqrs_sim.analysis.episodes import Episode
from cqrs_sim.analysis.lag import LagOverTime, lag_over_time
from cqrs_sim.analysis.quantiles import operations_needed
from cqrs_sim.analysis.replicated import Replications
from cqrs_sim.analysis.saturation import StageLoad
from cqrs_sim.analysis.survival import Visibility, lag_visibility
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.plain_text import milliseconds
from cqrs_sim.report.chart import Axis, Band, Chart, Series
from cqrs_sim.report.quantile_axis import one_in, quantile_axis, quantile_grid, thin_data
from cqrs_sim.report.readings import at_least_texts, exact_ms_texts, look_of
from cqrs_sim.report.scales import logarithmic, ticks
from cqrs_sim.report.spans import Span
from cqrs_sim.report.timeline import Timeline, instant_texts
from cqrs_sim.report.whiskers import in_words, notes_on, reach_ms, whiskers_of


def lag_time_charts(
    trace: Trace,
    timeline: Timeline,
    saturated: dict[str, StageLoad],
    episodes: Sequence[Episode] = (),
) -> list[Chart]:
    """Median and p99 by time of commit, one chart a read model, all on one scale.

    Args:
        trace: the run.
        timeline: what all charts over time share.
        saturated: what is known of the stages that are.
        episodes: when which stage was behind.
    """
    found = {name: lag_over_time(trace, name, timeline.edges_s) for name in trace.read_models}
    columns = [c for lag in found.values() for c in (lag.median_s, lag.p99_s, lag.at_least_s)]
    scale = logarithmic(np.concatenate([*columns, np.zeros(0)]) * 1e3)
    y = Axis(title="lag (ms)", scale=scale, ticks=ticks(scale))
    marks = {
        name: (*_episode_spans(timeline, episodes, name), *_saturated_span(timeline, load))
        for name in found
        for load in [saturated.get(name)]
    }
    return [
        _lag_time_chart(trace, name, lag, timeline, y, marks[name]) for name, lag in found.items()
    ]


def tail_chart(
    trace: Trace,
    *,
    after_ns: int,
    saturated: Collection[str],
    replications: Replications | None = None,
) -> Chart:
    """The lag at every quantile, from the median to the longest one."""
    found = {
        name: lag_visibility(trace, name, after_ns=after_ns, is_steady=name not in saturated)
        for name in trace.read_models
    }
    size = max((seen.n for seen in found.values()), default=0)
    grid = quantile_grid(size)
    series = tuple(
        _tail(name, look_of(trace, name), seen, grid.fractions) for name, seen in found.items()
    )
    whiskers = tuple(
        whisker
        for name in trace.read_models
        for whisker in whiskers_of(replications, f"lag_s.{name}", look_of(trace, name), one_in)
    )
    scale = logarithmic(np.concatenate([*(one.values for one in series), reach_ms(whiskers)]))
    words = [in_words(replications, f"lag_s.{name}", name) for name in trace.read_models]
    return Chart(
        key="lag-tail",
        title="Lag from the median to the far tail",
        lead="Quantiles of the lag. Each labelled step to the right is the slowest tenth of the "
        "step before, down to the one longest lag.",
        alternative=" ".join(
            text
            for text in (*(_tail_in_words(name, seen) for name, seen in found.items()), *words)
            if text
        ),
        x=quantile_axis(grid, "share of events with a shorter lag"),
        y=Axis(title="lag (ms)", scale=scale, ticks=ticks(scale)),
        at=grid.one_in,
        at_texts=grid.texts,
        at_name="quantile",
        series=series,
        spans=thin_data(size),
        whiskers=whiskers,
        notes=(
            *_tail_notes(trace, found, saturated, len(grid.fractions)),
            *notes_on(replications, whiskers),
        ),
    )


def _lag_time_chart(
    trace: Trace,
    name: str,
    lag: LagOverTime,
    timeline: Timeline,
    y: Axis,
    marks: tuple[Span, ...],
) -> Chart:
    look = look_of(trace, name)
    has_bound = not np.isnan(lag.at_least_s).all()
    series = [
        Series(
            name="median",
            look=look,
            values=lag.median_s * 1e3,
            texts=exact_ms_texts(lag.median_s),
            unit="ms",
        ),
        Series(
            name="p99",
            look=look,
            values=lag.p99_s * 1e3,
            texts=exact_ms_texts(lag.p99_s),
            unit="ms",
            weight="thin",
        ),
    ]
    if has_bound:
        series.append(
            Series(
                name="never applied",
                look=look,
                values=lag.at_least_s * 1e3,
                texts=at_least_texts(lag.at_least_s),
                unit="ms",
                weight="bound",
            )
        )
    return Chart(
        key=f"lag-time-{trace.read_models.index(name)}",
        title=name,
        lead="",
        alternative=_lag_time_in_words(name, lag),
        x=timeline.axis,
        y=y,
        at=lag.middle_s,
        at_texts=instant_texts(lag.middle_s),
        at_name="committed around",
        series=tuple(series),
        bands=(Band(low=0, high=1, look=look),) if not np.isnan(lag.p99_s).all() else (),
        spans=(*timeline.spans, *marks),
        height=150,
    )


def _episode_spans(
    timeline: Timeline, episodes: Sequence[Episode], read_model: str
) -> tuple[Span, ...]:
    """When a read model was behind, and by how much at most."""
    return tuple(
        Span(
            start=episode.from_s,
            end=timeline.load_ended_s if episode.until_s is None else episode.until_s,
            text=f"{_short(episode.worst_s)} behind",
            kind="episode",
        )
        for episode in episodes
        if episode.stage == read_model
    )


def _short(duration_s: float) -> str:
    return f"{duration_s:.1f} s" if duration_s >= 0.95 else f"{milliseconds(duration_s)} ms"


def _saturated_span(timeline: Timeline, load: StageLoad | None) -> tuple[Span, ...]:
    if load is None:
        return ()
    text = "saturated"
    if load.is_offered_too_much and load.offered_load is not None:
        text += f": offered load {load.offered_load:.2f}"
    start = min(timeline.warm_up_s, timeline.load_ended_s)
    return (Span(start=start, end=timeline.load_ended_s, text=text, kind="saturated"),)


def _lag_time_in_words(name: str, lag: LagOverTime) -> str:
    known = np.flatnonzero(~np.isnan(lag.median_s))
    if not len(known):
        return f"{name}: no median of the lag is known at any time."
    first, last = known[0], known[-1]
    top = known[np.argmax(lag.median_s[known])]
    text = (
        f"{name}: the median lag is {milliseconds(float(lag.median_s[first]))} ms at "
        f"{lag.middle_s[first]:.3g} s, {milliseconds(float(lag.median_s[top]))} ms at its highest "
        f"({lag.middle_s[top]:.3g} s) and {milliseconds(float(lag.median_s[last]))} ms at "
        f"{lag.middle_s[last]:.3g} s."
    )
    if not np.isnan(lag.at_least_s).all():
        start = lag.middle_s[np.flatnonzero(~np.isnan(lag.at_least_s))[0]]
        text += f" Most events committed after about {start:.3g} s were never applied."
    return text


def _tail(name: str, look: str, seen: Visibility, fractions: NDArray[np.float64]) -> Series:
    curve = seen.high if seen.curve is None else seen.curve
    values = np.array([_or_nan(curve.quantile(q)) for q in fractions.tolist()])
    texts = exact_ms_texts(values) if seen.curve is not None else at_least_texts(values)
    return Series(
        name=name if seen.curve is not None else f"{name}, at least",
        look=look,
        values=values * 1e3,
        texts=texts,
        unit="ms",
        weight="line" if seen.curve is not None else "bound",
    )


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value


def _tail_in_words(name: str, seen: Visibility) -> str:
    if not seen.n:
        return f"{name}: there were no events."
    if seen.curve is None:
        return f"{name} is saturated: its quantiles are withheld, only lower bounds are drawn."
    known = [
        f"{label} {milliseconds(at)} ms"
        for label, q in (("median", 0.5), ("p99", 0.99), ("p99.9", 0.999), ("longest", 1.0))
        # The longest is no estimate: it is what this run saw, however few there were.
        if (q == 1.0 or seen.n >= operations_needed(q))
        and (at := seen.curve.quantile(q)) is not None
    ]
    return f"{name}: {', '.join(known) or 'too little is known'}, of {seen.n:,} events."


def _tail_notes(
    trace: Trace, found: dict[str, Visibility], saturated: Collection[str], count: int
) -> list[str]:
    notes = [f"Read at {count} quantiles, each exact, of all events after the warm-up."]
    for name in trace.read_models:
        seen = found[name]
        if name in saturated:
            notes.append(
                f"{name}: percentiles withheld, because it is saturated: they would measure how "
                "long the run was. Dotted is the least that this run's lags were."
            )
        elif seen.censored:
            share = 100.0 * seen.censored / seen.n
            notes.append(
                f"{name}: {seen.censored:,} of {seen.n:,} events ({share:.2g} %) were not applied "
                "when the run ended. They count as longer than their age then (Kaplan-Meier); the "
                "curve ends where nothing more is known."
            )
    return notes
