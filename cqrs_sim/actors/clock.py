"""The two clocks of a kernel. No other module reads time.

Both count integer nanoseconds from the start of the run. The virtual clock stands still until the
kernel moves it to the next timer; the wall clock moves by itself. The present instant is an
attribute, not a method, because it is read some twenty times a command.
"""

import time
from time import perf_counter_ns, thread_time_ns

from cqrs_sim.ids import Nanoseconds


class VirtualClock:
    """A clock that the kernel moves."""

    is_virtual = True

    def __init__(self) -> None:
        self.instant_ns = Nanoseconds(0)
        """The instant that the kernel last moved to."""


class WallClock:
    """The machine's monotonic clock, from the start of the run."""

    is_virtual = False

    def __init__(self) -> None:
        self._origin_ns = 0
        self.restart()

    def restart(self) -> None:
        """Make the present instant the start of the run."""
        self._origin_ns = perf_counter_ns()

    @property
    def instant_ns(self) -> Nanoseconds:
        """Nanoseconds since the start."""
        return perf_counter_ns() - self._origin_ns  # type: ignore[return-value] # read too often

    @property
    def busy_ns(self) -> int:
        """Processor time of this thread, from any origin: between two readings, when it ran."""
        return thread_time_ns()


def utc_timestamp() -> str:
    """Present wall time as ISO 8601, for provenance only: never for durations."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def utc_ns() -> int:
    """Present wall time in nanoseconds since 1970, to date a run by: never for durations."""
    return time.time_ns()


def utc_text(instant_ns: int) -> str:
    """An instant in nanoseconds since 1970 as a date, to the microsecond."""
    seconds, left_ns = divmod(instant_ns, 1_000_000_000)
    return f"{time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime(seconds))}.{left_ns // 1000:06}"
