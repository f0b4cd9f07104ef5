"""Architectures side by side as a person reads them: the answer, a row each, the prices."""

from collections.abc import Iterator

from rich.console import RenderableType
from rich.table import Table as ScreenTable
from rich.text import Text

from cqrs_sim.analysis.architectures import SideBySide
from cqrs_sim.engines.experiment import Progress
from cqrs_sim.plain_text import printable
from cqrs_sim.report.architecture_tables import (
    DIVERGED,
    architecture_tables,
    costs_table,
    gives_up_text,
)
from cqrs_sim.report.tables import Table
from cqrs_sim.terminal.screen import BAD, WARNING, Screen, table_of
from cqrs_sim.terminal.status_line import StatusLine


class ComparisonLine(StatusLine):
    """Which run it is at, and how far that is."""

    def __call__(self, progress: Progress, run: str) -> None:
        """Show it, unless that was done a moment ago."""
        if self.is_due():
            done = min(progress.elapsed_ns / max(progress.expected_ns, 1), 1.0)
            self.put(f"{run}: {100 * done:.0f} % of the load")

    def stage(self, what: str) -> None:
        """Say what is being done now that all are over."""
        if self.screen.is_terminal and not self.is_quiet:
            self.put(f"{what}...")


def show_architectures(
    screen: Screen, found: SideBySide, substrates: dict[str, str], *, is_quiet: bool = False
) -> None:
    """The comparison in a terminal; only the answer, and what is wrong, if it is to be quiet.

    Args:
        screen: where to.
        found: what came out.
        substrates: what each substrate is, in words.
        is_quiet: whether tables are left out.
    """
    screen.show(Text(printable(found.answer), _style(found)))
    if is_quiet:
        screen.show(*_diverged(found))
        return
    screen.show(Text(printable(f"{found.load}; seed {found.seed}"), "dim"), "", *_costs(found))
    for substrate in found.substrates:
        rows = found.on(substrate)
        words = substrates.get(substrate, substrate)
        screen.show("", Text(printable(f"{substrate}: {words}"), "bold"))
        for table in architecture_tables(rows):
            screen.show("", *_shown(table))
        screen.show("", Text("What each gives up", "bold"))
        for row in rows:
            style = BAD if row.is_diverged or row.failed else ""
            screen.show(Text(printable(f"{row.architecture}: {gives_up_text(row)}"), style))


def _style(found: SideBySide) -> str:
    if any(row.is_diverged or row.failed for row in found.rows):
        return BAD
    return "bold" if found.complete and not any(row.invalid for row in found.rows) else WARNING


def _diverged(found: SideBySide) -> Iterator[Text]:
    """What is wrong, and nothing else."""
    for substrate in found.substrates:
        for table in architecture_tables(found.on(substrate)):
            yield from (Text(printable(note), BAD) for note in table.notes if _is_wrong(note))


def _costs(found: SideBySide) -> Iterator[RenderableType]:
    if found.costs:
        table = costs_table(found)
        shown = table_of(table.caption, *table.head)
        for row in table.rows:
            shown.add_row(*(Text(printable(cell)) for cell in row.cells))
        shown.columns[2].justify = "left"
        yield shown


def _shown(table: Table) -> Iterator[RenderableType]:
    shown: ScreenTable = table_of(table.caption, *table.head)
    for row in table.rows:
        style = BAD if row.tone == "bad" else ""
        shown.add_row(*(Text(printable(cell), style) for cell in row.cells))
    yield shown
    yield from _notes(table)


def _notes(table: Table) -> Iterator[Text]:
    for note in table.notes:
        yield Text(printable(note), BAD if _is_wrong(note) else "dim")


def _is_wrong(note: str) -> bool:
    return any(word in note for word in (DIVERGED, "FAILED", "INVALID"))
