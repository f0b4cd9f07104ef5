"""The tables of the report: what the summary holds, in the reader's units, with reasons for gaps.

A figure that would mislead is not shown, and the cell says which kind of silence it is: *withheld*
(the stage is saturated), *too few* (the sample cannot carry that quantile), or *longer* (it falls
among what had not happened when the run ended).
"""

from collections.abc import Iterable, Sequence

import attrs

from cqrs_sim.analysis.databases import is_database
from cqrs_sim.analysis.lag import commands_after, queueing_s, response_time_s, service_s
from cqrs_sim.analysis.quantiles import SampleSummary, summarise_sample
from cqrs_sim.analysis.reads import ReadSummary
from cqrs_sim.analysis.saturation import WRITE_SIDE
from cqrs_sim.analysis.summary import Summary
from cqrs_sim.analysis.unserved import turned_away
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.plain_text import milliseconds, percent, some_of
from cqrs_sim.probe import Outcome
from cqrs_sim.report.readings import NOTHING

QUANTILES = {"p50": "p50", "p90": "p90", "p99": "p99", "p999": "p99.9", "max": "max"}
"""Field of a sample's summary, and its name in a table."""


@attrs.frozen(kw_only=True)
class Row:
    """One row; its first cell is its head."""

    cells: tuple[str, ...]
    tone: str = ""
    """`good`, `bad`, `quiet` or none."""


