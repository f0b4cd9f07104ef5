"""Findings: what is wrong or remarkable in some of the replications, and in which.

A fault of one replication is a fault of them all, so it must not depend on which seed came first.
Kept are the seeds it was found in, and how it was in the first of them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import attrs

from cqrs_sim.analysis.episodes import Episode
from cqrs_sim.analysis.json_values import Json, plain
from cqrs_sim.analysis.unserved import Unserved, find_unserved

_LONGEST_TEXT = 1000
_MOST_STAGES = 1000
_LATEST_S = 2**60 / 1e9
"""The last instant that a trace may hold."""


@attrs.frozen(kw_only=True)
class SaturatedStage:
    """One stage, in the replications in which it is saturated."""

    seeds: tuple[int, ...]
    offered_load: float | None = None
    """In the first of them, as in `saturation.StageLoad`; so are the others."""
    saturates_at_per_s: float | None = None
    slope_per_s: float | None = None
    """Mean growth of its backlog."""
    events: int = 0
    """For a read model, in the first of them: events that it should have shown."""
    censored: int = 0
    """Of these, how many it never did."""


@attrs.frozen(kw_only=True)
class Findings:
    """What was found in the replications; seeds are in their order."""

    incorrect: tuple[int, ...] = ()
    """Seeds of the runs in which a check failed."""
    failed_checks: tuple[str, ...] = ()
    """In the first of them."""
    invalid: tuple[int, ...] = ()
    """Seeds of the runs that are no valid measurement."""
    why_invalid: str = ""
    """In the first of them."""
    saturated: Mapping[str, SaturatedStage] = attrs.field(factory=dict)
    """By stage."""
    behind: tuple[int, ...] = ()
    """Seeds of the runs in which a stage that is not saturated fell behind for a while."""
    episodes: tuple[Episode, ...] = ()
    """In the first of them."""
    unserved: tuple[Unserved, ...] = ()
    """What was refused or given up, where it is more than a little."""

    @property
    def saturated_seeds(self) -> tuple[int, ...]:
        """Seeds of the runs in which any stage is saturated."""
        return tuple(sorted({seed for stage in self.saturated.values() for seed in stage.seeds}))

    def to_json(self) -> dict[str, Json]:
        """As in `summary.json`, among the replications."""
        return plain(self)


def findings_of(seeds: Sequence[int], summaries: Sequence[Mapping[str, Json]]) -> Findings:
    """What was found in some summaries, one a seed."""
    runs = list(zip(seeds, summaries, strict=True))

    def where(holds: Callable[[Mapping[str, Json]], object]) -> tuple[int, ...]:
        return tuple(seed for seed, summary in runs if holds(summary))

    def first(of: Callable[[Mapping[str, Json]], tuple[str, ...]]) -> tuple[str, ...]:
        return next(filter(None, (of(summary) for _, summary in runs)), ())

    return Findings(
        incorrect=where(_failed_checks),
        failed_checks=first(_failed_checks),
        invalid=where(_reasons),
        why_invalid="".join(first(_reasons)[:1]),
        saturated=_saturated(runs),
        behind=where(_episodes),
        episodes=next(filter(None, (_episodes(summary) for _, summary in runs)), ()),
        unserved=find_unserved(runs),
    )


def _failed_checks(summary: Mapping[str, Json]) -> tuple[str, ...]:
    checks = _table(summary.get("checks"))
    return tuple(name for name, check in checks.items() if not _table(check).get("ok"))


def _reasons(summary: Mapping[str, Json]) -> tuple[str, ...]:
    return tuple(map(str, _list(summary.get("invalid"))))


def _episodes(summary: Mapping[str, Json]) -> tuple[Episode, ...]:
    return tuple(map(episode_from, _list(summary.get("episodes"))))


def _saturated(runs: Sequence[tuple[int, Mapping[str, Json]]]) -> dict[str, SaturatedStage]:
    found: dict[str, SaturatedStage] = {}
    for seed, summary in runs:
        for one in map(_table, _list(summary.get("saturated"))):
            name = str(one.get("stage"))
            lag = _table(_table(summary.get("lag_s")).get(name))
            new = SaturatedStage(
                seeds=(),
                offered_load=_number(one, "offered_load"),
                saturates_at_per_s=_number(one, "saturates_at_per_s"),
                slope_per_s=_number(one, "slope_per_s"),
                events=_count(lag, "n"),
                censored=_count(lag, "censored"),
            )
            stage = found.get(name, new)
            found[name] = attrs.evolve(stage, seeds=(*stage.seeds, seed))
    return found


def findings_from(written: Mapping[str, Json], seeds: Sequence[int]) -> Findings:
    """What `Findings.to_json` gave, by anybody; what an older version did not write is empty.

    Raises:
        ValueError: if it is none; with a phrase that follows its place.
    """
    for key in ("incorrect", "invalid"):
        if written.get(key) is None:
            raise ValueError(f"{key} must be a list of its seeds")
    stages = _table(written.get("saturated"))
    if len(stages) > _MOST_STAGES:
        raise ValueError(f"saturated must be at most {_MOST_STAGES} stages")
    known = frozenset(seeds)
    behind = _seeds(written, "behind", known)
    episodes = tuple(map(episode_from, _list(written.get("episodes"))))
    if bool(behind) != bool(episodes):
        raise ValueError("behind and episodes must both be empty, or neither")
    return Findings(
        incorrect=_seeds(written, "incorrect", known),
        failed_checks=tuple(_texts(written, "failed_checks")),
        invalid=_seeds(written, "invalid", known),
        why_invalid=_text(written.get("why_invalid", ""), "why_invalid"),
        saturated={
            _text(name, "saturated"): _stage_from(_table(stage), known)
            for name, stage in stages.items()
        },
        behind=behind,
        episodes=episodes,
        unserved=tuple(_unserved_from(_table(one), known) for one in _unserved(written)),
    )


def _unserved(written: Mapping[str, Json]) -> Sequence[Json]:
    found = _list(written.get("unserved"))
    if len(found) > _MOST_STAGES:
        raise ValueError(f"unserved must be at most {_MOST_STAGES}")
    return found


def _unserved_from(table: Mapping[str, Json], seeds: frozenset[int]) -> Unserved:
    found = Unserved(
        what=_text(table.get("what"), "what"),
        how=_text(table.get("how"), "how"),
        seeds=_seeds(table, "seeds", seeds),
        count=_count(table, "count"),
        n=_count(table, "n"),
    )
    if not found.seeds:
        raise ValueError("what is unserved must name its seeds")
    if not 0 < found.count <= found.n:
        raise ValueError("count of what is unserved must be from 1 to n")
    return found


def _stage_from(table: Mapping[str, Json], seeds: frozenset[int]) -> SaturatedStage:
    found = SaturatedStage(
        seeds=_seeds(table, "seeds", seeds),
        offered_load=_amount(table, "offered_load"),
        saturates_at_per_s=_amount(table, "saturates_at_per_s"),
        slope_per_s=_number(table, "slope_per_s"),
        events=_count(table, "events"),
        censored=_count(table, "censored"),
    )
    if not found.seeds:
        raise ValueError("a saturated stage must name its seeds")
    if found.censored > found.events:
        raise ValueError("censored must be at most events")
    return found


def episode_from(written: Json) -> Episode:
    """The episode that `plain` wrote.

    Raises:
        ValueError: if it is none.
    """
    table = _table(written)
    until_s = _amount(table, "until_s")
    times = {name: _amount(table, name) for name in _TIMES}
    known = {name: time for name, time in times.items() if time is not None}
    if len(known) < len(times):
        raise ValueError("an episode must have from_s, worst_s, worst_at_s, still_from_s, still_s")
    if max(*known.values(), until_s or 0.0) > _LATEST_S:
        raise ValueError(f"an episode must lie within {_LATEST_S:,.0f} seconds")
    if until_s is not None and until_s < known["from_s"]:
        raise ValueError("an episode must not end before it began")
    return Episode(stage=_text(table.get("stage"), "stage"), until_s=until_s, **known)


_TIMES = ("from_s", "worst_s", "worst_at_s", "still_from_s", "still_s")


def _table(value: Json) -> Mapping[str, Json]:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ValueError("must be a table")
    return value


def _list(value: Json) -> Sequence[Json]:
    if value is None:
        return ()
    if not isinstance(value, list | tuple):
        raise ValueError("must be a list")
    return value


def _seeds(written: Mapping[str, Json], key: str, seeds: frozenset[int]) -> tuple[int, ...]:
    numbers = _list(written.get(key))
    found = tuple(number for number in numbers if type(number) is int and number in seeds)
    if len(found) < len(numbers):
        raise ValueError(f"{key} must be a list of its seeds")
    if len(set(found)) < len(found):
        raise ValueError(f"{key} must name each seed once")
    return found


def _texts(written: Mapping[str, Json], key: str) -> Iterator[str]:
    return (_text(value, key) for value in _list(written.get(key)))


def _text(value: Json, key: str) -> str:
    if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
        raise ValueError(f"{key} must be a text of at most {_LONGEST_TEXT} characters")
    return value


def _number(table: Mapping[str, Json], key: str) -> float | None:
    value = table.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e18:
        raise ValueError(f"{key} must be a number below 1e18")
    return float(value)


def _amount(table: Mapping[str, Json], key: str) -> float | None:
    value = _number(table, key)
    if value is not None and value < 0.0:
        raise ValueError(f"{key} must not be below 0")
    return value


def _count(table: Mapping[str, Json], key: str) -> int:
    value = table.get(key, 0)
    if not (type(value) is int and 0 <= value < 2**63):
        raise ValueError(f"{key} must be a count")
    return value
