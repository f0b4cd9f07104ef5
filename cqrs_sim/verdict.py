"""The verdict: a run in one sentence, and how good or bad the news is.

Terminal and report begin with it. What weighs most comes first: a failed check, then a measurement
that says nothing, then a stage that saturates; only then may a lag be named.
"""

from typing import Literal, TypeAlias

import attrs

from cqrs_sim.analysis.saturation import WRITE_SIDE, StageLoad
from cqrs_sim.analysis.summary import Summary
from cqrs_sim.plain_text import count_of, milliseconds, percent, printable

Tone: TypeAlias = Literal["good", "warning", "bad"]


@attrs.frozen
class Verdict:
    """A run in one sentence."""

    text: str
    """On one line; names in it are made safe."""
    tone: Tone


def judge(summary: Summary, aborted: str | None = None) -> Verdict:
    """The verdict over a run; `aborted` names the threshold that ended it early."""
    judged = _judged(summary)
    if aborted is not None:
        return Verdict(f"ABORTED: {printable(aborted)}; until then {judged.text}", "bad")
    if summary.complete:
        return judged
    return Verdict(f"INCOMPLETE: interrupted; until then {judged.text}", "warning")


def _judged(summary: Summary) -> Verdict:
    failed = [check.name for check in summary.checks if not check.ok]
    if failed:
        names = printable(", ".join(failed))
        return Verdict(f"INCORRECT: {count_of(len(failed), 'check')} failed: {names}", "bad")
    if summary.invalid:
        return Verdict(f"INVALID: {printable(summary.invalid[0])}", "bad")
    if summary.saturated:
        stages = (_saturated(summary, load) for load in summary.saturated)
        return Verdict("SATURATED: " + "; ".join(stages), "bad")
    return _steady(summary)


def _saturated(summary: Summary, load: StageLoad) -> str:
    lag = summary.lag_s.get(load.stage)
    text = f"{printable(load.stage)}{_limit(load)}"
    if lag is None or not lag.n:
        return text
    if not lag.censored:
        return f"{text}: its backlog kept growing while the load lasted"
    return f"{text}: {percent(lag.censored, lag.n)} of events were never applied"


def _limit(load: StageLoad) -> str:
    """How much work a saturated stage was offered, and at what rate it has all it can do."""
    parts = []
    if load.offered_load is not None:
        parts.append(f"offered load {load.offered_load:.2f}")
    if load.saturates_at_per_s is not None:
        what = "commands" if load.stage == WRITE_SIDE else "events"
        parts.append(f"saturates at {load.saturates_at_per_s:,.0f} {what}/s")
    return f" ({', '.join(parts)})" if parts else ""


def _steady(summary: Summary) -> Verdict:
    for quantile in ("p99", "p90", "p50"):
        found = {name: getattr(lag, quantile) for name, lag in summary.lag_s.items()}
        lags: dict[str, float] = {name: lag for name, lag in found.items() if lag is not None}
        if not lags:
            continue
        slowest = max(lags, key=lambda name: lags[name])
        text = f"{printable(slowest)} is the slowest read model, {quantile} lag"
        text += f" {milliseconds(lags[slowest])} ms"
        if "p99" in summary.lag_s[slowest].too_few:
            text += " (too few events for p99)"
        return Verdict(f"keeps up: {text}", "good")
    return Verdict("nothing to judge by: too little happened to measure a lag", "good")
