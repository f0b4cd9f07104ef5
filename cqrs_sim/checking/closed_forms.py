"""Closed forms beside simulation: what theory predicts, and what replications come to.

A prediction is of the steady state, so the scenario is run for long enough to be near it: what a
start from empty leaves is cut off, and as much is measured as it takes to say something. The
replications are independent, and their t-interval holds what they estimate in a known share of
cases (`analysis.intervals`). All intervals of a check together hold what they should with
probability 1 - ERROR: each is made for ERROR / their number (Bonferroni).
"""

import math
from collections.abc import Callable, Mapping
from typing import Final, Literal, TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.analysis.intervals import Interval, t_interval
from cqrs_sim.analysis.json_values import Json, plain
from cqrs_sim.analysis.lag import commands_after, consistency_lag_s, events_after, response_time_s
from cqrs_sim.analysis.quantiles import FRACTIONS, operations_needed, quantiles
from cqrs_sim.engines.algebra import engine as algebra
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.predictions import (
    RESPONSE,
    Prediction,
    command_rate_per_s,
    event_rate_per_s,
    predict,
    why_not,
)
from cqrs_sim.scenario.scenario import Scenario
from cqrs_sim.scenario.units import LONGEST_NS, Duration

Judgement: TypeAlias = Literal["inside", "outside", "too wide"]

NOTHING_RUN = "replications"
"""In place of a metric, where there are predictions and nothing to hold them against."""
PREDICTABLE: Final = "amendments"
"""The kind of workload of which theory says something where orders take time."""
ERROR = 0.001
"""Probability that a correct simulator is outside any of its intervals."""
REPLICATIONS = 20
FORGOTTEN = 10
"""Relaxation times that are cut off: then e^-10 of the start is left."""
MEASURED = 400
"""Relaxation times that are measured."""
MOST_OPERATIONS = 1_000_000
"""Of one replication; a scenario that needs more is not checked."""
WIDEST = 0.25
"""Half of an interval over its prediction, above which it says too little."""
DRAIN_NS = 86_400_000_000_000
"""A day: whatever was sent is finished, and no mean is withheld."""


@attrs.frozen(kw_only=True)
class ClosedForm:
    """One prediction, and what the replications say of it."""

    prediction: Prediction
    interval: Interval

    @property
    def judgement(self) -> Judgement:
        """Whether the interval holds the prediction, and is narrow enough to mean it."""
        low, high = self.interval.low, self.interval.high
        if low is None or high is None:
            return "too wide"
        if not low <= self.prediction.value_s <= high:
            return "outside"
        return "too wide" if (high - low) / 2 > WIDEST * self.prediction.value_s else "inside"


@attrs.frozen(kw_only=True)
class ClosedForms:
    """Everything that theory says of a scenario, and whether it is so."""

    found: tuple[ClosedForm, ...] = ()
    why_not: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    """Reasons where theory says nothing, or its steady state is too far, by `response` and
    `lag.<read model>`; by `replications` where nothing could be run."""
    replications: int = 0
    warm_up_s: float = 0.0
    duration_s: float = 0.0
    """Of each replication, the warm-up included."""
    level: float = 0.0
    """Of each interval."""

    @property
    def is_correct(self) -> bool:
        """Whether none is outside."""
        return all(one.judgement != "outside" for one in self.found)

    def to_json(self) -> dict[str, Json]:
        """Plain values, no nan."""
        return {
            "replications": self.replications,
            "warm_up_s": self.warm_up_s,
            "duration_s": self.duration_s,
            "level": self.level,
            "error_probability": ERROR,
            "why_not": {metric: list(reasons) for metric, reasons in self.why_not.items()},
            "metrics": [
                {
                    "metric": one.prediction.metric,
                    "formula": one.prediction.formula,
                    "predicted_s": one.prediction.value_s,
                    "interval": plain(one.interval),
                    "judgement": one.judgement,
                }
                for one in self.found
            ],
        }


