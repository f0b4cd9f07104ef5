"""The tables of architectures side by side, for the page and for the terminal.

One row an architecture, the control first; a table for each group of questions, so that each fits
the width of a terminal.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from cqrs_sim.analysis.architectures import (
    CONTROL,
    KINDS,
    UNORDERED,
    ArchitectureFigures,
    Measured,
    SideBySide,
    rate_times,
)
from cqrs_sim.plain_text import percent
from cqrs_sim.report.readings import NOTHING
from cqrs_sim.report.tables import Row, Table, quantile_text

DIVERGED = "DIVERGED"
NO_ORDER = "no order"
IN_MEMORY = "in memory"
WITHHELD = "withheld"
_UNITS = (("GB", 1e9), ("MB", 1e6), ("kB", 1e3))


def architecture_tables(rows: Sequence[ArchitectureFigures]) -> tuple[Table, ...]:
    """All of one substrate: what it costs, how fresh it is and how far it goes, what there is."""
    return times_table(rows), freshness_table(rows), parts_table(rows)


def times_table(rows: Sequence[ArchitectureFigures]) -> Table:
    """Response times of commands, and of queries by kind."""
    kinds = [kind for kind in KINDS if any(row.of_kind(kind) for row in rows)]
    return Table(
        caption="Response (ms): a write, and a query of each kind (p50)",
        head=("architecture", "write p50", "write p99", *(KINDS[kind] for kind in kinds)),
        rows=tuple(
            _row(
                row,
                measured_text(row.write, "p50"),
                measured_text(row.write, "p99"),
                *(_kind_text(row, kind) for kind in kinds),
            )
            for row in rows
        ),
        notes=tuple(_notes(rows)),
    )


def freshness_table(rows: Sequence[ArchitectureFigures]) -> Table:
    """How far reads trail, how many answers are stale, and the rate at saturation."""
    control = next((row for row in rows if row.architecture == CONTROL), None)
    has_cache = any(row.stale_from_cache is not None for row in rows)
    head = ("architecture", "lag p50", "lag p99", "stale", *(("cached",) if has_cache else ()))
    return Table(
        caption="Lag of the slowest read model (ms), stale answers, operations/s at saturation",
        head=(*head, "rate", f"x {CONTROL}", "result"),
        rows=tuple(
            _row(
                row,
                *_lag_texts(row),
                share_text(row, row.stale),
                *((_cached_text(row),) if has_cache else ()),
                *rate_texts(row, control),
                DIVERGED if row.is_diverged else _result(row),
            )
            for row in rows
        ),
        notes=tuple(_wrong(rows)),
    )


def parts_table(rows: Sequence[ArchitectureFigures]) -> Table:
    """What is stored, and what there is to run."""
    return Table(
        caption="What is stored, and what there is to run",
        head=("architecture", "stored", "databases", "kinds of actor", "channels", "hops"),
        rows=tuple(
            _row(
                row,
                bytes_text(row.stored_bytes),
                f"{row.parts.databases:,}",
                f"{len(row.parts.actors):,}",
                f"{row.parts.channels:,}",
                f"{row.parts.hops:,}",
            )
            for row in rows
        ),
    )


def price_table(rows: Sequence[ArchitectureFigures]) -> Table:
    """What each gives up."""
    where = rows[0].substrate if rows else ""
    return _texts_table(f"What each gives up: {where}", "gives up", rows, gives_up_text)


def actors_table(rows: Sequence[ArchitectureFigures]) -> Table:
    """Who there is."""
    return _texts_table(
        "Kinds of actor", "kinds of actor", rows, lambda row: ", ".join(row.parts.actors)
    )


def failures_table(rows: Sequence[ArchitectureFigures]) -> Table:
    """What there is that can go wrong."""
    return _texts_table(
        "What can go wrong", "what can go wrong", rows, lambda row: "; ".join(row.parts.failures)
    )


def _texts_table(
    caption: str,
    head: str,
    rows: Sequence[ArchitectureFigures],
    text_of: Callable[[ArchitectureFigures], str],
) -> Table:
    return Table(
        caption=caption,
        head=("architecture", head),
        rows=tuple(Row(cells=(row.architecture, text_of(row) or NOTHING)) for row in rows),
        is_text=True,
    )


def costs_table(found: SideBySide) -> Table:
    """The inputs that all architectures share."""
    return Table(
        caption="What modelled work costs: the same for all of them",
        head=("cost", "value", "meaning"),
        rows=tuple(Row(cells=(cost.name, cost.value, cost.meaning)) for cost in found.costs),
        is_text=True,
    )


def gives_up_text(row: ArchitectureFigures) -> str:
    """In one line."""
    return "; ".join(row.gives_up) or "nothing that was measured"


def measured_text(measured: Measured, name: str) -> str:
    """One quantile in milliseconds, or why there is none."""
    if measured.is_always_zero:
        return "0"
    return quantile_text(measured.sample, name, is_withheld=measured.is_withheld)


def share_text(row: ArchitectureFigures, *counts: int) -> str:
    """So many of all answers in per cent, or why it is not told."""
    if row.invalid:
        return WITHHELD
    return percent(sum(counts), row.answered) if row.answered else NOTHING


def rate_texts(row: ArchitectureFigures, control: ArchitectureFigures | None) -> tuple[str, str]:
    """The rate at saturation, and how many times the control's."""
    rate, times = row.saturates_at_per_s, rate_times(row, control)
    return (
        NOTHING if rate is None else f"{rate:,.0f}",
        NOTHING if times is None else f"{times:.2f}",
    )


