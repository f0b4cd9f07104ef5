"""The curve: rates from low to saturation at which a figure shows the metric."""

from collections.abc import Sequence

import numpy as np

from cqrs_sim.highest_rate.answer import Capacity
from cqrs_sim.highest_rate.probes import Probe

POINTS = 14
LOWEST, HIGHEST = 0.1, 0.985
"""Of the saturation rate."""


def curve_rates(found: Capacity, probes: Sequence[Probe]) -> list[float]:
    """Evenly spaced in 1 / (1 - load), by which times in queues grow: dense where they rise.

    Args:
        found: the answer.
        probes: those so far: no rate is taken that brings too few events for the metric.
    """
    saturation = found.saturates_at_per_s
    least = max(
        (1.05 * p.rate_per_s * p.lack.needed / p.lack.n for p in probes if p.lack and p.lack.n),
        default=0.0,
    )
    fewest = max(LOWEST * saturation, least)
    steep = np.linspace(0.0, 1.0, POINTS)
    # Halfway between even steps in the rate and even steps in log (1 - load).
    low, high = min(fewest / saturation, 0.9), HIGHEST
    even = low + (high - low) * steep
    dense = 1.0 - (1.0 - low) * ((1.0 - high) / (1.0 - low)) ** steep
    return [float(share) * saturation for share in (even + dense) / 2]
