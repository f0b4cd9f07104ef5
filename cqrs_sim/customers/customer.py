"""The customer aggregate: `decide` turns a command into an event, `evolve` folds it into state."""

from typing import final

import attrs

from cqrs_sim.customers.events import CustomerRenamed
from cqrs_sim.errors import CustomerNotFoundError, InvalidNameError
from cqrs_sim.ids import CustomerId, Nanoseconds, Version


@final
@attrs.frozen
class RenameCustomer:
    """Give a customer another name."""

    customer_id: CustomerId
    name: str


@attrs.frozen
class Customer:
    """The state of one customer. `evolve` makes a new one; nobody changes one."""

    customer_id: CustomerId
    name: str
    version: Version
    """How often it was renamed."""


def first_name(customer_id: CustomerId) -> str:
    """The name of a customer who was never renamed; orders can derive it from their events."""
    return f"Customer-{customer_id}"


def new_customer(customer_id: CustomerId) -> Customer:
    """A customer as it is before all events."""
    return Customer(customer_id, first_name(customer_id), Version(0))


def decide(
    customer: Customer | None, command: RenameCustomer, now_ns: Nanoseconds
) -> CustomerRenamed:
    """The event that a command causes, given the customer's state (None: there is none such).

    Raises:
        CustomerNotFoundError: if there is no such customer.
        InvalidNameError: if the new name is empty, or the one that the customer has.
    """
    if customer is None:
        raise CustomerNotFoundError(command.customer_id)
    if not command.name:
        raise InvalidNameError(command.customer_id, "a name is required")
    if command.name == customer.name:
        raise InvalidNameError(command.customer_id, f"its name is {command.name} already")
    version = Version(customer.version + 1)
    return CustomerRenamed(customer.customer_id, version, now_ns, command.name)


def evolve(customer: Customer, event: CustomerRenamed) -> Customer:
    """The state after an event: a new object, the old one is left as it was."""
    return Customer(customer.customer_id, event.name, event.version)
