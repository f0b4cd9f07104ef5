"""The price of a fresh read: what each strategy pays in response, and what staleness it leaves.

A read strategy trades one for the other: an *eventual* read answers at once what the read model
shows; *at_least* waits until it shows the session's own last write (so its price is what is left
of that write's lag); *write_side* queues behind the commands of its order. None of the three is
better, so the two sides are never summed up in one number.

A query that timed out or was refused has no answer, hence no staleness, and no response either: in
the response it counts as longer than all others, so that giving up cannot make a strategy fast.

Where the stage that answers is saturated, what depends on how far it is behind measures the length
of the run, and is withheld: the age of its answers, the versions that they lack, and the response
of whoever waits for it.
"""

from collections.abc import Collection, Iterator, Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.analysis.databases import queues_for
from cqrs_sim.analysis.json_values import Json, plain
from cqrs_sim.analysis.lag import queries_after, seconds
from cqrs_sim.analysis.quantiles import SampleSummary, summarise_sample
from cqrs_sim.analysis.saturation import WRITE_SIDE
from cqrs_sim.analysis.staleness import answer_staleness_s, own_writes
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.probe import NO_READ_MODEL, QueryOutcome, Strategy

QUERY_KEYS = {
    "GetOrderById": "by_id",
    "GetOrdersByCustomer": "by_customer",
    "GetOrdersByStatus": "by_status",
    "GetOrderStatistics": "statistics",
}
"""What a scenario calls each kind of query."""


@attrs.frozen(kw_only=True)
class ReadSummary:
    """The queries of one kind that were asked by one strategy. None: nothing to measure it on."""

    kind: str
    """Class name of the query."""
    strategy: str
    """`eventual`, `at_least` or `write_side`."""
    answered_by: str | None = None
    """The stage that answers: `write side` or a read model; None if no such query was answered."""
    withheld: tuple[str, ...] = ()
    """Names of the fields without a value because that stage is saturated."""
    n: int
    """Queries asked; the sum of the following four."""
    answered: int
    timed_out: int
    refused: int
    unfinished: int
    response_s: SampleSummary
    """Answered - intended, of all that were asked; without an answer it is longer than any."""
    answered_mean_s: float | None
    """Mean response of the answered ones only: what the others waited for nothing is not in it."""
    paid_mean_s: float | None
    """Mean time that a query took its asker, answered or not: until the answer, until it was given
    up or refused, or until the run ended. None if some timed out and nobody says after what."""
    stale: int
    """Answers that lacked a committed event which they should have shown."""
    stale_share: float | None
    """Their share of the answers."""
    age_s: SampleSummary
    """Staleness of the answers: age of the oldest event lacking, 0 where none was."""
    versions_missing_mean: float | None
    """Of answers about one order; None for other kinds, and where withheld."""
    versions_missing_max: int | None
    own_writes: int
    """Answers about an order that their session had written, and knew so: base of the next."""
    missed_own_share: float | None
    """Share of these in which the session's last write was missing."""

    def to_json(self) -> dict[str, Json]:
        """Plain values under the names of the fields."""
        return plain(self)


@attrs.frozen
class ReadsSummary:
    """All reads of a run."""

    rows: tuple[ReadSummary, ...]
    """By kind, then by strategy; what was never asked is left out."""

    def to_json(self) -> dict[str, Json]:
        """`{kind: {strategy: {...}}}`; the keys of a row do not repeat the two."""
        found: dict[str, dict[str, Json]] = {}
        for row in self.rows:
            fields = row.to_json()
            found.setdefault(str(fields.pop("kind")), {})[str(fields.pop("strategy"))] = fields
        return {**found}

    def of_kind(self, kind: str) -> tuple[ReadSummary, ...]:
        """The rows of one kind of query, a strategy each."""
        return tuple(row for row in self.rows if row.kind == kind)

    def of(self, kind: str, strategy: str) -> ReadSummary | None:
        """One row; None if no such query was asked."""
        return next((row for row in self.of_kind(kind) if row.strategy == strategy), None)


def summarise_reads(
    trace: Trace,
    *,
    after_ns: int = 0,
    timeout_ns: int | None = None,
    saturated: Collection[str] = (),
) -> ReadsSummary:
    """What the reads intended at or after an instant paid, and what they got.

    Args:
        trace: the run.
        after_ns: what was intended before is left out.
        timeout_ns: after which a query that waits is given up; the trace does not say.
        saturated: names of the stages that are.
    """
    age_s, chosen = answer_staleness_s(trace), queries_after(trace, after_ns)
    paid_s = _paid_s(trace, timeout_ns)
    found = [
        _summary(trace, kind, strategy, age_s, paid_s, rows)
        for kind, strategy, rows in _groups(trace, chosen)
    ]
    queue = {
        name
        for number, name in enumerate((WRITE_SIDE, *trace.read_models), start=NO_READ_MODEL)
        if queues_for(trace, number, saturated)
    }
    return ReadsSummary(
        tuple(
            _withhold(row, queues=row.answered_by in queue) if row.answered_by in saturated else row
            for row in found
        )
    )


