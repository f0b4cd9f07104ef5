import math
from typing import Any

import numpy as np
import pytest

from cqrs_sim.actors.randomness import BLOCK, MEAN_NS_MAX, Draws, Streams
from cqrs_sim.errors import InvalidScenarioError

GOLDEN = [15906625143506483090, 4955319739011350627]


def numbers(seed: int, name: str) -> list[int]:
    return [int(number) for number in Streams(seed).stream(name).integers(0, 2**63, 4)]


def test_a_stream_depends_on_its_seed_and_its_name_alone() -> None:
    streams = Streams(7)
    streams.stream("another").random(1000)
    assert streams.stream("a").integers(0, 2**63, 4).tolist() == numbers(7, "a")


def test_other_seeds_and_other_names_give_other_numbers() -> None:
    drawn = {tuple(numbers(seed, name)) for seed in (0, 1, 2**32, 2**64 - 1) for name in "ab"}
    assert len(drawn) == 8


def test_a_stream_is_the_same_in_every_process() -> None:
    # Pinned: NumPy promises that bit generators and seed sequences do not change.
    assert Streams(1).stream("load.arrivals").bit_generator.random_raw(2).tolist() == GOLDEN


@pytest.mark.parametrize("seed", [-1, 2**64, pytest.param(10**5000, id="long"), 1.0, True, "1"])
def test_a_seed_outside_its_range_is_refused(seed: Any) -> None:
    with pytest.raises(InvalidScenarioError, match="seed"):
        Streams(seed)


@pytest.mark.parametrize("distribution", ["constant", "exponential", "lognormal"])
def test_a_draw_does_not_depend_on_what_else_is_asked_for(distribution: Any) -> None:
    def draws() -> Draws:
        return Draws(Streams(3).stream("s"), distribution, 1_000_000, 0.5)

    count = 2 * BLOCK + 10
    upwards = draws()
    one_by_one = [upwards[index] for index in range(count)]
    far_first = draws()
    assert far_first[count - 1] == one_by_one[-1]
    assert [far_first[index] for index in range(count)] == one_by_one
    at_once = draws()
    assert at_once.array(BLOCK).tolist() == one_by_one[:BLOCK]
    assert at_once.array(count).tolist() == one_by_one
    assert at_once[5] == one_by_one[5]
    assert at_once.array(0).tolist() == []


@pytest.mark.parametrize("cv", [0.2, 1.0, 2.0])
def test_a_lognormal_has_its_mean_and_its_coefficient_of_variation(cv: float) -> None:
    drawn = Draws(Streams(5).stream("s"), "lognormal", 1_000_000, cv).array(400_000)
    assert drawn.min() > 0
    # Four standard errors of a mean; the fourth moment of cv = 2 leaves its spread less sure.
    assert drawn.mean() == pytest.approx(1e6, rel=4.0 * cv / 400_000**0.5)
    assert drawn.std() / drawn.mean() == pytest.approx(cv, rel=0.02 if cv <= 1.0 else 0.1)


def test_the_greatest_lognormal_draw_fits_what_it_is_stored_in() -> None:
    drawn = Draws(Streams(5).stream("s"), "lognormal", MEAN_NS_MAX, 5.0).array(100_000)
    assert drawn.min() >= 0
    assert drawn.max() <= 2**60


def test_draws_are_python_integers_and_their_array_is_int64() -> None:
    draws = Draws(Streams(3).stream("s"), "exponential", 1000)
    assert type(draws[0]) is int
    assert draws.array(3).dtype == np.int64


def test_constant_draws_are_the_mean() -> None:
    assert Draws(Streams(3).stream("s"), "constant", 123).array(5000).tolist() == [123] * 5000


def test_exponential_draws_have_their_mean_and_variance() -> None:
    # Mean within 5 standard errors, 1 / sqrt(n), and variance within 5 of its own, sqrt(8 / n):
    # each fails by chance with probability 6e-7.
    count, mean_ns = 200_000, 1_000_000
    sample = Draws(Streams(3).stream("s"), "exponential", mean_ns).array(count) / mean_ns
    assert abs(sample.mean() - 1.0) < 5 / math.sqrt(count)
    assert abs(sample.var() - 1.0) < 5 * math.sqrt(8 / count)


def test_the_longest_mean_fits_int64() -> None:
    sample = Draws(Streams(3).stream("s"), "exponential", MEAN_NS_MAX).array(100_000)
    assert sample.min() >= 0
    assert sample.max() > MEAN_NS_MAX


@pytest.mark.parametrize("mean_ns", [-1, MEAN_NS_MAX + 1])
def test_an_impossible_mean_is_refused(mean_ns: int) -> None:
    with pytest.raises(InvalidScenarioError, match="mean"):
        Draws(Streams(3).stream("s"), "constant", mean_ns)


def test_an_unknown_distribution_is_refused() -> None:
    name: Any = "real"
    with pytest.raises(InvalidScenarioError, match="real"):
        Draws(Streams(3).stream("s"), name, 0)


def test_a_negative_index_of_fresh_draws_is_refused() -> None:
    with pytest.raises(IndexError):
        Draws(Streams(3).stream("s"), "constant", 1)[-1]
