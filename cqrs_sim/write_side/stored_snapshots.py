"""Snapshots in the store of a run, beside its events.

They are written behind the commits, by whoever writes those; what is on its way there is looked for
here. A store that was damaged, or written by another program, gives snapshots that are passed over
(`rehydration`), just as those in memory.
"""

from collections import deque
from collections.abc import Iterator

from cqrs_sim.ids import OrderId, Position, Version
from cqrs_sim.storage.event_store import END, EventStore
from cqrs_sim.write_side.snapshots import StoredSnapshot


class StoredSnapshots:
    """See `SnapshotStore`."""

    def __init__(self, store: EventStore) -> None:
        """Keep them in a store that is open."""
        self._store = store
        self._on_its_way: deque[StoredSnapshot] = deque()
        self._heard_count = store.snapshots_count

    def put(self, snapshot: StoredSnapshot) -> None:
        """See `SnapshotStore`; it is written with the next commit."""
        self._forget_written()
        self._on_its_way.append(snapshot)
        self._store.keep_snapshot(
            (
                snapshot.order_id, snapshot.version, snapshot.position, snapshot.schema_version,
                snapshot.state, snapshot.checksum,
            )
        )  # fmt: skip

    def newest_first(
        self, order_id: OrderId, until: Position | None = None
    ) -> Iterator[StoredSnapshot]:
        """See `SnapshotStore`."""
        self._forget_written()
        last = END if until is None else until
        oldest = END
        for stored in reversed(self._on_its_way):
            if stored.order_id == order_id and stored.position <= last:
                oldest = stored.version
                yield stored
        for row in self._store.snapshots_of(order_id, last):
            # One may have been written just now, and was among those above.
            if row[1] < oldest:
                yield _snapshot_of(row)

    def _forget_written(self) -> None:
        """They are written in the order in which they were put there."""
        written_count = self._store.snapshots_count
        while self._heard_count < written_count and self._on_its_way:
            self._on_its_way.popleft()
            self._heard_count += 1


def _snapshot_of(row: tuple[str, int, int, int, bytes, int]) -> StoredSnapshot:
    order_id, version, position, schema_version, state, checksum = row
    return StoredSnapshot(
        OrderId(order_id), Version(version), Position(position), schema_version, state, checksum
    )
