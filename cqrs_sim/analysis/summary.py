"""The summary of a run: what `summary.json` holds.

Everything from the warm-up cut on: commands and queries by their intended instant, events by their
commit. Percentiles of a stage that is saturated are withheld (None), and the reason stands in
`saturated`. So is, in `stages_s`, what grows there for as long as the run does: means over what
got through would drop what did not, which is the longest. Where events were not seen before the run
ended, lags come by Kaplan and Meier, with bounds (`survival`).
"""

from collections.abc import Collection, Mapping, Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.analysis.attempts import AttemptsSummary, check_attempts, summarise_attempts
from cqrs_sim.analysis.cache import CacheSummary, summarise_cache
from cqrs_sim.analysis.consistency import CheckResult, outcome_counts
from cqrs_sim.analysis.databases import DatabaseSummary, queues_for, summarise_databases
from cqrs_sim.analysis.delivery import DeliverySummary, check_run, summarise_delivery
from cqrs_sim.analysis.enrichment import EnrichmentSummary, summarise_enrichments
from cqrs_sim.analysis.episodes import Episode, find_episodes
from cqrs_sim.analysis.gaps import GapSummary, summarise_gaps
from cqrs_sim.analysis.generator import GeneratorHealth, generator_health
from cqrs_sim.analysis.json_values import Json, by_name, plain
from cqrs_sim.analysis.lag import (
    NAT,
    commands_after,
    deliveries_by_event,
    events_after,
    queries_after,
    seconds,
)
from cqrs_sim.analysis.planned import NOTHING_PLANNED, Planned
from cqrs_sim.analysis.quantiles import SampleSummary, summarise_sample
from cqrs_sim.analysis.reads import ReadsSummary, summarise_reads
from cqrs_sim.analysis.renames import RenamesSummary, summarise_renames
from cqrs_sim.analysis.samples import answered, seen
from cqrs_sim.analysis.saturation import (
    WRITE_SIDE,
    StageLoad,
    censoring_reasons,
    invalid_reasons,
    stage_loads,
)
from cqrs_sim.analysis.single_run import SingleRunIntervals, single_run_intervals
from cqrs_sim.analysis.stages import (
    MeanStages,
    StageBacklog,
    read_stages_s,
    stage_backlogs,
    write_stages_s,
)
from cqrs_sim.analysis.staleness import OwnWrites, own_writes
from cqrs_sim.analysis.warm_up import WarmUp, check_warm_up
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.probe import NO_READ_MODEL, Outcome

SCHEMA = 1

