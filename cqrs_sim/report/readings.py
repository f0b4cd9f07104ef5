"""What a reader of a chart is told: figures as text, to the last digit that was measured."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from cqrs_sim.measurement.trace import Trace

NOTHING = "-"


def exact_ms(duration_s: float) -> str:
    """Milliseconds to the nanosecond, without needless noughts; `-` for nan."""
    if np.isnan(duration_s):
        return NOTHING
    digits = f"{duration_s * 1e3:,.6f}"
    return digits.rstrip("0").rstrip(".")


def exact_ms_texts(durations_s: NDArray[np.float64]) -> tuple[str, ...]:
    """One a row."""
    return tuple(exact_ms(duration) for duration in durations_s.tolist())


def at_least_texts(durations_s: NDArray[np.float64]) -> tuple[str, ...]:
    """The same for lower bounds."""
    return tuple(
        NOTHING if np.isnan(duration) else f"at least {exact_ms(duration)}"
        for duration in durations_s.tolist()
    )


def count_texts(counts: NDArray[np.int64]) -> tuple[str, ...]:
    """Whole numbers, one a row."""
    return tuple(f"{count:,}" for count in counts.tolist())


def share_texts(shares: NDArray[np.float64]) -> tuple[str, ...]:
    """Per cent to four places, one a row, without the sign."""
    return tuple(
        NOTHING if np.isnan(share) else f"{share * 100:.4f}".rstrip("0").rstrip(".")
        for share in shares.tolist()
    )


def number_texts(values: Iterable[float]) -> tuple[str, ...]:
    """Numbers to six digits, one a row."""
    return tuple(NOTHING if np.isnan(value) else f"{value:,.6g}" for value in values)


def look_of(trace: Trace, read_model: str) -> str:
    """The class of a read model's colour and dashes: the same in every chart."""
    return f"rm{trace.read_models.index(read_model) % 4}"
