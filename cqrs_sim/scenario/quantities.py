"""What a scenario's values may be: each kind reads, checks and writes one kind of value.

A quantity serves three callers: the attrs validators (`check`), the reader of files (`parse`) and
the writer (`write`), so that a range is stated once. All three speak through `ValueError` with a
phrase that follows "key = value: ". Numbers in text match a strict pattern before they are
converted, since `float` and `int` accept `1_0`, ` 1 `, `nan` and digits of other scripts.
"""

import math
import re
import unicodedata
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Protocol, TypeGuard

import attrs

from cqrs_sim.scenario.wording import nearest, quoted, shown

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


class Quantity(Protocol):
    """One kind of value with its range."""

    def parse(self, raw: object) -> object:
        """The value of what a TOML file holds, checked."""

    def check(self, value: object) -> None:
        """Raises: ValueError: if the value is not of this kind, or out of range."""

    def write(self, value: object) -> str:
        """The value as TOML text; parsing it gives the same value."""


def duration_ns(text: str) -> int:
    """Nanoseconds of a text such as "5ms"; exact, never rounded."""
    match = _DURATION.fullmatch(text)
    if match is None:
        if _BARE.fullmatch(text):
            raise ValueError(_lacks_unit("duration", text, "ms"))
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
            raise ValueError(_lacks_unit("rate", text, "/s"))
        raise ValueError('must be a number with a unit, such as "800/s", "48k/min" or "100/h"')
    number, multiple, unit = match.groups()
    return float(Fraction(number) * _MULTIPLES[multiple] / _SECONDS[unit])


def rate_text(rate: float) -> str:
    """The rate as the shortest text that gives it back, such as "800/s"."""
    digits = format(Decimal(repr(rate)), "f")
    return (digits.rstrip("0").rstrip(".") if "." in digits else digits) + "/s"


def _lacks_unit(noun: str, number: str, unit: str) -> str:
    return f'a {noun} needs a unit, such as "{number}{unit}"'


def _is_number(value: object) -> TypeGuard[int | float]:
    # `bool` is an `int`, and `true` where a number is meant is a mistake.
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _must_be_finite(value: float) -> None:
    # `math.isfinite` overflows on huge integers.
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError("must be a finite number")


def _must_lie_within(
    value: float, minimum: float, maximum: float, text: Callable[[float], str] = shown
) -> None:
    if not minimum <= value <= maximum:
        raise ValueError(f"must be from {text(minimum)} to {text(maximum)}")


@attrs.frozen
class DurationQuantity:
    """Integer nanoseconds, written with a unit."""

    minimum: int
    maximum: int

    def parse(self, raw: object) -> int:
        """See `Quantity`."""
        if _is_number(raw):
            raise ValueError(_lacks_unit("duration", _digits(raw, "5"), "ms"))
        if not isinstance(raw, str):
            raise ValueError('must be a duration in quotes, such as "5ms"')
        value = duration_ns(raw)
        self.check(value)
        return value

    def check(self, value: object) -> None:
        """See `Quantity`."""
        if not _is_whole(value):
            raise ValueError("must be a whole number of nanoseconds")
        if not self.minimum <= value <= self.maximum:
            allowed = f"{duration_text(self.minimum)} to {duration_text(self.maximum)}"
            raise ValueError(f"must be from {allowed}")

    def write(self, value: object) -> str:
        """See `Quantity`."""
        assert _is_whole(value)
        return quoted(duration_text(value))


@attrs.frozen
class RateQuantity:
    """A rate per second, written with a unit; perhaps 0."""

    minimum: float
    maximum: float
    may_be_zero: bool

    def parse(self, raw: object) -> float:
        """See `Quantity`."""
        if _is_number(raw):
            raise ValueError(_lacks_unit("rate", _digits(raw, "800"), "/s"))
        if not isinstance(raw, str):
            raise ValueError('must be a rate in quotes, such as "800/s"')
        value = rate_per_s(raw)
        self.check(value)
        return value

    def check(self, value: object) -> None:
        """See `Quantity`."""
        if not _is_number(value):
            raise ValueError("must be a number per second")
        _must_be_finite(value)
        if not (self.may_be_zero and value == 0):
            _must_lie_within(value, self.minimum, self.maximum, rate_text)

    def write(self, value: object) -> str:
        """See `Quantity`."""
        assert isinstance(value, float)
        return quoted(rate_text(value))