OF_SATURATED = ("stage", "offered_load", "offered_per_s", "saturates_at_per_s", "slope_per_s")
"""What is told of a stage that is saturated, besides the reasons."""


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
class QuerySummary:
    """How many queries were asked, and how stale their answers were."""

    offered: int
    answered: int
    about_one_order: int
    """Answered queries that asked for one order: the base of the next two."""
    stale: int
    """Of these, answers with a committed version of the order missing."""
    versions_missing_mean: float | None
    """None, as the next, too where a read model that answers any of them is saturated."""
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
    """Of all commands, those too that were told no."""
    served_response_s: SampleSummary
    """The same, but what was refused or given up counts as longer than any, and as censored."""
    lag_s: Mapping[str, SampleSummary]
    """By read model."""
    visibility_s: Mapping[str, SampleSummary]
    """By read model: max(0, applied - acknowledged), per write."""
    backlog: Mapping[str, StageBacklog]
    """By stage."""
    warm_up: WarmUp
    response_interval: SingleRunIntervals | None
    """None if the write side is saturated."""
    lag_intervals: Mapping[str, SingleRunIntervals | None]
    """By read model; None if it is saturated."""
    queries: QuerySummary
    queries_s: SampleSummary
    """Answered - intended; withheld where any query waits for a stage that is saturated."""
    reads: ReadsSummary
    """By kind of query and read strategy."""
    own_writes: OwnWrites
    cache: CacheSummary
    generator: GeneratorHealth
    write_stages_s: MeanStages
    """Without queueing and the sum where the write side is saturated."""
    read_stages_s: Mapping[str, MeanStages]
    """By read model; without fan-out, channel and the sum where it is saturated, or did not come to
    show every event."""
    loads: tuple[StageLoad, ...]
    """Every stage, saturated or not."""
    databases: Mapping[str, DatabaseSummary]
    """By name, those that stages share."""
    delivery: Mapping[str, DeliverySummary]
    """By read model: what was lost, delivered again, doubled, over the whole run."""
    gaps: Mapping[str, GapSummary]
    """By read model whose tasks look for gaps: how many they met, and what came of them."""
    attempts: AttemptsSummary
    """What handlers tried, where no actor owns an order."""
    enrichment: Mapping[str, EnrichmentSummary]
    """By read model whose projector asked another system, over the whole run."""
    renames: RenamesSummary | None
    """None if no customer was to be renamed."""
    episodes: tuple[Episode, ...]
    """When a stage that is not saturated fell behind for a while, in order of time."""
    invalid: tuple[str, ...]
    """Why the measurement is invalid; empty if it is valid."""
    checks: tuple[CheckResult, ...]
    provenance: Mapping[str, Json]
    rehydration: Mapping[str, Json] = attrs.field(factory=dict)
    """As `rehydration.RehydrationSummary`; empty if the engine has no order actors."""

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
            "rates_per_s": plain(self.rates_per_s),
            "response_s": plain(self.response_s),
            "served_response_s": plain(self.served_response_s),
            "lag_s": {name: plain(lag) for name, lag in self.lag_s.items()},
            "visibility_s": {name: plain(sample) for name, sample in self.visibility_s.items()},
            "queries": plain(self.queries),
            "queries_s": plain(self.queries_s),
            "reads": self.reads.to_json(),
            "own_writes": plain(self.own_writes),
            "rehydration": dict(self.rehydration),
            "cache": plain(self.cache),
            "generator": self.generator.to_json(),
            "stages_s": {
                "write_side": self.write_stages_s.to_json(),
                "read_models": {name: s.to_json() for name, s in self.read_stages_s.items()},
            },
            "backlog": {stage: plain(backlog) for stage, backlog in self.backlog.items()},
            "warm_up": plain(self.warm_up),
            "intervals": {
                "response_s": _interval_json(self.response_interval),
                "lag_s": {
                    name: _interval_json(found) for name, found in self.lag_intervals.items()
                },
            },
            "offered_load": {load.stage: load.offered_load for load in self.loads},
            "saturated": [
                {**{key: getattr(load, key) for key in OF_SATURATED}, "reasons": [*load.reasons]}
                for load in self.saturated
            ],
            "databases": by_name(self.databases),
            "delivery": by_name(self.delivery),
            "attempts": plain(self.attempts),
            **({"gaps": by_name(self.gaps)} if self.gaps else {}),
            **({"enrichment": by_name(self.enrichment)} if self.enrichment else {}),
            **({} if self.renames is None else {"renames": self.renames.to_json()}),
            "episodes": [plain(episode) for episode in self.episodes],
            "invalid": list(self.invalid),
            "checks": {check.name: check.to_json() for check in self.checks},
            "provenance": dict(self.provenance),
        }


def _interval_json(found: SingleRunIntervals | None) -> Json:
    return None if found is None else plain(found)


