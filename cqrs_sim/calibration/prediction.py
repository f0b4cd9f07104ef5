"""Prediction beside measurement: the calibrated scenario simulated, the real one run.

Both follow the same plans, seed by seed. A quantity is compared by the median over the runs of its
quantile in each run, so a single disturbed run moves nothing; every run is kept and shown.
"""

from collections.abc import Sequence

import attrs
import numpy as np

from cqrs_sim.analysis.json_values import Json
from cqrs_sim.analysis.lag import (
    commands_after,
    consistency_lag_s,
    events_after,
    queries_after,
    response_time_s,
    seconds,
)
from cqrs_sim.analysis.quantiles import quantiles
from cqrs_sim.measurement.trace import Trace

TOLERANCE = 0.25
"""A median that is off by more is missed."""

JUDGED_AT = 0.5
"""Share of the saturation rate at which the verdict is given."""

RESPONSE, ANSWER = "response", "query response"

P50, P99 = 0.5, 0.99


def lag(read_model: str) -> str:
    """Name of the quantity."""
    return f"lag {read_model}"


@attrs.frozen(kw_only=True)
class RunFigures:
    """What one run came to."""

    seed: int
    p50_s: dict[str, float | None]
    """By quantity, in seconds; None where there is nothing, or it is censored."""
    p99_s: dict[str, float | None]
    invalid: str = ""
    """Why its generator is not to be trusted; empty if it is."""
    is_repeated: bool = False
    """Whether it was run once more, because the first time was invalid."""


def figures_of(
    trace: Trace, *, seed: int, warm_up_ns: int, invalid: str = "", is_repeated: bool = False
) -> RunFigures:
    """Median and p99 of every quantity, after the warm-up."""
    asked = queries_after(trace, warm_up_ns)
    samples = {RESPONSE: response_time_s(trace)[commands_after(trace, warm_up_ns)]}
    rows = events_after(trace, warm_up_ns)
    samples |= {lag(name): consistency_lag_s(trace, name)[rows] for name in trace.read_models}
    if asked.any():
        samples[ANSWER] = seconds(trace.queries.answered - trace.queries.intended)[asked]
    found = {name: quantiles(sample, (P50, P99)) for name, sample in samples.items()}
    return RunFigures(
        seed=seed,
        p50_s={name: values[0] for name, values in found.items()},
        p99_s={name: values[1] for name, values in found.items()},
        invalid=invalid,
        is_repeated=is_repeated,
    )


@attrs.frozen(kw_only=True)
class Pair:
    """One quantity, predicted and measured."""

    name: str
    predicted_s: float | None
    measured_s: float | None
    """Median over the runs."""
    measured_low_s: float | None
    measured_high_s: float | None
    """Least and greatest of the runs."""

    @property
    def error(self) -> float | None:
        """Predicted over measured, minus 1."""
        if self.predicted_s is None or not self.measured_s:
            return None
        return self.predicted_s / self.measured_s - 1.0

    @property
    def is_within(self) -> bool:
        """Whether the prediction is as good as was promised."""
        return self.error is not None and abs(self.error) <= TOLERANCE

    def to_json(self) -> dict[str, Json]:
        """As in the file."""
        return {**attrs.asdict(self), "error": self.error, "is_within": self.is_within}


@attrs.frozen(kw_only=True)
class AtRate:
    """Prediction and measurement at one rate."""

    share: float
    """Of the saturation rate."""
    rate_per_s: float
    predicted: tuple[RunFigures, ...]
    measured: tuple[RunFigures, ...]

    def medians(self) -> list[Pair]:
        """The median of each quantity."""
        return self._pairs("p50_s")

    def tails(self) -> list[Pair]:
        """The p99 of each quantity."""
        return self._pairs("p99_s")

    def judged(self) -> list[Pair]:
        """What the verdict is about: median response, and median lag of each read model."""
        return [pair for pair in self.medians() if pair.name != ANSWER]

    @property
    def invalid(self) -> list[str]:
        """What was wrong with measured runs, a line each."""
        return [f"seed {run.seed}: {run.invalid}" for run in self.measured if run.invalid]

    def _pairs(self, field: str) -> list[Pair]:
        names = dict.fromkeys(
            name for run in (*self.measured, *self.predicted) for name in getattr(run, field)
        )
        return [self._pair(field, name) for name in names]

    def _pair(self, field: str, name: str) -> Pair:
        predicted = [getattr(run, field).get(name) for run in self.predicted]
        measured = [getattr(run, field).get(name) for run in self.measured]
        known = [value for value in measured if value is not None]
        return Pair(
            name=name,
            predicted_s=middle_of(predicted),
            measured_s=middle_of(measured),
            measured_low_s=min(known, default=None),
            measured_high_s=max(known, default=None),
        )

    def to_json(self) -> dict[str, Json]:
        """As in the file."""
        return {
            "share": self.share,
            "rate_per_s": self.rate_per_s,
            "medians": [pair.to_json() for pair in self.medians()],
            "p99": [pair.to_json() for pair in self.tails()],
            "predicted": [attrs.asdict(run) for run in self.predicted],
            "measured": [attrs.asdict(run) for run in self.measured],
        }


def middle_of(values: Sequence[float | None]) -> float | None:
    """The median; None if any value is unknown, or there are none."""
    known = [value for value in values if value is not None]
    return float(np.median(known)) if known and len(known) == len(values) else None
