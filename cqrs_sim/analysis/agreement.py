"""Agreement of two traces: whether two engines say the same of a run, column by column.

Two engines that share the plan and the draws must give equal traces, to the nanosecond. Where they
do not, one of them is wrong, and the first row that differs is where to look.
"""

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.measurement.trace import Array, Trace


@attrs.frozen(kw_only=True)
class ColumnAgreement:
    """What one column of both traces comes to."""

    name: str
    """Such as `deliveries.applied`."""
    n: int
    """Rows, of the longer one."""
    differing: int
    """Rows in which they differ; all, if they are of different lengths."""
    largest: float | None
    """Largest difference, nanoseconds for stamps; None where there is none or it is no number."""
    witness: str = ""
    """The first row in which they differ, with both values."""

    @property
    def is_equal(self) -> bool:
        """Whether every row is."""
        return not self.differing


def agreement(one: Trace, other: Trace) -> tuple[ColumnAgreement, ...]:
    """Compare two traces in every column, those too that only one of them has."""
    ones, others = one.to_arrays(), other.to_arrays()
    return tuple(
        _compared(
            name,
            ones[name] if name in ones else others[name][:0],
            others[name] if name in others else ones[name][:0],
        )
        for name in {**ones, **others}
    )


def _compared(name: str, one: Array, other: Array) -> ColumnAgreement:
    size = max(one.size, other.size)
    if one.shape != other.shape:
        witness = f"{one.size:,} rows against {other.size:,}"
        return ColumnAgreement(
            name=name, n=size, differing=max(size, 1), largest=None, witness=witness
        )
    if one.dtype.kind == "m":
        # As integers NaT equals NaT.
        return _numbers(name, one.view(np.int64), other.view(np.int64))
    if one.dtype.kind in "if":
        return _numbers(name, one, other)
    differs = np.atleast_1d(one != other)
    return ColumnAgreement(
        name=name,
        n=size,
        differing=int(np.count_nonzero(differs)),
        largest=None,
        witness=_witness(differs, one, other),
    )


def _numbers(name: str, one: Array, other: Array) -> ColumnAgreement:
    is_same = np.atleast_1d(np.asarray(one == other))
    if one.dtype.kind == "f":
        is_same |= np.isnan(one) & np.isnan(other)
    differs: NDArray[np.bool_] = ~is_same
    gaps = np.atleast_1d(one)[differs].astype(float) - np.atleast_1d(other)[differs].astype(float)
    return ColumnAgreement(
        name=name,
        n=one.size,
        differing=int(np.count_nonzero(differs)),
        largest=float(np.abs(gaps).max()) if len(gaps) else None,
        witness=_witness(differs, one, other),
    )


def _witness(differs: NDArray[np.bool_], one: Array, other: Array) -> str:
    rows = np.flatnonzero(differs)
    if not len(rows):
        return ""
    row = int(rows[0])
    values = (np.atleast_1d(array)[row].item() for array in (one, other))
    return f"row {row:,}: {' against '.join(str(value) for value in values)}"
