"""Two results side by side: every metric worth showing, the gates, and what else differs.

What is shown is one family, and its p values are adjusted together (Holm). A metric that a gate
names was chosen before anybody looked, so the gated ones are a family of their own.
"""

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.analysis.comparison import LEVEL, Effect, Evidence, effect_of, with_holm
from cqrs_sim.analysis.findings import Findings
from cqrs_sim.analysis.gates import Gate, GateVerdict, parse_gates, pass_gate, wrong_unit
from cqrs_sim.analysis.intervals import SECTIONING, Interval, batch_means, sectioning
from cqrs_sim.analysis.json_values import Json
from cqrs_sim.analysis.lag import (
    commands_after,
    consistency_lag_s,
    events_after,
    response_time_s,
)
from cqrs_sim.analysis.metrics import UnknownMetricError, short_name
from cqrs_sim.analysis.quantiles import FRACTIONS
from cqrs_sim.analysis.saturation import WRITE_SIDE
from cqrs_sim.errors import IncomparableResultsError, InvalidScenarioError
from cqrs_sim.results import Result
from cqrs_sim.scenario.reading import to_toml

TIMES = ("p50", "p90", "p99", "p999", "mean")
RATES = ("accepted", "applied")


@attrs.frozen(kw_only=True)
class Comparison:
    """What became of everything from A to B."""

    a: Result
    b: Result
    effects: tuple[Effect, ...]
    """What is shown, one family."""
    gated: tuple[Effect, ...]
    """What the gates name, one family."""
    gates: tuple[GateVerdict, ...]
    differences: tuple[str, ...]
    """Keys of the scenario that differ: "key: A's value, B's value"."""
    notes: tuple[str, ...]
    """What a reader must know before believing any of it."""

    @property
    def significant(self) -> tuple[Effect, ...]:
        """The changes that are called one."""
        return tuple(effect for effect in self.effects if effect.is_significant)

    @property
    def incorrect(self) -> tuple[str, ...]:
        """Which sides failed a correctness check, in any replication; one line each."""
        return _sides(self.a, self.b, _failed_check)

    @property
    def invalid(self) -> tuple[str, ...]:
        """Which sides are no valid measurement, in any replication; one line each."""
        return _sides(self.a, self.b, _invalidity)

    @property
    def saturated(self) -> tuple[str, ...]:
        """Which sides have a saturated stage, in any replication; one line each."""
        return _sides(self.a, self.b, _saturation)

    @property
    def is_withheld(self) -> bool:
        """Whether any metric of the comparison is."""
        return any(effect.why for effect in (*self.effects, *self.gated))

    @property
    def pairs(self) -> tuple[int, int] | None:
        """How many seeds were compared in pairs, and of how many of the larger side.

        None if there are no pairs, or every replication has its own.
        """
        paired = [one.n for one in (*self.effects, *self.gated) if one.method == "paired"]
        most = max(map(_count, (self.a, self.b)))
        return (max(paired), most) if paired and max(paired) < most else None

    @property
    def passes(self) -> bool:
        """Whether every gate does."""
        return all(gate.ok for gate in self.gates)

    def to_json(self) -> dict[str, Json]:
        """The content of `comparison.json`."""
        return {
            "schema": 1,
            "a": _named(self.a),
            "b": _named(self.b),
            "level": LEVEL,
            "effects": [_effect_json(effect) for effect in self.effects],
            "gated": [_effect_json(effect) for effect in self.gated],
            "gates": [gate.to_json() for gate in self.gates],
            "scenario_differences": list(self.differences),
            "notes": list(self.notes),
        }


def compare(
    a: Result, b: Result, gates: Sequence[str] = (), *, across_engines: bool = False
) -> Comparison:
    """Compare two results.

    Args:
        a: the one before.
        b: the one after.
        gates: such as "lag.orders.p99 +5%", see `analysis.gates`.
        across_engines: allow a simulated result against a measured one.

    Raises:
        IncomparableResultsError: if the engines differ and that was not asked for, or the two have
            no metric in common.
        InvalidScenarioError: if a gate is none, or names no metric; one line a mistake.
    """
    if a.engine != b.engine and not across_engines:
        raise IncomparableResultsError(
            f"A is of the {a.engine} engine and B of the {b.engine} engine: a difference would be "
            "one of clocks; --across-engines compares them all the same"
        )
    wanted = parse_gates(gates)
    names = [name for name in _shown(a) if name in a.metrics and name in b.metrics]
    found = [_effect(a, b, name) for name in names]
    effects = [effect for effect in found if not _is_empty(effect)]
    if not effects:
        raise IncomparableResultsError(_nothing_to_compare(found))
    gated = with_holm([_effect(a, b, name) for name in _gated_names(a, b, wanted)])
    comparison = Comparison(
        a=a,
        b=b,
        effects=with_holm(effects),
        gated=gated,
        gates=tuple(map(pass_gate, wanted, gated)),
        differences=tuple(_scenario_differences(a, b)),
        notes=tuple(_notes(a, b)),
    )
    return attrs.evolve(comparison, notes=(*_left_out(comparison), *comparison.notes))


