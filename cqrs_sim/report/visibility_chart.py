"""The chart that a reader should see first: how soon a write is seen (t-visibility)."""

from collections.abc import Collection

import numpy as np
from numpy.typing import NDArray

from cqrs_sim.analysis.quantiles import operations_needed
from cqrs_sim.analysis.replicated import Replications
from cqrs_sim.analysis.survival import Visibility, visibility
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.plain_text import milliseconds
from cqrs_sim.report.chart import Axis, Band, Chart, Series, Weight
from cqrs_sim.report.readings import exact_ms, look_of, share_texts
from cqrs_sim.report.scales import linear, logarithmic, ticks
from cqrs_sim.report.whiskers import in_words, notes_on, reach_ms, whiskers_of

TIMES = 200
"""At which the curve of t-visibility is read."""


def visibility_chart(
    trace: Trace,
    *,
    after_ns: int,
    saturated: Collection[str],
    replications: Replications | None = None,
) -> Chart:
    """P(a write is seen) against the time since its author was told that it succeeded."""
    found = {
        name: visibility(trace, name, after_ns=after_ns, is_steady=name not in saturated)
        for name in trace.read_models
    }
    times_s = _times(list(found.values()))
    series: list[Series] = []
    bands: list[Band] = []
    for name, seen in found.items():
        look = look_of(trace, name)
        if seen.curve is not None:
            series.append(_share(name, look, seen.curve.at(times_s), seen.n))
            continue
        bands.append(Band(low=len(series), high=len(series) + 1, look=look))
        series.append(_share(f"{name}, at least", look, seen.low.at(times_s), seen.n, "bound"))
        series.append(_share(f"{name}, at most", look, seen.high.at(times_s), seen.n, "ceiling"))
    whiskers = tuple(
        whisker
        for name in found
        for whisker in whiskers_of(
            replications, f"visibility_s.{name}", look_of(trace, name), _per_cent, is_across=True
        )
    )
    words = [_seen_in_words(name, seen) for name, seen in found.items()]
    words += [
        text for name in found if (text := in_words(replications, f"visibility_s.{name}", name))
    ]
    reached = np.concatenate([times_s * 1e3, reach_ms(whiskers)])
    x, y = logarithmic(reached, shows_zero=True), linear(100.0)
    return Chart(
        key="visibility",
        title="How soon is a write seen?",
        lead="The share of writes that a reader sees who asks so long after the author was told "
        "that the write succeeded (t-visibility).",
        alternative=" ".join(words),
        x=Axis(title="time since the acknowledgement (ms)", scale=x, ticks=ticks(x)),
        y=Axis(title="writes seen (%)", scale=y, ticks=ticks(y)),
        at=times_s * 1e3,
        at_texts=tuple(f"{exact_ms(time)} ms after" for time in times_s.tolist()),
        at_name="time since the acknowledgement",
        series=tuple(series),
        bands=tuple(bands),
        whiskers=whiskers,
        notes=(*_visibility_notes(found, len(times_s)), *notes_on(replications, whiskers)),
        height=260,
    )


def _times(found: list[Visibility]) -> NDArray[np.float64]:
    """Nought, then instants evenly spaced on a logarithmic axis; whole nanoseconds."""
    at_s = np.concatenate([*(seen.high.at_s for seen in found), np.zeros(0)])
    positive = at_s[at_s > 0.0]
    if not len(positive):
        return np.array([0.0, 0.001, 0.01])
    # The shortest hundredth would take most of a logarithmic axis and say nothing.
    low = float(np.quantile(positive, 0.01))
    times_ns = np.geomspace(max(low * 1e9, 1.0), float(positive.max()) * 1e9 * 1.02, TIMES)
    return np.concatenate([[0.0], np.unique(np.rint(times_ns)) / 1e9])


def _per_cent(fraction: float) -> float:
    return 100.0 * fraction


def _share(
    name: str, look: str, share: NDArray[np.float64], size: int, weight: Weight = "line"
) -> Series:
    values = share * 100.0 if size else np.full(len(share), np.nan)
    return Series(
        name=name,
        look=look,
        values=values,
        texts=share_texts(values / 100.0),
        unit="%",
        weight=weight,
    )


def _seen_in_words(name: str, seen: Visibility) -> str:
    if not seen.n:
        return f"{name}: there were no writes."
    if seen.curve is None:
        share = 100.0 * (1.0 - seen.censored / seen.n)
        return (
            f"{name} is saturated: {share:.3g} % of {seen.n:,} writes were seen before the run "
            "ended; only bounds are drawn."
        )
    parts = [
        f"{fraction:.0%} within {milliseconds(at)} ms"
        for fraction in (0.5, 0.9, 0.99)
        if seen.n >= operations_needed(fraction)
        and (at := seen.curve.quantile(fraction)) is not None
    ]
    if not parts and seen.n < operations_needed(0.5):
        return f"{name}: {seen.n:,} writes are too few to say when a share of them is seen."
    return f"{name}: of {seen.n:,} writes are seen {', '.join(parts) or 'none for certain'}."


def _visibility_notes(found: dict[str, Visibility], count: int) -> list[str]:
    notes = [f"Read at {count} times, each value exact; straight lines join them."]
    cut = {name: seen for name, seen in found.items() if seen.censored and seen.curve is not None}
    for name, seen in cut.items():
        notes.append(
            f"{name}: {seen.censored:,} of {seen.n:,} writes were not seen before the run ended; "
            "they are counted as longer than their age then (Kaplan-Meier)."
        )
    if any(seen.curve is None for seen in found.values()):
        notes.append(
            "Of a saturated read model only bounds can be given: at least (dotted), as if what was "
            "not seen when the run ended were never seen; at most (long dashes), as if it were "
            "seen right then."
        )
    return notes
