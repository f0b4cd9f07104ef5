"""A read model rebuilt beside the live one: the whole log again, then one switch (blue/green).

The live read model (blue) goes on and answers every query. The rebuilding one (green) reads the log
from position 1, in batches, with a reader of its own. It has caught up when it has applied all that
the live projector has taken; then, in one step: it is shown in place of the live one, whoever
waited for a position that it shows is woken, the live projector ends, and a projector that follows
the subscription from there begins. So what is shown never goes back, and no event is applied by
both after that.

Of the live projector's work the event that it was at is lost: the rebuilt read model has it. What
the rebuilt one had applied beyond the live one is seen at the switch, not before.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Protocol

import attrs

from cqrs_sim.actors.kernel import Actor, Kernel, Rank
from cqrs_sim.actors.pauses import Work
from cqrs_sim.actors.randomness import Draws
from cqrs_sim.actors.reply import Latch
from cqrs_sim.domain.events import Event
from cqrs_sim.errors import ActorStoppedError, InvalidScenarioError
from cqrs_sim.event_log.subscription import Subscription
from cqrs_sim.ids import Nanoseconds, OrderId, Position, Version
from cqrs_sim.read_side.projector import Inbox, Projector, ReadModel
from cqrs_sim.read_side.read_model_rows import Comparison, compare_rows

PLACES = 1 << 20
"""Places among timers of one instant (`Projector.place`): so far apart are those of projectors that
follow each other for one read model, because the timer of one that ended may still be set."""


class Replacement(Protocol):
    """A read model that is made beside the live one, and then takes its place."""

    def show(self, events: Sequence[Event]) -> None:
        """Show a batch more; nobody sees it yet."""

    def take_place(self) -> ReadModel:
        """Take the place of the live one; returned is what is to be asked from now on."""

    def retired_contents(self, missed: Sequence[Event]) -> object:
        """What the one that it replaced shows when these events, too, are shown; to be asked once.

        It is comparable with `==` to the `contents` of the other.
        """


class InMemory:
    """A `Replacement` of a read model that is in memory."""

    def __init__(self, model: ReadModel, projector: Projector) -> None:
        """Begin with an empty read model; the live one is the projector's."""
        self._model = model
        self._projector = projector
        self._retired: ReadModel | None = None

    def show(self, events: Sequence[Event]) -> None:
        """See `Replacement.show`."""
        for event in events:
            self._model.apply(event)

    def take_place(self) -> ReadModel:
        """See `Replacement.take_place`."""
        self._retired = self._projector.read_model
        return self._model

    def retired_contents(self, missed: Sequence[Event]) -> object:
        """See `Replacement.retired_contents`."""
        retired, self._retired = self._retired, None
        assert retired is not None, "it took the place of another, once"
        for event in missed:
            retired.apply(event)
        return retired.contents()


@attrs.frozen(eq=False)
class Site:
    """One read model of a system, as its rebuilding needs it."""

    projector: Projector
    subscription: Subscription
    new_inbox: Callable[[], Inbox]
    """The receiving end of the subscription for another projector."""
    new_model: Callable[[], ReadModel]
    """An empty read model."""
    new_service: Callable[[int], Draws | None]
    """Modelled times to apply an event, by position - 1, for the rebuild of this number."""
    work: Work
    restart: Callable[[], None]
    """End the projector's actor, and start one that takes from its new inbox."""
    new_file: Callable[[int], Replacement] | None = None
    """What the rebuild of this number makes, of a read model with a file; None: it is in memory."""

    def new_replacement(self, number: int) -> Replacement:
        """What the rebuild of this number makes, with nothing in it."""
        if self.new_file is not None:
            return self.new_file(number)
        return InMemory(self.new_model(), self.projector)


