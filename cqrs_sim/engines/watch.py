"""A watch on a run: it ends one whose threshold has failed already.

It looks now and then, on the run's own clock, at what is recorded from the warm-up on. An event or
a command that still waits counts with its age, so a value is the least that these rows can come to.
Judged early are upper limits (`<`, `<=`) on quantiles, maximum and mean of `response` and of each
`lag`, once there are enough rows for them; everything else only when the run is over. A run may
fail so that would have passed in the end, if its bad time came first: whoever sets a limit for a
whole run should leave the watch off.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import cast

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.analysis.metrics import without_unit
from cqrs_sim.analysis.quantiles import FRACTIONS, quantiles, too_few_for
from cqrs_sim.analysis.thresholds import COMPARISONS, Threshold
from cqrs_sim.engines.experiment import Experiment, Progress
from cqrs_sim.measurement.works import NAT

UPPER = ("<", "<=")
STATISTICS = ("p50", "p90", "p99", "p999", "max", "mean")
MOST_ROWS = 20_000
"""Looked at on the wall clock, where a look holds up the run; more are thinned, evenly. Whether
there are enough for a quantile is told by the rows that there are, not by those looked at."""


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
            seen = self._lags(read_model[0], progress) if read_model else self._responses(progress)
            value = seen.statistic(statistic)
            keeps = COMPARISONS[threshold.comparison]
            if value is not None and not keeps(value, threshold.limit.number):
                return _broken(threshold, value, progress.elapsed_ns)
        return None

    def _lags(self, read_model: str, progress: Progress) -> "_Seen":
        recorder, events = self._experiment.recorder, self._experiment.system.log.events
        index = list(self._experiment.scenario.read_models).index(read_model)

        def committed_ns(position: int) -> int:
            return recorder.committed[events[position - 1].causation_id]

        # Positions count from 1, and events before the first of the run were set up.
        end = len(events) + 1
        counted = self._counted(range(end - progress.committed_count, end), committed_ns)
        looked_at = self._thinned(counted)
        committed = np.fromiter(map(committed_ns, looked_at), np.int64, len(looked_at))
        # A recorder's columns are lists, though those who stamp need not know it.
        applied = _column(cast("list[int]", recorder.deliveries(index).applied), looked_at)
        return _Seen(_ages_s(committed, applied, progress.elapsed_ns), len(counted))

    def _responses(self, progress: Progress) -> "_Seen":
        recorder = self._experiment.recorder
        counted = self._counted(range(progress.submitted_count), recorder.intended.__getitem__)
        looked_at = self._thinned(counted)
        intended = _column(recorder.intended, looked_at)
        acknowledged = _column(recorder.acknowledged, looked_at)
        return _Seen(_ages_s(intended, acknowledged, progress.elapsed_ns), len(counted))

    def _counted(self, rows: range, begun_ns: Callable[[int], int]) -> range:
        """The rows that began after the warm-up cut; they begin one after the other."""
        cut_ns = self._experiment.scenario.run.warm_up
        return rows[bisect_left(rows, cut_ns, key=begun_ns) :]

    def _thinned(self, rows: range) -> range:
        if self._most_rows is None:
            return rows
        return rows[:: max(1, math.ceil(len(rows) / self._most_rows))]


@attrs.frozen(eq=False)
class _Seen:
    """What one look saw."""

    times_s: NDArray[np.float64]
    """Of the rows looked at; what still waits has its age."""
    count: int
    """Of the rows that these stand for."""

    def statistic(self, name: str) -> float | None:
        """A quantile, maximum or mean; None if so many rows cannot carry it."""
        if not self.count or name in too_few_for(self.count):
            return None
        if name == "mean":
            return float(self.times_s.mean())
        return quantiles(self.times_s, (1.0 if name == "max" else FRACTIONS[name],))[0]


def _broken(threshold: Threshold, value_s: float, elapsed_ns: int) -> str:
    """What was seen of a threshold that has failed."""
    limit = threshold.expression.rpartition(threshold.comparison)[2].strip()
    beyond = "more" if value_s > threshold.limit.number else "not less"
    elapsed_s = elapsed_ns / 1e9
    when = f"{elapsed_s:.1f}" if elapsed_s >= 1.0 else f"{elapsed_s:.3g}"
    return f"{threshold.name} was {value_s * 1e3:,.4g} ms after {when} s, {beyond} than {limit}"


def _ages_s(begun: NDArray[np.int64], done: NDArray[np.int64], now_ns: int) -> NDArray[np.float64]:
    return (np.where(done == NAT, now_ns, done) - begun) / 1e9


def _column(column: Sequence[int], rows: Sequence[int]) -> NDArray[np.int64]:
    return np.fromiter(map(column.__getitem__, rows), np.int64, len(rows))
