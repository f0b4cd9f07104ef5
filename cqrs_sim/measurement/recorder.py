"""The recorder: the probe that writes every instant of a run into preallocated columns.

Goals: one clock reading and one store an instant; nothing derived, formatted or printed while the
run lasts. Non-goals: judging what was recorded (`analysis`), and keeping it small. The columns
are lists, because a store into `array` or NumPy costs 60 to 90 ns and into a list 20; the trace
is made of arrays, once, at the end.
"""

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cqrs_sim.ids import CommandId, Nanoseconds, OrderId, Position, QueryId, Version
from cqrs_sim.measurement.attempts import Attempts
from cqrs_sim.measurement.database_tables import DatabaseTable
from cqrs_sim.measurement.enrichments import Enrichments
from cqrs_sim.measurement.incidents import Incidents
from cqrs_sim.measurement.renames import Renames
from cqrs_sim.measurement.trace import CommandTable, DeliveryTable, EventTable, QueryTable, Trace
from cqrs_sim.measurement.versions import versions_missing
from cqrs_sim.measurement.works import NAT, Works
from cqrs_sim.probe import Clock, DeliveryColumns, Lookup, Outcome, QueryOutcome, Strategy

FIRST = Position(1)

_CAUSE, _VERSION = attrgetter("causation_id"), attrgetter("version")


class _Columns:
    """Columns of equal, growing length, all of integers that fit int64."""

    def __init__(self, names_and_defaults: dict[str, int], capacity: int) -> None:
        self._defaults = names_and_defaults
        self.capacity = max(capacity, 1)
        self.columns = {
            name: [default] * self.capacity for name, default in names_and_defaults.items()
        }

    def grow(self) -> None:
        """Double, in place: whoever holds a column still holds it."""
        for name, default in self._defaults.items():
            self.columns[name].extend([default] * self.capacity)
        self.capacity *= 2

    def taken(self, name: str, rows: slice) -> NDArray[np.int64]:
        """A copy of some rows of a column."""
        return np.fromiter(self.columns[name], np.int64, rows.stop)[rows.start :]


class RecordedEvent(Protocol):
    """What the trace takes from an event of the log."""

    @property
    def version(self) -> Version:
        """Of its order, after it."""

    @property
    def causation_id(self) -> CommandId:
        """The command that caused it."""


def _never(*names: str) -> dict[str, int]:
    return dict.fromkeys(names, NAT)


