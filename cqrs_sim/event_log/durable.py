"""The event log whose appends wait for a commit: of a disk, or of a model of one.

What is committed is in memory too, where subscriptions and the trace read it; so this is a
`MemoryLog` whose appends go through a line first. Whoever commits (a `Committer`) takes appends
from that line in groups, and tells when a group is committed; only then does anybody see its
events.
"""

from collections import deque
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Protocol, TypeAlias

import attrs

from cqrs_sim.actors.kernel import Actor, Kernel
from cqrs_sim.domain.events import Event
from cqrs_sim.errors import (
    ConcurrencyConflictError,
    StoreError,
)
from cqrs_sim.event_log.codec import event_of, is_text, row_of
from cqrs_sim.event_log.memory import BEFORE_FIRST, NO_VERSION, Committed, MemoryLog
from cqrs_sim.event_log.subscription import fan_out_run
from cqrs_sim.fault_sites import site
from cqrs_sim.ids import CommandId, Nanoseconds, OrderId, Position, Version
from cqrs_sim.probe import Probe
from cqrs_sim.storage.event_rows import Command, NewRow, chained, first_checksum
from cqrs_sim.storage.event_store import END, EventStore

SET_UP_ROWS = 4096
"""Events recorded before a run that go into one commit."""


@attrs.define(eq=False)
class Append:
    """An append in line, and the order actor that waits for it."""

    actor: Actor
    expected: Version
    events: Sequence[Event]
    rows: list[NewRow]
    command_id: CommandId
    request_id: str | None
    position: Position = BEFORE_FIRST
    error: Exception | None = None

    def __str__(self) -> str:
        return "the commit of its events"

    def end(self) -> Position:
        """See `Pending`."""
        self.actor.waiting_for = None
        if self.error is not None:
            raise self.error
        return self.position


class Committer(Protocol):
    """Who commits what stands in line."""

    def start(
        self,
        line: deque[Append],
        committed: Callable[[Sequence[Append]], None],
        failed: Callable[[Exception, Sequence[Append]], None],
    ) -> None:
        """Begin; both are to be called in the kernel's thread, with group by group in order."""

    def wake(self) -> None:
        """An append was put in line."""

    def close(self) -> None:
        """Return when the group in work is committed; take no other one."""


def group_of(line: deque[Append], most: int) -> list[Append]:
    """Take the oldest appends out of the line, at most so many."""
    group: list[Append] = []
    try:
        while len(group) < most:
            group.append(line.popleft())
    except IndexError:
        pass  # Empty; whoever looked first may find it so, as another thread may clear it.
    return group


Within: TypeAlias = Callable[[Sequence[Event]], None]


@attrs.define(eq=False)
class StoreOfRun:
    """A store, and the run that writes to it now, or is about to."""

    store: EventStore
    clock: str
    """`wall` or `virtual`."""
    began_ns: int
    """What stands for the start of the run in the store."""
    files: ExitStack = attrs.field(factory=ExitStack)
    """Whatever else is opened for the run: closed with the store, before it."""
    within: list[Within] = attrs.field(factory=list)
    """Write tables beside the events, of a group whose positions are known, in its transaction."""
    keeps_events: bool = True
    """If not, the tables written within a commit are all that is kept."""
    run: int = attrs.field()
    """Its number; in the store from `begin` on."""
    head: int = attrs.field()
    """The last position committed, whether its event is kept or not."""

    @run.default
    def _next_of_store(self) -> int:
        return self.store.next_run()

    @head.default
    def _of_store(self) -> int:
        return self.store.head

    def begin(self) -> None:
        """Write down that the run begins; before this nothing of it is in the store.

        Raises:
            StoreError: if that fails.
        """
        self.run = self.store.begin_run(self.clock, self.began_ns)

    def command(self, command_id: CommandId, request_id: str | None) -> Command:
        """What names a command in the store: its row in the trace, which begins at 0 in each run.

        The set-up before a run (-1) is one command.
        """
        return (self.run << 32) + command_id + 1 if request_id is None else request_id

    def write(self, group: Sequence[Append], now_ns: int) -> None:
        """Commit a group.

        Raises:
            StoreError: if it could not be.
        """
        rows = [row for append in group for row in append.rows]
        self.commit([event for append in group for event in append.events], rows, now_ns)

    def commit(self, events: Sequence[Event], rows: Sequence[NewRow], now_ns: int) -> None:
        """Commit events with their rows, and what tables make of them.

        Nobody else sees the events yet; the log will give them the same positions.

        Raises:
            StoreError: if it could not be.
        """
        recorded_ns, also = self.began_ns + now_ns, None
        if self.within:
            for place, event in enumerate(events, start=self.head + 1):
                event.position = Position(place)
            also = partial(self._write_tables, events)
        self.store.append(rows if self.keeps_events else (), recorded_ns, also)
        self.head += len(events)

    def _write_tables(self, events: Sequence[Event]) -> None:
        for write in self.within:
            write(events)


