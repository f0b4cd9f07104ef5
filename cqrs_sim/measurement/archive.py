"""Arrays in a file that may come from anyone: nothing is unpickled, nothing grows, nothing is huge.

No honest run comes near the bounds. They keep what is computed from a trace within the numbers that
it is computed with, so that a planted instant cannot overflow a sum of two, or ask for memory.
"""

import struct
import tokenize
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, TypeAlias

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from cqrs_sim.errors import IncompleteTraceError, ResultFolderError

_DAMAGED = (
    *(zipfile.BadZipFile, tokenize.TokenError, struct.error, SyntaxError, EOFError),
    *(ValueError, TypeError, ArithmeticError, LookupError, AttributeError, RuntimeError),
)
"""Everything that zipfile and numpy raise over a file of random bytes, or of crafted ones: numpy
reads a header as Python, and tries again with a tokenizer."""
Array: TypeAlias = NDArray[np.generic]

LATEST_NS = 2**60
"""The last instant that a trace may hold: 36 years. A scenario may last a week, a replay longer."""
HIGHEST = 2**53
"""No position, or count, is above it: up to here floats are exact."""


def read_arrays(path: Path) -> dict[str, Array]:
    """The members of an `npz` file by name.

    Raises:
        ResultFolderError: if it cannot be read, or is none.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _read_members(archive, path.stat().st_size)
    except OSError as error:
        raise ResultFolderError(f"cannot read {path}: {error.strerror or error}") from error
    except _DAMAGED as error:
        first = str(error).partition("\n")[0]
        raise ResultFolderError(f"{path} is not a trace: {first}") from error


def check_bounds(arrays: Mapping[str, Array]) -> None:
    """Refuse instants before the start of a run or years after it, and absurd numbers.

    Raises:
        IncompleteTraceError: one line that names the array.
    """
    for name, array in arrays.items():
        if array.dtype.kind == "m" or name in ("load_ended_ns", "ended_ns"):
            known = array[~np.isnat(array)] if array.dtype.kind == "m" else array
            _check(name, known.astype(np.int64), LATEST_NS, "nanoseconds")
        elif array.dtype == np.int64:
            _check(name, array, HIGHEST, "")
        elif array.dtype.kind == "f":
            if np.isinf(array).any():
                raise IncompleteTraceError(f"{name} holds what is not finite")
            _check(name, array[~np.isnan(array)], HIGHEST, "")


def _check(name: str, values: Array, most: int, unit: str) -> None:
    if values.size and not 0 <= values.min() <= values.max() <= most:
        raise IncompleteTraceError(f"{name} must lie from 0 to {most:,} {unit}".rstrip())


def _read_members(archive: zipfile.ZipFile, file_size: int) -> dict[str, Array]:
    members = archive.infolist()
    # Members that overlap in the file would each be honest and together far more than it.
    if sum(member.file_size for member in members) > file_size:
        raise ValueError("its members unpack to more than the file holds")
    return {
        member.filename.removesuffix(".npy"): _read_member(archive, member) for member in members
    }


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Array:
    if member.compress_type != zipfile.ZIP_STORED:
        raise ValueError(f"{member.filename} is compressed")
    with archive.open(member) as file:
        _check_header(file, member)
    with archive.open(member) as file:
        array: Array = npy.read_array(file, allow_pickle=False)
    return array


def _check_header(file: IO[bytes], member: zipfile.ZipInfo) -> None:
    """Refuse a header that promises more than the member holds, before numpy allocates it."""
    if npy.read_magic(file) != (1, 0):
        raise ValueError(f"{member.filename} has an unknown header")
    shape, _, dtype = npy.read_array_header_1_0(file)
    promised: int = dtype.itemsize
    for size in shape:  # Python's integers, since the product of a crafted shape must not wrap.
        promised *= size
    if not 0 <= promised <= member.file_size:
        raise ValueError(f"{member.filename} promises {promised} bytes")