def _withhold(row: ReadSummary, *, queues: bool) -> ReadSummary:
    """Without what measures how far behind the answering stage is; counts and shares stay.

    `queues`: whether even who asks for nothing fresh waits for a database that is saturated.
    """
    # The write side knows all that it answers about: late as it may be, its answers lack nothing.
    names = [] if row.answered_by == WRITE_SIDE else ["age_s"]
    if names and row.versions_missing_mean is not None:
        names += ["versions_missing_mean", "versions_missing_max"]
    if queues or row.strategy != Strategy.EVENTUAL.name.lower():
        names += ["response_s", "answered_mean_s", "paid_mean_s"]
    is_behind = "age_s" in names
    return attrs.evolve(
        row,
        withheld=tuple(names),
        age_s=row.age_s.withheld() if is_behind else row.age_s,
        response_s=row.response_s.withheld() if "response_s" in names else row.response_s,
        answered_mean_s=None if "answered_mean_s" in names else row.answered_mean_s,
        paid_mean_s=None if "paid_mean_s" in names else row.paid_mean_s,
        versions_missing_mean=None if is_behind else row.versions_missing_mean,
        versions_missing_max=None if is_behind else row.versions_missing_max,
    )


def _answered_by(trace: Trace, kind: str, strategy: Strategy) -> str | None:
    """The stage that answers queries of a kind by a strategy, as the answered ones show."""
    if strategy is Strategy.WRITE_SIDE:
        return WRITE_SIDE
    queries = trace.queries
    # Of any other strategy too: those that wait may all have waited for nothing.
    rows = (queries.kind == trace.query_kinds.index(kind)) & (queries.read_model >= 0)
    models = queries.read_model[rows & ~np.isnat(queries.answered)]
    return trace.read_models[int(models[0])] if len(models) else None


def _groups(
    trace: Trace, chosen: NDArray[np.bool_]
) -> Iterator[tuple[str, Strategy, NDArray[np.bool_]]]:
    queries = trace.queries
    for code, kind in enumerate(trace.query_kinds):
        for strategy in Strategy:
            rows = chosen & (queries.kind == code) & (queries.strategy == strategy)
            if rows.any():
                yield kind, strategy, rows


def _paid_s(trace: Trace, timeout_ns: int | None) -> NDArray[np.float64]:
    """From when a query was intended until its asker was free again; nan where nobody can say."""
    queries = trace.queries
    waited = np.timedelta64("NaT" if timeout_ns is None else timeout_ns, "ns")
    ended = np.timedelta64(trace.ended_ns, "ns")
    until = np.select(
        [queries.outcome == code for code in (QueryOutcome.TIMED_OUT, QueryOutcome.REFUSED)],
        [queries.submitted + waited, queries.submitted],
        default=np.where(np.isnat(queries.answered), ended, queries.answered),
    )
    return seconds(until - queries.intended)


def _summary(
    trace: Trace,
    kind: str,
    strategy: Strategy,
    age_s: NDArray[np.float64],
    paid_s: NDArray[np.float64],
    rows: NDArray[np.bool_],
) -> ReadSummary:
    queries = trace.queries
    outcomes = np.bincount(queries.outcome[rows], minlength=len(QueryOutcome)).tolist()
    answered = rows & ~np.isnat(queries.answered)
    lacking_s, missing = age_s[answered], queries.versions_missing[answered]
    is_stale, counted = ~np.isnan(lacking_s), missing[~np.isnan(missing)]
    response_s = seconds(queries.answered - queries.intended)
    own, paid_mean_s = own_writes(trace, rows), _mean(paid_s[rows])
    return ReadSummary(
        kind=kind,
        strategy=strategy.name.lower(),
        answered_by=_answered_by(trace, kind, strategy),
        n=int(np.count_nonzero(rows)),
        answered=outcomes[QueryOutcome.ANSWERED],
        timed_out=outcomes[QueryOutcome.TIMED_OUT],
        refused=outcomes[QueryOutcome.REFUSED],
        unfinished=outcomes[QueryOutcome.UNFINISHED],
        response_s=summarise_sample(response_s[rows]),
        answered_mean_s=_mean(response_s[answered]),
        paid_mean_s=None if paid_mean_s is None or np.isnan(paid_mean_s) else paid_mean_s,
        stale=int(np.count_nonzero(is_stale)),
        stale_share=_mean(is_stale.astype(np.float64)),
        age_s=summarise_sample(np.nan_to_num(lacking_s, nan=0.0)),
        versions_missing_mean=_mean(counted),
        versions_missing_max=int(counted.max()) if len(counted) else None,
        own_writes=own.queries,
        missed_own_share=own.queries_that_missed / own.queries if own.queries else None,
    )


def _mean(sample: NDArray[np.float64] | Sequence[float]) -> float | None:
    return float(np.mean(sample)) if len(sample) else None
