"""How events become bytes and come back: MessagePack maps by field name.

Order, version, position and type stand in columns of their own, everything else of an event in its
payload. A map with names, not a list of values, so that an old payload can be brought up to date by
a function from dict to dict (an upcaster).
"""

from typing import Final, assert_never
from zlib import crc32

import msgspec

from cqrs_sim.domain.events import (
    Event,
    OrderAmended,
    OrderCancelled,
    OrderCreated,
    OrderStatusChanged,
)
from cqrs_sim.domain.upcasting import upcast
from cqrs_sim.errors import InvalidCommandError, StoreError
from cqrs_sim.ids import OrderId
from cqrs_sim.storage.event_rows import Command, NewRow, StoredEvent

_TYPES: Final[dict[str, type[Event]]] = {
    event_type.__name__: event_type
    for event_type in (OrderCreated, OrderStatusChanged, OrderCancelled, OrderAmended)
}

LEAST, MOST = -(1 << 63), (1 << 63) - 1
"""Integers of a column."""
MOST_CENTS = 10**15
"""Of one order that is stored: columns hold the sum of 9,000 such."""

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(dict[str, object]).decode


def _payload(event: Event) -> dict[str, object]:
    """What is stored of an event beside its columns; literal, which takes half of the time."""
    payload: dict[str, object] = {
        "occurred_ns": event.occurred_ns,
        "causation_id": event.causation_id,
        "correlation_id": event.correlation_id,
    }
    if type(event) is OrderCreated:
        payload["customer_id"] = event.customer_id
        payload["items"] = event.items
        payload["total_cents"] = event.total_cents
    elif type(event) is OrderStatusChanged:
        payload["old_status"] = event.old_status
        payload["new_status"] = event.new_status
    elif type(event) is OrderCancelled:
        payload["old_status"] = event.old_status
        payload["reason"] = event.reason
    elif type(event) is OrderAmended:
        payload["items"] = event.items
        payload["old_total_cents"] = event.old_total_cents
        payload["total_cents"] = event.total_cents
    else:
        assert_never(event)
    return payload


def _fits(event: OrderCreated | OrderAmended) -> bool:
    """Whether columns of tables can hold its numbers; MessagePack would take twice as great ones.

    What is in the log must fit into every read model: one that cannot show an event never goes on.
    """
    if event.total_cents > MOST_CENTS:
        return False
    for item in event.items:
        if not (LEAST <= item.price_cents <= MOST and LEAST <= item.quantity <= MOST):
            return False
    return True


def row_of(event: Event, command: Command, part: int) -> NewRow:
    """What is stored of an event, the `part`-th (from 0) of a command's.

    Raises:
        InvalidCommandError: if a text of it cannot be stored: half a surrogate pair is no text, a
            number beyond 64 bits no number.
    """
    order_id, event_type = event.order_id, type(event)
    if (type(event) is OrderCreated or type(event) is OrderAmended) and not _fits(event):
        most = f"numbers of 64 bits, and {MOST_CENTS:,} cents an order, is most"
        raise InvalidCommandError(order_id, [f"it cannot be stored: {most}"])
    try:
        payload = _encode(_payload(event))
        if not order_id.isascii():
            order_id.encode()
        if isinstance(command, str):
            command.encode()
    except (UnicodeEncodeError, OverflowError) as error:
        raise InvalidCommandError(order_id, [f"it cannot be stored: {error}"]) from None
    return (
        order_id, event.version, command, part, event_type.__name__, event_type.schema_version,
        payload,
    )  # fmt: skip


def is_text(name: str) -> bool:
    """Whether a store can hold it: half a surrogate pair is no text, and `row_of` refuses it."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def mark_of(event: Event) -> int:
    """What tells an event from any other that could stand at its position: a CRC-32, 0 for none.

    Of what it is, when and by what it came to be, not of all that it says: so it is known from the
    event alone, wherever that is, and stays the same when a later version says more of it.
    """
    return crc32(
        _encode(
            (
                event.position, event.order_id, event.version, type(event).__name__,
                event.occurred_ns, event.causation_id, event.correlation_id,
            )
        )
    )  # fmt: skip


def event_of(stored: StoredEvent) -> Event:
    """The event that a row holds.

    Raises:
        StoreError: if it holds none that this program knows; it names the position.
    """
    try:
        payload = upcast(stored.type, stored.schema_version, _decode(stored.payload))
        payload |= {
            "order_id": OrderId(stored.order_id),
            "version": stored.version,
            "position": stored.position,
        }
        return msgspec.convert(payload, _TYPES[stored.type])
    except (msgspec.MsgspecError, ValueError, TypeError) as error:
        raise StoreError(
            f"position {stored.position}: {stored.type} cannot be read: {error}"
        ) from error
