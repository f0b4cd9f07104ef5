"""Virtual minus algebra is 0 in every stamp: two engines that share plan, draws and `decide`."""

import random
from typing import Any

import attrs
import numpy as np
import pytest

from cqrs_sim import simulation
from cqrs_sim.analysis.agreement import agreement
from cqrs_sim.engines import virtual
from cqrs_sim.engines.algebra import engine as algebra
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.measurement.enrichment_table import no_enrichments
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.probe import Outcome

MODELS = ("orders", "statistics", "search")
CONSTANT = '{distribution = "constant", mean = "1ms"}'
EXPONENTIAL = '{distribution = "exponential", mean = "1ms"}'


def both(preset: str, settings: list[str], *, seed: int = 0) -> tuple[Trace, Trace]:
    scenario = simulation.load_scenario(preset, ["run.warm_up=0s", *settings])
    return (
        virtual.run(scenario, seed=seed).trace,
        algebra.run(scenario, seed=seed).trace,
    )


def assert_equal(one: Trace, other: Trace) -> None:
    assert [column for column in agreement(one, other) if not column.is_equal] == []


def of_all_models(*settings: str) -> list[str]:
    return [f"read_models.{name}.{setting}" for name in MODELS for setting in settings]


TOPOLOGIES = {
    "one order": ["workload.orders=1", "load.rate=800/s", f"write_side.service={EXPONENTIAL}"],
    "a thousand orders": ["workload.orders=1000", f"write_side.service={EXPONENTIAL}"],
    "narrow channels and batches": [
        *of_all_models("batch=4", "channel=5"),
        "read_models.search.channel=1",
        "read_models.orders.checkpoint=1ms",
    ],
    "ties everywhere": [
        "load.process=constant",
        f"write_side.service={CONSTANT}",
        *of_all_models(f"service={CONSTANT}", "batch=3", "channel=2", "transport=1ms"),
        f"queries.service={CONSTANT}",
    ],
    "polls": [
        *of_all_models("poll=10ms", "batch=16"),
        "read_models.search.poll=7ms",
        "read_models.search.transport=3ms",
        "read_models.orders.checkpoint=300us",
    ],
    "ties of polls, pauses and load": [
        "load.process=constant",
        f"write_side.service={CONSTANT}",
        *of_all_models(f"service={CONSTANT}", "batch=3", "transport=1ms", "poll=2ms"),
        "read_models.statistics.poll=30ms",
        *of_all_models('pauses=[{at = "100ms", duration = "45ms"}, {at = "1s", duration = "1s"}]'),
        f"queries.service={CONSTANT}",
    ],
    "a full mailbox refuses": [
        "workload.orders=3",
        "write_side.mailbox=2",
        "write_side.policy=reject",
        'write_side.service={distribution = "exponential", mean = "4ms"}',
    ],
}


@pytest.mark.parametrize("name", TOPOLOGIES)
@pytest.mark.parametrize("kind", ["lifecycle", "amendments"])
def test_a_topology_gives_the_same_trace_on_both_engines(name: str, kind: str) -> None:
    settings = ["run.duration=4s", f"workload.kind={kind}", *TOPOLOGIES[name]]
    one, other = both("default", settings)
    assert len(one.commands) > 1000
    assert_equal(one, other)
    if name == "a full mailbox refuses":
        assert np.count_nonzero(one.commands.outcome == Outcome.REFUSED) > 100


@pytest.mark.parametrize("preset", ["burst", "hot_order", "overload", "slow_projector", "stall"])
def test_a_preset_gives_the_same_trace_on_both_engines(preset: str) -> None:
    assert_equal(*both(preset, ["run.duration=14s" if preset == "burst" else "run.duration=3s"]))


