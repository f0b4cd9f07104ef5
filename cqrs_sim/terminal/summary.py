"""The end of a run as a person reads it: the verdict, then lag first.

The order is fixed: verdict, lag by read model, what reads paid and lacked, response of commands and
its parts, rates, where the time goes, the load generator, checks. Where a figure would mislead it
is withheld, and the reason stands below.
"""

from collections.abc import Iterable

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from cqrs_sim.analysis.databases import is_database
from cqrs_sim.analysis.lag import commands_after, queueing_s, response_time_s, service_s
from cqrs_sim.analysis.quantiles import (
    FRACTIONS,
    SampleSummary,
    operations_needed,
    summarise_sample,
)
from cqrs_sim.analysis.reads import QUERY_KEYS
from cqrs_sim.analysis.replicated import Replications
from cqrs_sim.analysis.saturation import WRITE_SIDE
from cqrs_sim.analysis.stages import MeanStages, read_stages_s, write_stages_s
from cqrs_sim.analysis.summary import Summary
from cqrs_sim.analysis.unserved import turned_away
from cqrs_sim.analysis.warm_up import Opinion
from cqrs_sim.plain_text import count_of, milliseconds, percent, printable, some_of
from cqrs_sim.probe import Outcome
from cqrs_sim.results import Result, clock_kind
from cqrs_sim.terminal.renames import renames
from cqrs_sim.terminal.screen import BAD, GOOD, WARNING, Screen, table_of
from cqrs_sim.verdict import busiest, judge

QUANTILES = ("p50", "p90", "p99", "p999", "max")
LISTED = 10
"""Most sessions named in one line."""
STYLES = {"good": GOOD, "warning": WARNING, "bad": BAD}
"""Of the verdict, by its tone."""


def show_summary(screen: Screen, result: Result, *, is_quiet: bool = False) -> None:
    """The end of a run, lag first; only the verdict if it is to be quiet."""
    summary = result.summary
    screen.show(verdict(summary, result.aborted, result.replications))
    if is_quiet:
        return
    screen.show(
        _frame(result),
        "",
        _lag_table(summary),
        *_withheld(summary),
        *_too_few(summary),
        *_warm_up(summary),
        *_reads(summary),
        "",
        _commands_table(result),
        _outcomes(summary),
        *_attempts(summary),
        _rates(summary),
        "",
        *_stages(result),
        *_busiest(summary),
        *_rebuilds(result),
        *_rehydration(result),
        "",
        *_generator(summary),
        *_deliveries(summary),
        *_gaps(summary),
        *_enrichments(summary),
        *renames(summary),
        *_checks(summary),
    )


def verdict(
    summary: Summary, aborted: str | None = None, replications: Replications | None = None
) -> Text:
    """The run in one sentence, as `judge` gives it."""
    judged = judge(summary, aborted, replications)
    return Text(judged.text, STYLES[judged.tone])


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
    values = [
        "too few" if name in sample.too_few else milliseconds(getattr(sample, name))
        for name in QUANTILES
    ]
    if is_withheld:
        values = ["withheld", *["-"] * (len(QUANTILES) - 1)]
    return [Text(printable(name)), *map(Text, values)]


def _withheld(summary: Summary) -> Iterable[Text]:
    """Why figures are missing, one line a stage."""
    for load in summary.saturated:
        reasons = ", and ".join(load.reasons)
        what = "saturated" if is_database(load.stage) else "percentiles withheld"
        yield Text(f"{printable(load.stage)}: {what}, because {reasons}", WARNING)
        yield from _bounds(load.stage, summary.lag_s.get(load.stage))
    for name, lag in summary.lag_s.items():
        if lag.censored and lag.p50 is not None:
            yield Text(
                f"{printable(name)}: '-' is longer than the run allowed to see "
                f"({lag.censored:,} of {lag.n:,} events not applied when it ended)"
            )


