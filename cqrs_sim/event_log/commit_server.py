"""The commit server: group commit as a model, a server on the kernel whose service is a commit.

One commit at a time; it takes a drawn time, and a constant one for each of its events. Whatever
came meanwhile goes into the next one together; an idle server begins with the first append that
comes, so of several that come at one instant the first commits alone, unless commits take no time.
"""

from collections import deque
from collections.abc import Callable, Sequence

from cqrs_sim.actors.kernel import Kernel, Rank
from cqrs_sim.actors.park import PARK
from cqrs_sim.actors.randomness import Draws
from cqrs_sim.errors import StoreError
from cqrs_sim.event_log.durable import Append, StoreOfRun, group_of
from cqrs_sim.storage.event_store import ACKNOWLEDGE_EVERY


class CommitServer:
    """Takes modelled time for each commit; as a timer it ends the one in work."""

    def __init__(
        self,
        kernel: Kernel,
        *,
        group: int,
        commit: Draws | None,
        append_ns: int,
        of: StoreOfRun | None = None,
    ) -> None:
        """Commit for a log on a kernel.

        Args:
            kernel: whose timers it uses.
            group: most appends in one commit.
            commit: time of a commit, by its number from 0; None: none.
            append_ns: time for each event of a commit, on top.
            of: is written to at the instant at which a commit ends; None: nothing is.
        """
        self._kernel = kernel
        self._most = group
        self._commit = commit
        self._append_ns = append_ns
        self._of = of
        self._in_work: list[Append] = []
        self._begun_count = 0
        self._line: deque[Append] = deque()

    def start(
        self,
        line: deque[Append],
        committed: Callable[[Sequence[Append]], None],
        failed: Callable[[Exception, Sequence[Append]], None],
    ) -> None:
        """See `Committer`."""
        self._line, self._committed, self._failed = line, committed, failed

    def wake(self) -> None:
        """See `Committer`."""
        if not self._in_work:
            self._begin()

    def close(self) -> None:
        """See `Committer`: a commit that was not at its end by then has not been."""
        self._in_work = []

    def _begin(self) -> None:
        group = self._in_work = group_of(self._line, self._most)
        if not group:
            return
        duration_ns = self._append_ns * sum(len(append.events) for append in group)
        if self._commit is not None:
            duration_ns += self._commit[self._begun_count]
        self._begun_count += 1
        kernel = self._kernel
        # Its order actor waits, so nobody else has a timer of this rank and index.
        kernel.set_timer(kernel.now_ns() + duration_ns, Rank.WRITE, group[0].command_id, self)

    def send(self, _: None) -> object:
        """End the commit in work and begin the next one."""
        group = self._in_work
        if not group:
            return PARK
        try:
            if self._of is not None:
                self._of.write(group, self._kernel.now_ns())
            self._committed(group)
            group = []  # Committed: what fails from here on is not theirs.
            if self._of is not None:
                self._of.store.write_acknowledged(at_least=ACKNOWLEDGE_EVERY)
        except StoreError as error:
            self._in_work = []
            self._failed(error, group)
            return PARK
        self._begin()
        return PARK
