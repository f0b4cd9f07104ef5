"""Read models in the tables of a run's store: they show what a fold of its log shows, always."""

import filecmp
import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from types import ModuleType

import attrs
import msgspec
import numpy as np
import pytest
from click.testing import CliRunner
from fakes import create, update

from cqrs_sim import cli
from cqrs_sim.domain.queries import (
    GetOrderById,
    GetOrdersByCustomer,
    GetOrdersByStatus,
    GetOrderStatistics,
    OrderStatistics,
    Query,
)
from cqrs_sim.engines import virtual, wall
from cqrs_sim.engines.hosted import HostedSystem, run_hosted
from cqrs_sim.errors import InvalidScenarioError, OrderNotFoundError, StoreError
from cqrs_sim.ids import CustomerId, Nanoseconds, OrderId
from cqrs_sim.load_generation.reads import END_OF_TIME_NS
from cqrs_sim.projections import live_file
from cqrs_sim.projections.kinds import KINDS
from cqrs_sim.projections.rebuilding import rebuild_file
from cqrs_sim.projections.status import status_of
from cqrs_sim.projections.stored_events import all_events
from cqrs_sim.read_side.sqlite import orders
from cqrs_sim.read_side.sqlite.stored import StoredReadModel
from cqrs_sim.scenario.scenario import Log, ReadModel, Scenario, Service, WriteSide
from cqrs_sim.simulation import load_scenario, run
from cqrs_sim.storage.event_store import EventReader
from cqrs_sim.storage.folder import EVENTS
from cqrs_sim.system import fold

SHORT = ["run.duration=300ms", "run.warm_up=0s", "log.durability=off"]
BATCHES = [
    *SHORT,
    "read_models.orders.batch=8",
    "read_models.orders.checkpoint=1ms",
    "read_models.statistics.batch=3",
]
INLINE = [*SHORT, *(f"read_models.{name}.projection=inline" for name in KINDS)]
REAL = Service(distribution="real")
QUIET = Scenario(
    log=Log(durability="off"),
    write_side=WriteSide(service=REAL),
    read_models={name: ReadModel(service=REAL) for name in KINDS},
)
EACH_ENGINE = pytest.mark.parametrize("engine", [virtual, wall], ids=["virtual", "wall"])


def in_store(*settings: str, preset: str = "default") -> Scenario:
    return load_scenario(preset, [*settings, "store=sqlite"])


def assert_files_are_folds(store: Path) -> None:
    """Looked at with the program gone, as after a restart."""
    with closing(EventReader(store)) as reader:
        events = list(all_events(reader, reader.last_position()))
    assert events
    for name, kind in KINDS.items():
        path, memory = kind.file_in(store), kind.memory()
        for event in events:
            memory.apply(event)
        with closing(StoredReadModel(path, kind.tables)) as stored:
            assert stored.checkpoint == len(events), name
            assert stored.contents() == memory.contents(), name
            assert stored.faults() == [], name


@EACH_ENGINE
def test_files_of_read_models_are_folds_of_the_log(engine: ModuleType, tmp_path: Path) -> None:
    result = engine.run(in_store(*BATCHES), seed=5, store=tmp_path / "store")
    assert result.summary.is_correct, result.summary.checks
    assert (result.trace.queries.position > 0).any()
    assert_files_are_folds(tmp_path / "store")
    assert {one.state for one in status_of(tmp_path / "store").read_models} == {"up to date"}


def test_a_batch_is_applied_and_checkpointed_at_one_instant(tmp_path: Path) -> None:
    trace = virtual.run(in_store(*BATCHES), seed=5, store=tmp_path / "store").trace
    deliveries = trace.deliveries
    assert np.array_equal(deliveries.applied, deliveries.checkpointed)
    shared = np.diff(deliveries.applied.astype(int)) == 0
    assert shared.any(), "there are batches of several events"


def test_a_simulated_store_takes_the_time_of_one_that_is_written(tmp_path: Path) -> None:
    scenario = in_store(*BATCHES)
    written = virtual.run(scenario, seed=5, store=tmp_path / "store").trace
    modelled = virtual.run(scenario, seed=5).trace
    for name in ("delivered", "taken", "applied", "checkpointed"):
        one, other = getattr(written.deliveries, name), getattr(modelled.deliveries, name)
        assert np.array_equal(one.astype(int), other.astype(int)), name
    assert np.array_equal(written.queries.position, modelled.queries.position)


