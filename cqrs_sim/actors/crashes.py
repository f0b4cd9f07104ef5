"""Planned crashes of one process: when it ends, and how long it is gone.

A crash is planned for the first vulnerable place from an instant on, not for the instant itself: a
process that ends while it is idle loses nothing and shows nothing. Which place is vulnerable is
known to whoever asks.
"""

from collections.abc import Sequence


class Crashes:
    """The crashes of one process that are still to come."""

    def __init__(self, planned_ns: Sequence[tuple[int, int]]) -> None:
        """Take (at, down) pairs in order, each `at` no earlier than the `at + down` before it."""
        self._planned = list(reversed(planned_ns))

    def is_due(self, now_ns: int) -> bool:
        """Whether a process that is at a vulnerable place now is to end there."""
        return bool(self._planned) and self._planned[-1][0] <= now_ns

    def begin(self) -> int:
        """End the process; returns for how many nanoseconds it is gone."""
        return self._planned.pop()[1]