def _too_few(summary: Summary) -> Iterable[Text]:
    """How many events it takes for the quantiles that are not shown."""
    absent = {quantile for lag in summary.lag_s.values() for quantile in lag.too_few}
    needed = [
        f"{_label(quantile)} {operations_needed(fraction):,}"
        for quantile, fraction in FRACTIONS.items()
        if quantile in absent
    ]
    if needed:
        yield Text(f"too few: a quantile q needs 100 / (1 - q) values: {', '.join(needed)}", "dim")


def _warm_up(summary: Summary) -> Iterable[Text]:
    """Where the second opinion on the warm-up is another than the scenario's."""
    checks = {"response": summary.warm_up.response}
    checks |= {f"lag of {printable(name)}": c for name, c in summary.warm_up.lag.items()}
    for measure, check in checks.items():
        if check.opinion is Opinion.CUT_MORE:
            yield Text(
                f"warm-up: MSER-5 would leave out the first {check.mser5_s:.4g} s for the "
                f"{measure}, not {summary.warm_up.cut_s:.4g} s",
                WARNING,
            )
        elif check.opinion is Opinion.TOO_SHORT:
            yield Text(f"warm-up: for the {measure} the run is too short to be steady", WARNING)


def _bounds(stage: str, lag: SampleSummary | None) -> Iterable[Text]:
    """What the lag of a saturated read model was at least and at most, in this run."""
    if lag is None or not lag.bounds:
        return
    parts = []
    for name, (low, high) in lag.bounds.items():
        limits = f"at least {milliseconds(low)}"
        if high is not None:
            limits = f"{milliseconds(low)} to {milliseconds(high)}"
        parts.append(f"{_label(name)} {limits}")
    yield Text(f"{printable(stage)}: bounds of the lag in this run (ms): {', '.join(parts)}")


def _label(quantile: str) -> str:
    return "p99.9" if quantile == "p999" else quantile


