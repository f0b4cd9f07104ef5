"""Reading the parts of a trace from arrays by name, whoever wrote them."""

from collections.abc import Mapping
from typing import Any, TypeAlias, TypeVar

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.errors import IncompleteTraceError
from cqrs_sim.measurement.attempts import AttemptTable
from cqrs_sim.measurement.database_tables import DatabaseTable, WorkTable
from cqrs_sim.measurement.delivery_tables import CrashTable, HandlingTable
from cqrs_sim.measurement.enrichment_table import EnrichmentTable
from cqrs_sim.measurement.rename_tables import RenameDeliveryTable, RenameTable

Array: TypeAlias = NDArray[np.generic]

Table = TypeVar("Table", bound=attrs.AttrsInstance)


def databases_in(arrays: Mapping[str, Array]) -> "dict[str, Any]":
    """What a file from before there were databases does not have: the defaults do."""
    if "database_names" not in arrays:
        return {}
    return {
        "databases": table_in(DatabaseTable, "databases", arrays),
        "works": table_in(WorkTable, "works", arrays),
        "database_names": names_in(arrays, "database_names"),
    }


def incidents_in(arrays: Mapping[str, Array]) -> "dict[str, Any]":
    """What a file from before processes crashed does not have."""
    if "delivery_modes" not in arrays:
        return {}
    return {
        "crashes": table_in(CrashTable, "crashes", arrays),
        "handlings": table_in(HandlingTable, "handlings", arrays),
        "delivery_modes": names_in(arrays, "delivery_modes"),
    }


_LATER: dict[str, type[attrs.AttrsInstance]] = {
    "attempts.command": AttemptTable,
    "enrichments.position": EnrichmentTable,
    "renames.position": RenameTable,
    "rename_deliveries.position": RenameDeliveryTable,
}
"""Tables by a column that says whether a file has them."""


def later_tables_in(arrays: Mapping[str, Array]) -> "dict[str, Any]":
    """What a file from before there were such, or of a run without any, does not have."""
    return {
        (name := column.partition(".")[0]): table_in(cls, name, arrays)
        for column, cls in _LATER.items()
        if column in arrays
    }


def table_in(cls: type[Table], name: str, arrays: Mapping[str, Array]) -> Table:
    """A table of this class, as it stands under a name; a column with a default may be missing.

    Raises:
        IncompleteTraceError: if another is, or if they do not fit together.
    """
    columns = {
        field.name: _present(arrays, f"{name}.{field.name}")
        for field in attrs.fields(cls)
        if field.default is attrs.NOTHING or f"{name}.{field.name}" in arrays
    }
    return cls(**columns)


def _present(arrays: Mapping[str, Array], key: str) -> Array:
    if key not in arrays:
        raise IncompleteTraceError(f"the trace lacks {key}")
    return arrays[key]


def names_in(arrays: Mapping[str, Array], key: str) -> tuple[str, ...]:
    """A list of names.

    Raises:
        IncompleteTraceError: if it is missing, or is none.
    """
    found = _present(arrays, key)
    if found.dtype.kind != "U" or found.ndim != 1:
        raise IncompleteTraceError(f"{key} is not a list of names")
    return tuple(found.tolist())


def number_in(arrays: Mapping[str, Array], key: str) -> int:
    """A single whole number.

    Raises:
        IncompleteTraceError: if it is missing, or is none.
    """
    number = _present(arrays, key)
    if number.dtype != np.int64 or number.ndim != 0:
        raise IncompleteTraceError(f"{key} is not one whole number")
    return int(number.item())
