"""The load generators: actors that send what was planned, or what clients think of next.

The open generator follows a plan and never waits for an answer, so a slow system cannot slow the
load down and hide its own slowness. Closed-loop clients do wait, each for its own answer; what
they measure is capacity, not what users would see at a rate.
"""

from collections.abc import Awaitable, Callable, Generator, Iterator, Sequence
from typing import Protocol, TypeVar, cast

import attrs

from cqrs_sim.actors.kernel import Kernel, Rank
from cqrs_sim.actors.randomness import Draws
from cqrs_sim.domain.commands import Command
from cqrs_sim.domain.queries import QUERY_TYPES, Query
from cqrs_sim.errors import TURNED_AWAY
from cqrs_sim.ids import Nanoseconds

T = TypeVar("T")
M = TypeVar("M", contravariant=True)

BEFORE_ALL = -1
"""Index of a generator's timers: before those of what it sent, which bear numbers from 0."""
OF_RENAMES = -2
"""Index of the timers of another generator at the same rank."""

_QUERIES = frozenset(QUERY_TYPES)


def follow_plan(
    kernel: Kernel,
    intended_ns: Sequence[int],
    messages: Sequence[T],
    send: Callable[[T, int], object],
    rank: int,
    index: int = BEFORE_ALL,
) -> Generator[object, None, None]:
    """Send message i at `intended_ns[i]`, or at once if that is past.

    Args:
        kernel: whose actor this is.
        intended_ns: non-decreasing instants, Python integers.
        messages: what to send; as many.
        send: takes a message and its number, and must not wait for the outcome.
        rank: what comes first among timers of one instant.
        index: what comes first among those of one rank.
    """
    clock, sleep_until = kernel.clock, kernel.sleep_until
    for number, (instant, message) in enumerate(zip(intended_ns, messages, strict=True)):
        if instant > clock.instant_ns:
            yield sleep_until(instant, rank, index)
        send(message, number)


class Ask(Protocol[M]):
    """Sends a message and waits for what comes of it."""

    def __call__(
        self, message: M, /, *, intended_ns: Nanoseconds, session: int
    ) -> Awaitable[object]:
        """The message was intended at an instant, by a session."""


@attrs.define(eq=False)
class Clients:
    """What closed-loop clients share."""

    kernel: Kernel
    scripts: Iterator[tuple[Command | Query, ...]]
    """Where a client takes its next script when it is done with one."""
    execute: Ask[Command]
    """Sends a command and waits for the outcome."""
    query: Ask[Query]
    think_time: Draws | None
    """Pause before each operation, by the number of the operation; None: no pause."""
    ends_ns: int
    """No operation begins at or after this; it may be brought forward while they run."""
    thought: Iterator[int]
    """Numbers the pauses."""

    async def run(self, session: int) -> None:
        """The life of one client: one operation at a time, each after the last one's outcome."""
        kernel, think_time = self.kernel, self.think_time
        execute, query, clock, queries = self.execute, self.query, kernel.clock, _QUERIES
        for script in self.scripts:
            for operation in script:
                if think_time is not None:
                    await kernel.sleep(think_time[next(self.thought)], Rank.LOAD, session)
                now = clock.instant_ns
                if now >= self.ends_ns:
                    return
                try:
                    if type(operation) in queries:
                        await query(cast("Query", operation), intended_ns=now, session=session)
                    else:
                        await execute(operation, intended_ns=now, session=session)  # type: ignore[arg-type] # not a query
                except TURNED_AWAY:
                    continue  # Counted where it was recorded; the client goes on.
