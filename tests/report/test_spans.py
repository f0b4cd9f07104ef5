"""Texts of spans: where they find room, on a screen and on a phone."""

import pytest

from cqrs_sim.report.scales import linear
from cqrs_sim.report.spans import (
    GAP_PX,
    LETTER_PX,
    LINE_PX,
    SCREENS_PX,
    Span,
    SpanText,
    span_texts,
)

AXIS = linear(30.0)
BURST = (
    Span(start=0.0, end=10.0, text="300/s", kind="phase", weight=1.0),
    Span(start=10.0, end=13.0, text="2,500/s", kind="phase", weight=8.3),
    Span(start=13.0, end=30.0, text="300/s", kind="phase", weight=1.0),
)


def on(screens: str, spans: tuple[Span, ...]) -> list[SpanText]:
    return [text for text in span_texts(AXIS, spans, 150.0) if text.screens in (screens, "always")]


def test_the_phase_that_differs_most_is_named_on_a_phone_before_the_calm_ones() -> None:
    assert [text.text for text in on("wide", BURST)] == ["300/s", "2,500/s", "300/s"]
    assert [text.text for text in on("narrow", BURST)] == ["300/s", "2,500/s"]


def test_a_text_that_fits_in_its_band_stands_in_it() -> None:
    (text,) = on("narrow", (Span(start=3.0, end=24.0, text="pause", kind="pause"),))
    assert (text.text, text.at, text.anchor, text.screens) == ("pause", 0.1, "start", "always")


def test_a_text_wider_than_its_band_stands_beside_it_and_points_at_it() -> None:
    band = Span(start=3.0, end=6.0, text="write side paused", kind="pause")
    (narrow,), (wide,) = on("narrow", (band,)), on("wide", (band,))
    assert (narrow.text, narrow.at, narrow.anchor) == ("\u2190 write side paused", 0.2, "start")
    assert wide == narrow


def test_that_of_a_pause_stands_before_it_where_it_can_for_the_curves_rise_after_it() -> None:
    band = Span(start=18.0, end=20.0, text="write side paused", kind="pause")
    (pause,) = on("narrow", (band,))
    assert (pause.text, pause.at, pause.anchor) == ("write side paused \u2192", 0.6, "end")


def test_at_the_right_end_it_stands_before_the_band() -> None:
    (text,) = on("narrow", (Span(start=27.0, end=29.0, text="write side paused", kind="pause"),))
    assert (text.text, text.at, text.anchor) == ("write side paused \u2192", 0.9, "end")


def test_a_text_that_is_too_long_for_the_screen_is_kept_but_for_phases() -> None:
    long = "x" * 30
    assert on("narrow", (Span(start=1.0, end=2.0, text="x" * 60, kind="phase"),)) == []
    (text,) = on("narrow", (Span(start=15.0, end=16.0, text=long, kind="pause"),))
    assert (text.at, text.anchor) == (1.0, "end")


def test_that_of_an_episode_stands_low_within_it_and_high_beside_it() -> None:
    long = Span(start=5.0, end=25.0, text="4.4 s behind", kind="episode")
    (inside,) = on("narrow", (long,))
    (beside,) = on("narrow", (Span(start=5.0, end=6.0, text="4.4 s behind", kind="episode"),))
    assert inside.top_px > 75.0 > beside.top_px


@pytest.mark.parametrize("screens", ["wide", "narrow"])
def test_no_two_texts_overlap(screens: str) -> None:
    spans = (
        *BURST,
        Span(start=0.0, end=2.0, text="warm-up", kind="warm-up"),
        *(
            Span(start=at, end=at + 1.0, text="write side paused", kind="pause")
            for at in (3.0, 5.0, 7.0, 20.0, 28.0)
        ),
        Span(start=2.0, end=28.0, text="saturated: offered load 1.31", kind="saturated"),
        Span(start=9.0, end=19.0, text="fell behind, by up to 4.4 s", kind="episode"),
    )
    width_px = dict(SCREENS_PX)[screens]  # type: ignore[index]
    texts = on(screens, spans)
    boxes = []
    for text in texts:
        needed = len(text.text) * LETTER_PX + GAP_PX
        left = text.at * width_px - (needed if text.anchor == "end" else 0.0)
        boxes.append((left, left + needed, text.top_px))
    for number, (left, right, top) in enumerate(boxes):
        for other_left, other_right, other_top in boxes[number + 1 :]:
            apart = right <= other_left or left >= other_right
            assert apart or abs(top - other_top) >= LINE_PX, texts


def test_what_lies_outside_the_axis_has_no_text() -> None:
    assert span_texts(AXIS, (Span(start=31.0, end=40.0, text="late", kind="phase"),), 150.0) == []


def test_a_shade_over_thin_data_is_explained_only_where_there_is_room_in_it() -> None:
    thin = Span(start=29.0, end=30.0, text="fewer than 100 beyond", kind="thin-data")
    assert on("wide", (thin,)) == []
