"""Gates: a change fails one when its whole interval lies beyond the margin."""

import numpy as np
import pytest

from cqrs_sim.analysis.comparison import Evidence, effect_of
from cqrs_sim.analysis.gates import GateVerdict, parse_gate, parse_gates, pass_gate, wrong_unit
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
        assert found.reason.startswith("no spread is known: judged by the change alone")


def test_where_a_single_run_was_too_short_for_an_interval_the_gate_says_so() -> None:
    gate = parse_gate("lag.orders.p99 +5%")
    sides = (
        Evidence(values={1: 1.0}, half_width=0.1, degrees=9),
        Evidence(values={2: 1.01}, no_spread="too short: 70 swings"),
    )
    found = pass_gate(gate, effect_of("lag_s.orders.p99", "s", *sides))
    assert found.reason.startswith("no spread is known (B: too short: 70 swings): judged by the")


def unchanged(rng: np.random.Generator, count: int, first_seed: int) -> Evidence:
    """Replications that are one exponential each: as noisy as a metric may be."""
    values = rng.exponential(1.0, count)
    return Evidence(values={first_seed + n: float(value) for n, value in enumerate(values)})


@pytest.mark.parametrize("gate", ["lag.orders.p99 +0%", "lag.orders.p99 +5%", "lag.orders.p99 -5%"])
@pytest.mark.parametrize("count", [3, 5, 10])
def test_noise_alone_seldom_fails_a_gate(count: int, gate: str) -> None:
    """One in forty is allowed; of 400 pairs that is 10, and above 19 once in 200 such tests."""
    rng = np.random.default_rng(count)
    verdicts = []
    without_relative = 0
    for _ in range(400):
        sides = unchanged(rng, count, 0), unchanged(rng, count, 100)
        effect = effect_of("lag_s.orders.p99", "s", *sides)
        without_relative += effect.relative is None
        verdicts.append(pass_gate(parse_gate(gate), effect))
    assert sum(not verdict.ok for verdict in verdicts) <= 19
    assert all("change alone" not in verdict.reason for verdict in verdicts)
    # Else there would be nothing to show here.
    assert without_relative > 40 or count == 10


def test_a_large_change_fails_a_gate_also_where_the_baseline_is_too_noisy_for_a_relative_one() -> (
    None
):
    a = Evidence(values={0: 0.1, 1: 1.0, 2: 3.0})
    b = Evidence(values={100: 40.0, 101: 41.0, 102: 42.0})
    effect = effect_of("lag_s.orders.p99", "s", a, b)
    assert effect.relative is None
    found = pass_gate(parse_gate("lag.orders.p99 +5%"), effect)
    assert (found.ok, found.reason) == (False, "significantly beyond the margin")
    assert (found.low, found.high) == (None, None)
    close = pass_gate(parse_gate("lag.orders.p99 +3000%"), effect)
    assert close.ok
    assert "A varies too much for an interval" in close.reason


@pytest.mark.parametrize("first_seed", [0, 100])
def test_a_gate_agrees_with_the_interval_of_the_relative_change(first_seed: int) -> None:
    rng = np.random.default_rng(5)
    for _ in range(50):
        a, b = rng.normal(10.0, 0.5, (2, 5))
        sides = (
            Evidence(values=dict(enumerate(a.tolist()))),
            Evidence(values=dict(enumerate(b.tolist(), first_seed))),
        )
        effect = effect_of("lag_s.orders.p99", "s", *sides)
        assert effect.relative is not None
        growth, shrinking = (
            pass_gate(parse_gate(f"lag.orders.p99 {margin}"), effect) for margin in ("+2%", "-2%")
        )
        assert growth.ok is (effect.relative.low <= 0.02)
        assert shrinking.ok is (effect.relative.high >= -0.02)


def test_pairs_that_differ_by_exactly_the_margin_keep_it() -> None:
    a = Evidence(values={1: 1.1, 2: 1.3, 3: 1.7})
    b = Evidence(values={seed: value * 1.05 for seed, value in a.values.items()})
    found = pass_gate(parse_gate("lag.orders.p99 +5%"), effect_of("lag_s.orders.p99", "s", a, b))
    assert found.ok


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


def test_a_margin_has_the_unit_of_its_metric_or_is_a_share() -> None:
    assert wrong_unit(parse_gate("lag.orders.p50 +5ms"), "s") == ""
    assert wrong_unit(parse_gate("lag.orders.p50 +5%"), "s") == ""
    assert "is a duration" in wrong_unit(parse_gate("lag.orders.p50 +5"), "s")
    assert "is a rate" in wrong_unit(parse_gate("rates.accepted +5ms"), "per_s")


@pytest.mark.parametrize(
    "text",
    ["", "lag", "lag.orders.p99 5%", "lag +-5%", "lag +", "lag +5x", "lag -100%", "lag -500%"],
)
def test_what_is_no_gate_is_refused(text: str) -> None:
    with pytest.raises(InvalidScenarioError, match="gate "):
        parse_gates([text])
