"""The projector: takes events from its subscription in batches and applies them to its read model.

Each event is applied once: a projector knows the last version it applied of every order, skips
what it has seen, and treats a gap as a bug, never as something to pass over in silence.
"""

from collections.abc import Awaitable, Callable, Generator, Sequence
from heapq import heappop, heappush
from typing import Protocol

import attrs

from cqrs_sim.actors.kernel import Actor, Alarm, Kernel, Rank
from cqrs_sim.actors.park import PARK
from cqrs_sim.domain.events import Event
from cqrs_sim.errors import ActorStoppedError, FreshnessTimeoutError, InvariantViolationError
from cqrs_sim.ids import OrderId, Position, Version
from cqrs_sim.probe import Probe
from cqrs_sim.read_side.enrichment import Asking
from cqrs_sim.read_side.renaming import Renames


class ReadModel(Protocol):
    """A table that events are applied to."""

    def apply(self, event: Event) -> None:
        """Show one more event."""

    def contents(self) -> object:
        """All that can be asked of it, comparable with `==`."""


class Inbox(Protocol):
    """Where a projector takes its events from; see `event_log.subscription.Subscription`."""

    @property
    def is_drained(self) -> bool:
        """Whether nothing is left and nothing will come."""

    def take_batch(self, limit: int) -> Sequence[Event]:
        """Up to `limit` events; empty if there is none now."""

    def wait(self) -> Awaitable[None]:
        """Suspend the running actor until there may be more."""


class ServiceTimes(Protocol):
    """Modelled times to apply events, by position - 1; `actors.randomness.Draws` are some."""

    @property
    def drawn(self) -> Sequence[int]:
        """The first of them, as far as they are known before; what is not here is asked for."""

    def __getitem__(self, index: int, /) -> int:
        """One of them, in nanoseconds; asked for when the work on the event begins."""


@attrs.frozen
class ProjectorOptions:
    """How a projector works."""

    index: int
    """Of the read model in the trace."""
    name: str
    batch: int
    """Most events taken, and checkpointed, at once."""
    service: ServiceTimes | None
    """Modelled time to apply an event, by position - 1; None: only the work itself."""
    checkpoint_ns: int
    """Modelled time to store the checkpoint, once a batch."""
    gives_way: bool = False
    """Whether others that are ready get their turn after each batch; without modelled time they do
    in any case."""
    enrichment: Asking | None = None
    """Whom it asks before it applies an event; None: nobody."""
    renames: Renames | None = None
    """Whose renames it shows; None: the names in its rows never change."""


@attrs.define(order=False, eq=False)
class _Waiter:
    """An actor that waits until a position is applied."""

    position: Position
    actor: Actor
    alarm: Alarm | None
    timed_out: bool = False
    is_stopped: bool = False


