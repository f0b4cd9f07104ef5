"""Read strategies of a load: what each waits for, in both load models and on both clocks."""

from typing import Literal

import attrs
import numpy as np
import pytest
from fakes import MS, SECOND, constant, create, exponential, scenario, update
from numpy.typing import NDArray

from cqrs_sim.domain.commands import Command
from cqrs_sim.domain.queries import GetOrderById, Query
from cqrs_sim.engines import virtual, wall
from cqrs_sim.ids import OrderId
from cqrs_sim.load_generation.plan import Plan
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.probe import NO_READ_MODEL, Outcome, QueryOutcome, Strategy
from cqrs_sim.scenario.scenario import (
    Load,
    Queries,
    QueryMix,
    QueryStrategies,
    ReadModel,
    ReadStrategy,
    Run,
    Scenario,
    Workload,
    WriteSide,
)
from cqrs_sim.scenario.units import Count, Duration, Rate, Real, Share

Model = Literal["open", "closed"]

SLOW_READS = {
    "orders": ReadModel(service=exponential(3 * MS)),
    "statistics": ReadModel(service=exponential(MS)),
}


def shop(
    by_id: ReadStrategy, model: Model = "open", *, timeout_ns: int = SECOND, **parts: object
) -> Scenario:
    """A second of 400 operations, half of them reads, in ten sessions."""
    load = Load(rate=Rate(400.0))
    if model == "closed":
        load = Load(model="closed", clients=Count(10), think_time=exponential(20 * MS))
    given: dict[str, object] = {
        "run": Run(duration=Duration(SECOND)),
        "load": load,
        "workload": Workload(orders=Count(20)),
        "queries": Queries(
            share=Share(0.5),
            sessions=Count(10),
            mix=QueryMix(by_id=Real(3.0), statistics=Real(1.0)),
            strategy=QueryStrategies(by_id=by_id),
            timeout=Duration(timeout_ns),
        ),
        "write_side": WriteSide(service=exponential(2 * MS)),
        "read_models": SLOW_READS,
    }
    return scenario(**(given | parts))


def by_id_rows(trace: Trace) -> NDArray[np.intp]:
    return np.flatnonzero(trace.queries.kind == trace.query_kinds.index("GetOrderById"))


def token(trace: Trace, row: int) -> int:
    """Position of the last write that the session of a query knew of, one row at a time."""
    commands, queries = trace.commands, trace.queries
    known = (
        (commands.session == queries.session[row])
        & (commands.outcome == Outcome.ACCEPTED)
        & (commands.acknowledged <= queries.submitted[row])
    )
    return int(commands.position[known].max(initial=0))


def shown_at(trace: Trace, position: int) -> int:
    return int(trace.deliveries_of("orders").applied[position - 1].astype(int)) if position else 0


@pytest.mark.parametrize("model", ["open", "closed"])
def test_at_least_answers_at_once_or_when_the_own_write_is_shown(model: Model) -> None:
    trace = virtual.run(shop("at_least", model), seed=7).trace
    waited = 0
    for row in by_id_rows(trace).tolist():
        submitted = int(trace.queries.submitted[row].astype(int))
        expected = max(submitted, shown_at(trace, token(trace, row)))
        assert int(trace.queries.answered[row].astype(int)) == expected
        waited += expected > submitted
    assert waited > 10


@pytest.mark.parametrize("model", ["open", "closed"])
def test_no_answer_at_least_misses_an_own_write_and_eventual_ones_do(model: Model) -> None:
    missed = {}
    for strategy in ("eventual", "at_least"):
        trace = virtual.run(shop(strategy, model), seed=7).trace
        rows = by_id_rows(trace).tolist()
        missed[strategy] = sum(trace.queries.position[row] < token(trace, row) for row in rows)
    assert missed["at_least"] == 0
    assert missed["eventual"] > 10


