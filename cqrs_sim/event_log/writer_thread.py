"""The writer thread: commits to a store what stands in line, group by group.

Group commit: whatever stands in line goes into one transaction. The thread is told to begin when
the kernel has nothing else to do, a group is full, or the oldest append has waited for
`LONGEST_WAIT_NS`. Not with the first append: both threads need the interpreter's lock, a commit
asks for it some ten times, and each time a busy kernel keeps it for a switch interval. So a small
group costs the kernel as much as a large one.
"""

import queue
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from cqrs_sim.actors.kernel import Kernel
from cqrs_sim.event_log.durable import Append, StoreOfRun, group_of
from cqrs_sim.storage.event_store import ACKNOWLEDGE_EVERY

IDLE_S = 1.0
"""An idle thread waits so long before it writes down what was acknowledged."""

LONGEST_WAIT_NS = 2_000_000
"""How long an append may wait for others while the kernel is busy."""

SWITCH_S = 1e-4
"""See `quick_switches`."""


class WriterThread:
    """Writes to a store in a thread of its own; results come back by the kernel's inbox.

    The line is shared with the kernel's thread, which puts in at one end what this one takes out at
    the other; a `deque` is safe for that.
    """

    def __init__(self, kernel: Kernel, of: StoreOfRun, *, group: int) -> None:
        """Commit for a log on a kernel; at most `group` appends at once."""
        self._kernel = kernel
        self._of = of
        self._most = group
        self._is_idle = True
        self._first_ns = 0
        """When the first of those in line came."""
        self._signals: queue.SimpleQueue[bool] = queue.SimpleQueue()
        """True: there is something in line. False: end."""
        self._thread = threading.Thread(target=self._run, name="event log", daemon=True)
        self._line: deque[Append] = deque()

    def start(
        self,
        line: deque[Append],
        committed: Callable[[Sequence[Append]], None],
        failed: Callable[[Exception, Sequence[Append]], None],
    ) -> None:
        """See `Committer`."""
        self._line, self._committed, self._failed = line, committed, failed
        self._kernel.after_turn = self._after_turn
        self._thread.start()

    def wake(self) -> None:
        """See `Committer`."""
        in_line = len(self._line)
        if in_line == 1:
            self._first_ns = self._kernel.clock.instant_ns
        if in_line >= self._most and self._is_idle:
            self._begin()

    def _after_turn(self, is_lull: bool) -> None:
        # Subtle: the thread says that it is idle before it posts what it did, and what is posted
        # makes a turn. So whoever came meanwhile is seen here.
        if self._is_idle and self._line:
            waited_ns = self._kernel.clock.instant_ns - self._first_ns
            if is_lull or waited_ns >= LONGEST_WAIT_NS:
                self._begin()

    def _begin(self) -> None:
        self._is_idle = False
        self._kernel.owed_count += 1
        self._signals.put(True)

    def close(self) -> None:
        """See `Committer`; what the thread has still to tell is not heard any more."""
        self._signals.put(False)
        self._thread.join()

    def _run(self) -> None:
        group: list[Append] = []
        try:
            while self._wait():
                while group := group_of(self._line, self._most):
                    self._of.write(group, self._kernel.clock.instant_ns)
                    is_last = len(self._line) < self._most
                    self._is_idle = is_last
                    self._kernel.inbox.put(partial(self._heard, group, is_last))
                    group = []  # Committed: what fails from here on is not theirs.
                    self._of.store.write_acknowledged(at_least=ACKNOWLEDGE_EVERY)
                    if is_last:
                        break
        except Exception as error:
            # Whatever it is: nobody else would hear of it, and its callers would wait for ever.
            self._kernel.inbox.put(partial(self._failed, error, group))

    def _wait(self) -> bool:
        """Wait for a signal; False if it is the end."""
        try:
            return self._signals.get(timeout=IDLE_S)
        except queue.Empty:
            self._of.store.write_snapshots()
            self._of.store.write_acknowledged()
            return self._signals.get()

    def _heard(self, group: Sequence[Append], is_last: bool) -> None:
        if is_last:
            self._kernel.owed_count -= 1
        self._committed(group)


@contextmanager
def quick_switches() -> Iterator[None]:
    """Let the interpreter's lock change hands after 0.1 ms, while a writer thread runs.

    SQLite lets go of the lock for each statement. To have it back the writer waits as long as the
    busy kernel may keep it, by default 5 ms: rows a second beside a busy thread, in groups of 256,
    were 16,000 at 5 ms, 46,000 at 0.5 ms and 58,000 at 0.1 ms (2 cores, Python 3.11, SQLite 3.40).
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before)
