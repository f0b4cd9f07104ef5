"""The figures of a run as lines of a diagram: what stands on which edge, in words.

Times are means in milliseconds, so that those along the way of an event add up to its lag; at a
read model stand the quantiles. Where the run says nothing (a saturated stage), neither do these.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

import attrs

from cqrs_sim.analysis.enrichment import EnrichmentSummary
from cqrs_sim.analysis.quantiles import SampleSummary
from cqrs_sim.analysis.reads import QUERY_KEYS, ReadSummary
from cqrs_sim.analysis.renames import RenamesSummary
from cqrs_sim.analysis.saturation import WRITE_SIDE
from cqrs_sim.analysis.stages import ENRICHMENT, MeanStages
from cqrs_sim.analysis.summary import Summary
from cqrs_sim.plain_text import milliseconds, percent

Lines: TypeAlias = tuple[str, ...]


@attrs.frozen(kw_only=True)
class Figures:
    """Lines to be added, by where; empty without a run."""

    of_run: str = ""
    """Engine and seed."""
    offered: Lines = ()
    queueing: Lines = ()
    accepted: Lines = ()
    of_write_side: Lines = ()
    of_cache: Lines = ()
    way: Mapping[str, Lines] = attrs.field(factory=dict)
    """By read model: from the commit until the projector takes an event."""
    applying: Mapping[str, Lines] = attrs.field(factory=dict)
    asking: Mapping[str, Lines] = attrs.field(factory=dict)
    """The time of it all that was spent on questions to another system, and what was not told."""
    of_customers: Lines = ()
    """How soon a new name is in the customers' log."""
    renaming: Mapping[str, Lines] = attrs.field(factory=dict)
    """By read model: until it takes a new name, and how soon it shows it in how many rows."""
    load: Mapping[str, Lines] = attrs.field(factory=dict)
    lag: Mapping[str, Lines] = attrs.field(factory=dict)
    databases: Mapping[str, Lines] = attrs.field(factory=dict)
    answers: Mapping[str, Lines] = attrs.field(factory=dict)
    """By kind of query, as a scenario calls it."""

    def with_answers(self, kinds: Sequence[str]) -> Iterator[str]:
        """The kinds of query, each with what its answers took and lacked."""
        for told in kinds:
            yield told
            yield from self.answers.get(told.partition(" ")[0], ())


NO_FIGURES = Figures()


def figures_of(summary: Summary) -> Figures:
    """What a run came to."""
    stages = summary.read_stages_s
    load = {load.stage: load for load in summary.loads}
    busy = {
        name: (f"load {found.offered_load:.2f}",)
        for name, found in load.items()
        if found.offered_load is not None
    }
    saturated = {found.stage for found in summary.saturated}
    write = summary.write_stages_s.parts
    return Figures(
        of_run=f"engine {summary.engine}, seed {summary.seed}",
        offered=_rate(summary.rates_per_s.offered),
        queueing=_mean("waits", write.get("queueing")),
        accepted=tuple(f"accepted {rate}" for rate in _rate(summary.rates_per_s.accepted)),
        of_write_side=(
            *_mean("service", write.get("service")),
            *_quantiles("response", summary.response_s),
            *_saturated(WRITE_SIDE, saturated),
        ),
        of_cache=_of_cache(summary),
        way={name: _way(found) for name, found in stages.items()},
        applying={name: _mean("apply", found.parts.get("apply")) for name, found in stages.items()},
        asking={
            name: (*_mean(ENRICHMENT, stages[name].parts.get(ENRICHMENT)), *_unnamed(found))
            for name, found in summary.enrichment.items()
        },
        of_customers=_of_customers(summary.renames),
        renaming=_renaming(summary.renames),
        load=busy,
        lag={
            name: (*_quantiles("lag", found), *_saturated(name, saturated))
            for name, found in summary.lag_s.items()
        },
        databases={
            name: (f"busy {100 * found.utilisation:.0f} %",)
            for name, found in summary.databases.items()
            if found.utilisation is not None
        },
        answers={QUERY_KEYS.get(row.kind, row.kind): _answers(row) for row in summary.reads.rows},
    )


def _rate(per_s: float | None) -> Lines:
    return () if per_s is None else (f"{per_s:,.0f}/s",)


def _mean(name: str, mean_s: float | None) -> Lines:
    return () if mean_s is None else (f"{name} {milliseconds(mean_s)} ms",)


def _way(stages: MeanStages) -> Lines:
    fan_out, channel = stages.parts.get("fan_out"), stages.parts.get("channel")
    return (*_mean("fan-out", fan_out), *_mean("waits", channel))


def _unnamed(found: EnrichmentSummary) -> Lines:
    return (f"{found.unnamed:,} not told",) if found.unnamed else ()


def _of_customers(found: RenamesSummary | None) -> Lines:
    return () if found is None else _mean("response", found.response_s.mean)


def _renaming(found: RenamesSummary | None) -> dict[str, Lines]:
    if found is None:
        return {}
    return {
        name: (
            *_mean("waits", one.channel_mean_s),
            *_mean("apply", one.apply_mean_s),
            *(() if one.rows_mean is None else (f"in {one.rows_mean:,.1f} rows",)),
        )
        for name, one in found.read_models.items()
    }


def _quantiles(name: str, sample: SampleSummary) -> Lines:
    """The median, and the highest of two quantiles that the run can carry."""
    if sample.p50 is None:
        return ()
    tail = next(((q, value) for q in ("p99", "p90") if (value := getattr(sample, q))), None)
    lines = [f"{name} p50 {milliseconds(sample.p50)} ms"]
    if tail is not None:
        lines.append(f"{name} {tail[0]} {milliseconds(tail[1])} ms")
    return tuple(lines)


def _saturated(stage: str, saturated: set[str]) -> Lines:
    return ("SATURATED",) if stage in saturated else ()


def _of_cache(summary: Summary) -> Lines:
    cache = summary.cache
    asked = cache.hits + cache.misses
    return (f"hits {percent(cache.hits, asked)}",) if asked else ()


def _answers(row: ReadSummary) -> Lines:
    stale = (f"{percent(row.stale, row.answered)} stale",) if row.answered else ()
    return (*_mean("response", row.answered_mean_s), *stale)
