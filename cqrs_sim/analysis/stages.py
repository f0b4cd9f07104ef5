"""Stages: where the time goes on the way from command to read model, and what waits there."""

from collections.abc import Mapping

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.analysis.lag import commands_after, enrichments_of, events_after, lag_parts
from cqrs_sim.analysis.rates import Stay, in_mailbox, in_read_model, inside, ns_or
from cqrs_sim.analysis.saturation import WRITE_SIDE
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.probe import Outcome

ENRICHMENT = "enrichment"
"""The stage of projectors that ask another system, and of no others."""


@attrs.frozen(kw_only=True)
class MeanStages:
    """Arithmetic means over the rows that passed every stage, so that the parts sum to `whole`."""

    parts: Mapping[str, float | None]
    """Seconds, in the order of the stages; None if no row passed them all, or if withheld."""
    whole_name: str
    """`response`, `lag` or `path`."""
    whole: float | None
    n: int
    """How many rows passed them all."""

    def without(self, *parts: str) -> "MeanStages":
        """The same without some parts, hence without their sum; what is left of them stays."""
        left = {name: None if name in parts else mean for name, mean in self.parts.items()}
        return attrs.evolve(self, parts=left, whole=None)

    def to_json(self) -> dict[str, float | int | None]:
        """As in the file."""
        return {**self.parts, self.whole_name: self.whole, "n": self.n}


@attrs.frozen(kw_only=True)
class StageBacklog:
    """What waited at one stage, from the end of the warm-up on."""

    max: int
    """Most that waited at any instant."""
    mean: float | None
    """Average over the rest of the load period; None if that is empty."""
    at_load_end: int
    """How many waited when the load ended."""
    at_end: int
    """How many waited when the run ended: these are censored."""
    age_max_s: float
    """Longest that the oldest of them had waited at any instant, in seconds."""


def write_stages_s(trace: Trace, *, after_ns: int = 0) -> MeanStages:
    """Where accepted commands spent their response time, on average."""
    rows = commands_after(trace, after_ns) & (trace.commands.outcome == Outcome.ACCEPTED)
    commands = trace.commands
    parts = {
        "slip": commands.submitted - commands.intended,
        "queueing": commands.dequeued - commands.submitted,
        "service": commands.committed - commands.dequeued,
        "reply": commands.acknowledged - commands.committed,
    }
    return _mean_stages({name: part[rows] for name, part in parts.items()}, "response")


def read_stages_s(trace: Trace, read_model: str, *, after_ns: int = 0) -> MeanStages:
    """Where events spent their consistency lag, on average."""
    rows = events_after(trace, after_ns)
    parts = _lag_parts(trace, read_model)
    return _mean_stages({name: part[rows] for name, part in parts.items()}, "lag")


def path_stages_s(trace: Trace, read_model: str, *, after_ns: int = 0) -> MeanStages:
    """Where events spent the time from their command's mailbox to the read model, on average."""
    rows = events_after(trace, after_ns)
    command = trace.events.command
    path = {
        "queueing": (trace.commands.dequeued - trace.commands.submitted)[command],
        "service": (trace.commands.committed - trace.commands.dequeued)[command],
        **_lag_parts(trace, read_model),
    }
    return _mean_stages({name: part[rows] for name, part in path.items()}, "path")


def _lag_parts(trace: Trace, read_model: str) -> dict[str, NDArray[np.timedelta64]]:
    """By stage; enrichment is one of those projectors alone that asked another system."""
    parts = lag_parts(trace, read_model)
    asks = len(enrichments_of(trace, read_model)) > 0
    return {
        "fan_out": parts.fan_out,
        "channel": parts.channel,
        **({ENRICHMENT: parts.enrichment} if asks else {}),
        "apply": parts.apply,
    }


def _mean_stages(parts: Mapping[str, NDArray[np.timedelta64]], whole_name: str) -> MeanStages:
    """Means over one common set of rows, from exact integer totals."""
    passed = np.all([~np.isnat(part) for part in parts.values()], axis=0)
    count = int(np.count_nonzero(passed))
    totals = {name: int(part[passed].astype(np.int64).sum()) for name, part in parts.items()}
    return MeanStages(
        parts={name: _mean_s(total, count) for name, total in totals.items()},
        whole_name=whole_name,
        whole=_mean_s(sum(totals.values()), count),
        n=count,
    )


def _mean_s(total_ns: int, count: int) -> float | None:
    return total_ns / count / 1e9 if count else None


def stage_backlogs(trace: Trace, *, after_ns: int = 0) -> Mapping[str, StageBacklog]:
    """What waited at every stage: the write side first, then the read models in trace order."""
    stays = {WRITE_SIDE: in_mailbox(trace)}
    stays.update({name: in_read_model(trace, name) for name in trace.read_models})
    return {stage: _stage_backlog(trace, stay, after_ns) for stage, stay in stays.items()}


def _stage_backlog(trace: Trace, stay: Stay, after_ns: int) -> StageBacklog:
    came = ~np.isnat(stay.entered)
    entered = stay.entered[came].astype(np.int64)
    left = ns_or(stay.left[came], trace.ended_ns)
    # It only rises when something comes, so its maximum is at one of these.
    rises = np.append(entered[entered >= after_ns], after_ns)
    # All of them leave late enough to be seen waiting after the warm-up.
    waited = left > after_ns
    start, end = after_ns, trace.load_ended_ns
    inside_ns = np.minimum(left, end) - np.maximum(entered, start)
    ends = inside(stay, np.array([end, trace.ended_ns]))
    return StageBacklog(
        max=int(inside(stay, rises).max()),
        mean=int(np.maximum(inside_ns, 0).sum()) / (end - start) if end > start else None,
        at_load_end=int(ends[0]),
        at_end=int(ends[1]),
        age_max_s=int((left - entered)[waited].max(initial=0)) / 1e9,
    )
