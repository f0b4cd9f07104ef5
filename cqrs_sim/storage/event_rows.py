"""The table of events: its columns, its rows, and the chain of checksums through them.

The checksum of a row is the CRC-32 of its other columns, as a MessagePack array, begun with the
checksum of the row before it (the first: with that of the store's id). So a changed byte, a row
lost from the middle and two rows that changed places are found, and the first of them is named:
with the probability of CRC-32, 1 - 2^-32. It is no seal: whoever means to change history can
compute the checksums anew. Rows lost at the end leave a chain that is whole; what tells of them is
`acknowledged.json` (`storage.folder`).
"""

from typing import TypeAlias
from zlib import crc32

import attrs
import msgspec

from cqrs_sim.storage.database import Kind

Command: TypeAlias = int | str
"""What caused events: a number of ours, unique in the store, or a client's own request id."""

NewRow: TypeAlias = tuple[str, int, Command, int, str, int, bytes]
"""What is written: order id, version, command, part, type, schema version, payload.

A bare tuple, since SQLite takes one, and a class with names would cost 0.3 µs an event.
"""

COLUMNS = (
    "position", "recorded_ns", "checksum", "order_id", "version", "command", "part", "type",
    "schema_version", "payload",
)  # fmt: skip
"""In this order, so that what is written is what the writer adds, and then a `NewRow`."""

EVENTS_DB = Kind(
    name="event log",
    application_id=0x63717273,  # "cqrs"
    schema_version=1,
    schema=(
        "CREATE TABLE store (id TEXT NOT NULL) STRICT",
        """CREATE TABLE runs (
            run INTEGER PRIMARY KEY, clock TEXT NOT NULL, began_ns INTEGER NOT NULL
        ) STRICT""",
        """CREATE TABLE events (
            position INTEGER PRIMARY KEY,
            recorded_ns INTEGER NOT NULL,
            checksum INTEGER NOT NULL,
            order_id TEXT NOT NULL,
            version INTEGER NOT NULL,
            command ANY NOT NULL,
            part INTEGER NOT NULL,
            type TEXT NOT NULL,
            schema_version INTEGER NOT NULL,
            payload BLOB NOT NULL,
            UNIQUE (order_id, version),
            UNIQUE (command, part)
        ) STRICT""",
        """CREATE TABLE snapshots (
            order_id TEXT NOT NULL,
            version INTEGER NOT NULL,
            position INTEGER NOT NULL,
            schema_version INTEGER NOT NULL,
            state BLOB NOT NULL,
            checksum INTEGER NOT NULL,
            PRIMARY KEY (order_id, version)
        ) STRICT, WITHOUT ROWID""",
    ),
)

SnapshotRow: TypeAlias = tuple[str, int, int, int, bytes, int]
"""A row of `snapshots`: what it means, and whether it can be believed, is known to who wrote it."""


@attrs.frozen
class StoredEvent:
    """A row, as it was read."""

    position: int
    recorded_ns: int
    """When it was committed, in nanoseconds since 1970, or of simulated time; never decreasing."""
    checksum: int
    order_id: str
    version: int
    """Of its order, after it."""
    command: Command
    part: int
    """Which of the command's events it is, from 0."""
    type: str
    schema_version: int
    payload: bytes

    @property
    def new_row(self) -> NewRow:
        """What was written of it."""
        return (
            self.order_id, self.version, self.command, self.part, self.type, self.schema_version,
            self.payload,
        )  # fmt: skip


_encode = msgspec.msgpack.Encoder().encode


def first_checksum(store_id: str) -> int:
    """What the chain of a store begins with."""
    return crc32(store_id.encode())


def chained(previous: int, position: int, recorded_ns: int, row: NewRow) -> int:
    """The checksum of a row that follows one of checksum `previous`."""
    # MessagePack tells the number 7 from the text "7", and where a text ends; and it takes 0.4 µs,
    # where formatting the numbers took 1.3.
    return crc32(_encode((position, recorded_ns, *row)), previous)
