"""The file of a trace: `npz`, with nothing in it that would run or grow when it is read."""

import zipfile
from pathlib import Path

import numpy as np
from numpy.lib import format as npy

from cqrs_sim.errors import IncompleteTraceError, ResultFolderError
from cqrs_sim.measurement.archive import check_bounds, read_arrays
from cqrs_sim.measurement.trace import Array, Trace

SCHEMA = 1
"""Of the file; raised when a column changes its meaning or goes away."""


def save_trace(trace: Trace, path: Path) -> None:
    """Write the trace as `npz`; equal traces give equal bytes; an existing file is overwritten.

    Members are stored, not deflated: no honest member is larger than its file, so `load_trace` can
    refuse all that unpack to more.

    Raises:
        ResultFolderError: if the disk or its permissions do not allow it.
    """
    arrays: dict[str, Array] = {"schema": np.array(SCHEMA, dtype=np.int64), **trace.to_arrays()}
    try:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
            for name, array in arrays.items():
                # A ZipInfo made by hand is dated 1980-01-01, whenever that is written.
                member = zipfile.ZipInfo(f"{name}.npy")
                with archive.open(member, "w", force_zip64=True) as file:
                    npy.write_array(file, array, version=(1, 0), allow_pickle=False)
    except OSError as error:
        raise ResultFolderError(f"cannot write {path}: {error.strerror or error}") from error


def load_trace(path: Path | str) -> Trace:
    """Read a trace that may come from anyone: nothing is unpickled, nothing grows.

    Raises:
        ResultFolderError: if the file cannot be read or is not a trace of this schema.
        IncompleteTraceError: if it is one, but columns are missing, do not fit together, or hold
            what no run comes to.
    """
    path = Path(path)
    arrays = read_arrays(path)
    schema = arrays.pop("schema", None)
    if schema is None or schema.shape != () or schema.dtype != np.int64:
        raise ResultFolderError(f"{path} is not a trace: it names no schema")
    if schema.item() != SCHEMA:
        raise ResultFolderError(f"{path} has schema {schema.item()}; this version reads {SCHEMA}")
    try:
        check_bounds(arrays)
        return Trace.from_arrays(arrays)
    except IncompleteTraceError as error:
        raise IncompleteTraceError(f"{path}: {error}") from error
