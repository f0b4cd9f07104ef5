"""What a scenario's values may be: each kind reads, checks and writes one kind of value.

A quantity serves three callers: the attrs validators (`check`), the reader of files (`parse`) and
the writer (`write`), so that a range is stated once. All three speak through `ValueError` with a
phrase that follows "key = value: ".
"""

import math
import unicodedata
from collections.abc import Callable
from typing import Protocol, TypeGuard

import attrs

from cqrs_sim.scenario.unit_text import (
    duration_ns,
    duration_text,
    lacks_unit,
    rate_per_s,
    rate_text,
    share_of_percent,
)
from cqrs_sim.scenario.wording import nearest, quoted, shown


class Quantity(Protocol):
    """One kind of value with its range."""

    def parse(self, raw: object) -> object:
        """The value of what a TOML file holds, checked."""

    def check(self, value: object) -> None:
        """Raises: ValueError: if the value is not of this kind, or out of range."""

    def write(self, value: object) -> str:
        """The value as TOML text; parsing it gives the same value."""


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
            raise ValueError(lacks_unit("duration", raw, "ms", "5"))
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
            raise ValueError(lacks_unit("rate", raw, "/s", "800"))
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


@attrs.frozen
class ShareQuantity:
    """A fraction from 0 to 1, also written in percent."""

    def parse(self, raw: object) -> float:
        """See `Quantity`."""
        if isinstance(raw, str):
            value = share_of_percent(raw)
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
class TextsQuantity:
    """A list of texts."""

    text: TextQuantity
    most: int

    def parse(self, raw: object) -> tuple[str, ...]:
        """See `Quantity`."""
        value = tuple(raw) if isinstance(raw, list) else raw
        self.check(value)
        assert isinstance(value, tuple)
        return value

    def check(self, value: object) -> None:
        """See `Quantity`."""
        if not isinstance(value, tuple):
            raise ValueError('must be a list of texts, such as ["..."]')
        if len(value) > self.most:
            raise ValueError(f"must have at most {self.most} members")
        for index, member in enumerate(value):
            try:
                self.text.check(member)
            except ValueError as error:
                raise ValueError(f"[{index}] {error}") from None

    def write(self, value: object) -> str:
        """See `Quantity`."""
        assert isinstance(value, tuple)
        return f"[{', '.join(map(quoted, value))}]"


@attrs.frozen
class FlagQuantity:
    """Yes or no."""

    def parse(self, raw: object) -> bool:
        """See `Quantity`."""
        self.check(raw)
        assert isinstance(raw, bool)
        return raw

    def check(self, value: object) -> None:
        """See `Quantity`."""
        if not isinstance(value, bool):
            raise ValueError("must be true or false, without quotes")

    def write(self, value: object) -> str:
        """See `Quantity`."""
        return "true" if value else "false"


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
