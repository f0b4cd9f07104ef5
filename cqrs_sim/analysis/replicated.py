"""Replications: the same scenario with fresh seeds, and what they say together.

A run gives one value a metric, and runs with other seeds are independent of each other: the only
values here that may be treated so. The interval is Student's t over the replications, x +- t(R - 1)
s / sqrt(R), where x and s are mean and standard deviation of the R values (Law, "Simulation
Modeling and Analysis", 5th ed. 2015, section 9.4.1). If a metric is withheld in any replication, it
has no interval: leaving that one out would flatter the others.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence

import attrs

from cqrs_sim.analysis.intervals import (
    REPLICATIONS_NEEDED,
    Interval,
    is_narrow_enough,
    t_interval,
)
from cqrs_sim.analysis.json_values import Json
from cqrs_sim.analysis.metrics import UnknownMetricError, metric, metrics_of
from cqrs_sim.scenario.unit_text import share_of_percent

LEVEL = 0.95
LEAST = REPLICATIONS_NEEDED
"""Replications before a sequential rule may stop."""
MOST = 100
"""Replications at which a sequential rule gives up, unless told otherwise."""

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
    """False if fewer were run than asked for, because somebody or a threshold ended them."""
    until: Until | None = None
    is_narrow: bool | None = None
    """Whether the rule was met before the cap; None without a rule."""
    incorrect: tuple[int, ...] = ()
    """Seeds of the runs in which a check failed."""
    invalid: tuple[int, ...] = ()
    """Seeds of the runs that are no valid measurement."""
    summaries: tuple[Mapping[str, Json], ...] = attrs.field(default=(), eq=False)
    """One a seed; not kept by `to_json`."""

    def interval(self, name: str) -> Interval | None:
        """The t-interval of a metric by its whole name; None if any value is withheld, or alone."""
        known = [value for value in self.values[name] if value is not None]
        if len(known) < max(2, len(self.seeds)):
            return None
        return t_interval(known, LEVEL)

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
            "level": LEVEL,
            "method": "t over replications",
            "until": None
            if self.until is None
            else {"expression": self.until.expression, "is_narrow": self.is_narrow},
            "incorrect": list(self.incorrect),
            "invalid": list(self.invalid),
            "metrics": {name: self._metric(name) for name in self.values},
        }

    def _metric(self, name: str) -> Json:
        interval = self.interval(name)
        return {
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
    until: Until | None = None,
    is_narrow: bool | None = None,
) -> Replications:
    """The replications of some summaries, one a seed."""
    found = [metrics_of(summary) for summary in summaries]
    names = dict.fromkeys(name for metrics in found for name in metrics)
    return Replications(
        seeds=tuple(seeds),
        values={name: tuple(metrics.get(name) for metrics in found) for name in names},
        is_complete=is_complete,
        until=until,
        is_narrow=is_narrow,
        incorrect=_seeds_where(seeds, summaries, lambda summary: not _is_correct(summary)),
        invalid=_seeds_where(seeds, summaries, lambda summary: bool(summary.get("invalid"))),
        summaries=tuple(summaries),
    )


def _seeds_where(
    seeds: Sequence[int],
    summaries: Sequence[Mapping[str, Json]],
    holds: Callable[[Mapping[str, Json]], bool],
) -> tuple[int, ...]:
    pairs = zip(seeds, summaries, strict=True)
    return tuple(seed for seed, summary in pairs if holds(summary))


def _is_correct(summary: Mapping[str, Json]) -> bool:
    checks = summary.get("checks", {})
    assert isinstance(checks, Mapping)
    return all(isinstance(check, Mapping) and check.get("ok") for check in checks.values())


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


def is_known_well(until: Until, summaries: Iterable[Mapping[str, Json]]) -> bool:
    """Whether the rule is met, after so many replications as there are summaries.

    A metric that is withheld in any of them, or that one of them lacks, is not known at all.
    """
    found = [_value(summary, until.name) for summary in summaries]
    known = [value for value in found if value is not None]
    return len(known) == len(found) and is_narrow_enough(t_interval(known, LEVEL), until.relative)


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
    return Replications(
        seeds=seeds,
        values={name: _values(name, one, len(seeds)) for name, one in metrics.items()},
        is_complete=written.get("complete") is True,
        until=parse_until(rule) if isinstance(rule, str) else None,
        is_narrow=is_narrow if isinstance(is_narrow, bool) else None,
        incorrect=_whole_numbers(written, "incorrect"),
        invalid=_whole_numbers(written, "invalid"),
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
        if value is not None and not math.isfinite(value):
            raise ValueError(f"{name[:80]!r} holds what is not finite")
    return tuple(None if value is None else float(value) for value in values)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**64
