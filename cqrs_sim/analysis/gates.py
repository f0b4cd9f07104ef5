"""Gates: how far a metric may move from A to B, such as `lag.orders.p99 +5%`.

A gate with a plus limits growth, one with a minus limits shrinking (a rate should not fall). It
fails when the change is *significantly* beyond its margin: when the whole 95 % interval of the
change lies beyond it. Where there is no interval it fails when the change itself does. Where the
metric is withheld on either side it fails, since nothing was shown. So noise alone fails a gate at
zero in one of forty comparisons, and one with a margin less often; but a gate that passes on a wide
interval has shown little: `reaches` tells how far the change may go.
"""

import re
from collections.abc import Sequence

import attrs

from cqrs_sim.analysis.comparison import Effect, Range
from cqrs_sim.analysis.json_values import Json
from cqrs_sim.analysis.metrics import EXAMPLES, parse_value
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.scenario.wording import shown

_GATE = re.compile(r"\s*(\S+)\s+([+-])\s*(\S(?:.*\S)?)\s*")
_LONGEST = 300


@attrs.frozen
class Gate:
    """One margin."""

    expression: str
    name: str
    """Of the metric."""
    is_growth: bool
    """Whether it limits growth, not shrinking."""
    margin: float
    is_relative: bool
    """Whether the margin is a share of A; else it is in the metric's unit."""
    unit: str


@attrs.frozen(kw_only=True)
class GateVerdict:
    """What became of one gate."""

    expression: str
    ok: bool
    change: float | None
    """Relative, or in the metric's unit, as the margin is."""
    low: float | None
    high: float | None
    """Of its 95 % interval; None where there is none."""
    reason: str
    """Why it failed, or how far the change may still reach."""

    def to_json(self) -> Json:
        """As in `comparison.json`."""
        return attrs.asdict(self)


def parse_gates(texts: Sequence[str]) -> tuple[Gate, ...]:
    """The gates of some texts.

    Raises:
        InvalidScenarioError: one line a mistake.
    """
    gates, mistakes = [], []
    for text in texts:
        try:
            gates.append(parse_gate(text))
        except ValueError as error:
            mistakes.append(f"gate {shown(text, 80)}: {error}")
    if mistakes:
        raise InvalidScenarioError(mistakes)
    return tuple(gates)


def parse_gate(text: str) -> Gate:
    """The gate of a text such as "lag.orders.p99 +5%", "rates.accepted -2%" or "lag.x.p50 +2ms".

    Raises:
        ValueError: with a phrase that follows the text.
    """
    match = _GATE.fullmatch(text) if len(text) <= _LONGEST else None
    if match is None:
        raise ValueError('must be a metric, + or -, and a margin: "lag.orders.p99 +5%"')
    name, sign, margin = match.groups()
    value = parse_value(margin)
    if value.number < 0.0:
        raise ValueError("the margin must not be negative")
    is_relative = margin.endswith("%")
    expression = f"{name} {sign}{margin}"
    unit = "relative" if is_relative else value.unit
    return Gate(expression, name, sign == "+", value.number, is_relative, unit)


def pass_gate(gate: Gate, effect: Effect) -> GateVerdict:
    """The verdict of one gate on the change of its metric."""
    if not gate.is_relative and gate.unit != effect.unit:
        kind = {"s": "a duration", "per_s": "a rate", "number": "a number"}[effect.unit]
        return _failed(
            gate, f'it is {kind}: a margin is a share, or like "{EXAMPLES[effect.unit]}"'
        )
    if effect.why:
        return _failed(gate, effect.why)
    change = effect.relative_change if gate.is_relative else effect.change
    if change is None and effect.change == 0.0:
        change = 0.0
    if change is None:
        return _failed(gate, "A is 0, so there is no relative change: give a margin with a unit")
    interval = effect.relative if gate.is_relative else effect.difference
    sign = 1.0 if gate.is_growth else -1.0
    least, most = _signed(interval, sign) if interval is not None else (sign * change,) * 2
    ok = least <= gate.margin
    return GateVerdict(
        expression=gate.expression,
        ok=ok,
        change=change,
        low=None if interval is None else interval.low,
        high=None if interval is None else interval.high,
        reason=_reason(gate, ok=ok, most=most, has_interval=interval is not None),
    )


def _signed(interval: Range, sign: float) -> tuple[float, float]:
    ends = sorted((sign * interval.low, sign * interval.high))
    return ends[0], ends[1]


def _reason(gate: Gate, *, ok: bool, most: float, has_interval: bool) -> str:
    if not ok:
        return "significantly beyond the margin" if has_interval else "beyond the margin"
    if not has_interval:
        return "there is no interval: judged by the change alone"
    if most > gate.margin:
        return "not shown to keep the margin: the interval reaches beyond it"
    return ""


def _failed(gate: Gate, reason: str) -> GateVerdict:
    return GateVerdict(
        expression=gate.expression, ok=False, change=None, low=None, high=None, reason=reason
    )
