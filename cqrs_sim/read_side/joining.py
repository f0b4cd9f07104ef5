"""A projector that shows two systems' data in one row; see `read_side.renaming`."""

from collections.abc import Generator
from typing import cast

from cqrs_sim.actors.kernel import Rank
from cqrs_sim.ids import Position
from cqrs_sim.read_side.enriching import EnrichingProjector
from cqrs_sim.read_side.renaming import NamedRows, Renames


class JoiningProjector(EnrichingProjector):
    """The only writer of one read model, whose options say whose renames it shows.

    Between two batches of events it takes the renames that have arrived. Neither can make a row
    wrong by coming before the other: a row shows the last name that was applied, a new one too.
    """

    _is_renaming = False

    def is_through(self, head: Position) -> bool:
        """Whether all of the log was applied, and every rename."""
        is_named = self._renames.feed.is_through and not self._is_renaming
        return is_named and super().is_through(head)

    @property
    def _renames(self) -> Renames:
        renames = self.options.renames
        assert renames is not None, "else a plain projector does"
        return renames

    @property
    def _is_drained(self) -> bool:
        return self._renames.feed.is_drained

    def _between_batches(self) -> Generator[object, None, bool]:
        """Rewrite rows for each rename that has arrived by now, unless a pause begins.

        The rest waits behind a batch. A rename wakes the projector where it waits for events.
        """
        probe, feed, each_ns = self._renames.probe, self._renames.feed, self._renames.each_ns
        named = cast("NamedRows", self.read_model)
        gives_way = self.options.service is None or self.options.gives_way
        known, arrived = feed.taken, feed.arrived
        while feed.taken < arrived and (renamed := feed.take()) is not None:
            self._is_renaming = True
            row = probe.rename_taken(self.options.index, renamed.position)
            duration_ns = each_ns * named.orders_count(renamed.customer_id)
            if duration_ns:
                yield self._work(duration_ns, Rank.READ, self.place)
            probe.rename_applied(row, named.rename(renamed.customer_id, renamed.name))
            self._is_renaming = False
            if gives_way:
                yield self._kernel.give_way()
        return feed.taken > known
