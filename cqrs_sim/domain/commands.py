"""Commands: requests that may be rejected, named in the imperative.

`shape_errors` judges a command by its own fields, before any mailbox; what needs the order's state
is judged by `domain.order.decide`.
"""

from typing import TypeAlias, assert_never, final

import attrs

from cqrs_sim.domain.item import OrderItem
from cqrs_sim.domain.status import STATUSES, OrderStatus
from cqrs_sim.ids import CustomerId, OrderId


@final
@attrs.frozen
class CreateOrder:
    """Create an order of at least one item."""

    order_id: OrderId
    customer_id: CustomerId
    items: tuple[OrderItem, ...]


@final
@attrs.frozen
class UpdateOrderStatus:
    """Move an order along the transition table of `domain.status`."""

    order_id: OrderId
    new_status: OrderStatus


@final
@attrs.frozen
class CancelOrder:
    """Cancel an order that is neither delivered nor cancelled: also a shipped one."""

    order_id: OrderId
    reason: str


@final
@attrs.frozen
class AmendOrder:
    """Replace the items of a pending order."""

    order_id: OrderId
    items: tuple[OrderItem, ...]


Command: TypeAlias = CreateOrder | UpdateOrderStatus | CancelOrder | AmendOrder

COMMAND_TYPES: tuple[type[Command], ...] = (
    CreateOrder,
    UpdateOrderStatus,
    CancelOrder,
    AmendOrder,
)


NO_ITEMS = "order must have at least one item"


def shape_errors(command: Command) -> tuple[str, ...]:
    """Every rule that the command's own fields break; empty if none."""
    reasons: tuple[str, ...] = () if command.order_id else ("order ID is required",)
    if type(command) is UpdateOrderStatus:
        if command.new_status not in STATUSES:
            reasons = (*reasons, f"invalid status: {command.new_status}")
    elif type(command) is AmendOrder:
        if not command.items:
            reasons = (*reasons, NO_ITEMS)
    elif type(command) is CreateOrder:
        if not command.customer_id:
            reasons = (*reasons, "customer ID is required")
        if not command.items:
            reasons = (*reasons, NO_ITEMS)
    elif type(command) is not CancelOrder:
        assert_never(command)
    return reasons
