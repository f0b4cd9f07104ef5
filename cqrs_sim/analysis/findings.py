"""Findings: what is wrong or remarkable in some of the replications, and in which.

A fault of one replication is a fault of them all, so it must not depend on which seed came first.
Kept are the seeds it was found in, and how it was in the first of them.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence

import attrs

from cqrs_sim.analysis.episodes import Episode
from cqrs_sim.analysis.json_values import Json, plain

_LONGEST_TEXT = 1000
_MOST_STAGES = 1000


@attrs.frozen(kw_only=True)
class SaturatedStage:
    """One stage, in the replications in which it is saturated."""

    seeds: tuple[int, ...]
    offered_load: float | None = None
    """In the first of them, as in `saturation.StageLoad`; so are the others."""
    saturates_at_per_s: float | None = None
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
    return Findings(
        incorrect=_seeds(written, "incorrect", seeds),
        failed_checks=tuple(_texts(written, "failed_checks")),
        invalid=_seeds(written, "invalid", seeds),
        why_invalid=_text(written.get("why_invalid", ""), "why_invalid"),
        saturated={
            _text(name, "saturated"): SaturatedStage(
                seeds=_seeds(_table(stage), "seeds", seeds),
                offered_load=_number(_table(stage), "offered_load"),
                saturates_at_per_s=_number(_table(stage), "saturates_at_per_s"),
                events=_count(_table(stage), "events"),
                censored=_count(_table(stage), "censored"),
            )
            for name, stage in stages.items()
        },
        behind=_seeds(written, "behind", seeds),
        episodes=tuple(map(episode_from, _list(written.get("episodes")))),
    )


def episode_from(written: Json) -> Episode:
    """The episode that `plain` wrote.

    Raises:
        ValueError: if it is none.
    """
    table = _table(written)
    until_s = _number(table, "until_s")
    times = {name: _number(table, name) for name in _TIMES}
    known = {name: time for name, time in times.items() if time is not None}
    if len(known) < len(times):
        raise ValueError("an episode must have from_s, worst_s, worst_at_s, still_from_s, still_s")
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


def _seeds(written: Mapping[str, Json], key: str, seeds: Sequence[int]) -> tuple[int, ...]:
    numbers = _list(written.get(key))
    if not all(type(number) is int and number in seeds for number in numbers):
        raise ValueError(f"{key} must be a list of its seeds")
    return tuple(number for number in numbers if type(number) is int)


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


def _count(table: Mapping[str, Json], key: str) -> int:
    value = table.get(key, 0)
    if not (type(value) is int and 0 <= value < 2**63):
        raise ValueError(f"{key} must be a count")
    return value
