"""The figures of architectures side by side: one a question, for one substrate each.

Every figure has a row for each architecture, and the control's value as a dashed line through all
of them. Lengths begin at nought; only what spans powers of ten is drawn as marks on a logarithmic
axis, where a length would mean nothing.
"""

from collections.abc import Callable, Sequence

import attrs
import numpy as np

from cqrs_sim.analysis.architectures import (
    CONTROL,
    KINDS,
    PARTS,
    ArchitectureFigures,
    Measured,
    counts_of,
)
from cqrs_sim.plain_text import milliseconds
from cqrs_sim.report.architecture_rows import (
    Rows,
    ValueOf,
    bar_of,
    chart_of,
    control_line,
    scale_to,
    stacked,
)
from cqrs_sim.report.architecture_tables import bytes_text, measured_text, rate_texts, share_text
from cqrs_sim.report.bars import BarChart, Column, Mark
from cqrs_sim.report.readings import NOTHING
from cqrs_sim.report.scales import Scale, logarithmic

KIND_LOOKS = dict(zip(KINDS, ("q0", "q1", "q2", "q3"), strict=True))
LOOKS = ("p0", "p1", "p2", "p3")
"""Of the kinds of moving parts, in the order of `PARTS`."""
MARGIN = 1.15
"""How far a logarithmic axis reaches beyond its values, as a factor."""


def architecture_charts(rows: Rows) -> dict[str, BarChart]:
    """Figures of one substrate, by question; one without anything to draw is left out.

    Moving parts have four, `parts_charts`.
    """
    made = {
        "write": _times_chart(rows, "write", "Response of a write", "write", _write),
        "query": query_chart(rows),
        "lag": _times_chart(rows, "lag", "Lag of the slowest read model", "rm0", _lag),
        "stale": stale_chart(rows),
        "rate": rate_chart(rows),
        "stored": stored_chart(rows),
    }
    return {question: chart for question, chart in made.items() if chart is not None}


def _times_chart(
    rows: Rows,
    question: str,
    what: str,
    look: str,
    of: Callable[[ArchitectureFigures], Measured | None],
) -> BarChart | None:
    """Times: p50 as a bar, the tail as a mark."""
    found = [(row, measured) for row in rows if (measured := of(row)) is not None]
    if not found:
        return None
    ends = [median for _, one in found if (median := _median_ms(one)) is not None]
    ends += [one.tail[1] * 1e3 for _, one in found if one.tail is not None]
    scale = scale_to(ends)
    bars = [
        bar_of(
            row,
            number,
            len(found),
            segments=stacked(scale, [(look, _median_ms(one) or 0.0, "")]),
            marks=_tail_mark(scale, look, one),
            total=row.why_withheld if one.is_withheld else _time_text(one),
            cells=tuple(measured_text(one, name) for name in ("p50", "p90", "p99")),
        )
        for number, (row, one) in enumerate(found)
    ]
    columns = [Column(look=look if name == "p50" else "", name=name, unit="ms")
               for name in ("p50", "p90", "p99")]  # fmt: skip
    chart = chart_of(
        rows,
        question,
        what,
        bars,
        columns,
        scale,
        axis_title=f"{what.lower()} (ms); bar: p50, mark: the tail",
        control=control_line(rows, scale, lambda row: _median_ms(of(row)), f"p50 of {CONTROL}"),
    )
    return chart if ends else attrs.evolve(chart, ticks=())


