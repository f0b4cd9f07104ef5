"""The verdict: a run, or replications of it, in one sentence, and how good or bad the news is.

Terminal and report begin with it. What weighs most comes first: a failed check, then a measurement
that says nothing, then a stage that saturates, then one that fell behind for a while; only then may
a lag be named, and that a run keeps up only if it turned nobody away to do so. What holds in any of
the replications is said of them all, with its count and how it was in the first of them.
"""

from collections.abc import Mapping, Sequence
from math import floor, log10
from typing import Literal, TypeAlias

import attrs

from cqrs_sim.analysis.bottleneck import bottleneck
from cqrs_sim.analysis.episodes import Episode
from cqrs_sim.analysis.findings import Findings, SaturatedStage, findings_of
from cqrs_sim.analysis.replicated import Replications
from cqrs_sim.analysis.saturation import WRITE_SIDE, StageLoad, unit_of
from cqrs_sim.analysis.summary import Summary
from cqrs_sim.analysis.unserved import Unserved
from cqrs_sim.plain_text import count_of, milliseconds, percent, printable

Tone: TypeAlias = Literal["good", "warning", "bad"]


@attrs.frozen
class Verdict:
    """A run in one sentence."""

    text: str
    """On one line; names in it are made safe."""
    tone: Tone


@attrs.frozen
class _Estimate:
    """A time in seconds."""

    value: float
    half_width: float | None = None
    """Of its interval over the replications."""
    count: int = 1
    """How many these are."""

    @property
    def text(self) -> str:
        """In milliseconds, the interval with as many digits as the mean."""
        mean = milliseconds(self.value)
        if self.half_width is None:
            return f"{mean} ms"
        half = f"{self.half_width * 1e3:,.{len(mean.partition('.')[2])}f}"
        return f"{mean} ms ± {half} (95 %, {count_of(self.count, 'replication')})"


def judge(
    summary: Summary, aborted: str | None = None, replications: Replications | None = None
) -> Verdict:
    """The verdict over a run.

    Args:
        summary: of the run; with replications that of the first.
        aborted: the threshold that ended it early, with what was seen then.
        replications: all of them, this run among them.
    """
    judged = _judged(summary, replications)
    if aborted is not None:
        return Verdict(f"ABORTED: {printable(aborted)}; until then {judged.text}", "bad")
    how = "interrupted"
    if replications is not None and not replications.is_complete:
        how = cut_short(replications)
    elif summary.complete:
        return judged
    tone: Tone = "bad" if judged.tone == "bad" else "warning"
    return Verdict(f"INCOMPLETE: {how}; until then {judged.text}", tone)


def busiest(loads: Sequence[StageLoad]) -> str:
    """How busy each stage was, and which saturates first; "" if none was seen to work."""
    found = bottleneck(loads)
    if found is None:
        return ""
    each = ", ".join(
        f"{printable(load.stage)} {load.offered_load:.2f}"
        for load in loads
        if load.offered_load is not None
    )
    limit = (
        ""
        if found.saturates_at_per_s is None
        else (f": it saturates at {found.saturates_at_per_s:,.0f} {found.unit}/s")
    )
    return f"{each}; the bottleneck is {_named(found.stage)}{limit}"


def cut_short(replications: Replications) -> str:
    """How replications ended that are not all that were asked for."""
    count, wanted = len(replications.seeds), replications.wanted
    at_most = "" if replications.until is None else "at most "
    if not count:
        of = "" if wanted is None else f" of {at_most}{count_of(wanted, 'replication')}"
        return f"interrupted in the first{of}"
    if wanted is None:
        return f"ended after {count_of(count, 'replication')}"
    return f"ended after {count} of {at_most}{count_of(wanted, 'replication')}"


def _judged(summary: Summary, replications: Replications | None) -> Verdict:
    """Of what was run, whether or not that was all."""
    found = findings_of((summary.seed,), (summary.to_json(),))
    if replications is not None and replications.seeds:
        found = _together(replications.findings, found)

    def where(seeds: Sequence[int]) -> str:
        if replications is None or not replications.seeds:
            return ""
        of = f"{len(seeds)} of {count_of(len(replications.seeds), 'replication')}"
        return f" in {of} (first with seed {seeds[0]})"

    if found.incorrect:
        return Verdict(f"INCORRECT{where(found.incorrect)}: {_failed(found)}", "bad")
    if found.invalid:
        reason = printable(found.why_invalid) or "no valid measurement"
        return Verdict(f"INVALID{where(found.invalid)}: {reason}", "bad")
    unserved = tuple(_unserved(one, where(one.seeds)) for one in found.unserved)
    if found.saturated:
        seeds = found.saturated_seeds
        stages = (_saturated(name, one, seeds) for name, one in found.saturated.items())
        text = "; ".join((*stages, *unserved))
        return Verdict(f"SATURATED{where(seeds)}: {text}", "bad")
    if found.behind:
        in_which = where(found.behind).strip()
        text = "; ".join((_behind(found.episodes, summary, replications), *unserved))
        return Verdict(f"{in_which}: {text}" if in_which else text, "warning")
    return _steady(summary, replications, unserved)


def _together(found: Findings, first: Findings) -> Findings:
    """Those of the replications; what an older version did not look for is from the first run."""
    changes = {
        field.name: getattr(found, field.name) or getattr(first, field.name)
        for field in attrs.fields(Findings)
    }
    return Findings(**changes)


def _failed(found: Findings) -> str:
    names = printable(", ".join(found.failed_checks))
    if not names:
        return "a check failed"
    return f"{count_of(len(found.failed_checks), 'check')} failed: {names}"


