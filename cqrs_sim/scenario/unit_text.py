"""Numbers with units as text: durations, rates and percentages, read exactly and written shortly.

Numbers match a strict pattern before they are converted, since `float` and `int` accept `1_0`,
` 1 `, `nan` and digits of other scripts. They are computed with as fractions: nothing is rounded
but, once, a rate or a share to the nearest float. A text that is refused raises `ValueError` with a
phrase that follows "key = value: ".
"""

import re
from decimal import Decimal
from fractions import Fraction

from cqrs_sim.scenario.wording import shown

_NUMBER = r"-?[0-9]{1,30}(?:\.[0-9]{1,30})?"
_BARE = re.compile(_NUMBER)
# Both the micro sign and the Greek letter are in use for a millionth.
_DURATION = re.compile(f"({_NUMBER}) ?(ns|us|\u00b5s|\u03bcs|ms|s|min|m|h)")
_RATE = re.compile(f"({_NUMBER}) ?([kM]?) ?/ ?(s|min|h)")
_PERCENT = re.compile(f"({_NUMBER}) ?%")

_NANOSECONDS = {
    "h": 3_600_000_000_000,
    "m": 60_000_000_000,
    "s": 1_000_000_000,
    "ms": 1_000_000,
    "us": 1_000,
    "ns": 1,
}
_NANOSECONDS_OF_ALIAS = _NANOSECONDS | {
    "min": 60_000_000_000,
    "\u00b5s": 1_000,
    "\u03bcs": 1_000,
}
_SECONDS = {"s": 1, "min": 60, "h": 3_600}
_MULTIPLES = {"": 1, "k": 1_000, "M": 1_000_000}


def duration_ns(text: str) -> int:
    """Nanoseconds of a text such as "5ms"; exact, never rounded."""
    match = _DURATION.fullmatch(text)
    if match is None:
        if _BARE.fullmatch(text):
            raise ValueError(lacks_unit("duration", text, "ms", "5"))
        raise ValueError('must be a number with a unit, such as "5ms", "30s", "2min" or "1h"')
    number, unit = match.groups()
    nanoseconds = Fraction(number) * _NANOSECONDS_OF_ALIAS[unit]
    if nanoseconds.denominator != 1:
        raise ValueError("is not a whole number of nanoseconds")
    return nanoseconds.numerator


def duration_text(duration: int) -> str:
    """The duration in the largest unit that divides it, such as "500us"."""
    if duration == 0:
        return "0s"
    unit = next(unit for unit, size in _NANOSECONDS.items() if duration % size == 0)
    return f"{duration // _NANOSECONDS[unit]}{unit}"


def rate_per_s(text: str) -> float:
    """Rate of a text such as "800/s" or "48k/min"."""
    match = _RATE.fullmatch(text)
    if match is None:
        if _BARE.fullmatch(text):
            raise ValueError(lacks_unit("rate", text, "/s", "800"))
        raise ValueError('must be a number with a unit, such as "800/s", "48k/min" or "100/h"')
    number, multiple, unit = match.groups()
    return float(Fraction(number) * _MULTIPLES[multiple] / _SECONDS[unit])


def rate_text(rate: float) -> str:
    """The rate as the shortest text that gives it back, such as "800/s"."""
    digits = format(Decimal(repr(rate)), "f")
    return (digits.rstrip("0").rstrip(".") if "." in digits else digits) + "/s"


def share_of_percent(text: str) -> float:
    """Share of a text such as "20%"."""
    match = _PERCENT.fullmatch(text)
    if match is None:
        raise ValueError('must be a share, such as 0.2 or "20%"')
    return float(Fraction(match[1]) / 100)


def lacks_unit(noun: str, number: object, unit: str, otherwise: str) -> str:
    """The mistake of a bare number; it repeats the number with a unit if that makes sense."""
    digits = shown(number) if not isinstance(number, str) else number
    example = digits if _BARE.fullmatch(digits) else otherwise
    return f'a {noun} needs a unit, such as "{example}{unit}"'
