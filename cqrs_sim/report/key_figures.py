"""The few figures that stand right below the verdict."""

import attrs
import numpy as np

from cqrs_sim.analysis.bottleneck import bottleneck
from cqrs_sim.analysis.saturation import WRITE_SIDE
from cqrs_sim.analysis.summary import Summary
from cqrs_sim.analysis.unserved import turned_away
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.plain_text import count_of, milliseconds, percent


@attrs.frozen(kw_only=True)
class KeyFigure:
    """One figure with its name, and a line of context."""

    name: str
    value: str
    unit: str = ""
    context: str = ""
    tone: str = ""
    """`bad` where it is bad news."""


def key_figures(summary: Summary) -> tuple[KeyFigure, ...]:
    """What a reader wants first, and in this order: lag, and at last whether checks passed."""
    figures = [_lag(summary), _unseen(summary), _response(summary), _rates(summary)]
    figures += _bottleneck(summary)
    if any(read.answered for read in summary.reads.rows):
        figures.append(_stale(summary))
    figures.append(_checks(summary))
    return tuple(figures)


def busiest_order(trace: Trace) -> str:
    """Which order most commands went to, and what share; "" if there were no commands."""
    if not len(trace.commands):
        return ""
    counts = np.bincount(trace.commands.order, minlength=len(trace.order_ids))
    busiest = int(counts.argmax())
    share = percent(int(counts[busiest]), len(trace.commands))
    return f"The busiest order, {trace.order_ids[busiest]}, got {share} of all commands."


def _lag(summary: Summary) -> KeyFigure:
    saturated = [load.stage for load in summary.saturated if load.stage in summary.lag_s]
    if saturated:
        return KeyFigure(
            name="Consistency lag",
            value="withheld",
            context=f"{', '.join(saturated)} saturated: it grows as long as the run lasts",
            tone="bad",
        )
    for quantile in ("p99", "p90", "p50"):
        found = {name: getattr(lag, quantile) for name, lag in summary.lag_s.items()}
        known = {name: value for name, value in found.items() if value is not None}
        if known:
            slowest = max(known, key=lambda name: known[name])
            return KeyFigure(
                name=f"{quantile} consistency lag",
                value=milliseconds(known[slowest]),
                unit="ms",
                context=f"of {slowest}, the slowest read model",
            )
    return KeyFigure(name="Consistency lag", value="-", context="too little happened")


def _unseen(summary: Summary) -> KeyFigure:
    worst = max(summary.lag_s, key=lambda name: summary.lag_s[name].censored, default=None)
    if worst is None:
        return KeyFigure(name="Never applied", value="-", context="there is no read model")
    lag = summary.lag_s[worst]
    if not lag.censored:
        return KeyFigure(name="Never applied", value="0", context="every event reached every model")
    return KeyFigure(
        name="Never applied",
        value=percent(lag.censored, lag.n),
        context=f"{lag.censored:,} of {lag.n:,} events, in {worst}",
        tone="bad",
    )


def _response(summary: Summary) -> KeyFigure:
    sample = summary.served_response_s
    if WRITE_SIDE in {load.stage for load in summary.saturated}:
        return KeyFigure(
            name="Response", value="withheld", context="the write side is saturated", tone="bad"
        )
    for quantile in ("p99", "p90", "p50"):
        value = getattr(sample, quantile)
        if value is not None:
            median = f"median {milliseconds(sample.p50)} ms; " if quantile != "p50" else ""
            return KeyFigure(
                name=f"{quantile} response",
                value=milliseconds(value),
                unit="ms",
                context=f"{median}{sample.n:,} commands{_refused(summary)}",
            )
    return KeyFigure(
        name="Response", value="-", context=f"{sample.n:,} commands{_refused(summary)}"
    )


def _refused(summary: Summary) -> str:
    """The share of commands that were turned away, if any."""
    refused = summary.served_response_s.censored - summary.response_s.censored
    share = percent(refused, summary.served_response_s.n)
    return f", {share} of them {turned_away(summary.commands)}" if refused else ""


def _rates(summary: Summary) -> KeyFigure:
    rates = summary.rates_per_s
    others = [
        f"{name} {rate:,.4g}"
        for name, rate in (("offered", rates.offered), ("applied", rates.applied))
        if rate is not None
    ]
    if rates.accepted is None:
        return KeyFigure(name="Accepted", value="-", context="no load after the warm-up")
    return KeyFigure(
        name="Accepted per second",
        value=f"{rates.accepted:,.4g}",
        context=f"commands; {', '.join(others)}",
    )


def _bottleneck(summary: Summary) -> list[KeyFigure]:
    found = bottleneck(summary.loads)
    if found is None:
        return []
    saturates = (
        ""
        if found.saturates_at_per_s is None
        else (f"; it saturates at {found.saturates_at_per_s:,.0f} {found.unit}/s")
    )
    return [
        KeyFigure(
            name="Busiest stage",
            value=f"{100 * found.offered_load:,.0f}",
            unit="%",
            context=f"of the time of {found.stage}, the bottleneck{saturates}",
            tone="bad" if found.offered_load >= 1.0 else "",
        )
    ]


def _stale(summary: Summary) -> KeyFigure:
    own = summary.own_writes
    if own.queries:
        return KeyFigure(
            name="Own writes missed",
            value=percent(own.queries_that_missed, own.queries),
            context=f"of {own.queries:,} answers to whoever had just written",
        )
    stale = sum(read.stale for read in summary.reads.rows)
    answers = sum(read.answered for read in summary.reads.rows)
    return KeyFigure(
        name="Stale answers", value=percent(stale, answers), context=f"of {answers:,} answers"
    )


def _checks(summary: Summary) -> KeyFigure:
    failed = sum(not check.ok for check in summary.checks)
    if failed:
        return KeyFigure(
            name="Checks", value=f"{failed} failed", context="see below for the proof", tone="bad"
        )
    return KeyFigure(
        name="Checks", value="all ok", context=f"{count_of(len(summary.checks), 'check')} passed"
    )