def query_chart(rows: Rows) -> BarChart | None:
    """The median response by kind, as marks."""
    kinds = [kind for kind in KINDS if any(row.of_kind(kind) for row in rows)]
    medians = [[_kind_ms(row, kind) for kind in kinds] for row in rows]
    known = np.array([ms for row in medians for ms in row if ms is not None], np.float64)
    if not len(known):
        return None
    # Wider than the values, so that no mark lies on an edge.
    wider = np.concatenate([known / MARGIN, known * MARGIN])
    scale = logarithmic(wider, shows_zero=bool((known == 0.0).any()))
    bars = [
        bar_of(
            row,
            number,
            len(rows),
            marks=tuple(
                Mark(look=KIND_LOOKS[kind], at=scale.fraction(ms))
                for kind, ms in zip(kinds, found, strict=True)
                if ms is not None
            ),
            total="" if any(ms is not None for ms in found) else _why_no_mark(row),
            cells=tuple(_kind_text(row, kind) for kind in kinds),
        )
        for number, (row, found) in enumerate(zip(rows, medians, strict=True))
    ]
    columns = [
        Column(look=KIND_LOOKS[kind], name=KINDS[kind], unit="ms", is_mark=True) for kind in kinds
    ]
    return chart_of(
        rows,
        "query",
        "Response of a query",
        bars,
        columns,
        scale,
        axis_title="p50 of the response (ms), logarithmic",
        control=control_line(
            rows, scale, lambda row: _kind_ms(row, kinds[0]), f"{CONTROL}, {KINDS[kinds[0]]}"
        ),
    )


def stale_chart(rows: Rows) -> BarChart | None:
    """The share of answers that lacked something: from a read model, and from the cache."""
    if all(row.stale_counts is None for row in rows):
        return None
    parts = {"rm0": "from a read model"}
    if any(row.stale_from_cache is not None for row in rows):
        parts["q1"] = "from the cache"
    scale = scale_to([_stale_percent(row) or 0.0 for row in rows])
    bars = [
        bar_of(
            row,
            number,
            len(rows),
            segments=stacked(
                scale,
                [
                    (look, 100 * count / row.answered, "")
                    for look, count in zip(parts, row.stale_counts or (), strict=False)
                ],
            ),
            total=_stale_text(row),
            cells=_stale_cells(row, len(parts)),
        )
        for number, row in enumerate(rows)
    ]
    columns = [Column(look=look, name=name) for look, name in parts.items()]
    return chart_of(
        rows,
        "stale",
        "Stale answers",
        bars,
        [*columns, Column(look="", name="in all")],
        scale,
        axis_title="stale answers (%)",
        control=control_line(rows, scale, _stale_percent, CONTROL),
    )


def rate_chart(rows: Rows) -> BarChart | None:
    """Operations a second, flat out."""
    if all(row.saturates_at_per_s is None for row in rows):
        return None
    control = next((row for row in rows if row.architecture == CONTROL), None)
    times = Column(look="", name=f"x {CONTROL}")
    return _one_value_chart(
        rows,
        "rate",
        "Rate at saturation",
        "operations/s, flat out",
        "rm1",
        lambda row: row.saturates_at_per_s,
        lambda row: "/s, ".join(rate_texts(row, control)) + " x",
        (Column(look="rm1", name="rate", unit="/s"), times),
        lambda row: rate_texts(row, control),
    )


def stored_chart(rows: Rows) -> BarChart | None:
    """Bytes on disk; None where everything is in memory."""
    if all(row.stored_bytes is None for row in rows):
        return None
    return _one_value_chart(
        rows,
        "stored",
        "Stored",
        "stored (MB)",
        "load",
        lambda row: None if row.stored_bytes is None else row.stored_bytes / 1e6,
        lambda row: bytes_text(row.stored_bytes),
        (Column(look="load", name="stored"),),
        lambda row: (bytes_text(row.stored_bytes),),
    )


def parts_charts(rows: Rows) -> tuple[BarChart, ...]:
    """How many things there are to build and to run: one a kind, since kinds do not add up."""
    most = max(count for row in rows for count in counts_of(row).values())
    return tuple(
        _count_chart(rows, look, name, most) for look, name in zip(LOOKS, PARTS, strict=True)
    )


