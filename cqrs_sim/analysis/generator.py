"""Generator health: whether the load was made as planned, and what keeping to the plan took.

A load generator that falls behind measures itself. So its slip from the plan stands beside what it
measured, with what it achieved second by second, what precision cost on the wall clock, and the
pauses in which nothing ran at all. Whether a run is *invalid* for it is decided in one place,
`saturation.invalid_reasons`. Goals: figures from which a reader can judge a run. Non-goals:
correcting a measurement afterwards, which would be guessing.
"""

import math
from collections.abc import Mapping, Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.analysis.json_values import Json, plain
from cqrs_sim.analysis.lag import commands_after, queries_after, schedule_slip_s, seconds
from cqrs_sim.analysis.quantiles import SampleSummary, summarise_sample
from cqrs_sim.analysis.saturation import SLIP_LIMIT_S
from cqrs_sim.measurement.trace import Trace

GRACE = np.timedelta64(round(SLIP_LIMIT_S * 1e9), "ns")
SECOND_NS = 1_000_000_000


@attrs.frozen(kw_only=True)
class Second:
    """One second of a run: what the plan wanted sent in it, and what was."""

    at_s: float
    """Its start, from the start of the run."""
    offered: int
    """Commands and queries intended in it."""
    achieved_share: float
    """Share of them that were sent in time: by its end, or within 2 ms after it."""


@attrs.frozen(kw_only=True)
class Pacer:
    """How instants were kept on the wall clock, and at what price."""

    spin_share: float
    """Share of the run that its thread spent spinning, so as to wake at the right instant."""
    idle_share: float
    """Share of the run that it slept: what was left over."""
    lead_s: float
    """How early it woke in the end, since a thread wakes late."""


@attrs.frozen(kw_only=True)
class Pause:
    """A stretch in which nothing ran, neither load nor system."""

    at_s: float
    """When it began, from the start of the run."""
    length_s: float
    busy_s: float
    """How much of it, at most, was work of the run's own thread; the rest was the machine's."""


@attrs.frozen(kw_only=True)
class Hiccups:
    """What the ticker saw that was to tick every `period_s`, whatever the system did."""

    period_s: float
    ticks: int
    late: int
    """Ticks that came more than a period late."""
    lateness_s: float
    """How late these were, together."""
    worst: tuple[Pause, ...]
    """The longest pauses after the warm-up, longest first."""
    longest_s: float = attrs.field()
    """The longest of them; 0 if there were none."""

    @longest_s.default
    def _longest_s(self) -> float:
        return max((pause.length_s for pause in self.worst), default=0.0)


@attrs.frozen(kw_only=True)
class GeneratorHealth:
    """How well the load was made."""

    slip_s: SampleSummary
    """Submitted - intended of commands; censored: never submitted."""
    queries_slip_s: SampleSummary
    """The same of queries."""
    offered_per_s: float | None
    """Commands and queries that the plan wanted sent, per second of load; None without any time."""
    achieved_per_s: float | None
    """Of these, the ones that were sent before the load ended, or within 2 ms after."""
    achieved_share: float | None
    """Achieved over offered, over the whole load; None if nothing was offered."""
    worst_second: Second | None
    """The second in which the smallest share was sent in time; of several, the first."""
    pacer: Pacer | None
    """None on a virtual clock, which jumps to the right instant."""
    hiccups: Hiccups | None
    """None on a virtual clock."""

    def to_json(self) -> dict[str, Json]:
        """As in the file: plain values, no nan."""
        return {
            "slip_s": plain(self.slip_s),
            "queries_slip_s": plain(self.queries_slip_s),
            "rates_per_s": {"offered": self.offered_per_s, "achieved": self.achieved_per_s},
            "achieved_share": self.achieved_share,
            "worst_second": None if self.worst_second is None else plain(self.worst_second),
            "pacer": None if self.pacer is None else plain(self.pacer),
            "hiccups": None if self.hiccups is None else plain(self.hiccups),
        }


