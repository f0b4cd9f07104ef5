"""Metrics by name: every number of a summary, and values with units to compare it with.

A name is the path of a number in `summary.json`, its segments joined by dots. A segment matches a
key, or the key without its unit: `lag.orders.p99` is `lag_s.orders.p99`, `rates.accepted` is
`rates_per_s.accepted`; a space may be written as `_`. Where a number is withheld (None) a metric
says why.
"""

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, TypeAlias, TypeGuard

import attrs

from cqrs_sim.analysis.json_values import Json
from cqrs_sim.scenario.unit_text import duration_ns, rate_per_s, share_of_percent

Unit: TypeAlias = Literal["s", "per_s", "number"]

UNIT_SUFFIXES: tuple[tuple[str, Unit], ...] = (("_per_s", "per_s"), ("_s", "s"))
NO_METRICS = frozenset(
    (
        *("schema", "seed", "warm_up_s", "warm_up", "intervals", "witness"),
        *("first_lost", "first_doubled", "first_parked", "first_unnamed"),
        *("checks", "thresholds", "replications", "provenance"),
    )
)
"""Keys that hold what is no measure of the system, wherever they are."""
COUNTS = ("n", "censored")
WRITE_SIDE = "write side"
EXAMPLES: Mapping[Unit, str] = {"s": "50ms", "per_s": "800/s", "number": '0.99" or "5%'}
"""A value of each unit, as it is written."""
KINDS: Mapping[Unit, str] = {"s": "a duration", "per_s": "a rate", "number": "a number"}
"""What a value of each unit is."""

_NUMBER = re.compile(r"-?[0-9]{1,30}(?:\.[0-9]{1,30})?")
_LONGEST_NAME = 200


class UnknownMetricError(ValueError):
    """The summary has no number of this name; the message lists the nearest ones."""


@attrs.frozen
class Metric:
    """One number of one summary."""

    name: str
    """Short: without units."""
    whole_name: str
    """With units: the path in the summary."""
    value: float | None
    """In seconds, per second, or a plain number; None if it is withheld."""
    unit: Unit
    why: str
    """Why it is withheld; empty if it is not."""
    is_count: bool = False
    """Whether it is a whole number of things, so that no share of anything is meant by it."""


class Metrics(Mapping[str, float | None]):
    """The numbers of a summary by name; short names will do, None is withheld."""

    def __init__(self, summary: Mapping[str, Json]) -> None:
        self._summary = summary
        self._values = metrics_of(summary)

    def __getitem__(self, name: str) -> float | None:
        """The value of a metric, in seconds, per second, or a plain number."""
        if name in self._values:
            return self._values[name]
        try:
            return metric(self._summary, name).value
        except UnknownMetricError as error:
            raise KeyError(f"{name}: {error}") from None

    def find(self, name: str) -> "Metric":
        """The metric of a name, with its unit, and why it is withheld.

        Raises:
            UnknownMetricError: if there is none; it lists the nearest names.
        """
        return metric(self._summary, name)

    def __iter__(self) -> Iterator[str]:
        """Whole names, in the order of the summary."""
        return iter(self._values)

    def __len__(self) -> int:
        """How many there are."""
        return len(self._values)


@attrs.frozen
class Value:
    """A number with its unit, as somebody wrote it."""

    number: float
    unit: Unit
    is_share: bool = False
    """Whether it was written in per cent."""


def metric(summary: Mapping[str, Json], name: str) -> Metric:
    """The metric of a name.

    Args:
        summary: the content of `summary.json`.
        name: such as `lag.orders.p99`, or `lag_s.orders.p99`.

    Raises:
        UnknownMetricError: if there is none; it lists the nearest names.
    """
    segments = name.strip().split(".")
    if len(name) <= _LONGEST_NAME and "" not in segments:
        for path, found in _matches(summary, segments):
            if NO_METRICS.isdisjoint(path) and (found is None or _is_number(found)):
                why = _reason(summary, path) if found is None else ""
                value = None if found is None else float(found)
                unit = unit_of(path, found)
                is_count = path[-1] in COUNTS or isinstance(found, int)
                return Metric(short_name(path), ".".join(path), value, unit, why, is_count)
    raise UnknownMetricError(_unknown(summary, name))


def metrics_of(summary: Mapping[str, Json]) -> dict[str, float | None]:
    """Every metric by its whole name, in the order of the summary; None where withheld."""
    return {
        ".".join(path): None if value is None else float(value)
        for path, value in _leaves(summary, ())
    }


def short_name(path: Sequence[str]) -> str:
    """The name of a number of the summary without units: `lag.orders.p99`."""
    return ".".join(without_unit(key) for key in path)


def without_unit(key: str) -> str:
    """A key without the suffix of its unit."""
    for suffix, _ in UNIT_SUFFIXES:
        if key.endswith(suffix) and key != suffix:
            return key.removesuffix(suffix)
    return key


def unit_of(path: Sequence[str], value: object = None) -> Unit:
    """The unit of the number at a path: that of the innermost key that names one.

    Whole numbers are counts: the summary writes times and rates as floats.
    """
    if isinstance(value, int) or path[-1] in COUNTS:
        return "number"
    for key in reversed(path):
        for suffix, unit in UNIT_SUFFIXES:
            if key.endswith(suffix):
                return unit
    return "number"


