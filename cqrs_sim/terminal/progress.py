"""How far a run is, in one line."""

from cqrs_sim.actors.clock import VirtualClock, WallClock
from cqrs_sim.engines.experiment import Progress
from cqrs_sim.plain_text import milliseconds
from cqrs_sim.terminal.screen import Screen
from cqrs_sim.terminal.status_line import LINES_NS, StatusLine

ELLIPSIS = "..."


class ProgressLine(StatusLine):
    """How far a run is."""

    def __init__(
        self,
        screen: Screen,
        engine: str,
        *,
        is_quiet: bool = False,
        clock: WallClock | VirtualClock | None = None,
    ) -> None:
        super().__init__(screen, is_quiet=is_quiet, clock=clock)
        self._clock_name = "" if engine == "wall" else " simulated"
        self._last: Progress | None = None
        self._run = ""

    def __call__(self, progress: Progress, run: str = "") -> None:
        """Show it, unless that was done a moment ago; `run` names one of several."""
        if not self.is_due():
            return
        # What another run has done is no start to count from.
        last = self._last if run == self._run else None
        self.put(_progress_text(progress, last, self._clock_name, self.screen.width, run))
        self._last, self._run = progress, run

    def stage(self, what: str) -> None:
        """Say what is being done now that the run itself is over."""
        is_worth_it = self.screen.is_terminal or self.clock.instant_ns >= LINES_NS
        if is_worth_it and not self.is_quiet:
            self.put(f"{what}{ELLIPSIS}")


def _progress_text(
    progress: Progress, last: Progress | None, clock_name: str, width: int, run: str = ""
) -> str:
    """How far the run is, and what happened since `last`; the longest form that fits."""
    elapsed_s, expected_s = progress.elapsed_ns / 1e9, progress.expected_ns / 1e9
    share = "drain"
    if elapsed_s <= expected_s:
        share = f"{100 * elapsed_s / expected_s if expected_s else 100.0:3.0f} %"
    tail = progress.look()
    response, lag = _brief_time(tail.response_p99_ns), _brief_time(tail.lag_p99_ns)
    rates = (
        f"offered {_rate(progress, last, 'offered_count')}, "
        f"accepted {_rate(progress, last, 'committed_count')}/s"
    )
    backlog = f"backlog {_brief_count(progress.backlog_count)}"
    of_time = f"{elapsed_s:.1f} of {expected_s:.1f} s{clock_name}"
    run = f"{run}: " if run else ""
    brief = f"{run}{share}  {rates}  p99 {response}, lag {lag}"
    short = f"{brief}  {backlog}"
    long = f"{run}{share}  {of_time}  {rates}  p99 response {response}, lag {lag}  {backlog}"
    return next((text for text in (long, short) if len(text) < width), brief)


def _rate(progress: Progress, last: Progress | None, count: str) -> str:
    since_s = (progress.elapsed_ns - (last.elapsed_ns if last else 0)) / 1e9
    number: int = getattr(progress, count) - (getattr(last, count) if last else 0)
    return _brief_count(round(number / since_s)) if since_s else "-"


def _brief_count(number: int) -> str:
    """A number in at most five characters, up to a billion."""
    for limit, unit, digits in ((10_000, 1, 0), (99_950, 1e3, 1), (999_500, 1e3, 0)):
        if number < limit:
            return f"{number / unit:,.{digits}f}{'k' if unit > 1 else ''}"
    return f"{number / 1e6:.1f}M" if number < 99_950_000 else f"{number / 1e6:.0f}M"


def _brief_time(duration_ns: int | None) -> str:
    """A duration in about three digits, with its unit; `-` if there is none."""
    if duration_ns is None:
        return "-"
    duration_s = duration_ns / 1e9
    if duration_s < 0.9995:
        return f"{milliseconds(duration_s)} ms"
    digits = 2 if duration_s < 9.995 else 1 if duration_s < 99.95 else 0
    return f"{duration_s:,.{digits}f} s"
