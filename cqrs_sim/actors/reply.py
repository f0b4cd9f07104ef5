"""Replies: how one actor waits for one value from another, and how a condition is waited for."""

import types
from collections.abc import Generator
from typing import Generic, TypeVar

from cqrs_sim.actors.kernel import Actor, Kernel
from cqrs_sim.actors.park import PARK

T = TypeVar("T")


class Reply(Generic[T]):
    """A slot for one value or one error, awaited by at most one actor."""

    __slots__ = ("_error", "_is_set", "_kernel", "_value", "_waiter", "source")

    def __init__(self, kernel: Kernel, source: object) -> None:
        self._kernel = kernel
        self.source = source
        """Who is to answer; named if the wait never ends."""
        self._is_set = False
        self._value: T | None = None
        self._error: Exception | None = None
        self._waiter: Actor | None = None

    def __str__(self) -> str:
        return f"a reply from {self.source}"

    def set(self, value: T) -> None:
        """Answer; the waiting actor becomes runnable."""
        self._value = value
        self._is_set = True
        if self._waiter is not None:
            self._waiter.lane.append(self._waiter)

    def fail(self, error: Exception) -> None:
        """Answer with an error, raised where the reply is awaited."""
        self._error = error
        self._is_set = True
        if self._waiter is not None:
            self._waiter.lane.append(self._waiter)

    @types.coroutine
    def wait(self) -> Generator[object, None, T]:
        """The value, once it is there.

        Raises:
            Exception: whatever error the answer was.
        """
        if not self._is_set:
            actor = self._waiter = self._kernel.running
            actor.waiting_for = self
            yield PARK
            actor.waiting_for = None
        if self._error is not None:
            raise self._error
        return self._value  # type: ignore[return-value]


class Latch:
    """A condition that becomes true once; any number of actors may wait for it."""

    def __init__(self, kernel: Kernel, name: str) -> None:
        self._kernel = kernel
        self._name = name
        self._waiters: list[Actor] = []
        self.is_open = False

    def __str__(self) -> str:
        return self._name

    def open(self) -> None:
        """Make the condition true and wake all who wait."""
        self.is_open = True
        waiters, self._waiters = self._waiters, []
        for actor in waiters:
            actor.lane.append(actor)

    async def wait(self) -> None:
        """Return once the condition is true."""
        if not self.is_open:
            actor = self._kernel.running
            self._waiters.append(actor)
            actor.waiting_for = self
            await PARK
            actor.waiting_for = None