def generator_health(trace: Trace, *, after_ns: int = 0, host: Json = None) -> GeneratorHealth:
    """How well the load of a run was made.

    Args:
        trace: the run.
        after_ns: what was intended, or paused, before this instant is left out.
        host: how the wall clock's host kept time, as `engines.wall.host_to_json` gives it and as it
            stands in the provenance of a result; None on a virtual clock.
    """
    rows, asked = commands_after(trace, after_ns), queries_after(trace, after_ns)
    commands, queries = trace.commands, trace.queries
    intended = np.concatenate([commands.intended[rows], queries.intended[asked]])
    submitted = np.concatenate([commands.submitted[rows], queries.submitted[asked]])
    end = np.timedelta64(trace.load_ended_ns, "ns")
    # What is intended in the last instant may be sent as late as anything else.
    achieved = int(np.count_nonzero(submitted <= end + GRACE))
    window_s = max(trace.load_ended_ns - after_ns, 0) / 1e9
    return GeneratorHealth(
        slip_s=summarise_sample(schedule_slip_s(trace)[rows]),
        queries_slip_s=summarise_sample(seconds(queries.submitted - queries.intended)[asked]),
        offered_per_s=len(intended) / window_s if window_s else None,
        achieved_per_s=achieved / window_s if window_s else None,
        achieved_share=achieved / len(intended) if len(intended) else None,
        worst_second=_worst_second(intended, submitted),
        pacer=_pacer(host) if isinstance(host, Mapping) else None,
        hiccups=_hiccups(host, after_ns) if isinstance(host, Mapping) else None,
    )


def _worst_second(
    intended: NDArray[np.timedelta64], submitted: NDArray[np.timedelta64]
) -> Second | None:
    if not len(intended):
        return None
    second = intended.astype(np.int64) // SECOND_NS
    ends = ((second + 1) * SECOND_NS).astype("m8[ns]") + GRACE
    # Only seconds in which something was offered: else a run would begin in its warm-up.
    seconds_of_load, offered = np.unique(second, return_counts=True)
    in_time = np.searchsorted(seconds_of_load, second[submitted <= ends])
    share = np.bincount(in_time, minlength=len(offered)) / offered
    worst = int(np.argmin(share))
    return Second(
        at_s=float(seconds_of_load[worst]),
        offered=int(offered[worst]),
        achieved_share=float(share[worst]),
    )


# What a host wrote down, read with care: it may come from a file of anybody.


def _pacer(host: Mapping[str, Json]) -> Pacer | None:
    elapsed_s = _number(host, "elapsed_s")
    if elapsed_s <= 0.0:
        return None
    return Pacer(
        spin_share=_number(host, "spun_s") / elapsed_s,
        idle_share=_number(host, "waited_s") / elapsed_s,
        lead_s=_number(host, "lead_s"),
    )


def _hiccups(host: Mapping[str, Json], after_ns: int) -> Hiccups | None:
    noted = host.get("hiccups")
    if not isinstance(noted, Mapping):
        return None
    worst = noted.get("worst")
    listed = worst if isinstance(worst, Sequence) and not isinstance(worst, str) else ()
    pauses = [
        Pause(
            at_s=_number(pause, "at_s"),
            length_s=_number(pause, "length_s"),
            busy_s=_number(pause, "busy_s"),
        )
        for pause in listed
        if isinstance(pause, Mapping)
    ]
    return Hiccups(
        period_s=_number(noted, "period_s"),
        ticks=int(_number(noted, "ticks")),
        late=int(_number(noted, "late")),
        lateness_s=_number(noted, "late_s"),
        # A pause that reaches into the measured time counts.
        worst=tuple(pause for pause in pauses if pause.at_s + pause.length_s >= after_ns / 1e9),
    )


def _number(record: Mapping[str, Json], name: str) -> float:
    """A finite number of a record; 0.0 if there is none of that name."""
    value = record.get(name)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    return 0.0
