"""Replications: the same scenario with fresh seeds, and what they say together.

A run gives one value a metric, and runs with other seeds are independent of each other: the only
values here that may be treated so. The interval is Student's t over the replications, x +- t(R - 1)
s / sqrt(R), where x and s are mean and standard deviation of the R values (Law, "Simulation
Modeling and Analysis", 5th ed. 2015, section 9.4.1). If a metric is withheld in any replication, it
has no interval: leaving that one out would flatter the others.
"""

import re
from collections.abc import Mapping, Sequence

import attrs

from cqrs_sim.analysis.findings import Findings, findings_from, findings_of
from cqrs_sim.analysis.intervals import (
    REPLICATIONS_NEEDED,
    Interval,
    is_narrow_enough,
    t_interval,
)
from cqrs_sim.analysis.json_values import Json
from cqrs_sim.analysis.metrics import Metric, UnknownMetricError, metric, metrics_of
from cqrs_sim.scenario.unit_text import share_of_percent

LEVEL = 0.95
LEAST = REPLICATIONS_NEEDED
"""Replications before a sequential rule may stop."""
MOST = 100
"""Replications at which a sequential rule gives up, unless told otherwise."""

HIGHEST = 1e18
"""No metric of any run is above it; none is negative. From here sums of squares stay finite."""

_LONGEST_REASON = 1000
_UNTIL = re.compile(r"\s*(\S+)\s+(?:±|\+-|\+/-)\s*([0-9.]+ ?%)\s*")


@attrs.frozen
class Until:
    """A rule to stop by: as many replications as it takes to know one metric well enough."""

    name: str
    """Of the metric."""
    relative: float
    """Half width of the interval over the mean, at most."""

    @property
    def expression(self) -> str:
        """As it may be written."""
        return f"{self.name} ±{self.relative * 100:g}%"


@attrs.frozen(kw_only=True)
class Replications:
    """The metrics of runs with the seeds first, first + 1, ..."""

    seeds: tuple[int, ...]
    values: Mapping[str, tuple[float | None, ...]]
    """By the metric's whole name, one value a seed; None where it is withheld."""
    is_complete: bool = True
    """False if fewer were run than asked for, because somebody ended them."""
    wanted: int | None = None
    """How many were asked for, with a rule at most; None if an older version did not write it."""
    until: Until | None = None
    is_narrow: bool | None = None
    """Whether the rule was met before the cap; None without a rule."""
    hopeless: str = ""
    """Why the rule never can be met, so that the cap was not waited for; else empty."""
    findings: Findings = attrs.field(factory=Findings)
    """What is wrong or remarkable in some of them."""
    reasons: Mapping[str, str] = attrs.field(factory=dict)
    """By the whole name of a metric that is withheld in some of them, why it is in the first."""
    summaries: tuple[Mapping[str, Json], ...] = attrs.field(default=(), eq=False)
    """One a seed; not kept by `to_json`."""

    @property
    def incorrect(self) -> tuple[int, ...]:
        """Seeds of the runs in which a check failed."""
        return self.findings.incorrect

    @property
    def invalid(self) -> tuple[int, ...]:
        """Seeds of the runs that are no valid measurement."""
        return self.findings.invalid

    def interval(self, name: str) -> Interval | None:
        """The t-interval of a metric by its whole name; None if any value is withheld, or alone.

        None too if no run had such a metric.
        """
        known = [value for value in self.values.get(name, ()) if value is not None]
        if len(known) < max(2, len(self.seeds)):
            return None
        return t_interval(known, LEVEL)

    def why_withheld(self, first: Metric) -> str:
        """In how many of them a metric has no value, and why in the first of these.

        Args:
            first: the metric, as it is in the first run.
        """
        values = self.values.get(first.whole_name, (None,) * len(self.seeds))
        missing = sum(value is None for value in values)
        why = first.why or self.reasons.get(first.whole_name, "")
        why = why.removeprefix("withheld: ")
        text = f"withheld in {missing} of {len(values)} replications"
        return f"{text}: {why}" if why else text

    def summary(self, first: Mapping[str, Json]) -> dict[str, Json]:
        """The first run's summary with every metric replaced by its mean over the replications.

        A metric that is withheld in any of them is None.
        """
        return {key: self._with_means(value, (key,)) for key, value in first.items()}

    def _with_means(self, value: Json, path: tuple[str, ...]) -> Json:
        if isinstance(value, Mapping):
            return {key: self._with_means(below, (*path, key)) for key, below in value.items()}
        values = self.values.get(".".join(path))
        if values is None:
            return value
        known = [one for one in values if one is not None]
        if len(known) < len(values):
            return None
        # Equal counts stay whole numbers, by which their unit is told.
        return value if all(one == value for one in known) else sum(known) / len(known)

    def to_json(self) -> dict[str, Json]:
        """As in `summary.json`."""
        return {
            "seeds": list(self.seeds),
            "n": len(self.seeds),
            "complete": self.is_complete,
            "wanted": self.wanted,
            "level": LEVEL,
            "method": "t over replications",
            "until": None
            if self.until is None
            else {
                "expression": self.until.expression,
                "is_narrow": self.is_narrow,
                "hopeless": self.hopeless,
            },
            **self.findings.to_json(),
            "metrics": {name: self._metric(name) for name in self.values},
        }

    def _metric(self, name: str) -> Json:
        interval = self.interval(name)
        why = {"why": self.reasons[name]} if name in self.reasons else {}
        return {
            **why,
            "mean": None if interval is None else interval.mean,
            "low": None if interval is None else interval.low,
            "high": None if interval is None else interval.high,
            "n": sum(value is not None for value in self.values[name]),
            "values": list(self.values[name]),
        }


