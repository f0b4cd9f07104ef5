"""Databases that stages share: who waits for whom, and who is named when there is no more room."""

from functools import cache

import attrs
import numpy as np
import pytest
from fakes import MS, SECOND

from cqrs_sim import simulation
from cqrs_sim.analysis.bottleneck import bottleneck
from cqrs_sim.analysis.consistency import check_connections
from cqrs_sim.analysis.databases import summarise_databases
from cqrs_sim.engines import algebra, virtual
from cqrs_sim.engines.algebra.engine import unsupported
from cqrs_sim.errors import IncompleteTraceError, InvalidScenarioError
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.probe import WorkKind
from cqrs_sim.results import Result
from cqrs_sim.scenario.reading import read_scenario
from cqrs_sim.scenario.scenario import Scenario
from cqrs_sim.verdict import judge

SHARED = """
[run]
duration = "2s"
drain = "1s"
[load]
rate = "1000/s"
[queries]
share = 0.5
mix = { by_id = 6, by_customer = 2, statistics = 2 }
service = { distribution = "exponential", mean = "1ms" }
[databases.main]
connections = 2
[write_side]
database = "main"
service = { distribution = "exponential", mean = "1ms" }
[read_models.orders]
database = "main"
service = { distribution = "exponential", mean = "300us" }
batch = 4
checkpoint = "100us"
[read_models.statistics]
service = { distribution = "exponential", mean = "300us" }
"""


def shared(*settings: str) -> Scenario:
    return read_scenario(SHARED, settings)


@cache
def run(*settings: str, seed: int = 1) -> Result:
    return virtual.run(shared(*settings), seed=seed)


def ns(stamps: np.ndarray[tuple[int], np.dtype[np.timedelta64]]) -> list[int]:
    return [int(n) for n in stamps.astype(np.int64)]


def test_one_connection_does_one_piece_of_work_after_another_in_the_order_submitted() -> None:
    """D(n) = max(A(n), D(n-1)) + S(n), to the nanosecond, whoever the work is for."""
    works = run("databases.main.connections=1").trace.works
    assert set(works.kind.tolist()) == set(WorkKind)
    free = 0
    for submitted, begun, ended in zip(
        ns(works.submitted), ns(works.begun), ns(works.ended), strict=True
    ):
        assert begun == max(submitted, free)
        free = ended


@pytest.mark.parametrize("connections", [1, 2, 3])
def test_no_more_is_done_at_once_than_there_are_connections_and_none_idles_while_work_waits(
    connections: int,
) -> None:
    works = run(
        f"databases.main.connections={connections}", "load.rate=1800/s", "run.drain=30s"
    ).trace.works
    submitted, begun, ended = ns(works.submitted), ns(works.begun), ns(works.ended)
    assert begun == sorted(begun)
    for index in range(connections, len(begun)):
        # Who begins later than it came begins when a connection is given up.
        busy = sum(end > begun[index] for end in ended[:index])
        assert busy < connections
        if begun[index] > submitted[index]:
            assert begun[index] in ended


def test_a_query_and_a_projector_occupy_the_connection_of_their_read_model() -> None:
    trace = run().trace
    models = dict(zip(trace.read_models, range(2), strict=True))
    works, queries = trace.works, trace.queries
    answers = works.kind == WorkKind.ANSWER
    assert set(works.read_model[answers].tolist()) == {models["orders"]}
    of_orders = queries.read_model == models["orders"]
    assert ns(works.submitted[answers]) == ns(queries.submitted[of_orders])
    assert sorted(ns(works.ended[answers])) == sorted(ns(queries.answered[of_orders]))
    writes = works.kind == WorkKind.WRITE
    assert sorted(ns(works.submitted[writes])) == sorted(
        ns(trace.commands.dequeued[~np.isnat(trace.commands.dequeued)])
    )


def test_with_connections_for_all_nothing_changes_but_the_record_of_work() -> None:
    def without_works(trace: Trace) -> dict[str, list[object]]:
        arrays = trace.to_arrays()
        return {name: a.tolist() for name, a in arrays.items() if "work" not in name}

    alone = shared()
    alone = attrs.evolve(
        alone,
        databases={},
        write_side=attrs.evolve(alone.write_side, database=None),
        read_models={n: attrs.evolve(m, database=None) for n, m in alone.read_models.items()},
    )
    apart = without_works(virtual.run(alone, seed=3).trace)
    together = without_works(run("databases.main.connections=1000", seed=3).trace)
    for name in apart.keys() - {"databases.connections", "database_names"}:
        assert str(apart[name]) == str(together[name]), name


