"""What must hold in every run, over many seeds, and what must not change if something else does."""

from collections.abc import Iterator

import attrs
import numpy as np
import pytest
from fakes import MS, SECOND, constant, exponential, scenario

from cqrs_sim.actors.clock import VirtualClock
from cqrs_sim.engines import virtual
from cqrs_sim.engines.experiment import Experiment
from cqrs_sim.measurement.trace import CommandTable, EventTable, QueryTable, Trace
from cqrs_sim.probe import Outcome
from cqrs_sim.scenario.presets import preset_names, preset_text
from cqrs_sim.scenario.reading import read_scenario
from cqrs_sim.scenario.scenario import (
    Load,
    Queries,
    QueryMix,
    ReadModel,
    Retry,
    Run,
    Scenario,
    Workload,
    WriteSide,
)
from cqrs_sim.scenario.units import Count, Duration, Rate, Real, Share
from cqrs_sim.system import fold

SEEDS = range(8)


def busy(**parts: object) -> Scenario:
    given: dict[str, object] = {
        "run": Run(duration=Duration(SECOND // 2), drain=Duration(10 * SECOND)),
        "load": Load(rate=Rate(1000.0)),
        "workload": Workload(orders=Count(30), invalid_share=Share(0.1), cancel_share=Share(0.3)),
        "queries": Queries(
            share=Share(0.3),
            mix=QueryMix(by_customer=Real(1.0), by_status=Real(1.0)),
            service=exponential(MS),
        ),
        "write_side": WriteSide(service=exponential(5 * MS), mailbox=Count(4)),
        "read_models": {"orders": ReadModel(service=exponential(MS))},
    }
    return scenario(**(given | parts))


SLOW_READER = {"orders": ReadModel(service=constant(5 * MS), batch=Count(4), channel=Count(2))}

SCENARIOS = {
    "busy": busy(),
    "refusing": busy(
        workload=Workload(orders=Count(3)),
        write_side=WriteSide(service=constant(10 * MS), mailbox=Count(1), policy="reject"),
    ),
    "passivating": busy(
        write_side=WriteSide(service=exponential(MS), passivate_after=Duration(2 * MS))
    ),
    "cut short": busy(
        run=Run(duration=Duration(SECOND // 2), drain=Duration(50 * MS)), read_models=SLOW_READER
    ),
    "few processors": busy(run=Run(duration=Duration(SECOND // 2), processors=Count(2))),
    "optimistic": busy(
        write_side=WriteSide(
            handling="optimistic", service=exponential(5 * MS), retry=Retry(attempts=Count(2))
        )
    ),
    "unchecked": busy(write_side=WriteSide(handling="unchecked", service=exponential(5 * MS))),
    "closed": busy(load=Load(model="closed", rate=None, clients=Count(8))),
    "no modelled time": busy(
        write_side=WriteSide(), read_models={"orders": ReadModel(), "search": ReadModel()}
    ),
}


def presets() -> Iterator[tuple[str, Scenario]]:
    brief = ["run.duration=500ms", "run.warm_up=0s", "run.drain=1s"]
    for name in preset_names():
        yield f"preset {name}", read_scenario(preset_text(name), brief)


SCENARIOS |= dict(presets())


def ns(column: object) -> list[int]:
    return [int(instant) for instant in column.astype(np.int64)]  # type: ignore[attr-defined]


NAT = -(2**63)


def check_commands(trace: Trace) -> None:
    """Every command has one outcome; accepted ones have their events, the others have none."""
    commands, events = trace.commands, trace.events
    counts = np.bincount(commands.outcome, minlength=len(Outcome))
    assert int(counts.sum()) == len(commands)
    assert counts[Outcome.DROPPED] == counts[Outcome.UNKNOWN] == 0
    assert counts[Outcome.ACCEPTED] == len(events)
    caused = events.command.tolist()
    assert len(set(caused)) == len(caused)
    assert set(caused) == set(np.flatnonzero(commands.outcome == Outcome.ACCEPTED).tolist())
    for row, outcome in enumerate(commands.outcome.tolist()):
        assert (commands.position[row] > 0) == (outcome == Outcome.ACCEPTED)
    assert commands.position[events.command].tolist() == events.position.tolist()
    answered = ~np.isnat(commands.acknowledged)
    assert answered.tolist() == (commands.outcome != Outcome.UNFINISHED).tolist()


def check_order_is_kept(trace: Trace) -> None:
    """Positions and versions have no gap; the commands of one order commit in the order sent.

    But for that order, where each command has a handler of its own.
    """
    first = trace.first_position
    assert trace.events.position.tolist() == list(range(first, first + len(trace.events)))
    assert ns(trace.events.committed) == sorted(ns(trace.events.committed))
    for order in set(trace.events.order.tolist()):
        rows = np.flatnonzero(trace.events.order == order)
        versions = trace.events.version[rows].tolist()
        assert versions == list(range(versions[0], versions[0] + len(versions)))
        assert versions[0] == 1 or first > 1
        if len(trace.attempts):
            continue
        assert trace.events.command[rows].tolist() == sorted(trace.events.command[rows].tolist())
        own = np.flatnonzero(trace.commands.order == order)
        dequeued = [t for t in ns(trace.commands.dequeued[own]) if t != NAT]
        assert dequeued == sorted(dequeued)


def check_deliveries(trace: Trace, unordered: frozenset[str]) -> None:
    """Each event reaches each read model once, in order; the stages add up to the lag, exactly.

    Those that tasks bring to a read model come in no order and have no checkpoint.
    """
    committed = np.array(ns(trace.events.committed), np.int64)
    for name in trace.read_models:
        deliveries = trace.deliveries_of(name)
        assert deliveries.position.tolist() == trace.events.position.tolist()
        stages = np.array(
            [
                ns(getattr(deliveries, stage))
                for stage in ("delivered", "taken", "applied", "checkpointed")
            ],
            np.int64,
        ).reshape(4, -1)
        if name in unordered:
            assert (np.diff(np.vstack([committed, stages[:3]]), axis=0) >= 0).all()
            assert set(stages[3].tolist()) == {NAT}
            continue
        for stage in stages:
            happened = stage != NAT
            # What happened to a later event had happened to all before it.
            assert happened.tolist() == sorted(happened.tolist(), reverse=True)
            assert stage[happened].tolist() == sorted(stage[happened].tolist())
        path = np.vstack([committed, stages])
        done = stages[3] != NAT
        parts = np.diff(path[:, done], axis=0)
        assert (parts >= 0).all()
        assert (parts[:3].sum(axis=0) == stages[2][done] - committed[done]).all()


def check_stamps(trace: Trace) -> None:
    """No instant comes before the one that it follows from, nor after the end."""
    commands, queries = trace.commands, trace.queries
    paths = [
        (commands, ("intended", "submitted", "dequeued", "committed", "acknowledged")),
        (queries, ("intended", "submitted", "answered")),
    ]
    for table, names in paths:
        for row in zip(*[ns(getattr(table, name)) for name in names], strict=True):
            instants = [instant for instant in row if instant != NAT]
            assert instants == sorted(instants)
            assert instants[0] >= 0
            assert instants[-1] <= trace.ended_ns


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
def test_every_run_keeps_the_invariants(scenario: Scenario, seed: int) -> None:
    experiment = Experiment(scenario, seed, VirtualClock())
    virtual.run_experiment(experiment)
    trace = experiment.trace()
    assert len(trace.events) > 50
    check_commands(trace)
    check_order_is_kept(trace)
    check_deliveries(trace, scenario.unordered)
    check_stamps(trace)
    log = experiment.system.log
    for name, projector in experiment.system.projectors.items():
        assert projector.duplicates_count == 0
        if name in scenario.unordered:
            assert projector.applied == log.head
        elif projector.applied == log.head:
            contents = projector.read_model.contents()
            assert contents == fold(experiment.system, name).contents()
        else:
            assert trace.ended_ns == trace.load_ended_ns + scenario.run.drain
    # The package's own checkers agree.
    failed = {check.name for check in experiment.result("virtual").summary.checks if not check.ok}
    faulty = {"convergence"} if scenario.unordered else set()
    if scenario.write_side.handling == "unchecked":
        faulty = {"lost_updates", "histories", "order_states"}
    assert failed <= faulty


@pytest.mark.parametrize("seed", SEEDS)
def test_a_run_that_was_not_cut_short_finishes_everything(seed: int) -> None:
    trace = virtual.run(SCENARIOS["busy"], seed=seed).trace
    assert not (trace.commands.outcome == Outcome.UNFINISHED).any()
    assert not np.isnat(trace.deliveries.checkpointed).any()


def test_the_scenario_that_is_cut_short_is() -> None:
    trace = virtual.run(SCENARIOS["cut short"], seed=0).trace
    assert np.isnat(trace.deliveries.applied).any()


# What must not change.


def columns(table: CommandTable | EventTable | QueryTable) -> dict[str, list[object]]:
    return {
        field.name: getattr(table, field.name).astype(np.int64).tolist()
        for field in attrs.fields(type(table))
        if field.name != "versions_missing"
    }


def write_side(trace: Trace) -> tuple[object, ...]:
    return columns(trace.commands), columns(trace.events), trace.order_ids, trace.command_kinds


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    "read_models",
    [
        {"orders": ReadModel(service=exponential(MS)), "search": ReadModel(service=constant(MS))},
        {"search": ReadModel(), "orders": ReadModel(service=exponential(MS))},
        {"orders": ReadModel(service=constant(20 * MS))},
        {"orders": ReadModel(service=exponential(MS), channel=Count(1))},
        {"orders": ReadModel(service=exponential(MS), batch=Count(9), checkpoint=Duration(MS))},
    ],
    ids=["one more", "one more, before", "a slow one", "a narrow channel", "batches"],
)
def test_the_read_side_changes_no_column_of_the_write_side(
    read_models: dict[str, ReadModel], seed: int
) -> None:
    with_others = virtual.run(busy(read_models=read_models), seed=seed).trace
    assert write_side(with_others) == write_side(virtual.run(busy(), seed=seed).trace)


@pytest.mark.parametrize("seed", range(3))
def test_one_more_read_model_changes_nothing_of_the_others(seed: int) -> None:
    orders = ReadModel(service=exponential(MS))
    alone = virtual.run(busy(), seed=seed).trace.deliveries_of("orders")
    more = {"statistics": ReadModel(service=constant(MS)), "orders": orders}
    beside = virtual.run(busy(read_models=more), seed=seed).trace.deliveries_of("orders")
    for name in ("delivered", "taken", "applied", "checkpointed"):
        assert ns(getattr(alone, name)) == ns(getattr(beside, name))


@pytest.mark.parametrize("seed", range(3))
def test_the_speed_of_queries_changes_nothing_of_the_write_side(seed: int) -> None:
    slow = busy(queries=attrs.evolve(busy().queries, service=constant(20 * MS)))
    changed, unchanged = virtual.run(slow, seed=seed).trace, virtual.run(busy(), seed=seed).trace
    assert write_side(changed) == write_side(unchanged)


@pytest.mark.parametrize("quantum", [1, 1000])
@pytest.mark.parametrize("name", ["busy", "no modelled time", "closed"])
def test_the_quantum_changes_nothing_on_the_virtual_clock(name: str, quantum: int) -> None:
    scenario = SCENARIOS[name]
    other = attrs.evolve(scenario, run=attrs.evolve(scenario.run, quantum=Count(quantum)))
    first, second = virtual.run(scenario, seed=1).trace, virtual.run(other, seed=1).trace
    assert write_side(first) == write_side(second)
    assert ns(first.deliveries.applied) == ns(second.deliveries.applied)
    assert columns(first.queries) == columns(second.queries)


@pytest.mark.parametrize("mailbox", [1, 1000])
def test_the_capacity_of_mailboxes_that_block_changes_nothing(mailbox: int) -> None:
    side = busy().write_side
    other = busy(write_side=attrs.evolve(side, mailbox=Count(mailbox)))
    assert write_side(virtual.run(other, seed=1).trace) == write_side(
        virtual.run(busy(), seed=1).trace
    )


@pytest.mark.parametrize("seed", range(3))
def test_passivation_changes_nothing_but_memory(seed: int) -> None:
    never = attrs.evolve(
        SCENARIOS["passivating"].write_side, passivate_after=Duration(3600 * SECOND)
    )
    first = virtual.run(SCENARIOS["passivating"], seed=seed).trace
    second = virtual.run(busy(write_side=never), seed=seed).trace
    assert write_side(first) == write_side(second)


@pytest.mark.parametrize("seed", range(3))
def test_larger_mailboxes_that_refuse_never_refuse_more(seed: int) -> None:
    refused = []
    for mailbox in (1, 2, 4, 8, 16):
        side = attrs.evolve(SCENARIOS["refusing"].write_side, mailbox=Count(mailbox))
        trace = virtual.run(attrs.evolve(SCENARIOS["refusing"], write_side=side), seed=seed).trace
        refused.append(int(np.count_nonzero(trace.commands.outcome == Outcome.REFUSED)))
    assert refused == sorted(refused, reverse=True)
    assert refused[0] > 50


def test_enough_processors_are_as_good_as_one_for_each_actor() -> None:
    many = attrs.evolve(busy().run, processors=Count(1024))
    first, second = virtual.run(busy(run=many), seed=1), virtual.run(busy(), seed=1)
    assert write_side(first.trace) == write_side(second.trace)
    assert ns(first.trace.deliveries.applied) == ns(second.trace.deliveries.applied)


@pytest.mark.parametrize("processors", [1, 2, 3])
def test_as_many_stages_are_in_work_at_once_as_there_are_processors(processors: int) -> None:
    write_ns, read_ns = 3 * MS, 2 * MS
    limited = busy(
        run=Run(
            duration=Duration(SECOND // 2),
            drain=Duration(60 * SECOND),
            processors=Count(processors),
        ),
        write_side=WriteSide(service=constant(write_ns)),
        read_models={
            "orders": ReadModel(service=constant(read_ns)),
            "search": ReadModel(service=constant(read_ns)),
        },
    )
    trace = virtual.run(limited, seed=1).trace
    worked = trace.commands.acknowledged[~np.isnat(trace.commands.dequeued)]
    spans = [(end - write_ns, end) for end in ns(worked)]
    spans += [(end - read_ns, end) for end in ns(trace.deliveries.applied)]
    # At one instant ends come before beginnings.
    steps = sorted([(start, 1) for start, _ in spans] + [(end, -1) for _, end in spans])
    inside = np.cumsum([step for _, step in steps])
    assert int(inside.max()) == processors
    assert len(spans) > 500
