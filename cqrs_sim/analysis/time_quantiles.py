"""Quantiles of times whose tail is known, and the ranges of what they are asked with."""

import math
from collections.abc import Callable

import attrs
import numpy as np
from numpy.typing import NDArray


def positive(_: object, field: "attrs.Attribute[float]", value: float) -> None:
    """Refuse 0, negative and infinite values.

    A validator of attrs: raises ValueError, with the field and what would be right.
    """
    if not 0.0 < value < math.inf:
        raise ValueError(f"{field.name} = {value!r}: it must be above 0 and finite")


def not_negative(_: object, field: "attrs.Attribute[float]", value: float) -> None:
    """Refuse negative and infinite values.

    A validator of attrs: raises ValueError, with the field and what would be right.
    """
    if not 0.0 <= value < math.inf:
        raise ValueError(f"{field.name} = {value!r}: it must be finite, and not below 0")


def at_least_one(_: object, field: "attrs.Attribute[int]", value: int) -> None:
    """Refuse counts below 1.

    A validator of attrs: raises ValueError, with the field and what would be right.
    """
    if value < 1:
        raise ValueError(f"{field.name} = {value!r}: there must be at least 1")


def check_fraction(fraction: float) -> None:
    """Refuse what is no quantile.

    Raises:
        ValueError: if it is not in [0, 1).
    """
    if not 0.0 <= fraction < 1.0:
        raise ValueError(f"fraction = {fraction!r}: a quantile is from 0 up to 1, such as 0.99")


def mixture_quantile_s(
    shares: NDArray[np.float64], mean_times_s: NDArray[np.float64], fraction: float
) -> float:
    """A quantile of times that are exponential, each share of them with a mean of its own.

    It is where sum of p_i e^(-t / m_i) falls to 1 - q: what customers of many M/M/1 have in common.

    Args:
        shares: shape (n,), p, summing to 1.
        mean_times_s: shape (n,), m, seconds; 0 for a share that takes no time.
        fraction: q.

    Raises:
        ValueError: if the fraction is not in [0, 1).
    """
    check_fraction(fraction)
    takes_time = mean_times_s > 0.0
    weights, means = shares[takes_time], mean_times_s[takes_time]
    if weights.sum() <= 1.0 - fraction:
        return 0.0
    if not np.isfinite(means).all():
        return math.inf

    def longer(time_s: float) -> float:
        return float(weights @ np.exp(-time_s / means))

    return where_it_falls_to(longer, 1.0 - fraction, float(means.max()))


def where_it_falls_to(falling: Callable[[float], float], level: float, scale: float) -> float:
    """The root of a continuous function that falls from 1 to 0; `scale` is the order of it."""
    # SciPy is loaded here because the command line should not wait for it.
    from scipy.optimize import brentq

    end = scale
    while falling(end) > level:
        end *= 2.0
    return float(brentq(lambda at: falling(at) - level, 0.0, end, xtol=1e-15 * end, rtol=1e-12))
