"""Comparing two results: which metrics changed, by how much, and how sure that is.

Three kinds of evidence, the best that both results have:

- *paired*: replications with the same seeds on both sides had the same draws (common random
  numbers), so the differences of the pairs vary less than the values; Student's t on them.
- *unpaired*: replications with other seeds; Welch's t.
- *single run*: one side is one run; its spread comes from its own sections or batches
  (`intervals`). Weaker evidence: one run cannot show what it never met.

The relative change has Fieller's interval: all ratios r for which mean(B) - r mean(A) does not
differ from 0. It agrees with the test of the difference (r = 1) exactly, and has no end where A's
mean is not clearly away from 0.

Sources: Welch, "The generalization of Student's problem when several different population
variances are involved", Biometrika 34 (1947); Fieller, "Some problems in interval estimation",
J. R. Stat. Soc. B 16 (1954); Law, "Simulation Modeling and Analysis", 5th ed. (2015), sections 10.2
and 11.2; Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Stat. 6 (1979).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import attrs
import numpy as np

from cqrs_sim.analysis.intervals import t_quantile
from cqrs_sim.analysis.metrics import Unit

Method: TypeAlias = Literal["paired", "unpaired", "single run", "none"]

LEVEL = 0.95
SIGNIFICANT = 1.0 - LEVEL


@attrs.frozen(kw_only=True)
class Evidence:
    """What is known of one metric on one side."""

    values: Mapping[int, float]
    """By seed; one value where there are no replications; empty where it is withheld."""
    half_width: float | None = None
    """Of a single run's own 95 % interval, if it has one."""
    degrees: int = 0
    """Of freedom of that interval."""
    no_spread: str = ""
    """Why a single run has no interval."""
    why: str = ""
    """Why it is withheld."""

    @property
    def mean(self) -> float:
        """Of the values."""
        return float(np.mean(list(self.values.values())))


@attrs.frozen
class Range:
    """An interval, as two numbers."""

    low: float
    high: float


@attrs.frozen
class Moments:
    """Means of both sides, with variances of these means."""

    a: float
    b: float
    var_a: float
    var_b: float
    covariance: float
    degrees: float
    """Of freedom, of the difference."""


@attrs.frozen(kw_only=True)
class Effect:
    """What became of one metric from A to B."""

    name: str
    """Whole name."""
    unit: Unit
    a: float | None
    """Mean over A's replications; None if it is withheld in any."""
    b: float | None
    method: Method
    n: int
    """Pairs; or the replications of the side that has fewer."""
    difference: Range | None
    """Of B - A, 95 %; None where nothing is known of the spread."""
    relative: Range | None
    """Of B / A - 1, 95 %; None also where A is too near 0."""
    p: float | None
    """Probability of such a difference, or a larger one, if nothing changed."""
    adjusted_p: float | None = None
    """After Holm, for all metrics of its family."""
    why: str = ""
    """Why a value is withheld."""
    no_spread: str = ""
    """Why nothing is known of the spread, as far as there is more to say than that."""
    moments: Moments | None = attrs.field(default=None, eq=False, repr=False)
    """What the intervals are of; None where nothing is known of the spread."""

    def beyond(self, factor: float) -> Range | None:
        """The 95 % interval of B - factor * A; None where nothing is known of the spread.

        It has ends also where `relative` has none, and where that has both, this lies above 0
        exactly if B / A lies above the factor with its whole interval (Fieller, 1954).
        """
        return None if self.moments is None else _difference(self.moments, factor)[0]

    @property
    def change(self) -> float | None:
        """B - A."""
        return None if self.a is None or self.b is None else self.b - self.a

    @property
    def relative_change(self) -> float | None:
        """B / A - 1; None where A is 0."""
        return None if self.change is None or not self.a else self.change / abs(self.a)

    @property
    def is_significant(self) -> bool:
        """Whether the change is called one, at 5 % for the whole family."""
        return self.adjusted_p is not None and self.adjusted_p < SIGNIFICANT


def effect_of(name: str, unit: Unit, a: Evidence, b: Evidence) -> Effect:
    """Compare one metric; the p value is its own, see `holm`."""
    known_a = a.mean if a.values else None
    known_b = b.mean if b.values else None
    if known_a is None or known_b is None:
        which = [f"{side}: {e.why}" for side, e in (("A", a), ("B", b)) if not e.values]
        return _without_interval(name, unit, known_a, known_b, "; ".join(which))
    method, moments, n = _moments(a, b)
    if moments is None:
        found = _without_interval(name, unit, known_a, known_b, "")
        which = [f"{side}: {e.no_spread}" for side, e in (("A", a), ("B", b)) if e.no_spread]
        return attrs.evolve(found, no_spread="; ".join(which))
    difference, p = _difference(moments)
    return Effect(
        name=name,
        unit=unit,
        a=moments.a,
        b=moments.b,
        method=method,
        n=n,
        difference=difference,
        relative=_relative(moments),
        p=p,
        moments=moments,
    )


