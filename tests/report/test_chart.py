"""A chart as numbers: paths, labels, spans and readings."""

import attrs
import numpy as np
import pytest

from cqrs_sim.report.chart import LABEL_GAP_PX, Axis, Band, Chart, Series, spread
from cqrs_sim.report.scales import linear, ticks
from cqrs_sim.report.spans import Span

NAN = float("nan")


def axis(high: float) -> Axis:
    scale = linear(high)
    return Axis(title="time (s)", scale=scale, ticks=ticks(scale))


def curve(name: str, *values: float) -> Series:
    texts = tuple(f"{value:g}" for value in values)
    return Series(name=name, look="rm0", values=np.array(values), texts=texts, unit="ms")


def chart(*series: Series, spans: tuple[Span, ...] = ()) -> Chart:
    count = len(series[0].values)
    return Chart(
        key="test",
        title="Test",
        lead="",
        alternative="",
        x=axis(float(count - 1)),
        y=axis(100.0),
        at=np.arange(count, dtype=np.float64),
        at_texts=tuple(f"{number} s" for number in range(count)),
        at_name="time",
        series=series,
        spans=spans,
        height=200,
    )


def test_a_curve_runs_from_left_to_right_and_high_values_are_near_the_top() -> None:
    drawn = chart(curve("a", 0.0, 50.0, 100.0))
    assert drawn.path(drawn.series[0]) == "M0 200L500 100L1000 0"


def test_a_curve_is_interrupted_where_there_is_no_value() -> None:
    drawn = chart(curve("a", 0.0, 0.0, NAN, 100.0, 100.0))
    assert drawn.path(drawn.series[0]) == "M0 200L250 200M750 0L1000 0"


def test_a_value_without_neighbours_is_a_dot() -> None:
    drawn = chart(curve("a", NAN, 50.0, NAN, 100.0, 100.0))
    assert drawn.lone_points(drawn.series[0]) == [(0.25, 100.0)]


def test_a_band_lies_between_its_curves_and_reaches_the_top_where_there_is_no_upper_one() -> None:
    drawn = chart(curve("low", 0.0, 50.0), curve("high", 100.0, NAN))
    assert drawn.band_path(Band(low=0, high=1, look="rm0")) == "M0 0L1000 0L1000 100L0 200Z"


def test_names_at_the_ends_are_moved_apart_and_stay_within_the_drawing() -> None:
    drawn = chart(curve("a", 0.0, 1.0), curve("b", 0.0, 2.0), curve("c", 0.0, 90.0))
    labels = drawn.end_labels()
    assert [label.text for label in labels] == ["c", "b", "a"]
    assert np.diff([label.at_px for label in labels]).min() >= LABEL_GAP_PX
    assert labels[-1].at_px <= 200.0
    assert labels[0].at_px == labels[0].curve_px == pytest.approx(20.0)


def test_a_name_stands_where_its_curve_ends_even_if_that_is_not_at_the_edge() -> None:
    (label,) = chart(curve("a", 0.0, 50.0, NAN)).end_labels()
    assert (label.curve_x, label.curve_px) == (0.5, 100.0)


def test_a_name_too_long_for_the_margin_is_cut_in_the_drawing_only() -> None:
    name = "a name of somebody who had a lot of time"
    drawn = chart(curve(name, 0.0, 50.0))
    (label,) = drawn.end_labels()
    assert label.text == "a name of somebody w\u2026"
    assert drawn.series[0].name == name


def test_a_curve_without_values_has_no_name_in_the_drawing() -> None:
    drawn = chart(curve("a", NAN, NAN), curve("b", 1.0, NAN))
    assert [label.text for label in drawn.end_labels()] == ["b"]
    assert not drawn.is_empty
    assert chart(curve("a", NAN, NAN)).is_empty


def test_readings_say_what_is_drawn() -> None:
    drawn = chart(curve("a", 0.0, NAN, 100.0), curve("b", 50.0, 50.0, 50.0))
    assert [(row.x, row.text, row.cells) for row in drawn.readings()] == [
        (0.0, "0 s", ((200.0, "0"), (100.0, "50"))),
        (0.5, "1 s", ((None, "nan"), (100.0, "50"))),
        (1.0, "2 s", ((0.0, "100"), (100.0, "50"))),
    ]


def test_spans_are_placed_and_those_beyond_the_axis_left_out() -> None:
    inside = Span(start=1.0, end=2.0, text="calm", kind="phase")
    outside = attrs.evolve(inside, start=9.0, end=10.0)
    (placed,) = chart(curve("a", 0.0, 0.0, 0.0, 0.0, 0.0), spans=(inside, outside)).placed_spans()
    assert (placed.start, placed.width, placed.kind) == (0.25, 0.25, "phase")


@pytest.mark.parametrize(
    ("places", "expected"),
    [
        ([], []),
        ([10.0, 50.0], [10.0, 50.0]),
        ([10.0, 12.0, 14.0], [10.0, 20.0, 30.0]),
        ([95.0, 99.0], [90.0, 100.0]),
        ([98.0, 98.0, 98.0], [80.0, 90.0, 100.0]),
    ],
)
def test_places_are_spread_to_a_gap_of_10_below_100(
    places: list[float], expected: list[float]
) -> None:
    assert spread(places, 10.0, 100.0) == expected
