"""A chart as numbers: curves over one common axis, and what a reader of any point is told.

Every chart is drawn from its readings: rows of one instant (or share, or stage) with a value for
each curve. The same rows are the chart's data table and what the pointer and the keyboard read, so
the picture, the table and the spoken values cannot differ. Nothing here knows of HTML: a template
writes the markup and escapes every name.
"""

from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.report.scales import Scale, Tick
from cqrs_sim.report.spans import Span, SpanText, span_texts

Weight: TypeAlias = Literal["line", "thin", "bound", "ceiling"]

WIDTH = 1000.0
"""Of the drawing's own coordinates; the page stretches it to the width of the screen."""
LABEL_GAP_PX = 17.0
"""Least distance between two labels at the ends of curves."""
LONGEST_LABEL = 21
"""Letters of a name beside a drawing."""


@attrs.frozen(eq=False, kw_only=True)
class Series:
    """One curve."""

    name: str
    look: str
    """Class of its colour and dashes: `rm0` to `rm3`, `write`, `load`, `slip`."""
    values: NDArray[np.float64]
    """Shape (n,), in the units of the y axis; nan: nothing is drawn there."""
    texts: tuple[str, ...]
    """What a reader is told at each point, without the unit; n of them."""
    unit: str = ""
    weight: Weight = "line"
    """`thin` for a second curve of the same colour, `bound` for a lower one, `ceiling` for an upper
    one: their dashes differ from each other and from all others."""
    is_labelled: bool = True
    """Whether its name stands at its end."""


@attrs.frozen(kw_only=True)
class Band:
    """The area between two curves, by their numbers."""

    low: int
    high: int
    look: str


@attrs.frozen(kw_only=True)
class Whisker:
    """An interval over replications, at one place of one curve."""

    look: str
    """Of the curve."""
    at: float
    """In the units of the other axis."""
    low: float
    middle: float
    high: float
    is_across: bool = False
    """Whether it lies along the x axis, not the y axis."""


@attrs.frozen(kw_only=True)
class PlacedWhisker:
    """A whisker as fractions: of the width from the left, of the height from the bottom."""

    look: str
    is_across: bool
    at: float
    low: float
    middle: float
    high: float


@attrs.frozen(kw_only=True)
class Axis:
    """An axis with its name and unit."""

    title: str
    scale: Scale
    ticks: tuple[Tick, ...]


@attrs.frozen(kw_only=True)
class PlacedSpan:
    """A span as fractions of the axis."""

    start: float
    width: float
    kind: str


@attrs.frozen(kw_only=True)
class EndLabel:
    """A curve's name at its end."""

    text: str
    look: str
    weight: Weight
    at_px: float
    """Where the name stands, from the top."""
    curve_px: float
    """Where the curve ends."""
    curve_x: float
    """The same along the x axis, as a fraction."""


@attrs.frozen(kw_only=True)
class Reading:
    """One row: what all curves say at one place."""

    x: float
    """Fraction of the x axis."""
    text: str
    cells: tuple[tuple[float | None, str], ...]
    """Height in pixels from the top (None: nothing is drawn), and what is told."""


