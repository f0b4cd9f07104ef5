"""Stage times: what each stage of a real run cost the thread that all of them share.

Every gap of the `Timeline` goes to the stage that ended with it; what belongs to no stage goes to
the ones that cannot do without it:

- *send*: the load generator and the gateway, up to the order's mailbox. The stamp `submitted` is
  made in the middle of it. What follows the stamp is told from the turn of the order actor by
  comparison: a command that is dequeued right after one was sent waited for the rest of its own
  sending, one that is dequeued after another was answered did not.
- *write*: from there to the commit, `decide` and the append, with the dispatcher's share.
- *reply*: from the commit to the acknowledgement.
- *read models*: taking and applying, for each event; the checkpoint, for each batch.
- *queries*: from sending to the answer, without what sending costs any operation; by kind.
- *settle*: from the last stamp of a turn until the host waits. It has no stamp: it is what is left
  of all idle gaps once the host's own account of its waiting is taken off, and the waking.
- *wake*: from the instant at which an operation was intended to that at which it was sent, where
  the host was waiting. It is in *send*, since a response counts from the intended instant.

Nothing is set aside: means are of all gaps, so that stages, waiting, settling and waking sum to the
run. A long gap is mostly real work (all delivered orders in one answer); against those that are the
machine's doing stands the median over several runs (`over_runs`). Nothing here is fitted to a
response or a lag.
"""

import math
from collections.abc import Mapping, Sequence

import attrs
import numpy as np

from cqrs_sim.calibration.timeline import (
    ACKNOWLEDGED,
    ASKED,
    COMMITTED,
    DEQUEUED,
    SENT,
    Instants,
    Timeline,
    answered,
    applied,
    checkpointed,
    taken,
    timeline_of,
)
from cqrs_sim.measurement.trace import Trace

FREE_NS = 20_000
"""An operation intended so long after the last stamp found the host waiting."""

LEAST_S = 1e-9
"""No stage is said to take less."""

FEWEST = 30
"""Gaps of each sort that the comparison behind *send* wants."""


@attrs.frozen(kw_only=True)
class StageTime:
    """What one stage cost each time, in one run or over several."""

    mean_s: float
    """0 if it never ran."""
    median_s: float
    cv: float
    """Coefficient of variation: standard deviation / mean; 0 if it never ran."""
    n: int


@attrs.frozen(kw_only=True)
class Stages:
    """What every stage cost in one run; names as in `names_of`."""

    times: Mapping[str, StageTime]
    busy_s: float
    """Time of the thread in stages."""
    idle_s: float
    """Time that the host says it waited, or spun."""
    elapsed_s: float
    """All of the run: stages, waiting, and what has no stamp (settling, waking)."""


SEND, WRITE, REPLY, SETTLE, WAKE = "send", "write", "reply", "settle", "wake"


def read_model(name: str) -> str:
    """Name of the stage of a projector that takes and applies an event."""
    return f"read model {name}"


def checkpoint(name: str) -> str:
    """Name of the stage of a projector that stores a checkpoint."""
    return f"checkpoint {name}"


def query(kind: str) -> str:
    """Name of the stage that answers a kind of query."""
    return f"query {kind}"


def stages_of(trace: Trace, waited_s: float) -> Stages:
    """What every stage of a run cost.

    Args:
        trace: of an open load, or a replay: its operations have intended instants.
        waited_s: how long the host waited, asleep or spinning.
    """
    line = timeline_of(trace)
    wake = _wake_ns(line, SENT)
    send_ns, rest_ns = _send_ns(line)
    times = {
        SEND: _constant(send_ns, int(line.of(SENT).sum())),
        WRITE: _write(line, rest_ns),
        REPLY: _per(line, ACKNOWLEDGED, int(line.of(COMMITTED).sum())),
        SETTLE: _constant(_settle_ns(line, waited_s * 1e9, wake), int(line.is_after_idling.sum())),
        WAKE: _constant(wake, int(line.of(SENT).sum())),
    }
    for name in trace.read_models:
        times[read_model(name)] = _apply(line, name)
        times[checkpoint(name)] = _time(line.gap_ns[line.of(checkpointed(name))])
    asked_ns = _start_ns(line, ASKED)
    for kind in trace.query_kinds:
        times[query(kind)] = _later(_after_sending(line, answered(kind)), asked_ns - send_ns)
    is_busy = ~line.is_after_idling
    return Stages(
        times=times,
        busy_s=float(line.gap_ns[is_busy].sum()) / 1e9,
        idle_s=waited_s,
        elapsed_s=trace.ended_ns / 1e9,
    )