def parse_value(text: str) -> Value:
    """The value of a text such as "50ms", "800/s", "5 %" or "0.99".

    Raises:
        ValueError: with a phrase that follows the text.
    """
    text = text.strip()
    if _NUMBER.fullmatch(text):
        return Value(float(text), "number")
    if text.endswith("%"):
        return Value(share_of_percent(text), "number", is_share=True)
    if "/" in text:
        return Value(rate_per_s(text), "per_s")
    return Value(duration_ns(text) / 1e9, "s")


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _matches(table: Json, segments: Sequence[str]) -> Iterator[tuple[tuple[str, ...], Json]]:
    """Paths and values that a name may mean, the most literal first."""
    if not segments:
        yield (), table
        return
    if not isinstance(table, Mapping):
        return
    head, *rest = segments
    for key in _keys_meant(table, head):
        for path, value in _matches(table[key], rest):
            yield (key, *path), value


def _keys_meant(table: Mapping[str, Json], segment: str) -> list[str]:
    plain = segment.strip().replace(" ", "_")
    meant = [key for key in table if without_unit(key).replace(" ", "_") == plain]
    literal = [key for key in table if key.replace(" ", "_") == plain]
    return list(dict.fromkeys([*literal, *meant]))


def _leaves(
    table: Mapping[str, Json], above: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], float | None]]:
    for key, value in table.items():
        path = (*above, key)
        if key in NO_METRICS:
            continue
        if isinstance(value, Mapping):
            yield from _leaves(value, path)
        elif value is None or _is_number(value):
            yield path, value


def _unknown(summary: Mapping[str, Json], name: str) -> str:
    known = [short_name(path) for path, _ in _leaves(summary, ())]
    near = difflib.get_close_matches(name[:_LONGEST_NAME], known, n=3, cutoff=0.6)
    if near:
        return f"unknown metric; did you mean {' or '.join(near)}?"
    groups = dict.fromkeys(name.split(".")[0] for name in known)
    return f"unknown metric; the names begin with {', '.join(groups)}"


def _reason(summary: Mapping[str, Json], path: Sequence[str]) -> str:
    """Why there is no number, from what stands beside it."""
    around: Json = summary
    for key in path[:-1]:
        assert isinstance(around, Mapping)
        around = around[key]
    assert isinstance(around, Mapping)
    if path[0] == "stages_s":
        around = _lag_beside(summary, path) or around
    counted = around.get("n")
    too_few = around.get("too_few")
    if isinstance(too_few, Sequence) and path[-1] in too_few:
        return f"too few to tell: {counted}"
    stages = _saturated_stages(summary, path)
    if stages:
        return f"withheld: {' and '.join(stages)} {'is' if len(stages) == 1 else 'are'} saturated"
    censored = around.get("censored")
    if isinstance(censored, int) and censored:
        return f"{censored} of {counted} had not happened when the run ended"
    return "nothing was measured" if counted == 0 else "there is no value"


def _lag_beside(summary: Mapping[str, Json], path: Sequence[str]) -> Mapping[str, Json]:
    """The lag of the read model whose stages a path is about: it counts what was cut off."""
    return dict(_tables(summary.get("lag_s"))).get(path[2], {}) if len(path) > 3 else {}


def _saturated_stages(summary: Mapping[str, Json], path: Sequence[str]) -> list[str]:
    """The saturated stages on account of which there is no number at a path."""
    if path[0] in ("reads", "queries", "queries_s"):
        return _behind_on_reads(summary, path)
    is_of_commands = path[0] in ("response_s", "served_response_s")
    if path[0] == "stages_s":
        is_of_commands, path = path[1] == "write_side", path[1:]
    stage = WRITE_SIDE if is_of_commands else path[1] if len(path) > 2 else ""
    return [stage] if stage in _saturated(summary) else []


def _behind_on_reads(summary: Mapping[str, Json], path: Sequence[str]) -> list[str]:
    """The same for a figure of one row of the reads, or for one of all queries."""
    of_all = "response_s" if path[0] == "queries_s" else path[-1]
    kind, strategy, field = (*path[1:4],) if path[0] == "reads" else (None, None, of_all)
    stages: dict[str, None] = {}
    for of_kind, found in _tables(summary.get("reads")):
        for of_strategy, row in _tables(found):
            if kind is not None and (of_kind, of_strategy) != (kind, strategy):
                continue
            withheld, stage = row.get("withheld"), row.get("answered_by")
            if isinstance(withheld, list) and field in withheld and isinstance(stage, str):
                stages[stage] = None
    return list(stages)


def _tables(table: Json) -> Iterator[tuple[str, Mapping[str, Json]]]:
    """What is a table among the values of a table, by key."""
    if isinstance(table, Mapping):
        yield from ((key, value) for key, value in table.items() if isinstance(value, Mapping))


def _saturated(summary: Mapping[str, Json]) -> set[Json]:
    stages = summary.get("saturated", ())
    assert isinstance(stages, Sequence)
    return {stage["stage"] for stage in stages if isinstance(stage, Mapping)}
