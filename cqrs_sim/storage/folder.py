"""A store's folder: which files are in it, that one process writes to it, and what it vouches for.

`acknowledged.json` names the last position that callers were told of, with its checksum. A log that
ends before it has lost something: a bit flip in a write-ahead log makes SQLite drop that commit and
all later ones without an error, and no check of what is left can see that.
"""

import fcntl
import json
import os
from pathlib import Path

import attrs

from cqrs_sim.errors import StoreError
from cqrs_sim.fault_sites import site
from cqrs_sim.storage.database import sync_folder

EVENTS = "events.db"
ACKNOWLEDGED = "acknowledged.json"
RESULT = "summary.json"
"""By which the folder of a result is known; a result may have a store within."""
_LONGEST = 4096


@attrs.frozen
class Acknowledged:
    """The last position of which callers were told, as far as it was written down."""

    store_id: str
    position: int
    checksum: int


def prepare(folder: Path) -> None:
    """Make the folder of a store, unless it is there.

    Raises:
        StoreError: if it cannot be made, is no folder, or holds what is not a store.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        names = {entry.name for entry in folder.iterdir()}
    except FileExistsError:
        raise StoreError(f"{folder} is a file; a store is a folder") from None
    except OSError as error:
        raise StoreError(f"{folder} cannot be used: {error.strerror or error}") from error
    strangers = {name for name in names if not name.startswith(f"{EVENTS}.new")}
    if strangers and EVENTS not in names:
        raise StoreError(
            f"{folder} is not empty and holds no {EVENTS}, so it is no store; name a new folder"
        )


def refuse_no_store(folder: Path) -> None:
    """Refuse to look for a store where there is none.

    Raises:
        StoreError: one line.
    """
    if not folder.is_dir():
        what = "it is a file" if folder.exists() else "there is no such folder"
        raise StoreError(f"{folder} is no store: {what}")
    if (folder / EVENTS).exists():
        return
    what = f"it holds no {EVENTS}"
    if (folder / RESULT).exists():
        what = "it is the result of a run that kept none, or kept it elsewhere (`--store`)"
    raise StoreError(f"{folder} is no store: {what}")


def lock(folder: Path) -> int:
    """Lock a store for this process; the system unlocks it when the descriptor, or we, are gone.

    The folder itself is locked: a file would have to be made first, and could be left behind.

    Returns:
        The descriptor, to be closed.

    Raises:
        StoreError: if another process has it.
    """
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise StoreError(f"{folder} cannot be used: {error.strerror or error}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        raise StoreError(
            f"{folder} is in use by another run; end it, or name another folder"
        ) from error
    return descriptor


def write_acknowledged(folder: Path, acknowledged: Acknowledged) -> None:
    """Replace the file; a crash leaves the old one or the new one.

    Raises:
        StoreError: if it cannot be written.
    """
    path = folder / ACKNOWLEDGED
    new = path.with_name(f"{ACKNOWLEDGED}.new")
    site("log.before_sidecar")
    try:
        with new.open("w", encoding="utf-8") as file:
            file.write(f"{json.dumps(attrs.asdict(acknowledged))}\n")
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
        sync_folder(folder)
    except OSError as error:
        raise StoreError(f"{path} cannot be written: {error.strerror or error}") from error
    site("log.after_sidecar")


def read_acknowledged(folder: Path) -> Acknowledged | None:
    """What was acknowledged; None if nothing was written down yet.

    Raises:
        StoreError: if the file is not what it should be.
    """
    path = folder / ACKNOWLEDGED
    try:
        with path.open("rb") as file:
            content = json.loads(file.read(_LONGEST))
        found = Acknowledged(**content)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, TypeError, RecursionError):
        found = None
    if found is None or not (
        isinstance(found.store_id, str)
        and type(found.position) is int
        and type(found.checksum) is int
    ):
        raise StoreError(f"{path} is damaged: it is not what cqrs-sim writes there")
    return found
