"""The end of a run as a person reads it: the verdict, then lag first.

The order is fixed: verdict, lag by read model, response and its parts, rates, where the time goes,
queries, checks. Where a figure would mislead it is withheld, and the reason stands below.
"""

from collections.abc import Iterable

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from cqrs_sim.analysis.lag import commands_after, queueing_s, response_time_s, service_s
from cqrs_sim.analysis.quantiles import SampleSummary, summarise_sample
from cqrs_sim.analysis.saturation import WRITE_SIDE, StageLoad
from cqrs_sim.analysis.summary import MeanStages, Summary
from cqrs_sim.probe import Outcome
from cqrs_sim.results import Result, clock_kind
from cqrs_sim.terminal import (
    BAD,
    GOOD,
    WARNING,
    Screen,
    count_of,
    milliseconds,
    percent,
    printable,
    table_of,
)

QUANTILES = ("p50", "p90", "p99", "p999", "max")


def show_summary(screen: Screen, result: Result, *, is_quiet: bool = False) -> None:
    """The end of a run, lag first; only the verdict if it is to be quiet."""
    summary = result.summary
    screen.show(verdict(summary))
    if is_quiet:
        return
    screen.show(
        _frame(result),
        "",
        _lag_table(summary),
        *_withheld(summary),
        "",
        _commands_table(result),
        _outcomes(summary),
        _rates(summary),
        "",
        *_stages(summary),
        *_queries(summary),
        "",
        *_checks(summary),
    )


def verdict(summary: Summary) -> Text:
    """The run in one sentence."""
    text, style = _judged(summary)
    if summary.complete:
        return Text(text, style)
    return Text(f"INCOMPLETE: interrupted; until then {text}", WARNING)


def _judged(summary: Summary) -> tuple[str, str]:
    failed = [check.name for check in summary.checks if not check.ok]
    if failed:
        names = printable(", ".join(failed))
        return f"INCORRECT: {count_of(len(failed), 'check')} failed: {names}", BAD
    if summary.invalid:
        return f"INVALID: {printable(summary.invalid[0])}", BAD
    if summary.saturated:
        return "SATURATED: " + "; ".join(map(_saturated, _verdicts(summary))), BAD
    return _steady(summary), GOOD


def _verdicts(summary: Summary) -> list[tuple[StageLoad, SampleSummary | None]]:
    return [(load, summary.lag_s.get(load.stage)) for load in summary.saturated]


def _saturated(stage: tuple[StageLoad, SampleSummary | None]) -> str:
    load, lag = stage
    text = printable(load.stage)
    if load.offered_load is not None:
        text += f" (offered load {load.offered_load:.2f})"
    if lag is None or not lag.n:
        return text
    if not lag.censored:
        return f"{text}: its backlog kept growing while the load lasted"
    return f"{text}: {percent(lag.censored, lag.n)} of events were never applied"


def _steady(summary: Summary) -> str:
    lags = {name: lag.p99 for name, lag in summary.lag_s.items() if lag.p99 is not None}
    if not lags:
        return "nothing to judge by: too little happened to measure a lag"
    slowest = max(lags, key=lambda name: lags[name])
    lag = milliseconds(lags[slowest])
    return f"steady: {printable(slowest)} is the slowest read model, p99 lag {lag} ms"


def _frame(result: Result) -> Text:
    summary, run = result.summary, result.scenario.run
    parts = [
        printable(result.scenario.name),
        f"{summary.engine} engine, {clock_kind(result.engine)} clock",
        f"seed {summary.seed}",
        f"{result.trace.load_ended_ns / 1e9:.4g} s of load",
    ]
    if run.warm_up:
        parts.append(f"the first {summary.warm_up_s:.4g} s left out")
    if result.scenario.load.model == "closed":
        # Coordinated omission: whoever compares this with an open run should know.
        parts.append("closed loop: a slow system is asked less")
    return Text("; ".join(parts), "dim")


def _lag_table(summary: Summary) -> Table:
    names = ("p50", "p90", "p99", "p99.9", "max", "n", "censored")
    table = table_of("Consistency lag (ms): from committed to applied", "read model", *names)
    saturated = {load.stage for load in summary.saturated}
    for name, lag in summary.lag_s.items():
        censored = percent(lag.censored, lag.n)
        table.add_row(*_row(name, lag, name in saturated), f"{lag.n:,}", censored)
    return table


