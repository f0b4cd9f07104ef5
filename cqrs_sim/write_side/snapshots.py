"""Snapshots: an order's state, kept beside the log so that not all of its events are read again.

A snapshot is bytes, never a reference: whoever reads one gets objects of its own. It is a copy of
what the log says and no more, so losing one loses nothing, and one that cannot be trusted is passed
over. That is why it carries a checksum (CRC-32, which finds every flipped bit), the schema that it
was written in, and the position of the event that it stands on.
"""

import zlib
from collections.abc import Iterable
from enum import IntEnum
from typing import Final, Protocol

import attrs
import msgspec

from cqrs_sim.domain.order import Order
from cqrs_sim.ids import OrderId, Position, Version

SNAPSHOT_SCHEMA: Final = 1
"""To be raised whenever `Order` changes: a snapshot has no upcasters, the events have."""

_DECODER = msgspec.msgpack.Decoder(Order)


class Flaw(IntEnum):
    """Why a snapshot is passed over."""

    CORRUPT = 0
    """Its checksum or its bytes are wrong."""
    OTHER_SCHEMA = 1
    """Another version of this program wrote it."""
    NOT_IN_LOG = 2
    """The log does not hold the event that it stands on: it is newer, or of another log."""


@attrs.frozen
class StoredSnapshot:
    """A snapshot as a store keeps it."""

    order_id: OrderId
    version: Version
    position: Position
    """Of the last event that the state shows."""
    schema_version: int
    state: bytes
    """The order as msgpack, by field names."""
    checksum: int
    """Of all of the above."""

    @property
    def right_checksum(self) -> int:
        """What the checksum of these contents is."""
        return _checksum(
            self.order_id, self.version, self.position, self.schema_version, self.state
        )

    @property
    def is_intact(self) -> bool:
        """Whether the checksum is that of the contents."""
        return self.checksum == self.right_checksum


class SnapshotStore(Protocol):
    """Where snapshots are kept, by order."""

    def put(self, snapshot: StoredSnapshot) -> None:
        """Keep one more; may be done later, for nothing is lost with a snapshot."""

    def newest_first(
        self, order_id: OrderId, until: Position | None = None
    ) -> Iterable[StoredSnapshot]:
        """The snapshots of an order, the newest first; those that stand up to a position."""


class MemorySnapshots:
    """A store in memory. It keeps all of them: old ones answer questions about the past."""

    def __init__(self) -> None:
        self._by_order: dict[OrderId, list[StoredSnapshot]] = {}

    def put(self, snapshot: StoredSnapshot) -> None:
        """See `SnapshotStore`."""
        self._by_order.setdefault(snapshot.order_id, []).append(snapshot)

    def newest_first(
        self, order_id: OrderId, until: Position | None = None
    ) -> Iterable[StoredSnapshot]:
        """See `SnapshotStore`."""
        for stored in reversed(self._by_order.get(order_id, ())):
            if until is None or stored.position <= until:
                yield stored


def snapshot_of(order: Order, position: Position) -> StoredSnapshot:
    """A snapshot of a state whose last event stands at a position."""
    order_id, version = order.order_id, order.version
    state = msgspec.msgpack.encode(order)
    checksum = _checksum(order_id, version, position, SNAPSHOT_SCHEMA, state)
    return StoredSnapshot(order_id, version, position, SNAPSHOT_SCHEMA, state, checksum)


def opened(snapshot: StoredSnapshot) -> Order | Flaw:
    """The state in a snapshot, or what is wrong with it."""
    if not snapshot.is_intact:
        return Flaw.CORRUPT
    if snapshot.schema_version != SNAPSHOT_SCHEMA:
        return Flaw.OTHER_SCHEMA
    try:
        order = _DECODER.decode(snapshot.state)
    except msgspec.DecodeError:
        return Flaw.CORRUPT
    is_same = (order.order_id, order.version) == (snapshot.order_id, snapshot.version)
    return order if is_same else Flaw.CORRUPT


def _checksum(
    order_id: OrderId, version: Version, position: Position, schema_version: int, state: bytes
) -> int:
    head = f"{version} {position} {schema_version} {order_id}\0".encode()
    return zlib.crc32(state, zlib.crc32(head))
