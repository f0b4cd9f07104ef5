"""The summary of a run: what `summary.json` holds.

Everything from the warm-up cut on: commands and queries by their intended instant, events by their
commit. Percentiles of a stage that is saturated are withheld (None), and the reason stands in
`saturated`; the mean parts in `stages_s` are kept, as a description of what was seen.
"""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.analysis.consistency import CheckResult, check_trace, outcome_counts
from cqrs_sim.analysis.lag import (
    NAT,
    commands_after,
    consistency_lag_s,
    deliveries_by_event,
    events_after,
    lag_parts,
    queries_after,
    response_time_s,
    seconds,
)
from cqrs_sim.analysis.quantiles import SampleSummary, summarise_sample
from cqrs_sim.analysis.saturation import WRITE_SIDE, StageLoad, invalid_reasons, stage_loads
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.probe import Outcome

Json: TypeAlias = Mapping[str, "Json"] | Sequence["Json"] | str | int | float | bool | None

SCHEMA = 1


@attrs.frozen(kw_only=True)
class RatesPerS:
    """Rates over the load period after the warm-up; None if that is empty."""

    offered: float | None
    """Commands intended per second."""
    accepted: float | None
    """Commands committed per second."""
    applied: float | None
    """Commands per second whose events all read models came to show."""


@attrs.frozen(kw_only=True)
class MeanStages:
    """Arithmetic means over the rows that passed every stage, so that the parts sum to `whole`."""

    parts: Mapping[str, float | None]
    """Seconds, in the order of the stages; None if no row passed them all."""
    whole_name: str
    """`response`, `lag` or `path`."""
    whole: float | None
    n: int
    """How many rows passed them all."""

    def to_json(self) -> Json:
        """As in the file."""
        return {**self.parts, self.whole_name: self.whole, "n": self.n}


@attrs.frozen(kw_only=True)
class QuerySummary:
    """How many queries were asked, and how stale their answers were."""

    offered: int
    answered: int
    about_one_order: int
    """Answered queries that asked for one order: the base of the next two."""
    stale: int
    """Of these, answers with a committed version of the order missing."""
    versions_missing_mean: float | None
    versions_missing_max: int | None


@attrs.frozen(kw_only=True)
class Summary:
    """What one run came to."""

    engine: str
    seed: int
    scenario: str
    complete: bool
    """False if the run was cut short."""
    warm_up_s: float
    commands: Mapping[Outcome, int]
    rates_per_s: RatesPerS
    response_s: SampleSummary
    lag_s: Mapping[str, SampleSummary]
    """By read model."""
    queries: QuerySummary
    queries_s: SampleSummary
    """Answered - intended."""
    write_stages_s: MeanStages
    read_stages_s: Mapping[str, MeanStages]
    """By read model."""
    loads: tuple[StageLoad, ...]
    """Every stage, saturated or not."""
    invalid: tuple[str, ...]
    """Why the measurement is invalid; empty if it is valid."""
    checks: tuple[CheckResult, ...]
    provenance: Mapping[str, Json]

    @property
    def saturated(self) -> tuple[StageLoad, ...]:
        """The stages that are."""
        return tuple(load for load in self.loads if load.is_saturated)

    @property
    def is_correct(self) -> bool:
        """Whether every check passed."""
        return all(check.ok for check in self.checks)

    def to_json(self) -> dict[str, Json]:
        """The content of `summary.json`: plain values, no nan."""
        response_s = attrs.asdict(self.response_s)
        return {
            "schema": SCHEMA,
            "engine": self.engine,
            "seed": self.seed,
            "scenario": self.scenario,
            "complete": self.complete,
            "warm_up_s": self.warm_up_s,
            "commands": {
                "offered": sum(self.commands.values()),
                **{outcome.name.lower(): self.commands[outcome] for outcome in _REPORTED},
            },
            "rates_per_s": attrs.asdict(self.rates_per_s),
            "response_s": response_s,
            "lag_s": {name: attrs.asdict(lag) for name, lag in self.lag_s.items()},
            "queries": attrs.asdict(self.queries),
            "queries_s": attrs.asdict(self.queries_s),
            "stages_s": {
                "write_side": self.write_stages_s.to_json(),
                "read_models": {name: s.to_json() for name, s in self.read_stages_s.items()},
            },
            "offered_load": {load.stage: load.offered_load for load in self.loads},
            "saturated": [
                {
                    "stage": load.stage,
                    "offered_load": load.offered_load,
                    "slope_per_s": load.slope_per_s,
                    "reasons": list(load.reasons),
                }
                for load in self.saturated
            ],
            "invalid": list(self.invalid),
            "checks": {
                check.name: {
                    "ok": check.ok,
                    "detail": check.detail,
                    "witness": list(check.witness),
                }
                for check in self.checks
            },
            "provenance": dict(self.provenance),
        }


