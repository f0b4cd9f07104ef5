"""The trio host: runs a kernel on the wall clock, with trio as its guest in the same thread.

The kernel's loop owns the thread and gives trio a turn at least every `TURN_NS`. Trio runs in
guest mode, so while an actor runs there is no current trio task: a trio call inside an actor
fails at the call instead of cancelling or parking its host. The bridge leads both ways: `call`
lets a trio task run a coroutine of the kernel's, `await_trio` lets an actor run a coroutine of
trio's.

Between turns the host waits for the next timer or for trio, whichever comes first. It wakes
`SPIN_NS` early and spins the rest, because a thread wakes some 60 µs late.
"""

import queue
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import attrs
import outcome
import trio

from cqrs_sim.actors.kernel import Kernel
from cqrs_sim.actors.reply import Reply
from cqrs_sim.errors import ActorStoppedError, CqrsSimError

T = TypeVar("T")

TURN_NS = 500_000
"""Longest that trio, timers that fell due and signals wait for the kernel."""

SPIN_NS = 100_000
"""How early the host wakes from an idle wait."""

WAIT_NS_MAX = 50_000_000
"""Longest idle wait, so that a signal's Python handler runs soon."""


@attrs.define(eq=False)
class _Call:
    """A trio task's call into the kernel."""

    task: trio.lowlevel.Task
    is_abandoned: bool = False


class TrioHost:
    """Hosts one kernel for one run."""

    def __init__(self, kernel: Kernel, *, reports_deadlock: bool = False) -> None:
        """Host a kernel.

        Args:
            kernel: on a wall clock.
            reports_deadlock: whether an idle kernel whose actors wait for one another ends the run;
                right where all work comes from the kernel's own actors, not from trio tasks.
        """
        self._kernel = kernel
        self._reports_deadlock = reports_deadlock
        self._trio_calls = 0
        self._inbox: queue.SimpleQueue[Callable[[], object]] = queue.SimpleQueue()
        self._soon: deque[Callable[[], object]] = deque()
        self._outcome: outcome.Outcome[Any] | None = None
        self._nursery: trio.Nursery | None = None
        self._token: trio.lowlevel.TrioToken | None = None
        self._failed: trio.Event | None = None
        self._failure: Exception | None = None

    def run(self, main: Callable[[], Awaitable[T]]) -> T:
        """Run a trio program with the kernel beside it; return what it returns.

        An error in the kernel is raised in the nursery around `main`, which it cancels. When `main`
        is done every coroutine of the kernel is closed.

        Raises:
            ActorCrashedError: if an actor raised.
            Exception: whatever `main` raised.
        """
        try:
            trio.lowlevel.start_guest_run(
                self._in_nursery,
                main,
                run_sync_soon_threadsafe=self._inbox.put,
                run_sync_soon_not_threadsafe=self._soon.append,
                done_callback=self._finish,
                restrict_keyboard_interrupt_to_checkpoints=True,
            )
            while self._outcome is None:
                self._turn()
        finally:
            self._kernel.close()
        result: T = self._outcome.unwrap()
        return result

    async def _in_nursery(self, main: Callable[[], Awaitable[T]]) -> T:
        self._token = trio.lowlevel.current_trio_token()
        self._failed = trio.Event()
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                nursery.start_soon(self._raise_failure)
                result = await main()
                nursery.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            # A lone error comes out as itself; nurseries wrap it.
            error: BaseException = group
            while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
                error = error.exceptions[0]
            if self._failure is not None and error is not self._failure:
                raise self._failure from group
            raise error from error.__cause__
        return result

    async def _raise_failure(self) -> None:
        assert self._failed is not None
        await self._failed.wait()
        assert self._failure is not None
        raise self._failure

    def _finish(self, result: outcome.Outcome[Any]) -> None:
        self._outcome = result

    # The loop.

    def _turn(self) -> None:
        kernel, soon, inbox = self._kernel, self._soon, self._inbox
        for _ in range(len(soon)):
            soon.popleft()()
        while not inbox.empty():
            inbox.get()()
        if self._outcome is not None:
            return
        if self._failure is None:
            try:
                kernel.run_turn(kernel.now_ns() + TURN_NS)
                if self._reports_deadlock and kernel.is_idle and not self._trio_calls:
                    kernel.check_deadlock()
            except Exception as error:
                self._fail(error)
        if not soon and not (kernel.has_ready and self._failure is None):
            self._wait()

    def _fail(self, error: Exception) -> None:
        self._failure = error
        self._kernel.stop()
        assert self._token is not None
        assert self._failed is not None
        self._token.run_sync_soon(self._failed.set)

    def _wait(self) -> None:
        """Wait for trio or for the next timer, at most `WAIT_NS_MAX`."""
        kernel, inbox = self._kernel, self._inbox
        timer = None if self._failure is not None else kernel.next_timer_ns
        now = kernel.now_ns()
        idle = WAIT_NS_MAX if timer is None else min(timer - now - SPIN_NS, WAIT_NS_MAX)
        if idle > 0:
            try:
                callback = inbox.get(timeout=idle / 1e9)
            except queue.Empty:
                pass
            else:
                callback()
                return
        if timer is not None and timer - now - SPIN_NS <= WAIT_NS_MAX:
            while inbox.empty() and kernel.now_ns() < timer:
                pass

    # The bridge.

    async def call(
        self,
        function: Callable[..., Coroutine[object, None, T]],
        *args: object,
        name: str = "a call from trio",
        on_abandoned: Callable[[], None] | None = None,
    ) -> T:
        """Run a coroutine of the kernel's from a trio task, and wait for its result.

        If the waiting task is cancelled the coroutine runs on and its result is discarded;
        `on_abandoned` is called then.

        Raises:
            ActorStoppedError: if the host does not run, or not any more.
            Exception: whatever `function` raised.
        """
        if self._token is None or self._outcome is not None:
            raise ActorStoppedError("the system")
        waiting = _Call(trio.lowlevel.current_task())

        def settle(result: outcome.Outcome[object]) -> None:
            if not waiting.is_abandoned:
                trio.lowlevel.reschedule(waiting.task, result)

        self._kernel.spawn(
            function(*args),
            name,
            on_exit=lambda value: settle(outcome.Value(value)),
            on_error=lambda error: settle(outcome.Error(error)),
        )

        def abort(_: object) -> trio.lowlevel.Abort:
            waiting.is_abandoned = True
            if on_abandoned is not None:
                on_abandoned()
            return trio.lowlevel.Abort.SUCCEEDED

        result: T = await trio.lowlevel.wait_task_rescheduled(abort)
        return result

    async def await_trio(self, function: Callable[..., Awaitable[T]], *args: object) -> T:
        """Run a coroutine of trio's from an actor, and wait for its result; other actors run on.

        Raises:
            Exception: whatever `function` raised.
            CqrsSimError: if the host does not run.
        """
        if self._token is None or self._nursery is None:
            raise CqrsSimError("the trio host does not run")
        reply: Reply[T] = Reply(self._kernel, getattr(function, "__name__", function))
        self._token.run_sync_soon(self._nursery.start_soon, _answer, reply, function, args)
        self._trio_calls += 1
        try:
            return await reply.wait()
        finally:
            self._trio_calls -= 1


async def _answer(
    reply: Reply[T], function: Callable[..., Awaitable[T]], args: tuple[object, ...]
) -> None:
    try:
        value = await function(*args)
    except Exception as error:
        reply.fail(error)
    else:
        reply.set(value)
