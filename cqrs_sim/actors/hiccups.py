"""The hiccup ticker: a pulse beside the work that notes how late it beat.

What stops everything (a descheduled thread, a paused machine, an actor that does not let go) delays
a tick that is due every millisecond by as much, whatever the system under test was doing. So a
tail of latencies can be told from a pause of the machine that it was measured on. The idea is
jHiccup's (G. Tene, https://github.com/giltene/jHiccup). There the ticker is a thread of its own;
here the host ticks between the turns of its kernel, since a thread would fight for the
interpreter's lock. A busy kernel therefore ticks up to a turn late, and an idle one as late as its
thread wakes.

What it costs: 1.4 µs a tick while there is work, so 0.14 % of the run; and 4 % of a processor that
has nothing else to do, since it wakes a sleeping thread a thousand times a second.
"""

from collections.abc import Callable
from heapq import heappush, heapreplace
from typing import Protocol

import attrs

PERIOD_NS = 1_000_000
"""jHiccup's resolution as well."""

KEPT = 10


class BusyClock(Protocol):
    """What the ticker reads."""

    @property
    def instant_ns(self) -> int:
        """The present instant."""

    @property
    def busy_ns(self) -> int:
        """Processor time of this thread up to now."""


@attrs.frozen(order=True)
class Hiccup:
    """One tick that came late; the longest sort last."""

    late_ns: int
    """How late."""
    due_ns: int
    """When it was due, from the start of the run."""
    busy_ns: int
    """How much of that, at most, this thread was running: the rest the machine did other things."""


@attrs.frozen
class HiccupStatistics:
    """A snapshot of a ticker."""

    period_ns: int
    """A tick is due so often."""
    ticks_count: int
    """Ticks that came; those missed during a pause are not made up for."""
    late_count: int
    """Ticks that came more than a period late."""
    late_ns: int
    """How late these were, together."""
    worst: tuple[Hiccup, ...]
    """The longest, longest first."""


class HiccupTicker:
    """Notes how late it is asked to tick."""

    def __init__(
        self,
        clock: BusyClock,
        *,
        period_ns: int = PERIOD_NS,
        kept: int = KEPT,
        after_ns: int = 0,
        is_over: Callable[[], bool] = lambda: False,
    ) -> None:
        """Tick every `period_ns`, and keep the `kept` latest ticks.

        Nothing that was over before `after_ns` counts, nor anything once `is_over` says so: what
        delays the end of a run harms nobody.
        """
        self._clock = clock
        self._after_ns = after_ns
        self._is_over = is_over
        self._period_ns = period_ns
        self._kept = kept
        self._worst: list[Hiccup] = []
        self._ticks_count = self._late_count = self._late_ns = 0
        self.restart()

    def restart(self) -> None:
        """Begin now: the first tick is due in one period."""
        self.next_ns = self._clock.instant_ns + self._period_ns
        self._busy_ns = self._clock.busy_ns

    def tick(self, now_ns: int) -> None:
        """Note that the tick of `next_ns` came only now, at or after it."""
        due_ns, busy_ns = self.next_ns, self._clock.busy_ns
        late_ns = now_ns - due_ns
        # On the grid of periods: the ticks do not drift with what delays them.
        self.next_ns = now_ns + self._period_ns - late_ns % self._period_ns
        if now_ns < self._after_ns or self._is_over():
            self._busy_ns = busy_ns
            return
        self._ticks_count += 1
        if late_ns > self._period_ns:
            self._late_count += 1
            self._late_ns += late_ns
        if len(self._worst) < self._kept or late_ns > self._worst[0].late_ns:
            self._keep(Hiccup(late_ns, due_ns, min(late_ns, busy_ns - self._busy_ns)))
        self._busy_ns = busy_ns

    def _keep(self, hiccup: Hiccup) -> None:
        if len(self._worst) < self._kept:
            heappush(self._worst, hiccup)
        else:
            heapreplace(self._worst, hiccup)

    def statistics(self) -> HiccupStatistics:
        """A frozen snapshot."""
        return HiccupStatistics(
            period_ns=self._period_ns,
            ticks_count=self._ticks_count,
            late_count=self._late_count,
            late_ns=self._late_ns,
            worst=tuple(sorted(self._worst, reverse=True)),
        )