def test_a_session_that_wrote_nothing_waits_for_nothing() -> None:
    trace = virtual.run(shop("at_least"), seed=7).trace
    rows = [row for row in by_id_rows(trace).tolist() if token(trace, row) == 0]
    assert rows
    assert (trace.queries.answered[rows] == trace.queries.submitted[rows]).all()
    assert set(trace.queries.strategy[rows].tolist()) == {int(Strategy.AT_LEAST)}


@pytest.mark.parametrize("strategy", ["at_least", "write_side"])
def test_reads_by_any_strategy_leave_nothing_unanswered_and_pass_every_check(
    strategy: ReadStrategy,
) -> None:
    for model in ("open", "closed"):
        result = virtual.run(shop(strategy, model), seed=3)
        queries = result.trace.queries
        assert set(queries.outcome.tolist()) == {int(QueryOutcome.ANSWERED)}
        assert [check.name for check in result.summary.checks if not check.ok] == []


def test_waiting_readers_change_nothing_for_the_writers() -> None:
    eventual, fresh = (virtual.run(shop(s), seed=5).trace for s in ("eventual", "at_least"))
    one, other = eventual.to_arrays(), fresh.to_arrays()
    same = [name for name in one if name.startswith(("commands.", "events.", "deliveries."))]
    for name in same:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)
    assert len(same) > 15


def test_kinds_of_query_keep_strategies_of_their_own() -> None:
    mixed = shop("write_side")
    both = attrs.evolve(
        mixed.queries, strategy=QueryStrategies(by_id="write_side", statistics="at_least")
    )
    trace = virtual.run(attrs.evolve(mixed, queries=both), seed=2).trace
    is_by_id = trace.queries.kind == trace.query_kinds.index("GetOrderById")
    assert set(trace.queries.strategy[is_by_id].tolist()) == {int(Strategy.WRITE_SIDE)}
    assert set(trace.queries.strategy[~is_by_id].tolist()) == {int(Strategy.AT_LEAST)}
    assert set(trace.queries.read_model[is_by_id].tolist()) == {NO_READ_MODEL}
    assert set(trace.queries.read_model[~is_by_id].tolist()) == {1}


def test_reads_from_the_write_side_lack_nothing_and_need_no_read_model() -> None:
    only_search = {"search": ReadModel(service=constant(50 * MS))}
    plain = shop("write_side")
    by_id = attrs.evolve(plain.queries, mix=QueryMix())
    trace = virtual.run(attrs.evolve(plain, queries=by_id, read_models=only_search), seed=2).trace
    assert trace.queries.versions_missing.tolist() == [0.0] * len(trace.queries)
    assert len(trace.queries) > 50


def planned(*sent: tuple[int, Command | Query]) -> Plan:
    """Everything from session 4."""
    commands = [(at, what) for at, what in sent if not isinstance(what, GetOrderById)]
    queries = [(at, what) for at, what in sent if isinstance(what, GetOrderById)]
    return Plan(
        setup=(),
        commands=[what for _, what in commands],  # type: ignore[misc]
        commands_intended_ns=np.array([at for at, _ in commands], np.int64),
        commands_session=np.full(len(commands), 4, np.int32),
        queries=[what for _, what in queries],
        queries_intended_ns=np.array([at for at, _ in queries], np.int64),
        queries_session=np.full(len(queries), 4, np.int32),
    )


BY_ID = GetOrderById(OrderId("order-1"))
TIMED = scenario(
    run=Run(duration=Duration(SECOND)),
    write_side=WriteSide(service=constant(2 * MS)),
    read_models={"orders": ReadModel(service=constant(10 * MS))},
    queries=Queries(
        strategy=QueryStrategies(by_id="at_least"), timeout=Duration(8 * MS), service=constant(MS)
    ),
)


