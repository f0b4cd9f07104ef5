"""The page of architectures side by side: the answer, then a question a section."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import attrs

from cqrs_sim.analysis.architectures import SideBySide
from cqrs_sim.report.architecture_charts import architecture_charts, parts_charts
from cqrs_sim.report.architecture_tables import (
    actors_table,
    architecture_tables,
    costs_table,
    failures_table,
    price_table,
)
from cqrs_sim.report.bars import BarChart
from cqrs_sim.report.evidence import provenance_table
from cqrs_sim.report.key_figures import KeyFigure
from cqrs_sim.report.page import rendered, write_page
from cqrs_sim.report.tables import Row, Table

TEMPLATE = "architectures.html"
QUESTIONS = {
    "write": "What does a write cost?",
    "query": "What does a query cost?",
    "lag": "How far do reads trail?",
    "stale": "How many answers are stale?",
    "rate": "How much load until it saturates?",
    "stored": "What is stored?",
    "parts": "How many moving parts are there?",
}
"""Heading of each section, in the order of the page."""
LEADS = {
    "write": "From when the load wanted a command sent until its sender knew the outcome. The bar "
    "ends at the median; the mark is the p99, or the p90 where a p99 would rest on too few values.",
    "query": "The median response of each kind of query. Joins over normalised tables pay here for "
    "what they save on writing.",
    "lag": "From the commit of an event until the slowest read model shows it. 0 is exactly 0: the "
    "commit itself brings the read models up to date.",
    "stale": "Answers that lacked an event which was committed before they were given: because a "
    "read model trailed, or because the answer came out of a cache.",
    "rate": "Clients send without a pause; the clock stops when the last answer is given and the "
    "last read model has applied the last event.",
    "stored": "Bytes on disk when the run was over: the log, the tables, and each read model.",
    "parts": "What there is to build, to run and to watch: databases, kinds of actor, channels "
    "between them, and the hops of an event from its commit to an answer.",
}
"""What stands below the heading."""


@attrs.frozen(kw_only=True)
class Section:
    """One question, with a figure for each substrate."""

    key: str
    heading: str
    lead: str
    charts: tuple[BarChart, ...]
    nothing: str = ""
    """What is said in place of figures."""
    missing: tuple[str, ...] = ()
    """Which substrates have no figure, where others have one, and why."""


def write_architectures_page(found: SideBySide, substrates: Mapping[str, str], path: Path) -> None:
    """Write the page; what stands at `path` is replaced, all or nothing.

    Raises:
        ResultFolderError: if the disk or its permissions do not allow it.
    """
    write_page(architectures_html(found, substrates), path)


def architectures_html(found: SideBySide, substrates: Mapping[str, str]) -> str:
    """The comparison as one HTML file; equal ones give equal pages.

    Args:
        found: what came out.
        substrates: what each substrate is, in words.
    """
    tables = {name: architecture_tables(found.on(name)) for name in found.substrates}
    first = found.on(found.substrates[0]) if found.rows else ()
    return rendered(
        TEMPLATE,
        {
            "found": found,
            "tone": _tone(found),
            "figures": key_figures(found),
            "substrates": [(name, substrates.get(name, name)) for name in found.substrates],
            "sections": sections(found),
            "prices": [price_table(found.on(name)) for name in found.substrates],
            "designs": [actors_table(first), failures_table(first)] if first else [],
            "tables": [(name, tables[name]) for name in found.substrates],
            "costs": costs_table(found),
            "measured": measured_table(found),
            "provenance": provenance_table({"seed": found.seed, **found.provenance}),
        },
    )


def sections(found: SideBySide) -> list[Section]:
    """All questions, with figures or without."""
    charts = {name: architecture_charts(found.on(name)) for name in found.substrates}
    made = []
    for key, heading in QUESTIONS.items():
        without = {name: _why_nothing(found, name, key) for name in found.substrates
                   if key not in charts[name]}  # fmt: skip
        drawn = tuple(charts[name][key] for name in found.substrates if key in charts[name])
        if key == "parts" and found.rows:
            # What there is to run is the same on all of them.
            drawn, without = parts_charts(found.on(found.substrates[0])), {}
        made.append(
            Section(
                key=key,
                heading=heading,
                lead=LEADS[key],
                charts=drawn,
                nothing="" if drawn else _nothing(key, list(without.values())),
                missing=tuple(_listed_reasons(without)) if drawn else (),
            )
        )
    return made


def _listed_reasons(without: Mapping[str, str]) -> Iterator[str]:
    """By reason, the substrates."""
    for reason in dict.fromkeys(without.values()):
        names = [name for name, why in without.items() if why == reason]
        yield f"{' and '.join(names)}: {reason}"


def _nothing(key: str, reasons: Sequence[str]) -> str:
    """In place of all figures of a question."""
    told = reasons[0] if len(set(reasons)) == 1 else _NOTHING.get(key, "nothing was measured.")
    return f"{told[0].upper()}{told[1:]}"


def _why_nothing(found: SideBySide, substrate: str, key: str) -> str:
    """Why a substrate has no figure for a question."""
    if key in ("query", "stale") and any(row.invalid for row in found.on(substrate)):
        return "withheld, since the measurement is invalid."
    return _NOTHING.get(key, "nothing was measured.")


_NOTHING = {
    "stored": "nothing is stored, these runs kept everything in memory.",
    "stale": "no query was answered, so no answer was stale.",
    "query": "no query was asked often enough for a median.",
}


def key_figures(found: SideBySide) -> tuple[KeyFigure, ...]:
    """What a reader wants first: how much load each takes, and its first price."""
    if not found.substrates:
        return ()
    return tuple(
        KeyFigure(
            name=row.architecture,
            value=_figure(row.saturates_at_per_s),
            unit="/s",
            context=row.gives_up[0] if row.gives_up else "gives up nothing that was measured",
            tone="bad" if row.is_diverged or row.failed else "",
        )
        for row in found.on(found.substrates[0])
    )


def _figure(rate_per_s: float | None) -> str:
    return "-" if rate_per_s is None else f"{rate_per_s:,.0f}"


def measured_table(found: SideBySide) -> Table:
    """How it was measured."""
    rows: Sequence[tuple[str, str]] = (("load", found.load), *found.measured)
    return Table(
        caption="The runs",
        head=("what", "how"),
        rows=tuple(Row(cells=row) for row in rows),
        is_text=True,
    )


def _tone(found: SideBySide) -> str:
    """Of the answer, which is that of the first substrate; what is wrong elsewhere stands apart."""
    rows = found.on(found.substrates[0]) if found.rows else ()
    if any(row.is_diverged or row.failed for row in rows):
        return "bad"
    is_doubtful = not found.complete or any(row.invalid or row.saturated for row in rows)
    return "warning" if is_doubtful else "good"
