"""Designs: every combination, or one value of each part of each range."""

import numpy as np
import pytest

from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.sweeping.designs import grid, latin_hypercube
from cqrs_sim.sweeping.factors import parse_factors

TWO = parse_factors(["load.rate=100/s..300/s:lin:3", "write_side.mailbox=1,5"])


def test_a_grid_has_every_combination_once_and_the_last_factor_varies_fastest() -> None:
    assert [point.settings for point in grid(TWO)] == [
        (f"load.rate={rate}/s", f"write_side.mailbox={size}")
        for rate in (100, 200, 300)
        for size in (1, 5)
    ]
    assert [point.number for point in grid(TWO)] == [1, 2, 3, 4, 5, 6]


def test_a_grid_of_a_range_without_levels_says_what_to_write() -> None:
    with pytest.raises(InvalidScenarioError, match=r"load\.rate=1/s\.\.9/s:lin:9"):
        grid(parse_factors(["load.rate=1/s..9/s"]))


def test_a_grid_that_is_too_large_is_refused_with_its_size() -> None:
    large = parse_factors(
        [f"{key}=1..1000:lin:1000" for key in ("workload.orders", "load.clients")]
    )
    with pytest.raises(InvalidScenarioError, match="1,000,000 points: must be at most 10,000"):
        grid(large)


def test_a_latin_hypercube_takes_one_value_of_each_part_of_each_range() -> None:
    factors = parse_factors(["queries.share=0.0..1.0", "run.duration=1s..100s:log"])
    points = latin_hypercube(factors, 20, seed=3)
    share = np.array([point.levels[0].number for point in points], np.float64)
    seconds = np.array([point.levels[1].number for point in points], np.float64)
    # Values are rounded to four digits, far finer than a part.
    assert sorted((share * 20).astype(int)) == list(range(20))
    assert sorted((np.log10(seconds) / 2 * 20).astype(int)) == list(range(20))


def test_levels_of_a_latin_hypercube_are_met_equally_often() -> None:
    factors = parse_factors(["workload.popularity=uniform,zipf", "queries.share=0.0..1.0"])
    words = [point.levels[0].text for point in latin_hypercube(factors, 10, seed=0)]
    assert sorted(words) == ["uniform"] * 5 + ["zipf"] * 5


def test_equal_seeds_give_equal_points_and_others_do_not() -> None:
    factors = parse_factors(["queries.share=0.0..1.0"])
    assert latin_hypercube(factors, 5, 7) == latin_hypercube(factors, 5, 7)
    assert latin_hypercube(factors, 5, 7) != latin_hypercube(factors, 5, 8)
