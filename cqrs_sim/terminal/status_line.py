"""One line about what lasts: rewritten on a terminal, in a pipe a new one now and then."""

from cqrs_sim.actors.clock import VirtualClock, WallClock
from cqrs_sim.terminal.screen import Screen

REWRITES_NS = 100_000_000
"""Shortest time between two rewrites of the line on a terminal."""
LINES_NS = 3_000_000_000
"""Time between two lines in a pipe; what is over before prints none."""


class StatusLine:
    """When a line may be shown, and how; what it says is for those that build on it."""

    def __init__(
        self,
        screen: Screen,
        *,
        is_quiet: bool = False,
        clock: WallClock | VirtualClock | None = None,
    ) -> None:
        self.screen = screen
        self.is_quiet = is_quiet
        self.clock = WallClock() if clock is None else clock
        self._shown_ns = 0
        self._is_open = False

    def is_due(self) -> bool:
        """Whether a line is wanted now: not if quiet, nor if one was shown a moment ago.

        If so it counts as shown.
        """
        now_ns = self.clock.instant_ns
        period_ns = REWRITES_NS if self.screen.is_terminal else LINES_NS
        if self.is_quiet or now_ns - self._shown_ns < period_ns:
            return False
        self._shown_ns = now_ns
        return True

    def put(self, line: str) -> None:
        """Show a line now, cut to the width of a terminal."""
        if self.screen.is_terminal:
            self.screen.write(f"\r\x1b[K{line[: self.screen.width - 1]}")
            self._is_open = True
        else:
            self.screen.write(f"{line}\n")

    def close(self) -> None:
        """Leave the terminal's line empty."""
        if self._is_open:
            self.screen.write("\r\x1b[K")
            self._is_open = False
