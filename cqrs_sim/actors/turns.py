"""Turns: one processor, shared on the virtual clock as the wall clock's thread is.

On the wall clock an actor works until it waits for something: nobody takes the thread from it.
What falls due meanwhile is noticed when the kernel next looks at its timers, and projectors come
after whatever else is ready, or after a quantum of messages (`Kernel.run_turn`). A first come,
first served queue of pieces of work is another system: a command that arrives while another one
is decided would go before the projection of that one. Here the same `run_turn` runs, and work takes
the clock on in place. Goals: the order of the wall engine, from the wall engine's own code.
Non-goals: the price of a turn itself, which the pieces of work must contain.
"""

from collections.abc import Awaitable

from cqrs_sim.actors.clock import VirtualClock
from cqrs_sim.actors.kernel import UNBOUNDED, Kernel
from cqrs_sim.actors.park import KEEP


class Turns:
    """The work of actors that take turns at one processor."""

    def __init__(self, kernel: Kernel) -> None:
        assert isinstance(kernel.clock, VirtualClock), "the wall clock moves by itself"
        self._clock = kernel.clock

    def work(self, duration_ns: int, rank: int, index: int) -> Awaitable[None]:
        """Take the clock on by a duration, and go on: nobody gets between.

        Used as `Kernel.sleep` is; rank and index sort nothing, since there are no two at a time.
        """
        self._clock.instant_ns += duration_ns  # type: ignore[assignment] # a NewType call a piece
        return KEEP


def run_in_turns(kernel: Kernel, settle_ns: int = 0) -> None:
    """Run until `is_stopping`; when nobody is ready the clock moves to the next timer.

    Args:
        kernel: on a virtual clock.
        settle_ns: what passes from having nothing left to do until a timer can be noticed: the
            kernel looks everywhere once more, and its host goes to wait.

    Raises:
        ActorCrashedError: if an actor raised.
        DeadlockError: if nothing can run any more while actors wait for one another.
    """
    clock = kernel.clock
    assert isinstance(clock, VirtualClock)
    while True:
        kernel.run_turn(UNBOUNDED)
        if kernel.is_stopping:
            return
        due_ns = kernel.next_timer_ns
        if kernel.is_idle or due_ns is None:
            break
        clock.instant_ns += settle_ns  # type: ignore[assignment] # as above
        if due_ns > clock.instant_ns:
            clock.instant_ns = due_ns  # type: ignore[assignment] # as in `run_virtual`
    kernel.check_deadlock()
