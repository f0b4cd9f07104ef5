from collections.abc import Iterator, Sequence
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest
from fakes import MS, SECOND, History, constant, create, exponential, scenario, update

from cqrs_sim.actors.clock import VirtualClock, WallClock
from cqrs_sim.actors.randomness import Streams
from cqrs_sim.domain.commands import Command
from cqrs_sim.domain.queries import WHOLE, GetOrderById, Page, Query
from cqrs_sim.engines import virtual, wall
from cqrs_sim.engines.experiment import ClosedLoad, Experiment, Progress
from cqrs_sim.engines.planning import plan_for, reads_of, scripts_for, setup_for
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.ids import OrderId
from cqrs_sim.load_generation.plan import Plan
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.probe import Outcome
from cqrs_sim.scenario.scenario import (
    Load,
    Queries,
    QueryMix,
    ReadModel,
    Run,
    Scenario,
    Service,
    Workload,
    WriteSide,
)
from cqrs_sim.scenario.units import Count, Duration, Rate, Real, Share, Text


def small(**parts: object) -> Scenario:
    """One second of 200 commands a second, on one fast read model."""
    given: dict[str, object] = {
        "run": Run(duration=Duration(SECOND)),
        "load": Load(rate=Rate(200.0)),
        "workload": Workload(orders=Count(20)),
        "write_side": WriteSide(service=exponential(MS)),
        "read_models": {"orders": ReadModel(service=exponential(MS))},
    }
    return scenario(**(given | parts))


def plan_of(
    commands: list[Command],
    instants: list[int],
    asked: Sequence[Query] = (),
    asked_ns: Sequence[int] = (),
) -> Plan:
    return Plan(
        setup=(),
        commands=commands,
        commands_intended_ns=np.array(instants, np.int64),
        commands_session=np.zeros(len(commands), np.int32),
        queries=list(asked),
        queries_intended_ns=np.array(asked_ns, np.int64),
        queries_session=np.zeros(len(asked), np.int32),
    )


def unfinished(trace: Trace) -> int:
    return int(np.count_nonzero(trace.commands.outcome == Outcome.UNFINISHED))


def failed_checks(result: object) -> list[str]:
    return [check.name for check in result.summary.checks if not check.ok]  # type: ignore[attr-defined]


# Open load.


def test_an_open_load_is_sent_as_planned_whatever_the_system_does() -> None:
    overloaded = small(write_side=WriteSide(service=constant(100 * MS), mailbox=Count(1)))
    plan = plan_for(overloaded, Streams(3))
    trace = virtual.run(overloaded, seed=3).trace
    assert trace.commands.intended.astype(int).tolist() == plan.commands_intended_ns.tolist()
    assert trace.commands.submitted.tolist() == trace.commands.intended.tolist()
    assert trace.commands.session.tolist() == plan.commands_session.tolist()


def test_an_open_run_lasts_as_long_as_planned_even_if_the_last_arrival_is_earlier() -> None:
    result = virtual.run(small(load=Load(rate=Rate(2.0))), seed=1)
    assert result.trace.load_ended_ns == SECOND
    assert result.trace.ended_ns >= SECOND
    assert result.complete


def test_a_run_ends_when_all_is_applied_and_does_not_wait_for_the_deadline() -> None:
    trace = virtual.run(small(), seed=1).trace
    last = trace.deliveries.checkpointed.max().astype(int)
    assert trace.ended_ns == max(SECOND, last)
    assert unfinished(trace) == 0


