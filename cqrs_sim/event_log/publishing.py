"""A log whose writer publishes what it has stored, as a second step, and may end before it.

- log first: subscriptions read the log. What was stored and not published when the writer ended is
  published from the log when it is back: late, and nothing is lost.
- dual write: the writer stores, then tells the channels; nothing reads the log afterwards. What it
  had not told when it ended, nobody ever hears. A channel without room is told when it has some.

Each subscription has a list of its own of what was published, which in a dual write lacks what was
lost; so there a place on a channel is not a position.
"""

from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

import attrs

from cqrs_sim.actors.crashes import Crashes
from cqrs_sim.actors.kernel import Kernel
from cqrs_sim.actors.reply import Latch
from cqrs_sim.domain.events import Event
from cqrs_sim.event_log.memory import MemoryLog, Pending, PublicationHook
from cqrs_sim.event_log.subscription import Subscription, fan_out
from cqrs_sim.event_log.transport import Transport
from cqrs_sim.ids import CommandId, Nanoseconds, OrderId, Position, Version
from cqrs_sim.probe import Column, Probe

Publish: TypeAlias = Literal["log_first", "dual_write"]


@attrs.frozen
class _ByPlace:
    """The column of stamps of one channel, written by place among what was published."""

    column: Column
    published: Sequence[Event]

    def __setitem__(self, place: int, instant_ns: int, /) -> None:
        self.column[self.published[place - 1].position] = instant_ns


class _NeverOver:
    """An append that the end of the writer overtook."""

    def __str__(self) -> str:
        return "the crash of the write side"

    def end(self) -> Position:
        """Nobody is woken for this."""
        raise AssertionError(str(self))


class PublishedLog(MemoryLog):
    """A log in memory with a writer that can end between storing and publishing."""

    def __init__(self, kernel: Kernel, probe: Probe, publish: Publish, crashes: Crashes) -> None:
        super().__init__(kernel, probe)
        self._way = publish
        self._crashes = crashes
        self._channels: list[tuple[Subscription, list[Event]]] = []
        self._told: list[PublicationHook] = []
        self._back: Latch | None = None
        self._unpublished: list[Event] = []
        self._published = Position(0)
        self._is_ending = False
        self.is_down = False
        self.on_crash: Callable[[int, Position], None] = _nobody
        """Called when the writer ends, with how long it is gone and the last position published;
        the order actors run on until whoever hears of it ends them."""

    def begin_append(
        self,
        order_id: OrderId,
        expected: Version,
        new_events: Sequence[Event],
        command_id: CommandId,
        request_id: str | None = None,
    ) -> Position | Pending:
        """See `MemoryLog.begin_append`; it is never over if the writer ends meanwhile."""
        if self.is_down:
            return self._wait_for_the_end()
        begun = super().begin_append(order_id, expected, new_events, command_id, request_id)
        return self._wait_for_the_end() if self.is_down else begun

    def _publish(
        self, new_events: Sequence[Event], command_id: CommandId, now: Nanoseconds
    ) -> None:
        """What is stored is stamped; then it is passed on, unless the writer ends before."""
        if self.hooks:
            now = self._tell(new_events)
        self._committed[command_id] = now
        self._commits_ns.extend([now] * len(new_events))
        if self._crashes.is_due(now):
            self.is_down = True
            self._unpublished.extend(new_events)
            self.on_crash(self._crashes.begin(), self._published)
        else:
            self._pass_on(new_events, now)

    def _wait_for_the_end(self) -> Pending:
        """Of the running actor, which has not answered; who ends it sees by this that it waits."""
        waiting = self._kernel.running.waiting_for = _NeverOver()
        return waiting

    def restart(self) -> None:
        """The writer is back: what it had stored and not published is published, or is lost."""
        self.is_down = False
        left, self._unpublished = self._unpublished, []
        if self._way == "log_first":
            self._pass_on(left, self._clock.instant_ns)
        else:
            for hook in self._told:
                hook.lost(left)
        if self._is_ending:
            super().end_subscriptions()
        if self._back is not None:
            self._back.open()

    @property
    def has_unpublished(self) -> bool:
        """See `MemoryLog.has_unpublished`: what a dual write did not tell it never will."""
        return self._way == "log_first" and bool(self._unpublished)

    def tell_when_published(self, hook: PublicationHook) -> None:
        """See `MemoryLog.tell_when_published`."""
        self._told.append(hook)

    async def wait_published(self) -> None:
        """See `MemoryLog.wait_published`; a writer that is gone first has to come back."""
        if self.has_unpublished:
            self._back = Latch(self._kernel, "the writer to be back")
            await self._back.wait()

    def _pass_on(self, events: Sequence[Event], now: Nanoseconds) -> None:
        for hook in self._told:
            hook.after(events, now)
        for event in events:
            self._published = event.position
            for subscription, published in self._channels:
                published.append(event)
                fan_out((subscription,), len(published), now)  # type: ignore[arg-type] # its place
            for transport in self._transports:
                transport.depart(event, now)

    def subscribe(
        self, name: str, index: int, capacity: int, transport_ns: int = 0
    ) -> Subscription:
        """See `MemoryLog.subscribe`."""
        published = list(self.events)
        self._published = self.head
        subscription = Subscription(
            self._kernel, self._probe, published, name=name, index=index, capacity=capacity
        )
        if self._way == "dual_write":
            subscription.stamps = _ByPlace(subscription.stamps, published)
        if transport_ns:
            self._transports.append(
                Transport(self._kernel, subscription, published, delay_ns=transport_ns, index=index)
            )
        else:
            self._channels.append((subscription, published))
            self._near.append(subscription)
        self.subscriptions.append(subscription)
        return subscription

    def end_subscriptions(self) -> None:
        """See `MemoryLog.end_subscriptions`; a writer that is gone first has to come back."""
        if self.is_down:
            self._is_ending = True
        else:
            super().end_subscriptions()


def _nobody(_down_ns: int, _published: Position) -> None:
    """Nobody hears of it."""
