"""Thresholds: what a run must come to, such as `lag.orders.p99 < 50ms`, and the verdicts.

A threshold whose metric is withheld, too few or unknown fails, and says so: a limit that could not
be checked was not kept.
"""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TypeAlias, TypeVar

import attrs

from cqrs_sim.analysis.json_values import Json
from cqrs_sim.analysis.metrics import (
    EXAMPLES,
    KINDS,
    Metric,
    Unit,
    UnknownMetricError,
    Value,
    metric,
    parse_value,
)
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.scenario.wording import shown

Compare: TypeAlias = Callable[[float, float], bool]
Parsed = TypeVar("Parsed")

COMPARISONS: Mapping[str, Compare] = {
    "<=": operator.le,
    ">=": operator.ge,
    "==": operator.eq,
    "<": operator.lt,
    ">": operator.gt,
}
SHARE = "_share"
"""How the name of a share ends, which is at most 1. No metric of any kind is negative."""
OPEN = ("generator",)
"""Groups of a summary whose keys depend on what happens in a run: only it can tell whether there is
a number of such a name."""

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
    is_unknown: bool = False
    """Whether the summary has no such metric at all."""

    def to_json(self) -> Json:
        """As in `summary.json`."""
        return attrs.asdict(self, filter=lambda field, _: field.name != "is_unknown")


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
    mistake = _impossible(name, comparison, value.number)
    if mistake:
        raise ValueError(mistake)
    return Threshold(f"{name} {comparison} {limit}", name, comparison, value)


def _impossible(name: str, comparison: str, limit: float) -> str:
    """Why a limit makes no sense, whatever happens; empty if it does."""
    if limit < 0.0 or (limit == 0.0 and comparison == "<"):
        return "no metric is ever below 0"
    if name.endswith(SHARE) and (limit > 1.0 or (limit == 1.0 and comparison == ">")):
        return "a share is never above 100%"
    return ""


def parse_thresholds(
    texts: Sequence[str], template: Mapping[str, Json] | None = None, noun: str = "threshold"
) -> tuple[Threshold, ...]:
    """All thresholds of a run.

    Args:
        texts: one threshold each.
        template: the summary of a run of the same scenario in which nothing happened. With it
            names and units are checked as far as they can be before the run.
        noun: what each of them is called where it stands, for the message.

    Raises:
        InvalidScenarioError: one line a mistake.
    """
    return parse_each(noun, texts, partial(_parse_checked, template=template))


def _parse_checked(text: str, template: Mapping[str, Json] | None) -> Threshold:
    threshold = parse_threshold(text)
    if template is not None:
        found = known_before(template, threshold.name)
        mistake = "" if found is None else _wrong_unit(found, threshold.limit)
        if mistake:
            raise ValueError(mistake)
    return threshold


def parse_each(
    noun: str, texts: Sequence[str], parse: Callable[[str], Parsed]
) -> tuple[Parsed, ...]:
    """What is parsed from each text.

    Args:
        noun: what each of them is to be, for the message.
        texts: one each.
        parse: raises ValueError with a phrase that follows the text.

    Raises:
        InvalidScenarioError: one line a mistake.
    """
    parsed, mistakes = [], []
    for text in texts:
        try:
            parsed.append(parse(text))
        except ValueError as error:
            mistakes.append(f"{noun} {shown(text, 80)}: {error}")
    if mistakes:
        raise InvalidScenarioError(mistakes)
    return tuple(parsed)


def judge(
    thresholds: Sequence[Threshold],
    summary: Mapping[str, Json],
    why: Callable[[Metric], str] = operator.attrgetter("why"),
) -> tuple[Verdict, ...]:
    """The verdicts on a summary, in the order of the thresholds.

    Args:
        thresholds: the limits.
        summary: the content of `summary.json`, or means over replications in its shape.
        why: says why a metric of it is withheld.
    """
    return tuple(_verdict(threshold, summary, why) for threshold in thresholds)


def _verdict(
    threshold: Threshold, summary: Mapping[str, Json], why: Callable[[Metric], str]
) -> Verdict:
    try:
        found = metric(summary, threshold.name)
    except UnknownMetricError as error:
        return attrs.evolve(_failed(threshold, None, str(error)), is_unknown=True)
    wrong_unit = _wrong_unit(found, threshold.limit)
    if wrong_unit:
        return _failed(threshold, found, wrong_unit)
    if found.value is None:
        return _failed(threshold, found, why(found))
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
        if name.split(".")[0].strip() not in OPEN:
            raise
        return None


def _wrong_unit(found: Metric, limit: Value) -> str:
    if found.is_count and limit.is_share:
        return f"{found.name} is a count: write it as a plain number"
    if found.unit == limit.unit:
        return ""
    return f'{found.name} is {KINDS[found.unit]}: write it like "{EXAMPLES[found.unit]}"'
