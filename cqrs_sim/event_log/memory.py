"""The event log in memory: positions, versions per order, expected-version append."""

from bisect import bisect_right
from collections.abc import Sequence
from typing import Protocol

import attrs

from cqrs_sim.actors.kernel import Kernel
from cqrs_sim.domain.events import Event
from cqrs_sim.errors import ConcurrencyConflictError, DuplicateCommandError
from cqrs_sim.event_log.subscription import Subscription, fan_out
from cqrs_sim.event_log.transport import Transport
from cqrs_sim.ids import CommandId, Nanoseconds, OrderId, Position, Version
from cqrs_sim.probe import Probe

NO_VERSION = Version(0)
BEFORE_FIRST = Position(0)
BEFORE_RUN = Nanoseconds(0)
"""When what exists before the run was committed, as far as the run's clock can tell."""


@attrs.frozen
class Committed:
    """What a request came to: its first outcome, and that of every repetition."""

    order_id: OrderId
    version: Version
    """The order's, after the request."""
    position: Position
    """Of its last event."""


class Pending(Protocol):
    """An append that was begun; the actor that began it is woken when it is over."""

    def end(self) -> Position:
        """The position of the last event, or an error as of `MemoryLog.begin_append`."""


class CommitHook(Protocol):
    """What is to hear of each commit at once, and not by a subscription."""

    def before(self, events: Sequence[Event]) -> None:
        """Nobody sees the commit yet: what is updated within it is updated now."""

    def after(self, events: Sequence[Event], now_ns: Nanoseconds) -> None:
        """It is visible from this instant on; it is about to be stamped."""


class PublicationHook(CommitHook, Protocol):
    """What is to hear of events when they are published, which may be after their commit."""

    def lost(self, events: Sequence[Event]) -> None:
        """They are stored, and will never be published."""


