"""Projectors of read models in tables: a batch is one transaction, and seen all at once.

The modelled times of its events and of its checkpoint pass first, then the batch is written with
its checkpoint: applied and checkpointed are one instant for all of its events. That is written in
the kernel's thread, on the wall clock too, so that a reader in the same thread sees what it is told
it sees; while it lasts nobody else runs.
"""

from collections.abc import Callable, Generator, Sequence

from cqrs_sim.actors.kernel import Kernel, Rank
from cqrs_sim.actors.pauses import Work
from cqrs_sim.domain.events import Event
from cqrs_sim.ids import Position
from cqrs_sim.probe import Probe
from cqrs_sim.read_side.inline import InlineProjector
from cqrs_sim.read_side.projector import Inbox, Projector, ProjectorOptions, ReadModel
from cqrs_sim.tables.batches import CATCH_UP, batches

NOTHING = Position(0)
Write = Callable[[Sequence[Event]], None]


class StoredProjector(Projector):
    """A projector whose batches are transactions; see the module."""

    def __init__(
        self,
        kernel: Kernel,
        probe: Probe,
        subscription: Inbox,
        read_model: ReadModel,
        work: Work,
        options: ProjectorOptions,
        write: Write | None = None,
        shown: Position = NOTHING,
    ) -> None:
        """Make a projector.

        Args:
            kernel: as of any `Projector`.
            probe: likewise.
            subscription: likewise.
            read_model: what is asked.
            work: see `Projector`.
            options: likewise.
            write: shows a batch, all or nothing; None: nothing is written, the transactions are
                those of a model, and the read model is in memory.
            shown: the last position that was shown by earlier runs.
        """
        super().__init__(kernel, probe, subscription, read_model, work, options)
        self._shown = shown
        self._write = write if write is not None else self._write_in_memory

    def run(self) -> Generator[object, None, None]:
        """See `Projector.run`."""
        subscription, options, clock = self._subscription, self.options, self._kernel.clock
        work, place, stamps = self._work, self.place, self._stamps
        service, checkpoint_ns = options.service, options.checkpoint_ns
        takes_time = service is not None or options.enrichment is not None
        while True:
            batch = subscription.take_batch(options.batch)
            if not batch:
                if subscription.is_drained:
                    return
                yield subscription.wait()
                continue
            stamps.taken[batch[-1].position] = clock.instant_ns
            if takes_time:
                for event in batch:
                    yield from self._work_on(event)
            if checkpoint_ns:
                yield work(checkpoint_ns, Rank.READ, place)
            self._write(batch)
            now = clock.instant_ns
            for event in batch:
                stamps.applied[event.position] = stamps.checkpointed[event.position] = now
            self.applied = self.checkpoint = batch[-1].position
            self._wake_waiters()
            if service is None:
                yield self._kernel.give_way()

    def catch_up(self, events: Sequence[Event]) -> None:
        """Show what was recorded before the run, as far as it is not shown, at no time."""
        for batch in batches(events[self._shown :], CATCH_UP):
            self._write(batch)
        if events:
            self.applied = self.checkpoint = events[-1].position

    def _write_in_memory(self, events: Sequence[Event]) -> None:
        for event in events:
            if event.version == self._versions.get(event.order_id, 0) + 1:
                self._apply(event)
                self._versions[event.order_id] = event.version
            else:
                self._pass_over(event)


class StoredInlineProjector(InlineProjector):
    """Stamps what the commit of the events has written in its own transaction."""

    def before(self, events: Sequence[Event]) -> None:
        """Nothing: the commit is through, and its tables with it."""

    def catch_up(self, events: Sequence[Event]) -> None:
        """What was recorded before the run is in the tables, by the commits that recorded it."""
        if events:
            self.applied = self.checkpoint = Position(events[-1].position)