def anything(dice: random.Random) -> list[str]:
    """Settings at random, the odd ones among them."""
    services = [
        '{distribution = "constant", mean = "0ms"}',
        '{distribution = "exponential", mean = "700us"}',
        CONSTANT,
        '{distribution = "constant", mean = "3ms"}',
    ]
    pauses = [
        "[]",
        "[]",
        '[{at = "0s", duration = "100ms"}]',
        '[{at = "200ms", duration = "100ms"}, {at = "300ms", duration = "2s"}]',
        '[{at = "510ms", duration = "700ms"}, {at = "1300ms", duration = "1s"}]',
        '[{at = "63ms", duration = "1100us"}, {at = "70ms", duration = "29ms"}]',
    ]

    def pick(path: str, *values: object) -> str:
        return f"{path}={dice.choice(values)}"

    settings = [
        pick("run.duration", "1s", "500ms"),
        pick("run.drain", "0s", "5s", "20ms"),
        pick("load.process", "constant", "poisson"),
        pick("load.rate", "10/s", "1000/s", "3000/s"),
        pick("workload.kind", "lifecycle", "amendments"),
        pick("workload.orders", 1, 3, 50, 1000),
        "workload.hot_share=1",
        pick("workload.invalid_share", 0, 0.1, 0.6),
        pick("workload.cancel_share", 0, 0.3, 1),
        pick("workload.popularity", "uniform", "zipf", "hot_set"),
        pick("queries.share", 0, 0.3, 0.9),
        pick("queries.service", *services),
        pick("write_side.policy", "block", "reject"),
        pick("write_side.mailbox", 1, 2, 64),
        pick("write_side.service", *services),
        pick("write_side.pauses", *pauses),
    ]
    for name in MODELS:
        settings += [
            pick(f"read_models.{name}.service", *services),
            pick(f"read_models.{name}.pauses", *pauses),
            pick(f"read_models.{name}.transport", "0s", "0s", "1ms", "7ms"),
            pick(f"read_models.{name}.channel", 1, 2, 5, 1024),
            pick(f"read_models.{name}.batch", 1, 2, 7, 64),
            pick(f"read_models.{name}.checkpoint", "0s", "0s", "1ms", "300us"),
            pick(f"read_models.{name}.poll", "0s", "0s", "10ms", "1ms"),
        ]
    return settings


@pytest.mark.parametrize("seed", range(60))
def test_settings_at_random_give_the_same_trace_on_both_engines(seed: int) -> None:
    settings = anything(random.Random(seed))
    one, other = both("default", settings, seed=seed)
    differing = [column for column in agreement(one, other) if not column.is_equal]
    assert differing == [], settings


def asking_anything(dice: random.Random) -> list[str]:
    """The same of projectors that ask another system, which has no pauses and new orders."""
    settings = [*anything(dice), "workload.kind=lifecycle"]
    for name in ("orders", "search"):
        path = f"read_models.{name}.enrichment"
        time, spread = dice.choice([("constant", 0.0), ("exponential", 0.0), ("lognormal", 2.0)])
        settings += [
            f"read_models.{name}.pauses=[]",
            f'{path}.service={{distribution = "{time}", mean = "1ms", spread = {spread}}}',
            f"{path}.failure={dice.choice([0, 0.05, 0.9, 1])}",
            f"{path}.timeout={dice.choice(['0s', '1ms', '3ms'])}",
            f"{path}.attempts={dice.choice([1, 2, 5])}",
        ]
    return settings


@pytest.mark.parametrize("seed", range(30))
def test_questions_at_random_give_the_same_trace_on_both_engines(seed: int) -> None:
    settings = asking_anything(random.Random(1000 + seed))
    one, other = both("default", settings, seed=seed)
    differing = [column for column in agreement(one, other) if not column.is_equal]
    assert differing == [], settings
    is_new = one.events.version == 1
    is_taken = [~np.isnat(one.deliveries_of(name).taken) for name in ("orders", "search")]
    assert (len(one.enrichments) > 0) == np.any(is_new & np.any(is_taken, axis=0))