def check_closed_forms(
    scenario: Scenario,
    *,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
    predicted: tuple[Prediction, ...] | None = None,
) -> ClosedForms:
    """Hold a scenario's predictions against replications of it on the algebra engine.

    Args:
        scenario: whose thresholds and length do not matter.
        seed: of the first replication; the others have the next ones.
        progress: told how many replications have ended, and how many there are.
        predicted: what to hold against it, by default what `predict` says.
    """
    predictions = predict(scenario) if predicted is None else predicted
    reasons = _with_hints(scenario, why_not(scenario))
    if not predictions:
        return ClosedForms(why_not=reasons)
    obstacles = algebra.unsupported(scenario)
    if obstacles:
        return ClosedForms(why_not={**reasons, NOTHING_RUN: tuple(obstacles)})
    for prediction in predictions:
        too_long = _why_too_long(scenario, prediction)
        if too_long:
            reasons[prediction.metric.rpartition(".")[0]] = (too_long,)
    predictions = tuple(one for one in predictions if one.metric.rpartition(".")[0] not in reasons)
    if not predictions:
        return ClosedForms(why_not=reasons)
    settled = _settled(scenario, max(one.relaxation_s for one in predictions))
    # The seeds behind the last one are those at the beginning.
    seeds = [(seed + number) % 2**64 for number in range(REPLICATIONS)]
    values: list[list[float | None]] = []
    for done, one in enumerate(seeds, 1):
        trace = algebra.compute(settled, seed=one)
        values.append(metric_values(trace, predictions, settled.run.warm_up))
        if progress is not None:
            progress(done, REPLICATIONS)
    level = 1.0 - ERROR / len(predictions)
    return ClosedForms(
        found=tuple(
            ClosedForm(prediction=prediction, interval=_interval(column, level))
            for prediction, column in zip(predictions, zip(*values, strict=True), strict=True)
        ),
        why_not=reasons,
        replications=REPLICATIONS,
        warm_up_s=settled.run.warm_up / 1e9,
        duration_s=settled.run.duration / 1e9,
        level=level,
    )


def _with_hints(
    scenario: Scenario, reasons: Mapping[str, tuple[str, ...]]
) -> dict[str, tuple[str, ...]]:
    """The reasons; where the workload's kind is the only one, with what to set for a prediction."""
    if scenario.workload.kind == PREDICTABLE or all(len(one) > 1 for one in reasons.values()):
        return dict(reasons)
    if scenario.asking:  # Not with orders that are all there before the run.
        return dict(reasons)
    workload = attrs.evolve(scenario.workload, kind=PREDICTABLE)
    changed = attrs.evolve(scenario, workload=workload)
    predicted = {
        one.metric.rpartition(".")[0] for one in predict(changed) if not _why_too_long(changed, one)
    }
    hint = f"--set workload.kind={PREDICTABLE} has closed forms"
    return {
        metric: (f"{why[0]} ({hint})",) if len(why) == 1 and metric in predicted else why
        for metric, why in reasons.items()
    }


def metric_values(
    trace: Trace, predictions: tuple[Prediction, ...], after_ns: int
) -> list[float | None]:
    """The value of each predicted metric in one run, as its summary would have it.

    Without making the whole summary, which takes ten times as long as the run. A quantile is given
    however small the sample is. None: something was never finished.
    """
    samples: dict[str, NDArray[np.float64]] = {}
    values: list[float | None] = []
    for prediction in predictions:
        of, _, measure = prediction.metric.rpartition(".")
        if of not in samples:
            samples[of] = _sample(trace, of, after_ns)
        sample = samples[of]
        if measure == "mean":
            values.append(float(sample.mean()) if len(sample) else None)
        else:
            values += quantiles(sample, [FRACTIONS[measure]])
    return [None if value is None or math.isnan(value) else value for value in values]


def _sample(trace: Trace, of: str, after_ns: int) -> NDArray[np.float64]:
    if of == RESPONSE:
        return response_time_s(trace)[commands_after(trace, after_ns)]
    read_model = of.removeprefix("lag.")
    return consistency_lag_s(trace, read_model)[events_after(trace, after_ns)]


def _interval(column: tuple[float | None, ...], level: float) -> Interval:
    known = [value for value in column if value is not None]
    return t_interval(known if len(known) == len(column) else [], level)


def _times_s(scenario: Scenario, relaxation_s: float) -> tuple[float, float]:
    """How long a warm-up, and then how long a measurement, a steady state takes."""
    slowest = event_rate_per_s(scenario) or command_rate_per_s(scenario)
    measured_s = max(MEASURED * relaxation_s, operations_needed(0.99) / slowest)
    return FORGOTTEN * relaxation_s, measured_s


def _why_too_long(scenario: Scenario, prediction: Prediction) -> str:
    """Why a steady state is out of reach; empty if it is not."""
    assert scenario.load.rate is not None
    length_s = sum(_times_s(scenario, prediction.relaxation_s))
    operations = scenario.load.rate * length_s
    if operations > MOST_OPERATIONS or length_s * 1e9 > LONGEST_NS:
        return (
            f"its steady state takes replications of {length_s:,.0f} s and {operations:,.0f} "
            f"operations each, more than {MOST_OPERATIONS:,} or a week"
        )
    return ""


def _settled(scenario: Scenario, relaxation_s: float) -> Scenario:
    """The scenario, long enough for the steady state."""
    warm_up_s, measured_s = _times_s(scenario, relaxation_s)
    warm_up = math.ceil(warm_up_s * 1e9)
    longer = attrs.evolve(
        scenario.run,
        warm_up=Duration(warm_up),
        duration=Duration(min(warm_up + math.ceil(measured_s * 1e9), LONGEST_NS)),
        drain=Duration(DRAIN_NS),
    )
    return attrs.evolve(scenario, run=longer)
