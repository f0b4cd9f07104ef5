"""Rows of architectures: how any figure of the comparison is laid out.

One row each, in the order of the tables; a row that is wrong, invalid or cut short says so; the
control's value is a line through all of them.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from cqrs_sim.analysis.architectures import CONTROL, ArchitectureFigures
from cqrs_sim.report.architecture_tables import DIVERGED, NO_ORDER
from cqrs_sim.report.bars import ROW_PX, Bar, BarChart, Column, ControlLine, Mark, Segment
from cqrs_sim.report.chart import shortened
from cqrs_sim.report.scales import Scale, linear, ticks

ROOM = 1.75
"""How much longer an axis is than what is drawn along it, for the numbers at the ends."""
NARROW = 0.07
"""Share of the axis below which no number stands in a part."""

Rows: TypeAlias = Sequence[ArchitectureFigures]
ValueOf: TypeAlias = Callable[[ArchitectureFigures], float | None]


def chart_of(
    rows: Rows,
    question: str,
    what: str,
    bars: Sequence[Bar],
    columns: Sequence[Column],
    scale: Scale,
    *,
    axis_title: str,
    control: ControlLine | None,
) -> BarChart:
    """A figure of one substrate; its words are those of its table."""
    substrate = rows[0].substrate
    return BarChart(
        key=f"{question}-{substrate}",
        title=f"{what}, {substrate}",
        head="architecture",
        bars=tuple(bars),
        columns=tuple(columns),
        alternative=_in_words(bars, columns),
        ticks=ticks(scale, most=4),
        axis_title=axis_title,
        control=control,
    )


def bar_of(
    row: ArchitectureFigures,
    number: int,
    count: int,
    *,
    segments: tuple[Segment, ...] = (),
    marks: tuple[Mark, ...] = (),
    total: str,
    cells: tuple[str, ...],
) -> Bar:
    """The row of an architecture; one that is wrong, invalid or cut short says so."""
    remark = _remark(row)
    ends = [segment.start + segment.width for segment in segments] + [mark.at for mark in marks]
    return Bar(
        name=row.architecture,
        label=f"{shortened(row.architecture)}{f': {remark}' if remark else ''}",
        segments=segments,
        marks=marks,
        end=max(ends, default=0.0),
        total=total,
        tone="bad" if row.is_diverged or row.failed or row.invalid else "",
        top_px=number * ROW_PX,
        at=(number + 0.5) / count,
        cells=cells,
    )


def _remark(row: ArchitectureFigures) -> str:
    if row.is_diverged:
        return DIVERGED
    if row.failed:
        return "WRONG"
    if row.invalid:
        return "invalid"
    if not row.complete:
        return "cut short"
    return NO_ORDER if row.is_unordered else ""


def scale_to(values: Sequence[float]) -> Scale:
    """From nought to the greatest value, and room behind it."""
    return linear(max(values, default=0.0) * ROOM)


def stacked(scale: Scale, parts: Sequence[tuple[str, float, str]]) -> tuple[Segment, ...]:
    """Parts side by side: class, length, and what stands in it if there is room."""
    made, start = [], 0.0
    for look, value, text in parts:
        width = scale.fraction(value)
        shown = text if width >= NARROW else ""
        made.append(Segment(look=look, start=start, width=width, text=shown))
        start += width
    return tuple(made)


def control_line(rows: Rows, scale: Scale, value_of: ValueOf, text: str) -> ControlLine | None:
    """Where the control's value lies; None if it has none."""
    control = next((row for row in rows if row.architecture == CONTROL), None)
    value = None if control is None else value_of(control)
    return None if value is None else ControlLine(at=scale.fraction(value), text=text)


def _in_words(bars: Sequence[Bar], columns: Sequence[Column]) -> str:
    told = []
    for bar in bars:
        parts = (
            f"{column.name} {cell}{f' {column.unit}' if column.unit and cell[0].isdigit() else ''}"
            for column, cell in zip(columns, bar.cells, strict=True)
        )
        told.append(f"{bar.label}: {', '.join(parts)}.")
    return " ".join(told)
