"""Events: facts about orders, named in the past participle.

Every event carries its identity (order and version), its place in the log, and what caused it.
The classes are plain `define`d ones, not frozen: creating one of eleven fields costs 0.27 µs
instead of 1.1 µs, several per command, and the log sets `position` once when it records the
event. Nothing else ever changes an event. They are final, so that `type(event) is OrderAmended`
tells mypy as much as `match` does; on the hot paths that stands in place of `match`, whose class
patterns cost 0.1 µs each.
"""

from typing import ClassVar, NewType, TypeAlias, final

import attrs

from cqrs_sim.domain.item import OrderItem
from cqrs_sim.domain.status import OrderStatus
from cqrs_sim.ids import (
    Cents,
    CommandId,
    CorrelationId,
    CustomerId,
    Nanoseconds,
    OrderId,
    Position,
    Version,
)

EventId = NewType("EventId", str)

UNRECORDED = Position(0)
"""An event's position before the log recorded it."""


@attrs.define
class _Event:
    """What all events carry."""

    schema_version: ClassVar[int] = 1
    """Raised by each class when what is stored of it changes; `domain.upcasting` reads the old."""

    order_id: OrderId
    version: Version
    occurred_ns: Nanoseconds
    causation_id: CommandId
    """The command that this event answers."""
    correlation_id: CorrelationId
    """The command that began the conversation."""

    @property
    def event_id(self) -> EventId:
        """Unique by construction: no two events of an order share a version."""
        return EventId(f"{self.order_id}#{self.version}")


@final
@attrs.define
class OrderCreated(_Event):
    """An order came to be, PENDING."""

    schema_version: ClassVar[int] = 2
    """1 had money as floats; see `domain.upcasting`."""

    customer_id: CustomerId
    items: tuple[OrderItem, ...]
    total_cents: Cents
    position: Position = UNRECORDED


@final
@attrs.define
class OrderStatusChanged(_Event):
    """An order moved along the transition table."""

    old_status: OrderStatus
    new_status: OrderStatus
    position: Position = UNRECORDED


@final
@attrs.define
class OrderCancelled(_Event):
    """An order was cancelled by command; it carries the status it had, so no reader must ask."""

    old_status: OrderStatus
    reason: str
    position: Position = UNRECORDED


@final
@attrs.define
class OrderAmended(_Event):
    """A pending order's items were replaced; the old total lets sums be kept without a look-up."""

    schema_version: ClassVar[int] = 2
    """1 had money as floats; see `domain.upcasting`."""

    items: tuple[OrderItem, ...]
    old_total_cents: Cents
    total_cents: Cents
    position: Position = UNRECORDED


Event: TypeAlias = OrderCreated | OrderStatusChanged | OrderCancelled | OrderAmended
