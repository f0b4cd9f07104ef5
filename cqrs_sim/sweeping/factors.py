"""Factors: what a sweep varies, and between which values.

A factor is a key of the scenario with levels (`load.rate=400/s,800/s`) or a range
(`load.rate=200/s..1600/s:log:9`). Values are read and written by the key's own `Quantity`, so they
look, and are limited, as in a scenario file. What lies inside a range is rounded to four digits:
the value that is run is the one that is reported, and a reader can type it in again.
"""

import math
import re
import tomllib
from collections.abc import Sequence
from typing import Literal, TypeAlias

import attrs

from cqrs_sim.analysis.metrics import Unit
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.scenario.keys import quantity_at
from cqrs_sim.scenario.quantities import (
    CountQuantity,
    DurationQuantity,
    Quantity,
    RateQuantity,
    RealQuantity,
    ShareQuantity,
)
from cqrs_sim.scenario.settings import apply_settings
from cqrs_sim.scenario.wording import shown

Spacing: TypeAlias = Literal["lin", "log"]
Number: TypeAlias = DurationQuantity | RateQuantity | ShareQuantity | CountQuantity | RealQuantity
"""Quantities that have an in-between."""

MOST_LEVELS = 1_000
EXAMPLE = "load.rate=200/s..1600/s:log:9 or load.rate=400/s,800/s"

_RANGE = re.compile(r"(.+?)\.\.(.+?)(?::([A-Za-z]+))?(?::([0-9]{1,6}))?")


@attrs.frozen
class Level:
    """One value of a factor."""

    text: str
    """As a setting has it: `800/s`."""
    number: float | None
    """In seconds, per second, or bare; None for a word."""
    unit: Unit


@attrs.frozen(kw_only=True)
class Span:
    """A range of values."""

    quantity: Number
    low: float
    """In the quantity's own unit: nanoseconds, per second, or bare."""
    high: float
    spacing: Spacing

    @property
    def width(self) -> float:
        """From low to high."""
        return self.high - self.low

    def level(self, share: float) -> Level:
        """The value at a share of the way from low (0) to high (1)."""
        if share in (0.0, 1.0):
            return level_of(self.quantity, self.high if share else self.low)
        if self.spacing == "log":
            value = self.low * (self.high / self.low) ** share
        else:
            value = self.low + self.width * share
        # Four digits of the value, or of the range where that is finer: levels stay apart.
        quantum = 10.0 ** (math.floor(math.log10(min(abs(value) or math.inf, self.width))) - 3)
        # Rounding may step over an end that has more digits.
        rounded = min(max(float(f"{round(value / quantum) * quantum:.12g}"), self.low), self.high)
        is_whole = isinstance(self.quantity, DurationQuantity | CountQuantity)
        return level_of(self.quantity, round(rounded) if is_whole else float(rounded))


@attrs.frozen(kw_only=True)
class Factor:
    """A key that is varied."""

    path: str
    levels: tuple[Level, ...]
    """In the order of asking; empty for a range of which no number of levels is named."""
    span: Span | None = None

    @property
    def is_number(self) -> bool:
        """Whether its values lie on an axis."""
        return self.span is not None or all(level.number is not None for level in self.levels)

    @property
    def unit(self) -> Unit:
        """Of its numbers."""
        first = self.span.level(0.0) if self.span is not None else self.levels[0]
        return first.unit

    @property
    def column(self) -> str:
        """Its name in a table, with the unit of the numbers below it."""
        is_bare = not self.is_number or self.unit == "number"
        return self.path if is_bare else f"{self.path}_{self.unit}"

    def level(self, share: float) -> Level:
        """The value at a share in [0, 1) of the way through the range, or through the levels."""
        if self.levels:
            return self.levels[int(share * len(self.levels))]
        assert self.span is not None
        return self.span.level(share)


def parse_factors(texts: Sequence[str]) -> tuple[Factor, ...]:
    """The factors of texts such as "load.rate=200/s..1600/s:log:9".

    Raises:
        InvalidScenarioError: one line a mistake.
    """
    factors, mistakes = [], []
    for text in texts:
        path, equals, values = text.partition("=")
        if not equals or not path.strip() or not values.strip():
            mistakes.append(f"--vary {shown(text)}: must be path=values, such as {EXAMPLE}")
            continue
        try:
            factors.append(_parse_factor(path, values.strip()))
        except InvalidScenarioError as error:
            mistakes += error.mistakes
    if mistakes:
        raise InvalidScenarioError(mistakes)
    return tuple(factors)


