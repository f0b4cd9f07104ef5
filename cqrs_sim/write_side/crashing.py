"""The process of the write side: what is gone when it ends, and what is there when it is back.

It is all order actors, their mailboxes and the gateway, and the tasks that it began. Gone is what
was in memory: a command in a mailbox or at work has the outcome *unknown*, since its caller heard
nothing, and of these only the one whose events had just been stored has any. What comes while
nobody is there is *refused*. Orders come back from their events, when they are next asked for.
"""

from collections.abc import Sequence
from typing import Protocol

from cqrs_sim.actors.kernel import Kernel, Rank
from cqrs_sim.event_log.memory import MemoryLog
from cqrs_sim.event_log.publishing import PublishedLog
from cqrs_sim.ids import Position
from cqrs_sim.probe import NO_READ_MODEL, Probe
from cqrs_sim.write_side.gateway import CommandGateway


class Tasks(Protocol):
    """Tasks that live in the process of the write side."""

    def end_tasks(self) -> None:
        """End those that are not done."""


def watch_for_crashes(
    kernel: Kernel, probe: Probe, log: MemoryLog, gateway: CommandGateway, tasks: Sequence[Tasks]
) -> None:
    """Let the write side end when its log says so, if it is one that can."""
    if isinstance(log, PublishedLog):
        _Process(kernel, probe, log, gateway, tasks)


class _Process:
    """Ends the write side when its log says so, and brings it back."""

    def __init__(
        self,
        kernel: Kernel,
        probe: Probe,
        log: PublishedLog,
        gateway: CommandGateway,
        tasks: Sequence[Tasks],
    ) -> None:
        self._kernel = kernel
        self._probe = probe
        self._log = log
        self._gateway = gateway
        self._tasks = tasks
        log.on_crash = self._end

    def _end(self, down_ns: int, published: Position) -> None:
        """Within an append: the actors cannot be ended by one of them, so another does."""
        row = self._probe.crashed(NO_READ_MODEL, published, self._log.head, 0)
        self._kernel.spawn(self._be_gone(down_ns, row), "crash of the write side")

    async def _be_gone(self, down_ns: int, row: int) -> None:
        kernel = self._kernel
        self._gateway.crash()
        for tasks in self._tasks:
            tasks.end_tasks()
        await kernel.sleep(down_ns, Rank.WRITE, -kernel.running.serial)
        self._probe.restarted(row)
        self._gateway.restart()
        self._log.restart()