def test_what_is_not_shown_in_time_has_timed_out_and_has_no_answer() -> None:
    """The write is acknowledged at 2 ms and shown at 12 ms."""
    load = planned((0, create()), *[(at * MS, BY_ID) for at in (1, 3, 4, 13)])
    trace = virtual.run(TIMED, load=load).trace
    queries = trace.queries
    # At 3 ms it waits until 11 ms, too early by one; at 4 ms until 12 ms: just in time.
    timed_out, answered = int(QueryOutcome.TIMED_OUT), int(QueryOutcome.ANSWERED)
    assert queries.outcome.tolist() == [answered, timed_out, answered, answered]
    assert np.isnat(queries.answered).tolist() == [False, True, False, False]
    assert queries.answered[[0, 2, 3]].astype(int).tolist() == [2 * MS, 13 * MS, 14 * MS]
    assert np.isnan(queries.versions_missing).tolist() == [False, True, False, False]
    assert trace.ended_ns >= SECOND


def test_a_client_goes_on_after_a_timeout() -> None:
    slow = {"orders": ReadModel(service=constant(40 * MS)), "statistics": ReadModel()}
    trace = virtual.run(shop("at_least", "closed", timeout_ns=MS, read_models=slow), seed=1).trace
    outcomes = np.bincount(trace.queries.outcome, minlength=len(QueryOutcome))
    assert outcomes[QueryOutcome.TIMED_OUT] > 20
    assert outcomes[QueryOutcome.UNFINISHED] == 0
    assert set(trace.queries.session.tolist()) == set(range(10))


def test_a_full_mailbox_refuses_the_questions_of_a_load_too() -> None:
    tight = WriteSide(service=constant(20 * MS), mailbox=Count(1), policy="reject")
    few = Workload(orders=Count(2))
    for model in ("open", "closed"):
        crowded = shop("write_side", model, write_side=tight, workload=few)
        queries = virtual.run(crowded, seed=1).trace.queries
        refused = queries.outcome == QueryOutcome.REFUSED
        assert (refused == np.isnat(queries.answered)).all()
        assert refused.any() or model == "closed"


def test_queries_that_wait_when_the_run_ends_are_unfinished() -> None:
    never = {"orders": ReadModel(service=constant(3600 * SECOND)), "statistics": ReadModel()}
    brief = Run(duration=Duration(SECOND), drain=Duration(0))
    cut = shop("at_least", timeout_ns=3600 * SECOND, read_models=never, run=brief)
    result = virtual.run(cut, seed=1)
    queries = result.trace.queries
    unfinished = queries.outcome == QueryOutcome.UNFINISHED
    assert (unfinished == np.isnat(queries.answered)).all()
    assert unfinished.sum() > 20


def test_rejected_commands_are_acknowledged_where_sessions_are_listened_to() -> None:
    load = planned((0, create()), (5 * MS, create()), (9 * MS, update("SHIPPED")))
    trace = virtual.run(TIMED, load=load).trace
    assert trace.commands.outcome.tolist() == [Outcome.ACCEPTED, Outcome.REJECTED, Outcome.REJECTED]
    acknowledged = trace.commands.acknowledged.astype(int).tolist()
    assert acknowledged == [2 * MS, 7 * MS, 11 * MS]


@pytest.mark.parametrize("model", ["open", "closed"])
def test_on_the_wall_clock_no_answer_at_least_misses_an_own_write_either(model: Model) -> None:
    brief = Run(duration=Duration(150 * MS), drain=Duration(2 * SECOND))
    result = wall.run(shop("at_least", model, run=brief), seed=3)
    trace = result.trace
    rows = [row for row in by_id_rows(trace).tolist() if not np.isnat(trace.queries.answered[row])]
    assert len(rows) > 5
    assert all(trace.queries.position[row] >= token(trace, row) for row in rows)
    assert [check.name for check in result.summary.checks if not check.ok] == []


def test_on_the_wall_clock_the_write_side_answers_too() -> None:
    brief = Run(duration=Duration(150 * MS), drain=Duration(2 * SECOND))
    trace = wall.run(shop("write_side", run=brief), seed=3).trace
    rows = by_id_rows(trace)
    assert set(trace.queries.read_model[rows].tolist()) == {NO_READ_MODEL}
    assert not np.isnat(trace.queries.answered).any()