def _row(name: str, sample: SampleSummary, is_withheld: bool = False) -> list[Text]:
    values = [milliseconds(getattr(sample, quantile)) for quantile in QUANTILES]
    if is_withheld:
        values = ["withheld", *["-"] * (len(QUANTILES) - 1)]
    return [Text(printable(name)), *map(Text, values)]


def _withheld(summary: Summary) -> Iterable[Text]:
    """Why figures are missing, one line a stage."""
    for load in summary.saturated:
        reasons = ", and ".join(load.reasons)
        yield Text(f"{printable(load.stage)}: percentiles withheld, because {reasons}", WARNING)
    for name, lag in summary.lag_s.items():
        if lag.censored and lag.p50 is not None:
            yield Text(
                f"{printable(name)}: '-' is longer than the run allowed to see "
                f"({lag.censored:,} of {lag.n:,} events not applied when it ended)"
            )


def _commands_table(result: Result) -> Table:
    summary, trace = result.summary, result.trace
    accepted = commands_after(trace, result.scenario.run.warm_up)
    accepted &= trace.commands.outcome == Outcome.ACCEPTED
    table = table_of("Commands (ms)", "", "p50", "p90", "p99", "p99.9", "max", "n")
    is_saturated = WRITE_SIDE in {load.stage for load in summary.saturated}
    for name, sample in (
        ("response", summary.response_s),
        ("  of accepted ones", summarise_sample(response_time_s(trace)[accepted])),
        ("  queueing", summarise_sample(queueing_s(trace)[accepted])),
        ("  service", summarise_sample(service_s(trace)[accepted])),
    ):
        row = _row(name, sample, is_saturated and name != "  service")
        table.add_row(*row, f"{sample.n:,}")
    return table


def _outcomes(summary: Summary) -> Text:
    parts = [f"offered {sum(summary.commands.values()):,}"]
    for outcome in Outcome:
        count = summary.commands[outcome]
        if count or outcome in (Outcome.ACCEPTED, Outcome.REJECTED, Outcome.REFUSED):
            parts.append(f"{outcome.name.lower()} {count:,}")
    return Text("commands: " + ", ".join(parts))


def _rates(summary: Summary) -> Text:
    rates = summary.rates_per_s
    named = (("offered", rates.offered), ("accepted", rates.accepted), ("applied", rates.applied))
    shown = (f"{name} {'-' if rate is None else f'{rate:,.1f}'}" for name, rate in named)
    return Text("rates per second: " + ", ".join(shown))


def _stages(summary: Summary) -> Iterable[RenderableType]:
    yield Text("Where the time goes (ms, means that sum exactly)", "bold")
    yield _sum("write side", summary.write_stages_s)
    for name, stages in summary.read_stages_s.items():
        yield _sum(printable(name), stages)


def _sum(name: str, stages: MeanStages) -> Text:
    if stages.whole is None:
        return Text(f"{name}: nothing passed every stage")
    parts = (
        f"{stage.replace('_', '-')} {milliseconds(part)}" for stage, part in stages.parts.items()
    )
    return Text(f"{name}: {' + '.join(parts)} = {stages.whole_name} {milliseconds(stages.whole)}")


def _queries(summary: Summary) -> Iterable[RenderableType]:
    queries, sample = summary.queries, summary.queries_s
    if not queries.offered:
        return
    yield ""
    table = table_of("Queries (ms)", "", "p50", "p90", "p99", "p99.9", "max", "n")
    table.add_row(*_row("response", sample), f"{sample.n:,}")
    yield table
    text = f"answered {queries.answered:,} of {queries.offered:,}"
    if queries.about_one_order:
        text += (
            f"; stale {percent(queries.stale, queries.about_one_order)} of "
            f"{queries.about_one_order:,} answers about one order, at most "
            f"{count_of(queries.versions_missing_max or 0, 'version')} behind"
        )
    yield Text(text)


def _checks(summary: Summary) -> Iterable[Text]:
    failed = [check for check in summary.checks if not check.ok]
    for check in failed:
        yield Text(f"check FAILED: {printable(check.name)}: {printable(check.detail)}", BAD)
    passed = len(summary.checks) - len(failed)
    yield Text(f"checks: {passed} ok, {len(failed)} failed", BAD if failed else GOOD)
    for reason in summary.invalid:
        yield Text(f"measurement INVALID: {printable(reason)}", BAD)