def test_what_is_not_done_at_the_deadline_is_censored_and_counted() -> None:
    slow = small(
        run=Run(duration=Duration(SECOND), drain=Duration(SECOND // 2)),
        read_models={
            "orders": ReadModel(service=constant(20 * MS)),
            "search": ReadModel(service=constant(MS)),
        },
    )
    result = virtual.run(slow, seed=1)
    trace = result.trace
    assert trace.ended_ns == trace.load_ended_ns + SECOND // 2
    orders = trace.deliveries_of("orders")
    applied = np.count_nonzero(~np.isnat(orders.applied))
    # One every 20 ms from the first commit on.
    assert applied == (trace.ended_ns - int(trace.events.committed[0].astype(int))) // (20 * MS)
    assert not np.isnat(trace.deliveries_of("search").applied).any()
    assert np.isnat(orders.applied[applied:]).all()
    assert failed_checks(result) == []


def test_commands_in_work_or_waiting_at_the_deadline_are_unfinished() -> None:
    stuck = small(
        run=Run(duration=Duration(SECOND), drain=Duration(0)),
        workload=Workload(kind="amendments", orders=Count(1), invalid_share=Share(0.0)),
        write_side=WriteSide(service=constant(100 * MS)),
    )
    result = virtual.run(stuck, seed=1)
    trace = result.trace
    accepted = np.count_nonzero(trace.commands.outcome == Outcome.ACCEPTED)
    assert accepted == len(trace.events) in (9, 10)
    assert accepted + unfinished(trace) == len(trace.commands)
    assert np.isnat(trace.commands.acknowledged[trace.commands.outcome == 0]).all()
    assert failed_checks(result) == []


def test_queries_in_flight_when_the_load_ends_are_answered_before_the_deadline() -> None:
    slow = small(
        load=Load(rate=Rate(20.0)),
        queries=Queries(share=Share(0.5), service=constant(2 * SECOND)),
    )
    trace = virtual.run(slow, seed=1).trace
    assert len(trace.queries) > 3
    assert not np.isnat(trace.queries.answered).any()
    assert trace.ended_ns == int(trace.queries.intended.max().astype(int)) + 2 * SECOND


@pytest.mark.parametrize("service_ns", [0, MS])
def test_a_query_at_the_instant_of_a_projection_sees_it(service_ns: int) -> None:
    quick = small(
        write_side=WriteSide(service=constant(service_ns)),
        read_models={"orders": ReadModel(service=constant(service_ns))},
    )
    load = plan_of([create()], [10], [GetOrderById(OrderId("order-1"))], [10 + 2 * service_ns])
    trace = virtual.run(quick, load=load).trace
    assert (trace.queries.position.tolist(), trace.queries.versions_missing.tolist()) == ([1], [0])


def test_orders_set_up_before_the_run_are_no_part_of_the_trace() -> None:
    standing = small(workload=Workload(kind="amendments", orders=Count(7)))
    trace = virtual.run(standing, seed=1).trace
    assert trace.first_position == 8
    assert trace.events.position[0] == 8
    assert (trace.events.version >= 2).all()
    assert set(trace.command_kinds) <= {"AmendOrder", "UpdateOrderStatus"}


def test_the_read_models_equal_a_fold_of_the_whole_log() -> None:
    experiment = Experiment(small(), 5, VirtualClock())
    virtual.run_experiment(experiment)
    assert experiment.diverged() == []
    checks = {check.name: check.ok for check in experiment.result("virtual").extra_checks}
    assert checks == {"convergence": True, "order_states": True}


def test_a_read_model_that_differs_from_the_fold_is_reported() -> None:
    experiment = Experiment(small(), 5, VirtualClock())
    virtual.run_experiment(experiment)
    (stray,) = History().handle(create("nobody's"))
    experiment.system.projectors["orders"].read_model.apply(stray)
    result = experiment.result("virtual")
    assert experiment.diverged() == ["orders"]
    assert "convergence" in failed_checks(result)


def test_one_seed_gives_one_trace_and_another_seed_another() -> None:
    first, again, other = (virtual.run(small(), seed=seed).trace for seed in (4, 4, 5))
    assert first.commands.committed.tolist() == again.commands.committed.tolist()
    assert first.deliveries.applied.tolist() == again.deliveries.applied.tolist()
    assert first.commands.committed.tolist() != other.commands.committed.tolist()


def test_stages_that_take_real_time_are_refused_in_virtual_time_all_at_once() -> None:
    real = Service(distribution="real")
    with pytest.raises(InvalidScenarioError) as caught:
        virtual.run(small(write_side=WriteSide(service=real), queries=Queries(service=real)))
    assert [line.split(".")[0] for line in caught.value.mistakes] == ["write_side", "queries"]


# Closed loop.


def closed(**parts: object) -> Scenario:
    load = Load(
        model="closed",
        rate=None,
        clients=Count(8),
        think_time=exponential(5 * MS),
    )
    return small(**({"load": load} | parts))


def test_each_client_has_one_operation_under_way_at_a_time() -> None:
    mixed = closed(queries=Queries(share=Share(0.3), service=exponential(MS)))
    trace = virtual.run(mixed, seed=2).trace
    assert set(trace.commands.session.tolist()) == set(range(8))
    for session in range(8):
        own = [
            *zip(
                trace.commands.submitted[trace.commands.session == session].astype(int),
                trace.commands.acknowledged[trace.commands.session == session].astype(int),
                strict=True,
            ),
            *zip(
                trace.queries.submitted[trace.queries.session == session].astype(int),
                trace.queries.answered[trace.queries.session == session].astype(int),
                strict=True,
            ),
        ]
        own.sort()
        assert all(end <= start for (_, end), (start, _) in pairwise(own))
        assert len(own) > 50


def test_a_closed_load_ends_with_the_duration_and_every_operation_is_finished() -> None:
    result = virtual.run(closed(), seed=2)
    trace = result.trace
    assert trace.commands.submitted.max().astype(int) < SECOND
    assert trace.load_ended_ns >= SECOND
    assert unfinished(trace) == 0
    assert failed_checks(result) == []


def test_without_think_time_the_response_law_is_an_identity() -> None:
    """N = X R over a span in which N clients never pause: N x span = sum of response times."""
    load = Load(model="closed", rate=None, clients=Count(5))
    trace = virtual.run(closed(load=load), seed=2).trace
    for session in range(5):
        rows = np.flatnonzero(trace.commands.session == session)
        response = (trace.commands.acknowledged - trace.commands.intended)[rows].astype(int)
        assert int(response.sum()) == int(trace.commands.acknowledged[rows].max().astype(int))


def test_rejections_and_refusals_do_not_stop_a_client() -> None:
    rough = closed(workload=Workload(orders=Count(4), invalid_share=Share(0.5)))
    trace = virtual.run(rough, seed=2).trace
    outcomes = np.bincount(trace.commands.outcome, minlength=len(Outcome))
    assert outcomes[Outcome.REJECTED] > 100
    assert outcomes[Outcome.ACCEPTED] > 100
    assert outcomes[Outcome.UNFINISHED] == 0


def test_clients_of_standing_orders_find_them_set_up() -> None:
    standing = closed(
        workload=Workload(kind="amendments", orders=Count(3), invalid_share=Share(0.0))
    )
    trace = virtual.run(standing, seed=2).trace
    assert set(trace.commands.outcome.tolist()) == {int(Outcome.ACCEPTED)}


def test_a_closed_load_may_run_out_of_scripts_before_the_end() -> None:
    script: tuple[Command | Query, ...] = (create(), update("CONFIRMED"))
    load = ClosedLoad((), iter([script]))
    trace = virtual.run(closed(), seed=2, load=load).trace
    assert len(trace.events) == 2


@pytest.mark.parametrize(
    ("share", "service_ns"), [(0.0, 0), (1.0, MS)], ids=["commands only", "queries only"]
)
def test_a_closed_load_in_which_no_time_passes_is_refused(share: float, service_ns: int) -> None:
    timeless = closed(
        load=Load(model="closed", rate=None),
        write_side=WriteSide(service=constant(service_ns)),
        queries=Queries(share=Share(share), mix=QueryMix()),
    )

    def few() -> Iterator[tuple[Command | Query, ...]]:
        return islice(scripts_for(timeless, Streams(1)), 2000)

    # Few scripts, so that the run would end by itself if it were not refused.
    with pytest.raises(InvalidScenarioError, match="at one instant"):
        virtual.run(timeless, load=ClosedLoad(setup_for(timeless, Streams(1)), few()))


def test_an_interrupted_client_still_hears_the_outcome_that_it_waits_for() -> None:
    slow = closed(
        load=Load(model="closed", rate=None, clients=Count(5)),
        write_side=WriteSide(service=constant(20 * MS)),
    )
    experiment = Experiment(slow, 2, VirtualClock())
    experiment.kernel.alarm(105 * MS, experiment.kernel.interrupt)
    virtual.run_experiment(experiment)
    result = experiment.result("virtual")
    assert not result.complete
    assert not np.isnat(result.trace.commands.acknowledged).any()
    assert unfinished(result.trace) == 0


# Queries.


def test_queries_whose_service_takes_as_long_as_the_next_needs_to_come_are_all_answered() -> None:
    """The query generator and a query it sent have timers of one instant and one rank."""
    evenly = small(
        load=Load(process="constant", rate=Rate(1000.0)),
        queries=Queries(share=Share(1.0), service=constant(MS)),
    )
    trace = virtual.run(evenly).trace
    assert len(trace.queries.answered) == 999
    assert not np.isnat(trace.queries.answered).any()


# Replay.


def test_a_replay_that_is_all_warm_up_is_refused(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("time,order,command\n0,a,CancelOrder\n2,a,CancelOrder\n", encoding="utf-8")
    replay = small(
        load=Load(model="replay", rate=None, log=Text(str(log))),
        run=Run(warm_up=Duration(3 * SECOND)),
    )
    with pytest.raises(InvalidScenarioError, match=r'^run\.warm_up = "3s"'):
        plan_for(replay, Streams(0))


def test_a_recorded_log_is_replayed_at_its_own_times_and_ends_with_it(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text(
        "time,order,command,customer,items,status,reason\n"
        "0,order-1,CreateOrder,customer-1,prod-1:2:29.99,,\n"
        "0.5,order-1,UpdateOrderStatus,,,CONFIRMED,\n"
        "2.5,order-2,CancelOrder,,,,too late\n",
        encoding="utf-8",
    )
    again = small(load=Load(model="replay", rate=None, log=Text(str(log)), speed=Real(2.0)))
    result = virtual.run(again, seed=1)
    commands = result.trace.commands
    assert commands.submitted.astype(int).tolist() == [0, SECOND // 4, 5 * SECOND // 4]
    assert commands.outcome.tolist() == [Outcome.ACCEPTED, Outcome.ACCEPTED, Outcome.REJECTED]
    assert result.trace.load_ended_ns == 5 * SECOND // 4
    assert failed_checks(result) == []


# Interrupts and progress.


def interrupted(experiment: Experiment, at: int) -> list[int]:
    """Interrupt when so many commands have been submitted; return the instants of all of them."""
    submit, sent = experiment.system.commands.submit, list[int]()

    def counting(*args: object) -> None:
        sent.append(int(experiment.kernel.now_ns()))
        submit(*args)  # type: ignore[arg-type]
        if len(sent) == at:
            experiment.kernel.interrupt()

    experiment.system.commands.submit = counting  # type: ignore[method-assign, assignment]
    virtual.run_experiment(experiment)
    return sent


@pytest.mark.parametrize("service_ns", [MS, 50 * MS])
def test_an_interrupt_stops_the_load_whoever_ran_last(service_ns: int) -> None:
    # With slow orders the load generator itself is the actor that ran last.
    experiment = Experiment(
        small(
            workload=Workload(kind="amendments", orders=Count(1)),
            write_side=WriteSide(service=constant(service_ns)),
        ),
        1,
        VirtualClock(),
    )
    sent = interrupted(experiment, 20)
    result = experiment.result("virtual")
    assert len(sent) == 20
    assert not result.complete
    assert result.trace.load_ended_ns == sent[-1]
    assert len(result.trace.commands) == 20
    # The drain finished what was under way.
    assert unfinished(result.trace) == 0
    assert not np.isnat(result.trace.deliveries.checkpointed).any()
    assert failed_checks(result) == []


def test_a_second_interrupt_ends_the_run_at_once() -> None:
    experiment = Experiment(
        small(
            workload=Workload(kind="amendments", orders=Count(1)),
            write_side=WriteSide(service=constant(50 * MS)),
        ),
        1,
        VirtualClock(),
    )
    kernel = experiment.kernel

    async def impatient() -> None:
        for instant in (200 * MS, 201 * MS):
            await kernel.sleep_until(instant, 5, 0)
            kernel.interrupt()

    kernel.spawn(impatient(), "the user")
    virtual.run_experiment(experiment)
    result = experiment.result("virtual")
    assert result.trace.ended_ns == 201 * MS
    assert not result.complete
    assert unfinished(result.trace) > 0
    assert failed_checks(result) == []


def test_an_interrupt_of_a_closed_loop_ends_it_with_its_clients() -> None:
    experiment = Experiment(closed(), 1, VirtualClock())
    sent = interrupted(experiment, 100)
    result = experiment.result("virtual")
    assert len(sent) == 100
    assert not result.complete
    assert failed_checks(result) == []


def test_an_interrupt_before_the_load_began_means_that_none_is_sent() -> None:
    experiment = Experiment(small(), 1, VirtualClock())
    assert experiment.kernel.on_interrupt is not None
    experiment.kernel.on_interrupt()
    virtual.run_experiment(experiment)
    result = experiment.result("virtual")
    assert (len(result.trace.commands), result.complete) == (0, False)


def test_progress_is_told_while_the_run_lasts() -> None:
    told: list[Progress] = []
    result = virtual.run(small(), seed=1, progress=told.append)
    assert len(told) >= 100
    assert [report.elapsed_ns for report in told] == sorted({r.elapsed_ns for r in told})
    assert {report.expected_ns for report in told} == {SECOND}
    assert told[-1].submitted_count <= len(result.trace.commands)
    for name in ("submitted_count", "committed_count"):
        counts = [getattr(report, name) for report in told]
        assert counts == sorted(counts)
    assert all(report.backlog_count >= 0 for report in told)


def test_listening_to_progress_changes_nothing() -> None:
    told: list[Progress] = []
    with_it = virtual.run(small(), seed=1, progress=told.append).trace
    without = virtual.run(small(), seed=1).trace
    assert with_it.deliveries.applied.tolist() == without.deliveries.applied.tolist()
    assert with_it.ended_ns == without.ended_ns


# The same course on the wall clock.


def test_the_wall_engine_runs_a_scenario_to_its_end() -> None:
    brief = small(
        run=Run(duration=Duration(SECOND // 20)),
        load=Load(rate=Rate(2000.0)),
        workload=Workload(orders=Count(20), invalid_share=Share(0.0)),
        write_side=WriteSide(service=Service(distribution="real")),
        read_models={"orders": ReadModel(service=constant(MS // 10)), "search": ReadModel()},
    )
    told: list[Progress] = []
    result = wall.run(brief, seed=1, progress=told.append)
    trace = result.trace
    assert trace.commands.intended.tolist() == virtual_plan(brief)
    assert (trace.commands.submitted >= trace.commands.intended).all()
    assert set(trace.commands.outcome.tolist()) == {int(Outcome.ACCEPTED)}
    assert not np.isnat(trace.deliveries.checkpointed).any()
    assert result.complete
    assert failed_checks(result) == []


def virtual_plan(scenario: Scenario) -> list[object]:
    plan = plan_for(scenario, Streams(1))
    return list(plan.commands_intended_ns.astype("m8[ns]").tolist())


def test_the_wall_engine_runs_closed_loops_too() -> None:
    brief = closed(
        run=Run(duration=Duration(SECOND // 50)),
        load=Load(model="closed", rate=None, clients=Count(4)),
        write_side=WriteSide(service=Service(distribution="real")),
        read_models={"orders": ReadModel()},
    )
    result = wall.run(brief, seed=1)
    assert result.trace.ended_ns >= SECOND // 50
    assert unfinished(result.trace) == 0
    assert failed_checks(result) == []


def test_an_interrupt_on_the_wall_clock_stops_the_load_and_drains() -> None:
    long = small(run=Run(duration=Duration(3600 * SECOND)), load=Load(rate=Rate(500.0)))
    experiment = Experiment(long, 1, WallClock(), plan_of([create()], [0]))
    kernel = experiment.kernel

    async def user() -> None:
        while not experiment.system.log.head:
            await kernel.pause(MS)
        kernel.interrupt()

    kernel.spawn(user(), "the user")
    wall.run_experiment(experiment)
    result = experiment.result("wall")
    assert not result.complete
    assert len(result.trace.events) == 1
    assert not np.isnat(result.trace.deliveries.checkpointed).any()


def test_a_load_asks_for_pages_of_the_scenarios_size() -> None:
    assert reads_of(scenario(queries=Queries(page=20))).page == Page(limit=20)
    assert reads_of(scenario(queries=Queries(page=0))).page == WHOLE
