"""How soon an event is seen, although some were not seen before the run ended.

An event that was not applied when the run ended is *right-censored*: its lag is longer than its age
then. Leaving such events out makes a slow read model look fast, since it is the long lags that the
end cuts off. Two honest answers:

- Where the run is steady, an event's age at the end is independent of its lag (it says only when
  the event was committed), and the estimator of Kaplan and Meier recovers the distribution.
- Where it is not, lags grow with time, so the last events have both the shortest time to be seen in
  and the longest lags: censoring depends on the lag, and no estimator knows better. Then two bounds
  hold the empirical distribution between them: the censored were seen right at the end, or never.

Sources: E. L. Kaplan and P. Meier, "Nonparametric estimation from incomplete observations", Journal
of the American Statistical Association 53 (1958), 457-481; t-visibility: P. Bailis et al.,
"Probabilistically bounded staleness for practical partial quorums", VLDB 5 (2012), 776-787.
"""

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.analysis.lag import (
    consistency_lag_s,
    deliveries_by_event,
    events_after,
    seconds,
)
from cqrs_sim.analysis.quantiles import (
    FRACTIONS,
    Bounds,
    SampleSummary,
    quantiles,
    summary_of,
    too_few_for,
)
from cqrs_sim.measurement.trace import Trace

ROUNDING = 1e-9
"""A product of 10^6 factors is off by about 10^-10; no quantile may hang on that."""


@attrs.frozen(eq=False, kw_only=True)
class Curve:
    """A distribution function as a step function: P(T <= t)."""

    at_s: NDArray[np.float64]
    """Shape (n_steps,), seconds, increasing: where the function rises."""
    share: NDArray[np.float64]
    """Shape (n_steps,), in [0, 1], increasing: its value from there to the next step."""

    def at(self, time_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """The share by each of these times: shape (n,)."""
        steps = np.searchsorted(self.at_s, time_s, side="right")
        return np.concatenate([[0.0], self.share])[steps]

    def quantile(self, fraction: float) -> float | None:
        """The smallest t with P(T <= t) >= `fraction`; None if the curve does not get there."""
        step = int(np.searchsorted(self.share, fraction - ROUNDING))
        return float(self.at_s[step]) if step < len(self.at_s) else None


@attrs.frozen(eq=False, kw_only=True)
class Sample:
    """Durations, some of which the end of the run cut off. Columns: shape (n,)."""

    time_s: NDArray[np.float64]
    """Seconds: the duration, or where censored the age at the end, which it exceeds."""
    is_censored: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.time_s)

    @property
    def censored(self) -> int:
        """How many are."""
        return int(np.count_nonzero(self.is_censored))

    @property
    def never(self) -> NDArray[np.float64]:
        """Shape (n,), seconds; nan where censored."""
        return np.where(self.is_censored, np.nan, self.time_s)


@attrs.frozen(eq=False, kw_only=True)
class Visibility:
    """Which share of events is seen within a time, as far as the run can tell."""

    curve: Curve | None
    """The estimate; None where the run is not steady, so that there is none."""
    low: Curve
    """As if no censored event were ever seen: the curve is nowhere lower than this."""
    high: Curve
    """As if each censored event were seen just when the run ended: nowhere higher."""
    n: int
    """Events, censored ones included."""
    censored: int
    """Events not seen when the run ended."""


def kaplan_meier(time_s: NDArray[np.float64], is_censored: NDArray[np.bool_]) -> Curve:
    """The distribution of durations of which some are known only to be longer.

    P(T > t) = product over the observed durations t_i <= t of (1 - d_i / n_i)

    Where: d_i: durations that are t_i; n_i: durations, censored or not, that are at least t_i.

    Args:
        time_s: shape (n,), seconds, without nan.
        is_censored: shape (n,): whether the duration is longer than that, nobody knows how much.

    Source: Kaplan and Meier (1958), equation 2b. Valid where what censors does not depend on T.
    """
    # SciPy's statistics take 0.4 s to import; the command line should not wait for them.
    from scipy.stats import CensoredData, ecdf

    if not len(time_s):
        return _steps(time_s, 0)
    found = ecdf(CensoredData.right_censored(time_s, is_censored)).cdf
    # SciPy lists the instants of censoring too, at which nothing rises.
    rises = np.diff(found.probabilities, prepend=0.0) > 0.0
    return Curve(at_s=found.quantiles[rises], share=found.probabilities[rises])


