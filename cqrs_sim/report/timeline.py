"""The time axis that charts of one run share: its length, load phases, warm-up and bins."""

from collections.abc import Sequence
from itertools import pairwise

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.analysis.rates import last_activity_ns
from cqrs_sim.analysis.rebuilds import Rebuild
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.report.chart import Axis
from cqrs_sim.report.scales import linear, plain_number, ticks
from cqrs_sim.report.spans import Span
from cqrs_sim.scenario.parts import RateSegment
from cqrs_sim.scenario.scenario import Scenario

EVENTS_OF_A_BIN = 100
MOST_BINS = 120
MOST_RATES = 75
"""Points of a curve of rates: a rate needs more events than a median to be calm."""


@attrs.frozen(eq=False, kw_only=True)
class Timeline:
    """What all charts over time share."""

    axis: Axis
    spans: tuple[Span, ...]
    """The warm-up and the phases of the load."""
    edges_s: NDArray[np.float64]
    """Shape (n_bins + 1,): bins over the load period, seconds from the start, whole nanoseconds.

    Nearly even: phases, pauses and the warm-up begin and end with a bin, never within one.
    """
    whole_edges_s: NDArray[np.float64]
    """The same over all that the axis shows."""
    load_ended_s: float
    warm_up_s: float

    @property
    def bin_text(self) -> str:
        """How wide a bin is."""
        return width_text(self.edges_s)

    @property
    def whole_bin_text(self) -> str:
        """How wide a bin over the whole axis is."""
        return width_text(self.whole_edges_s)

    def edges_of(self, bins: int) -> NDArray[np.float64]:
        """The same over the load period for about so many bins."""
        marks = [mark for span in self.spans for mark in (span.start, span.end)]
        return even_edges(self.load_ended_s, bins, marks)

    @property
    def whole_middle_s(self) -> NDArray[np.float64]:
        """Shape (n_bins,): the middles of the bins over the whole axis."""
        return (self.whole_edges_s[:-1] + self.whole_edges_s[1:]) / 2

    @property
    def starts_ns(self) -> NDArray[np.int64]:
        """Shape (n_bins,): the first instant of each bin over the whole axis."""
        return np.rint(self.whole_edges_s[:-1] * 1e9).astype(np.int64)

    @property
    def ends_ns(self) -> NDArray[np.int64]:
        """Shape (n_bins,): the last instant of each bin over the whole axis."""
        return np.maximum(np.rint(self.whole_edges_s[1:] * 1e9).astype(np.int64) - 1, 0)


