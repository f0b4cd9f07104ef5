"""Histories: what the events of one order tell, and whether they can be true.

`story_of` retells a history state by state. `legal_history` holds it against the rules from the
outside: not by asking `decide`, which made it, but by the events' own claims (versions, old status,
old total) and by the table of transitions.
"""

from collections.abc import Iterable, Sequence
from typing import TypeAlias, assert_never

import attrs

from cqrs_sim.domain.events import (
    UNRECORDED,
    Event,
    OrderAmended,
    OrderCancelled,
    OrderCreated,
    OrderStatusChanged,
)
from cqrs_sim.domain.item import OrderItem
from cqrs_sim.domain.order import FIRST_VERSION, Order, evolve
from cqrs_sim.domain.status import FINAL_STATUSES, PENDING, TRANSITIONS
from cqrs_sim.ids import Cents, OrderId

Story: TypeAlias = list[tuple[Event, Order]]
"""Each event with the state after it."""


@attrs.frozen
class Violation:
    """The first event of a history that cannot be true, and why."""

    event: Event
    reason: str
    """A sentence without a subject: `changes from CONFIRMED, but the order is PENDING`."""

    def __str__(self) -> str:
        event = self.event
        return f"{event.event_id} ({type(event).__name__}) {self.reason}"


def fold(events: Iterable[Event]) -> Order | None:
    """The state after the events of one order; None if there are none."""
    order = None
    for event in events:
        order = evolve(order, event)
    return order


def fold_all(events: Iterable[Event]) -> dict[OrderId, Order]:
    """The state of every order after the events of all of them, in the order of the log."""
    orders: dict[OrderId, Order] = {}
    for event in events:
        orders[event.order_id] = evolve(orders.get(event.order_id), event)
    return orders


def story_of(events: Iterable[Event]) -> Story:
    """A history that is legal, event by event, with the state after each."""
    order, story = None, []
    for event in events:
        order = evolve(order, event)
        story.append((event, order))
    return story


def legal_history(events: Sequence[Event]) -> Violation | None:
    """The first event of one order's history that cannot be true; None if all can."""
    order, last = None, UNRECORDED
    for event in events:
        reason = _place_broken(order, event)
        if not reason and event.position != UNRECORDED and event.position <= last:
            reason = f"stands at position {event.position}, behind {last}"
        reason = reason or _rule_broken(order, event)
        if reason:
            return Violation(event, reason)
        order, last = evolve(order, event), event.position
    return None


def why_impossible(order: Order | None, event: Event) -> str:
    """Why an order in this state (None: it is not there) cannot have had the event, if it cannot.

    A sentence without a subject, as in a `Violation`.
    """
    return _place_broken(order, event) or _rule_broken(order, event)


def _place_broken(order: Order | None, event: Event) -> str:
    """Why an event cannot follow a state, whatever it says; empty if it can."""
    if order is None:
        if event.version != FIRST_VERSION:
            return f"is version {event.version}, but there is none before it"
        return "" if type(event) is OrderCreated else "comes before the order is created"
    if event.order_id != order.order_id:
        return f"is of another order than {order.order_id}"
    if event.version != order.version + 1:
        return f"is version {event.version}, but the one before it is {order.version}"
    return "creates an order that exists" if type(event) is OrderCreated else ""


def _rule_broken(order: Order | None, event: Event) -> str:
    """Which rule the event breaks, in its place; empty if none."""
    if type(event) is OrderCreated:
        return _sum_broken(event.items, event.total_cents)
    assert order is not None, "only a creation comes first"
    status = order.status
    if type(event) is OrderAmended:
        if status != PENDING:
            return f"amends an order that is {status}"
        if event.old_total_cents != order.total_cents:
            return f"says the total was {event.old_total_cents}, but it was {order.total_cents}"
        return _sum_broken(event.items, event.total_cents)
    if event.old_status != status:
        return f"says the status was {event.old_status}, but it was {status}"
    if type(event) is OrderStatusChanged:
        is_legal = event.new_status in TRANSITIONS[status]
        return "" if is_legal else f"changes {status} to {event.new_status}, which no rule allows"
    if type(event) is OrderCancelled:
        return f"cancels an order that is {status}" if status in FINAL_STATUSES else ""
    assert_never(event)


def _sum_broken(items: tuple[OrderItem, ...], total: Cents) -> str:
    """What is wrong with the items of an order and their total; empty if nothing is."""
    if not items:
        return "leaves the order without items"
    for item in items:
        if item.quantity <= 0:
            return f"has {item.quantity} of product {item.product_id}"
    right = sum(item.quantity * item.price_cents for item in items)
    return "" if total == right else f"says the total is {total}, but its items cost {right}"
