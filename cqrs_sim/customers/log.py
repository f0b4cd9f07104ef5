"""The log of the customers: positions of its own, and an append that expects a version."""

from cqrs_sim.customers.customer import Customer, evolve, new_customer
from cqrs_sim.customers.events import CustomerRenamed
from cqrs_sim.errors import CustomerConflictError
from cqrs_sim.ids import CustomerId, Position, Version


class CustomerLog:
    """An append-only list of events; of each renamed customer it knows the last one."""

    def __init__(self) -> None:
        self.events: list[CustomerRenamed] = []
        """All events; position p at index p - 1."""
        self._last: dict[CustomerId, CustomerRenamed] = {}

    @property
    def head(self) -> Position:
        """The last position; 0 if the log is empty."""
        return Position(len(self.events))

    def append(self, expected: Version, event: CustomerRenamed) -> Position:
        """Record an event at the next position.

        Raises:
            CustomerConflictError: if the customer does not have the expected version.
        """
        last = self._last.get(event.customer_id)
        version = Version(0) if last is None else last.version
        if version != expected:
            raise CustomerConflictError(event.customer_id, expected, version)
        assert event.version == expected + 1, "versions are contiguous"
        self.events.append(event)
        self._last[event.customer_id] = event
        event.position = self.head
        return event.position

    def state_of(self, customer_id: CustomerId) -> Customer:
        """A customer as its last event left it, which says all there is; made when asked for."""
        customer, last = new_customer(customer_id), self._last.get(customer_id)
        return customer if last is None else evolve(customer, last)
