"""Gates: a change fails one when its whole interval lies beyond the margin."""

import pytest

from cqrs_sim.analysis.comparison import Evidence, effect_of
from cqrs_sim.analysis.gates import GateVerdict, parse_gate, parse_gates, pass_gate
from cqrs_sim.errors import InvalidScenarioError

NOISE = (-0.02, -0.01, 0.0, 0.01, 0.02)
"""Relative; the 95 % interval of the mean is about 2 % to either side."""


def judged(gate: str, factor: float, *, spread: float = 1.0) -> GateVerdict:
    a = Evidence(values=dict.fromkeys(range(5), 10.0))
    b = Evidence(
        values={seed: 10.0 * (factor + spread * noise) for seed, noise in enumerate(NOISE)}
    )
    return pass_gate(parse_gate(gate), effect_of("lag_s.orders.p99", "s", a, b))


@pytest.mark.parametrize(
    ("gate", "factor", "ok"),
    [
        ("lag.orders.p99 +5%", 1.10, False),
        ("lag.orders.p99 +5%", 1.05, True),
        ("lag.orders.p99 +5%", 1.00, True),
        ("lag.orders.p99 +5%", 0.50, True),
        ("lag.orders.p99 +0%", 1.05, False),
        ("lag.orders.p99 -5%", 0.90, False),
        ("lag.orders.p99 -5%", 1.50, True),
        ("lag.orders.p99 +500ms", 1.10, False),
        ("lag.orders.p99 +2s", 1.10, True),
        ("lag.orders.p99 - 500ms", 0.90, False),
    ],
)
def test_a_gate_fails_when_the_change_is_significantly_beyond_it(
    gate: str, factor: float, ok: bool
) -> None:
    assert judged(gate, factor).ok is ok


def test_a_change_beyond_the_margin_that_noise_explains_passes_and_says_how_far_it_may_reach() -> (
    None
):
    found = judged("lag.orders.p99 +5%", 1.06)
    assert found.ok
    assert "not shown to keep the margin" in found.reason
    assert found.change == pytest.approx(0.06)
    assert found.high is not None
    assert found.high > 0.05


def test_without_an_interval_the_change_itself_decides() -> None:
    gate = parse_gate("lag.orders.p99 +5%")
    for after, ok in ((1.04, True), (1.06, False)):
        sides = (Evidence(values={1: 1.0}), Evidence(values={2: after}))
        found = pass_gate(gate, effect_of("lag_s.orders.p99", "s", *sides))
        assert found.ok is ok
        assert found.low is None


def test_what_is_withheld_fails() -> None:
    withheld = Evidence(values={}, why="withheld: orders is saturated")
    found = pass_gate(
        parse_gate("lag.orders.p99 +5%"),
        effect_of("lag_s.orders.p99", "s", Evidence(values={1: 1.0}), withheld),
    )
    assert not found.ok
    assert "orders is saturated" in found.reason


def test_a_baseline_of_zero_needs_a_margin_with_a_unit() -> None:
    sides = (Evidence(values={1: 0.0, 2: 0.0}), Evidence(values={1: 0.001, 2: 0.0011}))
    effect = effect_of("lag_s.orders.p50", "s", *sides)
    assert "A is 0" in pass_gate(parse_gate("lag.orders.p50 +5%"), effect).reason
    assert pass_gate(parse_gate("lag.orders.p50 +5ms"), effect).ok
    assert not pass_gate(parse_gate("lag.orders.p50 +5"), effect).ok


@pytest.mark.parametrize("text", ["", "lag", "lag.orders.p99 5%", "lag +-5%", "lag +", "lag +5x"])
def test_what_is_no_gate_is_refused(text: str) -> None:
    with pytest.raises(InvalidScenarioError, match="gate "):
        parse_gates([text])
