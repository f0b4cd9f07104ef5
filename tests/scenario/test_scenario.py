from typing import Any

import attrs
import pytest

from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.scenario.contradictions import expected_operations
from cqrs_sim.scenario.scenario import (
    Load,
    Queries,
    QueryMix,
    RateSegment,
    ReadModel,
    Run,
    Scenario,
    Service,
    Workload,
    WriteSide,
    contradictions,
)

S = 1_000_000_000


def segment(duration_s: float, start: float, end: float | None = None) -> RateSegment:
    values: dict[str, Any] = {"duration": int(duration_s * S), "start": start}
    return RateSegment(**values, end=start if end is None else end)


def load(**values: Any) -> Load:
    return Load(**values)


def run(**values: Any) -> Run:
    return Run(**values)


def service(distribution: Any, mean: Any = 0) -> Service:
    return Service(distribution=distribution, mean=mean)


def spread(distribution: Any, mean: Any, spread: Any) -> Service:
    return Service(distribution=distribution, mean=mean, spread=spread)


def mix(**weights: Any) -> QueryMix:
    return QueryMix(**({"by_id": 0} | weights))


def queries(**values: Any) -> Queries:
    return Queries(**values)


def workload(**values: Any) -> Workload:
    return Workload(**values)


REPLY: dict[str, Any] = {"reply": 5}
ORDERS = {"orders": ReadModel()}

CONTRADICTIONS: list[tuple[dict[str, Any], str]] = [
    ({"load": load()}, "load.rate: an open load needs it"),
    ({"load": load(rate=5, profile=[segment(1, 5)])}, "load.rate and load.profile"),
    ({"load": load(model="closed", rate=5)}, "load.rate: belongs to the open model"),
    ({"load": load(model="closed", profile=[segment(1, 5)])}, "load.profile: belongs to the open"),
    ({"load": load(model="replay", log="a.csv", rate=5)}, "load.rate: belongs to the open model"),
    ({"load": load(model="replay")}, "load.log: a replay needs the path"),
    ({"load": load(model="closed", log="a.csv")}, "load.log: belongs to a replay"),
    ({"load": load(profile=[segment(1, 0), segment(1, 9)])}, "load.profile[0]: the rates"),
    ({"load": load(rate=5, think_time=service("real"))}, 'load.think_time.distribution = "real"'),
    ({"load": load(rate=5, think_time=service("exponential"))}, "load.think_time.mean: an exp"),
    ({"run": run(duration=S, warm_up=S)}, 'run.warm_up = "1s": must be shorter than run.duration'),
    ({"load": load(rate=1e8)}, "load.rate: makes about 3,000,000,000 operations"),
    ({"load": load(profile=[segment(30, 0, 2e6)])}, "load.profile: makes about 30,000,000 opera"),
    ({"load": load(rate=0.01)}, "load.rate: makes about 0.3 operations"),
    ({"workload": workload(invalid_share=1)}, "workload.invalid_share: if every command"),
    (
        {"workload": workload(popularity="hot_set", orders=5, hot_orders=6)},
        "workload.hot_orders = 6: must not be more than workload.orders = 5",
    ),
    (
        {"workload": workload(popularity="hot_set", orders=5, hot_orders=5)},
        "workload.hot_orders = 5: leaves no order",
    ),
    ({"queries": queries(share=0.5, mix=mix())}, "queries.mix: all weights are 0"),
    (
        {"queries": queries(share=0.5, mix=mix(statistics=2))},
        "queries.mix.statistics = 2: is answered by the read model statistics",
    ),
    (
        {
            "queries": queries(share=0.5, mix=mix(by_status=1)),
            "read_models": {"search": ReadModel()},
        },
        "queries.mix.by_status = 1: is answered by the read model orders",
    ),
    ({"queries": queries(service=service("exponential"))}, "queries.service.mean: an exponential"),
    ({"write_side": WriteSide(service=service("real", S))}, 'write_side.service.mean = "1s": a re'),
    (
        {"read_models": {"orders": ReadModel(service=service("exponential"))}},
        "read_models.orders.service.mean: an exponential",
    ),
    (
        {"write_side": WriteSide(service=spread("lognormal", 0, 0.5))},
        "write_side.service.mean: a logn",
    ),
    (
        {"write_side": WriteSide(service=service("lognormal", S))},
        "write_side.service.spread = 0: a log",
    ),
    (
        {"write_side": WriteSide(service=spread("constant", S, 0.5))},
        "write_side.service.spread = 0.5: must be 0, unless its distribution is",
    ),
    ({"run": run(discipline="turns")}, "run.processors = 0: must be 1 if run.discipline"),
    ({"run": run(discipline="turns", processors=2)}, "run.processors = 2: must be 1"),
    ({"run": run(processors=1, settle=5)}, 'run.settle = "5ns": must be 0s, unless run.discipline'),
    ({"load": load(rate=5, send=5)}, 'load.send = "5ns": must be 0s, unless run.discipline'),
    ({"write_side": WriteSide(**REPLY)}, 'write_side.reply = "5ns": must be 0s, unless'),
    (
        {
            "run": run(discipline="turns", processors=1),
            "load": load(model="closed", think_time=service("exponential", S), send=5),
        },
        'load.send = "5ns": belongs to a planned load, but load.model = "closed"',
    ),
    ({"read_models": {}}, "read_models: at least one is needed"),
    ({"read_models": {"serch": ReadModel()}}, "read_models.serch: unknown read model; did you me"),
    ({"read_models": {"x\n": ReadModel()}}, 'read_models."x\\n": unknown read model; there are'),
]


