"""The statuses of an order and the moves between them.

Two paths lead to CANCELLED, and they differ: a status update may cancel from PENDING and CONFIRMED
only; the command `CancelOrder` may cancel from anything but DELIVERED and CANCELLED.
"""

from typing import Final, Literal, TypeAlias

OrderStatus: TypeAlias = Literal["PENDING", "CONFIRMED", "SHIPPED", "DELIVERED", "CANCELLED"]

PENDING: Final = "PENDING"
CONFIRMED: Final = "CONFIRMED"
SHIPPED: Final = "SHIPPED"
DELIVERED: Final = "DELIVERED"
CANCELLED: Final = "CANCELLED"

STATUSES: tuple[OrderStatus, ...] = (PENDING, CONFIRMED, SHIPPED, DELIVERED, CANCELLED)

TRANSITIONS: dict[OrderStatus, tuple[OrderStatus, ...]] = {
    PENDING: (CONFIRMED, CANCELLED),
    CONFIRMED: (SHIPPED, CANCELLED),
    SHIPPED: (DELIVERED,),
    DELIVERED: (),
    CANCELLED: (),
}
"""Where a status update may lead, from each status."""

FINAL_STATUSES: tuple[OrderStatus, ...] = (DELIVERED, CANCELLED)
"""What `CancelOrder` cannot cancel."""
