"""The answer: the highest rate that holds, what limits it, and how it was found."""

import math
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import attrs

from cqrs_sim.analysis.intervals import Interval
from cqrs_sim.analysis.json_values import Json, plain
from cqrs_sim.highest_rate.limits import Limit
from cqrs_sim.highest_rate.probes import Computed, Probe
from cqrs_sim.highest_rate.roots import Kind
from cqrs_sim.highest_rate.turned_away import TurnedAway
from cqrs_sim.scenario.scenario import Scenario

SCHEMA = 1
Purpose: TypeAlias = Literal["search", "faster", "curve"]
"""What a probe was for: the answer, what a faster stage would bring, or the figure."""


@attrs.frozen(kw_only=True)
class LimitingStage:
    """The stage that keeps the rate from being higher.

    The one whose time the limited metric is (a read model of its lag, the write side of responses);
    where saturation is the limit, the busiest one.
    """

    stage: str
    utilisation: float
    """Its offered load at the answer: mean over the replications."""
    saturates_at_per_s: float
    """The rate of the load at which it has no time to spare."""


@attrs.frozen(kw_only=True)
class Faster:
    """What a shorter service time would buy."""

    stage: str
    key: str
    """Of the scenario: what was shortened."""
    factor: float
    """To which share of what it was."""
    more_per_s: Interval
    """Paired difference over the seeds: the same draws, so far more precise than either rate."""


@attrs.frozen(kw_only=True)
class Confirmation:
    """What fresh seeds on the virtual engine came to, at both ends of the interval."""

    seeds: tuple[int, ...]
    rates_per_s: tuple[float, float]
    """Low and high."""
    values: tuple[tuple[float, ...], tuple[float, ...]]
    """The limited metric, one a seed; inf where saturated."""
    intervals: tuple[Interval | None, Interval | None]
    """Of its mean; None where a seed has no number."""
    is_confirmed: bool
    """Whether the limit lies between what the two ends came to."""
    differ: tuple[int, ...]
    """Seeds with which algebra and virtual engine did not come to the same number."""


@attrs.frozen(kw_only=True)
class Capacity:
    """The highest rate that a scenario holds."""

    scenario: Scenario
    limits: tuple[Limit, ...]
    engine: Computed
    seed: int
    kind: Kind
    """What most seeds met: the limit, or saturation; `none`: no rate keeps the limit."""
    binding: str
    """The limit that is met first, as it was written."""
    rates_per_s: tuple[float, ...]
    """One a seed; of a seed with which no rate holds, the lowest that was probed."""
    interval: Interval
    """Of the mean rate: Student's t over the seeds; without a value if no rate holds."""
    precision: float
    """Half width that was asked for, as a share of the rate."""
    is_precise: bool
    is_complete: bool
    """False if it was interrupted: then what is there is what was finished."""
    limiting: LimitingStage | None
    """None, too, where the metric is the time of no one stage that works."""
    loads: Mapping[str, float]
    """Offered load by stage at the answer."""
    broken: Probe | None = None
    """Of the first seed with which no rate holds: the lowest that was probed with it."""
    turned_away: tuple[TurnedAway, ...] = ()
    """What was not served at the answer in a remarkable share: the mean over the seeds."""
    faster: Faster | None = None
    """Of the limiting stage; of the busiest one if there is none and it makes a difference."""
    confirmation: Confirmation | None = None
    probes: tuple[tuple[Purpose, Probe], ...] = ()
    """All of them, in the order of the seeds."""

    @property
    def rate_per_s(self) -> float | None:
        """The answer; None if no rate holds, or none was found before an interruption."""
        return None if self.kind == "none" else self.interval.mean

    @property
    def busiest(self) -> str:
        """The stage that saturates first, whether or not it limits the metric."""
        return max(self.loads, key=lambda stage: self.loads[stage])

    @property
    def saturates_at_per_s(self) -> float:
        """The rate at which it does; inf if there is no answer."""
        rate, load = self.rate_per_s, self.loads[self.busiest]
        return math.inf if rate is None or not load else rate / load

    @property
    def index(self) -> int:
        """Which of the limits is met first."""
        return [limit.expression for limit in self.limits].index(self.binding)

    def to_json(self) -> dict[str, Json]:
        """The content of `capacity.json`."""
        limiting, faster = self.limiting, self.faster
        return {
            "schema": SCHEMA,
            "scenario": self.scenario.name,
            "engine": self.engine,
            "seed": self.seed,
            "slo": [limit.expression for limit in self.limits],
            "binding": self.binding,
            "kind": self.kind,
            "complete": self.is_complete,
            "rate_per_s": self.rate_per_s,
            "interval": None if self.rate_per_s is None else plain(self.interval),
            "precision": self.precision,
            "precise": self.is_precise,
            "rates_per_s": list(self.rates_per_s),
            "broken_by": None if self.broken is None else self._broken_json(self.broken),
            "unserved": [plain(one) for one in self.turned_away],
            "offered_load": dict(self.loads),
            "busiest_stage": self.busiest,
            "saturates_at_per_s": finite(self.saturates_at_per_s),
            "limiting_stage": None if limiting is None else plain(limiting),
            "faster": None if faster is None else plain(faster),
            "confirmation": _confirmation_json(self.confirmation),
            "probes": sum(purpose == "search" for purpose, _ in self.probes),
        }

    def _broken_json(self, broken: Probe) -> Json:
        return {
            "seed": broken.seed,
            "rate_per_s": broken.rate_per_s,
            "value": finite(broken.values[self.index]),
        }


def _confirmation_json(found: Confirmation | None) -> Json:
    if found is None:
        return None
    ends = zip(found.rates_per_s, found.values, found.intervals, strict=True)
    return {
        "engine": "virtual",
        "seeds": list(found.seeds),
        "confirmed": found.is_confirmed,
        "differ": list(found.differ),
        "ends": [
            {
                "rate_per_s": rate,
                "values": [finite(value) for value in values],
                "interval": None if interval is None else plain(interval),
            }
            for rate, values, interval in ends
        ],
    }


def finite(value: float) -> float | None:
    """A number, or None where it is inf or nan: JSON has neither."""
    return value if math.isfinite(value) else None


def mean_loads(loads: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """By stage, over the seeds."""
    return {stage: math.fsum(one[stage] for one in loads) / len(loads) for stage in loads[0]}
