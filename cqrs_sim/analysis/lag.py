"""Times of one command and lags of one event: differences of stamps, by the definitions.

Each function gives one row a command or one an event, so that results of different functions line
up; nan means that the run ended first. Dropping those rows biases every tail downwards: pass them
on to `quantiles`, which counts them as longer than all others (right-censored).
"""

from itertools import pairwise

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.analysis.quantiles import quantiles
from cqrs_sim.measurement.enrichment_table import EnrichmentTable
from cqrs_sim.measurement.trace import DeliveryTable, Trace, select
from cqrs_sim.probe import Outcome

NAT = np.timedelta64("NaT", "ns")


@attrs.frozen(eq=False, kw_only=True)
class LagParts:
    """The parts of the consistency lag; they sum to it exactly.

    Columns: shape (n_events,), timedelta64[ns], in position order; NaT if never applied.
    """

    fan_out: NDArray[np.timedelta64]
    """delivered - committed: until there was room on the read model's channel."""
    channel: NDArray[np.timedelta64]
    """taken - delivered: waiting for the projector."""
    enrichment: NDArray[np.timedelta64]
    """What of applied - taken the projector waited for another system, which it asked about this
    event; 0 where it asked nothing."""
    apply: NDArray[np.timedelta64]
    """The rest of applied - taken: the projector at work, on earlier events of the batch too."""

    @property
    def lag(self) -> NDArray[np.timedelta64]:
        """Applied - committed."""
        return self.fan_out + self.channel + self.enrichment + self.apply


@attrs.frozen(eq=False, kw_only=True)
class LagOverTime:
    """The consistency lag by time of commit. Columns: shape (n_bins,), seconds."""

    middle_s: NDArray[np.float64]
    """The middle of each bin, from the start of the run."""
    median_s: NDArray[np.float64]
    """nan where no event was committed, or where the median is withheld."""
    p99_s: NDArray[np.float64]
    """nan as for the median; of fewer than 100 events it is their longest lag."""
    at_least_s: NDArray[np.float64]
    """Where most of a bin's events were never applied: their age when the run ended; else nan."""


def seconds(durations: NDArray[np.timedelta64]) -> NDArray[np.float64]:
    """The same in float seconds; nan where NaT."""
    return durations / np.timedelta64(1_000_000_000, "ns")


def mean_s(durations: NDArray[np.timedelta64]) -> float | None:
    """Their mean in float seconds, NaT left out; None if there is none."""
    known = durations[~np.isnat(durations)]
    return float(known.astype(np.int64).mean()) / 1e9 if len(known) else None


def response_time_s(trace: Trace) -> NDArray[np.float64]:
    """Acknowledged - intended, per command.

    Measured from when the command was wanted, not from when it was sent: a generator that falls
    behind must not hide the wait that it causes (coordinated omission).

    Returns:
        Shape (n_commands,), seconds, in plan order; nan if never acknowledged.
    """
    return seconds(trace.commands.acknowledged - trace.commands.intended)


def served_response_s(trace: Trace) -> NDArray[np.float64]:
    """The response time of what was served; nan also where a command was refused or given up.

    To be told no at once is a quick response and no service: the more are refused, the faster all
    responses together look. Here, as among reads, whoever was refused waits longer than all others.

    Returns:
        Shape (n_commands,), seconds, in plan order.
    """
    unserved = (Outcome.REFUSED, Outcome.DROPPED, Outcome.CONFLICT)
    is_refused = np.isin(trace.commands.outcome, unserved)
    return np.where(is_refused, np.nan, response_time_s(trace))


def schedule_slip_s(trace: Trace) -> NDArray[np.float64]:
    """Submitted - intended, per command: the generator's own fault; nan if never submitted."""
    return seconds(trace.commands.submitted - trace.commands.intended)


def queueing_s(trace: Trace) -> NDArray[np.float64]:
    """Dequeued - submitted, per command: time in the mailbox; nan if never dequeued."""
    return seconds(trace.commands.dequeued - trace.commands.submitted)


def service_s(trace: Trace) -> NDArray[np.float64]:
    """Committed - dequeued, per command: the order actor at work; nan if never committed."""
    return seconds(trace.commands.committed - trace.commands.dequeued)


def deliveries_by_event(trace: Trace, read_model: str) -> DeliveryTable:
    """The deliveries to one read model with one row an event; NaT where there was none.

    Should an event have been delivered twice, its first delivery counts.
    """
    deliveries, events = trace.deliveries_of(read_model), trace.events
    if np.array_equal(deliveries.position, events.position):
        return deliveries
    row = deliveries.position - trace.first_position
    known = np.flatnonzero((row >= 0) & (row < len(events)))[::-1]

    def spread(column: NDArray[np.timedelta64]) -> NDArray[np.timedelta64]:
        by_event = np.full(len(events), NAT)
        by_event[row[known]] = column[known]
        return by_event

    return DeliveryTable(
        read_model=np.full(len(events), trace.read_models.index(read_model), np.int8),
        position=events.position,
        delivered=spread(deliveries.delivered),
        taken=spread(deliveries.taken),
        applied=spread(deliveries.applied),
        checkpointed=spread(deliveries.checkpointed),
    )