@pytest.mark.parametrize("settings", [BATCHES, INLINE], ids=["async", "inline"])
def test_equal_runs_write_equal_files(settings: list[str], tmp_path: Path) -> None:
    for name in ("a", "b"):
        virtual.run(in_store(*settings), seed=3, store=tmp_path / name)
    names = {path.name for path in (tmp_path / "a").glob("*.db")}
    assert EVENTS in names
    for name in names:
        assert filecmp.cmp(tmp_path / "a" / name, tmp_path / "b" / name, shallow=False), name


@EACH_ENGINE
def test_views_within_the_commit_are_in_the_file_of_the_events(
    engine: ModuleType, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    result = engine.run(in_store(*INLINE), seed=5, store=store)
    assert result.summary.is_correct, result.summary.checks
    assert [path.name for path in store.glob("*.db")] == [EVENTS]
    with closing(sqlite3.connect(store / EVENTS)) as connection:
        checkpoints = dict(connection.execute("SELECT * FROM checkpoints").fetchall())
        (head,) = connection.execute("SELECT max(position) FROM events").fetchone()
        (rows,) = connection.execute("SELECT count(*) FROM order_rows").fetchone()
    assert checkpoints == dict.fromkeys(KINDS, head)
    assert rows > 0
    lag = result.trace.deliveries.applied - np.tile(result.trace.events.committed, len(KINDS))
    assert not lag.astype(int).any(), "they never lag"


def test_what_is_in_the_file_of_the_events_has_a_status_and_no_file_to_rebuild(
    tmp_path: Path,
) -> None:
    store = tmp_path / "store"
    virtual.run(in_store(*INLINE), seed=5, store=store)
    status = status_of(store)
    assert status.head > 0
    for one in status.read_models:
        assert (one.state, one.checkpoint, one.behind) == ("in events.db", status.head, 0)
        assert one.shows_until_ns
    before = sorted(path.name for path in store.iterdir())
    with pytest.raises(StoreError, match=r"has orders in events\.db, where each commit writes it"):
        rebuild_file(store, "orders")
    with closing(sqlite3.connect(store / EVENTS)) as connection, connection:
        connection.execute("UPDATE checkpoints SET position = position - 3")
    assert {one.behind for one in status_of(store).read_models} == {3}
    assert sorted(path.name for path in store.iterdir()) == before


def test_a_read_model_may_move_from_the_file_of_the_events_to_one_of_its_own(
    tmp_path: Path,
) -> None:
    """Beside another that has its own: only files that are there can be unusable."""
    models = QUIET.read_models | {"orders": ReadModel(service=REAL, projection="inline")}
    run_hosted(two_orders, attrs.evolve(QUIET, read_models=models), store=tmp_path / "store")
    run_hosted(shows_all, QUIET, store=tmp_path / "store")
    assert {one.state for one in status_of(tmp_path / "store").read_models} == {"up to date"}


def test_a_store_of_rows_alone_has_nothing_to_rebuild_from(tmp_path: Path) -> None:
    store = tmp_path / "store"
    run(load_scenario("crud", SHORT), seed=1, store=store)
    assert {one.state for one in status_of(store).read_models} == {"none"}
    shown = CliRunner().invoke(cli.main, ["projection", "rebuild", str(store), "orders"])
    assert shown.exit_code == 5
    (line,) = shown.stderr.splitlines()
    assert "keeps orders as rows and no events: nothing to rebuild orders from" in line
    assert not (store / "orders.db").exists()


@pytest.mark.parametrize("projection", ["async", "inline"])
def test_the_four_questions_are_answered_from_the_tables(projection: str, tmp_path: Path) -> None:
    models = {
        name: ReadModel(projection=projection, service=REAL)  # type: ignore[arg-type]
        for name in KINDS
    }
    questions = (
        GetOrderById(OrderId("o-1")),
        GetOrdersByCustomer(CustomerId("alice")),
        GetOrdersByStatus("PENDING"),
        GetOrderStatistics(Nanoseconds(0), Nanoseconds(END_OF_TIME_NS)),
    )

    async def answers(system: HostedSystem) -> list[object]:
        for order_id in ("o-1", "o-2"):
            await system.execute(create(order_id, "alice"))
        last = await system.execute(update("CONFIRMED", "o-2"))
        found = [await system.query(question, at_least=last.position) for question in questions]
        assert {one.position for one in found} == {last.position}
        return [one.value for one in found]

    async def again(system: HostedSystem) -> list[object]:
        return [(await system.query(question)).value for question in questions]

    scenario = Scenario(log=QUIET.log, write_side=QUIET.write_side, read_models=models)
    stored = run_hosted(answers, scenario, store=tmp_path / "store")
    assert run_hosted(again, scenario, store=tmp_path / "store") == stored
    assert stored[0] is not None
    assert len(stored[1]) == 2  # type: ignore[arg-type] # rows of one customer


NO_TEXT = "\ud800"
ODD: tuple[Query, ...] = (
    GetOrderById(OrderId(NO_TEXT)),
    GetOrdersByCustomer(CustomerId(NO_TEXT)),
    GetOrdersByStatus(NO_TEXT),  # type: ignore[arg-type] # no status
    GetOrdersByStatus("LOST"),  # type: ignore[arg-type]
    GetOrderStatistics(Nanoseconds(0), Nanoseconds(1 << 63)),
    GetOrderStatistics(Nanoseconds(-(1 << 70)), Nanoseconds(1 << 70)),
    GetOrderStatistics(Nanoseconds(-(1 << 70)), Nanoseconds(-(1 << 65))),
    GetOrderStatistics(Nanoseconds(1 << 65), Nanoseconds(1 << 70)),
    GetOrderStatistics(Nanoseconds(1 << 70), Nanoseconds(0)),
)


@pytest.mark.parametrize("preset", ["default", "simple", "crud", "separate"])
def test_what_no_table_can_hold_is_answered_as_in_memory(preset: str) -> None:
    async def answers(system: HostedSystem) -> list[object]:
        for order_id in ("o-1", "o-2"):
            last = await system.execute(create(order_id, "alice"))
        found = [await system.query(question, at_least=last.position) for question in ODD]
        found.append(await system.query_write_side(GetOrderById(OrderId(NO_TEXT))))
        with pytest.raises(OrderNotFoundError):
            await system.execute(update("CONFIRMED", NO_TEXT))
        return [one.value for one in found]

    in_memory, in_tables = (
        run_hosted(answers, load_scenario(preset, [f"store={store}"]))
        for store in ("memory", "sqlite")
    )
    assert in_tables == in_memory
    assert in_memory[:4] == [None, (), (), ()]
    counts = [one.orders_count for one in in_memory[4:9] if isinstance(one, OrderStatistics)]
    assert counts == [2, 2, 0, 0, 0]


def test_the_past_of_what_is_no_text_is_nothing(tmp_path: Path) -> None:
    async def past(system: HostedSystem) -> list[object]:
        last = await system.execute(create("o-1", "alice"))
        return [(await system.query(one, as_of=last.position)).value for one in ODD[:4]]

    scenario = load_scenario("default", ["store=sqlite", "write_side.snapshot_every=1"])
    assert run_hosted(past, scenario, store=tmp_path / "store") == [None, (), (), ()]


async def two_orders(system: HostedSystem) -> None:
    for order_id in ("o-1", "o-2"):
        await system.execute(create(order_id, "alice"))


async def shows_all(system: HostedSystem) -> None:
    inner = system.inner
    for name, projector in inner.projectors.items():
        assert projector.applied == inner.log.head == 2
        assert projector.read_model.contents() == fold(inner, name).contents()


def test_a_file_that_is_gone_or_behind_is_caught_up_at_the_start(tmp_path: Path) -> None:
    store = tmp_path / "store"
    run_hosted(two_orders, QUIET, store=store)
    KINDS["orders"].file_in(store).unlink()
    with closing(StoredReadModel(KINDS["search"].file_in(store), KINDS["search"].tables)) as old:
        old.clear()
    run_hosted(shows_all, QUIET, store=store)


def test_a_file_ahead_of_its_log_is_refused_and_can_be_made_anew(tmp_path: Path) -> None:
    store = tmp_path / "store"
    run_hosted(two_orders, QUIET, store=store)
    with closing(sqlite3.connect(store / EVENTS)) as connection, connection:
        connection.execute("DELETE FROM events WHERE position = 2")
    (store / "acknowledged.json").unlink()
    with pytest.raises(StoreError) as caught:
        run_hosted(two_orders, QUIET, store=store)
    told = str(caught.value)
    assert "shows position 2, and the log ends at 1" in told
    assert f"`cqrs-sim projection rebuild {store} orders`" in told
    for name in KINDS:
        rebuild_file(store, name)

    async def look(system: HostedSystem) -> int:
        return system.inner.projectors["orders"].applied

    assert run_hosted(look, QUIET, store=store) == 1


async def two_others(system: HostedSystem) -> None:
    for order_id in ("x-1", "x-2"):
        await system.execute(create(order_id, "bob"))


async def nothing(system: HostedSystem) -> int:
    return system.inner.log.head


def test_a_file_of_another_store_is_refused(tmp_path: Path) -> None:
    mine, other = tmp_path / "mine", tmp_path / "other"
    run_hosted(two_orders, QUIET, store=mine)
    run_hosted(two_others, QUIET, store=other)
    shutil.copy(KINDS["orders"].file_in(other), KINDS["orders"].file_in(mine))
    with pytest.raises(StoreError, match=r"orders\.db shows the log of store") as caught:
        run_hosted(nothing, QUIET, store=mine)
    assert f"`cqrs-sim projection rebuild {mine} orders`" in str(caught.value)
    rebuild_file(mine, "orders")
    run_hosted(shows_all, QUIET, store=mine)


def test_a_file_that_shows_an_end_that_was_lost_is_refused_though_the_log_grew_again(
    tmp_path: Path,
) -> None:
    store = tmp_path / "store"
    run_hosted(two_orders, QUIET, store=store)
    with closing(sqlite3.connect(store / EVENTS)) as connection, connection:
        connection.execute("DELETE FROM events WHERE position = 2")
    (store / "acknowledged.json").unlink()
    within = attrs.evolve(
        QUIET, read_models={name: ReadModel(service=REAL, projection="inline") for name in KINDS}
    )
    run_hosted(two_others, within, store=store)
    with pytest.raises(StoreError, match="shows an end of the log that was lost"):
        run_hosted(nothing, QUIET, store=store)
    for name in KINDS:
        rebuild_file(store, name)
    assert run_hosted(nothing, QUIET, store=store) == 3


@pytest.mark.parametrize("refused", ["by its state", "when it is opened"])
def test_a_run_that_is_refused_leaves_no_trace_and_no_thread(
    tmp_path: Path, refused: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "store"
    run_hosted(two_orders, QUIET, store=store)
    if refused == "by its state":
        KINDS["search"].file_in(store).write_bytes(b"junk")
    else:
        monkeypatch.setattr(live_file, "StoredReadModel", cannot_be_opened)
    before = (store / EVENTS).read_bytes()
    for _ in range(3):
        with pytest.raises(StoreError):
            run_hosted(nothing, QUIET, store=store)
    assert (store / EVENTS).read_bytes() == before
    with closing(sqlite3.connect(store / EVENTS)) as connection:
        assert connection.execute("SELECT count(*) FROM runs").fetchone() == (1,)
    assert "event log" not in {thread.name for thread in threading.enumerate()}


def cannot_be_opened(*_: object, **__: object) -> None:
    raise sqlite3.OperationalError("no room")


def test_a_row_that_is_not_as_the_log_says_is_found_by_the_check(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted fault: rows without their items."""
    monkeypatch.setattr(orders, "_packed", lambda items: msgspec.msgpack.encode([]))
    result = virtual.run(in_store(*SHORT), seed=5, store=tmp_path / "store")
    (failed,) = [check for check in result.summary.checks if not check.ok]
    assert failed.name == "convergence"
    assert "orders" in failed.detail


@EACH_ENGINE
def test_a_read_model_that_cannot_be_written_ends_the_run(
    engine: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise sqlite3.OperationalError("no room")

    monkeypatch.setattr(KINDS["search"].tables, "show", refuse)
    with pytest.raises(StoreError, match=r"search\.db.*no room"):
        engine.run(in_store(*SHORT, "workload.orders=1"), store=tmp_path / "store")


@pytest.mark.parametrize(
    ("setting", "key"),
    [
        ('read_models.orders.delivery="at_most_once"', 'read_models.orders.delivery = "at_most'),
        ("read_models.orders.idempotent=false", "read_models.orders.idempotent = false"),
        ('read_models.search.crashes=[{at="1s", down="1s"}]', "read_models.search.crashes"),
    ],
)
def test_what_is_modelled_in_memory_alone_is_refused_by_key(
    setting: str, key: str, tmp_path: Path
) -> None:
    for refused in (
        lambda: in_store(setting),
        lambda: run(load_scenario("default", [setting]), store=tmp_path / "store"),
        lambda: virtual.run(load_scenario("default", [setting]), store=tmp_path / "other"),
    ):
        with pytest.raises(InvalidScenarioError, match=f"{key}.*memory") as caught:
            refused()
        assert len(caught.value.mistakes) == 1
