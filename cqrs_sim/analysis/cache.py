"""What a cache of answers gave, and what its age added to their staleness.

A miss is as stale as its read model; a hit is as stale as that was when the answer was kept, and as
long as it was kept. So the two are counted apart: the difference is the price of the cache.
"""

from collections.abc import Collection

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.analysis.lag import queries_after
from cqrs_sim.analysis.quantiles import SampleSummary, summarise_sample
from cqrs_sim.analysis.staleness import answer_staleness_s
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.probe import Lookup


@attrs.frozen(kw_only=True)
class CacheSummary:
    """Answers from the cache, and past it. All counts are 0 where there is no cache."""

    hits: int
    """Queries that the cache answered."""
    misses: int
    """Queries that it could not: not there, too old, or not fresh enough for who asked."""
    hit_share: float | None
    """None if it was never asked."""
    stale_hits: int
    """Answers of the cache that lacked a committed event which they should have shown."""
    stale_misses: int
    """The same of the answers past it."""
    hits_age_s: SampleSummary
    """Staleness of the answers of the cache, 0 where nothing was lacking."""
    misses_age_s: SampleSummary
    """The same of the answers past it."""


def summarise_cache(
    trace: Trace, *, after_ns: int = 0, saturated: Collection[str] = ()
) -> CacheSummary:
    """What the cache did for the queries intended at or after an instant.

    Ages are withheld if a read model that answered any of them is saturated.
    """
    queries, age_s = trace.queries, answer_staleness_s(trace)
    asked = queries_after(trace, after_ns) & (queries.cache != Lookup.NONE)
    is_hit, is_miss = (asked & (queries.cache == found) for found in (Lookup.HIT, Lookup.MISS))
    hits, misses = int(np.count_nonzero(is_hit)), int(np.count_nonzero(is_miss))
    models = np.unique(queries.read_model[asked & (queries.read_model >= 0)]).tolist()
    is_withheld = any(trace.read_models[index] in saturated for index in models)

    def ages(rows: NDArray[np.bool_]) -> tuple[int, SampleSummary]:
        lacking_s = age_s[rows & ~np.isnat(queries.answered)]
        found = summarise_sample(np.nan_to_num(lacking_s, nan=0.0))
        stale = int(np.count_nonzero(~np.isnan(lacking_s)))
        return stale, found.withheld() if is_withheld else found

    (stale_hits, hits_age_s), (stale_misses, misses_age_s) = ages(is_hit), ages(is_miss)
    return CacheSummary(
        hits=hits,
        misses=misses,
        hit_share=hits / (hits + misses) if hits + misses else None,
        stale_hits=stale_hits,
        stale_misses=stale_misses,
        hits_age_s=hits_age_s,
        misses_age_s=misses_age_s,
    )
