"""The types of a trace's columns: each names its dtype, so that it can be checked."""

from collections.abc import Sequence
from typing import Annotated, TypeVar

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.errors import IncompleteTraceError

Stamps = Annotated[NDArray[np.timedelta64], np.dtype("m8[ns]")]
Bytes = Annotated[NDArray[np.int8], np.dtype(np.int8)]
Ints = Annotated[NDArray[np.int32], np.dtype(np.int32)]
Longs = Annotated[NDArray[np.int64], np.dtype(np.int64)]
Floats = Annotated[NDArray[np.float64], np.dtype(np.float64)]

Table = TypeVar("Table", bound=attrs.AttrsInstance)


def longs(numbers: Sequence[int]) -> NDArray[np.int64]:
    """A column of numbers."""
    return np.array(numbers, np.int64)


def stamps(nanoseconds: Sequence[int]) -> NDArray[np.timedelta64]:
    """A column of instants."""
    return longs(nanoseconds).view("m8[ns]")


def empty(table: type[Table]) -> Table:
    """A table of this class without rows."""
    columns = {field.name: np.empty(0, *field.type.__metadata__) for field in attrs.fields(table)}
    return table(**columns)


def check_columns(table: attrs.AttrsInstance) -> None:
    """Every column has its type, and all have one length."""
    fields = attrs.fields(type(table))
    rows = len(getattr(table, fields[0].name))
    for field in fields:
        column = getattr(table, field.name)
        (dtype,) = field.type.__metadata__
        if column.dtype != dtype or column.shape != (rows,):
            raise IncompleteTraceError(
                f"{type(table).__name__}.{field.name} is {column.dtype} of shape {column.shape}, "
                f"not {dtype} of shape ({rows},)"
            )
