"""Effects between two results, against SciPy's tests; Holm against the textbook."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from cqrs_sim.analysis.comparison import Evidence, effect_of, holm, with_holm

RNG = np.random.default_rng(20)
BEFORE = RNG.normal(10.0, 1.0, 10)
AFTER = BEFORE * 1.05 + RNG.normal(0.0, 0.2, 10)


def of(values: NDArray[np.float64], first_seed: int = 0) -> Evidence:
    return Evidence(values={first_seed + n: float(value) for n, value in enumerate(values)})


def test_the_same_seeds_are_compared_in_pairs() -> None:
    effect = effect_of("lag_s.orders.p99", "s", of(BEFORE), of(AFTER))
    expected = stats.ttest_rel(AFTER, BEFORE)
    interval = expected.confidence_interval()

    assert (effect.method, effect.n) == ("paired", 10)
    assert effect.p == pytest.approx(expected.pvalue)
    assert effect.difference is not None
    assert effect.difference.low == pytest.approx(interval.low)
    assert effect.difference.high == pytest.approx(interval.high)


def test_other_seeds_are_compared_by_welchs_test() -> None:
    effect = effect_of("lag_s.orders.p99", "s", of(BEFORE), of(AFTER[:7], 100))
    expected = stats.ttest_ind(AFTER[:7], BEFORE, equal_var=False)
    interval = expected.confidence_interval()

    assert (effect.method, effect.n) == ("unpaired", 7)
    assert effect.p == pytest.approx(expected.pvalue)
    assert effect.difference is not None
    assert effect.difference.low == pytest.approx(interval.low)


def test_the_smaller_set_of_seeds_decides_the_pairs_and_a_part_of_it_gives_none() -> None:
    longer = effect_of("x", "s", of(BEFORE), of(AFTER[:6]))
    assert (longer.method, longer.n) == ("paired", 6)
    assert longer.a == pytest.approx(BEFORE[:6].mean())
    assert effect_of("x", "s", of(BEFORE), of(AFTER, 5)).method == "unpaired"


def test_pairs_find_a_change_that_is_lost_without_them() -> None:
    paired = effect_of("x", "s", of(BEFORE), of(BEFORE + 0.1 + RNG.normal(0, 0.01, 10)))
    unpaired = effect_of("x", "s", of(BEFORE), of(BEFORE + 0.1, 50))
    assert paired.p is not None
    assert unpaired.p is not None
    assert paired.p < 0.001 < 0.1 < unpaired.p


@pytest.mark.parametrize("first_seed", [0, 100])
def test_the_relative_interval_excludes_zero_exactly_when_the_difference_does(
    first_seed: int,
) -> None:
    decided = set()
    for factor in np.linspace(0.7, 1.3, 41):
        effect = effect_of("x", "s", of(BEFORE), of(BEFORE[::-1] * factor, first_seed))
        assert effect.difference is not None
        assert effect.relative is not None
        outside = effect.difference.low > 0.0 or effect.difference.high < 0.0
        assert outside == (effect.relative.low > 0.0 or effect.relative.high < 0.0)
        decided.add(outside)
    assert decided == {True, False}


def test_the_relative_interval_is_fiellers() -> None:
    """By its definition: at its ends, b - r a is exactly t standard errors away from 0."""
    effect = effect_of("x", "s", of(BEFORE), of(AFTER))
    assert effect.relative is not None
    t = stats.t.ppf(0.975, 9)
    for end in (effect.relative.low, effect.relative.high):
        rest = AFTER - (1.0 + end) * BEFORE
        assert abs(rest.mean()) == pytest.approx(t * rest.std(ddof=1) / math.sqrt(10))


def test_a_baseline_near_zero_has_no_relative_interval() -> None:
    effect = effect_of("x", "s", of(RNG.normal(0.0, 1.0, 10)), of(AFTER, 50))
    assert effect.relative is None
    assert effect.difference is not None


def test_what_is_withheld_on_one_side_is_not_tested_and_says_so() -> None:
    effect = effect_of("x", "s", of(BEFORE), Evidence(values={}, why="search is saturated"))
    assert (effect.b, effect.p, effect.method) == (None, None, "none")
    assert effect.why == "B: search is saturated"


def test_a_single_run_is_judged_by_its_own_interval() -> None:
    single = Evidence(values={3: 10.0}, half_width=stats.t.ppf(0.975, 9) * 0.5, degrees=9)
    far, near = (effect_of("x", "s", single, attrs_of(mean)) for mean in (14.0, 10.5))
    assert far.method == near.method == "single run"
    assert far.p is not None
    assert near.p is not None
    assert far.p < 0.01 < near.p
    assert far.p == pytest.approx(2 * stats.t.sf(4.0 / math.sqrt(0.5), 18), rel=1e-6)
    without = effect_of("x", "s", single, Evidence(values={4: 12.0}))
    assert (without.method, without.p, without.change) == ("none", None, 2.0)


def attrs_of(mean: float) -> Evidence:
    return Evidence(values={9: mean}, half_width=stats.t.ppf(0.975, 9) * 0.5, degrees=9)


def test_values_without_any_spread_differ_or_do_not() -> None:
    constant = np.full(5, 3.0)
    assert effect_of("x", "s", of(constant), of(constant)).p == 1.0
    assert effect_of("x", "s", of(constant), of(constant + 1)).p == 0.0
    assert effect_of("x", "s", of(BEFORE), of(BEFORE + 1)).p == 0.0
    assert effect_of("x", "s", of(constant), of(constant, 50)).p == 1.0


def test_holm_multiplies_by_what_is_left_and_never_falls() -> None:
    """The example of Holm's method in Wright, Biometrics 48 (1992)."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_a_family_of_chance_findings_is_not_significant() -> None:
    effects = [effect_of(str(n), "s", of(BEFORE), of(BEFORE + RNG.normal(0, 1, 10)))
               for n in range(40)]  # fmt: skip
    alone = sum(effect.p is not None and effect.p < 0.05 for effect in effects)
    assert alone > 0
    assert not any(effect.is_significant for effect in with_holm(effects))
    assert not effects[0].is_significant, "without its family nothing is called significant"
