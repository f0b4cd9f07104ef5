"""Designs: which points of all that the factors span are run.

A *grid* runs every combination of levels. A *Latin hypercube* of n points cuts each factor into n
equal parts and takes one value of each part: it spans many factors with few points (McKay, Beckman
and Conover, "A comparison of three methods for selecting values of input variables in the analysis
of output from a computer code", Technometrics 21 (1979), 239-245; by `scipy.stats.qmc`).
"""

import itertools
import math
from collections.abc import Sequence

import attrs

from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.sweeping.factors import Factor, Level

MOST_POINTS = 10_000


@attrs.frozen
class Point:
    """One combination of values."""

    number: int
    """From 1, in the order of the design."""
    paths: tuple[str, ...]
    levels: tuple[Level, ...]
    """One a path."""

    @property
    def settings(self) -> tuple[str, ...]:
        """As `--set` takes them."""
        pairs = zip(self.paths, self.levels, strict=True)
        return tuple(f"{path}={level.text}" for path, level in pairs)


def grid(factors: Sequence[Factor]) -> tuple[Point, ...]:
    """Every combination of levels; the last factor varies fastest.

    Raises:
        InvalidScenarioError: if a range has no number of levels, or there are too many points.
    """
    mistakes = [
        f"{factor.path}: a grid needs a number of levels, as the 9 in "
        f"{factor.path}={factor.level(0.0).text}..{factor.level(1.0).text}:lin:9"
        for factor in factors
        if not factor.levels
    ]
    if mistakes:
        raise InvalidScenarioError(mistakes)
    count = math.prod(len(factor.levels) for factor in factors)
    if count > MOST_POINTS:
        raise InvalidScenarioError(
            [f"the grid has {count:,} points: must be at most {MOST_POINTS:,}"]
        )
    paths = tuple(factor.path for factor in factors)
    combinations = itertools.product(*(factor.levels for factor in factors))
    return tuple(
        Point(number, paths, levels) for number, levels in enumerate(combinations, start=1)
    )


def latin_hypercube(factors: Sequence[Factor], count: int, seed: int) -> tuple[Point, ...]:
    """So many points, of which no two share a part of any factor's range.

    Args:
        factors: of levels or ranges; levels are met as equally often as the count allows.
        count: of points.
        seed: equal seeds give equal points.
    """
    from scipy.stats.qmc import LatinHypercube

    paths = tuple(factor.path for factor in factors)
    shares = LatinHypercube(d=len(factors), rng=seed).random(count)
    return tuple(
        Point(
            number,
            paths,
            tuple(factor.level(share) for factor, share in zip(factors, row, strict=True)),
        )
        for number, row in enumerate(shares.tolist(), start=1)
    )
