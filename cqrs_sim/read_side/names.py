"""The name of an order's customer, as a row of a read model shows it."""

from collections.abc import Callable
from typing import TypeAlias

from cqrs_sim.domain.events import OrderCreated
from cqrs_sim.ids import CustomerId

NameOf: TypeAlias = Callable[[OrderCreated], str]

NOT_TOLD = "(name not known)"
"""In place of a name that was asked for in vain."""


def derived_name(created: OrderCreated) -> str:
    """The name that follows from the event alone."""
    return f"Customer-{created.customer_id}"


class NewestNames:
    """The names that a read model was told last; a `NameOf`, for orders that come later."""

    def __init__(self, otherwise: NameOf) -> None:
        """Begin with nothing told; `otherwise` names customers until they are renamed."""
        self._otherwise = otherwise
        self._told: dict[CustomerId, str] = {}

    def tell(self, customer_id: CustomerId, name: str) -> None:
        """It is called so from now on."""
        self._told[customer_id] = name

    def __call__(self, created: OrderCreated) -> str:
        """See `NameOf`."""
        return self._told.get(created.customer_id) or self._otherwise(created)
