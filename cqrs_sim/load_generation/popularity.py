"""Popularity: which of n orders an operation goes to.

Index 0 is the most popular one. Each function draws a fixed number of variates for each index, so
asking for more indices only appends to the ones drawn before.
"""

from typing import Literal, TypeAlias, assert_never

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.errors import InvalidScenarioError

PopularityKind: TypeAlias = Literal["uniform", "zipf", "hot_set"]


@attrs.frozen(kw_only=True)
class Popularity:
    """A choice among `choices` indices; the other fields belong to one kind each."""

    choices: int
    kind: PopularityKind = "uniform"
    zipf_exponent: float = 1.0
    hot_choices: int = 1
    """Hot set: the indices 0 up to here are hot."""
    hot_share: float = 0.5
    """Hot set: probability that an index is a hot one."""

    def __attrs_post_init__(self) -> None:
        mistakes = []
        if self.choices < 1:
            mistakes.append(f"popularity over {self.choices} choices: there must be at least 1")
        if not 0.0 <= self.zipf_exponent < np.inf:
            mistakes.append(f"Zipf exponent {self.zipf_exponent}: it must be finite and >= 0")
        if not 1 <= self.hot_choices <= max(self.choices, 1):
            mistakes.append(f"{self.hot_choices} hot of {self.choices} choices")
        if not 0.0 <= self.hot_share <= 1.0:
            mistakes.append(f"hot share {self.hot_share}: it must be from 0 to 1")
        if mistakes:
            raise InvalidScenarioError(mistakes)

    def draw(self, generator: np.random.Generator, count: int) -> NDArray[np.int64]:
        """Draw independent indices.

        Returns:
            Shape (count,), int64 in [0, choices), in the order drawn.
        """
        match self.kind:
            case "uniform":
                return uniform(generator, self.choices, count)
            case "zipf":
                return zipf(generator, self.choices, self.zipf_exponent, count)
            case "hot_set":
                return hot_set(generator, self, count)
            case _:
                assert_never(self.kind)


def uniform(generator: np.random.Generator, choices: int, count: int) -> NDArray[np.int64]:
    """Indices in [0, choices), all equally likely; shape (count,)."""
    return generator.integers(0, choices, count, np.int64)


def zipf_probabilities(choices: int, exponent: float) -> NDArray[np.float64]:
    """The bounded Zipf distribution: P(k) = k^-s / sum of j^-s over j = 1..n.

    Where
        n   number of choices
        k   rank, from 1; index k - 1
        s   exponent; 0 is uniform

    Source: N. L. Johnson, A. W. Kemp, S. Kotz, Univariate Discrete Distributions (3rd ed., 2005),
    section 11.2.20. (NumPy's `zipf` is the unbounded one, which needs s > 1.)

    Returns:
        Shape (choices,), float64, non-increasing, summing to 1.
    """
    weights = np.arange(1.0, choices + 1.0) ** -exponent
    probabilities: NDArray[np.float64] = weights / weights.sum()
    return probabilities


def zipf(
    generator: np.random.Generator, choices: int, exponent: float, count: int
) -> NDArray[np.int64]:
    """Indices with the bounded Zipf distribution, by inverting its distribution function."""
    cumulative = np.cumsum(zipf_probabilities(choices, exponent))
    # Rounding leaves the last value a hair off 1, and a draw above it would find no index.
    cumulative[-1] = 1.0
    indices = np.searchsorted(cumulative, generator.random(count), side="right")
    return np.asarray(indices, np.int64)


def hot_set(
    generator: np.random.Generator, popularity: Popularity, count: int
) -> NDArray[np.int64]:
    """Indices of which a hot few get a fixed share, uniform within both groups.

    If every choice is hot, all are equally likely, whatever the share.
    """
    choices, hot = popularity.choices, popularity.hot_choices
    share = 1.0 if hot == choices else popularity.hot_share
    # A row of two variates for each index: were they drawn as two columns, a longer run would
    # change its beginning.
    which, where = generator.random((count, 2)).T
    in_cold = hot + np.floor(where * (choices - hot))
    indices: NDArray[np.int64] = np.where(which < share, np.floor(where * hot), in_cold).astype(
        np.int64
    )
    return indices
