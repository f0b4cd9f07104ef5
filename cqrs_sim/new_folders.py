"""Writing folders and files all at once, and over nothing that is somebody's.

What is written is made beside its place and put there by a rename, so that a full disk, a crash or
Ctrl-C leaves either nothing or what was there before.
"""

import os
import re
import shutil
from collections.abc import Callable
from itertools import chain, count
from pathlib import Path

from cqrs_sim.errors import ResultFolderError


def write_folder(
    folder: Path,
    write: Callable[[Path], None],
    *,
    what: str,
    hint: str = "name a new one",
    replaces: str | None = None,
) -> None:
    """Make a folder, all or nothing.

    Args:
        folder: must not exist, or be empty; parents are made.
        write: fills the folder that it is given.
        what: what it writes, for the message: "the result".
        hint: as for `check_folder`.
        replaces: as for `check_folder`.

    Raises:
        ResultFolderError: if that may not or cannot be done; one line that names the folder.
    """
    check_folder(folder, hint=hint, replaces=replaces)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        partial = _make_sibling(folder)
        try:
            write(partial)
            for path in partial.rglob("*"):
                if path.is_file():
                    _reach_the_disk(path)
            _put_in_place(partial, folder)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except (OSError, ValueError) as error:
        raise ResultFolderError(f"cannot write {what} to {folder}: {_reason(error)}") from error


def free_folder(name: str, suffix: str, is_own: Callable[[Path], bool] = lambda _: False) -> Path:
    """Where something goes that was given no place, in `results`: not where there is anything.

    Args:
        name: of the scenario; it may hold anything, also "../".
        suffix: what else stands in the folder's name.
        is_own: whether a folder that is there may be taken all the same.
    """
    safe = re.sub(r"[^A-Za-z0-9._-]+", "-", name)[:60].strip(".-") or "scenario"
    first = Path("results") / f"{safe}-{suffix}"
    others = (first.with_name(f"{first.name}-{number}") for number in count(2))
    return next(
        folder for folder in chain([first], others) if not os.path.lexists(folder) or is_own(folder)
    )


def write_file(path: Path, write: Callable[[Path], None]) -> None:
    """Make a file, all or nothing; one that is there is replaced, a link to another one too.

    Args:
        path: the file, in a folder that exists.
        write: fills the file that it is given.

    Raises:
        ResultFolderError: if it cannot be written; one line that names the file.
    """
    try:
        partial = _make_sibling(path)
        try:
            inside = partial / "file"
            write(inside)
            _reach_the_disk(inside)
            inside.replace(path)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    except (OSError, ValueError) as error:
        raise ResultFolderError(f"cannot write {path}: {_reason(error)}") from error


def check_folder(
    folder: Path, *, hint: str = "name a new one", replaces: str | None = None
) -> None:
    """Refuse whatever would be lost, links that lead elsewhere, and places that take no folder.

    `write_folder` does it; so may a caller, before the work whose result would have no place.

    Args:
        folder: where something is to be written.
        hint: what to do about a folder that is not empty, for the message.
        replaces: the file by which a folder shows that it may be replaced; None: none may.

    Raises:
        ResultFolderError: one line that names the folder.
    """
    try:
        if folder.is_symlink():
            raise ResultFolderError(f"{folder} is a symbolic link; results do not go through it")
        if not folder.exists():
            _check_parent(folder)
            return
        if not folder.is_dir():
            raise ResultFolderError(f"{folder} exists and is not a folder")
        if folder.samefile(Path.cwd()):
            raise ResultFolderError(f"{folder} is the current folder; name another one")
        names = {entry.name for entry in folder.iterdir()}
    except ResultFolderError:
        raise
    except OSError as error:
        raise ResultFolderError(f"cannot use {folder}: {error.strerror}") from error
    if not names:
        return
    if replaces is None:
        raise ResultFolderError(f"{folder} is not empty; {hint}")
    mark = folder / replaces
    if mark.is_symlink() or not mark.is_file():
        raise ResultFolderError(f"{folder} holds no {replaces}, so it is not replaced")


def _check_parent(folder: Path) -> None:
    """Try whether a folder can be made: permissions alone do not tell (full or special disks)."""
    nearest = next(parent for parent in folder.absolute().parents if parent.exists())
    try:
        _make_sibling(nearest / folder.name).rmdir()
    except OSError as error:
        reason = error.strerror or error
        raise ResultFolderError(f"{folder} cannot be made in {nearest}: {reason}") from error


def _make_sibling(path: Path) -> Path:
    """A new empty folder with the path's parent, so that a rename suffices in the end."""
    for number in count():
        sibling = path.parent / f".cqrs-sim-{os.getpid()}-{number}"
        try:
            sibling.mkdir()
        except FileExistsError:
            continue
        return sibling
    raise AssertionError("count() does not end")


def _reach_the_disk(path: Path) -> None:
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def _put_in_place(partial: Path, folder: Path) -> None:
    """Rename; an earlier folder steps aside first and comes back should that fail."""
    if not folder.exists():
        partial.replace(folder)
        return
    earlier = _make_sibling(folder)
    try:
        folder.replace(earlier)
    except OSError:
        earlier.rmdir()
        raise
    try:
        partial.replace(folder)
    except OSError:
        earlier.replace(folder)
        raise
    shutil.rmtree(earlier, ignore_errors=True)


def _reason(error: Exception) -> object:
    # The layers below name the temporary place, of which the caller knows nothing.
    cause = error.__cause__ if isinstance(error, ResultFolderError) else error
    return getattr(cause, "strerror", None) or cause or error
