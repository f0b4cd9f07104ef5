"""The samples of a summary, each summed up by itself.

Most of a summary's time goes into what a search for one number never looks at. Whoever wants one
sample only (`partial_summary`) gets it by the very functions that `summarise` calls, and so the
very value.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from cqrs_sim.analysis.json_values import Json, plain
from cqrs_sim.analysis.lag import commands_after, response_time_s, served_response_s
from cqrs_sim.analysis.quantiles import SampleSummary, summarise_sample
from cqrs_sim.analysis.saturation import WRITE_SIDE, StageLoad
from cqrs_sim.analysis.survival import (
    Sample,
    lag_sample,
    summarise_censored,
    visibility_sample,
)
from cqrs_sim.measurement.trace import Trace


class SampleOf(Protocol):
    """Takes the durations of a read model from a trace."""

    def __call__(self, trace: Trace, read_model: str, *, after_ns: int) -> Sample:
        """Of the events committed at or after an instant."""


class ResponseOf(Protocol):
    """Takes the response times of the commands from a trace."""

    def __call__(self, trace: Trace) -> NDArray[np.float64]:
        """Shape (n_commands,), seconds; nan where censored."""


SEEN: Mapping[str, SampleOf] = {"lag_s": lag_sample, "visibility_s": visibility_sample}
"""By key of the summary: how soon events came to be seen."""
ANSWERED: Mapping[str, ResponseOf] = {
    "response_s": response_time_s,
    "served_response_s": served_response_s,
}
"""By key of the summary: how soon commands were answered."""


def answered(trace: Trace, group: str, after_ns: int, saturated: Collection[str]) -> SampleSummary:
    """How soon the commands were answered that were intended at or after an instant.

    Args:
        trace: the run.
        group: a key of `ANSWERED`.
        after_ns: end of the warm-up.
        saturated: the stages that are; of a saturated write side figures are withheld.
    """
    found = summarise_sample(ANSWERED[group](trace)[commands_after(trace, after_ns)])
    return found.withheld() if WRITE_SIDE in saturated else found


def seen(
    trace: Trace, group: str, read_model: str, after_ns: int, saturated: Collection[str]
) -> SampleSummary:
    """How soon a read model came to show the events committed at or after an instant.

    Args:
        trace: the run.
        group: a key of `SEEN`.
        read_model: its name.
        after_ns: end of the warm-up.
        saturated: the stages that are; of a saturated read model only bounds are given.
    """
    sample = SEEN[group](trace, read_model, after_ns=after_ns)
    return summarise_censored(sample, is_steady=read_model not in saturated)


def partial_summary(
    trace: Trace, whole_name: str, loads: Sequence[StageLoad], *, after_ns: int
) -> dict[str, Json] | None:
    """As much of `summary.json` as a metric is read from; None if that takes the whole of it.

    Args:
        trace: the run.
        whole_name: of the metric, such as `lag_s.orders.p99`.
        loads: of `stage_loads`.
        after_ns: end of the warm-up.
    """
    group, *rest = whole_name.split(".")
    saturated = [load.stage for load in loads if load.is_saturated]
    listed: Json = [{"stage": stage} for stage in saturated]
    if group in ANSWERED:
        return {group: plain(answered(trace, group, after_ns, saturated)), "saturated": listed}
    if group in SEEN and rest and rest[0] in trace.read_models:
        found = plain(seen(trace, group, rest[0], after_ns, saturated))
        return {group: {rest[0]: found}, "saturated": listed}
    return None
