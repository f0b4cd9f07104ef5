from contextlib import suppress

import pytest
from fakes import cause, create
from hypothesis import given
from hypothesis import strategies as st

from cqrs_sim.customers.customer import (
    Customer,
    RenameCustomer,
    decide,
    evolve,
    first_name,
    new_customer,
)
from cqrs_sim.customers.events import UNRECORDED, CustomerRenamed
from cqrs_sim.customers.log import CustomerLog
from cqrs_sim.domain.events import OrderCreated
from cqrs_sim.domain.order import decide as decide_order
from cqrs_sim.errors import (
    CustomerConflictError,
    CustomerNotFoundError,
    CustomerRejectedError,
    InvalidNameError,
)
from cqrs_sim.ids import CustomerId, Nanoseconds, Version
from cqrs_sim.read_side.names import derived_name

ANN, BOB = CustomerId("customer-1"), CustomerId("customer-2")


def rename(name: str, customer: CustomerId = ANN) -> RenameCustomer:
    return RenameCustomer(customer, name)


def decided(customer: Customer | None, name: str) -> CustomerRenamed:
    return decide(customer, rename(name), Nanoseconds(7))


def renamed(version: int, name: str, customer: CustomerId = ANN) -> CustomerRenamed:
    return CustomerRenamed(customer, Version(version), Nanoseconds(7), name)


def test_a_customer_who_was_never_renamed_has_the_name_that_orders_derive() -> None:
    """Neither system imports the other, so nothing else says it."""
    (created,) = decide_order(None, create(customer="customer-1"), cause())
    assert isinstance(created, OrderCreated)
    assert new_customer(ANN) == Customer(ANN, derived_name(created), Version(0))


def test_a_rename_is_an_event_of_the_next_version_that_says_the_name() -> None:
    customer = new_customer(ANN)
    event = decided(customer, "Ann")
    assert event == renamed(1, "Ann")
    assert event.position == UNRECORDED
    assert evolve(customer, event) == Customer(ANN, "Ann", Version(1))
    assert customer == new_customer(ANN), "the old state is left as it was"


def test_who_is_not_there_cannot_be_renamed() -> None:
    with pytest.raises(CustomerNotFoundError, match="customer customer-1: there is no such"):
        decided(None, "Ann")


@pytest.mark.parametrize(
    ("name", "why"),
    [("", "a name is required"), ("Ann", "its name is Ann already")],
)
def test_a_name_is_rejected_if_it_is_empty_or_no_new_one(name: str, why: str) -> None:
    with pytest.raises(InvalidNameError, match=f"customer customer-1: {why}"):
        decided(Customer(ANN, "Ann", Version(3)), name)


def test_a_former_name_may_come_back() -> None:
    assert decided(Customer(ANN, "Ann", Version(3)), first_name(ANN)).version == 4


NAMES = st.sampled_from(["", "Ann", "Anna", first_name(ANN)])


@given(st.lists(st.tuples(st.sampled_from([ANN, BOB]), NAMES), max_size=30))
def test_the_state_is_the_fold_of_the_log(steps: list[tuple[CustomerId, str]]) -> None:
    log, states = CustomerLog(), {ANN: new_customer(ANN), BOB: new_customer(BOB)}
    for customer_id, name in steps:
        before = states[customer_id]
        with suppress(CustomerRejectedError):
            event = decide(before, rename(name, customer_id), Nanoseconds(0))
            assert log.append(before.version, event) == log.head == event.position
            states[customer_id] = evolve(before, event)
            assert states[customer_id].name == name
        assert log.state_of(customer_id) == states[customer_id]
    assert [event.position for event in log.events] == list(range(1, log.head + 1))
    for customer_id, state in states.items():
        mine = [event.version for event in log.events if event.customer_id == customer_id]
        assert mine == list(range(1, state.version + 1))


@pytest.mark.parametrize("expected", [0, 2])
def test_an_append_that_saw_another_version_is_refused_and_leaves_nothing(expected: int) -> None:
    log = CustomerLog()
    log.append(Version(0), renamed(1, "Ann"))
    with pytest.raises(CustomerConflictError, match=f"expected version {expected}, log has 1"):
        log.append(Version(expected), renamed(expected + 1, "Anna"))
    assert [event.name for event in log.events] == ["Ann"]
    assert log.append(Version(0), renamed(1, "Bob", BOB)) == 2