class Rebuild:
    """One rebuilding of one read model; an actor runs it."""

    def __init__(self, kernel: Kernel, site: Site, number: int, batch: int) -> None:
        """Prepare to read the log up to `batch` events at once; `number` counts from 1."""
        self._kernel = kernel
        self._site = site
        self._service = site.new_service(number)
        self._place = site.projector.options.index + PLACES * number
        self._new = site.new_replacement(number)
        self._versions: dict[OrderId, Version] = {}
        self.batch = batch
        self.read_model = site.projector.options.name
        self.began_ns = kernel.now_ns()
        self.switched_ns: Nanoseconds | None = None
        """None: not yet, or dropped because the system closed first."""
        self.applied = Position(0)
        """The last position that the rebuilt read model reflects, up to the switch."""
        self.shown = Position(0)
        """What the live one showed right before the switch."""
        self.comparison: Comparison | None = None
        """Of the two, as soon as it was made."""
        self.over = Latch(kernel, f"the rebuild of {self.read_model}")

    def run(self) -> Generator[object, None, None]:
        """Catch up, then switch."""
        subscription, batch_size = self._site.subscription, self.batch
        while self.applied < subscription.taken:
            first = self.applied
            yield from self._apply(subscription.arrived[first : first + batch_size])
        self._switch()
        self.over.open()

    def _apply(self, batch: Sequence[Event]) -> Generator[object, None, None]:
        service, work, place = self._service, self._site.work, self._place
        versions, enrichment = self._versions, self._site.projector.options.enrichment
        for event in batch:
            if enrichment is not None:
                yield from enrichment.ask_again(event, place)
            if service is not None:
                yield work(service[event.position - 1], Rank.READ, place)
            versions[event.order_id] = event.version
        if checkpoint_ns := self._site.projector.options.checkpoint_ns:
            yield work(checkpoint_ns, Rank.READ, place)
        self._new.show(batch)
        self.applied = batch[-1].position
        if service is None:
            yield self._kernel.give_way()

    def _switch(self) -> None:
        """Show the rebuilt read model in place of the live one: nothing suspends in here."""
        site, kernel = self._site, self._kernel
        projector = site.projector
        self.switched_ns, self.shown = kernel.now_ns(), projector.applied
        model = self._new.take_place()
        is_ahead = site.subscription.skip_to(self.applied)
        projector.take_over(
            model,
            self._versions,
            self.applied,
            subscription=site.new_inbox(),
            place=self._place,
            is_ahead=is_ahead,
        )
        site.restart()
        if kernel.clock.is_virtual:
            self.compare()

    def compare(self) -> None:
        """Compare the two row by row at one position, to which the retired one is folded on.

        On the virtual clock that is the position of the switch. On the wall clock, where it would
        hold up the readers, it is the last position shown when the run is over.
        """
        if self.switched_ns is None or self.comparison is not None:
            return
        projector = self._site.projector
        missed = self._site.subscription.arrived[self.shown : projector.applied]
        retired = self._new.retired_contents(missed)
        self.comparison = compare_rows(retired, projector.read_model.contents())


class Rebuilds:
    """The rebuilding of a system's read models: one of each at a time, planned or asked for."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._sites: dict[str, Site] = {}
        self._running: dict[str, Rebuild] = {}
        self._actors: list[Actor] = []
        self.begun: list[Rebuild] = []
        """In the order in which they began."""
        self.refused: Mapping[str, str] = {}
        """Of read models that cannot be rebuilt beside themselves, by name: why."""

    def add(self, site: Site, planned: Sequence[tuple[int, int]] = ()) -> None:
        """Make a read model known; rebuild it as planned: (instant in ns, events at once) each."""
        name = site.projector.options.name
        self._sites[name] = site
        if planned:
            body = self._follow(name, planned)
            self._actors.append(self._kernel.spawn(body, f"planned rebuilds of {name}"))

    async def rebuild(self, read_model: str, batch: int) -> Rebuild:
        """Rebuild a read model, after any rebuild of it that goes on; return after the switch.

        Args:
            read_model: its name in the scenario.
            batch: most events taken, and checkpointed, at once.

        Raises:
            InvalidScenarioError: if there is no such read model, it cannot be rebuilt here, or
                `batch` is no positive number.
            ActorStoppedError: if the system closes first; then the rebuilt one is dropped.
        """
        if read_model in self.refused:
            raise InvalidScenarioError([self.refused[read_model]])
        if read_model not in self._sites:
            names = ", ".join(self._sites)
            raise InvalidScenarioError(
                [f"no read model {read_model!r} to rebuild; there are: {names}"]
            )
        if batch < 1:
            raise InvalidScenarioError([f"batch = {batch}: must be at least 1"])
        while read_model in self._running:
            await self._running[read_model].over.wait()
        number = 1 + sum(rebuild.read_model == read_model for rebuild in self.begun)
        rebuild = Rebuild(self._kernel, self._sites[read_model], number, batch)
        self.begun.append(rebuild)
        self._running[read_model] = rebuild
        name = f"rebuild of {read_model}"
        self._actors.append(self._kernel.spawn(rebuild.run(), name, is_background=True))
        await rebuild.over.wait()
        self._running.pop(read_model, None)
        if rebuild.switched_ns is None:
            raise ActorStoppedError(name)
        return rebuild

    def close(self) -> None:
        """Drop what is not done: the live read models stay, and whoever waits hears of it."""
        for actor in self._actors:
            self._kernel.discard(actor)
        for rebuild in self._running.values():
            rebuild.over.open()

    async def _follow(self, name: str, planned: Sequence[tuple[int, int]]) -> None:
        kernel = self._kernel
        for at_ns, batch in planned:
            await kernel.sleep_until(at_ns, Rank.OTHER, kernel.running.serial)
            await self.rebuild(name, batch)
