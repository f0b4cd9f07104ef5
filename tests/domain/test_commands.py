import attrs
import pytest
from fakes import ITEMS, amend, cancel, create, item, update

from cqrs_sim.domain.commands import Command, shape_errors
from cqrs_sim.domain.status import STATUSES
from cqrs_sim.ids import CustomerId


@pytest.mark.parametrize(
    "command",
    [create(), cancel(), cancel(reason=""), amend(), *[update(status) for status in STATUSES]],
    ids=str,
)
def test_a_command_that_keeps_all_rules_has_no_shape_errors(command: Command) -> None:
    assert shape_errors(command) == ()


@pytest.mark.parametrize(
    "command", [create(""), update("CONFIRMED", ""), cancel(""), amend("")], ids=str
)
def test_every_command_needs_an_order_id(command: Command) -> None:
    assert shape_errors(command) == ("order ID is required",)


def test_creating_needs_a_customer() -> None:
    assert shape_errors(create(customer="")) == ("customer ID is required",)


@pytest.mark.parametrize("command", [create(items=()), amend(items=())], ids=str)
def test_an_order_needs_at_least_one_item(command: Command) -> None:
    assert shape_errors(command) == ("order must have at least one item",)


@pytest.mark.parametrize("status", ["", "pending", "REFUNDED"])
def test_a_status_update_needs_one_of_the_five_statuses(status: str) -> None:
    command = update(status)  # type: ignore[arg-type]
    assert shape_errors(command) == (f"invalid status: {status}",)


def test_all_broken_rules_are_told_at_once() -> None:
    assert shape_errors(create("", "", ())) == (
        "order ID is required",
        "customer ID is required",
        "order must have at least one item",
    )
    assert shape_errors(update("LOST", "")) == (  # type: ignore[arg-type]
        "order ID is required",
        "invalid status: LOST",
    )
    assert shape_errors(amend("", ())) == (
        "order ID is required",
        "order must have at least one item",
    )


def test_quantities_are_for_the_order_to_judge_not_for_the_shape() -> None:
    assert shape_errors(create(items=[item(quantity=0)])) == ()
    assert shape_errors(amend(items=[item(quantity=-1)])) == ()


def test_commands_cannot_be_changed() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        create().customer_id = CustomerId("another")  # type: ignore[misc]
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        ITEMS[0].quantity = 9  # type: ignore[misc]