class DurableLog(MemoryLog):
    """See the module; order actors wait for their appends, everybody else runs on."""

    def __init__(
        self,
        kernel: Kernel,
        probe: Probe,
        committer: Committer,
        *,
        queue: int,
        of: StoreOfRun | None = None,
    ) -> None:
        """Make a log, with what its store holds.

        Args:
            kernel: whose actors append.
            probe: is told of commits.
            committer: commits.
            queue: most appends in line; further ones wait for a place, in order.
            of: where what was committed is kept; None: nowhere, the commit is but modelled.
        """
        super().__init__(kernel, probe)
        self._committer = committer
        self._queue = queue
        self._of = of
        self._line: deque[Append] = deque()
        self._shut_out: deque[Append] = deque()
        self._promised: dict[OrderId, Version] = {}
        self._error: Exception | None = None
        self._set_up: list[tuple[Event, NewRow]] = []
        self.commits_count = 0
        """Groups committed in this run."""
        self.most_in_line_count = 0
        if of is not None:
            checksum = first_checksum(of.store.store_id)
            for due, stored in enumerate(of.store.between(1, of.store.head), start=1):
                checksum = chained(checksum, due, stored.recorded_ns, stored.new_row)
                # Who went on here would decide by it, and chain good events behind it.
                if (stored.position, stored.checksum) != (due, checksum):
                    raise StoreError(
                        f"{of.store.path} is damaged at position {due}; `cqrs-sim log verify` "
                        "says what is wrong"
                    )
                event = event_of(stored)
                before = Version(event.version - 1)
                super().record(event.order_id, before, (event,))
            # Whatever comes between this and the run: with the store its thread ends.
            of.files.callback(self.close)
        committer.start(self._line, self._group_committed, self._failed)

    def begin_append(
        self,
        order_id: OrderId,
        expected: Version,
        new_events: Sequence[Event],
        command_id: CommandId,
        request_id: str | None = None,
    ) -> Append:
        """See `MemoryLog.begin_append`; it is over when the events are committed and visible.

        Raises:
            ConcurrencyConflictError, DuplicateCommandError: as there.
            InvalidCommandError: if an event cannot be stored.
            StoreError: if the disk refused it; nothing more is committed then.
        """
        if self._error is not None:
            raise self._error
        actual = self._promised.get(order_id)
        if actual is None:
            actual = self.version_of(order_id)
        if actual != expected:
            raise ConcurrencyConflictError(order_id, expected, actual)
        if request_id is not None:
            self._refuse_repeated(order_id, request_id)
        rows = self._rows(new_events, command_id, request_id)
        if request_id is not None:
            self._requests[request_id] = None
        actor = self._kernel.running
        waiting = Append(actor, expected, new_events, rows, command_id, request_id)
        self._promised[order_id] = Version(expected + len(new_events))
        self._put_in_line(waiting)
        actor.waiting_for = waiting
        return waiting

    def record(self, order_id: OrderId, expected: Version, new_events: Sequence[Event]) -> Position:
        """See `MemoryLog.record`; `write_recorded` brings it to the disk, before the run."""
        position = super().record(order_id, expected, new_events)
        if self._of is not None:
            command = self._of.command(CommandId(-1), None)
            self._set_up += [
                (event, row_of(event, command, len(self._set_up) + part))
                for part, event in enumerate(new_events)
            ]
        return position

    def write_recorded(self) -> None:
        """Commit what was recorded before the run.

        Raises:
            StoreError: if that fails.
        """
        if self._of is None:
            return
        recorded, self._set_up = self._set_up, []
        for begun in range(0, len(recorded), SET_UP_ROWS):
            some = recorded[begun : begun + SET_UP_ROWS]
            events, rows = [event for event, _ in some], [row for _, row in some]
            self._of.commit(events, rows, self._clock.instant_ns)

    def read_order(
        self, order_id: OrderId, after: Version = NO_VERSION, until: Position | None = None
    ) -> list[Event]:
        """See `MemoryLog.read_order`; read from the disk, so that an actor's return costs that.

        Only what lies between is read, so with `until` nothing behind it either.
        """
        if self._of is None or not self._of.keeps_events or not self.version_of(order_id):
            return super().read_order(order_id, after, until)
        stored = self._of.store.of_order(order_id, after, END if until is None else until)
        return [event_of(row) for row in stored]

    def outcome_of(self, request_id: str) -> Committed | None:
        """See `MemoryLog.outcome_of`; also of requests of earlier runs."""
        known = super().outcome_of(request_id)
        if known is not None or self._of is None or not is_text(request_id):
            return known
        written = self._of.store.written_by(request_id)
        if written is None:
            return None
        return Committed(
            OrderId(written.order_id), Version(written.version), Position(written.position)
        )

    def close(self) -> None:
        """End the committing: what is in work is finished, what waits in line is not begun."""
        self._error = self._error or StoreError("the event log is closed")
        self._line.clear()
        self._shut_out.clear()
        self._committer.close()

    def _rows(
        self, events: Sequence[Event], command_id: CommandId, request_id: str | None
    ) -> list[NewRow]:
        if self._of is None:
            return []
        # Here, not by whoever commits: what cannot be stored is its sender's mistake.
        command = self._of.command(command_id, request_id)
        if len(events) == 1:  # Nearly always: half the time that a comprehension takes.
            return [row_of(events[0], command, 0)]
        return [row_of(event, command, part) for part, event in enumerate(events)]

    def _put_in_line(self, append: Append) -> None:
        line = self._line
        if self._shut_out or len(line) >= self._queue:
            self._shut_out.append(append)
            return
        line.append(append)
        if len(line) > self.most_in_line_count:
            self.most_in_line_count = len(line)
        self._committer.wake()

    def _group_committed(self, group: Sequence[Append]) -> None:
        """Make the events of a group visible, in order, and let its order actors go on."""
        now = self._clock.instant_ns
        self.commits_count += 1
        store, promised, committed = self._store, self._promised, self._committed
        first, hooks = self.head + 1, self.hooks
        for append in group:
            last = append.events[-1]
            order_id, version = last.order_id, last.version
            append.position = position = store(order_id, append.expected, append.events)
            if promised[order_id] == version:
                del promised[order_id]
            if append.request_id is not None:
                self._requests[append.request_id] = Committed(order_id, version, position)
            if hooks:
                self._publish(append.events, append.command_id, now)
            else:
                committed[append.command_id] = now
        if not hooks:
            self._deliver(first, now)
        for append in group:
            actor = append.actor
            actor.lane.append(actor)
        site("log.published")
        while self._shut_out and len(self._line) < self._queue:
            self._line.append(self._shut_out.popleft())
            self._committer.wake()

    def _deliver(self, first: int, now: Nanoseconds) -> None:
        """Pass on the events from a position to the head, which are stamped, all at one instant."""
        head = len(self.events)
        self._commits_ns.extend([now] * (head - first + 1))
        fan_out_run(self._near, first, head, now)
        for transport in self._transports:
            for event in self.events[first - 1 :]:
                transport.depart(event, now)

    def _failed(self, error: Exception, group: Sequence[Append]) -> None:
        """Tell everybody who waits, and whoever comes, and then end the run."""
        self._error = error
        for append in (*group, *self._line, *self._shut_out):
            append.error = error
            append.actor.lane.append(append.actor)
        self._line.clear()
        self._shut_out.clear()
        self._kernel.spawn(self._end_run(error), "event log", is_background=True)

    async def _end_run(self, error: Exception) -> None:
        raise error