class Projector:
    """The only writer of one read model."""

    def __init__(
        self,
        kernel: Kernel,
        probe: Probe,
        subscription: Inbox,
        read_model: ReadModel,
        work: Callable[[int, int, int], Awaitable[None]],
        options: ProjectorOptions,
    ) -> None:
        self._kernel = kernel
        self._stamps = probe.deliveries(options.index)
        self._subscription = subscription
        self.read_model = read_model
        self._apply = read_model.apply
        self._work = work
        self.options = options
        self.place = options.index
        """Among timers of one instant, and of the read side."""
        self._versions: dict[OrderId, Version] = {}
        self._waiters: list[tuple[Position, int, _Waiter]] = []
        self._tickets = 0
        self.applied = Position(0)
        """The last position that the read model shows."""
        self.checkpoint = Position(0)
        """The last position stored as applied."""
        self.duplicates_count = 0
        self._is_stopped = False

    def run(self) -> Generator[object, None, None]:
        """The projector's life: until its subscription is closed and drained."""
        options, service = self.options, self.options.service
        index, batch_size, checkpoint_ns = self.place, options.batch, options.checkpoint_ns
        subscription, work, read = self._subscription, self._work, Rank.READ
        take_batch, apply, versions = subscription.take_batch, self._apply, self._versions
        stamps, clock = self._stamps, self._kernel.clock
        taken, applied, checkpointed = stamps.taken, stamps.applied, stamps.checkpointed
        drawn = service.drawn if service is not None else []
        gives_way = service is None or options.gives_way
        while True:
            batch = take_batch(batch_size)
            if not batch:
                if subscription.is_drained:
                    return
                yield subscription.wait()
                continue
            taken[batch[-1].position] = clock.instant_ns
            for event in batch:
                position = event.position
                if service is not None:
                    try:
                        duration_ns = drawn[position - 1]
                    except IndexError:
                        duration_ns = service[position - 1]
                    yield work(duration_ns, read, index)
                order_id, version = event.order_id, event.version
                if version == versions.get(order_id, 0) + 1:
                    apply(event)
                    versions[order_id] = version
                else:
                    self._pass_over(event)
                self.applied = position
                applied[position] = clock.instant_ns
                if self._waiters:
                    self._wake_waiters()
            if checkpoint_ns:
                yield work(checkpoint_ns, read, index)
            self.checkpoint = position
            checkpointed[position] = clock.instant_ns
            if gives_way:
                yield self._kernel.give_way()

    def catch_up(self, events: Sequence[Event]) -> None:
        """Apply what was recorded before the run, at no time."""
        for event in events:
            self._apply(event)
            self._versions[event.order_id] = event.version
            self.applied = self.checkpoint = event.position

    def take_over(
        self,
        rebuilt: ReadModel,
        versions: dict[OrderId, Version],
        position: Position,
        *,
        subscription: Inbox,
        place: int,
        is_ahead: bool,
    ) -> None:
        """Show a rebuilt read model from now on; the next `run` goes on behind it.

        Args:
            rebuilt: reflects every event up to `position`.
            versions: of the orders in it.
            position: at least what is shown now, and what was taken.
            subscription: where to take from: what lies behind `position`.
            place: see `Projector.place`; of nobody else.
            is_ahead: whether `position` is behind what was taken, which is taken now.
        """
        now, stamps, before = self._kernel.clock.instant_ns, self._stamps, self.applied
        self.read_model, self._apply, self._versions = rebuilt, rebuilt.apply, versions
        self._subscription, self.place = subscription, place
        if is_ahead:
            stamps.taken[position] = now
        for shown in range(before + 1, position + 1):
            stamps.applied[shown] = now
        if position > self.checkpoint:
            stamps.checkpointed[position] = now
        self.applied = self.checkpoint = position
        self._wake_waiters()

    def _work_on(self, event: Event) -> Generator[object, None, None]:
        """The time that an event takes before it is shown, what is asked for it included."""
        options = self.options
        if options.enrichment is not None:
            yield from options.enrichment.ask(event, self.place)
        if options.service is not None:
            yield self._work(options.service[event.position - 1], Rank.READ, self.place)

    def _show(self, event: Event) -> None:
        """What `run` does with an event, for those whose `run` does more beside it."""
        if event.version == self._versions.get(event.order_id, 0) + 1:
            self._apply(event)
            self._versions[event.order_id] = event.version
        else:
            self._pass_over(event)
        self.applied = event.position
        self._stamps.applied[event.position] = self._kernel.clock.instant_ns
        self._wake_waiters()

    def _pass_over(self, event: Event) -> None:
        """Skip an event that was applied before.

        Raises:
            InvariantViolationError: if it was not, and an earlier event of the order is missing.
        """
        known = self._versions.get(event.order_id, 0)
        if event.version > known:
            raise InvariantViolationError(
                f"{self.options.name}: {event.event_id} came after version {known}"
            )
        self.duplicates_count += 1

    def is_through(self, head: Position) -> bool:
        """Whether all of a log that ends at `head` was applied, and nothing of it is to come."""
        return self.applied == head

    async def wait_applied(self, position: Position, timeout_ns: int | None = None) -> None:
        """Return when the read model shows a position.

        Raises:
            FreshnessTimeoutError: if that takes longer than `timeout_ns`.
            ActorStoppedError: if the projector ends before.
        """
        if self.applied >= position:
            return
        if self._is_stopped:
            raise ActorStoppedError(f"projector {self.options.name}")
        kernel = self._kernel
        waiter = _Waiter(position, kernel.running, None)
        if timeout_ns is not None:
            waiter.alarm = kernel.alarm(
                kernel.now_ns() + timeout_ns, lambda: self._time_out(waiter)
            )
        self._tickets += 1
        heappush(self._waiters, (position, self._tickets, waiter))
        waiter.actor.waiting_for = f"{self.options.name} to reach position {position}"
        await PARK
        waiter.actor.waiting_for = None
        if waiter.is_stopped:
            raise ActorStoppedError(f"projector {self.options.name}")
        if waiter.timed_out:
            raise FreshnessTimeoutError(self.options.name, position, self.applied)

    def stop(self) -> None:
        """Apply nothing more: whoever waits for a position hears so."""
        self._is_stopped = True
        waiters, self._waiters = self._waiters, []
        for _, _, waiter in waiters:
            if not waiter.timed_out and not waiter.actor.is_done:
                waiter.is_stopped = True
                if waiter.alarm is not None:
                    waiter.alarm.is_cancelled = True
                waiter.actor.lane.append(waiter.actor)

    def _time_out(self, waiter: _Waiter) -> None:
        waiter.timed_out = True
        waiter.actor.lane.append(waiter.actor)

    def _wake_waiters(self) -> None:
        waiters = self._waiters
        while waiters and waiters[0][0] <= self.applied:
            waiter = heappop(waiters)[2]
            if waiter.timed_out or waiter.actor.is_done:
                continue
            if waiter.alarm is not None:
                waiter.alarm.is_cancelled = True
            waiter.actor.lane.append(waiter.actor)