def test_the_same_seed_gives_the_same_works() -> None:
    one, other = (virtual.run(shared(), seed=5).trace.to_arrays() for _ in range(2))
    assert all(np.array_equal(one[n], other[n], equal_nan=one[n].dtype.kind in "fm") for n in one)


def test_the_offered_load_of_a_database_is_the_sum_of_what_its_stages_bring() -> None:
    """500 commands x 1 ms + 490 events x 300 to 400 us + 400 queries x 1 ms, on 2 connections.

    A batch pays 100 us for its checkpoint, and has from 1 to 4 events.
    """
    result = run("run.duration=20s")
    loads = {load.stage: load for load in result.summary.loads}
    load = loads["database main"].offered_load
    assert load == pytest.approx(0.54, abs=0.03)
    (found,) = summarise_databases(result.trace).values()
    # It keeps up: what is offered is done.
    assert found.utilisation == pytest.approx(load, abs=0.003)
    # Of the projector: its own work, not its waits for others.
    assert loads["orders"].offered_load == pytest.approx(490 * 325e-6, abs=0.01)
    named = bottleneck(result.summary.loads)
    assert named is not None
    assert (named.stage, named.unit) == ("database main", "operations")
    assert named.saturates_at_per_s == pytest.approx(1000 / 0.54, rel=0.06)


def test_a_saturated_database_is_named_and_all_that_work_in_it_are_withheld() -> None:
    result = run("databases.main.connections=1", "load.rate=1600/s")
    summary = result.summary
    reasons = {load.stage: load.reasons for load in summary.saturated}
    assert set(reasons) == {"write side", "orders", "database main"}
    assert any("its database main is saturated" in reason for reason in reasons["orders"])
    assert summary.response_s.p50 is summary.lag_s["orders"].p50 is None
    assert summary.lag_s["statistics"].p50 is not None
    by_id = summary.reads.of("GetOrderById", "eventual")
    assert by_id is not None
    assert "response_s" in by_id.withheld
    of_statistics = summary.reads.of("GetOrderStatistics", "eventual")
    assert of_statistics is not None
    assert not of_statistics.withheld
    # What is work and what is waiting for the database grows with the run too.
    assert summary.write_stages_s.parts["service"] is None
    assert summary.read_stages_s["orders"].parts["apply"] is None
    assert summary.read_stages_s["statistics"].parts["apply"] is not None
    told = judge(summary)
    assert "database main (offered load" in told.text
    assert summary.is_correct


def test_questions_to_the_write_side_occupy_its_database_too() -> None:
    works = run("queries.strategy.by_id=write_side").trace.works
    asked = (works.kind == WorkKind.ANSWER) & (works.read_model == -1)
    assert asked.any()


def test_work_in_hand_when_a_run_is_cut_has_no_end() -> None:
    works = run("databases.main.connections=1", "load.rate=1600/s", "run.drain=0s").trace.works
    assert np.isnat(works.begun).any()
    assert np.isnat(works.ended).sum() == np.isnat(works.begun).sum() + 1


def test_databases_survive_the_disk(tmp_path: pytest.TempPathFactory) -> None:
    from cqrs_sim.loading import load
    from cqrs_sim.results import write_result

    result = run("run.duration=1s")
    write_result(result, f"{tmp_path}/out")
    assert load(f"{tmp_path}/out").to_json() == result.to_json()


def planted(name: str, row: int, instant_ns: int) -> Trace:
    """A right trace with one stamp of the works changed."""
    trace = run("databases.main.connections=2", "load.rate=1800/s").trace
    column = getattr(trace.works, name).copy()
    column[row] = np.timedelta64(instant_ns, "ns")
    return attrs.evolve(trace, works=attrs.evolve(trace.works, **{name: column}))


def test_a_right_run_keeps_to_its_connections() -> None:
    found = check_connections(run("load.rate=1800/s").trace)
    assert found.ok
    assert "each on a connection of its own" in found.detail


def test_work_that_overtakes_or_begins_before_it_came_is_caught() -> None:
    works = run("databases.main.connections=2", "load.rate=1800/s").trace.works
    waited = int(np.flatnonzero(works.begun > works.submitted)[5])
    found = check_connections(planted("begun", waited, ns(works.submitted)[waited] - 1))
    assert not found.ok
    assert found.witness == (waited,)
    begun, ended = ns(works.begun), ns(works.ended)
    row = next(n for n in range(len(begun)) if begun[n] < begun[n + 1] < ended[n])
    found = check_connections(planted("begun", row, begun[row + 1] + 1))
    assert not found.ok
    assert found.detail == f"main: work {row + 1} overtook another"


