"""Activations: what is known of order actors that come back from the log, and that leave memory.

Columns, one row a rehydration: a long run has many. An order that has no events yet is not
rehydrated; there is nothing to read.
"""

from array import array

from cqrs_sim.domain.order import Order
from cqrs_sim.ids import Nanoseconds, OrderId
from cqrs_sim.write_side.rehydration import Rehydrated


class Activations:
    """Notes of all order actors of a run."""

    def __init__(self) -> None:
        self.begun_ns = array("q")
        """When the first message was taken, for which the state had to be there."""
        self.spent_ns = array("q")
        """From then until it was there: real time on the wall clock, modelled time on both."""
        self.read_counts = array("q")
        """Events read from the log."""
        self.snapshot_versions = array("q")
        """Version of the snapshot that was used; 0 if none was."""
        self.is_for_command = array("b")
        """1 if a command waited for it, 0 if a question did."""
        self.left: dict[OrderId, Order] | None = None
        """The last state of each actor that is gone, if a run asks for it to audit them: that takes
        memory for every order, so it is not kept otherwise."""

    def enter(
        self,
        order_id: OrderId,
        found: Rehydrated,
        begun_ns: Nanoseconds,
        spent_ns: Nanoseconds,
        is_for_command: bool,
    ) -> None:
        """An actor has its state."""
        self.begun_ns.append(begun_ns)
        self.spent_ns.append(spent_ns)
        self.read_counts.append(found.read_count)
        self.snapshot_versions.append(found.snapshot_version)
        self.is_for_command.append(is_for_command)
        if self.left is not None:
            self.left.pop(order_id, None)

    def leave(self, order: Order | None) -> None:
        """An actor leaves memory, with nothing left to do."""
        if self.left is not None and order is not None:
            self.left[order.order_id] = order
