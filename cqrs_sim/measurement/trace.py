"""The trace: every stamp of a run, one row a command, an event, a delivery, a query.

All engines give this one thing; measuring, checking and plotting read nothing else. Each instant is
defined in one line where it is declared. Goals: raw integers, so that any later question has an
exact answer; one clock, one origin. Non-goals: anything derived (that is `analysis`), and payloads.

Stamps are `timedelta64[ns]` from the start of the run; NaT means that it never happened.
"""

from collections.abc import Mapping
from typing import Self, TypeAlias, TypeVar

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.errors import IncompleteTraceError
from cqrs_sim.measurement.attempts import AttemptTable, no_attempts
from cqrs_sim.measurement.columns import Bytes, Floats, Ints, Longs, Stamps, check_columns
from cqrs_sim.measurement.database_tables import DatabaseTable, WorkTable, no_works
from cqrs_sim.measurement.delivery_tables import (
    MODES,
    USUAL,
    CrashTable,
    HandlingTable,
    no_crashes,
    no_handlings,
)
from cqrs_sim.measurement.enrichment_table import EnrichmentTable, no_enrichments
from cqrs_sim.measurement.reading_arrays import (
    databases_in,
    incidents_in,
    later_tables_in,
    names_in,
    number_in,
    table_in,
)
from cqrs_sim.measurement.rename_tables import (
    RenameDeliveryTable,
    RenameTable,
    no_rename_deliveries,
    no_renames,
)
from cqrs_sim.probe import (
    NO_READ_MODEL,
    AttemptEnd,
    Handling,
    Lookup,
    Outcome,
    QueryOutcome,
    Strategy,
    WorkKind,
)

Array: TypeAlias = NDArray[np.generic]


@attrs.frozen(eq=False, kw_only=True)
class CommandTable:
    """One row a command, in plan order: the row is its `CommandId`. Columns: shape (n,)."""

    intended: Stamps
    """When the load plan wanted the command sent."""
    submitted: Stamps
    """When it was put to the order's mailbox, or that was tried."""
    dequeued: Stamps
    """When the order actor took it."""
    committed: Stamps
    """When its events had their positions in the log and were visible."""
    acknowledged: Stamps
    """When the caller knew the outcome."""
    order: Ints
    """Index into `Trace.order_ids`."""
    kind: Bytes
    """Index into `Trace.command_kinds`."""
    session: Ints
    """Number of the session that sent it; 0 where sessions are not used."""
    outcome: Bytes
    """`Outcome` code."""
    version: Ints
    """The order's version after the command; 0 if it recorded nothing."""
    position: Longs
    """Position of the command's last event; 0 if it recorded nothing."""

    def __attrs_post_init__(self) -> None:
        check_columns(self)

    def __len__(self) -> int:
        return len(self.intended)


@attrs.frozen(eq=False, kw_only=True)
class EventTable:
    """One row an event committed during the run, in position order. Columns: shape (n_events,)."""

    position: Longs
    """Contiguous, from `Trace.first_position`."""
    command: Ints
    """Row of the command that caused it."""
    order: Ints
    """Index into `Trace.order_ids`."""
    version: Ints
    """The order's version with this event: 1 for its first."""
    committed: Stamps
    """When the event was visible in the log; non-decreasing, never NaT."""

    def __attrs_post_init__(self) -> None:
        check_columns(self)

    def __len__(self) -> int:
        return len(self.position)


@attrs.frozen(eq=False, kw_only=True)
class DeliveryTable:
    """One row a delivery of an event to a read model, sorted by (read_model, position).

    Columns: shape (n_deliveries,).
    """

    read_model: Bytes
    """Index into `Trace.read_models`."""
    position: Longs
    """Position of the event."""
    delivered: Stamps
    """When the event was put on the read model's channel."""
    taken: Stamps
    """When the projector took it; the events of a batch are taken at one instant."""
    applied: Stamps
    """When the read model showed it."""
    checkpointed: Stamps
    """When the projector had stored that it did."""

    def __attrs_post_init__(self) -> None:
        check_columns(self)

    def __len__(self) -> int:
        return len(self.position)


