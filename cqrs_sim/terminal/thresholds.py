"""Thresholds and replications as a person reads them, after the summary of the run."""

from collections.abc import Iterator

from rich.text import Text

from cqrs_sim.analysis.findings import Findings
from cqrs_sim.analysis.metrics import Unit, short_name
from cqrs_sim.analysis.replicated import Replications
from cqrs_sim.analysis.thresholds import Verdict
from cqrs_sim.plain_text import count_of, milliseconds, printable
from cqrs_sim.results import Result
from cqrs_sim.terminal.screen import BAD, GOOD, WARNING, Screen, table_of
from cqrs_sim.verdict import cut_short

SHOWN = ("p50", "p90", "p99", "p999", "mean")


def show_thresholds(screen: Screen, result: Result, *, is_quiet: bool = False) -> None:
    """A line a threshold; only those that failed if it is to be quiet."""
    if result.aborted is not None:
        screen.show(Text(f"ended early by a threshold: {printable(result.aborted)}", BAD))
    if not result.verdicts:
        return
    failed = [verdict for verdict in result.verdicts if not verdict.ok]
    if is_quiet:
        screen.show(*(Text(f"threshold {_line(verdict)}", BAD) for verdict in failed))
        return
    of = " (means over the replications)" if result.replications is not None else ""
    table = table_of(f"Thresholds{of}", "limit", "value", "verdict")
    table.columns[2].justify = "left"
    for verdict in result.verdicts:
        style = GOOD if verdict.ok else BAD
        table.add_row(
            Text(printable(verdict.expression)),
            Text(_value(verdict.value, verdict.unit)),
            Text("ok" if verdict.ok else "FAILED", style),
        )
    # Beneath the table, where a sentence has the whole width of a terminal.
    reasons = [
        Text(f"FAILED: {printable(verdict.expression)}: {printable(verdict.reason)}", BAD)
        for verdict in failed
        if verdict.reason
    ]
    kept = len(result.verdicts) - len(failed)
    tally = f"thresholds: {kept} ok, {len(failed)} failed"
    screen.show("", table, *reasons, Text(tally, BAD if failed else GOOD))


def show_replications(screen: Screen, result: Result, *, is_quiet: bool = False) -> None:
    """The means over the replications with their intervals."""
    replications = result.replications
    if replications is None:
        return
    told = _told(replications)
    if is_quiet:
        screen.show(*told)
        return
    table = table_of("Means over the replications (ms)", "metric", "mean", "95 % interval", "+-")
    for name in _shown(replications):
        interval = replications.interval(name)
        half = None if interval is None else interval.half_width
        if interval is None or not interval.mean or half is None:
            continue
        ends = f"{milliseconds(interval.low)} to {milliseconds(interval.high)}"
        label = printable(short_name(name.split(".")))
        relative = f"{100 * half / abs(interval.mean):.1f} %"
        table.add_row(*map(Text, (label, milliseconds(interval.mean), ends, relative)))
    screen.show("", *told, *((table,) if table.row_count else ()))


def _told(replications: Replications) -> list[Text]:
    count = count_of(len(replications.seeds), "replication")
    lines = []
    if replications.seeds:
        first, last = replications.seeds[0], replications.seeds[-1]
        seeds = f"seeds {first} to {last}" if last > first else f"seed {first}"
        lines.append(Text(f"{count}, with the {seeds}; the first is shown above"))
    until = replications.until
    if not replications.is_complete:
        lines.append(Text(f"incomplete: {cut_short(replications)}", WARNING))
    elif until is not None and replications.hopeless:
        rule, why = printable(until.expression), printable(replications.hopeless)
        lines.append(Text(f"{rule} cannot be reached, so it ended after {count}: {why}", WARNING))
    elif until is not None and not replications.is_narrow:
        rule = printable(until.expression)
        lines.append(Text(f"{rule} was not reached with {count}, which is the cap", WARNING))
    elif until is not None:
        lines.append(Text(f"{printable(until.expression)} reached with {count}", GOOD))
    return [*lines, *_found(replications.findings)]


def _found(findings: Findings) -> Iterator[Text]:
    """In which of the replications something is wrong."""
    saturated = [
        (f"{printable(name)} saturated", stage.seeds) for name, stage in findings.saturated.items()
    ]
    for what, seeds in (
        ("a failed check", findings.incorrect),
        ("no valid measurement", findings.invalid),
        *saturated,
    ):
        if seeds:
            yield Text(f"{what} with the seeds {', '.join(map(str, seeds))}", BAD)
    if findings.behind:
        seeds_text = ", ".join(map(str, findings.behind))
        yield Text(f"a stage fell behind for a while with the seeds {seeds_text}", WARNING)


def _shown(replications: Replications) -> list[str]:
    groups = ("lag_s", "response_s", "queries_s")
    return [
        name
        for name in replications.values
        if name.split(".")[0] in groups and name.split(".")[-1] in SHOWN
    ]


def _line(verdict: Verdict) -> str:
    found = f"it is {_value(verdict.value, verdict.unit)}" if verdict.value is not None else ""
    why = printable(verdict.reason) or found
    judged = "ok" if verdict.ok else f"FAILED: {why}"
    return f"{printable(verdict.expression)}: {judged}"


def _value(value: float | None, unit: Unit) -> str:
    if value is None:
        return "-"
    match unit:
        case "s":
            return f"{milliseconds(value)} ms"
        case "per_s":
            return f"{value:,.4g}/s"
        case _:
            return f"{value:,.6g}"
