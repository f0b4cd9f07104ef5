"""A task for each event: the mechanism of many tutorials, in no order and at most once.

When an event is published a task is started for it, and none waits for another. Whoever is done
first changes the read model first. The tasks belong to the process of the writer: one that is not
done when that ends, or the system stops, is never started again, and nothing stores how far the
read model has come.
"""

from collections.abc import Callable, Sequence
from typing import Final

from cqrs_sim.actors.kernel import Actor, Kernel, Rank
from cqrs_sim.actors.pauses import Work
from cqrs_sim.actors.reply import Latch
from cqrs_sim.domain.events import Event
from cqrs_sim.ids import Nanoseconds, Position
from cqrs_sim.probe import Handling, Probe
from cqrs_sim.read_side.careless import CarelessOrders, CarelessStatistics
from cqrs_sim.read_side.inline import NoInbox
from cqrs_sim.read_side.projector import Projector, ProjectorOptions

CARELESS: dict[str, Callable[[], CarelessOrders | CarelessStatistics]] = {
    "orders": CarelessOrders,
    "statistics": CarelessStatistics,
}
"""Those whose events tasks can handle."""

STRIDE: Final = 128
"""Between the timers of two events; read models have indexes below it."""


class TaskProjector(Projector):
    """The tasks of one read model; an `event_log.memory.PublicationHook`.

    `applied` is the last position up to which *all* events were handled, or are known to be lost:
    those behind it may have been, or not.
    """

    def __init__(
        self,
        kernel: Kernel,
        probe: Probe,
        read_model: CarelessOrders | CarelessStatistics,
        work: Work,
        options: ProjectorOptions,
    ) -> None:
        super().__init__(kernel, probe, NoInbox(), read_model, work, options)
        self._probe = probe
        self._careless = read_model
        probe.promised(options.index, "at_most_once")
        self._tasks: dict[Position, tuple[Event, Actor]] = {}
        self._out_of_turn: set[int] = set()
        self._drained: Latch | None = None

    def before(self, events: Sequence[Event]) -> None:
        """Nothing is updated within the commit."""

    def after(self, events: Sequence[Event], now_ns: Nanoseconds) -> None:
        """Hand each event to a task of its own."""
        for event in events:
            position = event.position
            self._stamps.delivered[position] = now_ns
            task = self._handle(event)
            name = f"task {self.options.name} {position}"
            self._tasks[position] = event, self._kernel.spawn(task, name, is_background=True)

    def lost(self, events: Sequence[Event]) -> None:
        """No task is ever begun for them: nobody need wait for what they were to show."""
        for event in events:
            self._give_up(event)

    async def wait_drained(self) -> None:
        """Return when every task is done; no event may be committed any more."""
        if self._tasks:
            self._drained = Latch(self._kernel, f"the tasks of {self.options.name}")
            await self._drained.wait()

    @property
    def is_over(self) -> bool:
        """Whether no task is at work: what is not shown now comes with a later event, or never."""
        return not self._tasks

    def end_tasks(self) -> None:
        """End the tasks that are not done, as their process ends: their events are lost."""
        ended, self._tasks = self._tasks, {}
        for event, task in ended.values():
            self._kernel.discard(task)
            self._give_up(event)

    def stop(self) -> None:
        """End the tasks that are not done: their events are lost. See `Projector.stop`."""
        for _, task in self._tasks.values():
            self._kernel.discard(task)
        super().stop()

    async def _handle(self, event: Event) -> None:
        position = event.position
        self._stamps.taken[position] = self._kernel.clock.instant_ns
        await self._spend(position)
        self._show(event)
        self._end(position)

    async def _spend(self, position: Position) -> None:
        service = self.options.service
        if service is not None:
            index = position * STRIDE + self.options.index
            await self._work(service[position - 1], Rank.READ, index)

    def _show(self, event: Event) -> None:
        position = event.position
        if not self._careless.takes(event):
            self._probe.handled(self.options.index, position, Handling.WITHOUT_EFFECT)
        self._stamps.applied[position] = self._kernel.clock.instant_ns
        self._handled(position)

    def _end(self, position: Position) -> None:
        """The task of an event is done."""
        del self._tasks[position]
        if self._drained is not None and not self._tasks:
            self._drained.open()

    def _give_up(self, event: Event) -> None:
        """It is lost on its way; nobody need wait for it."""
        self._handled(event.position)

    def _handled(self, position: Position) -> None:
        if position <= self.applied:
            return  # It was lost, and yet came to be shown.
        self._out_of_turn.add(position)
        while self.applied + 1 in self._out_of_turn:
            self.applied = Position(self.applied + 1)
            self._out_of_turn.remove(self.applied)
        if self._waiters:
            self._wake_waiters()
