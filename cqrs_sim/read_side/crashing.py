"""A projector whose process may end between the effects of a batch and its checkpoint.

The table is durable and so is the checkpoint; which of the two is stored first is the promise
(`reliability` of a delivery, named as the field does):

- at least once: effects, then the checkpoint. What was applied behind it is delivered again.
- at most once: the checkpoint, then the effects. What they should have been is lost.
- exactly-once effect: both in one step. What was done but not stored is done again, from nothing.

What comes again is known by the version of its order, which stands with the row and so survives; a
projector that does not look at it applies whatever comes. One that may miss events applies the next
event of an order over the gap, since nobody will ever send what is missing.
"""

from collections.abc import Awaitable, Callable, Generator, Sequence
from typing import Literal, TypeAlias

import attrs

from cqrs_sim.actors.crashes import Crashes
from cqrs_sim.actors.kernel import Kernel, Rank
from cqrs_sim.domain.events import Event
from cqrs_sim.ids import Position
from cqrs_sim.probe import Handling, Probe
from cqrs_sim.read_side.projector import Inbox, Projector, ProjectorOptions
from cqrs_sim.read_side.unguarded import UnguardedReadModel

Delivery: TypeAlias = Literal["at_least_once", "at_most_once", "exactly_once_effect"]
Steps: TypeAlias = Generator[object, None, None]


@attrs.frozen
class DeliveryOptions:
    """What is promised, and what happens."""

    delivery: Delivery
    is_idempotent: bool
    """Whether the version of an order is looked at."""
    may_miss: bool
    """Whether events may never come; else a gap is a bug."""
    crashes: Crashes


class CrashingProjector(Projector):
    """The only writer of one read model, through the crashes of its process."""

    def __init__(
        self,
        kernel: Kernel,
        probe: Probe,
        subscription: Inbox,
        read_model: UnguardedReadModel,
        work: Callable[[int, int, int], Awaitable[None]],
        options: ProjectorOptions,
        promised: DeliveryOptions,
    ) -> None:
        super().__init__(kernel, probe, subscription, read_model, work, options)
        self._probe = probe
        self._takes = read_model.takes
        self._promised = promised
        self._again: Sequence[Event] = ()
        """What is delivered again, before anything new."""
        self._taken = Position(0)
        probe.promised(options.index, promised.delivery)

    def is_through(self, head: Position) -> bool:
        """Whether nothing is left to be applied, be it that events of the log are lost."""
        is_drained = self._subscription.is_drained and not self._again
        return is_drained or (super().is_through(head) and not self._again)

    def run(self) -> Steps:
        """The projector's life, from process to process, until its subscription is drained."""
        handle = {
            "at_least_once": self._at_least_once,
            "at_most_once": self._at_most_once,
            "exactly_once_effect": self._exactly_once_effect,
        }[self._promised.delivery]
        while True:
            batch = self._next_batch()
            if not batch:
                if self._subscription.is_drained:
                    return
                yield self._subscription.wait()
                continue
            yield from handle(batch)
            if self.options.service is None or self.options.gives_way:
                yield self._kernel.give_way()

    def _next_batch(self) -> Sequence[Event]:
        batch, self._again = self._again, ()
        if not batch:
            batch = self._subscription.take_batch(self.options.batch)
        if batch and batch[-1].position > self._taken:
            self._taken = batch[-1].position
            self._stamps.taken[self._taken] = self._kernel.clock.instant_ns
        return batch

    # The three orders of effects and checkpoint.

    def _at_least_once(self, batch: Sequence[Event]) -> Steps:
        for event in batch:
            yield from self._work_on(event)
            self._handle(event)
        if (yield from self._reaches_checkpoint(batch)):
            self._store(batch)

    def _at_most_once(self, batch: Sequence[Event]) -> Steps:
        if self.options.checkpoint_ns:
            yield self._work(self.options.checkpoint_ns, Rank.READ, self.options.index)
        self._store(batch)
        if self._is_to_end:
            yield from self._crash(batch)
            return
        for event in batch:
            yield from self._work_on(event)
            self._handle(event)

    def _exactly_once_effect(self, batch: Sequence[Event]) -> Steps:
        for event in batch:
            yield from self._work_on(event)
        if (yield from self._reaches_checkpoint(batch)):
            for event in batch:
                self._handle(event)
            self._store(batch)

    def _reaches_checkpoint(self, batch: Sequence[Event]) -> Generator[object, None, bool]:
        """The time until the checkpoint is in place; False if the process ended before."""
        if self.options.checkpoint_ns and not self._is_to_end:
            yield self._work(self.options.checkpoint_ns, Rank.READ, self.options.index)
        if not self._is_to_end:
            return True
        yield from self._crash(batch)
        return False

    # What they are made of.

    @property
    def _is_to_end(self) -> bool:
        return self._promised.crashes.is_due(self._kernel.clock.instant_ns)

    def _handle(self, event: Event) -> None:
        """Apply an event, unless it is known to have been; say what is out of the ordinary."""
        position, version = event.position, event.version
        is_again = position <= self.applied
        known = self._versions.get(event.order_id, 0)
        if version > known + 1 and not self._promised.may_miss:
            self._pass_over(event)
        if version <= known and self._promised.is_idempotent:
            self._pass_over(event)
            self._probe.handled(self.options.index, position, Handling.SKIPPED)
        else:
            has_effect = self._takes(event)
            self._versions[event.order_id] = version
            if is_again:
                kind = Handling.REPEATED if has_effect else Handling.SKIPPED
                self._probe.handled(self.options.index, position, kind)
            elif not has_effect:
                self._probe.handled(self.options.index, position, Handling.WITHOUT_EFFECT)
        if not is_again:
            self.applied = position
            self._stamps.applied[position] = self._kernel.clock.instant_ns
            self._wake_waiters()

    def _store(self, batch: Sequence[Event]) -> None:
        """The checkpoint is stored: behind it nothing is ever delivered again."""
        self.checkpoint = position = batch[-1].position
        self._stamps.checkpointed[position] = self._kernel.clock.instant_ns

    def _crash(self, batch: Sequence[Event]) -> Steps:
        """The process ends, and after a while there is another."""
        if self.checkpoint < batch[-1].position:
            self._again = batch
        row = self._probe.crashed(
            self.options.index, self.checkpoint, batch[-1].position, len(self._again)
        )
        down_ns = self._promised.crashes.begin()
        yield self._kernel.sleep(down_ns, Rank.READ, self.options.index)
        self._probe.restarted(row)