def _left_out(comparison: Comparison) -> Iterator[str]:
    """That some replications have no partner on the other side."""
    if comparison.pairs is not None:
        pairs, most = comparison.pairs
        side = "A" if _count(comparison.a) == most else "B"
        yield (
            f"paired on {pairs} of {most} seeds: the other replications of {side} have no partner "
            "and are left out of every value, change and interval"
        )


def _shown(result: Result) -> Iterator[str]:
    for name in result.trace.read_models:
        yield from (f"lag_s.{name}.{statistic}" for statistic in TIMES)
    yield from (f"response_s.{statistic}" for statistic in TIMES)
    yield from (f"queries_s.{statistic}" for statistic in TIMES)
    yield from (f"rates_per_s.{statistic}" for statistic in RATES)


def _is_empty(effect: Effect) -> bool:
    """Nothing to show: known of neither, or 0 in both."""
    return (effect.a is None and effect.b is None) or (effect.a == 0.0 and effect.b == 0.0)


def _nothing_to_compare(found: Sequence[Effect]) -> str:
    if not found:
        return "A and B have no metric in common"
    why = next((f"{short_name(one.name.split('.'))}: {one.why}" for one in found if one.why), "")
    told = f" ({why})" if why else ""
    return f"nothing to compare: every metric of A and B is 0 or withheld in both{told}"


def _gated_names(a: Result, b: Result, gates: Sequence[Gate]) -> list[str]:
    """The whole names of what the gates are about, in their order.

    Raises:
        InvalidScenarioError: one line a gate that names nothing, or whose margin has another unit.
    """
    names, mistakes = [], []
    for gate in gates:
        try:
            found = a.metrics.find(gate.name)
            b.metrics.find(gate.name)
        except UnknownMetricError as error:
            mistakes.append(f"gate {gate.expression}: {error}")
            continue
        names.append(found.whole_name)
        mistake = wrong_unit(gate, found.unit)
        if mistake:
            mistakes.append(f"gate {gate.expression}: {mistake}")
    if mistakes:
        raise InvalidScenarioError(mistakes)
    return names


def _effect(a: Result, b: Result, name: str) -> Effect:
    unit = a.metrics.find(name).unit
    return effect_of(name, unit, evidence_of(a, name), evidence_of(b, name))


def evidence_of(result: Result, name: str) -> Evidence:
    """What a result knows of a metric, by its whole name."""
    replications, found = result.replications, result.metrics.find(name)
    if replications is not None and len(replications.seeds) > 1:
        values = replications.values.get(name, (None,))
        known = {
            seed: value
            for seed, value in zip(replications.seeds, values, strict=False)
            if value is not None
        }
        if len(known) < len(replications.seeds):
            return Evidence(values={}, why=replications.why_withheld(found))
        return Evidence(values=known)
    if found.value is None:
        return Evidence(values={}, why=found.why)
    interval = _interval(result, name)
    return Evidence(
        values={result.seed: found.value},
        half_width=None if interval is None else interval.half_width,
        degrees=0 if interval is None else interval.degrees,
        no_spread="" if interval is None else interval.reason,
    )


def _interval(result: Result, name: str) -> Interval | None:
    """Of a single run: from its batches for a mean, from its sections for a quantile."""
    *path, statistic = name.split(".")
    series = _series(result, path)
    stage = WRITE_SIDE if path[0] == "response_s" else path[-1]
    # A run that changes by plan has no level that another stretch of it would have too.
    if series is None or stage in result.varies:
        return None
    if statistic == "mean":
        return batch_means(series, LEVEL)
    fraction = FRACTIONS.get(statistic)
    return None if fraction is None else sectioning(series, fraction, LEVEL)