def _digits(number: float, otherwise: str) -> str:
    # The message repeats the user's own number where it would stand in the text with a unit.
    text = shown(number)
    return text if _BARE.fullmatch(text) else otherwise


@attrs.frozen
class ShareQuantity:
    """A fraction from 0 to 1, also written in percent."""

    def parse(self, raw: object) -> float:
        """See `Quantity`."""
        if isinstance(raw, str):
            match = _PERCENT.fullmatch(raw)
            if match is None:
                raise ValueError('must be a share, such as 0.2 or "20%"')
            value = float(Fraction(match[1]) / 100)
            self.check(value)
            return value
        self.check(raw)
        assert _is_number(raw)
        return float(raw)

    def check(self, value: object) -> None:
        """See `Quantity`."""
        if not _is_number(value):
            raise ValueError('must be a share, such as 0.2 or "20%"')
        _must_be_finite(value)
        if not 0 <= value <= 1:
            raise ValueError('must be from 0 to 1, or from "0%" to "100%"')

    def write(self, value: object) -> str:
        """See `Quantity`."""
        assert isinstance(value, float)
        return repr(value)


@attrs.frozen
class CountQuantity:
    """A whole number."""

    minimum: int
    maximum: int

    def parse(self, raw: object) -> int:
        """See `Quantity`."""
        self.check(raw)
        assert _is_whole(raw)
        return raw

    def check(self, value: object) -> None:
        """See `Quantity`."""
        if not _is_whole(value):
            raise ValueError("must be a whole number")
        _must_lie_within(value, self.minimum, self.maximum)

    def write(self, value: object) -> str:
        """See `Quantity`."""
        assert _is_whole(value)
        return str(value)


@attrs.frozen
class RealQuantity:
    """A finite number without a unit."""

    minimum: float
    maximum: float

    def parse(self, raw: object) -> float:
        """See `Quantity`."""
        self.check(raw)
        assert _is_number(raw)
        return float(raw)

    def check(self, value: object) -> None:
        """See `Quantity`."""
        if not _is_number(value):
            raise ValueError("must be a number")
        _must_be_finite(value)
        _must_lie_within(value, self.minimum, self.maximum)

    def write(self, value: object) -> str:
        """See `Quantity`."""
        assert isinstance(value, float)
        return repr(value)


@attrs.frozen
class TextQuantity:
    """Text that can be stored, printed and encoded anywhere."""

    minimum: int
    maximum: int
    multiline: bool

    def parse(self, raw: object) -> str:
        """See `Quantity`."""
        if not isinstance(raw, str):
            raise ValueError("must be text in quotes")
        # A multi-line TOML string keeps the line ends of its file.
        value = raw.replace("\r\n", "\n") if self.multiline else raw
        self.check(value)
        return value

    def check(self, value: object) -> None:
        """See `Quantity`."""
        if not isinstance(value, str):
            raise ValueError("must be text")
        if not self.minimum <= len(value) <= self.maximum:
            raise ValueError(f"must have from {self.minimum} to {self.maximum} characters")
        allowed = "\n\t" if self.multiline else ""
        for character in value:
            # Cc: control characters, NUL among them. Cs: surrogates, which no encoding takes.
            if unicodedata.category(character) in ("Cc", "Cs") and character not in allowed:
                raise ValueError(f"must not contain the character U+{ord(character):04X}")

    def write(self, value: object) -> str:
        """See `Quantity`."""
        assert isinstance(value, str)
        return quoted(value)


@attrs.frozen
class ChoiceQuantity:
    """One of a few words."""

    choices: tuple[str, ...]

    def parse(self, raw: object) -> str:
        """See `Quantity`."""
        self.check(raw)
        assert isinstance(raw, str)
        return raw

    def check(self, value: object) -> None:
        """See `Quantity`."""
        if isinstance(value, str) and value in self.choices:
            return
        near = nearest(value, self.choices)
        hint = "" if near is None else f"; did you mean {quoted(near)}?"
        raise ValueError(f"must be one of {', '.join(map(quoted, self.choices))}{hint}")

    def write(self, value: object) -> str:
        """See `Quantity`."""
        assert isinstance(value, str)
        return quoted(value)