@attrs.frozen(eq=False, kw_only=True)
class QueryTable:
    """One row a query, in plan order: the row is its `QueryId`. Columns: shape (n_queries,)."""

    intended: Stamps
    """When the load plan wanted the query sent."""
    submitted: Stamps
    """When it was sent to the side that is to answer it."""
    answered: Stamps
    """When the caller had the answer; NaT if never, as after a timeout."""
    kind: Bytes
    """Index into `Trace.query_kinds`."""
    session: Ints
    """Number of the session that asked."""
    read_model: Bytes
    """Index into `Trace.read_models`; -1 where the write side answered."""
    order: Ints
    """The order asked for, as index into `Trace.order_ids`; -1 where the query is not about one."""
    position: Longs
    """The answer reflects all events up to here; 0 if none."""
    versions_missing: Floats
    """Versions of that order committed but not shown when answered; nan where the query is not
    about one order or was never answered."""
    strategy: Bytes = attrs.field()
    """`Strategy` code. Files from before there were strategies are read: all was `EVENTUAL`."""
    outcome: Bytes = attrs.field()
    """`QueryOutcome` code; in a file from before there were any: answered or not."""
    dequeued: Stamps = attrs.field()
    """When the order actor took it; NaT where a read model answers, and in older files."""
    cache: Bytes = attrs.field()
    """`Lookup` code; older files are from before there was a cache."""

    @strategy.default
    def _eventual(self) -> NDArray[np.int8]:
        return np.full(len(self.intended), Strategy.EVENTUAL, np.int8)

    @outcome.default
    def _answered_or_not(self) -> NDArray[np.int8]:
        return (~np.isnat(self.answered)).astype(np.int8)

    @cache.default
    def _not_asked(self) -> NDArray[np.int8]:
        return np.full(len(self.intended), Lookup.NONE, np.int8)

    @dequeued.default
    def _never_noted(self) -> NDArray[np.timedelta64]:
        return np.full(len(self.intended), np.timedelta64("NaT", "ns"))

    def __attrs_post_init__(self) -> None:
        check_columns(self)

    def __len__(self) -> int:
        return len(self.intended)


Table = TypeVar("Table", bound=attrs.AttrsInstance)

_ONLY_IF_ANY = (EnrichmentTable, RenameTable, RenameDeliveryTable)
"""Tables that a file does not name if they have no row."""