def bounds(time_s: NDArray[np.float64], is_censored: NDArray[np.bool_]) -> tuple[Curve, Curve]:
    """The lowest and the highest distribution function that the durations allow; as above.

    Low: what is censored never happens. High: it happens right when it was cut off.
    """
    return _steps(time_s[~is_censored], len(time_s)), _steps(time_s, len(time_s))


def _steps(happened_s: NDArray[np.float64], size: int) -> Curve:
    """The empirical distribution function of a sample of `size` that happened so far."""
    at_s, count = np.unique(happened_s, return_counts=True)
    return Curve(at_s=at_s, share=np.cumsum(count) / max(size, 1))


def lag_sample(trace: Trace, read_model: str, *, after_ns: int = 0) -> Sample:
    """The consistency lags of the events committed at or after an instant; their ages if unseen."""
    lag_s = consistency_lag_s(trace, read_model)
    age_s = seconds(np.timedelta64(trace.ended_ns, "ns") - trace.events.committed)
    return _sample(lag_s, age_s, events_after(trace, after_ns))


def visibility_sample(trace: Trace, read_model: str, *, after_ns: int = 0) -> Sample:
    """max(0, applied - acknowledged), once per write, of events committed at or after an instant.

    Events whose command was never acknowledged are left out: nobody knew of them, and so nobody
    could wait to see them.
    """
    acknowledged = trace.commands.acknowledged[trace.events.command]
    needed = deliveries_by_event(trace, read_model).applied - acknowledged
    age = np.timedelta64(trace.ended_ns, "ns") - acknowledged
    rows = events_after(trace, after_ns) & ~np.isnat(acknowledged)
    return _sample(np.maximum(seconds(needed), 0.0), np.maximum(seconds(age), 0.0), rows)


def _sample(
    time_s: NDArray[np.float64], age_s: NDArray[np.float64], rows: NDArray[np.bool_]
) -> Sample:
    is_censored = np.isnan(time_s[rows])
    return Sample(time_s=np.where(is_censored, age_s[rows], time_s[rows]), is_censored=is_censored)


def visibility(trace: Trace, read_model: str, *, after_ns: int = 0, is_steady: bool) -> Visibility:
    """t-visibility: P(applied - acknowledged <= t), per write.

    The share of writes that a reader sees who asks t after its author was told that it succeeded.

    Args:
        trace: the run.
        read_model: its name.
        after_ns: end of the warm-up; events committed before it are left out.
        is_steady: whether the read model keeps up, so that lags do not grow with time.
    """
    return _curves(visibility_sample(trace, read_model, after_ns=after_ns), is_steady)


def lag_visibility(
    trace: Trace, read_model: str, *, after_ns: int = 0, is_steady: bool
) -> Visibility:
    """P(applied - committed <= t), per event: the same for the consistency lag."""
    return _curves(lag_sample(trace, read_model, after_ns=after_ns), is_steady)


def _curves(sample: Sample, is_steady: bool) -> Visibility:
    low, high = bounds(sample.time_s, sample.is_censored)
    curve = None
    if is_steady:
        # Without censoring all three are one, and SciPy need not be loaded.
        has_doubt = bool(sample.censored)
        curve = kaplan_meier(sample.time_s, sample.is_censored) if has_doubt else low
    return Visibility(curve=curve, low=low, high=high, n=len(sample), censored=sample.censored)


def summarise_censored(sample: Sample, *, is_steady: bool) -> SampleSummary:
    """Quantiles of a sample that the end of the run may have cut.

    Of a steady one by Kaplan and Meier; of any other they are withheld. Both come with bounds.
    """
    never = sample.never
    *found, longest = quantiles(never, (*FRACTIONS.values(), 1.0))
    named = dict(zip(FRACTIONS, found, strict=True))
    if is_steady and not sample.censored:
        return summary_of(never, named, longest)
    if is_steady:
        curve = kaplan_meier(sample.time_s, sample.is_censored)
        named = {name: curve.quantile(q) for name, q in FRACTIONS.items()}
    summary = summary_of(never, named, longest, _bounds(sample))
    return summary if is_steady else summary.withheld()


def _bounds(sample: Sample) -> Bounds:
    """What each quantile of a sample is at least and at most; of those that it can carry."""
    at_least = quantiles(sample.time_s, list(FRACTIONS.values()))
    at_most = quantiles(sample.never, list(FRACTIONS.values()))
    too_few = too_few_for(len(sample))
    named = zip(FRACTIONS, zip(at_least, at_most, strict=True), strict=True)
    return {name: limits for name, limits in named if name not in too_few and len(sample)}
