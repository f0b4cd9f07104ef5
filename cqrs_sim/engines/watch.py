"""A watch on a run: it ends one whose threshold has failed already.

It looks now and then, on the run's own clock, at what is recorded from the warm-up on. An event or
a command that still waits counts with its age, so a value is the least that these rows can come to.
Judged early are upper limits (`<`, `<=`) on quantiles, maximum and mean of `response` and of each
`lag`, once there are enough rows for them; everything else only when the run is over. A run may
fail so that would have passed in the end, if its bad time came first: whoever sets a limit for a
whole run should leave the watch off.
"""

import math
from collections.abc import Callable, Sequence
from typing import cast

import numpy as np
from numpy.typing import NDArray

from cqrs_sim.analysis.metrics import without_unit
from cqrs_sim.analysis.quantiles import summarise_sample
from cqrs_sim.analysis.thresholds import COMPARISONS, Threshold
from cqrs_sim.engines.experiment import Experiment, Progress
from cqrs_sim.measurement.recorder import NAT

UPPER = ("<", "<=")
STATISTICS = ("p50", "p90", "p99", "p999", "max", "mean")
MOST_ROWS = 20_000
"""Looked at on the wall clock, where a look holds up the run; more are thinned."""


def is_watchable(threshold: Threshold, read_models: Sequence[str]) -> bool:
    """Whether a threshold can fail before its run is over."""
    group, *middle, statistic = map(without_unit, threshold.name.split("."))
    is_time = (group == "response" and not middle) or (
        group == "lag" and len(middle) == 1 and middle[0] in read_models
    )
    return is_time and statistic in STATISTICS and threshold.comparison in UPPER


class Watch:
    """Called with the progress of a run; interrupts it when a threshold has failed."""

    def __init__(
        self,
        experiment: Experiment,
        thresholds: Sequence[Threshold],
        *,
        every: int,
        most_rows: int | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> None:
        """Watch one run.

        Args:
            experiment: the run.
            thresholds: those that cannot be judged early are passed over.
            every: looks at one of so many reports.
            most_rows: of one look; more are thinned evenly.
            progress: is told everything as well.
        """
        read_models = tuple(experiment.scenario.read_models)
        self._experiment = experiment
        self._thresholds = [one for one in thresholds if is_watchable(one, read_models)]
        self._every = every
        self._most_rows = most_rows
        self._progress = progress
        self._reports = 0
        self.failed: str | None = None
        """What ended the run, with the value that was seen."""

    def __call__(self, progress: Progress) -> None:
        """Look, if it is time to."""
        if self._progress is not None:
            self._progress(progress)
        self._reports += 1
        if self._reports % self._every or self.failed is not None:
            return
        self.failed = self._look(progress)
        if self.failed is not None:
            self._experiment.kernel.interrupt()

    def _look(self, progress: Progress) -> str | None:
        for threshold in self._thresholds:
            _, *read_model, statistic = map(without_unit, threshold.name.split("."))
            times_s = (
                self._lags_s(read_model[0], progress) if read_model else self._responses_s(progress)
            )
            value: float | None = getattr(summarise_sample(times_s), statistic)
            keeps = COMPARISONS[threshold.comparison]
            if value is not None and not keeps(value, threshold.limit.number):
                return (
                    f"{threshold.expression}: was at least {value * 1e3:.4g} ms "
                    f"after {progress.elapsed_ns / 1e9:.4g} s"
                )
        return None

    def _lags_s(self, read_model: str, progress: Progress) -> NDArray[np.float64]:
        recorder, events = self._experiment.recorder, self._experiment.system.log.events
        index = list(self._experiment.scenario.read_models).index(read_model)
        # Positions count from 1, and events before the first of the run were set up.
        end = len(events) + 1
        rows = range(end - progress.committed_count, end, self._step(progress.committed_count))
        committed = _column(recorder.committed, [events[row - 1].causation_id for row in rows])
        # A recorder's columns are lists, though those who stamp need not know it.
        applied = _column(cast("list[int]", recorder.deliveries(index).applied), rows)
        return self._ages_s(committed, applied, progress.elapsed_ns)

    def _responses_s(self, progress: Progress) -> NDArray[np.float64]:
        recorder = self._experiment.recorder
        rows = range(0, progress.submitted_count, self._step(progress.submitted_count))
        intended = _column(recorder.intended, rows)
        return self._ages_s(intended, _column(recorder.acknowledged, rows), progress.elapsed_ns)

    def _ages_s(
        self, begun: NDArray[np.int64], done: NDArray[np.int64], now_ns: int
    ) -> NDArray[np.float64]:
        counts = begun >= self._experiment.scenario.run.warm_up
        ended = np.where(done == NAT, now_ns, done)
        return (ended - begun)[counts] / 1e9

    def _step(self, count: int) -> int:
        return 1 if self._most_rows is None else max(1, math.ceil(count / self._most_rows))


def _column(column: Sequence[int], rows: Sequence[int]) -> NDArray[np.int64]:
    return np.fromiter(map(column.__getitem__, rows), np.int64, len(rows))
