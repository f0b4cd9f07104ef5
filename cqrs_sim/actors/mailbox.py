"""Bounded mailboxes: how messages wait for an actor, and what happens when one is full.

A mailbox has one receiver. It holds at most `capacity` messages; beyond that its policy decides:
with `block` the sender's message waits in line outside, first come first served, until there is
room; with `reject` it is refused. Where this does what trio's channels do, it bears trio's names.
"""

from collections import deque
from collections.abc import Awaitable
from typing import Generic, Literal, TypeAlias, TypeVar

import attrs

from cqrs_sim.actors.kernel import Actor, Kernel
from cqrs_sim.actors.park import PARK
from cqrs_sim.errors import ActorStoppedError, CqrsSimError, MailboxFullError

T = TypeVar("T")

MailboxPolicy: TypeAlias = Literal["block", "reject"]


class WouldBlock(CqrsSimError):  # noqa: N818 - trio's name for the same thing
    """`send_nowait` on a full mailbox, or `receive_nowait` on an empty one."""


class EndOfChannel(CqrsSimError):  # noqa: N818 - trio's name for the same thing
    """The mailbox was closed and everything in it has been received."""


@attrs.frozen
class MailboxStatistics:
    """A snapshot of one mailbox."""

    name: str
    capacity: int
    used_count: int
    """Messages inside now."""
    waiting_count: int
    """Messages whose senders wait outside now."""
    sent_count: int
    """Messages that ever came, inside or in line."""
    received_count: int
    refused_count: int
    highest_used_count: int
    """Most messages that were ever inside at once."""


