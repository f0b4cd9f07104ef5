from collections.abc import Sequence
from itertools import pairwise

import attrs
import pytest
from fakes import ITEMS, History, amend, cancel, cause, create, item, update
from hypothesis import given
from hypothesis import strategies as st

from cqrs_sim.domain.commands import CancelOrder, Command, CreateOrder
from cqrs_sim.domain.events import (
    Event,
    OrderAmended,
    OrderCancelled,
    OrderCreated,
    OrderStatusChanged,
)
from cqrs_sim.domain.item import OrderItem
from cqrs_sim.domain.order import Order, could_have_caused, decide, evolve, total_of
from cqrs_sim.domain.status import FINAL_STATUSES, STATUSES, TRANSITIONS, OrderStatus
from cqrs_sim.errors import (
    CommandRejectedError,
    InvalidQuantityError,
    InvalidTransitionError,
    OrderAlreadyExistsError,
    OrderNotFoundError,
)
from cqrs_sim.ids import OrderId

PATHS: dict[OrderStatus, tuple[OrderStatus, ...]] = {
    "PENDING": (),
    "CONFIRMED": ("CONFIRMED",),
    "SHIPPED": ("CONFIRMED", "SHIPPED"),
    "DELIVERED": ("CONFIRMED", "SHIPPED", "DELIVERED"),
    "CANCELLED": ("CANCELLED",),
}
"""The status updates that lead to each status."""


def order_in(status: OrderStatus) -> Order:
    history = History()
    history.handle(create())
    for step in PATHS[status]:
        history.handle(update(step))
    return history.orders[OrderId("order-1")]


def decided_order(order_id: OrderId) -> Order:
    return evolve(None, decided(None, create(order_id)))


def decided(order: Order | None, command: Command, now_ns: int = 7) -> Event:
    (event,) = decide(order, command, cause(now_ns, 42, 41))
    return event


# A command and the event that it caused.

CONTENTS = (
    create("a"),
    create("b"),
    create("a", "customer-2"),
    create("a", items=(item("p", 3),)),
    update("CONFIRMED", "a"),
    update("CANCELLED", "a"),
    cancel("a"),
    CancelOrder(OrderId("a"), "another reason"),
    amend("a", (item("p", 3),)),
    amend("a", (item("p", 4),)),
)
"""Commands of which no two ask for the same."""


@pytest.mark.parametrize("caused", CONTENTS, ids=repr)
def test_an_event_says_what_its_own_command_asked_for_and_no_other(caused: Command) -> None:
    order = None if isinstance(caused, CreateOrder) else decided_order(caused.order_id)
    event = decided(order, caused)
    assert [command for command in CONTENTS if could_have_caused(command, event)] == [caused]


# Creating.


def test_creating_an_order_makes_it_pending_with_an_exact_total_and_one_time_stamp() -> None:
    event = decided(None, create())
    assert event == OrderCreated(
        order_id=OrderId("order-1"),
        version=1,  # type: ignore[arg-type]
        occurred_ns=7,  # type: ignore[arg-type]
        causation_id=42,  # type: ignore[arg-type]
        correlation_id=41,  # type: ignore[arg-type]
        customer_id="customer-1",  # type: ignore[arg-type]
        items=ITEMS,
        total_cents=10997,  # type: ignore[arg-type]
    )
    order = evolve(None, event)
    assert (order.status, order.version, order.created_ns, order.updated_ns) == ("PENDING", 1, 7, 7)


def test_an_order_is_created_once() -> None:
    with pytest.raises(OrderAlreadyExistsError, match=r"^order already exists: order-1$") as caught:
        decided(order_in("PENDING"), create())
    assert caught.value.order_id == "order-1"


@pytest.mark.parametrize("quantity", [0, -1])
@pytest.mark.parametrize("command", [create, amend])
def test_every_quantity_must_be_positive_and_the_first_bad_item_is_named(
    command: type[object], quantity: int
) -> None:
    items = [item("good"), item("bad", quantity), item("worse", quantity)]
    order = None if command is create else order_in("PENDING")
    with pytest.raises(InvalidQuantityError, match=r"^invalid quantity for product bad$") as caught:
        decide(order, command(items=items), cause())  # type: ignore[call-arg, arg-type]
    assert (caught.value.order_id, caught.value.product_id) == ("order-1", "bad")
    assert caught.value.reasons == ("invalid quantity for product bad",)


