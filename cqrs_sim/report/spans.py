"""Stretches of the x axis with something to say, and where their words find room.

A drawing is as wide as the reader's screen, so the words are laid out twice, for a wide and for a
narrow one, and the page shows one layout or the other. No two texts of a layout overlap.
"""

from collections.abc import Iterable, Sequence
from typing import Literal, TypeAlias

import attrs

from cqrs_sim.report.scales import Scale

Screens: TypeAlias = Literal["always", "wide", "narrow"]

SCREENS_PX: tuple[tuple[Screens, float], ...] = (("wide", 520.0), ("narrow", 264.0))
"""Width of a drawing on a screen, and on a phone of 360 pixels."""
LETTER_PX = 6.2
GAP_PX = 6.0
LINE_PX = 14.0
TOP_PX = {"warm-up": 14.0, "pause": 30.0, "rebuild": 14.0, "episode": 14.0}
"""Where the first line of such texts stands, from the top; of others above the lower edge."""
ABOVE_PX = -6.0
"""Where the phases stand: over the drawing."""


@attrs.frozen(kw_only=True)
class Span:
    """A stretch of the x axis with something to say about it."""

    start: float
    end: float
    """In the units of the x axis."""
    text: str
    kind: Literal["warm-up", "phase", "pause", "rebuild", "episode", "saturated", "thin-data"]
    weight: float = 0.0
    """Of a phase: where not all texts have room, the heaviest are kept."""


@attrs.frozen(kw_only=True)
class SpanText:
    """A text of a span on some screens."""

    text: str
    kind: str
    at: float
    """Fraction of the axis at which it begins, or ends if its `anchor` is `end`."""
    anchor: Literal["start", "end"]
    top_px: float
    screens: Screens


def span_texts(scale: Scale, spans: Sequence[Span], height: float) -> list[SpanText]:
    """The texts of all spans that lie on the axis, for both kinds of screen."""
    inside = [
        (span, scale.fraction(span.start), scale.fraction(span.end))
        for span in spans
        if scale.fraction(span.end) > scale.fraction(span.start)
    ]
    found: list[SpanText] = []
    for screens, width_px in SCREENS_PX:
        found += _phases(inside, screens, width_px)
        found += _others(inside, screens, width_px, height)
    places = [attrs.evolve(text, screens="always") for text in found]
    merged = [
        same if places.count(same) > 1 else text for text, same in zip(found, places, strict=True)
    ]
    return list(dict.fromkeys(merged))


def _phases(
    inside: Iterable[tuple[Span, float, float]], screens: Screens, width_px: float
) -> list[SpanText]:
    """The heaviest first; a text may reach beyond its phase where nothing else wants the room."""
    phases = [one for one in inside if one[0].kind == "phase" and one[0].text]
    taken: list[tuple[float, float]] = []
    placed = []
    for span, start, _ in sorted(phases, key=lambda one: (-one[0].weight, one[1])):
        left = start * width_px
        right = left + _px(span.text)
        if right <= width_px and all(right <= low or left >= high for low, high in taken):
            taken.append((left, right))
            placed.append(
                SpanText(
                    text=span.text, kind="phase", at=start, anchor="start", top_px=ABOVE_PX,
                    screens=screens,
                )
            )  # fmt: skip
    return sorted(placed, key=lambda text: text.at)


def _others(
    inside: Iterable[tuple[Span, float, float]], screens: Screens, width_px: float, height: float
) -> list[SpanText]:
    """In the span; where it is too narrow beside it, with an arrow; in the next line if taken."""
    taken: list[tuple[float, float, float]] = []
    placed = []
    for span, start, end in inside:
        if span.kind == "phase" or not span.text:
            continue
        beside = _beside(span, start, end, width_px)
        if beside is None:
            continue
        text, at, anchor = beside
        left = at * width_px - (_px(text) if anchor == "end" else 0.0)
        right = left + _px(text)
        # Within an episode the curves are high up: there its text stands at the lower edge.
        is_low = span.kind not in TOP_PX or (span.kind == "episode" and text == span.text)
        top = height - 8.0 if is_low else TOP_PX[span.kind]
        step = -LINE_PX if is_low else LINE_PX
        while any(_overlap((left, right, top), other) for other in taken):
            top += step
        taken.append((left, right, top))
        placed.append(
            SpanText(text=text, kind=span.kind, at=at, anchor=anchor, top_px=top, screens=screens)
        )
    return placed


def _beside(
    span: Span, start: float, end: float, width_px: float
) -> tuple[str, float, Literal["start", "end"]] | None:
    """The text, where it stands, and whether it begins or ends there; None: nowhere."""
    if _px(span.text) <= (end - start) * width_px:
        return span.text, start, "start"
    if span.kind == "thin-data":
        return None  # The note below the chart says it too.
    after, before = f"\u2190 {span.text}", f"{span.text} \u2192"
    # What a pause held back comes right after it: there the curves have most to show.
    if span.kind == "pause" and _px(before) <= start * width_px:
        return before, start, "end"
    if end * width_px + _px(after) <= width_px:
        return after, end, "start"
    if _px(before) <= start * width_px:
        return before, start, "end"
    return after, 1.0, "end"


def _overlap(one: tuple[float, float, float], other: tuple[float, float, float]) -> bool:
    """Whether two texts do, each given by its left, its right and its line."""
    return one[0] < other[1] and one[1] > other[0] and abs(one[2] - other[2]) < LINE_PX


def _px(text: str) -> float:
    return len(text) * LETTER_PX + GAP_PX
