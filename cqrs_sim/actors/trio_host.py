"""The trio host: runs a kernel on the wall clock, with trio as its guest in the same thread.

The kernel's loop owns the thread and gives trio a turn at least every `TURN_NS`. Trio runs in
guest mode, so while an actor runs there is no current trio task: a trio call inside an actor
fails at the call instead of cancelling or parking its host. The bridge leads both ways: `call`
lets a trio task run a coroutine of the kernel's, `await_trio` lets an actor run a coroutine of
trio's.

Between turns the host waits for the next timer or for trio, whichever comes first. A thread wakes
late (here 90 µs, and one time in a hundred more than 130), so the host wakes early and spins the
rest. How early it learns as it runs (`WakeLead`); what the spinning took stands in
`HostStatistics`.
"""

import queue
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import attrs
import outcome
import trio

from cqrs_sim.actors.hiccups import HiccupStatistics, HiccupTicker
from cqrs_sim.actors.kernel import Kernel
from cqrs_sim.actors.reply import Reply
from cqrs_sim.errors import ActorStoppedError, CqrsSimError

T = TypeVar("T")

TURN_NS = 500_000
"""Longest that trio, timers that fell due and signals wait for the kernel."""

LEAD_NS = 150_000
"""How early the host wakes from an idle wait, before it knows how late its thread wakes."""

LEAD_NS_MIN, LEAD_NS_MAX = 20_000, 250_000
"""A thread that wakes later than the longest has to share its processor. Spinning longer makes that
worse (measured with two busy neighbours: at 1 ms more slip), since who spins gives way."""

LEAD_QUANTILE = 0.99
"""Share of the waits after which the host is to be awake in time."""

LEAD_STEP = 0.05
"""By how much of itself the lead grows after a wait that ended too late."""

WAIT_NS_MAX = 50_000_000
"""Longest idle wait, so that a signal's Python handler runs soon."""


@attrs.define(eq=False)
class _Call:
    """A trio task's call into the kernel."""

    task: trio.lowlevel.Task
    is_abandoned: bool = False


@attrs.frozen
class HostStatistics:
    """A snapshot of how a host kept time."""

    elapsed_ns: int
    """Since it began to run."""
    spun_ns: int
    """Time that it spent spinning, so that timers fire at their instants."""
    waited_ns: int
    """Time that it spent asleep, waiting for timers or for trio."""
    lead_ns: int
    """How early it wakes now."""
    hiccups: HiccupStatistics | None
    """None if it has no ticker."""


class WakeLead:
    """How early to wake, learnt from how late the thread wakes.

    A multiplicative form of stochastic approximation of a quantile (H. Robbins and S. Monro, "A
    stochastic approximation method", 1951): a wait that ended too late lengthens the lead by
    `LEAD_STEP`, one that did not shortens it by so much less that the two balance where a share
    `LEAD_QUANTILE` of the waits ends in time.
    """

    def __init__(self) -> None:
        self.ns = LEAD_NS

    def learn(self, late_ns: int) -> None:
        """A wait ended so late."""
        share = LEAD_QUANTILE if late_ns > self.ns else LEAD_QUANTILE - 1.0
        longer = round(self.ns * (1.0 + LEAD_STEP * share))
        self.ns = min(max(longer, LEAD_NS_MIN), LEAD_NS_MAX)


class TrioHost:
    """Hosts one kernel for one run."""

    def __init__(
        self,
        kernel: Kernel,
        *,
        reports_deadlock: bool = False,
        ticker: HiccupTicker | None = None,
    ) -> None:
        """Host a kernel.

        Args:
            kernel: on a wall clock.
            reports_deadlock: whether an idle kernel whose actors wait for one another ends the run;
                right where all work comes from the kernel's own actors, not from trio tasks.
            ticker: is asked to tick when that is due; it wakes the host even if nothing else does.
        """
        self._kernel = kernel
        self._ticker = ticker
        self._lead = WakeLead()
        self._began_ns = self._spun_ns = self._waited_ns = 0
        self._reports_deadlock = reports_deadlock
        self._trio_calls = 0
        self._inbox = kernel.inbox
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
        self._began_ns = self._kernel.now_ns()
        if self._ticker is not None:
            self._ticker.restart()
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
        ticker = self._ticker
        if ticker is not None and (now := kernel.now_ns()) >= ticker.next_ns:
            ticker.tick(now)
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
        """Wait for trio or for the next timer, at most `WAIT_NS_MAX`; tick meanwhile."""
        kernel, inbox, lead, ticker = self._kernel, self._inbox, self._lead, self._ticker
        timer = None if self._failure is not None else kernel.next_timer_ns
        now = began = kernel.now_ns()
        until = now + WAIT_NS_MAX if timer is None else min(now + WAIT_NS_MAX, timer - lead.ns)
        # Subtle: an item that was taken without waiting leaves its wake-up behind. `get` (CPython
        # 3.11, `_queue.SimpleQueue`) takes that first, computes what is left of its timeout, and if
        # that is below 0 by then, waits for ever: seen in one of some fifty runs on a busy machine.
        # Not to wait takes the wake-up, too. Guarded by
        # `test_a_wake_up_that_was_left_behind_is_taken_before_a_timed_wait`.
        if now < until and (left := _taken_at_once(inbox)) is not None:
            left()
            return
        while now < until:
            # Later than now: a tick that was due came at the beginning of this turn, or below.
            wake = until if ticker is None else max(min(until, ticker.next_ns), now + 1)
            try:
                callback = inbox.get(timeout=(wake - now) / 1e9)
            except queue.Empty:
                now = kernel.now_ns()
                lead.learn(now - wake)
                if ticker is not None and now >= ticker.next_ns:
                    ticker.tick(now)
            else:
                self._waited_ns += kernel.now_ns() - began
                callback()
                return
        self._waited_ns += now - began
        if timer is not None and now < timer <= now + lead.ns:
            began = now
            while inbox.empty() and now < timer:
                now = kernel.now_ns()
            self._spun_ns += now - began

    def statistics(self) -> HostStatistics:
        """A frozen snapshot."""
        return HostStatistics(
            elapsed_ns=self._kernel.now_ns() - self._began_ns,
            spun_ns=self._spun_ns,
            waited_ns=self._waited_ns,
            lead_ns=self._lead.ns,
            hiccups=None if self._ticker is None else self._ticker.statistics(),
        )

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


def _taken_at_once(
    inbox: "queue.SimpleQueue[Callable[[], object]]",
) -> Callable[[], object] | None:
    try:
        return inbox.get_nowait()
    except queue.Empty:
        return None


async def _answer(
    reply: Reply[T], function: Callable[..., Awaitable[T]], args: tuple[object, ...]
) -> None:
    try:
        value = await function(*args)
    except Exception as error:
        reply.fail(error)
    else:
        reply.set(value)