class Recorder:
    """Implements `probe.Probe`; see there for when each method is called."""

    def __init__(
        self,
        clock: Clock,
        read_models: Sequence[str],
        *,
        capacity: int = 4096,
        first_position: Position = FIRST,
        connections: Mapping[str, int] | None = None,
    ) -> None:
        """Make room for `capacity` commands and as many events; more room is made when needed.

        `connections`: of each database that stages share, by its name.
        """
        self._clock = clock
        self._read_models = tuple(read_models)
        self._first_position = first_position
        self._command_rows = _Columns(
            {
                **_never("intended", "submitted", "dequeued", "committed", "acknowledged"),
                **dict.fromkeys(("session", "outcome"), 0),
            },
            capacity,
        )
        columns = self._command_rows.columns
        self.submitted, self.dequeued = columns["submitted"], columns["dequeued"]
        self.committed, self.acknowledged = columns["committed"], columns["acknowledged"]
        self._outcome, self._session = columns["outcome"], columns["session"]
        self.intended = columns["intended"]
        # Rows of these are positions; those before the first stay empty. They grow with the rows
        # of the commands, since no command causes more than one event.
        self._delivery_rows = [
            _Columns(
                _never("delivered", "taken", "applied", "checkpointed"), capacity + first_position
            )
            for _ in self._read_models
        ]
        self._query_rows = _Columns(
            {
                **_never("intended", "submitted", "dequeued", "answered"),
                **dict.fromkeys(
                    ("session", "read_model", "position", "strategy", "outcome", "cache"), 0
                ),
            },
            max(1, capacity // 4),
        )
        self._connections = dict(connections or {})
        self._works = Works(clock)
        self.work_submitted = self._works.submit
        self.work_begun, self.work_ended = self._works.begin, self._works.end
        self._attempts = Attempts(clock)
        self.attempt_begun, self.attempt_ended = self._attempts.begin, self._attempts.finish
        self._incidents = incidents = Incidents(clock, len(self._read_models))
        self.promised, self.handled = incidents.promise, incidents.handle
        self.crashed, self.restarted = incidents.crash, incidents.restart
        self._enrichments = enrichments = Enrichments(clock)
        self.asked, self.answered = enrichments.ask, enrichments.answer
        self._renames = renames = Renames(clock)
        self.rename_submitted, self.rename_dequeued = renames.submit, renames.dequeue
        self.rename_committed, self.rename_taken = renames.commit, renames.take
        self.rename_applied = renames.apply
        self._commands: list[object] = []
        self._queries: list[object] = []

    # What exists: planned before the run, or made during it.

    def plan_commands(
        self, commands: Sequence[object], intended_ns: NDArray[np.int64], session: NDArray[np.int32]
    ) -> None:
        """Enter the commands of a plan; their ids are their places in it, from 0."""
        while self._command_rows.capacity < len(commands):
            self._make_room_for_commands()
        self._commands.extend(commands)
        self._plan(self._command_rows, intended_ns, session)

    def plan_queries(
        self, queries: Sequence[object], intended_ns: NDArray[np.int64], session: NDArray[np.int32]
    ) -> None:
        """Enter the queries of a plan; their ids are their places in it, from 0."""
        while self._query_rows.capacity < len(queries):
            self._query_rows.grow()
        self._queries.extend(queries)
        self._plan(self._query_rows, intended_ns, session)

    @staticmethod
    def _plan(rows: _Columns, intended: NDArray[np.int64], session: NDArray[np.int32]) -> None:
        rows.columns["intended"][: len(intended)] = intended.tolist()
        rows.columns["session"][: len(session)] = session.tolist()

    def new_command(
        self, command: object, intended_ns: Nanoseconds | None = None, session: int = 0
    ) -> CommandId:
        """See `Probe`."""
        row = len(self._commands)
        self._commands.append(command)
        if row >= self._command_rows.capacity:
            self._make_room_for_commands()
        self.intended[row] = self._clock.instant_ns if intended_ns is None else intended_ns
        self._session[row] = session
        return row  # type: ignore[return-value] # its row is its id

    def new_query(
        self, query: object, intended_ns: Nanoseconds | None = None, session: int = 0
    ) -> QueryId:
        """See `Probe`."""
        row, rows = len(self._queries), self._query_rows
        self._queries.append(query)
        if row >= rows.capacity:
            rows.grow()
        intended = self._clock.instant_ns if intended_ns is None else intended_ns
        rows.columns["intended"][row] = intended
        rows.columns["session"][row] = session
        return QueryId(row)

    # The instants.

    def _make_room_for_commands(self) -> None:
        self._command_rows.grow()
        for deliveries in self._delivery_rows:
            deliveries.grow()

    def turned_away(self, command_id: CommandId, outcome: Outcome) -> None:
        """See `Probe`."""
        if self._outcome[command_id] != Outcome.UNKNOWN:
            self._outcome[command_id] = outcome

    def deliveries(self, read_model: int) -> DeliveryColumns:
        """See `Probe`."""
        return DeliveryColumns(**self._delivery_rows[read_model].columns)

    def query_submitted(self, query_id: QueryId, strategy: Strategy) -> None:
        """See `Probe`."""
        columns = self._query_rows.columns
        if columns["submitted"][query_id] == NAT:
            columns["submitted"][query_id] = self._clock.instant_ns
        columns["strategy"][query_id] = strategy

    def query_dequeued(self, query_id: QueryId) -> None:
        """See `Probe`."""
        self._query_rows.columns["dequeued"][query_id] = self._clock.instant_ns

    def query_answered(self, query_id: QueryId, read_model: int, position: Position) -> None:
        """See `Probe`."""
        columns = self._query_rows.columns
        columns["answered"][query_id] = self._clock.instant_ns
        columns["read_model"][query_id] = read_model
        columns["position"][query_id] = position
        columns["outcome"][query_id] = QueryOutcome.ANSWERED

    def query_failed(self, query_id: QueryId, outcome: QueryOutcome) -> None:
        """See `Probe`."""
        self._query_rows.columns["outcome"][query_id] = outcome

    def query_looked_up(self, query_id: QueryId, found: Lookup) -> None:
        """See `Probe`."""
        self._query_rows.columns["cache"][query_id] = found

    # Afterwards.

    def trace(
        self, log_events: Sequence[RecordedEvent], *, load_ended_ns: int, ended_ns: int
    ) -> Trace:
        """All that was recorded; commands and queries that were never submitted are left out.

        Load comes in the order of ids, so what was not submitted when a run was cut short is a
        tail.

        Args:
            log_events: all events of the log, from position 1.
            load_ended_ns: when the last command or query was, or should have been, sent.
            ended_ns: when the run ended.
        """
        order_numbers: dict[OrderId, int] = {}
        recorded = log_events[self._first_position - 1 :]
        causes = np.fromiter(map(_CAUSE, recorded), np.int32, len(recorded))
        versions = np.fromiter(map(_VERSION, recorded), np.int32, len(recorded))
        command_kinds, command_kind = _kinds(self._commands)
        query_kinds, query_kind = _kinds(self._queries)
        commands = self._command_table(order_numbers, command_kind, causes, versions)
        events = self._event_table(commands, causes, versions)
        queries = self._query_table(order_numbers, query_kind, events)
        return Trace(
            commands=commands,
            events=events,
            deliveries=self._delivery_table(len(events.position)),
            queries=queries,
            order_ids=tuple(order_numbers),
            read_models=self._read_models,
            command_kinds=command_kinds,
            query_kinds=query_kinds,
            load_ended_ns=load_ended_ns,
            ended_ns=ended_ns,
            first_position=int(self._first_position),
            databases=DatabaseTable(connections=np.array([*self._connections.values()], np.int32)),
            works=self._works.table(),
            database_names=tuple(self._connections),
            attempts=self._attempts.table(),
            enrichments=self._enrichments.table(),
            **self._renames.tables(),
            **self._incidents.tables(),
        )

    def _command_table(
        self,
        order_numbers: dict[OrderId, int],
        kind: NDArray[np.int8],
        causes: NDArray[np.int32],
        versions: NDArray[np.int32],
    ) -> CommandTable:
        commands = self._commands[: _submitted_count(self._command_rows)]
        rows, take = slice(len(commands)), self._command_rows.taken
        # 0 where a command has no event; positions rise, so the last of its events is what stays.
        version, position = np.zeros(len(commands), np.int32), np.zeros(len(commands), np.int64)
        version[causes], position[causes] = versions, self._positions(len(causes))
        committed = take("committed", rows)
        outcome = take("outcome", rows)
        outcome[(outcome == Outcome.UNFINISHED) & (committed != NAT)] = Outcome.ACCEPTED
        acknowledged = take("acknowledged", rows)
        acknowledged[outcome == Outcome.UNKNOWN] = NAT  # Its caller had gone away.
        order_of: list[OrderId] = [command.order_id for command in commands]  # type: ignore[attr-defined] # of every command
        order_numbers.update((o, number) for number, o in enumerate(dict.fromkeys(order_of)))
        order = map(order_numbers.__getitem__, order_of)
        return CommandTable(
            intended=_stamps(take("intended", rows)),
            submitted=_stamps(take("submitted", rows)),
            dequeued=_stamps(take("dequeued", rows)),
            committed=_stamps(committed),
            acknowledged=_stamps(acknowledged),
            order=np.fromiter(order, np.int32, len(commands)),
            kind=kind[rows],
            session=take("session", rows).astype(np.int32),
            outcome=outcome.astype(np.int8),
            version=version,
            position=position,
        )

    def _positions(self, events_count: int) -> NDArray[np.int64]:
        return np.arange(events_count, dtype=np.int64) + int(self._first_position)

    def _event_table(
        self, commands: CommandTable, causes: NDArray[np.int32], versions: NDArray[np.int32]
    ) -> EventTable:
        return EventTable(
            position=self._positions(len(causes)),
            command=causes,
            order=commands.order[causes],
            version=versions,
            committed=commands.committed[causes],
        )

    def _delivery_table(self, events_count: int) -> DeliveryTable:
        first, count = int(self._first_position), len(self._read_models)
        rows = slice(first, first + events_count)

        def column(name: str, *, of_batches: bool = False) -> NDArray[np.timedelta64]:
            stamps = np.empty((count, events_count), np.int64)
            for stamps_of_one, deliveries in zip(stamps, self._delivery_rows, strict=True):
                stamps_of_one[:] = deliveries.taken(name, rows)
                if of_batches:
                    _spread(stamps_of_one)
                    # What never came was in no batch, though its neighbours may have been.
                    stamps_of_one[deliveries.taken("delivered", rows) == NAT] = NAT
            return _stamps(stamps.reshape(-1))

        return DeliveryTable(
            read_model=np.repeat(np.arange(count, dtype=np.int8), events_count),
            position=np.tile(self._positions(events_count), count),
            delivered=column("delivered"),
            taken=column("taken", of_batches=True),
            applied=column("applied"),
            checkpointed=column("checkpointed", of_batches=True),
        )

    def _query_table(
        self, order_numbers: dict[OrderId, int], kind: NDArray[np.int8], events: EventTable
    ) -> QueryTable:
        queries = self._queries[: _submitted_count(self._query_rows)]
        rows, take = slice(len(queries)), self._query_rows.taken
        asked_for = [getattr(query, "order_id", None) for query in queries]
        order = np.array(
            [
                -1 if o is None else order_numbers.setdefault(o, len(order_numbers))
                for o in asked_for
            ],
            np.int32,
        )
        answered, position = _stamps(take("answered", rows)), take("position", rows)
        return QueryTable(
            intended=_stamps(take("intended", rows)),
            submitted=_stamps(take("submitted", rows)),
            answered=answered,
            kind=kind[rows],
            session=take("session", rows).astype(np.int32),
            read_model=take("read_model", rows).astype(np.int8),
            order=order,
            position=position,
            versions_missing=versions_missing(order, answered, position, events),
            strategy=take("strategy", rows).astype(np.int8),
            outcome=take("outcome", rows).astype(np.int8),
            dequeued=_stamps(take("dequeued", rows)),
            cache=take("cache", rows).astype(np.int8),
        )


def _spread(stamps: NDArray[np.int64]) -> None:
    """Give every event the stamp of its batch, which stands at the last event of the batch.

    Batches are adjacent, so what lies behind the last stamp belongs to none.
    """
    last = np.flatnonzero(stamps != NAT)
    if len(last):
        stamps[: last[-1] + 1] = np.repeat(stamps[last], np.diff(last, prepend=-1))


def _submitted_count(rows: _Columns) -> int:
    submitted, count = rows.columns["submitted"], rows.capacity
    while count and submitted[count - 1] == NAT:
        count -= 1
    return count


def _kinds(messages: Sequence[object]) -> tuple[tuple[str, ...], NDArray[np.int8]]:
    """The names of the messages' classes, and each message's index among them."""
    codes = {kind: code for code, kind in enumerate(dict.fromkeys(map(type, messages)))}
    kinds = map(codes.__getitem__, map(type, messages))
    return tuple(kind.__name__ for kind in codes), np.fromiter(kinds, np.int8, len(messages))


def _stamps(nanoseconds: NDArray[np.int64]) -> NDArray[np.timedelta64]:
    return nanoseconds.view("m8[ns]")