def replicated(
    seeds: Sequence[int],
    summaries: Sequence[Mapping[str, Json]],
    *,
    is_complete: bool = True,
    wanted: int | None = None,
    until: Until | None = None,
    is_narrow: bool | None = None,
    hopeless: str = "",
) -> Replications:
    """The replications of some summaries, one a seed; the rest as in `Replications`."""
    found = [metrics_of(summary) for summary in summaries]
    names = dict.fromkeys(name for metrics in found for name in metrics)
    return Replications(
        seeds=tuple(seeds),
        values={name: tuple(metrics.get(name) for metrics in found) for name in names},
        is_complete=is_complete,
        wanted=wanted,
        until=until,
        is_narrow=is_narrow,
        hopeless=hopeless,
        findings=findings_of(seeds, summaries),
        reasons=_reasons(summaries, found),
        summaries=tuple(summaries),
    )


def _reasons(
    summaries: Sequence[Mapping[str, Json]], found: Sequence[Mapping[str, float | None]]
) -> dict[str, str]:
    """Why metrics are withheld that some runs have a value of, and the first is one of these."""
    reasons: dict[str, str] = {}
    for summary, metrics in zip(summaries[1:], found[1:], strict=True):
        for name, value in metrics.items():
            if value is None and name not in reasons and found[0].get(name) is not None:
                reasons[name] = metric(summary, name).why
    return reasons


def parse_until(text: str) -> Until:
    """The rule of a text such as "lag.orders.p99 ±5%"; "+-5%" is the same.

    Raises:
        ValueError: with a phrase that follows the text.
    """
    match = _UNTIL.fullmatch(text)
    if match is None:
        raise ValueError('must be a metric and a share: "lag.orders.p99 ±5%", or "+-5%"')
    relative = share_of_percent(match[2])
    if not 0.0 < relative < 1.0:
        raise ValueError("the share must lie between 0% and 100%")
    return Until(match[1], relative)


def is_known_well(until: Until, summaries: Sequence[Mapping[str, Json]]) -> bool:
    """Whether the rule is met, after so many replications as there are summaries."""
    found = [_value(summary, until.name) for summary in summaries]
    known = [value for value in found if value is not None]
    return len(known) == len(found) and is_narrow_enough(t_interval(known, LEVEL), until.relative)


def why_hopeless(until: Until, summary: Mapping[str, Json]) -> str:
    """Why a rule can never be met once a run came to this summary; empty if it can.

    A metric that is withheld in any of the replications has no interval, however many follow.
    """
    try:
        found = metric(summary, until.name)
    except UnknownMetricError:
        return "nothing of that name happened"
    return found.why


def _value(summary: Mapping[str, Json], name: str) -> float | None:
    try:
        return metric(summary, name).value
    except UnknownMetricError:
        return None


def replications_from(written: Json) -> Replications:
    """What `Replications.to_json` gave; intervals are computed anew.

    Raises:
        ValueError: if it is none.
    """
    if not isinstance(written, Mapping):
        raise ValueError("must be a table")
    metrics, seeds = written.get("metrics"), _whole_numbers(written, "seeds")
    if len(set(seeds)) != len(seeds):
        raise ValueError("a seed stands twice")
    if not isinstance(metrics, Mapping):
        raise ValueError("metrics must be a table")
    until = written.get("until")
    rule = until.get("expression") if isinstance(until, Mapping) else None
    is_narrow = until.get("is_narrow") if isinstance(until, Mapping) else None
    hopeless = until.get("hopeless") if isinstance(until, Mapping) else None
    wanted = written.get("wanted")
    return Replications(
        seeds=seeds,
        values={name: _values(name, one, len(seeds)) for name, one in metrics.items()},
        is_complete=written.get("complete") is True,
        wanted=wanted if isinstance(wanted, int) and _is_whole(wanted) else None,
        until=parse_until(rule) if isinstance(rule, str) else None,
        is_narrow=is_narrow if isinstance(is_narrow, bool) else None,
        hopeless=hopeless if isinstance(hopeless, str) else "",
        findings=findings_from(written, seeds),
        reasons={name: why for name, one in metrics.items() if (why := _why(name, one))},
    )


def _whole_numbers(written: Mapping[str, Json], key: str) -> tuple[int, ...]:
    numbers = written.get(key)
    if not isinstance(numbers, list) or not all(_is_whole(number) for number in numbers):
        raise ValueError(f"{key} must be a list of whole numbers")
    return tuple(numbers)


def _values(name: str, written: Json, count: int) -> tuple[float | None, ...]:
    values = written.get("values") if isinstance(written, Mapping) else None
    if not isinstance(values, list) or len(values) != count:
        raise ValueError(f"{name[:80]!r} must have a value a seed")
    for value in values:
        if not (value is None or isinstance(value, float) or _is_whole(value)):
            raise ValueError(f"{name[:80]!r} holds what is no number")
        if value is not None and not 0.0 <= value <= HIGHEST:
            raise ValueError(f"{name[:80]!r} must lie from 0 to {HIGHEST:g}")
    return tuple(None if value is None else float(value) for value in values)


def _why(name: str, written: Json) -> str:
    why = written.get("why", "") if isinstance(written, Mapping) else ""
    if not isinstance(why, str) or len(why) > _LONGEST_REASON:
        raise ValueError(
            f"why of {name[:80]!r} must be a text of at most {_LONGEST_REASON} letters"
        )
    return why


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**64