def bytes_text(size: int | None) -> str:
    """Three digits and a unit."""
    if size is None:
        return IN_MEMORY
    unit, of = next(((unit, of) for unit, of in _UNITS if size >= of), ("B", 1.0))
    return f"{size / of:.3g} {unit}" if of > 1.0 else f"{size:,} {unit}"


def _row(row: ArchitectureFigures, *cells: str) -> Row:
    tone = "bad" if row.is_diverged or row.failed else "quiet" if row.invalid else ""
    return Row(cells=(row.architecture, *cells), tone=tone)


def _kind_text(row: ArchitectureFigures, kind: str) -> str:
    found = row.of_kind(kind)
    return NOTHING if found is None else measured_text(found.response, "p50")


def _lag_texts(row: ArchitectureFigures) -> tuple[str, str]:
    if row.slowest is None:
        return NOTHING, NOTHING
    return measured_text(row.slowest.lag, "p50"), measured_text(row.slowest.lag, "p99")


def _cached_text(row: ArchitectureFigures) -> str:
    """The share of all answers that the cache made stale."""
    cached = row.stale_from_cache
    return NOTHING if cached is None else share_text(row, cached)


def _result(row: ArchitectureFigures) -> str:
    if row.failed:
        return "WRONG"
    if row.invalid:
        return "invalid"
    if row.saturated:
        return "saturated"
    if not row.complete:
        return "cut short"
    return NO_ORDER if row.is_unordered else "ok"


def _notes(rows: Sequence[ArchitectureFigures]) -> Iterator[str]:
    """Why figures are missing, one line each."""
    for row in rows:
        for reason in row.saturated:
            yield f"{row.architecture}: saturated, percentiles withheld: {reason}"
        for reason in row.invalid:
            yield f"{row.architecture}: INVALID, times withheld: {reason}"
    # Only of what the table shows: p99 of writes, and p50 of all.
    writes = any("p99" in row.write.sample.too_few for row in rows if not row.write.is_always_zero)
    shown = [row.write for row in rows] + [kind.response for row in rows for kind in row.kinds]
    if writes or any("p50" in measured.sample.too_few for measured in shown):
        yield "too few: p50 needs 200 values, p99 10,000"


def _wrong(rows: Iterable[ArchitectureFigures]) -> Iterator[str]:
    """What is wrong for good, with its first witness."""
    for row in rows:
        if row.diverged is not None:
            wrong = row.diverged
            yield (
                f"{row.architecture} {DIVERGED}: {wrong.orders:,} of {wrong.of:,} orders differ "
                f"from the log; the first: {wrong.witness}"
            )
        elif row.failed:
            yield f"{row.architecture} check FAILED: {row.failed[0]}"
        elif row.is_unordered:
            yield f"{row.architecture}: {UNORDERED}"
