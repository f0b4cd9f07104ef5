"""Projectors that do more than apply events; one asks another system, see `read_side.enrichment`.

A class of its own, since the usual loop is the hottest of the read side and asks for none of it.
"""

from collections.abc import Generator

from cqrs_sim.actors.kernel import Rank
from cqrs_sim.read_side.projector import Projector


class EnrichingProjector(Projector):
    """The only writer of one read model, whose options say whom it asks before an event."""

    def run(self) -> Generator[object, None, None]:
        """See `Projector.run`."""
        options, stamps, clock = self.options, self._stamps, self._kernel.clock
        subscription, checkpoint_ns = self._subscription, options.checkpoint_ns
        while True:
            did_more = yield from self._between_batches()
            batch = subscription.take_batch(options.batch)
            if not batch:
                if did_more:
                    continue  # There may be more of it meanwhile.
                if subscription.is_drained and self._is_drained:
                    return
                yield subscription.wait()
                continue
            stamps.taken[batch[-1].position] = clock.instant_ns
            for event in batch:
                yield from self._work_on(event)
                self._show(event)
            if checkpoint_ns:
                yield self._work(checkpoint_ns, Rank.READ, self.place)
            self.checkpoint = position = batch[-1].position
            stamps.checkpointed[position] = clock.instant_ns
            if options.service is None or options.gives_way:
                yield self._kernel.give_way()

    @property
    def _is_drained(self) -> bool:
        """Whether nothing is left, nor will come, of what is done between batches."""
        return True

    def _between_batches(self) -> Generator[object, None, bool]:
        """Do what else there is to do; whether there was anything."""
        yield from ()
        return False