def _saturated(name: str, stage: SaturatedStage, seeds: Sequence[int]) -> str:
    text = f"{printable(name)}{_limit(name, stage)}"
    if len(stage.seeds) < len(seeds):
        text += f" in {len(stage.seeds)} of them"
    if not stage.events:
        return text
    if not stage.censored:
        is_said = bool(_growth(stage))
        return text if is_said else f"{text}: its backlog kept growing while the load lasted"
    return f"{text}: {percent(stage.censored, stage.events)} of events were never applied"


def _limit(name: str, stage: SaturatedStage) -> str:
    """How much work a saturated stage was offered, and at what rate it has all it can do."""
    parts = []
    if _growth(stage):
        parts.append(_growth(stage))
    elif stage.offered_load is not None and stage.offered_load >= 1.0:
        parts.append(f"offered load {stage.offered_load:.2f}")
    if stage.saturates_at_per_s is not None:
        parts.append(f"saturates at {stage.saturates_at_per_s:,.0f} {unit_of(name)}/s")
    return f" ({', '.join(parts)})" if parts else ""


def _unserved(one: Unserved, where: str) -> str:
    return f"{percent(one.count, one.n)} of {printable(one.what)} {printable(one.how)}{where}"


def _growth(stage: SaturatedStage) -> str:
    """The reason where the offered load is none, being less than the stage can do."""
    if stage.slope_per_s is None or (stage.offered_load or 0.0) >= 1.0:
        return ""
    return f"its backlog grew by {stage.slope_per_s:,.3g} a second"


def _behind(
    episodes: Sequence[Episode], summary: Summary, replications: Replications | None
) -> str:
    """The worst episode, and which other stages had any."""
    worst = max(episodes, key=lambda episode: episode.worst_s)
    times = sum(episode.stage == worst.stage for episode in episodes)
    text = episode_text(worst)
    if times > 1:
        text += f", the worst of {times} times"
    p99 = _quantiles(summary, replications, "p99").get(worst.stage)
    if p99 is not None:
        text += f": p99 {'response' if worst.stage == WRITE_SIDE else 'lag'} {p99.text}"
    others = [*dict.fromkeys(_named(one.stage) for one in episodes if one.stage != worst.stage)]
    if others:
        names = " and ".join(filter(None, (", ".join(others[:-1]), others[-1])))
        text += f"; {names} fell behind too"
    return text


def episode_text(episode: Episode) -> str:
    """An episode in one clause."""
    end_s = episode.worst_at_s if episode.until_s is None else episode.until_s
    digits = 1 - min(0, floor(log10(max(end_s - episode.from_s, 1e-9))))
    if episode.stood_still:
        until_s = episode.still_from_s + episode.still_s
        text = f"stood still from {episode.still_from_s:.{digits}f} s to {until_s:.{digits}f} s"
        caught_up = ""
    else:
        worst = f"{episode.worst_s:.1f} s"
        if episode.worst_s < 1.0:
            worst = f"{milliseconds(episode.worst_s)} ms"
        text = f"fell behind from {episode.from_s:.{digits}f} s, by up to {worst},"
        caught_up = f" and caught up at {end_s:.{digits}f} s"
    if episode.until_s is None:
        caught_up = " and had not caught up when the load ended"
    return f"{_named(episode.stage)} {text}{caught_up}"


def _named(stage: str) -> str:
    return f"the {printable(stage)}" if unit_of(stage) != "events" else printable(stage)


def _steady(
    summary: Summary, replications: Replications | None, unserved: Sequence[str]
) -> Verdict:
    """Of a run that did what it took on; `unserved` says what it did not."""
    for quantile in ("p99", "p90", "p50"):
        times = dict(_quantiles(summary, replications, quantile))
        response = times.pop(WRITE_SIDE, None)
        if not times:
            continue
        slowest = max(times, key=lambda name: times[name].value)
        if times[slowest].value == 0.0 and _never_lagged(summary):
            text = "the lag is zero in every read model"
            if response is not None:
                text += f"; the response, {quantile} {response.text}"
        else:
            text = f"{printable(slowest)} is the slowest read model, {quantile} lag"
            text += f" {times[slowest].text}"
            if "p99" in summary.lag_s[slowest].too_few:
                text += " (too few events for p99)"
            if response is not None and response.value > times[slowest].value:
                text += f"; slower is the response, {quantile} {response.text}"
        if unserved:
            return Verdict("; ".join((*unserved, text)), "warning")
        return Verdict(f"keeps up: {text}", "good")
    text = "nothing to judge by: too little happened to measure a lag"
    return Verdict("; ".join((*unserved, text)), "warning")


def _never_lagged(summary: Summary) -> bool:
    """Whether every event was shown at the instant of its commit: then no read model is slowest."""
    samples = summary.lag_s.values()
    return all(one.n and not one.censored and one.max == 0.0 for one in samples)


def _quantiles(
    summary: Summary, replications: Replications | None, quantile: str
) -> Mapping[str, _Estimate]:
    """A quantile of the lag by read model, and of the response; as far as they are known.

    Of the response of what was served: a refusal is a quick answer, and no service.
    """
    samples = {**summary.lag_s, WRITE_SIDE: summary.served_response_s}
    if replications is None or len(replications.seeds) < 2:
        found = {name: getattr(sample, quantile) for name, sample in samples.items()}
        return {name: _Estimate(value) for name, value in found.items() if value is not None}
    intervals = {}
    for name in samples:
        group = "served_response_s" if name == WRITE_SIDE else f"lag_s.{name}"
        interval = replications.interval(f"{group}.{quantile}")
        if interval is not None and interval.mean is not None:
            count = len(replications.seeds)
            intervals[name] = _Estimate(interval.mean, interval.half_width, count)
    return intervals
