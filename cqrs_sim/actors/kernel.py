"""The kernel: a ready queue, timers, and the loop that resumes one actor at a time.

An actor runs until it awaits one of the kernel's primitives, which park it by yielding `PARK`.
Whoever makes it runnable appends it to its `lane`. There is no other way to suspend, so between two
awaits an actor has the whole system to itself: no locks.

Most actors are coroutines. Those that a command passes through (open load, order actor, projector)
are generators, which yield what the others await: `await` itself is a thirteenth of a virtual run.

Timers are ordered by (instant, rank, index), never by the accident of insertion. Ranks say what
comes first where instants tie: load arrives, then writes commit, then events arrive at channels,
then idle projectors wake, then projections complete, then queries are answered. So at every instant
a reader sees all that was written then, and two runs of a seed are equal to the nanosecond.

The same actors run on both clocks. On the virtual clock the kernel moves time to the next timer
when nothing is ready (`run_virtual`); on the wall clock a host calls `run_turn` again and again,
and waits in between (`trio_host`).
"""

from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Generator
from heapq import heappop, heappush
from queue import SimpleQueue
from typing import Any, Final, TypeAlias

import attrs

from cqrs_sim.actors.clock import VirtualClock, WallClock
from cqrs_sim.actors.park import KEEP, PARK, Timer
from cqrs_sim.errors import ActorCrashedError, DeadlockError, ForeignAwaitError, StoreError
from cqrs_sim.ids import Nanoseconds

LEAVE: Final = object()
"""What `Kernel._leaver` yields: the loop is to be left."""

SLICE: Final = 16
"""On the wall clock the kernel looks at its timers after at most this many received messages."""

UNBOUNDED: Final = 1 << 62


class Rank:
    """What comes first among timers of one instant: plain integers, compared in every timer."""

    LOAD: Final = 0
    WRITE: Final = 1
    ARRIVE: Final = 2
    WAKE_BACKGROUND: Final = 3
    """No timer has this rank: it is where idle background actors wake."""
    READ: Final = 4
    QUERY: Final = 5
    OTHER: Final = 6
    HOUSEKEEPING: Final = 7
    """Does not keep a run alive."""


Body: TypeAlias = Coroutine[object, None, object] | Generator[object, None, object]
"""What an actor does, from its first turn to its end."""


@attrs.define(eq=False)
class Actor:
    """A coroutine or generator with a name; made by `Kernel.spawn`."""

    name: str
    body: Body
    send: Callable[[None], object]
    serial: int
    lane: deque["Actor"]
    """Where it waits for its turn: to wake a parked actor, append it there, once."""
    on_exit: Callable[[object], None] | None = None
    """Called with the result, if the coroutine returns."""
    on_error: Callable[[Exception], None] | None = None
    """Called with the error if the coroutine raises; without it an error ends the run."""
    waiting_for: object | None = None
    """What it waits for from others; None while it runs, sleeps or idles at its own mailbox."""
    message: object | None = None
    """What it took last, to name in a crash."""
    is_done: bool = False


@attrs.define(eq=False)
class Alarm:
    """A timer that calls a function unless it was cancelled."""

    callback: Callable[[], None]
    is_cancelled: bool = False

    def send(self, _: None) -> object:
        """Fire."""
        if not self.is_cancelled:
            self.callback()
        return PARK


def _ignore(_: None) -> object:
    return PARK


def _leave(_: None) -> object:
    return LEAVE


