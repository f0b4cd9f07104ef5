"""The price of a fresh read as a person reads it: each strategy in a sentence, then in a table."""

from collections.abc import Iterable, Iterator

from rich.text import Text

from cqrs_sim.analysis.reads import ReadSummary
from cqrs_sim.fresh_reads import FreshReads
from cqrs_sim.plain_text import count_of, milliseconds, percent, printable, some_of
from cqrs_sim.terminal.screen import Screen, table_of

LISTED = 10
"""Most sessions named in one line."""
COLUMNS = ("strategy", "paid mean", "p50", "p99", "missed own", "stale", "mean age", "no answer")


def show_fresh_reads(screen: Screen, found: FreshReads) -> None:
    """Which way paid what for what, and the figures behind it."""
    reads = tuple(found.summaries.values())
    table = table_of("Orders read by id (ms): paid, and left missing by the answers", *COLUMNS)
    for read in reads:
        table.add_row(*map(Text, _row(read)))
    screen.show(
        Text(sentence(reads), "bold"),
        Text(printable(found.title.replace("\n", "; ").replace(" · ", ", ")), "dim"),
        "",
        table,
        *_sessions(found),
    )


def _sessions(found: FreshReads) -> Iterator[Text]:
    """Which sessions missed what they themselves had written, a line each strategy."""
    for strategy, result in found.results.items():
        own = result.summary.own_writes
        if own.missed_by:
            listed = some_of(own.missed_by[:LISTED], own.sessions_that_missed)
            yield Text(
                f"{strategy}: {own.sessions_that_missed:,} of {count_of(own.sessions, 'session')} "
                f"missed an own write: {listed}"
            )


def sentence(reads: Iterable[ReadSummary]) -> str:
    """What each strategy missed and paid; all but the first pay so much more than the first."""
    first, *others = reads
    missed = _missed(first, "of answers about an own write missed it")
    paid = f"for {milliseconds(first.paid_mean_s)} ms on average"
    parts = [f"{first.strategy}: {missed}, {paid}{_no_answer(first)}"]
    for read in others:
        missed, paid = _missed(read, "missed it"), _dearer(read, first)
        parts.append(f"{read.strategy}: {missed}, {paid}{_no_answer(read)}")
    return "; ".join(parts)


def _missed(read: ReadSummary, told: str) -> str:
    if read.missed_own_share is None:
        return "no answer about an own write"
    return f"{_missed_share(read)} {told}" if read.missed_own_share else "none missed it"


def _dearer(read: ReadSummary, first: ReadSummary) -> str:
    if "paid_mean_s" in read.withheld:
        return (
            f"at a price that grows for as long as {printable(str(read.answered_by))} falls behind"
        )
    if read.paid_mean_s is None or first.paid_mean_s is None:
        return "at a price that is not known"
    more_s = read.paid_mean_s - first.paid_mean_s
    if not more_s:
        return "for as much"
    # Rounded to nothing it would read as if it were nothing.
    much = "under 0.001" if abs(more_s) < 0.5e-6 else milliseconds(abs(more_s))
    return f"for {much} ms {'more' if more_s > 0.0 else 'less'}"


def _no_answer(read: ReadSummary) -> str:
    failed = read.n - read.answered
    return f", {percent(failed, read.n)} without an answer" if failed else ""


def _row(read: ReadSummary) -> tuple[str, ...]:
    response, age = read.response_s, read.age_s.mean
    paid = [
        "too few" if name in response.too_few else milliseconds(getattr(response, name))
        for name in ("p50", "p99")
    ]
    if "response_s" in read.withheld:
        paid = ["-", "-"]
    return (
        read.strategy,
        "withheld" if "paid_mean_s" in read.withheld else milliseconds(read.paid_mean_s),
        *paid,
        _missed_share(read),
        percent(read.stale, read.answered) if read.answered else "-",
        "withheld" if "age_s" in read.withheld else milliseconds(age),
        percent(read.n - read.answered, read.n),
    )


def _missed_share(read: ReadSummary) -> str:
    if read.missed_own_share is None:
        return "-"
    return percent(round(read.missed_own_share * read.own_writes), read.own_writes)
