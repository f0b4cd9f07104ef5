"""Events: facts about customers, which other systems may follow."""

from typing import final

import attrs

from cqrs_sim.ids import CustomerId, Nanoseconds, Position, Version

UNRECORDED = Position(0)
"""An event's position before the customers' log recorded it."""


@final
@attrs.define
class CustomerRenamed:
    """A customer has another name from now on. The log sets `position`; nothing else changes."""

    customer_id: CustomerId
    version: Version
    """How many events this customer has, with this one."""
    occurred_ns: Nanoseconds
    name: str
    position: Position = UNRECORDED
    """In the customers' log, from 1; it has nothing to do with that of the orders."""
