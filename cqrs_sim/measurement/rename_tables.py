"""The tables of a trace about renamed customers, and what became of each rename in a read model."""

import attrs

from cqrs_sim.measurement.columns import Bytes, Longs, Stamps, check_columns, empty


@attrs.frozen(eq=False, kw_only=True)
class RenameTable:
    """One row a rename, in sequence of submission. Columns: shape (n_renames,)."""

    customer: Longs
    """Number of the customer in the workload, from 0."""
    intended: Stamps
    """When its plan wanted it sent. Never NaT."""
    submitted: Stamps
    """When it was put to its customer's mailbox, or that was tried. Never NaT."""
    dequeued: Stamps
    """When the customer's actor took it."""
    committed: Stamps
    """When its event was in the customers' log and visible."""
    position: Longs
    """Of its event in the customers' log, from 1; 0 if there is none."""
    version: Longs
    """The customer's version after it; 0 if it has no event."""

    def __attrs_post_init__(self) -> None:
        check_columns(self)

    def __len__(self) -> int:
        return len(self.customer)


@attrs.frozen(eq=False, kw_only=True)
class RenameDeliveryTable:
    """One row a rename that a projector began with, sorted by (read_model, position).

    Columns: shape (n_rename_deliveries,).
    """

    read_model: Bytes
    """Index into `Trace.read_models`."""
    position: Longs
    """Of the event in the customers' log."""
    taken: Stamps
    """When the projector took it. Never NaT."""
    applied: Stamps
    """When all rows of the customer showed the new name; NaT if the run ended first."""
    rows: Longs
    """How many rows it was rewritten in; 0 where `applied` is NaT."""

    def __attrs_post_init__(self) -> None:
        check_columns(self)

    def __len__(self) -> int:
        return len(self.position)


def no_renames() -> RenameTable:
    """The table of a run in which nobody is renamed."""
    return empty(RenameTable)


def no_rename_deliveries() -> RenameDeliveryTable:
    """The table of a run in which no projector was told of a rename."""
    return empty(RenameDeliveryTable)