def _series(result: Result, path: Sequence[str]) -> NDArray[np.float64] | None:
    """The raw times of a group of the summary, in order; None if there are none."""
    trace, after_ns = result.trace, result.scenario.run.warm_up
    match path:
        case ["response_s"]:
            return response_time_s(trace)[commands_after(trace, after_ns)]
        case ["lag_s", read_model] if read_model in trace.read_models:
            return consistency_lag_s(trace, read_model)[events_after(trace, after_ns)]
        case _:
            return None


def _scenario_differences(a: Result, b: Result) -> Iterator[str]:
    x, y = (dict(_flat(tomllib.loads(to_toml(one.scenario)), "")) for one in (a, b))
    for key in dict.fromkeys([*x, *y]):
        if key != "description" and x.get(key) != y.get(key):
            yield f"{key}: {_value(x.get(key))}, {_value(y.get(key))}"


def _flat(table: Mapping[str, object], above: str) -> Iterator[tuple[str, object]]:
    for key, value in table.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _value(value: object) -> str:
    return "none" if value is None else str(value)


def _failed_check(result: Result) -> str | None:
    failed = [check.name for check in result.summary.checks if not check.ok]
    findings = _findings(result)
    names = ", ".join(findings.failed_checks or failed)
    what = f": check {names} failed" if names else ""
    return _found(result, "is incorrect", findings.incorrect, what, in_first=bool(failed))


def _invalidity(result: Result) -> str | None:
    reasons, findings = result.summary.invalid, _findings(result)
    why = findings.why_invalid or "".join(reasons[:1])
    what = f": {why}" if why else ""
    return _found(result, "is no valid measurement", findings.invalid, what, in_first=bool(reasons))


def _saturation(result: Result) -> str | None:
    stages, findings = [load.stage for load in result.summary.saturated], _findings(result)
    what = f": {', '.join(findings.saturated or stages)}"
    return _found(result, "is saturated", findings.saturated_seeds, what, in_first=bool(stages))


def _findings(result: Result) -> Findings:
    return Findings() if result.replications is None else result.replications.findings


def _found(
    result: Result, phrase: str, seeds: Sequence[int], what: str, *, in_first: bool
) -> str | None:
    """What is said of a side of which something is so in some replications; None if in none."""
    where = {*seeds, *((result.seed,) if in_first else ())}
    if not where:
        return None
    count = _count(result)
    of = f" in {len(where)} of {count} replications" if count > 1 else ""
    return f"{phrase}{of}{what}"


def _sides(a: Result, b: Result, fault: Callable[[Result], str | None]) -> tuple[str, ...]:
    found = (("A", fault(a)), ("B", fault(b)))
    return tuple(f"{side} {what}" for side, what in found if what is not None)


def _notes(a: Result, b: Result) -> Iterator[str]:
    if a.engine != b.engine:
        yield f"engines differ: {a.engine} against {b.engine}; what is compared is two clocks"
    for side, result in (("A", a), ("B", b)):
        replications = result.replications
        if result.aborted is not None:
            yield f"{side} was ended by a threshold: {result.aborted}"
        elif not result.complete or (replications is not None and not replications.is_complete):
            yield f"{side} is incomplete"
        if replications is None or len(replications.seeds) < 2:
            method = SECTIONING.partition(" (")[0]
            yield (
                f"{side} is a single run: its spread is from batches and {method} of that run, "
                "which is weaker evidence than replications"
            )
    yield from _sides(a, b, _failed_check)
    yield from _sides(a, b, _invalidity)
    yield from _sides(a, b, _saturation)
    versions = [result.provenance.get("versions") for result in (a, b)]
    if versions[0] != versions[1]:
        yield f"versions differ: {versions[0]}, {versions[1]}"
    if a.trace.read_models != b.trace.read_models:
        yield "read models differ: only those of both are compared"


def _named(result: Result) -> Json:
    return {
        "scenario": result.scenario.name,
        "engine": result.engine,
        "seed": result.seed,
        "replications": _count(result),
    }


def _count(result: Result) -> int:
    """How many runs a side is."""
    return 1 if result.replications is None else max(1, len(result.replications.seeds))


def _effect_json(effect: Effect) -> Json:
    return {
        "metric": short_name(effect.name.split(".")),
        "unit": effect.unit,
        "a": effect.a,
        "b": effect.b,
        "method": effect.method,
        "n": effect.n,
        "difference": None if effect.difference is None else list(attrs.astuple(effect.difference)),
        "relative": effect.relative_change,
        "relative_interval": None
        if effect.relative is None
        else list(attrs.astuple(effect.relative)),
        "p": effect.p,
        "adjusted_p": effect.adjusted_p,
        "significant": effect.is_significant,
        "why": effect.why,
    }