def _without_interval(name: str, unit: Unit, a: float | None, b: float | None, why: str) -> Effect:
    return Effect(
        name=name,
        unit=unit,
        a=a,
        b=b,
        method="none",
        n=0,
        difference=None,
        relative=None,
        p=None,
        why=why,
    )


def with_holm(effects: Sequence[Effect]) -> tuple[Effect, ...]:
    """The same effects as one family, with adjusted p values."""
    adjusted = holm([effect.p for effect in effects if effect.p is not None])
    left = iter(adjusted)
    return tuple(
        effect if effect.p is None else attrs.evolve(effect, adjusted_p=next(left))
        for effect in effects
    )


def holm(p_values: Sequence[float]) -> list[float]:
    """P values adjusted so that all of them together err with the stated probability only.

    The i-th smallest of m is multiplied by m - i + 1; none may be less than one before it (Holm,
    1979).
    """
    adjusted = [0.0] * len(p_values)
    largest = 0.0
    for rank, index in enumerate(np.argsort(p_values, kind="stable").tolist()):
        largest = max(largest, min(1.0, p_values[index] * (len(p_values) - rank)))
        adjusted[index] = largest
    return adjusted


def common_seeds(a: Mapping[int, float], b: Mapping[int, float]) -> list[int]:
    """The seeds to pair by: all of the smaller side, else none."""
    common = sorted(set(a) & set(b))
    return common if len(common) >= 2 and len(common) == min(len(a), len(b)) else []


def _moments(a: Evidence, b: Evidence) -> tuple[Method, Moments | None, int]:
    seeds = common_seeds(a.values, b.values)
    if seeds:
        x, y = (np.array([side.values[seed] for seed in seeds]) for side in (a, b))
        covariance = np.cov(x, y, ddof=1) / len(seeds)
        (var_a, shared), (_, var_b) = covariance.tolist()
        moments = Moments(float(x.mean()), float(y.mean()), var_a, var_b, shared, len(seeds) - 1)
        return "paired", moments, len(seeds)
    known_a, known_b = _variance_of_mean(a), _variance_of_mean(b)
    n = min(len(a.values), len(b.values))
    if known_a is None or known_b is None:
        return "none", None, n
    (var_a, degrees_a), (var_b, degrees_b) = known_a, known_b
    squares = var_a**2 / degrees_a + var_b**2 / degrees_b
    # Welch and Satterthwaite; without any spread every number of degrees gives the same.
    degrees = (var_a + var_b) ** 2 / squares if squares else degrees_a + degrees_b
    method: Method = "unpaired" if n > 1 else "single run"
    return method, Moments(a.mean, b.mean, var_a, var_b, 0.0, degrees), n


def _variance_of_mean(side: Evidence) -> tuple[float, int] | None:
    """With its degrees of freedom; None if nothing is known of it."""
    count = len(side.values)
    if count > 1:
        return float(np.var(list(side.values.values()), ddof=1)) / count, count - 1
    if side.half_width is None or side.degrees < 1:
        return None
    return (side.half_width / _t_quantile(side.degrees)) ** 2, side.degrees


def _difference(moments: Moments, factor: float = 1.0) -> tuple[Range, float]:
    """The interval of B - factor * A, and the p value of its being 0."""
    # Imported here because the command line should not wait for it.
    from scipy.special import stdtr

    scaled = factor * moments.a
    change = moments.b - scaled
    variance = factor**2 * moments.var_a + moments.var_b - 2.0 * factor * moments.covariance
    error = math.sqrt(max(variance, 0.0))
    # Rounding leaves a little where pairs differ by one and the same number, or by none.
    rounding = 1e-12 * max(abs(scaled), abs(moments.b))
    if abs(change) <= rounding:
        change = 0.0
    if error <= rounding:
        return Range(change, change), 0.0 if change else 1.0
    half = _t_quantile(moments.degrees) * error
    p = 2.0 * float(stdtr(moments.degrees, -abs(change) / error))
    return Range(change - half, change + half), p


def _relative(moments: Moments) -> Range | None:
    """Fieller's interval of B / A, less 1; None if it has no end.

    The ratios r with (b - r a)^2 <= t^2 (var_b - 2 r cov + r^2 var_a).
    """
    t = _t_quantile(moments.degrees)
    square = moments.a**2 - t**2 * moments.var_a
    if square <= 0.0:
        return None
    half_linear = moments.a * moments.b - t**2 * moments.covariance
    constant = moments.b**2 - t**2 * moments.var_b
    root = math.sqrt(max(half_linear**2 - square * constant, 0.0))
    return Range((half_linear - root) / square - 1.0, (half_linear + root) / square - 1.0)


def _t_quantile(degrees: float) -> float:
    return t_quantile(degrees, LEVEL)