class Kernel:
    """Runs actors, one at a time."""

    def __init__(self, clock: VirtualClock | WallClock, *, quantum: int = 16) -> None:
        self.clock = clock
        self.quantum = quantum
        self.running: Actor = None  # type: ignore[assignment] # set before any actor runs
        self.budget = UNBOUNDED
        """Messages that may still be received before background actors get their turn."""
        self.is_stopping = False
        self._is_interrupted = False
        self.on_interrupt: Callable[[], None] | None = None
        """Called, once and between two steps, after `interrupt`."""
        self.inbox: SimpleQueue[Callable[[], object]] = SimpleQueue()
        """What is to be called in the kernel's thread, from any thread; its host looks at it."""
        self.after_turn: Callable[[bool], None] | None = None
        """Called after each turn; True: nothing is left to do but wait."""
        self.owed_count = 0
        """Results that other threads have yet to put into the inbox: who waits for them is not
        in a deadlock."""
        self._ready: deque[Actor] = deque()
        self._leaver = Actor("leaver", None, _leave, 0, self._ready)  # type: ignore[arg-type] # never closed
        self._background: deque[Actor] = deque()
        self._timers: list[tuple[int, int, int, Any]] = []
        self._live: dict[int, Actor] = {}
        self._serial = 0

    # Called by actors and their primitives.

    def spawn(
        self,
        body: Body,
        name: str,
        *,
        is_background: bool = False,
        on_exit: Callable[[object], None] | None = None,
        on_error: Callable[[Exception], None] | None = None,
    ) -> Actor:
        """Start an actor; it runs when its turn comes. Background actors run after the others."""
        self._serial = serial = self._serial + 1
        lane = self._background if is_background else self._ready
        actor = Actor(name, body, body.send, serial, lane, on_exit, on_error)
        self._live[serial] = actor
        lane.append(actor)
        return actor

    def now_ns(self) -> Nanoseconds:
        """The present instant."""
        return self.clock.instant_ns

    def sleep_until(self, instant_ns: int, rank: int, index: int) -> Awaitable[None]:
        """Suspend the running actor, which must await or yield this at once, until an instant.

        Args:
            instant_ns: nanoseconds from the start of the run; a past instant is now.
            rank: what comes first among timers of one instant (see `Rank`).
            index: what comes first among timers of one instant and rank; at most one sleeper may
                use a (rank, index) at a time.
        """
        if instant_ns < self.clock.instant_ns:
            instant_ns = self.clock.instant_ns
        heappush(self._timers, (instant_ns, rank, index, self.running))
        return PARK

    def sleep(self, duration_ns: int, rank: int, index: int) -> Awaitable[None]:
        """Suspend the running actor for a duration; arguments as in `sleep_until`."""
        heappush(self._timers, (self.clock.instant_ns + duration_ns, rank, index, self.running))
        return PARK

    async def pause(self, duration_ns: int) -> None:
        """Suspend the running actor for a duration, at no rank in particular."""
        await self.sleep(duration_ns, Rank.OTHER, self.running.serial)

    def give_way(self) -> Awaitable[None]:
        """Let all other actors that are ready run first."""
        self.running.lane.append(self.running)
        return PARK

    def alarm(self, instant_ns: int, callback: Callable[[], None]) -> Alarm:
        """Call a function at an instant, unless the alarm is cancelled before."""
        self._serial += 1
        alarm = Alarm(callback)
        self.set_timer(max(instant_ns, self.clock.instant_ns), Rank.OTHER, self._serial, alarm)
        return alarm

    def set_timer(self, instant_ns: int, rank: int, index: int, timer: Timer) -> None:
        """Call `timer.send` at an instant, which must not be past; order as in `sleep_until`."""
        heappush(self._timers, (instant_ns, rank, index, timer))

    def discard(self, actor: Actor) -> None:
        """End an actor where it is parked: its `finally` blocks run, nothing else does."""
        body = actor.body
        is_running = getattr(body, "cr_running", False) or getattr(body, "gi_running", False)
        if actor.is_done or is_running:
            return
        actor.send = _ignore
        self._end(actor)
        actor.body.close()

    # Called by hosts and engines.

    def run_virtual(self) -> None:
        """Run until `is_stopping`, moving the virtual clock from timer to timer.

        Raises:
            ActorCrashedError: if an actor raised.
            DeadlockError: if nothing can run any more while actors wait for one another.
        """
        self._loop_virtual()
        while self._is_interrupted:
            self._interrupt_now()
            self._loop_virtual()

    def _loop_virtual(self) -> None:
        ready, background, timers, clock = self._ready, self._background, self._timers, self.clock
        assert isinstance(clock, VirtualClock)
        wake_background, housekeeping, park = Rank.WAKE_BACKGROUND, Rank.HOUSEKEEPING, PARK
        self.budget = UNBOUNDED
        if self.is_stopping:
            return
        # Not `while not ...`: CPython 3.11 specialises a loop only where it jumps back without a
        # condition, and this one is entered once a run. It is worth a quarter of the loop's time.
        while True:
            if ready:
                actor = ready.popleft()
            elif background and (
                not timers or timers[0][0] > clock.instant_ns or timers[0][1] > wake_background
            ):
                actor = background.popleft()
            elif timers:
                instant, rank, index, actor = heappop(timers)
                if rank == housekeeping and self.is_idle:
                    heappush(timers, (instant, rank, index, actor))
                    break
                clock.instant_ns = instant  # type: ignore[assignment] # a NewType call a timer
            else:
                break
            # What `step` does, without the call: it is most of the loop's own time.
            self.running = actor
            try:
                yielded = actor.send(None)
            except StopIteration as stop:
                self._finish(actor, stop.value)
            except Exception as error:
                self._fail(actor, error)
            else:
                if yielded is not park:
                    if yielded is LEAVE:
                        if self.is_stopping or self._is_interrupted:
                            return
                        continue  # Left over from an interrupt that was heard at once.
                    self._fail(actor, ForeignAwaitError(actor.name, yielded))
        if self.after_turn is not None:
            self.after_turn(True)
        self.check_deadlock()

    def run_turn(self, turn_ends_ns: int) -> None:
        """Run on the wall clock until nothing is ready or the turn's time is over.

        Timers that are due go first, those of the load before all others, so an overloaded system
        cannot starve the load generator. Then at most `quantum` messages are received, then
        background actors run once each.
        """
        ready, background, step, clock = self._ready, self._background, self.step, self.clock
        spent = 0
        while not self.is_stopping:
            if self._is_interrupted:
                self._interrupt_now()
            self.fire_due_timers()
            self.budget = granted = min(self.quantum - spent, SLICE)
            steps = 4 * SLICE
            while ready and self.budget > 0 and steps:
                step(ready.popleft())
                steps -= 1
            spent += granted - self.budget
            if not ready or spent >= self.quantum:
                self.budget = SLICE
                for _ in range(len(background)):
                    step(background.popleft())
                spent = 0
            is_lull = not ready and not background
            if is_lull or clock.instant_ns >= turn_ends_ns:
                if self.after_turn is not None:
                    self.after_turn(is_lull)
                return

    def fire_due_timers(self) -> None:
        """Resume every actor whose timer is due, in the order of the timers."""
        timers, now = self._timers, self.clock.instant_ns
        while timers and timers[0][0] <= now:
            self.step(heappop(timers)[3])

    @property
    def has_ready(self) -> bool:
        """Whether any actor could run now, timers aside."""
        return bool(self._ready or self._background)

    @property
    def next_timer_ns(self) -> int | None:
        """Instant of the earliest timer; None if there is none."""
        return self._timers[0][0] if self._timers else None

    def interrupt(self) -> None:
        """Ask that `on_interrupt` be called between two steps; safe in a signal handler."""
        self._is_interrupted = True
        self._leave_loop()

    def stop(self) -> None:
        """Leave the run loop after the present step."""
        self.is_stopping = True
        self._leave_loop()

    def close(self) -> None:
        """Close every actor that is left, youngest last."""
        for actor in list(self._live.values()):
            actor.send = _ignore
            self._end(actor)
            actor.body.close()
        self._ready.clear()
        self._background.clear()
        self._timers.clear()

    def check_deadlock(self) -> None:
        """Raise if actors wait for one another though nothing is left that could wake them.

        Raises:
            DeadlockError: naming each blocked actor and what it waits for.
        """
        if self.owed_count:
            return
        blocked = [
            f"{actor.name} waits for {actor.waiting_for}"
            for actor in self._live.values()
            if actor.waiting_for is not None
        ]
        if blocked:
            raise DeadlockError(blocked)

    # Inside.

    def _leave_loop(self) -> None:
        # Instead of a look at a flag before every step. `run_turn` looks at its flags.
        if self.clock.is_virtual:
            self._ready.appendleft(self._leaver)

    def step(self, actor: Actor) -> None:
        """Resume an actor, and see to what becomes of it."""
        self.running = actor
        try:
            yielded = actor.send(None)
            while yielded is KEEP:
                yielded = actor.send(None)
        except StopIteration as stop:
            self._finish(actor, stop.value)
        except Exception as error:
            self._fail(actor, error)
        else:
            if yielded is not PARK and yielded is not LEAVE:
                self._fail(actor, ForeignAwaitError(actor.name, yielded))

    def _finish(self, actor: Actor, value: object) -> None:
        self._end(actor)
        if actor.on_exit is not None:
            actor.on_exit(value)

    def _end(self, actor: Actor) -> None:
        actor.is_done = True
        actor.waiting_for = None
        self._live.pop(actor.serial, None)

    def _fail(self, actor: Actor, error: Exception) -> None:
        if not isinstance(actor, Actor):  # What stands for one: the error is not its own.
            raise error
        self._end(actor)
        if actor.on_error is not None:
            actor.on_error(error)
        elif isinstance(error, (ActorCrashedError, ForeignAwaitError, StoreError)):
            raise error  # A full disk is no crash of the actor that met it.
        else:
            raise ActorCrashedError(actor.name, actor.message, error) from error

    @property
    def is_idle(self) -> bool:
        """Whether nothing is ready and no timer is set but for housekeeping."""
        timers = self._timers
        if self._ready or self._background:
            return False
        return not timers or (
            timers[0][1] == Rank.HOUSEKEEPING
            and all(timer[1] == Rank.HOUSEKEEPING for timer in timers)
        )

    def _interrupt_now(self) -> None:
        self._is_interrupted = False
        if self.on_interrupt is not None:
            self.on_interrupt()
