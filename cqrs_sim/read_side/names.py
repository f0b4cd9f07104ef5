"""The name of an order's customer, as a row of a read model shows it."""

from collections.abc import Callable
from typing import TypeAlias

from cqrs_sim.domain.events import OrderCreated

NameOf: TypeAlias = Callable[[OrderCreated], str]

NOT_TOLD = "(name not known)"
"""In place of a name that was asked for in vain."""


def derived_name(created: OrderCreated) -> str:
    """The name that follows from the event alone."""
    return f"Customer-{created.customer_id}"
