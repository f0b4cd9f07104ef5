"""Intervals of a sample's quantiles over replications: what a figure may show beside one run."""

from collections.abc import Iterator

import attrs

from cqrs_sim.analysis.quantiles import FRACTIONS
from cqrs_sim.analysis.replicated import Replications


@attrs.frozen(kw_only=True)
class QuantileInterval:
    """Student's t-interval for the mean of one quantile, a value a replication. In seconds."""

    fraction: float
    low: float
    mean: float
    high: float


def quantile_intervals(
    replications: Replications | None, sample: str
) -> Iterator[QuantileInterval]:
    """Those of p50, p90, p99 and p99.9 that every replication has, in this order.

    Args:
        replications: None, of a single run, gives none.
        sample: whole name of the sample in the summary, such as `lag_s.orders`.
    """
    if replications is None:
        return
    for name, fraction in FRACTIONS.items():
        metric = f"{sample}.{name}"
        interval = replications.interval(metric) if metric in replications.values else None
        if interval is None or interval.mean is None:
            continue
        if interval.low is not None and interval.high is not None:
            yield QuantileInterval(
                fraction=fraction, low=interval.low, mean=interval.mean, high=interval.high
            )
