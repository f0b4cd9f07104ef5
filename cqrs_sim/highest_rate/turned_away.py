"""Turned away: what got nothing at a rate, counted as everywhere (`analysis.unserved`).

A refusal is an answer, and a quick one: a system that refuses much keeps a limit on its responses
at any rate. So what a rate comes to is told with the share that was not served there.
"""

from collections.abc import Sequence

import attrs
import numpy as np

from cqrs_sim.analysis.consistency import outcome_counts
from cqrs_sim.analysis.json_values import Json
from cqrs_sim.analysis.lag import commands_after, queries_after
from cqrs_sim.analysis.unserved import LIMIT, count_unserved
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.probe import QueryOutcome, Strategy


@attrs.frozen(kw_only=True)
class TurnedAway:
    """One way not to be served."""

    what: str
    """`commands`, or for example `at_least queries`."""
    how: str
    """What became of them, such as `were refused`."""
    share: float
    """Of all of them."""


def turned_away(trace: Trace, *, after_ns: int) -> tuple[TurnedAway, ...]:
    """What was not served of what was intended at or after an instant; no share is 0."""
    return tuple(
        TurnedAway(what=what, how=how, share=count / n)
        for what, how, count, n in count_unserved(_counts(trace, after_ns))
        if count
    )


def remarkable(
    seeds: Sequence[Sequence[TurnedAway]], limit: float = LIMIT
) -> tuple[TurnedAway, ...]:
    """The shares whose mean over the seeds is above a limit.

    Args:
        seeds: what each of them turned away; what is not there was 0.
        limit: on the mean.
    """
    sums: dict[tuple[str, str], float] = {}
    for one in (found for seed in seeds for found in seed):
        sums[one.what, one.how] = sums.get((one.what, one.how), 0.0) + one.share
    return tuple(
        TurnedAway(what=what, how=how, share=total / len(seeds))
        for (what, how), total in sums.items()
        if total > limit * len(seeds)
    )


def _counts(trace: Trace, after_ns: int) -> dict[str, Json]:
    """Of `summary.json` what `count_unserved` reads, without the rest, which takes far longer."""
    commands = outcome_counts(trace.commands, commands_after(trace, after_ns))
    queries, rows = trace.queries, queries_after(trace, after_ns)
    reads: dict[str, Json] = {}
    for strategy in Strategy:
        outcome = queries.outcome[rows & (queries.strategy == strategy)]
        counts = np.bincount(outcome, minlength=len(QueryOutcome)).tolist()
        row = {one.name.lower(): counts[one] for one in QueryOutcome}
        reads[strategy.name.lower()] = {"n": len(outcome), **row}
    return {
        "commands": {
            "offered": sum(commands.values()),
            **{outcome.name.lower(): count for outcome, count in commands.items()},
        },
        "reads": {"any": reads},
    }
