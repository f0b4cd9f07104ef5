"""The benchmark of the slider, in small: both sides do the work, and wrong lags are seen."""

import numpy as np

from benchmarks.slider import curves_ms, is_right, lindley_lags_ms, run


def test_both_sides_come_to_the_lags_of_theory() -> None:
    """Seeds are fixed. 5 ms in the mean, 23 ms at p99; short runs stray by a fifth and more."""
    report = run(20_000, 1)

    assert report["ok"]
    assert abs(report["commands"] - 20_000) < 600
    for p99_ms in (*report["p99_ms"], *report["numpy_p99_ms"]):
        assert 15 < p99_ms < 35
    assert report["compute_s"] <= report["figure_data_s"]
    assert report["ratio_lowest"] <= report["ratio"] <= report["ratio_highest"]


def test_a_lag_too_long_and_a_lag_that_is_missing_are_wrong() -> None:
    lags = lindley_lags_ms(100_000, 1)
    assert is_right(lags)
    assert not is_right(1.25 * lags)
    lags[0, 7] = np.nan
    assert not is_right(lags)


def test_a_curve_ends_with_the_p99() -> None:
    lags = np.random.default_rng(1).permutation(np.arange(1.0, 1001.0)).reshape(1, -1)
    assert curves_ms(lags)[0, -1] == 990.0
    assert curves_ms(lags)[0, 0] == 1.0