class MemoryLog:
    """An append-only list of events; `event_log.durable` builds on it.

    Per order it keeps the last event only; each event's predecessor in its order stands in one
    column, its commit in another. So an idle order costs a dictionary entry and 16 bytes an event,
    and its history is read backwards.
    """

    def __init__(self, kernel: Kernel, probe: Probe) -> None:
        self._kernel = kernel
        self._clock = kernel.clock
        self._probe = probe
        self._committed = probe.committed
        self.events: list[Event] = []
        """All events; position p at index p - 1."""
        self._previous: list[Position] = []
        self._commits_ns: list[Nanoseconds] = []
        self._last: dict[OrderId, Event] = {}
        self.subscriptions: list[Subscription] = []
        self._near: list[Subscription] = []
        self._transports: list[Transport] = []
        self._requests: dict[str, Committed | None] = {}
        """What became of commands that had a request id; None: it is being committed."""
        self.hooks: list[CommitHook] = []
        """What is to hear of each commit at once, and not by a subscription."""

    @property
    def head(self) -> Position:
        """The last position; 0 if the log is empty."""
        return Position(len(self.events))

    def version_of(self, order_id: OrderId) -> Version:
        """How many events an order has."""
        last = self._last.get(order_id)
        return NO_VERSION if last is None else last.version

    def position_of(self, order_id: OrderId) -> Position:
        """Where the last event of an order stands; 0 if it has none."""
        last = self._last.get(order_id)
        return BEFORE_FIRST if last is None else last.position

    def begin_append(
        self,
        order_id: OrderId,
        expected: Version,
        new_events: Sequence[Event],
        command_id: CommandId,
        request_id: str | None = None,
    ) -> Position | Pending:
        """Record the events of one command, adjacent, and make them visible.

        No coroutine, which would cost 0.2 µs a command, though a store may make the order actor
        wait; this log never does.

        Args:
            order_id: whose events they are.
            expected: the version that the order had when they were decided.
            new_events: one or more.
            command_id: the command that caused them, for the probe.
            request_id: by which its sender knows it, for good.

        Returns:
            The position of the last of them, if it is known; else the running actor must suspend
            itself with `PARK` at once, and ask for it when it is woken.

        Raises:
            ConcurrencyConflictError: if the order does not have the expected version.
            DuplicateCommandError: if a command of this request id was appended before.
        """
        if request_id is not None:
            self._refuse_repeated(order_id, request_id)
        position = self._store(order_id, expected, new_events)
        if request_id is not None:
            version = Version(expected + len(new_events))
            self._requests[request_id] = Committed(order_id, version, position)
        self._publish(new_events, command_id, self._clock.instant_ns)
        return position

    def _publish(
        self, new_events: Sequence[Event], command_id: CommandId, now: Nanoseconds
    ) -> None:
        # Subtle: the commit is stamped before any reader hears of it, and positions become
        # visible in order because nothing suspends in here. Guarded by
        # `test_the_commit_is_stamped_first`.
        if self.hooks:
            now = self._tell(new_events)
        self._committed[command_id] = now
        for event in new_events:
            self._commits_ns.append(now)
            fan_out(self._near, event.position, now)
        for transport in self._transports:
            for event in new_events:
                transport.depart(event, now)

    def outcome_of(self, request_id: str) -> Committed | None:
        """What a request came to; None if it has not been committed."""
        return self._requests.get(request_id)

    def _refuse_repeated(self, order_id: OrderId, request_id: str) -> None:
        if request_id in self._requests or self.outcome_of(request_id) is not None:
            raise DuplicateCommandError(order_id, request_id)

    def write_recorded(self) -> None:
        """Keep for good what was recorded before the run: here, nothing is kept."""

    def close(self) -> None:
        """Append nothing more: here, nobody else does."""

    @property
    def has_unpublished(self) -> bool:
        """Whether events are stored that will be published later."""
        return False

    def tell_when_published(self, hook: PublicationHook) -> None:
        """Let a hook hear of events when they are published: here, with their commit."""
        self.hooks.append(hook)

    async def wait_published(self) -> None:
        """Return when all that will be published is; no command may be submitted any more."""

    def _tell(self, new_events: Sequence[Event]) -> Nanoseconds:
        """The instant at which a commit, and what is updated within it, becomes visible."""
        for hook in self.hooks:
            hook.before(new_events)
        now = self._clock.instant_ns
        for hook in self.hooks:
            hook.after(new_events, now)
        return now

    def record(self, order_id: OrderId, expected: Version, new_events: Sequence[Event]) -> Position:
        """Store events that exist before the run, unseen by subscriptions until they look.

        Raises:
            ConcurrencyConflictError: if the order does not have the expected version.
        """
        position = self._store(order_id, expected, new_events)
        self._commits_ns.extend([BEFORE_RUN] * len(new_events))
        return position

    def _store(self, order_id: OrderId, expected: Version, new_events: Sequence[Event]) -> Position:
        events, last = self.events, self._last.get(order_id)
        if last is None:
            version, position = NO_VERSION, BEFORE_FIRST
        else:
            version, position = last.version, last.position
        if version != expected:
            raise ConcurrencyConflictError(order_id, expected, version)
        for event in new_events:
            events.append(event)
            self._previous.append(position)
            position = event.position = len(events)  # type: ignore[assignment] # a position
        self._last[order_id] = event
        assert event.version == expected + len(new_events), "versions are contiguous"
        return position

    def read_order(
        self, order_id: OrderId, after: Version = NO_VERSION, until: Position | None = None
    ) -> list[Event]:
        """The events of an order behind a version, oldest first; empty if there are none.

        With `until` only those up to that position. It takes as long as there are events behind the
        version, however many there are before them.
        """
        last = self._last.get(order_id)
        history: list[Event] = []
        position = 0 if last is None else last.position
        while position:
            event = self.events[position - 1]
            if event.version <= after:
                break
            if until is None or position <= until:
                history.append(event)
            position = self._previous[position - 1]
        history.reverse()
        return history

    def head_at(self, instant_ns: Nanoseconds) -> Position:
        """The last position that was committed up to an instant, that instant included."""
        return Position(bisect_right(self._commits_ns, instant_ns))

    def subscribe(
        self, name: str, index: int, capacity: int, transport_ns: int = 0
    ) -> Subscription:
        """A subscription that begins behind the present head.

        Args:
            name: of the read model it feeds.
            index: of that read model in the trace.
            capacity: of its channel, in events.
            transport_ns: how long an event is on its way to the channel.
        """
        events = list(self.events) if transport_ns else self.events
        subscription = Subscription(
            self._kernel, self._probe, events, name=name, index=index, capacity=capacity
        )
        if transport_ns:
            self._transports.append(
                Transport(self._kernel, subscription, events, delay_ns=transport_ns, index=index)
            )
        else:
            self._near.append(subscription)
        self.subscriptions.append(subscription)
        return subscription

    def end_subscriptions(self) -> None:
        """End them behind the present head: what is in the log is still delivered and received."""
        for subscription in self._near:
            subscription.end()
        for transport in self._transports:
            transport.end()
