"""An old log is read by the new program, and gives the states that it always meant."""

import copy

import msgspec
import pytest
from fakes import History, amend, cancel, create, item, update
from hypothesis import given
from hypothesis import strategies as st
from old_log import OLD_EVENTS

from cqrs_sim.domain.events import (
    Event,
    OrderAmended,
    OrderCancelled,
    OrderCreated,
    OrderStatusChanged,
)
from cqrs_sim.domain.history import fold_all, legal_history
from cqrs_sim.domain.upcasting import CHAINS, Payload, Step, climbed, schema_of, upcast
from cqrs_sim.errors import UnknownSchemaError, UpcastError
from cqrs_sim.read_side.orders import OrdersReadModel
from cqrs_sim.read_side.statistics import StatisticsReadModel

TYPES: dict[str, type[OrderCreated | OrderAmended | OrderStatusChanged | OrderCancelled]] = {
    "OrderCreated": OrderCreated,
    "OrderAmended": OrderAmended,
    "OrderStatusChanged": OrderStatusChanged,
    "OrderCancelled": OrderCancelled,
}


def event_of(type_name: str, payload: Payload) -> Event:
    """As a codec makes one: the present schema, checked field by field."""
    found: Event = msgspec.convert(payload, TYPES[type_name])
    return found


def old_log() -> list[Event]:
    return [event_of(name, upcast(name, version, payload)) for name, version, payload in OLD_EVENTS]


def told_anew() -> History:
    """The same story, as the program of today tells it."""
    history = History()
    for now_ns, command in (
        (1_000, create(items=[item("prod-1", 2, 2999), item("prod-2", 1, 4999)])),
        (2_000, create("order-2", items=[item("prod-3", 3, 10)])),
        (3_000, amend(items=[item("prod-2", 2, 4999)])),
        (4_000, update("CONFIRMED")),
        (5_000, cancel("order-2")),
        (6_000, update("SHIPPED")),
    ):
        history.handle(command, now_ns)
    return history


def test_an_old_log_gives_the_states_that_a_new_one_would() -> None:
    assert fold_all(old_log()) == told_anew().orders


def test_an_old_log_is_legal_by_the_rules_of_today() -> None:
    for order_id in ("order-1", "order-2"):
        assert legal_history([e for e in old_log() if e.order_id == order_id]) is None


def test_read_models_show_of_an_old_log_what_they_show_of_a_new_one() -> None:
    for make in (OrdersReadModel, StatisticsReadModel):
        old, new = make(), make()
        for event in old_log():
            old.apply(event)
        for event in told_anew().events:
            new.apply(event)
        assert old.contents() == new.contents()


def test_an_old_log_read_as_if_it_were_new_is_refused_by_whoever_makes_events_of_it() -> None:
    """So the test above cannot pass without upcasting."""
    name, _, payload = OLD_EVENTS[0]
    with pytest.raises(msgspec.ValidationError):
        event_of(name, payload)


def test_upcasting_leaves_what_it_was_given_as_it_was() -> None:
    before = copy.deepcopy(OLD_EVENTS)
    old_log()
    assert before == OLD_EVENTS


@pytest.mark.parametrize("name", TYPES)
def test_the_present_schema_is_the_end_of_the_chain_and_passes_unchanged(name: str) -> None:
    newest = 1 + len(CHAINS[name])
    assert TYPES[name].schema_version == schema_of(name) == newest
    assert upcast(name, newest, {"any": ["thing"]}) == {"any": ["thing"]}


def test_every_type_of_event_has_a_chain() -> None:
    assert set(CHAINS) == set(TYPES)


@given(st.integers(0, 10**12))
def test_every_amount_of_whole_cents_comes_through_the_float_it_was_stored_as(cents: int) -> None:
    amount = cents / 100
    payload = {
        "items": [{"product_id": "p", "quantity": 1, "price": amount}],
        "total_amount": amount,
    }
    found = upcast("OrderCreated", 1, payload)
    assert found == {
        "items": [{"product_id": "p", "quantity": 1, "price_cents": cents}],
        "total_cents": cents,
    }


def test_a_chain_is_climbed_from_where_an_event_stands() -> None:
    def step(number: int) -> Step:
        return lambda payload: {**payload, f"step {number}": len(payload)}

    chain = [step(1), step(2), step(3)]
    assert climbed("X", 1, {}, chain) == {"step 1": 0, "step 2": 1, "step 3": 2}
    assert climbed("X", 3, {}, chain) == {"step 3": 0}
    assert climbed("X", 4, {}, chain) == {}


@pytest.mark.parametrize(
    ("name", "version", "message"),
    [
        ("OrderCreated", 3, "event OrderCreated of schema version 3: this program knows versions"),
        ("OrderCreated", 0, "event OrderCreated of schema version 0: this program knows versions"),
        ("OrderCancelled", 2, "schema version 2: this program knows version 1"),
        ("OrderShipped", 1, "OrderShipped of schema version 1: this program knows no such type"),
    ],
)
def test_a_type_or_version_that_is_not_known_is_refused_with_what_is(
    name: str, version: int, message: str
) -> None:
    with pytest.raises(UnknownSchemaError) as caught:
        upcast(name, version, {})
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_schema_of_a_type_that_is_not_known_is_asked_for_in_vain() -> None:
    with pytest.raises(UnknownSchemaError, match="OrderShipped: this program knows no such type"):
        schema_of("OrderShipped")


ITEM = {"product_id": "p", "quantity": 2, "price": 1.25}


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ({"items": [ITEM]}, "there is no 'total_amount'"),
        ({"total_amount": 1.0}, "there is no 'items'"),
        ({"items": [ITEM], "total_amount": 2.4}, "total_amount is 2.4, but the items cost 250"),
        ({"items": [ITEM], "total_amount": "2.50"}, "total_amount is '2.50', which is no amount"),
        ({"items": [ITEM], "total_amount": True}, "which is no amount of money"),
        ({"items": [ITEM], "total_amount": float("nan")}, "nan, which is no whole number"),
        ({"items": [ITEM], "total_amount": float("inf")}, "inf, which is no whole number"),
        ({"items": [{**ITEM, "price": 0.333}], "total_amount": 0.666}, "price is 0.333, which is"),
        ({"items": [{"quantity": 2}], "total_amount": 1.0}, "there is no 'price'"),
        ({"items": 7, "total_amount": 1.0}, "not iterable"),
    ],
)
def test_a_payload_that_is_not_what_its_schema_says_is_refused(
    payload: dict[str, object], reason: str
) -> None:
    with pytest.raises(UpcastError) as caught:
        upcast("OrderCreated", 1, payload)
    assert str(caught.value).startswith("event OrderCreated of schema version 1: ")
    assert reason in str(caught.value)