# What there is no order for.


@pytest.mark.parametrize("command", [update("CONFIRMED"), cancel(), amend()], ids=str)
def test_no_other_command_finds_an_order_that_was_not_created(command: Command) -> None:
    with pytest.raises(OrderNotFoundError, match=r"^order not found: order-1$") as caught:
        decided(None, command)
    assert caught.value.order_id == "order-1"


# The transition table.


@pytest.mark.parametrize("target", STATUSES)
@pytest.mark.parametrize("status", STATUSES)
def test_status_updates_follow_the_transition_table(
    status: OrderStatus, target: OrderStatus
) -> None:
    allowed = {
        ("PENDING", "CONFIRMED"),
        ("PENDING", "CANCELLED"),
        ("CONFIRMED", "SHIPPED"),
        ("CONFIRMED", "CANCELLED"),
        ("SHIPPED", "DELIVERED"),
    }
    order = order_in(status)
    if (status, target) in allowed:
        event = decided(order, update(target))
        assert isinstance(event, OrderStatusChanged)
        assert (event.old_status, event.new_status) == (status, target)
        assert evolve(order, event).status == target
    else:
        with pytest.raises(InvalidTransitionError) as caught:
            decided(order, update(target))
        assert caught.value.status == status
        assert status in str(caught.value)
        assert target in str(caught.value)


# The two ways to cancel.


@pytest.mark.parametrize("status", ["PENDING", "CONFIRMED"])
def test_a_status_update_cancels_without_a_reason(status: OrderStatus) -> None:
    event = decided(order_in(status), update("CANCELLED"))
    assert isinstance(event, OrderStatusChanged)
    assert (event.old_status, event.new_status) == (status, "CANCELLED")


def test_a_shipped_order_is_cancelled_by_command_and_not_by_status_update() -> None:
    order = order_in("SHIPPED")
    with pytest.raises(InvalidTransitionError):
        decided(order, update("CANCELLED"))
    event = decided(order, cancel(reason="lost on the way"))
    assert isinstance(event, OrderCancelled)
    assert (event.old_status, event.reason) == ("SHIPPED", "lost on the way")


@pytest.mark.parametrize("status", STATUSES)
def test_the_command_cancels_from_anything_but_delivered_and_cancelled(status: OrderStatus) -> None:
    order = order_in(status)
    if status in ("DELIVERED", "CANCELLED"):
        with pytest.raises(
            InvalidTransitionError, match=f"^cannot cancel order in status: {status}$"
        ):
            decided(order, cancel())
    else:
        event = decided(order, cancel())
        assert isinstance(event, OrderCancelled)
        assert event.old_status == status
        assert evolve(order, event).status == "CANCELLED"


def test_a_reason_is_free_text_and_may_be_missing() -> None:
    event = decided(order_in("PENDING"), cancel(reason=""))
    assert isinstance(event, OrderCancelled)
    assert event.reason == ""


# Amending.


@pytest.mark.parametrize("status", STATUSES)
def test_items_are_replaced_while_an_order_is_pending_and_never_after(status: OrderStatus) -> None:
    order = order_in(status)
    command = amend(items=[item(quantity=3, price_cents=5)])
    if status != "PENDING":
        with pytest.raises(
            InvalidTransitionError, match=f"^cannot amend order in status: {status}$"
        ):
            decided(order, command)
        return
    event = decided(order, command)
    assert isinstance(event, OrderAmended)
    assert (event.old_total_cents, event.total_cents) == (10997, 15)
    amended = evolve(order, event)
    assert (amended.items, amended.total_cents, amended.status) == (command.items, 15, "PENDING")


# What holds for all of them.


def test_an_event_says_what_caused_it_and_has_an_identity_of_its_own() -> None:
    event = decided(order_in("CONFIRMED"), update("SHIPPED"))
    assert (event.causation_id, event.correlation_id, event.occurred_ns) == (42, 41, 7)
    assert (event.event_id, event.version, event.schema_version) == ("order-1#3", 3, 1)
    assert event.position == 0


