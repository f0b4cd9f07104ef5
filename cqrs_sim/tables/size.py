"""Bytes that tables take: of a whole file, and of each table and index."""

from pathlib import Path

from cqrs_sim.storage.database import companions
from cqrs_sim.tables.connection import Connection


def tables_size_bytes(connection: Connection) -> int:
    """Bytes of all pages as of the last commit, those that are free included.

    The write-ahead log is not: it is a buffer, bounded by its checkpoints, not by what is stored.
    """
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
    size: int = pages * page_bytes
    return size


def sizes_bytes(connection: Connection) -> dict[str, int] | None:
    """Bytes of the pages of each table and index, by name; None if SQLite cannot tell.

    Telling is an option of its build (`SQLITE_ENABLE_DBSTAT_VTAB`). Free pages are not among them.
    """
    options = {name for (name,) in connection.execute("PRAGMA compile_options")}
    if "ENABLE_DBSTAT_VTAB" not in options:
        return None
    found = connection.execute("SELECT name, sum(pgsize) FROM dbstat GROUP BY name ORDER BY name")
    return dict(found.fetchall())


def files_size_bytes(path: Path) -> int:
    """Bytes on disk of a file of tables, of its write-ahead log and of that one's index."""
    return sum(file.stat().st_size for file in (path, *companions(path)) if file.exists())
