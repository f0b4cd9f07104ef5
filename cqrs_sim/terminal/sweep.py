"""A sweep as a person reads it: how far it is, and what it came to."""

from rich.text import Text

from cqrs_sim.analysis.metrics import Unit
from cqrs_sim.plain_text import count_of, milliseconds, printable
from cqrs_sim.sweeping.runner import SweepProgress
from cqrs_sim.sweeping.table import Estimate, SweepTable
from cqrs_sim.terminal.progress import ELLIPSIS
from cqrs_sim.terminal.screen import Screen, table_of
from cqrs_sim.terminal.status_line import StatusLine

MOST_ROWS = 30
"""Points up to which the table is shown; the rest stands in `results.csv`."""


class SweepLine(StatusLine):
    """How far a sweep is."""

    def __call__(self, progress: SweepProgress) -> None:
        """Show it, unless that was done a moment ago."""
        if self.is_due():
            self.put(progress_text(progress, self.clock.instant_ns / 1e9))

    def stage(self, what: str) -> None:
        """Say what is being done now that the runs are over."""
        if self.screen.is_terminal and not self.is_quiet:
            self.put(f"{what}{ELLIPSIS}")


def progress_text(progress: SweepProgress, elapsed_s: float) -> str:
    """How many runs are finished, and how long the others will take at the pace of this session."""
    done, left = progress.finished - progress.earlier, progress.total - progress.finished
    share = 100 * progress.finished / progress.total
    text = f"{share:3.0f} %  {progress.finished:,} of {progress.total:,} runs"
    if progress.earlier:
        text += f" ({progress.earlier:,} were there)"
    if done and left:
        text += f"  about {_brief_s(elapsed_s / done * left)} left"
    return text


def show_sweep(screen: Screen, table: SweepTable, *, is_quiet: bool = False) -> None:
    """What was run, and the metrics that were asked for at each point."""
    screen.show(Text(printable(sentence(table)), "bold"))
    if is_quiet or len(table.points) > MOST_ROWS:
        return
    units = [table.units[table.metrics.index(name)] for name in table.figures]
    each = zip(table.figures, units, strict=True)
    heads = [f"{name} (ms)" if unit == "s" else name for name, unit in each]
    shown = table_of("Mean over the replications ± half of its 95 % interval", "point", *heads)
    estimates = [table.estimates(name) for name in table.figures]
    for number, point in enumerate(table.points):
        cells = [_cell(column[number], unit) for column, unit in zip(estimates, units, strict=True)]
        shown.add_row(*map(Text, [printable(" ".join(point.settings)), *cells]))
    screen.show("", shown)


def sentence(table: SweepTable) -> str:
    """The sweep in one line."""
    asked = len(table.points) * len(table.seeds)
    runs = count_of(asked, "run") if table.is_complete else f"{len(table.runs):,} of {asked:,} runs"
    points = f"{count_of(len(table.points), 'point')} x {count_of(len(table.seeds), 'replication')}"
    text = f"{table.name}: {points}, {runs} by the {table.engine} engine"
    estimates = [table.estimates(name) for name in table.figures]
    saturated = sum(
        any(one.is_saturated for one in point) for point in zip(*estimates, strict=True)
    )
    if saturated:
        text += f"; saturated at {count_of(saturated, 'point')}"
    return text if table.is_complete else f"{text}; INTERRUPTED: the same command goes on from here"


def _cell(estimate: Estimate, unit: Unit) -> str:
    interval = estimate.interval
    if interval is None:
        return "saturated" if estimate.is_saturated else (*estimate.reasons, "not run")[0]
    half = interval.half_width
    if unit == "s":
        return milliseconds(interval.mean) + (f" ± {milliseconds(half)}" if half else "")
    return f"{interval.mean:,.4g}" + (f" ± {half:.2g}" if half else "")


def _brief_s(duration_s: float) -> str:
    if duration_s < 100:
        return f"{duration_s:.0f} s"
    return f"{duration_s / 60:.0f} min" if duration_s < 6000 else f"{duration_s / 3600:.1f} h"