@attrs.frozen(kw_only=True)
class Table:
    """A table of text, ready to be shown."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = ()
    is_text: bool = False
    """Whether all columns are text, not figures."""


def lag_table(summary: Summary) -> Table:
    """Lag by read model, with n and the censored share."""
    saturated = {load.stage for load in summary.saturated}
    rows: list[Row] = []
    for name, lag in summary.lag_s.items():
        rows.append(_sample_row(name, lag, is_withheld=name in saturated))
        if lag.bounds:
            rows.append(Row(cells=(f"{name}: bounds", *_bounds(lag), "", ""), tone="quiet"))
    return Table(
        caption="Consistency lag (ms): from committed to applied",
        head=("read model", *QUANTILES.values(), "events", "never applied"),
        rows=tuple(rows),
        notes=tuple(gaps(summary)),
    )


def visibility_table(summary: Summary) -> Table:
    """The time until a write is seen, by read model."""
    saturated = {load.stage for load in summary.saturated}
    return Table(
        caption="Time until a write is seen (ms): from acknowledged to applied, at least 0",
        head=("read model", *QUANTILES.values(), "writes", "never seen"),
        rows=tuple(
            _sample_row(name, seen, is_withheld=name in saturated)
            for name, seen in summary.visibility_s.items()
        ),
    )


def commands_table(summary: Summary, trace: Trace, *, after_ns: int) -> Table:
    """Response times of commands, and their parts."""
    accepted = commands_after(trace, after_ns) & (trace.commands.outcome == Outcome.ACCEPTED)
    is_saturated = WRITE_SIDE in {load.stage for load in summary.saturated}
    samples = [
        ("response, all commands", summary.response_s, is_saturated),
        ("response, accepted", summarise_sample(response_time_s(trace)[accepted]), is_saturated),
        ("of it queueing", summarise_sample(queueing_s(trace)[accepted]), is_saturated),
        ("of it service", summarise_sample(service_s(trace)[accepted]), False),
    ]
    if summary.served_response_s.censored > summary.response_s.censored:
        how = turned_away(summary.commands)
        served = (f"response, {how} as longest", summary.served_response_s, is_saturated)
        samples.insert(1, served)
    if summary.queries.offered:
        is_behind = any("response_s" in read.withheld for read in summary.reads.rows)
        samples.append(("response, queries", summary.queries_s, is_behind))
    outcomes = (
        f"{outcome.name.lower()} {count:,}" for outcome, count in summary.commands.items() if count
    )
    total = sum(summary.commands.values())
    return Table(
        caption="Response times (ms): from intended to answered",
        head=("", *QUANTILES.values(), "n", "unanswered"),
        rows=tuple(
            _sample_row(name, sample, is_withheld=is_withheld)
            for name, sample, is_withheld in samples
        ),
        notes=(f"Commands offered {total:,}: {', '.join(outcomes) or 'none'}.",),
    )


def backlog_table(summary: Summary) -> Table:
    """What waited at each stage."""
    return Table(
        caption="Backlog after the warm-up",
        head=("stage", "max", "mean", "when the load ended", "in the end", "oldest (ms)"),
        rows=tuple(
            Row(
                cells=(
                    stage,
                    f"{waited.max:,}",
                    NOTHING if waited.mean is None else _mean(waited.mean),
                    f"{waited.at_load_end:,}",
                    f"{waited.at_end:,}",
                    milliseconds(waited.age_max_s),
                )
            )
            for stage, waited in summary.backlog.items()
        ),
    )


def reads_table(summary: Summary) -> Table:
    """What each kind of query paid for its answer by each strategy, and what the answer lacked."""
    head = ("query", "strategy", "asked", "no answer", "p50", "p99", "max", "stale")
    rows = []
    for read in summary.reads.rows:
        cells = (
            read.kind,
            read.strategy.replace("_", " "),
            f"{read.n:,}",
            f"{read.n - read.answered:,}",
            *_quantiles(
                read.response_s,
                is_withheld="response_s" in read.withheld,
                names=("p50", "p99", "max"),
            ),
            percent(read.stale, read.answered) if read.answered else NOTHING,
            *_ages(read),
            _versions_missing(read),
            _share(read.missed_own_share),
        )
        rows.append(Row(cells=cells))
    return Table(
        caption="Reads (ms): response, and the age of the oldest event that an answer lacked",
        head=(*head, "mean age", "max age", "versions missing", "missed own"),
        rows=tuple(rows),
        notes=(*_without_answer(summary), *_own_writes(summary)),
    )


def _ages(read: ReadSummary) -> tuple[str, str]:
    """Mean and longest age of what the answers lacked."""
    if "age_s" in read.withheld:
        return "withheld", "withheld"
    return milliseconds(read.age_s.mean), milliseconds(read.age_s.max)


def _without_answer(summary: Summary) -> Iterable[str]:
    """Why queries got none, one sentence each kind and strategy."""
    for read in summary.reads.rows:
        reasons = (
            (read.timed_out, "timed out"),
            (read.refused, "refused by a full mailbox"),
            (read.unfinished, "still waiting when the run ended"),
        )
        told = [f"{count:,} {reason}" for count, reason in reasons if count]
        if told:
            strategy = read.strategy.replace("_", " ")
            yield f"No answer: of {read.n:,} {read.kind}, {strategy}: {', '.join(told)}."


def _versions_missing(read: ReadSummary) -> str:
    if "versions_missing_mean" in read.withheld:
        return "withheld"
    if read.versions_missing_mean is None:
        return NOTHING
    return f"{_mean(read.versions_missing_mean)} (max {read.versions_missing_max:,})"


def gaps(summary: Summary) -> Iterable[str]:
    """Why figures are missing, one sentence each."""
    for load in summary.saturated:
        if is_database(load.stage):
            yield f"{load.stage}: saturated, because {', and '.join(load.reasons)}."
            continue
        yield (
            f"{load.stage}: percentiles withheld, because {', and '.join(load.reasons)}. They "
            "would measure how long the run was."
        )
    samples = [summary.response_s, *summary.lag_s.values()]
    if any(sample.too_few for sample in samples):
        yield (
            "too few: a quantile needs 100 / (1 - q) values: 200 for p50, 1,000 for p90, 10,000 "
            "for p99, 100,000 for p99.9."
        )
    for name, lag in summary.lag_s.items():
        if lag.censored:
            yield (
                f"{name}: {lag.censored:,} of {lag.n:,} events were not applied when the run "
                "ended. They are counted as longer than their age then, never left out."
            )
    if any(lag.bounds for lag in summary.lag_s.values()):
        yield (
            "bounds: where the censored make a quantile uncertain, it lies between these: as if "
            "they were applied right at the end, and as if never."
        )


def _sample_row(name: str, sample: SampleSummary, *, is_withheld: bool) -> Row:
    """Quantiles of a sample, its size, and the share that had not happened when the run ended."""
    quantiles = _quantiles(sample, is_withheld=is_withheld)
    counts = (f"{sample.n:,}", percent(sample.censored, sample.n))
    return Row(cells=(name, *quantiles, *counts))


def _quantiles(
    sample: SampleSummary, *, is_withheld: bool = False, names: Sequence[str] = tuple(QUANTILES)
) -> list[str]:
    return [quantile_text(sample, name, is_withheld=is_withheld) for name in names]


def quantile_text(sample: SampleSummary, name: str, *, is_withheld: bool = False) -> str:
    """One quantile in milliseconds, or which kind of silence it is."""
    if is_withheld:
        return "withheld"
    if name in sample.too_few:
        return "too few"
    value = getattr(sample, name)
    if value is None:
        return "longer" if sample.n else NOTHING
    return milliseconds(value)


def _bounds(sample: SampleSummary) -> list[str]:
    cells = []
    for name in QUANTILES:
        low, high = sample.bounds.get(name, (None, None))
        if low is None:
            cells.append(NOTHING)
        elif high is None:
            cells.append(f"at least {milliseconds(low)}")
        elif high == low:
            cells.append(milliseconds(low))
        else:
            cells.append(f"{milliseconds(low)} to {milliseconds(high)}")
    return cells


def _share(share: float | None) -> str:
    return NOTHING if share is None else f"{100.0 * share:.3g} %"


def _mean(value: float) -> str:
    """Three digits, and never an exponent."""
    return f"{value:,.0f}" if value >= 100.0 else f"{value:.3g}" if value >= 0.001 else "< 0.001"


def _own_writes(summary: Summary) -> Iterable[str]:
    own = summary.own_writes
    if not own.queries:
        return
    yield (
        f"Own writes: of {own.queries:,} answers about an order that the asking session had "
        f"written, {own.queries_that_missed:,} ({percent(own.queries_that_missed, own.queries)}) "
        f"lacked its write; {own.sessions_that_missed:,} of {own.sessions:,} sessions saw that."
    )
    if own.missed_by:
        yield f"Sessions that missed one: {some_of(own.missed_by, own.sessions_that_missed)}."
    if own.witness is not None:
        seen = own.witness
        yield (
            f"The first: session {seen.session} had written order {seen.order} up to position "
            f"{seen.wrote:,}, asked (query {seen.query}), and was shown position {seen.shown:,}."
        )
