"""Gates: how far a metric may move from A to B, such as `lag.orders.p99 +5%`.

A gate with a plus limits growth, one with a minus limits shrinking (a rate should not fall). It
fails when the change is *significantly* beyond its margin: when the 95 % interval of B - (1 + m) A,
or of B - A - m where the margin m has a unit, lies above 0 (below 0 for shrinking, with 1 - m).
Wherever the relative change has an interval that is the same as asking whether the whole of it lies
beyond the margin; but where A varies so much that it has none (Fieller, 1954: see `comparison`),
the question still has an answer. So noise alone fails a gate at zero in one of forty comparisons,
and one with a margin less often; a gate that passes on a wide interval has shown little, and says
so. Only where nothing at all is known of the spread the change itself decides. Where the metric is
withheld on either side the gate fails, since nothing was shown.
"""

import math
import re
from collections.abc import Sequence

import attrs

from cqrs_sim.analysis.comparison import Effect, Range
from cqrs_sim.analysis.json_values import Json
from cqrs_sim.analysis.metrics import EXAMPLES, KINDS, Unit, parse_value
from cqrs_sim.analysis.thresholds import parse_each

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

    @property
    def sign(self) -> float:
        """Of the change that it limits."""
        return 1.0 if self.is_growth else -1.0


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
    return parse_each("gate", texts, parse_gate)


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
    if is_relative and sign == "-" and value.number >= 1.0:
        raise ValueError("nothing shrinks by more than 100%: the margin must be less")
    expression = f"{name} {sign}{margin}"
    unit = "relative" if is_relative else value.unit
    return Gate(expression, name, sign == "+", value.number, is_relative, unit)


def wrong_unit(gate: Gate, unit: Unit) -> str:
    """Why a margin does not fit a metric of this unit; empty if it does."""
    if gate.is_relative or gate.unit == unit:
        return ""
    return f'it is {KINDS[unit]}: a margin is a share, or like "{EXAMPLES[unit]}"'


def pass_gate(gate: Gate, effect: Effect) -> GateVerdict:
    """The verdict of one gate on the change of its metric, whose unit it has."""
    if effect.why:
        return _failed(gate, effect.why)
    change = effect.relative_change if gate.is_relative else effect.change
    if change is None and effect.change == 0.0:
        change = 0.0
    if change is None:
        return _failed(gate, "A is 0, so there is no relative change: give a margin with a unit")
    interval = effect.relative if gate.is_relative else effect.difference
    excess = _excess(gate, effect)
    ok = change * gate.sign <= gate.margin if excess is None else excess.low <= 0.0
    return GateVerdict(
        expression=gate.expression,
        ok=ok,
        change=change,
        low=None if interval is None else interval.low,
        high=None if interval is None else interval.high,
        reason=_judged_alone(effect)
        if excess is None
        else _reason(excess, ok=ok, has_interval=interval is not None),
    )


def _excess(gate: Gate, effect: Effect) -> Range | None:
    """How far the change goes beyond the margin, in the metric's unit; None without a spread."""
    if effect.a is None:
        return None
    # A share is one of the size of A, also where A is negative.
    share = gate.sign * gate.margin * math.copysign(1.0, effect.a) if gate.is_relative else 0.0
    beyond = effect.beyond(1.0 + share)
    if beyond is None:
        return None
    allowed = 0.0 if gate.is_relative else gate.margin
    ends = sorted((gate.sign * beyond.low - allowed, gate.sign * beyond.high - allowed))
    return Range(*ends)


def _judged_alone(effect: Effect) -> str:
    why = f" ({effect.no_spread})" if effect.no_spread else ""
    return f"no spread is known{why}: judged by the change alone; --replications would tell more"


def _reason(excess: Range, *, ok: bool, has_interval: bool) -> str:
    if not ok:
        return "significantly beyond the margin"
    if excess.high <= 0.0:
        return ""
    if not has_interval:
        return "not shown to keep the margin: A varies too much for an interval of the change"
    return "not shown to keep the margin: the interval reaches beyond it"


def _failed(gate: Gate, reason: str) -> GateVerdict:
    return GateVerdict(
        expression=gate.expression, ok=False, change=None, low=None, high=None, reason=reason
    )
