"""The order aggregate: `decide` turns a command into events, `evolve` folds an event into state.

Both are pure functions of their arguments. The five conditions under which a command is rejected
are all here or in `commands.shape_errors`; nothing else in the system says no on the domain's
behalf.
"""

from typing import assert_never

import attrs

from cqrs_sim.domain.commands import (
    AmendOrder,
    CancelOrder,
    Command,
    CreateOrder,
    UpdateOrderStatus,
)
from cqrs_sim.domain.events import (
    Event,
    OrderAmended,
    OrderCancelled,
    OrderCreated,
    OrderStatusChanged,
)
from cqrs_sim.domain.item import OrderItem
from cqrs_sim.domain.status import CANCELLED, FINAL_STATUSES, PENDING, TRANSITIONS, OrderStatus
from cqrs_sim.errors import (
    InvalidQuantityError,
    InvalidTransitionError,
    OrderAlreadyExistsError,
    OrderNotFoundError,
)
from cqrs_sim.ids import (
    Cents,
    CommandId,
    CorrelationId,
    CustomerId,
    Nanoseconds,
    OrderId,
    Version,
)

FIRST_VERSION = Version(1)


@attrs.define
class Order:
    """The write side's state of one order. `evolve` makes a new one; nobody changes one."""

    order_id: OrderId
    customer_id: CustomerId
    items: tuple[OrderItem, ...]
    total_cents: Cents
    status: OrderStatus
    version: Version
    created_ns: Nanoseconds
    updated_ns: Nanoseconds


@attrs.define
class Cause:
    """What a command brings along: when it is decided, and what it belongs to."""

    now_ns: Nanoseconds
    command_id: CommandId
    correlation_id: CorrelationId


def total_of(order_id: OrderId, items: tuple[OrderItem, ...]) -> Cents:
    """Sum of quantity x price, exact in integer cents.

    Raises:
        InvalidQuantityError: if a quantity is not positive; the first such item is named.
    """
    total = 0
    for item in items:
        if item.quantity <= 0:
            raise InvalidQuantityError(order_id, item.product_id)
        total += item.quantity * item.price_cents
    return total  # type: ignore[return-value] # a sum of cents


def decide(order: Order | None, command: Command, cause: Cause) -> tuple[Event, ...]:
    """The events that a command causes, given the order's state (None: it has no events).

    Raises:
        OrderAlreadyExistsError: by `CreateOrder` for an order that exists.
        OrderNotFoundError: by any other command for an order that does not exist.
        InvalidTransitionError: if the order's status forbids the command.
        InvalidQuantityError: if an item's quantity is not positive.
    """
    now, caused_by, belongs_to = cause.now_ns, cause.command_id, cause.correlation_id
    if type(command) is CreateOrder:
        total = total_of(command.order_id, command.items)
        if order is not None:
            raise OrderAlreadyExistsError(command.order_id)
        return (
            OrderCreated(
                command.order_id, FIRST_VERSION, now, caused_by, belongs_to,
                command.customer_id, command.items, total,
            ),
        )  # fmt: skip
    if order is None:
        raise OrderNotFoundError(command.order_id)
    order_id, status = order.order_id, order.status
    version: Version = order.version + 1  # type: ignore[assignment] # the next version
    if type(command) is UpdateOrderStatus:
        new_status = command.new_status
        if new_status not in TRANSITIONS[status]:
            message = f"invalid status transition: {status} -> {new_status}"
            raise InvalidTransitionError(order_id, status, message)
        return (
            OrderStatusChanged(order_id, version, now, caused_by, belongs_to, status, new_status),
        )
    if type(command) is AmendOrder:
        if status != PENDING:
            message = f"cannot amend order in status: {status}"
            raise InvalidTransitionError(order_id, status, message)
        items, total = command.items, total_of(order_id, command.items)
        old_total = order.total_cents
        return (
            OrderAmended(order_id, version, now, caused_by, belongs_to, items, old_total, total),
        )
    if type(command) is CancelOrder:
        if status in FINAL_STATUSES:
            message = f"cannot cancel order in status: {status}"
            raise InvalidTransitionError(order_id, status, message)
        return (
            OrderCancelled(order_id, version, now, caused_by, belongs_to, status, command.reason),
        )
    assert_never(command)


def could_have_caused(command: Command, event: Event) -> bool:
    """Whether an event says what a command asks for, whatever the state in which it was decided."""
    if command.order_id != event.order_id:
        return False
    if type(command) is CreateOrder:
        return (
            type(event) is OrderCreated
            and event.customer_id == command.customer_id
            and tuple(event.items) == tuple(command.items)
        )
    if type(command) is UpdateOrderStatus:
        return type(event) is OrderStatusChanged and event.new_status == command.new_status
    if type(command) is AmendOrder:
        return type(event) is OrderAmended and tuple(event.items) == tuple(command.items)
    if type(command) is CancelOrder:
        return type(event) is OrderCancelled and event.reason == command.reason
    assert_never(command)


def evolve(order: Order | None, event: Event) -> Order:
    """The state after an event: a new object, the old one is left as it was."""
    if type(event) is OrderCreated:
        return Order(
            event.order_id, event.customer_id, event.items, event.total_cents, PENDING,
            event.version, event.occurred_ns, event.occurred_ns,
        )  # fmt: skip
    assert order is not None, f"{event.event_id} has no order to change"
    items, total, status = order.items, order.total_cents, order.status
    if type(event) is OrderStatusChanged:
        status = event.new_status
    elif type(event) is OrderAmended:
        items, total = event.items, event.total_cents
    elif type(event) is OrderCancelled:
        status = CANCELLED
    else:
        assert_never(event)
    return Order(
        order.order_id, order.customer_id, items, total, status,
        event.version, order.created_ns, event.occurred_ns,
    )  # fmt: skip
