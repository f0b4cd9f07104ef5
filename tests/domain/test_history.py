from collections.abc import Callable

import attrs
import pytest
from fakes import ITEMS, History, amend, cancel, create, histories, item, update
from hypothesis import given

from cqrs_sim.domain.events import Event, OrderAmended, OrderCreated
from cqrs_sim.domain.history import fold, fold_all, legal_history, story_of
from cqrs_sim.ids import OrderId

ORDER = OrderId("order-1")


def five_events() -> list[Event]:
    history = History()
    steps = (create(), amend(items=ITEMS[:1]), update("CONFIRMED"), update("SHIPPED"), cancel())
    for command in steps:
        history.handle(command)
    return history.events


def test_a_story_is_each_event_with_the_state_after_it() -> None:
    events = five_events()
    story = story_of(events)
    assert [event for event, _ in story] == events
    assert [(order.version, order.status, order.total_cents) for _, order in story] == [
        (1, "PENDING", 10997),
        (2, "PENDING", 5998),
        (3, "CONFIRMED", 5998),
        (4, "SHIPPED", 5998),
        (5, "CANCELLED", 5998),
    ]
    assert story_of([]) == []


@given(histories())
def test_what_the_rules_let_happen_is_legal_and_folds_to_the_state(history: History) -> None:
    for order_id, order in history.orders.items():
        events = [event for event in history.events if event.order_id == order_id]
        assert legal_history(events) is None
        assert fold(events) == story_of(events)[-1][1] == order
    assert fold_all(history.events) == history.orders


def test_nothing_is_legal_and_folds_to_nothing() -> None:
    assert legal_history([]) is None
    assert fold([]) is None


def changed(number: int, **fields: object) -> Callable[[list[Event]], None]:
    def change(events: list[Event]) -> None:
        events[number] = attrs.evolve(events[number], **fields)  # type: ignore[arg-type] # some event's fields

    return change


def removed(number: int) -> Callable[[list[Event]], None]:
    return lambda events: events.__delitem__(number)


def doubled(number: int) -> Callable[[list[Event]], None]:
    return lambda events: events.insert(number, events[number])


def as_new(version: int) -> Callable[[list[Event]], None]:
    def change(events: list[Event]) -> None:
        (created, *_) = events
        events[version - 1] = attrs.evolve(
            created,
            version=version,  # type: ignore[arg-type]
            position=version,  # type: ignore[arg-type]
        )

    return change


@pytest.mark.parametrize(
    ("fault", "event_id", "reason"),
    [
        (removed(0), "order-1#2", "is version 2, but there is none before it"),
        (removed(2), "order-1#4", "is version 4, but the one before it is 2"),
        (doubled(1), "order-1#2", "is version 2, but the one before it is 2"),
        (changed(2, version=9), "order-1#9", "is version 9, but the one before it is 2"),
        (changed(1, order_id="order-2"), "order-2#2", "is of another order than order-1"),
        (as_new(2), "order-1#2", "creates an order that exists"),
        (changed(1, position=1), "order-1#2", "stands at position 1, behind 1"),
        (changed(2, old_status="SHIPPED"), "order-1#3", "says the status was SHIPPED"),
        (changed(2, new_status="SHIPPED"), "order-1#3", "changes PENDING to SHIPPED"),
        (changed(4, old_status="PENDING"), "order-1#5", "says the status was PENDING, but it was"),
        (changed(3, new_status="DELIVERED"), "order-1#4", "changes CONFIRMED to DELIVERED"),
        (changed(0, total_cents=1), "order-1#1", "total is 1, but its items cost 10997"),
        (changed(1, total_cents=5997), "order-1#2", "total is 5997, but its items cost 5998"),
        (changed(1, old_total_cents=5), "order-1#2", "says the total was 5, but it was 10997"),
        (changed(0, items=()), "order-1#1", "leaves the order without items"),
        (changed(0, items=(item("p", 0),)), "order-1#1", "has 0 of product p"),
    ],
)
def test_the_first_event_that_cannot_be_true_is_named_with_the_reason(
    fault: Callable[[list[Event]], None], event_id: str, reason: str
) -> None:
    events = five_events()
    assert legal_history(events) is None
    fault(events)
    found = legal_history(events)
    assert found is not None
    assert found.event.event_id == event_id
    assert reason in str(found)
    assert str(found).startswith(event_id)


def test_an_event_in_the_wrong_status_is_found() -> None:
    history = History()
    for command in (create(), update("CONFIRMED"), update("SHIPPED"), update("DELIVERED")):
        history.handle(command)
    created, *_, delivered = history.events
    assert isinstance(created, OrderCreated)
    head = (ORDER, 5, 0, 0, 0)
    amended = OrderAmended(*head, ITEMS, created.total_cents, created.total_cents)  # type: ignore[arg-type]
    found = legal_history([*history.events, amended])
    assert found is not None
    assert found.reason == "amends an order that is DELIVERED"

    other = History()
    other.handle(create())
    other.handle(cancel())
    (_, cancelled) = other.events
    late = attrs.evolve(cancelled, version=5, position=9, old_status="DELIVERED")  # type: ignore[arg-type]
    found = legal_history([*history.events, late])
    assert found is not None
    assert (found.event, found.reason) == (late, "cancels an order that is DELIVERED")
    assert delivered.version == 4


def test_what_comes_before_the_creation_is_found() -> None:
    history = History()
    history.handle(create())
    history.handle(cancel())
    first = attrs.evolve(history.events[1], version=1)  # type: ignore[arg-type]
    found = legal_history([first])
    assert found is not None
    assert found.reason == "comes before the order is created"
