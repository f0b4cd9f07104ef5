"""Pauses: stretches of time in which a stage begins nothing, as in a stop of its whole process.

The rule, for `[at, at + duration)`: what would begin inside a pause begins at its end. So a message
is taken, and a service begins, at `Pauses.resumes`; what began before the pause is finished as if
there were none. With one server, D(n) = resumes(max(A(n), D(n-1))) + S(n): a Lindley recursion in
which only the beginnings are moved.

A stage without pauses does not come here, so they cost it nothing.
"""

from bisect import bisect_right
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeAlias, TypeVar

import attrs

from cqrs_sim.actors.kernel import Actor, Kernel
from cqrs_sim.actors.mailbox import Mailbox
from cqrs_sim.actors.park import PARK

T = TypeVar("T")

Work: TypeAlias = Callable[[int, int, int], Awaitable[None]]
"""Spends modelled time: (duration in ns, rank, index)."""


class Pauses:
    """The pauses of one stage."""

    def __init__(self, kernel: Kernel, spans_ns: Sequence[tuple[int, int]]) -> None:
        """Take half-open spans (begin, end), in order and without overlap; they may touch."""
        self._kernel = kernel
        self._begins: list[int] = []
        self._ends: list[int] = []
        for begin, end in spans_ns:
            if self._ends and begin == self._ends[-1]:
                self._ends[-1] = end
            else:
                self._begins.append(begin)
                self._ends.append(end)

    def resumes(self, instant_ns: int) -> int:
        """When what would begin at an instant begins: then, or at the end of the pause."""
        number = bisect_right(self._begins, instant_ns) - 1
        return instant_ns if number < 0 else max(instant_ns, self._ends[number])

    @property
    def is_on(self) -> bool:
        """Whether there is a pause now."""
        now = self._kernel.clock.instant_ns
        return self.resumes(now) > now

    def wait(self, rank: int) -> Awaitable[None]:
        """Suspend the running actor, which must await or yield this, until the pause is over.

        It wakes before all else of its rank: whoever reads at that instant is to see what takes no
        time. Negative indexes are nobody else's.
        """
        kernel = self._kernel
        resumed = self.resumes(kernel.clock.instant_ns)
        return kernel.sleep_until(resumed, rank, -kernel.running.serial)

    def holding(self, work: Work) -> Work:
        """The same work, begun only when there is no pause."""

        def held(duration_ns: int, rank: int, index: int) -> Awaitable[None]:
            kernel = self._kernel
            now = kernel.clock.instant_ns
            resumed = self.resumes(now)
            if resumed == now:
                return work(duration_ns, rank, index)
            job = _Held(kernel, kernel.running, work, duration_ns, rank, index)
            kernel.set_timer(resumed, rank, index, job)
            return PARK

        return held


@attrs.define(eq=False)
class _Held:
    """Work that waits for the end of a pause; as a timer it stands for its actor."""

    kernel: Kernel
    actor: Actor
    work: Work
    duration_ns: int
    rank: int
    index: int

    def send(self, _: None) -> object:
        """Begin."""
        if not self.actor.is_done:  # It may have been discarded meanwhile.
            self.kernel.running = self.actor
            self.work(self.duration_ns, self.rank, self.index)
        return PARK


@attrs.frozen(eq=False)
class PausedMailbox(Generic[T]):
    """The receiving end of a mailbox from which nothing is taken in a pause."""

    mailbox: Mailbox[T]
    pauses: Pauses
    rank: int
    """At which its receiver wakes when a pause is over."""

    def take(self) -> T | None:
        """See `Mailbox.take`."""
        return None if self.pauses.is_on else self.mailbox.take()

    def wait(self) -> Awaitable[None]:
        """See `Mailbox.wait`."""
        return self.pauses.wait(self.rank) if self.pauses.is_on else self.mailbox.wait()
