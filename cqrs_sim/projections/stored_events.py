"""The events of a store, read as what they are: an unbroken chain from position 1."""

from collections.abc import Iterator

from cqrs_sim.domain.events import Event
from cqrs_sim.errors import StoreError
from cqrs_sim.event_log.codec import event_of
from cqrs_sim.storage.event_rows import chained, first_checksum
from cqrs_sim.storage.event_store import EventReader


def all_events(reader: EventReader, head: int) -> Iterator[Event]:
    """The events up to a position; what is damaged is no basis for a read model.

    Args:
        reader: of the store.
        head: the last position.

    Raises:
        StoreError: if an event is missing, changed or unknown, or fewer are there than were
            acknowledged.
    """
    acknowledged = reader.acknowledged
    if acknowledged is not None and acknowledged.position > head:
        raise StoreError(
            f"{reader.folder} has lost events: it ends at position {head}, and "
            f"{acknowledged.position} was acknowledged"
        )
    checksum, last = first_checksum(reader.store_id), 0
    for stored in reader.between(1, head):
        checksum = chained(checksum, stored.position, stored.recorded_ns, stored.new_row)
        if stored.position != last + 1 or checksum != stored.checksum:
            raise StoreError(f"{reader.path} is damaged at position {stored.position}")
        last = stored.position
        yield event_of(stored)
    if last != head:
        raise StoreError(f"{reader.path} is damaged: it has no position {last + 1}")
