"""How far the figures of one run can be trusted on its own evidence, and where not at all.

An interval from one run takes other stretches of it for other runs. So there is none of a stage
that is saturated, where a longer run would have another mean and another p99; nor of one that keeps
no level by plan, under a load profile or pauses. Replications have neither restriction.
"""

from collections.abc import Collection, Mapping

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.analysis.intervals import (
    BATCH_MEANS,
    SECTIONING,
    Interval,
    batch_means,
    sectioning,
    unsteady,
)
from cqrs_sim.analysis.lag import (
    commands_after,
    consistency_lag_s,
    events_after,
    response_time_s,
)
from cqrs_sim.analysis.saturation import WRITE_SIDE
from cqrs_sim.analysis.warm_up import Opinion
from cqrs_sim.measurement.trace import Trace


@attrs.frozen(kw_only=True)
class SingleRunIntervals:
    """How far one measure of this one run can be trusted: weaker evidence than replications."""

    mean: Interval
    """By batch means."""
    p99: Interval
    """By sectioning."""


def single_run_intervals(
    trace: Trace, after_ns: int, saturated: Collection[str], varies: Mapping[str, Opinion]
) -> dict[str, SingleRunIntervals | None]:
    """Of the response time, by the name of the write side, and of the lag of each read model.

    Args:
        trace: the run.
        after_ns: what came before is left out.
        saturated: names of the stages that are; theirs is None.
        varies: what keeps a stage from being steady by plan, by its name; theirs say so.
    """
    samples = {WRITE_SIDE: response_time_s(trace)[commands_after(trace, after_ns)]}
    rows = events_after(trace, after_ns)
    samples.update({name: consistency_lag_s(trace, name)[rows] for name in trace.read_models})
    return {
        stage: None if stage in saturated else _intervals(sample, varies.get(stage))
        for stage, sample in samples.items()
    }


def _intervals(sample: NDArray[np.float64], varies: Opinion | None) -> SingleRunIntervals:
    """Of one measure, in order of time."""
    if varies is None:
        return SingleRunIntervals(mean=batch_means(sample), p99=sectioning(sample, 0.99))
    mean, p99 = (unsteady(method, len(sample), varies) for method in (BATCH_MEANS, SECTIONING))
    return SingleRunIntervals(mean=mean, p99=p99)
