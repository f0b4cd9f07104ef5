import math
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from cqrs_sim.actors.randomness import Streams
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.load_generation.popularity import Popularity, zipf_probabilities

COUNT = 200_000

KINDS = [
    Popularity(choices=20),
    Popularity(choices=20, kind="zipf", zipf_exponent=0.9),
    Popularity(choices=20, kind="zipf", zipf_exponent=2.0),
    Popularity(choices=20, kind="zipf", zipf_exponent=0.0),
    Popularity(choices=20, kind="hot_set", hot_choices=1, hot_share=0.5),
    Popularity(choices=20, kind="hot_set", hot_choices=5, hot_share=0.9),
    Popularity(choices=20, kind="hot_set", hot_choices=3, hot_share=0.0),
    Popularity(choices=20, kind="hot_set", hot_choices=3, hot_share=1.0),
    Popularity(choices=20, kind="hot_set", hot_choices=20, hot_share=0.1),
    Popularity(choices=1, kind="zipf"),
]


def exact(popularity: Popularity) -> NDArray[np.float64]:
    """The probabilities, written down anew in plain Python."""
    n = popularity.choices
    match popularity.kind:
        case "uniform":
            return np.full(n, 1 / n)
        case "zipf":
            weights = [1 / k**popularity.zipf_exponent for k in range(1, n + 1)]
            return np.array([weight / math.fsum(weights) for weight in weights])
        case "hot_set":
            hot, share = popularity.hot_choices, popularity.hot_share
            if hot == n:
                return np.full(n, 1 / n)
            return np.array([share / hot] * hot + [(1 - share) / (n - hot)] * (n - hot))


def generator() -> np.random.Generator:
    return Streams(11).stream("load.popularity")


@pytest.mark.parametrize("popularity", KINDS, ids=str)
def test_indices_have_their_exact_probabilities(popularity: Popularity) -> None:
    indices = popularity.draw(generator(), COUNT)
    assert indices.dtype == np.int64
    counts = np.bincount(indices, minlength=popularity.choices)
    p = exact(popularity)
    assert len(counts) == len(p)
    # Each count is binomial. Error probability 1e-6 over all indices, shared among them evenly.
    z = NormalDist().inv_cdf(1 - 1e-6 / 2 / len(p))
    assert (np.abs(counts - COUNT * p) <= z * np.sqrt(COUNT * p * (1 - p))).all()


def test_zipf_probabilities_are_exact() -> None:
    popularity = Popularity(choices=1000, kind="zipf", zipf_exponent=1.2)
    p = zipf_probabilities(1000, 1.2)
    assert np.allclose(p, exact(popularity), rtol=1e-12, atol=0)
    assert p.sum() == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("popularity", KINDS, ids=str)
def test_asking_for_more_only_appends(popularity: Popularity) -> None:
    more = popularity.draw(generator(), 1000)
    assert popularity.draw(generator(), 321).tolist() == more[:321].tolist()
    in_parts = generator()
    parts = [popularity.draw(in_parts, count) for count in (1, 320, 679)]
    assert np.concatenate(parts).tolist() == more.tolist()


def test_a_million_choices_stay_in_range() -> None:
    for kind in ("uniform", "zipf", "hot_set"):
        popularity = Popularity(choices=1_000_000, kind=kind, hot_choices=7)
        indices = popularity.draw(generator(), 10_000)
        assert indices.min() >= 0
        assert indices.max() < 1_000_000


@pytest.mark.parametrize(
    "fields",
    [
        {"choices": 0},
        {"choices": 3, "zipf_exponent": -1.0},
        {"choices": 3, "zipf_exponent": math.nan},
        {"choices": 3, "hot_choices": 4},
        {"choices": 3, "hot_choices": 0},
        {"choices": 3, "hot_share": 1.5},
        {"choices": 3, "hot_share": math.nan},
    ],
)
def test_an_impossible_popularity_is_refused(fields: Any) -> None:
    with pytest.raises(InvalidScenarioError):
        Popularity(**fields)
