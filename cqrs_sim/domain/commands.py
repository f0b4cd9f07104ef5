"""Commands: requests that may be rejected, named in the imperative.

`shape_errors` judges a command by its own fields, before any mailbox; what needs the order's state
is judged by `domain.order.decide`.
"""

from typing import TypeAlias, assert_never

import attrs

from cqrs_sim.domain.status import STATUSES, OrderStatus
from cqrs_sim.ids import Cents, CustomerId, OrderId, ProductId


@attrs.frozen
class OrderItem:
    """One line of an order."""

    product_id: ProductId
    quantity: int
    price_cents: Cents
    """Price of one unit."""


@attrs.frozen
class CreateOrder:
    """Create an order of at least one item."""

    order_id: OrderId
    customer_id: CustomerId
    items: tuple[OrderItem, ...]


@attrs.frozen
class UpdateOrderStatus:
    """Move an order along the transition table of `domain.status`."""

    order_id: OrderId
    new_status: OrderStatus


@attrs.frozen
class CancelOrder:
    """Cancel an order that is neither delivered nor cancelled: also a shipped one."""

    order_id: OrderId
    reason: str


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


def shape_errors(command: Command) -> tuple[str, ...]:
    """Every rule that the command's own fields break; empty if none."""
    match command:
        case AmendOrder():
            if command.order_id and command.items:
                return ()
            return (*_id_errors(command.order_id), *_items_errors(command.items))
        case UpdateOrderStatus():
            if command.order_id and command.new_status in STATUSES:
                return ()
            reasons = _id_errors(command.order_id)
            if command.new_status not in STATUSES:
                reasons = (*reasons, f"invalid status: {command.new_status}")
            return reasons
        case CreateOrder():
            if command.order_id and command.customer_id and command.items:
                return ()
            customer = () if command.customer_id else ("customer id is required",)
            return (*_id_errors(command.order_id), *customer, *_items_errors(command.items))
        case CancelOrder():
            return _id_errors(command.order_id)
        case _:
            assert_never(command)


def _id_errors(order_id: OrderId) -> tuple[str, ...]:
    return () if order_id else ("order id is required",)


def _items_errors(items: tuple[OrderItem, ...]) -> tuple[str, ...]:
    return () if items else ("an order needs at least one item",)