@pytest.mark.parametrize(("parts", "message"), CONTRADICTIONS, ids=[m for _, m in CONTRADICTIONS])
def test_a_contradiction_is_one_line(parts: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidScenarioError) as refused:
        Scenario(**parts)
    assert len(refused.value.mistakes) == 1
    assert refused.value.mistakes[0].startswith(message)


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"load": load(model="closed")},
        {"load": load(model="closed", think_time=service("exponential", S))},
        {"load": load(model="replay", log="a.csv"), "run": run(duration=S, warm_up=S)},
        {"load": load(profile=[segment(1, 0, 5), segment(1, 5, 0)])},
        {"load": load(rate=5), "run": run(duration=S, warm_up=S - 1)},
        # Exactly as many operations as are allowed, and exactly one.
        {"load": load(rate=2e6), "run": run(duration=10 * S)},
        {"load": load(rate=1), "run": run(duration=S)},
        {"workload": workload(orders=5, hot_orders=6)},
        {"workload": workload(popularity="hot_set", orders=5, hot_orders=5, hot_share=1)},
        {"workload": workload(kind="amendments", invalid_share=1)},
        {"queries": queries(share=0, mix=mix())},
        {"queries": queries(share=0, mix=mix(statistics=1))},
        {"queries": queries(share=1.0)},
        {"write_side": WriteSide(service=service("real"))},
        {"read_models": {"search": ReadModel(), "orders": ReadModel()}},
    ],
    ids=repr,
)
def test_what_only_looks_odd_is_allowed(parts: dict[str, Any]) -> None:
    assert contradictions(Scenario(**parts)) == []


def test_all_contradictions_are_found_at_once() -> None:
    with pytest.raises(InvalidScenarioError) as refused:
        Scenario(
            load=Load(),
            read_models={},
            write_side=WriteSide(service=service("exponential")),
            queries=queries(share=0.5, mix=mix()),
        )
    assert len(refused.value.mistakes) == 4


@pytest.mark.parametrize(
    ("profile", "expected"),
    [
        ([segment(10, 100)], 3_000),
        ([segment(10, 0, 100)], 500 + 20 * 100),
        ([segment(10, 100, 0)], 500),
        ([segment(10, 0, 100), segment(10, 100, 0), segment(1, 0, 7)], 1000 + 3.5 + 9 * 7),
        # Cut in the middle of a segment, and before a later one.
        ([segment(60, 0, 100)], 30 * 50 / 2),
        ([segment(60, 0, 100), segment(60, 1e7)], 30 * 50 / 2),
    ],
)
def test_expected_operations_are_the_integral_of_the_rate(
    profile: list[RateSegment], expected: float
) -> None:
    assert expected_operations(run(duration=30 * S), load(profile=profile)) == pytest.approx(
        expected
    )


@pytest.mark.parametrize(
    ("cls", "values"),
    [
        (Scenario, {"run": None}),
        (Scenario, {"run": {"duration": 5}}),
        (Scenario, {"read_models": None}),
        (Scenario, {"read_models": []}),
        (Scenario, {"read_models": {"orders": 5}}),
        (Scenario, {"name": "a" * 81}),
        (Scenario, {"name": ""}),
        (Load, {"profile": 5}),
        (Load, {"profile": [5]}),
        (Load, {"profile": [segment(1, 5)] * 1001}),
        (Load, {"model": "opne"}),
        (Load, {"model": 5}),
        (Load, {"log": "a\0b"}),
        (ReadModel, {"service": Run()}),
        (RateSegment, {"duration": S, "start": 5.0, "end": float("nan")}),
    ],
    ids=repr,
)
def test_a_part_with_a_wrong_value_cannot_be_made(cls: type, values: dict[str, Any]) -> None:
    with pytest.raises(InvalidScenarioError, match=f"^{cls.__name__}"):
        cls(**values)


def test_a_scenario_keeps_its_own_read_models() -> None:
    mine = dict(ORDERS)
    scenario = Scenario(read_models=mine)
    mine.clear()
    assert scenario.read_models == ORDERS


def test_a_scenario_is_frozen() -> None:
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        Scenario().name = "other"  # type: ignore[misc] # that is the point