def timeline_of(trace: Trace, scenario: Scenario, rebuilds: Sequence[Rebuild] = ()) -> Timeline:
    """The time axis of a run, and of the rebuilds that began in it."""
    end_s = max(last_activity_ns(trace), 1) / 1e9
    load_ended_s = max(trace.load_ended_ns, 1) / 1e9
    bins = int(np.clip(len(trace.events) // EVENTS_OF_A_BIN, 10, MOST_BINS))
    scale = linear(end_s)
    spans = _spans(scenario, load_ended_s, end_s)
    spans += [_rebuild(trace, rebuild) for rebuild in rebuilds]
    marks = [mark for span in spans for mark in (span.start, span.end)]
    return Timeline(
        axis=Axis(title="time from the start of the run (s)", scale=scale, ticks=ticks(scale)),
        spans=tuple(spans),
        edges_s=even_edges(load_ended_s, bins, marks),
        whole_edges_s=even_edges(end_s, min(bins, MOST_RATES), marks),
        load_ended_s=load_ended_s,
        warm_up_s=scenario.run.warm_up / 1e9,
    )


def even_edges(end_s: float, bins: int, marks: Sequence[float]) -> NDArray[np.float64]:
    """Edges of about so many nearly even bins from nought to the end, some of them at marks.

    A mean over a bin in which the load changes or a stage stops shows a rate that never was.

    Args:
        end_s: greater than 0.
        bins: how many there would be without marks.
        marks: seconds, in any order; one nearer than half a bin to the one before, or to the end,
            is passed over: a bin between them would be too small to say anything.

    Returns:
        Shape (n + 1,), seconds, whole nanoseconds, increasing.
    """
    width = end_s / bins
    kept = [0.0]
    for mark in sorted(marks):
        if mark - kept[-1] >= width / 2 and end_s - mark >= width / 2:
            kept.append(mark)
    pieces = [
        np.linspace(start, end, max(1, round((end - start) / width)) + 1)[:-1]
        for start, end in pairwise([*kept, end_s])
    ]
    edges_s = np.concatenate([*pieces, [end_s]])
    return np.unique(np.rint(edges_s * 1e9)) / 1e9


def width_text(edges_s: NDArray[np.float64]) -> str:
    """How wide the bins are; `about` where not all are alike."""
    widths = np.diff(edges_s)
    about = "" if np.ptp(widths) <= 0.005 * widths.max() else "about "
    return f"{about}{np.median(widths):.3g} s"


def instant_text(at_s: float) -> str:
    """An instant for a reader, to the millisecond."""
    return f"{at_s:,.3f}".rstrip("0").rstrip(".") + " s"


def instant_texts(at_s: NDArray[np.float64]) -> tuple[str, ...]:
    """One a row."""
    return tuple(instant_text(at) for at in at_s.tolist())


def largest_in_bins(
    at_s: NDArray[np.float64], values: NDArray[np.float64], edges_s: NDArray[np.float64]
) -> NDArray[np.float64]:
    """The largest value of each bin.

    Args:
        at_s: shape (n,), when each value was; what lies in no bin does not count.
        values: shape (n,); nan does not count.
        edges_s: shape (n_bins + 1,), increasing; a bin holds its start, not its end.

    Returns:
        Shape (n_bins,); nan where a bin has no value.
    """
    known = ~np.isnan(values)
    bins = np.searchsorted(edges_s, at_s[known], side="right") - 1
    inside = (bins >= 0) & (bins < len(edges_s) - 1)
    largest = np.full(len(edges_s) - 1, -np.inf)
    np.maximum.at(largest, bins[inside], values[known][inside])
    return np.where(np.isneginf(largest), np.nan, largest)


def _spans(scenario: Scenario, load_ended_s: float, end_s: float) -> list[Span]:
    warm_up_s = min(scenario.run.warm_up / 1e9, load_ended_s)
    spans = [Span(start=0.0, end=warm_up_s, text="warm-up", kind="warm-up")] if warm_up_s else []
    spans += _phases(scenario, load_ended_s)
    spans += _pauses(scenario)
    if end_s > load_ended_s * 1.001:
        spans.append(Span(start=load_ended_s, end=end_s, text="load over", kind="phase"))
    return spans


def _phases(scenario: Scenario, load_ended_s: float) -> list[Span]:
    """What the load did when, in the words of the scenario."""
    load = scenario.load
    if load.model != "open" or not load.profile:
        return [Span(start=0.0, end=load_ended_s, text=_whole_load(scenario), kind="phase")]
    spans, start = [], 0.0
    longest = max(load.profile, key=lambda segment: segment.duration)
    usual = float(longest.start + longest.end) / 2
    for segment in load.profile:
        end = min(start + segment.duration / 1e9, load_ended_s)
        text = f"{plain_number(float(segment.end))}/s"
        if segment.start != segment.end:
            text = f"{plain_number(float(segment.start))} to {text}"
        weight = _weight(segment, usual)
        spans.append(Span(start=start, end=end, text=text, kind="phase", weight=weight))
        start = end
    if start < load_ended_s:
        # The last rate holds until the end.
        spans[-1] = attrs.evolve(spans[-1], end=load_ended_s)
    return spans


def _weight(segment: RateSegment, usual: float) -> float:
    """How far a phase's rate is from that of the longest phase, as a factor; 1 if it is not."""
    ends = (float(segment.start) + 1.0, float(segment.end) + 1.0)
    return max(max(rate / (usual + 1.0), (usual + 1.0) / rate) for rate in ends)


def _pauses(scenario: Scenario) -> list[Span]:
    """When which stage was told to stand still."""
    stages = {"write side": scenario.write_side.pauses}
    stages |= {name: model.pauses for name, model in scenario.read_models.items()}
    return [
        Span(
            start=pause.at / 1e9,
            end=(pause.at + pause.duration) / 1e9,
            text=f"{stage} paused",
            kind="pause",
        )
        for stage, pauses in stages.items()
        for pause in pauses
    ]


def _rebuild(trace: Trace, rebuild: Rebuild) -> Span:
    """When a read model was rebuilt beside the live one; its end is the switch."""
    start, end = rebuild.span_s(trace)
    text = f"{rebuild.read_model} rebuilt"
    if rebuild.switched_ns is None:
        text = f"rebuild of {rebuild.read_model}: dropped"
    return Span(start=start, end=end, text=text, kind="rebuild")


def _whole_load(scenario: Scenario) -> str:
    load = scenario.load
    if load.model == "closed":
        return f"closed loop of {load.clients:,} clients"
    if load.model == "replay":
        return "replay of a recorded log"
    return f"{plain_number(float(load.rate or 0.0))} operations/s"
