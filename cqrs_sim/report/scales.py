"""Scales: where a value lies along an axis, and which ticks the axis bears.

Places are fractions of the axis, not pixels: a chart is as wide as the reader's screen.
"""

import math
from typing import Literal

import attrs
import numpy as np
from numpy.typing import NDArray

LEAST_LABELS = 3
"""On a narrow screen too: two numbers or less do not tell a logarithmic axis from a linear one."""
ZERO_GAP = 0.06
"""Of a logarithmic axis that shows nought too: the share that lies between nought and `low`."""


@attrs.frozen
class Tick:
    """One label of an axis."""

    at: float
    """Fraction of the axis, 0 to 1."""
    label: str
    is_minor: bool = False
    """Whether a narrow screen does without its label."""


@attrs.frozen(kw_only=True)
class Scale:
    """From values to fractions of an axis."""

    kind: Literal["linear", "log"]
    low: float
    high: float
    """Greater than `low`; on a logarithmic axis `low` is positive."""
    shows_zero: bool = False
    """Logarithmic: whether nought stands at fraction 0, with a gap to `low`."""

    def fractions(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Fractions from 0 to 1, of the same shape; nan stays nan, what lies outside is clipped."""
        values = np.asarray(values, dtype=np.float64)
        if self.kind == "linear":
            return np.clip((values - self.low) / (self.high - self.low), 0.0, 1.0)
        span = math.log(self.high / self.low)
        logs = np.log(np.maximum(values, self.low) / self.low) / span
        gap = ZERO_GAP if self.shows_zero else 0.0
        inside = np.clip(gap + (1.0 - gap) * logs, 0.0, 1.0)
        return np.where(values <= 0.0, 0.0, inside)

    def fraction(self, value: float) -> float:
        """Where one value lies."""
        return float(self.fractions(np.array([value]))[0])


def linear(high: float, *, low: float = 0.0) -> Scale:
    """From `low` to `high`; an axis of no length becomes one of length 1."""
    return Scale(kind="linear", low=low, high=high if high > low else low + 1.0)


def linear_to_tick(high: float, *, most: int = 5) -> Scale:
    """From nought to the first tick that is not below `high`."""
    step = _step(high, most)
    return linear(math.ceil(round(high / step, 9)) * step)


def logarithmic(values: NDArray[np.float64], *, shows_zero: bool = False) -> Scale:
    """Over all positive values, widened to a factor of 2 at least; 1 to 10 if there are none.

    Args:
        values: any shape; nan and what is not positive do not count.
        shows_zero: as in `Scale`.
    """
    positive = values[values > 0.0]
    if not len(positive):
        return Scale(kind="log", low=1.0, high=10.0, shows_zero=shows_zero)
    low, high = float(positive.min()), float(positive.max())
    if high < 2.0 * low:
        low, high = low / math.sqrt(2.0), high * math.sqrt(2.0)
    return Scale(kind="log", low=low, high=high, shows_zero=shows_zero)


def ticks(scale: Scale, *, most: int = 6) -> tuple[Tick, ...]:
    """At round numbers: evenly on a linear axis, at powers of ten and between on a log one."""
    found = _linear_ticks(scale, most) if scale.kind == "linear" else _log_ticks(scale)
    if scale.shows_zero:
        return (Tick(0.0, "0"), *found)
    return found


def plain_number(value: float) -> str:
    """A tick's number without an exponent: 0.01, 1, 10,000."""
    return f"{value:,.10g}"


def _step(span: float, most: int) -> float:
    """1, 2 or 5 times a power of ten, so that at most `most` of them fit."""
    if span <= 0.0:
        return 1.0
    rough = span / most
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * nice for nice in (1.0, 2.0, 5.0, 10.0) if power * nice >= rough * 0.999999)


def _linear_ticks(scale: Scale, most: int) -> tuple[Tick, ...]:
    step = _step(scale.high - scale.low, most)
    first, last = math.ceil(scale.low / step - 1e-9), math.floor(scale.high / step + 1e-9)
    values = [round(number * step, 12) for number in range(first, last + 1)]
    return tuple(Tick(scale.fraction(value), plain_number(value)) for value in values)


def _log_ticks(scale: Scale) -> tuple[Tick, ...]:
    decades = math.log10(scale.high / scale.low)
    between = (2.0, 5.0) if decades < 3.5 else ()
    powers = range(math.floor(math.log10(scale.low)), math.ceil(math.log10(scale.high)) + 1)
    every = max(1, round(decades / 7))
    found = [
        (10.0**power * factor, factor != 1.0)
        for power in powers
        if power % every == 0
        for factor in (1.0, *between)
    ]
    inside = [(v, minor) for v, minor in found if scale.low <= v <= scale.high * 1.000001]
    if len(inside) < LEAST_LABELS:
        # So short a stretch has its round numbers almost evenly, as on a linear axis.
        return _linear_ticks(scale, 2 * LEAST_LABELS)
    # Where few powers of ten are to be seen, the numbers between are needed everywhere.
    is_bare = sum(not minor for _, minor in inside) < LEAST_LABELS
    return tuple(
        Tick(scale.fraction(value), plain_number(value), minor and not is_bare)
        for value, minor in inside
    )
