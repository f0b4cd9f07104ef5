"""The types of a trace's columns: each names its dtype, so that it can be checked."""

from typing import Annotated

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.errors import IncompleteTraceError

Stamps = Annotated[NDArray[np.timedelta64], np.dtype("m8[ns]")]
Bytes = Annotated[NDArray[np.int8], np.dtype(np.int8)]
Ints = Annotated[NDArray[np.int32], np.dtype(np.int32)]
Longs = Annotated[NDArray[np.int64], np.dtype(np.int64)]
Floats = Annotated[NDArray[np.float64], np.dtype(np.float64)]


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