def test_questions_that_one_engine_alone_asked_are_found() -> None:
    settings = ["run.duration=1s", "read_models.orders.enrichment.service.mean=1ms"]
    asked, _ = both("default", settings)
    silent = attrs.evolve(asked, enrichments=no_enrichments())
    for one, other in ((asked, silent), (silent, asked)):
        names = {column.name for column in agreement(one, other) if not column.is_equal}
        assert names == {name for name in asked.to_arrays() if name.startswith("enrichments.")}


def test_a_replay_gives_the_same_trace_on_both_engines(tmp_path: Any) -> None:
    log = tmp_path / "log.csv"
    rows = ["time,order,command,customer,items,status,reason"]
    for number in range(200):
        order, at = f"o-{number % 17}", f"{number * 0.0004:.4f}"
        rows += [
            f"{at},{order},CreateOrder,c-1,prod-1:2:29.99,,",
            f"{at},{order},UpdateOrderStatus,,,CONFIRMED,",
            f"{at},{order},AmendOrder,,prod-1:0:1.00,,",
            f"{at},{order},CancelOrder,,,,why",
            f"{at},{order},UpdateOrderStatus,,,no such status,",
        ]
    log.write_text("\n".join(rows) + "\n")
    settings = ["load.model=replay", "load.rate=none", f"load.log={log}", "queries.share=0"]
    one, other = both("default", settings)
    assert set(one.commands.outcome.tolist()) == {Outcome.ACCEPTED, Outcome.REJECTED}
    assert_equal(one, other)


def test_a_planted_fault_of_a_nanosecond_is_found() -> None:
    one, other = both("default", ["run.duration=1s"])
    applied = other.deliveries.applied.copy()
    applied[17] += np.timedelta64(1, "ns")
    bent = attrs.evolve(other, deliveries=attrs.evolve(other.deliveries, applied=applied))
    (found,) = [column for column in agreement(one, bent) if not column.is_equal]
    assert (found.name, found.differing, found.largest) == ("deliveries.applied", 1, 1.0)
    assert found.witness.startswith("row 17: ")


def test_a_missing_row_and_another_name_are_found() -> None:
    one, other = both("default", ["run.duration=1s"])
    shorter, _ = both("default", ["run.duration=900ms"])
    names = {column.name for column in agreement(one, shorter) if not column.is_equal}
    assert {"commands.intended", "events.position", "load_ended_ns"} <= names
    renamed = attrs.evolve(other, order_ids=("another", *other.order_ids[1:]))
    (found,) = [column for column in agreement(one, renamed) if not column.is_equal]
    assert found.witness == "row 0: order-0000000 against another"


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        (["load.model=closed", "load.rate=none"], 'load.model = "closed"'),
        (["run.processors=2"], "run.processors = 2"),
        (["write_side.replay=1ms"], 'write_side.replay = "1ms"'),
        (
            [
                "read_models.orders.enrichment.service.mean=1ms",
                'read_models.orders.pauses=[{at = "1s", duration = "1s"}]',
            ],
            "read_models.orders.pauses",
        ),
        (["queries.strategy.by_id=at_least"], 'queries.strategy.by_id = "at_least"'),
        (["queries.strategy.by_id=write_side"], 'queries.strategy.by_id = "write_side"'),
        (["write_side.service.distribution=real", "write_side.service.mean=0s"], "write_side"),
    ],
)
def test_what_the_algebra_cannot_do_is_refused_by_its_key(settings: list[str], key: str) -> None:
    scenario = simulation.load_scenario("default", settings)
    with pytest.raises(InvalidScenarioError) as caught:
        algebra.run(scenario)
    (mistake,) = caught.value.mistakes
    assert mistake.startswith(key)
    if key != "write_side":
        assert mistake.endswith("which the algebra engine cannot do; virtual can")


def test_snapshots_change_no_stamp() -> None:
    settings = ["workload.kind=amendments", "run.duration=2s", "write_side.snapshot_every=3"]
    assert_equal(*both("default", settings))


def test_a_strategy_that_no_query_uses_is_no_obstacle() -> None:
    settings = ["queries.share=0", "queries.strategy.by_id=write_side", "run.duration=1s"]
    assert_equal(*both("default", settings))