def test_more_at_once_than_there_are_connections_is_caught() -> None:
    works = run("databases.main.connections=2", "load.rate=1800/s").trace.works
    row = int(np.flatnonzero(works.begun > works.submitted)[5])
    early = max(ns(works.begun)[row - 1], ns(works.submitted)[row])
    assert early < ns(works.begun)[row]
    found = check_connections(planted("begun", row, early))
    assert not found.ok
    assert found.detail.startswith(f"main: work {row} began when all 2 connections were occupied")


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("works.database", np.array([3], np.int8), "works.database points outside"),
        ("works.kind", np.array([9], np.int8), "works.kind points outside"),
        ("works.read_model", np.array([-2], np.int8), "works.read_model points outside"),
        ("databases.connections", np.array([0], np.int32), "databases.connections must be from 1"),
        (
            "works.submitted",
            np.array(["NaT"], "m8[ns]"),
            "works.submitted, crashes.crashed or attempts.begun lacks an instant",
        ),
    ],
)
def test_works_that_cannot_be_are_refused(
    key: str, value: np.ndarray[tuple[int], np.dtype[np.int8]], told: str
) -> None:
    arrays = run("run.duration=1s").trace.to_arrays()
    changed = arrays[key].copy()
    changed[:1] = value
    with pytest.raises(IncompleteTraceError, match=told):
        Trace.from_arrays({**arrays, key: changed})


def test_a_trace_from_before_there_were_databases_has_none() -> None:
    alone = shared("databases={}", "write_side.database=none", "read_models.orders.database=none")
    arrays = virtual.run(alone).trace.to_arrays()
    older = {n: a for n, a in arrays.items() if not n.startswith(("works", "database"))}
    trace = Trace.from_arrays(older)
    assert (len(trace.databases), len(trace.works), trace.database_names) == (0, 0, ())


def test_the_algebra_refuses_each_of_them_by_its_key() -> None:
    mistakes = unsupported(shared("queries.services.by_id.mean=1ms"))
    assert [mistake.partition(":")[0] for mistake in mistakes] == [
        'write_side.database = "main"',
        'read_models.orders.database = "main"',
        "queries.services.by_id",
    ]
    with pytest.raises(InvalidScenarioError, match="algebra engine cannot do"):
        algebra.engine.run(shared())


def test_a_kind_of_query_takes_the_time_of_its_own_and_the_others_that_of_all() -> None:
    scenario = shared(
        "queries.service.distribution=constant",
        "queries.services.statistics.mean=7ms",
        "databases.main.connections=1000",
    )
    trace = virtual.run(scenario).trace
    took = (trace.queries.answered - trace.queries.submitted).astype(np.int64)
    names = np.array(trace.query_kinds)[trace.queries.kind]
    assert set(took[names == "GetOrderStatistics"].tolist()) == {7 * MS}
    assert set(took[names != "GetOrderStatistics"].tolist()) == {MS}


@pytest.mark.parametrize(
    ("setting", "mistake"),
    [
        ("databases.main.connections=0", "databases.main.connections = 0: must be from 1 to 1024"),
        ("write_side.database=mian", 'write_side.database = "mian": no such database; did you'),
        ("read_models.search.database=x", 'read_models.search.database = "x": no such database'),
        ("run.processors=2", "run.processors = 2: a stage waits for a processor or for a"),
        ("databases.sp ace.connections=1", 'databases."sp ace": a database is named by up to 40'),
        ("databases.main.conections=3", "did you mean databases.main.connections?"),
        ("queries.services.by_idd.mean=1ms", "did you mean queries.services.by_id?"),
        (
            "queries.services.by_id.distribution=exponential",
            "queries.services.by_id.mean: an exponential time needs a mean above 0",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_one_line_that_names_the_key(
    setting: str, mistake: str
) -> None:
    with pytest.raises(InvalidScenarioError) as refused:
        shared(setting)
    (line,) = refused.value.mistakes
    assert mistake in line


def test_no_kind_of_query_may_take_real_time_on_the_virtual_clock() -> None:
    with pytest.raises(InvalidScenarioError, match=r"queries\.services\.by_id\.distribution"):
        virtual.run(shared("queries.services.by_id.distribution=real"))


def test_connections_can_be_swept() -> None:
    from cqrs_sim.sweeping.factors import parse_factors

    (factor,) = parse_factors(["databases.main.connections=1,2,4"])
    assert [level.text for level in factor.levels] == ["1", "2", "4"]


def test_databases_work_on_the_wall_clock() -> None:
    result = simulation.run(shared("run.duration=300ms", "run.drain=1s"), engine="wall")
    works = result.trace.works
    assert result.summary.is_correct
    assert len(works) > 100
    assert not np.isnat(works.ended).any()
    assert result.trace.ended_ns < 2 * SECOND