def lag_parts(trace: Trace, read_model: str) -> LagParts:
    """The consistency lag of each event in its parts."""
    deliveries = deliveries_by_event(trace, read_model)
    is_applied = ~np.isnat(deliveries.applied)
    enrichment = np.where(is_applied, _enrichment(trace, read_model, deliveries), NAT)
    return LagParts(
        fan_out=np.where(is_applied, deliveries.delivered - trace.events.committed, NAT),
        channel=np.where(is_applied, deliveries.taken - deliveries.delivered, NAT),
        enrichment=enrichment,
        apply=np.where(is_applied, deliveries.applied - deliveries.taken, NAT) - enrichment,
    )


def enrichments_of(trace: Trace, read_model: str) -> EnrichmentTable:
    """What the projector of a read model asked another system, in the order asked."""
    index = trace.read_models.index(read_model)
    return select(trace.enrichments, trace.enrichments.read_model == index)


def _enrichment(
    trace: Trace, read_model: str, deliveries: DeliveryTable
) -> NDArray[np.timedelta64]:
    """How long questions about each event lasted between its being taken and applied.

    An event that is delivered again is asked about again, perhaps when it is shown already; and a
    projector that is replaced asks no longer when its successor shows the event.
    """
    waited = np.zeros(len(trace.events), "m8[ns]")
    asked = enrichments_of(trace, read_model)
    row = asked.position - trace.first_position
    begun = np.maximum(asked.asked, deliveries.taken[row])
    ended = np.fmin(asked.answered, deliveries.applied[row])
    lasted = np.maximum(ended - begun, np.timedelta64(0, "ns"))
    known = ~np.isnat(lasted)
    np.add.at(waited, row[known], lasted[known])
    return waited


def consistency_lag_s(trace: Trace, read_model: str) -> NDArray[np.float64]:
    """Applied - committed, per event: how long the read model did not show it.

    Returns:
        Shape (n_events,), seconds, in position order; nan if not applied when the run ended.
    """
    return seconds(deliveries_by_event(trace, read_model).applied - trace.events.committed)


def lag_over_time(trace: Trace, read_model: str, edges_s: NDArray[np.float64]) -> LagOverTime:
    """Median and p99 of the lag of the events committed in each bin.

    Args:
        trace: the run.
        read_model: its name.
        edges_s: shape (n_bins + 1,), seconds from the start of the run, increasing.
    """
    lag_s = consistency_lag_s(trace, read_model)
    limits = np.searchsorted(seconds(trace.events.committed), edges_s)
    bins = list(pairwise(limits))
    found = [quantiles(lag_s[first:last], (0.5, 0.99)) for first, last in bins]
    columns = np.array(found, dtype=np.float64).reshape(len(bins), 2)
    middle_s = (edges_s[:-1] + edges_s[1:]) / 2
    is_withheld = np.isnan(columns[:, 0]) & (np.diff(limits) > 0)
    return LagOverTime(
        middle_s=middle_s,
        median_s=columns[:, 0],
        p99_s=columns[:, 1],
        at_least_s=np.where(is_withheld, trace.ended_ns / 1e9 - middle_s, np.nan),
    )


def user_felt_window_s(trace: Trace, read_model: str) -> NDArray[np.float64]:
    """max(0, applied - acknowledged), per event: how long its author could miss it.

    Returns:
        Shape (n_events,), seconds, in position order; nan if not applied when the run ended, or if
        its command was never acknowledged.
    """
    acknowledged = trace.commands.acknowledged[trace.events.command]
    window = deliveries_by_event(trace, read_model).applied - acknowledged
    return np.maximum(seconds(window), 0.0)


def commands_after(trace: Trace, after_ns: int) -> NDArray[np.bool_]:
    """Which commands were intended at or after an instant: what a warm-up cut leaves."""
    return trace.commands.intended >= np.timedelta64(after_ns, "ns")


def events_after(trace: Trace, after_ns: int) -> NDArray[np.bool_]:
    """Which events were committed at or after an instant: what a warm-up cut leaves."""
    return trace.events.committed >= np.timedelta64(after_ns, "ns")


def queries_after(trace: Trace, after_ns: int) -> NDArray[np.bool_]:
    """Which queries were intended at or after an instant: what a warm-up cut leaves."""
    return trace.queries.intended >= np.timedelta64(after_ns, "ns")
