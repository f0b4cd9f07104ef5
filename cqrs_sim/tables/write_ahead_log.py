"""The write-ahead log of a file, kept short by a thread of its own while its writer goes on.

SQLite itself brings a log home within the commit by which it came to a size: two fsyncs in the
thread of whoever commits, 6 ms for 4 MB and 50 ms for 64 MB. Here a second connection copies what
was committed, a little every quarter of a second, and nobody waits for that (`PASSIVE`). Commits
that come meanwhile keep the log from beginning anew, so it grows; past `MOST_PAGES` the writer is
held up for the few pages that came since the last copy (`RESTART`, 1 to 3 ms).

Source: https://www.sqlite.org/wal.html, https://www.sqlite.org/pragma.html#pragma_wal_checkpoint
"""

import threading
from contextlib import closing, suppress
from pathlib import Path

from cqrs_sim.errors import ResultFolderError
from cqrs_sim.tables.connection import Connect, Connection, Error

EVERY_S = 0.25

MOST_PAGES = 8192
"""32 MB."""

PATIENCE_MS = 10
"""How long it waits for the writer or a reader, and lets the writer wait; then it tries again."""


class LogShortener:
    """Brings home what a writer commits to a file, until it is closed.

    If it cannot (the disk is full), it ends: then the log stays as it is, with all that was
    committed, until the writer brings it home, as SQLite does by itself.
    """

    def __init__(self, path: Path, connect: Connect) -> None:
        """Begin.

        Args:
            path: of a file that is there, and stays until this is closed.
            connect: opens a connection as the writer's, so that both ask the same of the disk.
        """
        self._path = path
        self._connect = connect
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"log of {path.name}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Return when it has let go of the file."""
        self._is_over.set()
        self._thread.join()

    def _run(self) -> None:
        with suppress(Error, ResultFolderError), closing(self._connect(self._path)) as connection:
            connection.execute(f"PRAGMA busy_timeout = {PATIENCE_MS}")
            while not self._is_over.wait(EVERY_S):
                if _pages_after(connection, "PASSIVE") > MOST_PAGES:
                    _pages_after(connection, "RESTART")


def _pages_after(connection: Connection, mode: str) -> int:
    """Bring a log home in a mode of SQLite's; how many pages it has."""
    _, pages, _ = connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
    return int(pages)
