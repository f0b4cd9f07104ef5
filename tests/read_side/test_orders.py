from collections.abc import Sequence
from functools import partial

import pytest
from fakes import History, amend, cancel, create, histories, item, update
from hypothesis import given

from cqrs_sim.domain.commands import Command
from cqrs_sim.domain.events import Event, OrderCreated
from cqrs_sim.domain.order import Order
from cqrs_sim.domain.queries import OrderRow, Page
from cqrs_sim.domain.status import PENDING, STATUSES
from cqrs_sim.ids import CustomerId, OrderId
from cqrs_sim.read_side.orders import OrdersReadModel


def shown(commands: Sequence[Command]) -> OrdersReadModel:
    """The read model after some commands, one each nanosecond from 1."""
    history, model = History(), OrdersReadModel()
    for now, command in enumerate(commands, start=1):
        for event in history.handle(command, now):
            model.apply(event)
    return model


def ids(rows: Sequence[OrderRow]) -> list[str]:
    return [row.order_id for row in rows]


def test_a_row_shows_names_counts_and_totals_of_an_order() -> None:
    items = (item("p", 2, 2999), item("q", 1, 4999))
    row = shown([create("o", "7", items)]).by_id(OrderId("o"))
    assert row is not None
    assert (row.item_count, row.unit_count) == (2, 3)
    assert row == OrderRow(
        order_id="o",  # type: ignore[arg-type]
        customer_id="7",  # type: ignore[arg-type]
        customer_name="Customer-7",
        items=items,
        total_cents=10997,  # type: ignore[arg-type]
        status="PENDING",
        created_ns=1,  # type: ignore[arg-type]
        updated_ns=1,  # type: ignore[arg-type]
        version=1,
    )


def test_every_event_makes_a_new_row_and_leaves_the_old_one_as_it_was() -> None:
    history, model = History(), OrdersReadModel()
    rows: list[OrderRow] = []
    commands: list[Command] = [create(), amend(items=[item(quantity=5)]), cancel()]
    for now, command in enumerate(commands):
        for event in history.handle(command, now):
            model.apply(event)
        row = model.by_id(OrderId("order-1"))
        assert row is not None
        rows.append(row)
    assert [row.status for row in rows] == ["PENDING", "PENDING", "CANCELLED"]
    assert [row.unit_count for row in rows] == [3, 5, 5]
    assert [row.updated_ns for row in rows] == [0, 1, 2]
    assert [row.version for row in rows] == [1, 2, 3]


def test_what_is_not_known_is_none_or_empty() -> None:
    model = OrdersReadModel()
    assert model.by_id(OrderId("nobody")) is None
    assert model.by_customer(CustomerId("nobody")) == ()
    assert all(model.by_status(status) == () for status in STATUSES)


def test_orders_of_a_customer_come_oldest_first() -> None:
    model = shown([create("b", "1"), create("a", "1"), create("c", "2"), cancel("b")])
    assert ids(model.by_customer(CustomerId("1"))) == ["b", "a"]
    assert ids(model.by_customer(CustomerId("2"))) == ["c"]


def test_a_page_is_a_part_of_a_list() -> None:
    model = shown([create(name, "1") for name in "abcde"])
    for listed in (partial(model.by_customer, CustomerId("1")), partial(model.by_status, PENDING)):
        assert ids(listed(Page(limit=2))) == ["a", "b"]
        assert ids(listed(Page(limit=2, offset=3))) == ["d", "e"]
        assert ids(listed(Page(offset=4))) == ["e"]
        assert listed(Page(limit=2, offset=5)) == ()


def test_orders_in_a_status_come_in_the_order_in_which_they_came_to_it() -> None:
    model = shown(
        [create("a"), create("b"), create("c"), update("CONFIRMED", "c"), update("CONFIRMED", "a")]
    )
    assert ids(model.by_status("CONFIRMED")) == ["c", "a"]
    assert ids(model.by_status("PENDING")) == ["b"]


def test_an_amended_order_keeps_its_place_in_its_status() -> None:
    model = shown([create("a"), create("b"), amend("a")])
    assert ids(model.by_status("PENDING")) == ["a", "b"]


@pytest.mark.parametrize("command", [update("CANCELLED", "a"), cancel("a")], ids=str)
def test_both_ways_to_cancel_show_the_same_status(command: Command) -> None:
    model = shown([create("a"), create("b"), command])
    assert ids(model.by_status("CANCELLED")) == ["a"]
    assert ids(model.by_status("PENDING")) == ["b"]


def arrivals(events: Sequence[Event], orders: dict[OrderId, Order]) -> dict[OrderId, int]:
    """Position of the event by which each order came to the status that it is in."""
    came: dict[OrderId, int] = {}
    for event in events:
        if isinstance(event, OrderCreated) or hasattr(event, "old_status"):
            came[event.order_id] = event.position
    assert came.keys() == orders.keys()
    return came


@given(histories())
def test_the_read_model_equals_a_recomputation_from_the_orders(history: History) -> None:
    model = OrdersReadModel()
    for event in history.events:
        model.apply(event)
    rows = {
        order.order_id: OrderRow(
            order.order_id,
            order.customer_id,
            f"Customer-{order.customer_id}",
            order.items,
            order.total_cents,
            order.status,
            order.created_ns,
            order.updated_ns,
            order.version,
        )
        for order in history.orders.values()
    }
    assert {order_id: model.by_id(order_id) for order_id in rows} == rows
    for customer in ("customer-1", "customer-2"):
        own = [row for row in rows.values() if row.customer_id == customer]
        assert list(model.by_customer(CustomerId(customer))) == own
    came = arrivals(history.events, history.orders)
    for status in STATUSES:
        there = [row for row in rows.values() if row.status == status]
        assert list(model.by_status(status)) == sorted(there, key=lambda row: came[row.order_id])
