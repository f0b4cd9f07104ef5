"""What a projector shows of another system: customers who get other names.

A name that is kept in each row of a customer has to be written anew in as many rows as the customer
has orders. The names come by a way of their own, so they lag on their own; and since one projector
writes all rows of its read model, every event behind a rename waits for it.
"""

from collections.abc import Callable
from typing import Protocol

import attrs

from cqrs_sim.customers.events import CustomerRenamed
from cqrs_sim.ids import CustomerId
from cqrs_sim.probe import Probe


class NamedRows(Protocol):
    """A read model whose rows show the names of customers."""

    def orders_count(self, customer_id: CustomerId) -> int:
        """How many rows show the name of a customer."""

    def rename(self, customer_id: CustomerId, name: str) -> int:
        """Show another name in all of them, and in those to come; returns how many there are."""


class Feed(Protocol):
    """Where renames come from; see `customers.feed.RenameFeed`."""

    wake: Callable[[], None]

    taken: int

    @property
    def arrived(self) -> int:
        """The last position that arrived."""

    def take(self) -> CustomerRenamed | None:
        """The next that arrived; None if there is none, and in a pause."""

    @property
    def is_drained(self) -> bool:
        """Whether nothing is left and nothing will come."""

    @property
    def is_through(self) -> bool:
        """Whether all that there are were taken."""


@attrs.frozen(eq=False)
class Renames:
    """The renames that one projector shows."""

    probe: Probe
    feed: Feed
    each_ns: int
    """Modelled time to rewrite one row."""