_REPORTED = (
    Outcome.ACCEPTED,
    Outcome.REJECTED,
    Outcome.REFUSED,
    Outcome.DROPPED,
    Outcome.UNKNOWN,
    Outcome.UNFINISHED,
)
"""In the order of a reader's interest."""


def summarise(
    trace: Trace,
    *,
    scenario: str = "unnamed",
    engine: str = "unknown",
    seed: int = 0,
    complete: bool = True,
    warm_up_ns: int = 0,
    deadline_ns: int | None = None,
    checks: Sequence[CheckResult] = (),
    provenance: Mapping[str, Json] | None = None,
) -> Summary:
    """Summarise a run.

    Args:
        trace: the run.
        scenario: its name.
        engine: what ran it.
        seed: of its draws.
        complete: whether it ran to its end.
        warm_up_ns: what came before is left out, but for the checks.
        deadline_ns: as for `check_trace`; ignored if the run is not complete.
        checks: results of checks that need more than the trace.
        provenance: versions, machine and clock, for the record.
    """
    loads = stage_loads(trace, after_ns=warm_up_ns)
    saturated = {load.stage for load in loads if load.is_saturated}
    rows = commands_after(trace, warm_up_ns)
    response = summarise_sample(response_time_s(trace)[rows])
    asked = queries_after(trace, warm_up_ns)
    queries_s = seconds(trace.queries.answered - trace.queries.intended)[asked]
    return Summary(
        engine=engine,
        seed=seed,
        scenario=scenario,
        complete=complete,
        warm_up_s=warm_up_ns / 1e9,
        commands=outcome_counts(trace.commands, rows),
        rates_per_s=_rates(trace, warm_up_ns),
        response_s=response.withheld() if WRITE_SIDE in saturated else response,
        lag_s={
            name: _lag(trace, name, warm_up_ns, is_saturated=name in saturated)
            for name in trace.read_models
        },
        queries=_queries(trace, asked),
        queries_s=summarise_sample(queries_s),
        write_stages_s=write_stages_s(trace, after_ns=warm_up_ns),
        read_stages_s={
            name: read_stages_s(trace, name, after_ns=warm_up_ns) for name in trace.read_models
        },
        loads=loads,
        invalid=invalid_reasons(trace, after_ns=warm_up_ns),
        checks=(*check_trace(trace, deadline_ns=deadline_ns if complete else None), *checks),
        provenance=provenance or {},
    )


def write_stages_s(trace: Trace, *, after_ns: int = 0) -> MeanStages:
    """Where accepted commands spent their response time, on average."""
    rows = commands_after(trace, after_ns) & (trace.commands.outcome == Outcome.ACCEPTED)
    commands = trace.commands
    parts = {
        "slip": commands.submitted - commands.intended,
        "queueing": commands.dequeued - commands.submitted,
        "service": commands.committed - commands.dequeued,
        "reply": commands.acknowledged - commands.committed,
    }
    return _mean_stages({name: part[rows] for name, part in parts.items()}, "response")