def _parse_factor(path: str, values: str) -> Factor:
    path = plain_path(path)
    is_number = isinstance(quantity_at(path), Number)
    match = _RANGE.fullmatch(values) if is_number else None
    if match is None:
        texts = [text.strip() for text in values.split(",")]
        # A word such as 2024 needs no quotes, as in any setting.
        return factor_of_levels(path, [raw_value(text) if is_number else text for text in texts])
    low, high, spacing, count = match.groups()
    return factor_of_range(
        path,
        raw_value(low.strip()),
        raw_value(high.strip()),
        spacing or "lin",
        None if count is None else int(count),
    )


def plain_path(path: str) -> str:
    """A path without spaces around its names."""
    return ".".join(name.strip() for name in path.split("."))


def factor_of_levels(path: str, values: Sequence[object]) -> Factor:
    """A factor of named values.

    Args:
        path: of a key of the scenario.
        values: as in a scenario file: texts with units, numbers, words.

    Raises:
        InvalidScenarioError: one line.
    """
    quantity = _quantity_at(path, values[0] if values else "")
    if not 1 <= len(values) <= MOST_LEVELS:
        raise InvalidScenarioError([f"{path}: must have from 1 to {MOST_LEVELS:,} levels"])
    levels, mistakes = [], []
    for value in values:
        try:
            levels.append(level_of(quantity, quantity.parse(value)))
        except ValueError as error:
            mistakes.append(f"{path} = {shown(value)}: {error}")
    texts = [level.text for level in levels]
    twice = dict.fromkeys(text for text in texts if texts.count(text) > 1)
    mistakes += [f"{path} = {shown(text)}: stands twice among its levels" for text in twice]
    if mistakes:
        raise InvalidScenarioError(mistakes)
    return Factor(path=path, levels=tuple(levels))


def factor_of_range(
    path: str, low: object, high: object, spacing: str, count: int | None
) -> Factor:
    """A factor of evenly spaced values, or of all values between two.

    Args:
        path: of a key of the scenario that is a number.
        low: least value, as in a scenario file.
        high: greatest value.
        spacing: `lin` or `log`.
        count: of levels; None where a design picks values of its own.

    Raises:
        InvalidScenarioError: one line a mistake.
    """
    quantity = _quantity_at(path, low)
    if not isinstance(quantity, Number):
        raise InvalidScenarioError([f"{path}: is no number, so it has no range; name its levels"])
    ends, mistakes = [], []
    for value in (low, high):
        try:
            ends.append(quantity.parse(value))
        except ValueError as error:
            mistakes.append(f"{path} = {shown(value)}: {error}")
    if spacing not in ("lin", "log"):
        mistakes.append(f"{path}: spacing {shown(spacing)}: must be lin or log")
    if count is not None and not 2 <= count <= MOST_LEVELS:
        mistakes.append(f"{path}: {count} levels: must be from 2 to {MOST_LEVELS:,}")
    if len(ends) == 2 and ends[0] >= ends[1]:
        mistakes.append(f"{path} = {shown(low)}..{shown(high)}: the first must be the lesser")
    elif len(ends) == 2 and spacing == "log" and ends[0] <= 0:
        mistakes.append(f"{path} = {shown(low)}: spacing log must begin above 0")
    if mistakes:
        raise InvalidScenarioError(mistakes)
    is_log = spacing == "log"
    span = Span(quantity=quantity, low=ends[0], high=ends[1], spacing="log" if is_log else "lin")
    steps = [] if count is None else [step / (count - 1) for step in range(count)]
    # A narrow range of whole numbers has fewer values than levels were asked for.
    levels = tuple(dict.fromkeys(map(span.level, steps)))
    return Factor(path=path, levels=levels, span=span)


def level_of(quantity: Quantity, value: object) -> Level:
    """The level of a value, as the key's quantity has it."""
    written = raw_value(quantity.write(value))
    text = written if isinstance(written, str) else quantity.write(value)
    if not isinstance(quantity, Number) or not isinstance(value, int | float):
        return Level(text, None, "number")
    if isinstance(quantity, DurationQuantity):
        return Level(text, value / 1e9, "s")
    return Level(text, float(value), "per_s" if isinstance(quantity, RateQuantity) else "number")


def raw_value(text: str) -> object:
    """What a scenario file would hold: a text is read as TOML, and is text if it is none."""
    try:
        document = tomllib.loads(f"value = {text}")
    except (ValueError, RecursionError):
        return text
    # More keys: the text had a line break in it.
    return document["value"] if len(document) == 1 else text


def _quantity_at(path: str, value: object) -> Quantity:
    quantity = quantity_at(path)
    if quantity is None:
        # The message of an unknown key is the same as of any setting.
        apply_settings({}, [f"{path}={value if isinstance(value, str) else 0}"])
        raise InvalidScenarioError([f"{path}: holds no single value; name a key in it"])
    return quantity