_REPORTED = (
    *(Outcome.ACCEPTED, Outcome.REJECTED, Outcome.REFUSED, Outcome.DROPPED, Outcome.CONFLICT),
    *(Outcome.UNKNOWN, Outcome.REPEATED, Outcome.UNFINISHED),
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
    planned: Planned = NOTHING_PLANNED,
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
        planned: what the trace does not say.
    """
    closed, batches, varies = planned.is_closed, planned.batches, planned.varies
    timeout_ns, ends_ns = planned.query_timeout_ns, deadline_ns if complete else None
    loads = stage_loads(trace, after_ns=warm_up_ns, is_closed=closed, batches=batches)
    saturated = {load.stage for load in loads if load.is_saturated}
    rows, asked = commands_after(trace, warm_up_ns), queries_after(trace, warm_up_ns)
    intervals = single_run_intervals(trace, warm_up_ns, saturated, varies)
    reads = summarise_reads(trace, after_ns=warm_up_ns, timeout_ns=timeout_ns, saturated=saturated)
    return Summary(
        engine=engine,
        seed=seed,
        scenario=scenario,
        complete=complete,
        warm_up_s=warm_up_ns / 1e9,
        commands=outcome_counts(trace.commands, rows),
        rates_per_s=_rates(trace, warm_up_ns),
        response_s=answered(trace, "response_s", warm_up_ns, saturated),
        served_response_s=answered(trace, "served_response_s", warm_up_ns, saturated),
        lag_s=_seen(trace, "lag_s", warm_up_ns, saturated),
        visibility_s=_seen(trace, "visibility_s", warm_up_ns, saturated),
        backlog=stage_backlogs(trace, after_ns=warm_up_ns),
        warm_up=check_warm_up(trace, warm_up_ns, saturated, varies),
        response_interval=intervals[WRITE_SIDE],
        lag_intervals={name: intervals[name] for name in trace.read_models},
        queries=_queries(trace, asked, reads),
        queries_s=_queries_s(trace, asked, reads),
        reads=reads,
        own_writes=own_writes(trace, asked),
        cache=summarise_cache(trace, after_ns=warm_up_ns, saturated=saturated),
        generator=generator_health(trace, after_ns=warm_up_ns, host=(provenance or {}).get("host")),
        write_stages_s=_write_stages_s(trace, warm_up_ns, saturated),
        read_stages_s=_read_stages_s(trace, warm_up_ns, saturated),
        loads=loads,
        databases=summarise_databases(trace, after_ns=warm_up_ns),
        delivery=summarise_delivery(trace, deadline_ns=ends_ns, unordered=planned.unordered),
        attempts=summarise_attempts(trace, after_ns=warm_up_ns),
        gaps=summarise_gaps(trace, planned.mending),
        enrichment=summarise_enrichments(trace),
        renames=summarise_renames(trace, planned.naming, after_ns=warm_up_ns, saturated=saturated),
        episodes=find_episodes(trace, after_ns=warm_up_ns, saturated=saturated),
        invalid=_invalid(trace, loads, warm_up_ns, complete=complete),
        checks=(*check_run(trace, planned, deadline_ns=ends_ns), *check_attempts(trace), *checks),
        provenance=provenance or {},
    )


def _seen(
    trace: Trace, group: str, after_ns: int, saturated: Collection[str]
) -> dict[str, SampleSummary]:
    """How soon events came to be seen, by read model."""
    return {name: seen(trace, group, name, after_ns, saturated) for name in trace.read_models}


def _invalid(
    trace: Trace, loads: Sequence[StageLoad], after_ns: int, *, complete: bool
) -> tuple[str, ...]:
    late = invalid_reasons(trace, after_ns=after_ns)
    # A run that was cut short says so itself.
    return (*late, *censoring_reasons(trace, loads, after_ns=after_ns)) if complete else late


def _write_stages_s(trace: Trace, after_ns: int, saturated: Collection[str]) -> MeanStages:
    found = write_stages_s(trace, after_ns=after_ns)
    if queues_for(trace, NO_READ_MODEL, saturated):
        return found.without("queueing", "service")
    return found.without("queueing") if WRITE_SIDE in saturated else found


def _read_stages_s(
    trace: Trace, after_ns: int, saturated: Collection[str]
) -> dict[str, MeanStages]:
    """Mean stages by read model, but for what the end of the run cut the longest off."""
    whole = np.count_nonzero(events_after(trace, after_ns))
    stages = {name: read_stages_s(trace, name, after_ns=after_ns) for name in trace.read_models}
    return {
        name: found
        if found.n == whole and name not in saturated
        else found.without("fan_out", "channel", *_apply(trace, number, saturated))
        for number, (name, found) in enumerate(stages.items())
    }


def _apply(trace: Trace, read_model: int, saturated: Collection[str]) -> tuple[str, ...]:
    """The stage of a projector's own work, if it waits there for a database that is saturated."""
    return ("apply",) if queues_for(trace, read_model, saturated) else ()


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


def _queries_s(trace: Trace, asked: NDArray[np.bool_], reads: ReadsSummary) -> SampleSummary:
    """Response of all queries; withheld if that of any of them is."""
    found = summarise_sample(seconds(trace.queries.answered - trace.queries.intended)[asked])
    is_withheld = any("response_s" in row.withheld for row in reads.rows)
    return found.withheld() if is_withheld else found


def _queries(trace: Trace, rows: NDArray[np.bool_], reads: ReadsSummary) -> QuerySummary:
    """Counts of all queries; how many versions they lack is withheld if that of any of them is."""
    is_withheld = any("versions_missing_mean" in row.withheld for row in reads.rows)
    missing = trace.queries.versions_missing[rows]
    known = missing[~np.isnan(missing)]
    is_measured = bool(len(known)) and not is_withheld
    return QuerySummary(
        offered=int(np.count_nonzero(rows)),
        answered=int(np.count_nonzero(~np.isnat(trace.queries.answered[rows]))),
        about_one_order=len(known),
        stale=int(np.count_nonzero(known)),
        versions_missing_mean=float(known.mean()) if is_measured else None,
        versions_missing_max=int(known.max()) if is_measured else None,
    )