def _commands_table(result: Result) -> Table:
    summary, trace = result.summary, result.trace
    accepted = commands_after(trace, result.scenario.run.warm_up)
    accepted &= trace.commands.outcome == Outcome.ACCEPTED
    table = table_of("Commands (ms)", "", "p50", "p90", "p99", "p99.9", "max", "n")
    is_saturated = WRITE_SIDE in {load.stage for load in summary.saturated}
    how = turned_away(summary.commands)
    refused = [(f"  if those {how} count as longest", summary.served_response_s)]
    for name, sample in (
        ("response", summary.response_s),
        *(refused if summary.served_response_s.censored > summary.response_s.censored else ()),
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


def _attempts(summary: Summary) -> Iterable[Text]:
    """What handlers tried, and how often for nothing; nothing where each order has an actor."""
    one = summary.attempts
    if not one.attempts:
        return
    text = f"attempts: {one.attempts:,}, committed {one.committed:,}, conflicts {one.conflicts:,}"
    text += f", rejected {one.rejected:,}"
    for name, count in (("repeated", one.repeated), ("not over", one.open)):
        text += f", {name} {count:,}" if count else ""
    text += f"; tried again {one.retries:,}, given up {one.given_up:,}"
    yield Text(f"{text}; {_share(one.wasted_share)} of their time in vain")
    if one.first_lost is not None:
        lost = count_of(one.lost_updates, "update")
        what = f"{lost} lost, the first before {printable(one.first_lost.event)}"
        yield Text(f"{what}, which was written without having seen it", BAD)


def _rates(summary: Summary) -> Text:
    rates = summary.rates_per_s
    named = (("offered", rates.offered), ("accepted", rates.accepted), ("applied", rates.applied))
    shown = (f"{name} {'-' if rate is None else f'{rate:,.1f}'}" for name, rate in named)
    return Text("rates per second: " + ", ".join(shown))


def _stages(result: Result) -> Iterable[RenderableType]:
    """A description of what passed, from the trace: the summary withholds what may mislead."""
    summary, trace, after_ns = result.summary, result.trace, result.scenario.run.warm_up
    saturated = {load.stage for load in summary.saturated}
    yield Text("Where the time goes (ms, means that sum exactly)", "bold")
    write = _sum(WRITE_SIDE, write_stages_s(trace, after_ns=after_ns))
    yield Text(f"{write}{_GROWS}", WARNING) if WRITE_SIDE in saturated else Text(write)
    for name in trace.read_models:
        text = _sum(printable(name), read_stages_s(trace, name, after_ns=after_ns))
        lag = summary.lag_s[name]
        if lag.censored:
            text += f"; {percent(lag.censored, lag.n)} was never applied and is left out"
        yield Text(f"{text}{_GROWS}", WARNING) if name in saturated else Text(text)


def _busiest(summary: Summary) -> Iterable[Text]:
    """The utilisation of each stage, and the bottleneck."""
    told = busiest(summary.loads)
    if told:
        yield Text(f"utilisation: {told}")


def _rehydration(result: Result) -> Iterable[Text]:
    """What it took to bring idle orders back, where the scenario is about that."""
    side, found = result.scenario.write_side, result.metrics
    orders, share = found.get("rehydration.orders"), found.get("rehydration.share_of_service")
    if not orders or not (side.replay or side.snapshot_every):
        return
    through = percent(int(found["rehydration.through_snapshot"] or 0), int(orders))
    text = f"idle orders that came back: {orders:,.0f}, {through} through a snapshot"
    text += f"; {found['rehydration.events_read']:,.0f} events read"
    yield Text(text if share is None else f"{text}, {_share(share)} of the commands' service time")


_GROWS = " (saturated: a longer run would show more)"


def _sum(name: str, stages: MeanStages) -> str:
    if stages.whole is None:
        return f"{name}: nothing passed every stage"
    parts = (
        f"{stage.replace('_', '-')} {milliseconds(part)}" for stage, part in stages.parts.items()
    )
    return f"{name}: {' + '.join(parts)} = {stages.whole_name} {milliseconds(stages.whole)}"


def _reads(summary: Summary) -> Iterable[RenderableType]:
    """What each kind of query paid for its answer, and what the answer lacked."""
    if not summary.reads.rows:
        return
    names = ("strategy", "p50", "p99", "mean", "n", "no answer", "stale", "missed own")
    table = table_of("Queries (ms): the price of an answer, and what it lacked", "query", *names)
    table.columns[1].justify = "left"
    for row in summary.reads.rows:
        response = row.response_s
        paid = [
            "too few" if name in response.too_few else milliseconds(getattr(response, name))
            for name in ("p50", "p99")
        ]
        if "response_s" in row.withheld:
            paid = ["withheld", "-"]
        lacked = (_share(row.stale_share), _share(row.missed_own_share))
        none = percent(row.n - row.answered, row.n)
        mean = milliseconds(row.answered_mean_s)
        kind = QUERY_KEYS.get(row.kind, printable(row.kind))
        table.add_row(kind, row.strategy, *paid, mean, f"{row.n:,}", none, *lacked)
    yield ""
    yield table
    own = summary.own_writes
    if own.queries:
        yield Text(
            f"missed their own write: {percent(own.queries_that_missed, own.queries)} of "
            f"{own.queries:,} answers about an order that the asker had written, in "
            f"{own.sessions_that_missed:,} of {count_of(own.sessions, 'session')}"
        )
    if own.missed_by:
        listed = some_of(own.missed_by[:LISTED], own.sessions_that_missed)
        yield Text(f"sessions that missed one: {listed}")


def _share(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def _rebuilds(result: Result) -> Iterable[Text]:
    """How each rebuild of a read model went, and those that were planned and never began."""
    for told in result.rebuild_summaries:
        rebuild = told.rebuild
        what = f"rebuild of {printable(rebuild.read_model)} from {rebuild.began_ns / 1e9:.4g} s"
        if rebuild.switched_ns is None:
            applied = count_of(rebuild.events, "event")
            yield Text(f"{what}: dropped, the run ended when {applied} were applied", WARNING)
            continue
        text = f"{what}: switched at {rebuild.switched_ns / 1e9:.4g} s"
        text += f" after {count_of(rebuild.events, 'event')}"
        if told.events_per_s is not None:
            text += f" ({told.events_per_s:,.0f}/s)"
        lag = told.lag_s[rebuild.read_model]
        if lag.before.mean is not None and lag.during.mean is not None:
            text += f"; mean lag {milliseconds(lag.before.mean)} ms before,"
            text += f" {milliseconds(lag.during.mean)} ms during it"
        yield Text(text)
    models = result.scenario.read_models.values()
    planned = sum(len(model.rebuilds) for model in models)
    never = planned - len(result.rebuilds)
    if never > 0:
        yield Text(f"rebuilds planned that did not begin before the end: {never}", WARNING)


def _generator(summary: Summary) -> Iterable[Text]:
    """How well the load generator of a wall-clock run kept its plan, and what that cost."""
    health = summary.generator
    if health.pacer is None or health.slip_s.max is None:
        return
    text = f"load generator: at most {milliseconds(health.slip_s.max)} ms late, "
    text += f"spun {health.pacer.spin_share:.0%} of the run to be in time"
    if health.hiccups is not None and health.hiccups.worst:
        worst = health.hiccups.worst[0]
        text += f"; longest pause of the machine {milliseconds(worst.length_s)} ms"
        text += f" at {worst.at_s:.1f} s, of it our own work {milliseconds(worst.busy_s)} at most"
    yield Text(text)


def _deliveries(summary: Summary) -> Iterable[Text]:
    """What was lost or done twice on the way to each read model; nothing if all was as usual."""
    for name, one in summary.delivery.items():
        if not one.is_remarkable:
            continue
        parts = [f"{count_of(one.lost, 'event')} lost"] if one.lost else []
        parts += [f"{one.without_effect:,} found nothing to change"] if one.without_effect else []
        parts += [f"{one.doubled:,} took effect twice"] if one.doubled else []
        parts += [f"{one.redelivered:,} delivered again"] if one.redelivered else []
        first = one.first_lost or one.first_doubled
        parts += [f"the first: {printable(first.event)}"] if first is not None else []
        text = f"delivery to {printable(name)}, {one.promise}: {', '.join(parts)}"
        yield Text(text, BAD if one.lost or one.doubled else "")


def _gaps(summary: Summary) -> Iterable[Text]:
    """What came before an event that it follows, and what became of it; nothing if none did."""
    for name, one in summary.gaps.items():
        if one.gaps:
            style = BAD if one.parked or one.dropped else ""
            yield Text(f"gaps on the way to {printable(name)}: {printable(one.told)}", style)


def _enrichments(summary: Summary) -> Iterable[Text]:
    """What projectors asked another system, and who is shown without a name."""
    for name, one in summary.enrichment.items():
        text = f"names shown by {printable(name)}: {one.asked:,} asked of another system in "
        text += f"{count_of(one.attempts, 'call')}, mean {milliseconds(one.mean_s)} ms"
        if one.unanswered:
            text += f"; {one.unanswered:,} without an answer when the run ended"
        if one.first_unnamed is not None:
            text += f"; {count_of(one.unnamed, 'order')} shown without a name"
            text += f", the first: {printable(one.first_unnamed.event)}"
        yield Text(text, WARNING if one.unnamed else "")


def _checks(summary: Summary) -> Iterable[Text]:
    failed = [check for check in summary.checks if not check.ok]
    for check in failed:
        yield Text(f"check FAILED: {printable(check.name)}: {printable(check.detail)}", BAD)
    passed = len(summary.checks) - len(failed)
    yield Text(f"checks: {passed} ok, {len(failed)} failed", BAD if failed else GOOD)
    for reason in summary.invalid:
        yield Text(f"measurement INVALID: {printable(reason)}", BAD)