def read_stages_s(trace: Trace, read_model: str, *, after_ns: int = 0) -> MeanStages:
    """Where events spent their consistency lag, on average."""
    rows = events_after(trace, after_ns)
    parts = lag_parts(trace, read_model)
    return _mean_stages(
        {
            "fan_out": parts.fan_out[rows],
            "channel": parts.channel[rows],
            "apply": parts.apply[rows],
        },
        "lag",
    )


def path_stages_s(trace: Trace, read_model: str, *, after_ns: int = 0) -> MeanStages:
    """Where events spent the time from their command's mailbox to the read model, on average."""
    rows = events_after(trace, after_ns)
    command = trace.events.command
    parts = lag_parts(trace, read_model)
    path = {
        "queueing": (trace.commands.dequeued - trace.commands.submitted)[command],
        "service": (trace.commands.committed - trace.commands.dequeued)[command],
        "fan_out": parts.fan_out,
        "channel": parts.channel,
        "apply": parts.apply,
    }
    return _mean_stages({name: part[rows] for name, part in path.items()}, "path")


def _mean_stages(parts: Mapping[str, NDArray[np.timedelta64]], whole_name: str) -> MeanStages:
    """Means over one common set of rows, from exact integer totals."""
    passed = np.all([~np.isnat(part) for part in parts.values()], axis=0)
    count = int(np.count_nonzero(passed))
    totals = {name: int(part[passed].astype(np.int64).sum()) for name, part in parts.items()}
    return MeanStages(
        parts={name: _mean_s(total, count) for name, total in totals.items()},
        whole_name=whole_name,
        whole=_mean_s(sum(totals.values()), count),
        n=count,
    )


def _mean_s(total_ns: int, count: int) -> float | None:
    return total_ns / count / 1e9 if count else None


def _lag(trace: Trace, read_model: str, after_ns: int, *, is_saturated: bool) -> SampleSummary:
    rows = events_after(trace, after_ns)
    lag = summarise_sample(consistency_lag_s(trace, read_model)[rows])
    return lag.withheld() if is_saturated else lag


def _rates(trace: Trace, after_ns: int) -> RatesPerS:
    window_s = (trace.load_ended_ns - after_ns) / 1e9
    if window_s <= 0.0:
        return RatesPerS(offered=None, accepted=None, applied=None)
    start, end = np.timedelta64(after_ns, "ns"), np.timedelta64(trace.load_ended_ns, "ns")

    def rate_per_s(stamps: NDArray[np.timedelta64]) -> float:
        return int(np.count_nonzero((stamps >= start) & (stamps < end))) / window_s

    return RatesPerS(
        offered=rate_per_s(trace.commands.intended),
        accepted=rate_per_s(trace.commands.committed),
        applied=rate_per_s(_shown_everywhere(trace)),
    )


def _shown_everywhere(trace: Trace) -> NDArray[np.timedelta64]:
    """When the last event of each command was shown by the last read model; NaT if it was not.

    Shape (n_commands,).
    """
    shown = np.full(len(trace.commands), NAT)
    if len(trace.events):
        applied = [deliveries_by_event(trace, name).applied for name in trace.read_models]
        last = trace.commands.position - trace.first_position
        rows = np.flatnonzero((last >= 0) & (last < len(trace.events)))
        # The maximum of timedelta64 is NaT if any of them is.
        shown[rows] = np.max(applied, axis=0)[last[rows]]
    return shown


def _queries(trace: Trace, rows: NDArray[np.bool_]) -> QuerySummary:
    missing = trace.queries.versions_missing[rows]
    known = missing[~np.isnan(missing)]
    return QuerySummary(
        offered=int(np.count_nonzero(rows)),
        answered=int(np.count_nonzero(~np.isnat(trace.queries.answered[rows]))),
        about_one_order=len(known),
        stale=int(np.count_nonzero(known)),
        versions_missing_mean=float(known.mean()) if len(known) else None,
        versions_missing_max=int(known.max()) if len(known) else None,
    )
