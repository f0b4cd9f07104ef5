"""The confirmation: fresh seeds on the virtual engine, at both ends of the rate's interval.

Were the rate too high, the metric would lie above the limit at the low end already; were it too
low, it would still lie below at the high end. Each run is also computed by the algebra engine, and
the two must come to the same number.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import TypeAlias

import attrs

from cqrs_sim.analysis.intervals import Interval, t_interval
from cqrs_sim.highest_rate.answer import Capacity, Confirmation
from cqrs_sim.highest_rate.limits import Limit
from cqrs_sim.highest_rate.probes import probe
from cqrs_sim.highest_rate.roots import Kind
from cqrs_sim.scenario.scenario import Scenario

BEYOND = 0.05
"""Where saturation is the limit: so far below all must be steady, and so far above nothing."""


@attrs.frozen
class Twice:
    """One run on both engines."""

    value: float
    """Of the virtual engine; inf where saturated."""
    is_equal: bool
    """Whether the algebra engine came to the same; True where it cannot do the scenario."""


InOrder: TypeAlias = Callable[[Iterable[Callable[[], Twice]]], Iterator[Twice]]


def confirm(found: Capacity, seeds: Sequence[int], in_order: InOrder) -> Confirmation:
    """Run both ends of a rate's interval with fresh seeds.

    Args:
        found: the answer.
        seeds: that were not used to find it.
        in_order: does tasks, and gives what they come to in their order.
    """
    rates = _ends(found)
    limit = found.limits[found.index]
    ask = partial(run_twice, found.scenario, limit, found.engine == "algebra")
    runs = list(in_order(partial(ask, rate, seed) for rate in rates for seed in seeds))
    low, high = runs[: len(seeds)], runs[len(seeds) :]
    values = (tuple(run.value for run in low), tuple(run.value for run in high))
    differ = {
        seed for end in (low, high) for seed, run in zip(seeds, end, strict=True)
        if not run.is_equal
    }  # fmt: skip
    return Confirmation(
        seeds=tuple(seeds),
        rates_per_s=rates,
        values=values,
        intervals=(interval_of(values[0]), interval_of(values[1])),
        is_confirmed=not differ and is_between(found.kind, limit.value, values),
        differ=tuple(sorted(differ)),
    )


def run_twice(
    scenario: Scenario, limit: Limit, has_algebra: bool, rate_per_s: float, seed: int
) -> Twice:
    """One run on the virtual engine, and the same on the algebra engine if that can do it."""
    ran = probe(scenario, (limit,), "virtual", rate_per_s, seed)
    is_equal = not has_algebra or ran == probe(scenario, (limit,), "algebra", rate_per_s, seed)
    value = math.inf if ran.saturated else ran.values[0]
    return Twice(value=value, is_equal=is_equal)


def is_between(kind: Kind, limit: float, values: tuple[Sequence[float], Sequence[float]]) -> bool:
    """Whether the runs bear the answer out: the limit lies between what the two ends came to.

    Args:
        kind: what limits the rate.
        limit: on the metric.
        values: of the metric at the low and at the high end; inf where saturated.
    """
    low, high = values
    if kind == "saturation":
        return sum(map(math.isinf, low)) <= len(low) / 2 < sum(map(math.isinf, high))
    # A seed that saturates counts as above any limit, and so does the mean.
    below, above = interval_of(low), interval_of(high)
    is_low_enough = below is not None and below.low is not None and below.low <= limit
    is_high_enough = above is None or above.high is None or above.high >= limit
    return is_low_enough and is_high_enough


def interval_of(values: Sequence[float]) -> Interval | None:
    """Of the mean; None where a value is no number."""
    return t_interval(values) if all(map(math.isfinite, values)) else None


def _ends(found: Capacity) -> tuple[float, float]:
    interval = found.interval
    assert interval.mean is not None
    low = interval.mean if interval.low is None else interval.low
    high = interval.mean if interval.high is None else interval.high
    if found.kind == "saturation":
        return low * (1.0 - BEYOND), high * (1.0 + BEYOND)
    return low, high