@attrs.frozen(eq=False, kw_only=True)
class Trace:
    """All that was recorded of one run."""

    commands: CommandTable
    events: EventTable
    deliveries: DeliveryTable
    queries: QueryTable
    order_ids: tuple[str, ...]
    """Names of the orders; the tables hold indexes into it."""
    read_models: tuple[str, ...]
    """Names of the read models, in scenario order."""
    command_kinds: tuple[str, ...]
    """Class names of the commands."""
    query_kinds: tuple[str, ...]
    """Class names of the queries."""
    load_ended_ns: int
    """When the last operation was to have been sent: the load period is [0, load_ended_ns)."""
    ended_ns: int
    """When the run ended; what had not happened by then is NaT (right-censored)."""
    first_position: int
    """Position of the first event of the run; events before it were set up before the run."""
    databases: DatabaseTable = attrs.field()
    """Older files have none, and no works."""
    works: WorkTable = attrs.field()
    database_names: tuple[str, ...] = ()
    """Names of the databases, in scenario order."""
    crashes: CrashTable = attrs.field(factory=no_crashes)
    """Older files have none; nor any handlings, nor modes."""
    handlings: HandlingTable = attrs.field(factory=no_handlings)
    attempts: AttemptTable = attrs.field(factory=no_attempts)
    """None where each order has an actor; nor in older files."""
    enrichments: EnrichmentTable = attrs.field(factory=no_enrichments)
    """A file has them only if there are any."""
    renames: RenameTable = attrs.field(factory=no_renames)
    """A file has them only if there are any; nor are there deliveries without."""
    rename_deliveries: RenameDeliveryTable = attrs.field(factory=no_rename_deliveries)
    delivery_modes: tuple[str, ...] = attrs.field()
    """How events are delivered to each read model, in scenario order; see `MODES`."""

    @delivery_modes.default
    def _usual_modes(self) -> tuple[str, ...]:
        return (USUAL,) * len(self.read_models)

    @databases.default
    def _no_databases(self) -> DatabaseTable:
        return DatabaseTable(connections=np.empty(0, np.int32))

    @works.default
    def _no_works(self) -> WorkTable:
        return no_works()

    def __attrs_post_init__(self) -> None:
        _check_indices(self)

    def deliveries_of(self, read_model: str) -> DeliveryTable:
        """The deliveries to one read model, in position order: views, not copies.

        Raises:
            IncompleteTraceError: if the trace has no such read model.
        """
        if read_model not in self.read_models:
            raise IncompleteTraceError(
                f"the trace has no read model {read_model!r}, only {', '.join(self.read_models)}"
            )
        index = self.read_models.index(read_model)
        first, last = np.searchsorted(self.deliveries.read_model, [index, index + 1])
        return select(self.deliveries, slice(int(first), int(last)))

    def to_arrays(self) -> dict[str, Array]:
        """Every column under `table.column`, names and scalars under their own name."""
        arrays: dict[str, Array] = {}
        for field in attrs.fields(Trace):
            value = getattr(self, field.name)
            if isinstance(value, _ONLY_IF_ANY) and not len(value):
                continue
            if isinstance(value, tuple):
                # An empty tuple would become floats.
                arrays[field.name] = np.array(value, dtype=np.str_)
            elif isinstance(value, int):
                arrays[field.name] = np.array(value, dtype=np.int64)
            else:
                for column in attrs.fields(type(value)):
                    arrays[f"{field.name}.{column.name}"] = getattr(value, column.name)
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> Self:
        """The trace whose `to_arrays` this is.

        Raises:
            IncompleteTraceError: if an array is missing, or does not fit the others.
        """
        return cls(
            commands=table_in(CommandTable, "commands", arrays),
            events=table_in(EventTable, "events", arrays),
            deliveries=table_in(DeliveryTable, "deliveries", arrays),
            queries=table_in(QueryTable, "queries", arrays),
            order_ids=names_in(arrays, "order_ids"),
            read_models=names_in(arrays, "read_models"),
            command_kinds=names_in(arrays, "command_kinds"),
            query_kinds=names_in(arrays, "query_kinds"),
            load_ended_ns=number_in(arrays, "load_ended_ns"),
            ended_ns=number_in(arrays, "ended_ns"),
            first_position=number_in(arrays, "first_position"),
            **databases_in(arrays),
            **incidents_in(arrays),
            **later_tables_in(arrays),
        )


def select(table: Table, rows: NDArray[np.bool_] | NDArray[np.intp] | slice) -> Table:
    """The same table with these rows only, in this order."""
    columns = {field.name: getattr(table, field.name)[rows] for field in attrs.fields(type(table))}
    return type(table)(**columns)