def _count_chart(rows: Rows, look: str, name: str, most: int) -> BarChart:
    """All on one scale, that of the greatest count of any kind."""
    scale = scale_to([float(most)])
    bars = [
        bar_of(
            row,
            number,
            len(rows),
            segments=stacked(scale, [(look, float(count), "")]),
            total=f"{count}",
            cells=(f"{count}",),
        )
        for number, row in enumerate(rows)
        for count in (counts_of(row)[name],)
    ]
    control = control_line(rows, scale, lambda row: float(counts_of(row)[name]), CONTROL)
    key = name.replace(" ", "-")
    column = Column(look=look, name=name)
    what = name.capitalize()
    chart = chart_of(rows, key, what, bars, (column,), scale, axis_title=name, control=control)
    # What there is to run is the same on all substrates.
    return attrs.evolve(chart, title=what)


def _one_value_chart(
    rows: Rows,
    question: str,
    what: str,
    axis_title: str,
    look: str,
    value_of: ValueOf,
    total_of: Callable[[ArchitectureFigures], str],
    columns: Sequence[Column],
    cells_of: Callable[[ArchitectureFigures], tuple[str, ...]],
) -> BarChart:
    scale = scale_to([value_of(row) or 0.0 for row in rows])
    bars = [
        bar_of(
            row,
            number,
            len(rows),
            segments=stacked(scale, [(look, value_of(row) or 0.0, "")]),
            total=total_of(row) if value_of(row) is not None else "not known",
            cells=cells_of(row),
        )
        for number, row in enumerate(rows)
    ]
    control = control_line(rows, scale, value_of, CONTROL)
    return chart_of(
        rows, question, what, bars, columns, scale, axis_title=axis_title, control=control
    )


def _tail_mark(scale: Scale, look: str, measured: Measured) -> tuple[Mark, ...]:
    tail = measured.tail
    if tail is None or tail[0] == "p50" or not tail[1]:
        return ()
    return (Mark(look=look, at=scale.fraction(tail[1] * 1e3), is_end=True),)


def _time_text(measured: Measured) -> str:
    """The median and the tail."""
    if measured.is_always_zero:
        return "0 ms"
    median, tail = measured_text(measured, "p50"), measured.tail
    if tail is None:
        return median
    if tail[0] == "p50":
        return f"{median} ms"
    return f"{median} ms; {tail[0]} {milliseconds(tail[1])}"


def _write(row: ArchitectureFigures) -> Measured:
    return row.write


def _lag(row: ArchitectureFigures) -> Measured | None:
    return None if row.slowest is None else row.slowest.lag


def _median_ms(measured: Measured | None) -> float | None:
    if measured is None:
        return None
    if measured.is_always_zero:
        return 0.0
    median_s = measured.quantile_s("p50")
    return None if median_s is None else median_s * 1e3


def _kind_ms(row: ArchitectureFigures, kind: str) -> float | None:
    found = row.of_kind(kind)
    return None if found is None else _median_ms(found.response)


def _kind_text(row: ArchitectureFigures, kind: str) -> str:
    found = row.of_kind(kind)
    return NOTHING if found is None else measured_text(found.response, "p50")


def _why_no_mark(row: ArchitectureFigures) -> str:
    """Why not even one kind of query has a median."""
    held = any(kind.response.is_withheld for kind in row.kinds)
    return row.why_withheld if held else "too few" if row.kinds else NOTHING


def _stale_percent(row: ArchitectureFigures) -> float | None:
    return None if row.stale_counts is None else 100 * row.stale / row.answered


def _stale_text(row: ArchitectureFigures) -> str:
    if row.invalid:
        return row.why_withheld
    return share_text(row, row.stale) if row.answered else "no answers"


def _stale_cells(row: ArchitectureFigures, count: int) -> tuple[str, ...]:
    """Of that many parts, and in all."""
    cached = row.stale_from_cache or 0
    parts = (row.stale - cached, cached)[:count]
    return tuple(share_text(row, part) for part in (*parts, row.stale))
