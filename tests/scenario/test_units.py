from fractions import Fraction
from typing import Any

import attrs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.scenario import units
from cqrs_sim.scenario.units import (
    HIGHEST_RATE_PER_S,
    LONGEST_NS,
    LOWEST_RATE_PER_S,
    Count,
    Duration,
    Rate,
    Real,
    Share,
    Text,
    format_duration,
    format_rate,
    parse_duration,
    parse_rate,
)


@attrs.frozen(kw_only=True)
class Everything:
    duration: Duration = units.duration(5)  # noqa: RUF009 - an attrs field
    rate: Rate = units.rate(5.0)  # noqa: RUF009
    optional: Rate | None = units.rate(None)  # noqa: RUF009
    share: Share = units.share(0.5)  # noqa: RUF009
    count: Count = units.count(5, minimum=2, maximum=9)  # noqa: RUF009
    real: Real = units.real(5.0, minimum=2.0, maximum=9.0)  # noqa: RUF009
    text: Text = units.text("five", minimum=1, maximum=8)  # noqa: RUF009
    lines: Text = units.text("", multiline=True)  # noqa: RUF009


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("250ns", 250),
        ("100us", 100_000),
        ("100\u00b5s", 100_000),
        ("100\u03bcs", 100_000),
        ("5ms", 5_000_000),
        ("0.5ms", 500_000),
        ("5 ms", 5_000_000),
        ("30s", 30_000_000_000),
        ("2m", 120_000_000_000),
        ("2min", 120_000_000_000),
        ("1h", 3_600_000_000_000),
        ("0s", 0),
        ("-5ms", -5_000_000),
        # As a float, 0.1 + 0.2 would not be exact.
        ("0.3s", 300_000_000),
    ],
)
def test_a_duration_is_exact_nanoseconds(text: str, expected: int) -> None:
    assert parse_duration(text) == expected


@pytest.mark.parametrize(
    "text",
    # Mostly what `float` would take for a number.
    [
        "",
        "5",
        "ms",
        "1_0ms",
        "1e3ms",
        "nan s",
        "infs",
        " 5ms",
        "5ms ",
        "5  ms",
        "5ms\n",
        "+5ms",
        "0x5ms",
        ".5ms",
        "5.ms",
        "5MS",
        "5 minutes",
        "\u0665ms",
        "0.5ns",
        "9999999999999999999999999999999s",
    ],
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be|needs a unit|is not"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("800/s", 800.0),
        ("0.5/s", 0.5),
        ("48k/min", 800.0),
        ("2M/h", 2_000_000 / 3600),
        ("1/min", 1 / 60),
        ("800 / s", 800.0),
    ],
)
def test_a_rate_is_per_second(text: str, expected: float) -> None:
    assert parse_rate(text) == expected


@pytest.mark.parametrize("text", ["", "800", "/s", "1_0/s", "1e3/s", "nan/s", "800/ms", "8K/s"])
def test_what_is_no_rate_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"must be|needs a unit"):
        parse_rate(text)


def test_a_bare_number_is_told_its_unit() -> None:
    with pytest.raises(ValueError, match='a duration needs a unit, such as "5ms"'):
        parse_duration("5")
    with pytest.raises(ValueError, match='a rate needs a unit, such as "800/s"'):
        parse_rate("800")


@pytest.mark.parametrize(
    ("duration", "text"),
    [
        (0, "0s"),
        (1, "1ns"),
        (1_500, "1500ns"),
        (500_000, "500us"),
        (90_000_000_000, "90s"),
        (120_000_000_000, "2m"),
        (LONGEST_NS, "168h"),
    ],
)
def test_a_duration_is_written_in_its_largest_unit(duration: int, text: str) -> None:
    assert format_duration(Duration(duration)) == text


@pytest.mark.parametrize(
    ("rate", "text"), [(800.0, "800/s"), (0.5, "0.5/s"), (1e8, "100000000/s"), (1e-6, "0.000001/s")]
)
def test_a_rate_is_written_without_exponent(rate: float, text: str) -> None:
    assert format_rate(Rate(rate)) == text


@given(st.integers(min_value=0, max_value=LONGEST_NS))
def test_every_duration_survives_writing_and_reading(duration: int) -> None:
    assert parse_duration(format_duration(Duration(duration))) == duration


@given(st.floats(min_value=LOWEST_RATE_PER_S, max_value=HIGHEST_RATE_PER_S))
def test_every_rate_survives_writing_and_reading(rate: float) -> None:
    assert parse_rate(format_rate(Rate(rate))) == rate


@given(st.decimals(min_value=0, max_value=10**6, places=3))
def test_a_rate_is_the_float_nearest_to_its_text(number: object) -> None:
    assert parse_rate(f"{number}/h") == float(Fraction(str(number)) / 3600)


WRONG: list[Any] = [
    True,
    None,
    "5",
    b"5",
    [],
    {},
    bytearray(),
    float("nan"),
    float("inf"),
    float("-inf"),
]
HUGE = 10**400
BOUNDARIES: dict[str, tuple[list[Any], list[Any]]] = {
    "duration": ([1, LONGEST_NS, np.int64(5)], [0, -1, LONGEST_NS + 1, 2**63, HUGE, 5.0]),
    "rate": ([1e-6, 1e8, 800, np.float64(5)], [0, -1, 5e-324, 0.9e-6, 1.1e8, 1e308, HUGE]),
    "optional": ([None, 1e-6], [0, -1.0, HUGE]),
    "share": ([0, 0.0, 1, 1.0, 5e-324], [-1e-9, 1.0000001, 20, HUGE]),
    "count": ([2, 9, np.int32(5)], [1, 10, -1, 2**63, HUGE, 5.0]),
    "real": ([2, 2.0, 9, 9.0], [1.999, 9.001, -1, 1e308, HUGE]),
    "text": (["a", "a" * 8, "é", "<script>"], ["", "a" * 9, "a\0", "\ud800", "\x1b[2J", "\n"]),
    "lines": (["", "a\n\tb", "a" * 80], ["a" * 81, "\r", "\x7f", "\x85"]),
}


@pytest.mark.parametrize(
    ("name", "value"), [(n, v) for n, (good, _) in BOUNDARIES.items() for v in good]
)
def test_a_value_within_its_range_is_taken(name: str, value: Any) -> None:
    assert getattr(Everything(**{name: value}), name) == value


@pytest.mark.parametrize(
    ("name", "value"), [(n, v) for n, (_, bad) in BOUNDARIES.items() for v in bad]
)
def test_a_value_out_of_its_range_is_refused(name: str, value: Any) -> None:
    with pytest.raises(InvalidScenarioError, match=f"^Everything.{name} = ") as refused:
        Everything(**{name: value})
    assert len(refused.value.mistakes) == 1
    assert "\n" not in str(refused.value)


def is_right_after_all(name: str, value: object) -> bool:
    return (name == "optional" and value is None) or (name in ("text", "lines") and value == "5")


@pytest.mark.parametrize(
    ("name", "value"),
    [(n, value) for n in BOUNDARIES for value in WRONG if not is_right_after_all(n, value)],
    ids=repr,
)
def test_a_value_of_another_kind_is_refused(name: str, value: Any) -> None:
    with pytest.raises(InvalidScenarioError, match=f"^Everything.{name} = "):
        Everything(**{name: value})


def test_integers_become_floats_where_a_number_is_meant() -> None:
    given: dict[str, Any] = {"rate": 800, "real": np.float64(5), "count": np.int32(5)}
    taken = Everything(**given)
    assert [type(taken.rate), type(taken.real), type(taken.count)] == [float, float, int]
