"""Connections to SQLite files, and transactions on them.

Whoever keeps tables is given two callables, `Connect`, one to open the writer and one to open the
reader, so that a store may open its files in its own way; those here are what they do at least.
The rest of the package takes the types of SQLite from here.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from cqrs_sim.errors import ResultFolderError
from cqrs_sim.storage.database import (
    BUSY_S,
    SYNCHRONOUS,
    Durability,
    read_transaction,
    transaction,
)

__all__ = [
    "Connect", "Connection", "Error", "OperationalError", "open_reader", "open_writer",
    "read_transaction", "transaction",
]  # fmt: skip

Connection: TypeAlias = sqlite3.Connection
Error = sqlite3.Error
OperationalError = sqlite3.OperationalError
Connect: TypeAlias = Callable[[Path], Connection]

STATEMENTS = 256
"""Prepared statements kept by a connection: more than all tables of one file have."""


def open_writer(path: Path, durability: Durability = "normal") -> Connection:
    """Open a file to write to, with a write-ahead log, and make it if it is not there.

    Args:
        path: of the file; its folder exists.
        durability: "full" waits for the disk at each commit; "normal" keeps what was committed when
            the process dies, and a prefix of the commits when the power fails; "off" asks nothing.

    Raises:
        ResultFolderError: if the file system refuses the write-ahead log or the durability.
    """
    connection = sqlite3.connect(
        path, timeout=BUSY_S, isolation_level=None, cached_statements=STATEMENTS
    )
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    # A pragma that is not understood is silently ignored: hence it is read back.
    connection.execute(f"PRAGMA synchronous = {SYNCHRONOUS[durability]}")
    (synchronous,) = connection.execute("PRAGMA synchronous").fetchone()
    if mode != "wal" or synchronous != SYNCHRONOUS[durability]:
        connection.close()
        found = f"journal_mode {mode} and synchronous {synchronous}"
        wanted = f"wal and {SYNCHRONOUS[durability]}"
        raise ResultFolderError(f"{path}: SQLite answers with {found}, wanted are {wanted}")
    return connection


def open_reader(path: Path) -> Connection:
    """Open a file that exists to read from it, beside its writer.

    Outside a transaction each statement sees the last commit; inside one, all see the same.
    """
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=ro",
        uri=True, timeout=BUSY_S, isolation_level=None, cached_statements=STATEMENTS,
    )  # fmt: skip
    connection.execute("PRAGMA query_only = ON")
    return connection
