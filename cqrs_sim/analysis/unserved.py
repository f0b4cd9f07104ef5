"""Unserved: operations that were turned away or given up, rather than done.

Who is told no at once has a quick response and leaves the stages idle: a system that refuses much
looks fast. So wherever a run is judged, the share that got nothing is said with it.
"""

from collections.abc import Iterator, Mapping, Sequence

import attrs

from cqrs_sim.analysis.json_values import Json
from cqrs_sim.probe import Outcome

LIMIT = 0.01
"""Share of the commands, or of the queries of one read strategy, above which it is remarkable."""
COMMANDS: Mapping[str, str] = {
    "refused": "were refused",
    "dropped": "were dropped",
    "conflict": "were given up after conflicts",
    "unknown": "have an unknown outcome",
    "unfinished": "were still waiting when the run ended",
}
QUERIES: Mapping[str, str] = {
    "timed_out": "timed out",
    "refused": "were refused",
    "unfinished": "were still waiting when the run ended",
}
"""Outcomes that are no service, by their keys in a summary, as they follow a share."""


@attrs.frozen(kw_only=True)
class Unserved:
    """One way not to be served, in the replications in which the share is remarkable."""

    what: str
    """`commands`, or for example `at_least queries`."""
    how: str
    """What became of them, such as `were refused`."""
    seeds: tuple[int, ...]
    count: int
    """In the first of them; so is the next."""
    n: int
    """How many there were to serve."""


def find_unserved(runs: Sequence[tuple[int, Mapping[str, Json]]]) -> tuple[Unserved, ...]:
    """What was not served in more than LIMIT of the cases.

    Args:
        runs: the seed and the content of `summary.json` of each.
    """
    found: dict[tuple[str, str], Unserved] = {}
    for seed, summary in runs:
        for what, how, count, n in count_unserved(summary):
            if count > LIMIT * n:
                new = Unserved(what=what, how=how, seeds=(), count=count, n=n)
                one = found.get((what, how), new)
                found[what, how] = attrs.evolve(one, seeds=(*one.seeds, seed))
    return tuple(found.values())


def count_unserved(summary: Mapping[str, Json]) -> Iterator[tuple[str, str, int, int]]:
    """Every way not to be served: of what, how, how many were not, of how many.

    Args:
        summary: of the content of `summary.json` at least `commands` and `reads`.
    """
    commands = _table(summary.get("commands"))
    for key, how in COMMANDS.items():
        yield "commands", how, _count(commands, key), _count(commands, "offered")
    rows = [
        (strategy, _table(row))
        for kind in _table(summary.get("reads")).values()
        for strategy, row in _table(kind).items()
    ]
    for of in dict.fromkeys(strategy for strategy, _ in rows):
        same = [row for strategy, row in rows if strategy == of]
        for key, how in QUERIES.items():
            count = sum(_count(row, key) for row in same)
            yield f"{of} queries", how, count, sum(_count(row, "n") for row in same)


def turned_away(commands: Mapping[Outcome, int]) -> str:
    """What was done to commands that were answered and not served, in a word or three."""
    ways = {Outcome.REFUSED: "refused", Outcome.DROPPED: "dropped", Outcome.CONFLICT: "given up"}
    return " or ".join(way for outcome, way in ways.items() if commands[outcome])


def _table(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}


def _count(table: Mapping[str, Json], key: str) -> int:
    value = table.get(key, 0)
    return value if isinstance(value, int) else 0