def test_an_order_keeps_when_it_was_created_and_when_it_was_changed_last() -> None:
    history = History()
    history.handle(create(), 10)
    history.handle(update("CONFIRMED"), 20)
    history.handle(cancel(), 30)
    order = history.orders[OrderId("order-1")]
    assert (order.created_ns, order.updated_ns, order.version) == (10, 30, 3)


def test_an_event_without_its_order_is_a_bug() -> None:
    event = decided(order_in("PENDING"), update("CONFIRMED"))
    with pytest.raises(AssertionError, match="order-1#2 has no order to change"):
        evolve(None, event)


products = st.sampled_from(["prod-1", "prod-2", "prod-3"])
items = st.lists(
    st.builds(item, products, st.integers(-1, 1000), st.integers(0, 10**9)), min_size=1, max_size=5
)
good_items = st.lists(
    st.builds(item, products, st.integers(1, 10**6), st.integers(0, 10**12)),
    min_size=1,
    max_size=8,
)
orders = st.sampled_from(["order-1", "order-2"])
commands: st.SearchStrategy[Command] = st.one_of(
    st.builds(create, orders, st.sampled_from(["customer-1", "customer-2"]), items),
    st.builds(update, st.sampled_from(STATUSES), orders),
    st.builds(cancel, orders, st.text(max_size=5)),
    st.builds(amend, orders, items),
)


@given(good_items, st.randoms(use_true_random=False))
def test_a_total_is_exact_and_independent_of_the_order_of_items(
    lines: list[OrderItem], random: object
) -> None:
    total = total_of(OrderId("o"), tuple(lines))
    shuffled = list(lines)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert total == total_of(OrderId("o"), tuple(shuffled))
    assert total == sum(line.quantity * line.price_cents for line in lines)
    assert type(total) is int


def replay(sent: Sequence[Command]) -> History:
    history = History()
    for number, command in enumerate(sent):
        before = dict(history.orders), list(history.events)
        snapshot = (
            attrs.asdict(before[0][command.order_id]) if command.order_id in before[0] else {}
        )
        try:
            events = history.handle(command, number)
        except CommandRejectedError:
            # A rejected command records nothing and changes nothing.
            assert (history.orders, history.events) == before
        else:
            assert len(events) == 1
            assert history.orders[command.order_id] is not before[0].get(command.order_id)
        if snapshot:
            # Neither `decide` nor `evolve` touched the order that they were given.
            assert attrs.asdict(before[0][command.order_id]) == snapshot
    return history


@given(st.lists(commands, max_size=40))
def test_every_reachable_history_is_a_path_of_the_transition_table(sent: list[Command]) -> None:
    history = replay(sent)
    for order_id in history.orders:
        states: list[Order] = []
        steps: list[Event] = [event for event in history.events if event.order_id == order_id]
        order: Order | None = None
        for event in steps:
            order = evolve(order, event)
            states.append(order)
        assert isinstance(steps[0], OrderCreated)
        assert states[0].status == "PENDING"
        for (old, new), event in zip(pairwise(states), steps[1:], strict=True):
            match event:
                case OrderStatusChanged():
                    assert (old.status, new.status) == (event.old_status, event.new_status)
                    assert new.status in TRANSITIONS[old.status]
                case OrderCancelled():
                    assert old.status == event.old_status
                    assert old.status not in FINAL_STATUSES
                    assert new.status == "CANCELLED"
                case _:
                    assert isinstance(event, OrderAmended)
                    assert old.status == new.status == "PENDING"


@given(st.lists(commands, max_size=40))
def test_the_fold_of_its_events_is_the_state_of_an_order(sent: list[Command]) -> None:
    history = replay(sent)
    folded: dict[OrderId, Order] = {}
    for event in history.events:
        folded[event.order_id] = evolve(folded.get(event.order_id), event)
    assert folded == history.orders
    for order in folded.values():
        assert order.total_cents == sum(line.quantity * line.price_cents for line in order.items)


@given(st.lists(commands, max_size=40))
def test_versions_of_an_order_count_from_one_without_a_gap(sent: list[Command]) -> None:
    history = replay(sent)
    for order_id, order in history.orders.items():
        versions = [event.version for event in history.events if event.order_id == order_id]
        assert versions == list(range(1, order.version + 1))
