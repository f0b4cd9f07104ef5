"""Thresholds: what a run must come to, such as `lag.orders.p99 < 50ms`, and the verdicts.

A threshold whose metric is withheld, too few or unknown fails, and says so: a limit that could not
be checked was not kept.
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import attrs

from cqrs_sim.analysis.json_values import Json
from cqrs_sim.analysis.metrics import (
    EXAMPLES,
    Metric,
    Unit,
    UnknownMetricError,
    Value,
    metric,
    parse_value,
    without_unit,
)
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.scenario.wording import shown

Compare: TypeAlias = Callable[[float, float], bool]

COMPARISONS: Mapping[str, Compare] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
}
FIXED = frozenset(
    (
        *("lag_s", "visibility_s", "response_s", "queries_s", "rates_per_s"),
        *("commands", "queries", "own_writes"),
    )
)
"""Groups of a summary whose keys are the same whatever happens in a run: a name in one of them can
be checked before the run."""

_EXPRESSION = re.compile(r"\s*([^<>=!]+?)\s*(<=|>=|==|<|>)\s*([^<>=!]+?)\s*")
_LONGEST = 300


@attrs.frozen
class Threshold:
    """One limit."""

    expression: str
    """As it was written, with single spaces."""
    name: str
    """Of the metric."""
    comparison: str
    limit: Value


@attrs.frozen(kw_only=True)
class Verdict:
    """What became of one threshold."""

    expression: str
    value: float | None
    """In seconds, per second, or a plain number; None if it is withheld."""
    unit: Unit
    ok: bool
    reason: str
    """Why it failed although no value is beyond the limit; else empty."""

    def to_json(self) -> Json:
        """As in `summary.json`."""
        return attrs.asdict(self)


def parse_threshold(text: str) -> Threshold:
    """The threshold of a text such as `lag.orders.p99 < 50ms`.

    Raises:
        ValueError: with a phrase that follows the text.
    """
    match = _EXPRESSION.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        raise ValueError('must be a metric, <, <=, >, >= or ==, and a value: "lag.orders.p99 < 5s"')
    name, comparison, limit = match.groups()
    try:
        value = parse_value(limit)
    except ValueError as error:
        raise ValueError(f"{shown(limit)}: {error}") from None
    return Threshold(f"{name} {comparison} {limit}", name, comparison, value)


def parse_thresholds(
    texts: Sequence[str], template: Mapping[str, Json] | None = None
) -> tuple[Threshold, ...]:
    """All thresholds of a run.

    Args:
        texts: one threshold each.
        template: the summary of a run of the same scenario in which nothing happened. With it
            names and units are checked as far as they can be before the run.

    Raises:
        InvalidScenarioError: one line a mistake.
    """
    thresholds, mistakes = [], []
    for text in texts:
        try:
            threshold = parse_threshold(text)
            if template is not None:
                found = known_before(template, threshold.name)
                wrong_unit = "" if found is None else _wrong_unit(found, threshold.limit)
                if wrong_unit:
                    raise ValueError(wrong_unit)
        except ValueError as error:
            mistakes.append(f"threshold {shown(text, 80)}: {error}")
        else:
            thresholds.append(threshold)
    if mistakes:
        raise InvalidScenarioError(mistakes)
    return tuple(thresholds)


def judge(thresholds: Sequence[Threshold], summary: Mapping[str, Json]) -> tuple[Verdict, ...]:
    """The verdicts on a summary, in the order of the thresholds."""
    return tuple(_verdict(threshold, summary) for threshold in thresholds)


def _verdict(threshold: Threshold, summary: Mapping[str, Json]) -> Verdict:
    try:
        found = metric(summary, threshold.name)
    except UnknownMetricError as error:
        return _failed(threshold, None, str(error))
    wrong_unit = _wrong_unit(found, threshold.limit)
    if wrong_unit:
        return _failed(threshold, found, wrong_unit)
    if found.value is None:
        return _failed(threshold, found, found.why)
    ok = COMPARISONS[threshold.comparison](found.value, threshold.limit.number)
    return Verdict(
        expression=threshold.expression, value=found.value, unit=found.unit, ok=ok, reason=""
    )


def _failed(threshold: Threshold, found: Metric | None, reason: str) -> Verdict:
    return Verdict(
        expression=threshold.expression,
        value=None if found is None else found.value,
        unit=threshold.limit.unit if found is None else found.unit,
        ok=False,
        reason=reason,
    )


def known_before(template: Mapping[str, Json], name: str) -> Metric | None:
    """The metric of a name before the run; None if only the run can show whether there is one.

    Args:
        template: the summary of a run of the same scenario in which nothing happened.
        name: as for `metric`.

    Raises:
        UnknownMetricError: if there will be none; it lists the nearest names.
    """
    try:
        return metric(template, name)
    except UnknownMetricError:
        head = name.split(".")[0]
        # Other groups get their keys from what happens: kinds of queries, stages seen at work.
        meant = [key for key in template if head in (key, without_unit(key))]
        if not meant or not FIXED.isdisjoint(meant):
            raise
        return None


def _wrong_unit(found: Metric, limit: Value) -> str:
    if found.unit == limit.unit:
        return ""
    kind = {"s": "a duration", "per_s": "a rate", "number": "a number"}[found.unit]
    return f'{found.name} is {kind}: write it like "{EXAMPLES[found.unit]}"'