class Mailbox(Generic[T]):
    """A bounded queue with one receiver."""

    __slots__ = (
        "_highest_used_count", "_is_closed", "_items", "_kernel", "_line", "_receiver", "capacity",
        "name", "policy", "refused_count", "sent_count",
    )  # fmt: skip

    def __init__(
        self, kernel: Kernel, name: str, capacity: int, policy: MailboxPolicy = "block"
    ) -> None:
        self._kernel = kernel
        self.name = name
        self.capacity = capacity
        self.policy = policy
        self._items: deque[T] = deque()
        self._line: deque[tuple[T, Actor | None]] | None = None
        self._receiver: Actor | None = None
        self._is_closed = False
        self.sent_count = 0
        self.refused_count = 0
        self._highest_used_count = 0

    def __str__(self) -> str:
        return f"room in the mailbox of {self.name}"

    # Sending.

    def offer(self, message: T) -> bool:
        """Put a message in if there is room; say whether there was.

        Raises:
            ActorStoppedError: if it is closed.
        """
        items = self._items
        if self._is_closed:
            raise ActorStoppedError(self.name)
        if len(items) >= self.capacity or self._line:
            return False
        items.append(message)
        self.sent_count += 1
        receiver = self._receiver
        if receiver is not None:
            self._receiver = None
            receiver.lane.append(receiver)
        return True

    def send_nowait(self, message: T) -> None:
        """Put a message in.

        Raises:
            WouldBlock: if the mailbox is full, whatever its policy.
            ActorStoppedError: if it is closed.
        """
        if not self.offer(message):
            raise WouldBlock(self.name)

    def tell(self, message: T) -> None:
        """Send without waiting for anything: a full mailbox follows its policy.

        With `block` the message takes its place in line outside and goes in when there is room.

        Raises:
            MailboxFullError: if the mailbox is full and its policy is `reject`.
            ActorStoppedError: if it is closed.
        """
        if not self.offer(message):
            self._stand_in_line(message, None)

    async def send(self, message: T) -> None:
        """Send, and wait outside while the mailbox is full, if its policy is `block`.

        Raises:
            MailboxFullError: if the mailbox is full and its policy is `reject`.
            ActorStoppedError: if it is closed, now or while waiting.
        """
        if self.offer(message):
            return
        actor = self._kernel.running
        self._stand_in_line(message, actor)
        actor.waiting_for = self
        await PARK
        if actor.waiting_for is self:  # Woken by `remove_all`, not by `_admit`.
            actor.waiting_for = None
            raise ActorStoppedError(self.name)

    def _stand_in_line(self, message: T, actor: Actor | None) -> None:
        if self.policy == "reject":
            self.refused_count += 1
            raise MailboxFullError(self.name, self.capacity)
        if self._line is None:
            self._line = deque()
        self._line.append((message, actor))
        self.sent_count += 1

    # Receiving.

    def take(self) -> T | None:
        """The oldest message; None if the receiver is to `wait` first.

        A hot loop whose messages are never None calls `take` and `wait` itself: `receive`, which
        does it for all others, costs one more coroutine a message.
        """
        kernel, items = self._kernel, self._items
        if not items or kernel.budget <= 0:
            return None
        kernel.budget -= 1
        if len(items) > self._highest_used_count:
            self._highest_used_count = len(items)
        message = items.popleft()
        if self._line:
            self._admit()
        kernel.running.message = message
        return message

    def wait(self) -> Awaitable[None]:
        """Suspend the running actor, which must await or yield this, until there may be a message.

        On the wall clock a receiver also gives way once the kernel's budget of messages is spent.
        """
        running = self._kernel.running
        if self._items:
            running.lane.append(running)
        else:
            self._receiver = running
        return PARK

    async def receive(self) -> T:
        """Take the oldest message; wait if there is none.

        Raises:
            EndOfChannel: if the mailbox is closed and empty.
        """
        while not self._items or self._kernel.budget <= 0:
            if self._is_closed and not self._items:
                raise EndOfChannel(self.name)
            await self.wait()
        return self.take()  # type: ignore[return-value] # there is one, be it None

    def __aiter__(self) -> "Mailbox[T]":
        return self

    async def __anext__(self) -> T:
        try:
            return await self.receive()
        except EndOfChannel:
            raise StopAsyncIteration from None

    def receive_nowait(self) -> T:
        """Take the oldest message.

        Raises:
            WouldBlock: if there is none.
            EndOfChannel: if there is none and the mailbox is closed.
        """
        if not self._items:
            raise EndOfChannel(self.name) if self._is_closed else WouldBlock(self.name)
        self._highest_used_count = self.highest_used_count
        message = self._items.popleft()
        if self._line:
            self._admit()
        return message

    def _admit(self) -> None:
        line, items = self._line, self._items
        while line and len(items) < self.capacity:
            message, sender = line.popleft()
            items.append(message)
            if sender is not None:
                sender.waiting_for = None
                sender.lane.append(sender)

    # Closing and looking.

    @property
    def highest_used_count(self) -> int:
        """Most messages that were ever inside at once: there are most just before one is taken."""
        return max(self._highest_used_count, len(self._items))

    @property
    def is_idle(self) -> bool:
        """Whether it is empty and its receiver waits at it."""
        return self._receiver is not None and not self._items

    def close(self) -> None:
        """Take no more messages; what is inside can still be received."""
        self._is_closed = True
        if self._receiver is not None:
            receiver, self._receiver = self._receiver, None
            receiver.lane.append(receiver)

    async def aclose(self) -> None:
        """Trio's spelling of `close`."""
        self.close()

    def remove_all(self) -> list[T]:
        """Close, and take out everything inside and in line, so that each can be answered."""
        self._is_closed = True
        left = list(self._items)
        self._items.clear()
        for message, sender in self._line or ():
            left.append(message)
            if sender is not None:
                sender.lane.append(sender)
        self._line = None
        return left

    def statistics(self) -> MailboxStatistics:
        """A frozen snapshot."""
        used, waiting = len(self._items), len(self._line or ())
        return MailboxStatistics(
            name=self.name,
            capacity=self.capacity,
            used_count=used,
            waiting_count=waiting,
            sent_count=self.sent_count,
            received_count=self.sent_count - used - waiting,
            refused_count=self.refused_count,
            highest_used_count=self.highest_used_count,
        )
