"""The tables of a trace about databases that stages share."""

import attrs

from cqrs_sim.measurement.columns import Bytes, Ints, Stamps, check_columns, empty


@attrs.frozen(eq=False, kw_only=True)
class DatabaseTable:
    """One row a database that stages share. Columns: shape (n_databases,)."""

    connections: Ints
    """How many pieces of work it does at once."""

    def __attrs_post_init__(self) -> None:
        check_columns(self)

    def __len__(self) -> int:
        return len(self.connections)


@attrs.frozen(eq=False, kw_only=True)
class WorkTable:
    """One row a piece of modelled work in a database, in the order submitted. Shape (n_works,)."""

    database: Bytes
    """Index into `Trace.database_names`."""
    kind: Bytes
    """`WorkKind` code."""
    read_model: Bytes
    """Index into `Trace.read_models`; -1 where the write side worked."""
    submitted: Stamps
    """When a stage had it to do: from here it waits for a connection. Never NaT."""
    begun: Stamps
    """When it had one."""
    ended: Stamps
    """When it was done."""

    def __attrs_post_init__(self) -> None:
        check_columns(self)

    def __len__(self) -> int:
        return len(self.submitted)


def no_works() -> WorkTable:
    """Of a run without databases."""
    return empty(WorkTable)
