"""Scales: fractions of an axis, and ticks at round numbers."""

import numpy as np
import pytest

from cqrs_sim.report.scales import (
    ZERO_GAP,
    Scale,
    linear,
    linear_to_tick,
    logarithmic,
    plain_number,
    ticks,
)


def labels(scale: Scale) -> list[str]:
    return [tick.label for tick in ticks(scale)]


def test_a_linear_scale_places_values_in_proportion_and_clips_what_lies_outside() -> None:
    found = linear(20.0).fractions(np.array([-1.0, 0.0, 5.0, 20.0, 30.0]))
    np.testing.assert_array_equal(found, [0.0, 0.0, 0.25, 1.0, 1.0])


def test_a_logarithmic_scale_places_equal_factors_at_equal_distances() -> None:
    scale = Scale(kind="log", low=1.0, high=1000.0)
    found = scale.fractions(np.array([1.0, 10.0, 100.0, 1000.0]))
    np.testing.assert_allclose(found, [0.0, 1 / 3, 2 / 3, 1.0])


def test_nought_has_a_place_of_its_own_on_a_logarithmic_scale_that_shows_it() -> None:
    scale = logarithmic(np.array([0.0, 1.0, 100.0]), shows_zero=True)
    assert scale.fraction(0.0) == 0.0
    assert scale.fraction(1.0) == pytest.approx(ZERO_GAP)
    assert scale.fraction(100.0) == pytest.approx(1.0)
    assert labels(scale)[0] == "0"


def test_nan_has_no_place() -> None:
    for scale in (linear(1.0), logarithmic(np.array([1.0, 10.0]))):
        assert np.isnan(scale.fractions(np.array([np.nan]))[0])


@pytest.mark.parametrize(
    ("high", "expected"),
    [
        (10.0, ["0", "2", "4", "6", "8", "10"]),
        (30.0, ["0", "5", "10", "15", "20", "25", "30"]),
        (0.3, ["0", "0.05", "0.1", "0.15", "0.2", "0.25", "0.3"]),
        (4200.0, ["0", "1,000", "2,000", "3,000", "4,000"]),
    ],
)
def test_ticks_of_a_linear_scale_are_round(high: float, expected: list[str]) -> None:
    assert labels(linear(high)) == expected


def test_a_scale_up_to_a_tick_ends_at_one() -> None:
    scale = linear_to_tick(3590.0, most=4)
    assert (scale.low, scale.high) == (0.0, 4000.0)
    assert ticks(scale, most=4)[-1].at == 1.0


def test_a_wide_logarithmic_scale_is_ticked_at_powers_of_ten() -> None:
    scale = Scale(kind="log", low=0.01, high=10_000.0)
    assert labels(scale) == ["0.01", "0.1", "1", "10", "100", "1,000", "10,000"]


def test_a_narrow_one_has_ticks_between_which_a_phone_leaves_out() -> None:
    found = ticks(Scale(kind="log", low=0.9, high=120.0))
    assert [tick.label for tick in found if tick.is_minor] == ["2", "5", "20", "50"]
    assert [tick.label for tick in found if not tick.is_minor] == ["1", "10", "100"]


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.9, 25.0, ["1", "2", "5", "10", "20"]),
        (1.5, 60.0, ["2", "5", "10", "20", "50"]),
        (1.5, 6.0, ["2", "3", "4", "5", "6"]),
        (520.0, 1100.0, ["600", "700", "800", "900", "1,000", "1,100"]),
    ],
)
def test_an_axis_with_few_powers_of_ten_has_labels_enough_on_a_phone_too(
    low: float, high: float, expected: list[str]
) -> None:
    found = ticks(Scale(kind="log", low=low, high=high))
    assert [tick.label for tick in found if not tick.is_minor] == expected


@pytest.mark.parametrize("low", [0.001, 0.37, 1.0, 77.0, 2e4])
@pytest.mark.parametrize("factor", [2.0, 3.7, 10.0, 44.0, 900.0, 1e7])
def test_no_logarithmic_axis_has_less_than_three_labels_anywhere(low: float, factor: float) -> None:
    found = ticks(Scale(kind="log", low=low, high=low * factor))
    assert sum(not tick.is_minor for tick in found) >= 3
    assert len({tick.label for tick in found}) == len(found)


@pytest.mark.parametrize("values", [[], [np.nan], [0.0], [0.0, np.nan]])
def test_a_logarithmic_scale_of_nothing_positive_is_still_a_scale(values: list[float]) -> None:
    scale = logarithmic(np.array(values, dtype=np.float64))
    assert scale.low < scale.high
    assert ticks(scale)


def test_one_value_lies_in_the_middle_of_its_logarithmic_scale() -> None:
    assert logarithmic(np.array([7.0, 7.0])).fraction(7.0) == pytest.approx(0.5)


def test_an_axis_of_no_length_gets_one() -> None:
    assert linear(0.0).high == 1.0


def test_numbers_are_written_without_exponents() -> None:
    assert [plain_number(value) for value in (1e-4, 0.5, 12_000.0, 3e6)] == [
        "0.0001",
        "0.5",
        "12,000",
        "3,000,000",
    ]
