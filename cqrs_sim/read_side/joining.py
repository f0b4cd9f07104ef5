"""A projector that shows two systems' data in one row; see `read_side.renaming`."""

from collections.abc import Awaitable, Callable, Generator
from typing import cast

from cqrs_sim.actors.kernel import Kernel, Rank
from cqrs_sim.ids import Position
from cqrs_sim.probe import Probe
from cqrs_sim.read_side.projector import Inbox, Projector, ProjectorOptions, ReadModel
from cqrs_sim.read_side.renaming import NamedRows


class JoiningProjector(Projector):
    """The only writer of one read model, whose options say whose renames it shows.

    Between two batches of events it takes the renames that have arrived. Neither can make a row
    wrong by coming before the other: a row shows the last name that was applied, a new one too.
    """

    def __init__(
        self,
        kernel: Kernel,
        probe: Probe,
        subscription: Inbox,
        read_model: ReadModel,
        work: Callable[[int, int, int], Awaitable[None]],
        options: ProjectorOptions,
    ) -> None:
        """See `Projector`; the read model is one of `NamedRows` too."""
        super().__init__(kernel, probe, subscription, read_model, work, options)
        assert options.renames is not None, "else a plain projector does"
        self._probe = probe
        self._renames = options.renames
        self._named = cast("NamedRows", read_model)
        self._is_renaming = False

    def run(self) -> Generator[object, None, None]:
        """See `Projector.run`."""
        options, stamps, clock = self.options, self._stamps, self._kernel.clock
        subscription, work, place = self._subscription, self._work, self.place
        service, checkpoint_ns, feed = options.service, options.checkpoint_ns, self._renames.feed
        while True:
            known = feed.taken
            if known < feed.arrived:
                yield from self._rename_up_to(feed.arrived)
            batch = subscription.take_batch(options.batch)
            if not batch:
                if known < feed.taken:
                    continue  # Others may have arrived meanwhile.
                if subscription.is_drained and feed.is_drained:
                    return
                yield subscription.wait()  # A rename wakes it there too.
                continue
            stamps.taken[batch[-1].position] = clock.instant_ns
            for event in batch:
                if service is not None:
                    yield work(service[event.position - 1], Rank.READ, place)
                self._show(event)
            if checkpoint_ns:
                yield work(checkpoint_ns, Rank.READ, place)
            self.checkpoint = position = batch[-1].position
            stamps.checkpointed[position] = clock.instant_ns
            if service is None or options.gives_way:
                yield self._kernel.give_way()

    def is_through(self, head: Position) -> bool:
        """Whether all of the log was applied, and every rename."""
        is_named = self._renames.feed.is_through and not self._is_renaming
        return is_named and super().is_through(head)

    def _rename_up_to(self, position: int) -> Generator[object, None, None]:
        """Rewrite rows for each rename up to there, unless a pause begins; the rest waits."""
        probe, named, each_ns = self._probe, self._named, self._renames.each_ns
        feed = self._renames.feed
        gives_way = self.options.service is None or self.options.gives_way
        while feed.taken < position and (renamed := feed.take()) is not None:
            self._is_renaming = True
            row = probe.rename_taken(self.options.index, renamed.position)
            duration_ns = each_ns * named.orders_count(renamed.customer_id)
            if duration_ns:
                yield self._work(duration_ns, Rank.READ, self.place)
            probe.rename_applied(row, named.rename(renamed.customer_id, renamed.name))
            self._is_renaming = False
            if gives_way:
                yield self._kernel.give_way()
