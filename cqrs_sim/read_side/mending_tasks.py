"""Tasks that look for gaps: what comes before an event that it follows waits, or has that fetched.

A task looks at the version of the order when its work is done, where its effect is to take place.
The next version takes effect; one that is known had been fetched, and is passed over; a later one
has met a gap. Then it waits in a buffer until the gap is closed, and takes effect at that instant;
or the task reads what is missing from the log, and all take effect together, in order. So the
handlers may be as careless as ever.

The buffer is memory of the process that the tasks live in: what waits is lost with it. What follows
a loss waits for ever, since it cannot be told from what is only late; it is parked.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

import attrs

from cqrs_sim.actors.kernel import Kernel, Rank
from cqrs_sim.actors.pauses import Work
from cqrs_sim.domain.events import Event
from cqrs_sim.ids import Nanoseconds, OrderId, Position, Version
from cqrs_sim.probe import Handling, Probe
from cqrs_sim.read_side.careless import CarelessOrders, CarelessStatistics
from cqrs_sim.read_side.projector import ProjectorOptions
from cqrs_sim.read_side.tasks import STRIDE, TaskProjector

ReadLog: TypeAlias = Callable[[OrderId, Version, Position], Sequence[Event]]
"""The events of an order behind a version, up to a position; see `MemoryLog.read_order`."""


@attrs.frozen
class Source:
    """Where missing events are read."""

    read: ReadLog
    each_ns: int
    """Modelled time to read one."""


class MendingTasks(TaskProjector):
    """The tasks of one read model, which take the events of an order in the order of versions."""

    def __init__(
        self,
        kernel: Kernel,
        probe: Probe,
        read_model: CarelessOrders | CarelessStatistics,
        work: Work,
        options: ProjectorOptions,
        source: Source | None,
    ) -> None:
        """As `TaskProjector`; `source` is where to fetch from, None: they wait in a buffer."""
        super().__init__(kernel, probe, read_model, work, options)
        self._source = source
        self._held: dict[OrderId, dict[Version, Event]] = {}
        self._holed: set[OrderId] = set()
        """Orders of which an event was lost: what is held of them takes effect never."""
        self._unbegun: set[Position] = set()
        """Whose task has not begun, or never did; fetched, they are delivered by that."""

    def after(self, events: Sequence[Event], now_ns: Nanoseconds) -> None:
        """See `TaskProjector.after`."""
        self._unbegun.update(event.position for event in events)
        super().after(events, now_ns)

    def lost(self, events: Sequence[Event]) -> None:
        """See `TaskProjector.lost`."""
        self._unbegun.update(event.position for event in events)
        super().lost(events)

    def end_tasks(self) -> None:
        """See `TaskProjector.end_tasks`; the buffer is gone, too."""
        super().end_tasks()
        held, self._held = self._held, {}
        for of_order in held.values():
            for event in of_order.values():
                self._give_up(event)

    async def _handle(self, event: Event) -> None:
        position = event.position
        if position in self._unbegun:
            self._unbegun.remove(position)
            self._stamps.taken[position] = self._kernel.clock.instant_ns
        await self._spend(position)
        if event.version > self._known(event) + 1:
            if self._source is None:
                self._hold(event)
            else:
                await self._fetch(event, self._source)
        known = self._known(event)
        if event.version <= known:
            self._probe.handled(self.options.index, position, Handling.LATE)
        elif event.version == known + 1:
            self._show(event)
            self._release(event.order_id)
        self._end(position)

    def _known(self, event: Event) -> int:
        return self._versions.get(event.order_id, 0)

    def _show(self, event: Event) -> None:
        super()._show(event)
        self._versions[event.order_id] = event.version

    def _give_up(self, event: Event) -> None:
        super()._give_up(event)
        self._holed.add(event.order_id)

    def _hold(self, event: Event) -> None:
        self._probe.handled(self.options.index, event.position, Handling.HELD)
        self._held.setdefault(event.order_id, {})[event.version] = event
        if event.order_id in self._holed:
            self._give_up(event)

    def _release(self, order_id: OrderId) -> None:
        """What follows takes effect as soon as nothing is missing before it."""
        held = self._held.get(order_id)
        if held is None:
            return
        while (version := Version(self._versions[order_id] + 1)) in held:
            self._show(held.pop(version))
        if not held:
            del self._held[order_id]

    async def _fetch(self, event: Event, source: Source) -> None:
        """Read what is missing before an event, then show what still is."""
        index, position, now = self.options.index, event.position, self._kernel.clock.instant_ns
        self._probe.handled(index, position, Handling.FETCHING)
        known = Version(self._known(event))
        missing = source.read(event.order_id, known, Position(position - 1))
        for each in missing:
            self._probe.handled(index, each.position, Handling.FETCHED)
            if each.position in self._unbegun:
                self._unbegun.remove(each.position)
                self._stamps.delivered[each.position] = self._stamps.taken[each.position] = now
        if source.each_ns:
            took_ns = source.each_ns * len(missing)
            await self._kernel.sleep(took_ns, Rank.READ, position * STRIDE + index)
        for each in missing:
            if each.version > self._known(event):
                self._show(each)
