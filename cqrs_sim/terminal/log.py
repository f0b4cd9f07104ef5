"""A durable log: the history of an order, and what an audit found."""

from contextlib import closing
from itertools import groupby
from pathlib import Path

from rich.text import Text

from cqrs_sim.actors.clock import utc_text
from cqrs_sim.auditing import History, Step, Verified
from cqrs_sim.plain_text import count_of, printable
from cqrs_sim.projections.status import rows_of
from cqrs_sim.storage.event_store import EventReader
from cqrs_sim.terminal.screen import BAD, GOOD, Screen, show_lines, table_of
from cqrs_sim.terminal.status_line import StatusLine


def show_store(screen: Screen, folder: Path) -> None:
    """Where a run's store is, and what is in it."""
    with closing(EventReader(folder)) as reader:
        count, size = reader.last_position(), reader.size_bytes
    rows = rows_of(folder)
    kept = "" if rows is None else f"{count_of(rows, 'order')} as rows, "
    show_lines(screen, [f"store {folder}: {kept}{count_of(count, 'event')}, {size:,} bytes"])


class AuditLine(StatusLine):
    """How far an audit is."""

    def __call__(self, done: int, count: int) -> None:
        """Show it, unless that was done a moment ago."""
        if self.is_due():
            self.put(f"{100 * done / count:3.0f} %  {done:,} of {count:,} events checked")


def show_history(screen: Screen, history: History) -> None:
    """A row an event, and the state after it; a table a day, so that rows fit a terminal."""
    for day, steps in groupby(history.steps, lambda step: _day(history, step)):
        columns = ("version", "position", "time", "event", "status", "total")
        table = table_of(f"Order {printable(history.order_id)}, {day}", *columns)
        for column in table.columns[2:5]:
            column.justify = "left"
        for step in steps:
            table.add_row(
                Text(str(step.stored.version)),
                f"{step.stored.position:,}",
                _time(history, step),
                Text(printable(step.stored.type)),
                step.order.status,
                f"{step.order.total_cents / 100:,.2f}",
            )
        screen.show(table)


def _day(history: History, step: Step) -> str:
    date, _, _ = utc_text(step.stored.recorded_ns).partition(" ")
    return f"{date} (UTC)" if history.is_dated else "simulated time (s)"


def _time(history: History, step: Step) -> str:
    """Within the day, to the millisecond; `--json` has the nanoseconds."""
    if not history.is_dated:
        return f"{step.stored.recorded_ns / 1e9:.3f}"
    _, _, time = utc_text(step.stored.recorded_ns).partition(" ")
    return time[:-3]


def show_verified(screen: Screen, found: Verified) -> None:
    """What was checked, and the first thing that is wrong."""
    checked = f"{count_of(found.events_count, 'event')} of {count_of(found.orders_count, 'order')}"
    lines = [Text(f"{printable(found.store)}: {checked} hold together")]
    if found.acknowledged_position is not None:
        lines.append(Text(f"acknowledged up to position {found.acknowledged_position:,}"))
    if found.finding is None:
        rows = ", rows" if found.has_rows else ""
        lines.append(Text(f"ok: pages, positions, versions, checksums, states{rows}", GOOD))
    else:
        lines.append(Text(f"WRONG: {printable(str(found.finding))}", BAD))
    screen.show(*lines)