def over_runs(runs: Sequence[Stages]) -> dict[str, StageTime]:
    """The stages over several runs: the median run's mean, median and spread, the sum of counts."""
    found = {}
    for name in dict.fromkeys(name for run in runs for name in run.times):
        times = [run.times[name] for run in runs if name in run.times and run.times[name].n]
        if times:
            found[name] = StageTime(
                mean_s=float(np.median([time.mean_s for time in times])),
                median_s=float(np.median([time.median_s for time in times])),
                cv=float(np.median([time.cv for time in times])),
                n=sum(time.n for time in times),
            )
    return found


def _wake_ns(line: Timeline, name: str) -> float:
    waited = line.of(name) & line.is_after_idling & (line.free_ns > FREE_NS)
    return float(np.median(line.slip_ns[waited])) if waited.any() else 0.0


def _start_ns(line: Timeline, name: str) -> float:
    """Per operation, what comes before its stamp; waking, where the host waited.

    What comes between two stamps of sending holds the rest of the first as well, and is left out.
    """
    rows = line.of(name)
    busy = line.gap_ns[rows & ~line.is_after_idling & ~line.follows_sending]
    count, idle = int(rows.sum()), int((rows & line.is_after_idling).sum())
    if not count:
        return 0.0
    mean = float(busy.mean()) if len(busy) else 0.0
    return (mean * (count - idle) + _wake_ns(line, name) * idle) / count


def _send_ns(line: Timeline) -> tuple[float, float]:
    """What sending a command costs, and how much of that comes after its stamp."""
    dequeued, follows = line.of(DEQUEUED), line.follows_sending
    own = line.gap_ns[dequeued & follows]
    others = line.gap_ns[dequeued & ~follows]
    rest = 0.0
    if min(len(own), len(others)) >= FEWEST:
        rest = max(0.0, float(own.mean() - others.mean()))
    return _start_ns(line, SENT) + rest, rest


def _write(line: Timeline, rest_ns: float) -> StageTime:
    """Dequeued and committed, without the rest of sending; a rejected command has no commit."""
    dequeued = _after_sending(line, DEQUEUED)
    committed = _time(line.gap_ns[line.of(COMMITTED)])
    if not dequeued.n:
        return dequeued
    share = committed.n / int(line.of(DEQUEUED).sum())
    mean_s = dequeued.mean_s + share * committed.mean_s
    # The two vary on their own, so their variances add.
    deviation_s = math.hypot(dequeued.cv * dequeued.mean_s, committed.cv * committed.mean_s)
    total = StageTime(
        mean_s=mean_s,
        median_s=dequeued.median_s + committed.median_s,
        cv=deviation_s / mean_s if mean_s else 0.0,
        n=dequeued.n,
    )
    return _later(total, -rest_ns)


def _after_sending(line: Timeline, name: str) -> StageTime:
    """The gaps of a name that begin with a sending, if there are enough: these hold its rest."""
    rows = line.of(name)
    following = rows & line.follows_sending
    return _time(line.gap_ns[following if following.sum() >= FEWEST else rows])


def _apply(line: Timeline, name: str) -> StageTime:
    apply, take = (
        _time(line.gap_ns[line.of(applied(name))]),
        _time(line.gap_ns[line.of(taken(name))]),
    )
    # Taking is once a batch, and a part of its events' time.
    return _later(apply, take.mean_s * 1e9 * take.n / apply.n) if apply.n else apply


def _later(time: StageTime, more_ns: float) -> StageTime:
    """The same with a constant added, and above 0 as it was."""
    if not time.n or not more_ns:
        return time
    mean_s = max(time.mean_s + more_ns / 1e9, LEAST_S)
    return attrs.evolve(
        time,
        mean_s=mean_s,
        median_s=max(time.median_s + more_ns / 1e9, LEAST_S),
        cv=time.cv * time.mean_s / mean_s,
    )


def _per(line: Timeline, name: str, count: int) -> StageTime:
    """Gaps of one name, per something that there are fewer of."""
    time = _time(line.gap_ns[line.of(name)])
    return attrs.evolve(time, n=min(time.n, count))


def _settle_ns(line: Timeline, waited_ns: float, wake: float) -> float:
    count = int(line.is_after_idling.sum())
    return max(0.0, (line.idle_ns - waited_ns) / count - wake) if count else 0.0


def _time(gaps: Instants) -> StageTime:
    if not len(gaps):
        return StageTime(mean_s=0.0, median_s=0.0, cv=0.0, n=0)
    mean = float(gaps.mean())
    return StageTime(
        mean_s=mean / 1e9,
        median_s=float(np.median(gaps)) / 1e9,
        cv=float(gaps.std()) / mean if mean else 0.0,
        n=len(gaps),
    )


def _constant(duration_ns: float, count: int) -> StageTime:
    return StageTime(mean_s=duration_ns / 1e9, median_s=duration_ns / 1e9, cv=0.0, n=count)