@attrs.frozen(eq=False, kw_only=True)
class Chart:
    """Curves, axes, readings, and the chart in words."""

    key: str
    """Unique on the page; lower case letters and hyphens."""
    title: str
    lead: str
    """What to look at, one or two sentences."""
    alternative: str
    """What the picture shows, in words and figures, for those who do not see it."""
    x: Axis
    y: Axis
    at: NDArray[np.float64]
    """Shape (n,), in the units of the x axis, increasing."""
    at_texts: tuple[str, ...]
    """What a reader is told of each place, with its unit."""
    at_name: str
    """Head of the table's first column."""
    series: tuple[Series, ...]
    bands: tuple[Band, ...] = ()
    spans: tuple[Span, ...] = ()
    whiskers: tuple[Whisker, ...] = ()
    notes: tuple[str, ...] = ()
    """How the numbers were thinned, and what is left out and why."""
    height: int = 240
    """Of the drawing, in pixels."""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to draw."""
        return all(bool(np.isnan(series.values).all()) for series in self.series)

    def tops(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Pixels from the top of the drawing; nan stays nan."""
        return (1.0 - self.y.scale.fractions(values)) * self.height

    def path(self, series: Series) -> str:
        """The curve as SVG path data, interrupted where there is no value."""
        x, y = self.x.scale.fractions(self.at) * WIDTH, self.tops(series.values)
        pieces = ("M" + "L".join(f"{x[i]:.5g} {y[i]:.5g}" for i in piece) for piece in _runs(y))
        return "".join(pieces)

    def lone_points(self, series: Series) -> list[tuple[float, float]]:
        """Values without a neighbour, which no line shows: fraction of x, pixels from the top."""
        x, y = self.x.scale.fractions(self.at), self.tops(series.values)
        return [(float(x[i[0]]), float(y[i[0]])) for i in _runs(y) if len(i) == 1]

    def band_path(self, band: Band) -> str:
        """The area between two curves; where only the lower one is known, up to the top."""
        low, high = self.series[band.low].values, self.series[band.high].values
        x = self.x.scale.fractions(self.at) * WIDTH
        bottom = self.tops(low)
        top = np.where(np.isnan(high), 0.0, self.tops(high))
        pieces = []
        for piece in _runs(bottom):
            there = [f"{x[i]:.5g} {top[i]:.5g}" for i in piece]
            back = [f"{x[i]:.5g} {bottom[i]:.5g}" for i in reversed(piece)]
            pieces.append("M" + "L".join(there + back) + "Z")
        return "".join(pieces)

    def placed_spans(self) -> list[PlacedSpan]:
        """The spans as fractions; those outside the axis are left out."""
        placed = []
        for span in self.spans:
            start, end = self.x.scale.fraction(span.start), self.x.scale.fraction(span.end)
            if end > start:
                placed.append(PlacedSpan(start=start, width=end - start, kind=span.kind))
        return placed

    def span_texts(self) -> list[SpanText]:
        """What stands beside or in the spans, laid out for wide and for narrow screens."""
        return span_texts(self.x.scale, self.spans, self.height)

    def placed_whiskers(self) -> list[PlacedWhisker]:
        """The whiskers as fractions; what lies outside an axis is cut at its end."""
        placed = []
        for whisker in self.whiskers:
            along, across = self.y.scale, self.x.scale
            if whisker.is_across:
                along, across = across, along
            placed.append(
                PlacedWhisker(
                    look=whisker.look,
                    is_across=whisker.is_across,
                    at=across.fraction(whisker.at),
                    low=along.fraction(whisker.low),
                    middle=along.fraction(whisker.middle),
                    high=along.fraction(whisker.high),
                )
            )
        return placed

    def end_labels(self) -> list[EndLabel]:
        """Names at the ends of their curves, moved apart so that each can be read."""
        ends = []
        for series in self.series:
            drawn = np.flatnonzero(~np.isnan(series.values))
            if series.is_labelled and len(drawn):
                last = drawn[-1]
                top = float(self.tops(series.values[last : last + 1])[0])
                x = self.x.scale.fraction(float(self.at[last]))
                ends.append(
                    EndLabel(
                        text=shortened(series.name),
                        look=series.look,
                        weight=series.weight,
                        at_px=top,
                        curve_px=top,
                        curve_x=x,
                    )
                )
        ends.sort(key=lambda label: label.at_px)
        places = spread([label.at_px for label in ends], LABEL_GAP_PX, float(self.height))
        return [attrs.evolve(label, at_px=at) for label, at in zip(ends, places, strict=True)]

    def readings(self) -> Iterator[Reading]:
        """The rows of the table, from the left to the right."""
        x = self.x.scale.fractions(self.at)
        tops = [self.tops(series.values) for series in self.series]
        for row, text in enumerate(self.at_texts):
            yield Reading(
                x=float(x[row]),
                text=text,
                cells=tuple(
                    (None if np.isnan(top[row]) else float(top[row]), series.texts[row])
                    for top, series in zip(tops, self.series, strict=True)
                ),
            )


def shortened(name: str) -> str:
    """A name as long as there is room beside a drawing; the table has it whole."""
    return name if len(name) <= LONGEST_LABEL else f"{name[: LONGEST_LABEL - 1]}\u2026"


def spread(places: Sequence[float], gap: float, limit: float) -> list[float]:
    """Increasing places moved apart to at least `gap`, and back from beyond `limit`."""
    moved: list[float] = []
    for place in places:
        moved.append(max(place, moved[-1] + gap) if moved else place)
    bound = limit
    for number in reversed(range(len(moved))):
        moved[number] = min(moved[number], bound)
        bound = moved[number] - gap
    return moved


def _runs(values: NDArray[np.float64]) -> list[list[int]]:
    """Indices of the values that are not nan, in unbroken runs."""
    known = np.flatnonzero(~np.isnan(values))
    if not len(known):
        return []
    return [piece.tolist() for piece in np.split(known, np.flatnonzero(np.diff(known) > 1) + 1)]
