"""A projector that asks another system before it applies an event; see `read_side.enrichment`."""

from collections.abc import Generator

from cqrs_sim.actors.kernel import Rank
from cqrs_sim.read_side.projector import Projector


class EnrichingProjector(Projector):
    """The only writer of one read model, whose options say whom it asks."""

    def run(self) -> Generator[object, None, None]:
        """See `Projector.run`."""
        options, stamps, clock = self.options, self._stamps, self._kernel.clock
        subscription, work, place = self._subscription, self._work, self.place
        service, checkpoint_ns, enrichment = (
            options.service,
            options.checkpoint_ns,
            options.enrichment,
        )
        assert enrichment is not None, "else a plain projector does"
        while True:
            batch = subscription.take_batch(options.batch)
            if not batch:
                if subscription.is_drained:
                    return
                yield subscription.wait()
                continue
            stamps.taken[batch[-1].position] = clock.instant_ns
            for event in batch:
                yield from enrichment.ask(event, place)
                if service is not None:
                    yield work(service[event.position - 1], Rank.READ, place)
                self._show(event)
            if checkpoint_ns:
                yield work(checkpoint_ns, Rank.READ, place)
            self.checkpoint = position = batch[-1].position
            stamps.checkpointed[position] = clock.instant_ns
            if service is None or options.gives_way:
                yield self._kernel.give_way()