def _check_indices(trace: Trace) -> None:
    """No row points outside the names that it refers to, and `deliveries_of` may bisect."""
    commands, events = trace.commands, trace.events
    deliveries, queries, attempts = trace.deliveries, trace.queries, trace.attempts
    renamed = trace.rename_deliveries
    for what, index, lowest, size in (
        ("commands.order", commands.order, 0, len(trace.order_ids)),
        ("commands.kind", commands.kind, 0, len(trace.command_kinds)),
        ("commands.outcome", commands.outcome, 0, len(Outcome)),
        ("events.order", events.order, 0, len(trace.order_ids)),
        ("deliveries.read_model", deliveries.read_model, 0, len(trace.read_models)),
        ("queries.order", queries.order, -1, len(trace.order_ids)),
        ("queries.kind", queries.kind, 0, len(trace.query_kinds)),
        ("queries.read_model", queries.read_model, NO_READ_MODEL, len(trace.read_models)),
        ("queries.strategy", queries.strategy, 0, len(Strategy)),
        ("queries.outcome", queries.outcome, 0, len(QueryOutcome)),
        ("queries.cache", queries.cache, 0, len(Lookup)),
        ("works.database", trace.works.database, 0, len(trace.databases)),
        ("works.kind", trace.works.kind, 0, len(WorkKind)),
        ("works.read_model", trace.works.read_model, NO_READ_MODEL, len(trace.read_models)),
        ("crashes.read_model", trace.crashes.read_model, NO_READ_MODEL, len(trace.read_models)),
        ("handlings.read_model", trace.handlings.read_model, 0, len(trace.read_models)),
        ("attempts.command", attempts.command, 0, len(commands)),
        ("attempts.end", attempts.end, 0, len(AttemptEnd)),
        ("handlings.kind", trace.handlings.kind, 0, len(Handling)),
        ("handlings.position", trace.handlings.position - trace.first_position, 0, len(events)),
        ("enrichments.read_model", trace.enrichments.read_model, 0, len(trace.read_models)),
        ("enrichments.attempts", trace.enrichments.attempts, 0, 101),
        ("enrichments.is_told", trace.enrichments.is_told, 0, 2),
        ("enrichments.position", trace.enrichments.position - trace.first_position, 0, len(events)),
        ("rename_deliveries.read_model", renamed.read_model, 0, len(trace.read_models)),
    ):
        if len(index) and not lowest <= int(index.min()) <= int(index.max()) < size:
            raise IncompleteTraceError(f"{what} points outside the {size} names it refers to")
    connections, names = trace.databases.connections, trace.database_names
    if len(connections) != len(names) or np.any(connections < 1):
        raise IncompleteTraceError(f"databases.connections must be from 1, of {len(names)} names")
    never_missing = (trace.works.submitted, trace.crashes.crashed, attempts.begun)
    if any(np.isnat(stamps).any() for stamps in never_missing):
        raise IncompleteTraceError(
            "works.submitted, crashes.crashed or attempts.begun lacks an instant"
        )
    if np.isnat(trace.enrichments.asked).any() or np.any(np.diff(trace.enrichments.read_model) < 0):
        raise IncompleteTraceError("enrichments lack an instant, or are not sorted by read model")
    if any(np.isnat(s).any() for s in (trace.renames.intended, trace.renames.submitted)):
        raise IncompleteTraceError("renames lack the instant of their intention or submission")
    if np.isnat(renamed.taken).any() or not _is_sorted(renamed):
        raise IncompleteTraceError(
            "rename_deliveries lack an instant, or are not sorted by read model and position"
        )
    if len(trace.delivery_modes) != len(trace.read_models) or set(trace.delivery_modes) - {*MODES}:
        raise IncompleteTraceError(f"delivery_modes must be one of {', '.join(MODES)} a read model")
    caused = events.command
    # -1 points at none: that is for `analysis.consistency` to find.
    if len(caused) and not -1 <= int(caused.min()) <= int(caused.max()) < len(commands):
        raise IncompleteTraceError(f"events.command points outside the {len(commands)} commands")
    if not _is_sorted(deliveries):
        raise IncompleteTraceError("deliveries are not sorted by read model and position")


def _is_sorted(deliveries: DeliveryTable | RenameDeliveryTable) -> bool:
    models, positions = np.diff(deliveries.read_model), np.diff(deliveries.position)
    return not np.any((models < 0) | ((models == 0) & (positions < 0)))
