"""Read models in a store, rebuilt beside the live ones while readers and writers go on."""

import filecmp
import sqlite3
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing
from pathlib import Path
from types import ModuleType

import attrs
import numpy as np
import pytest
import trio
from fakes import MS, constant, create, scenario, update

from cqrs_sim.actors.clock import VirtualClock
from cqrs_sim.actors.kernel import Kernel
from cqrs_sim.actors.randomness import Streams
from cqrs_sim.domain.events import Event
from cqrs_sim.domain.queries import (
    GetOrderById,
    GetOrdersByCustomer,
    GetOrdersByStatus,
    GetOrderStatistics,
    Query,
)
from cqrs_sim.engines import virtual, wall
from cqrs_sim.engines.hosted import HostedSystem, run_hosted
from cqrs_sim.engines.stores import store_of_run
from cqrs_sim.errors import InvalidScenarioError, StoreError
from cqrs_sim.ids import CustomerId, Nanoseconds, OrderId, Position
from cqrs_sim.load_generation.reads import END_OF_TIME_NS
from cqrs_sim.measurement.recorder import Recorder
from cqrs_sim.projections import rebuilding
from cqrs_sim.projections.kinds import KINDS
from cqrs_sim.projections.rebuilding import rebuild_file
from cqrs_sim.projections.status import status_of
from cqrs_sim.projections.stored_events import all_events
from cqrs_sim.read_side.gateway import Answer, read
from cqrs_sim.read_side.sqlite.orders import OrderTables
from cqrs_sim.read_side.sqlite.stored import StoredReadModel
from cqrs_sim.scenario.scenario import Log, ReadModel, Scenario, Service, WriteSide
from cqrs_sim.scenario.units import Count, Duration
from cqrs_sim.simulation import load_scenario
from cqrs_sim.storage.event_store import EventReader
from cqrs_sim.system import System

SHORT = [
    *("run.duration=600ms", "run.warm_up=0s", "log.durability=off", "store=sqlite"),
    *(f'read_models.{name}.service={{distribution="exponential", mean="250us"}}' for name in KINDS),
]
PLANNED = [f'read_models.{name}.rebuilds=[{{at="200ms", batch=16}}]' for name in KINDS]
SETTINGS = {
    "one event at a time": ['read_models.orders.rebuilds=[{at="200ms", batch=1}]'],
    "all at once": ['read_models.orders.rebuilds=[{at="200ms", batch=10000}]'],
    "all of them at one time": PLANNED,
    "twice": ['read_models.orders.rebuilds=[{at="100ms"}, {at="300ms"}]'],
    "batches": [*PLANNED, "read_models.orders.batch=8", "read_models.orders.checkpoint=1ms"],
    "a small channel": [*PLANNED, "read_models.orders.channel=2"],
    "a long way": [*PLANNED, "read_models.orders.transport=20ms"],
    "polls": [*PLANNED, "read_models.orders.poll=10ms", "read_models.orders.batch=64"],
    "pauses": [*PLANNED, 'read_models.orders.pauses=[{at="210ms", duration="50ms"}]'],
    "shared processors": [*PLANNED, "run.processors=3"],
    "rows beside the events": [*PLANNED, "write_side.keeps=both"],
}
REAL = Service(distribution="real")
QUIET = Scenario(
    log=Log(durability="off"),
    write_side=WriteSide(service=REAL),
    read_models={name: ReadModel(service=REAL) for name in KINDS},
)
AS_FAST_AS_IT_GOES = [f'read_models.{name}.service={{distribution="real"}}' for name in KINDS]
"""On a busy machine sleeps are longer than asked for, and nothing catches up that sleeps often."""
EACH_ENGINE = pytest.mark.parametrize(
    ("engine", "services"),
    [(virtual, []), (wall, AS_FAST_AS_IT_GOES)],
    ids=["virtual", "wall"],
)
QUESTIONS: tuple[Query, ...] = (
    GetOrderById(OrderId("order-3")),
    GetOrdersByCustomer(CustomerId("customer-1")),
    GetOrdersByStatus("CONFIRMED"),
    GetOrderStatistics(Nanoseconds(0), Nanoseconds(END_OF_TIME_NS)),
)


def preset(*settings: str) -> Scenario:
    return load_scenario("default", [*SHORT, *settings])


def assert_files_are_folds(store: Path) -> None:
    """Looked at with the program gone; and nothing is left beside the files."""
    with closing(EventReader(store)) as reader:
        events = list(all_events(reader, reader.last_position()))
    for name, kind in KINDS.items():
        path, memory = kind.file_in(store), kind.memory()
        for event in events:
            memory.apply(event)
        with closing(StoredReadModel(path, kind.tables)) as stored:
            assert stored.checkpoint == len(events) > 0, name
            assert stored.contents() == memory.contents(), name
            assert stored.faults() == [], name
    assert leftovers(store) == []


def leftovers(store: Path) -> list[str]:
    return [path.name for path in store.iterdir() if ".db.re" in path.name]


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_switch_loses_and_doubles_nothing_in_a_store(setting: str, tmp_path: Path) -> None:
    store = tmp_path / "store"
    result = virtual.run(preset(*SETTINGS[setting]), seed=3, store=store)
    assert [check for check in result.summary.checks if not check.ok] == []
    assert result.rebuilds
    for rebuild in result.rebuilds:
        assert rebuild.switched_ns is not None
        assert rebuild.rows > 20
        assert not rebuild.differing
    deliveries = result.trace.deliveries
    assert not np.isnat(deliveries.applied).any()
    assert np.array_equal(deliveries.applied, deliveries.checkpointed)
    assert_files_are_folds(store)


@EACH_ENGINE
def test_each_read_model_is_rebuilt_row_by_row_as_it_was(
    engine: ModuleType, services: list[str], tmp_path: Path
) -> None:
    result = engine.run(preset(*PLANNED, *services), seed=5, store=tmp_path / "store")
    assert [check for check in result.summary.checks if not check.ok] == []
    assert "rebuild" in {check.name for check in result.summary.checks}
    assert {rebuild.read_model for rebuild in result.rebuilds} == set(KINDS)
    assert all(rebuild.switched_ns is not None for rebuild in result.rebuilds)
    assert all(rebuild.rows > 20 and not rebuild.differing for rebuild in result.rebuilds)
    assert_files_are_folds(tmp_path / "store")
    assert {one.state for one in status_of(tmp_path / "store").read_models} == {"up to date"}


def test_equal_runs_have_equal_traces_and_files_as_has_a_simulated_store(tmp_path: Path) -> None:
    given = preset(*SETTINGS["batches"])
    first, second = (virtual.run(given, seed=3, store=tmp_path / name).trace for name in "ab")
    modelled = virtual.run(given, seed=3).trace
    for name, column in first.to_arrays().items():
        np.testing.assert_array_equal(column, second.to_arrays()[name])
        np.testing.assert_array_equal(column, modelled.to_arrays()[name])
    for kind in KINDS.values():
        one, other = (kind.file_in(tmp_path / name) for name in "ab")
        assert filecmp.cmp(one, other, shallow=False), kind.name


class OneTooMany(OrderTables):
    """Shows every total a cent too high, in the new file alone."""

    def show(self, events: Sequence[Event]) -> None:
        super().show(events)
        (_, _, path), *_ = self._connection.execute("PRAGMA database_list").fetchall()
        if "rebuilding" in path:
            self._connection.execute("UPDATE order_rows SET total_cents = total_cents + 1")


@EACH_ENGINE
def test_a_new_file_that_is_wrong_by_a_cent_fails_the_check(
    engine: ModuleType, services: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = attrs.evolve(KINDS["orders"], tables=OneTooMany)
    monkeypatch.setitem(KINDS, "orders", wrong)
    given = preset('read_models.orders.rebuilds=[{at="200ms", batch=10000}]', *services)
    result = engine.run(given, seed=5, store=tmp_path / "store")
    failed = {check.name: check for check in result.summary.checks if not check.ok}
    assert result.rebuilds[0].switched_ns is not None
    assert set(failed) == {"rebuild", "convergence"}
    assert "table 1['" in failed["rebuild"].detail
    assert result.rebuilds[0].differing > 0


def test_a_rebuild_that_the_end_of_the_run_cut_short_leaves_nothing(tmp_path: Path) -> None:
    store = tmp_path / "store"
    given = preset('read_models.orders.rebuilds=[{at="590ms", batch=1}]')
    result = virtual.run(given, seed=3, store=store)
    assert [rebuild.switched_ns for rebuild in result.rebuilds] == [None]
    assert result.rebuilds[0].events > 0
    assert_files_are_folds(store)


# What readers see.


def assert_is_a_fold(system: System, query: Query, answer: Answer) -> None:
    name = "statistics" if isinstance(query, GetOrderStatistics) else "orders"
    memory = KINDS[name].memory()
    for event in system.log.events[: answer.position]:
        memory.apply(event)
    assert answer.value == read(memory, query)


def run_in_store(
    script: Callable[[System], Awaitable[None]], given: Scenario, folder: Path
) -> None:
    """Run one coroutine on the virtual clock against a system that has a store."""
    clock = VirtualClock()
    with store_of_run(folder, clock, "off", seed=0) as opened:
        kernel = Kernel(clock)
        recorder = Recorder(clock, tuple(given.read_models))
        system = System(given, kernel, Streams(0), recorder, store=opened)

        async def main() -> None:
            await script(system)
            kernel.stop()

        kernel.spawn(main(), "script")
        try:
            kernel.run_virtual()
        finally:
            kernel.close()
            system.log.close()


def test_an_answer_at_any_instant_is_a_fold_and_positions_never_go_back(tmp_path: Path) -> None:
    """Asked every half millisecond around the switch, with a modelled time for each answer."""
    shown: list[int] = []
    instants: list[int] = []

    async def script(system: System) -> None:
        kernel = system._kernel

        async def load() -> None:
            for number in range(60):
                await system.execute(create(f"order-{number}"))
                if number % 3 == 0:
                    await system.execute(update("CONFIRMED", f"order-{number}"))
                await kernel.pause(2 * MS)

        async def ask() -> None:
            for number in range(300):
                query = QUESTIONS[number % 3]
                answer = await system.query(query)
                assert_is_a_fold(system, query, answer)
                shown.append(answer.position)
                await kernel.pause(MS // 2)

        kernel.spawn(load(), "load")
        kernel.spawn(ask(), "reader")
        await kernel.pause(30 * MS)
        done = await system.rebuild("orders", batch=3)
        assert done.switched_ns is not None
        instants.append(done.switched_ns)
        assert done.comparison is not None
        assert done.comparison.are_equal
        await kernel.pause(400 * MS)

    model = ReadModel(service=constant(MS), batch=Count(2), checkpoint=Duration(MS))
    given = scenario(read_models={"orders": model}, log=Log(durability="off"))
    run_in_store(script, given, tmp_path / "store")
    assert 30 * MS < instants[0] < 200 * MS
    assert len(shown) == 300
    assert shown == sorted(shown)
    assert shown[-1] == 80


def test_on_the_wall_clock_no_answer_is_wrong_while_files_change_places(tmp_path: Path) -> None:
    shown: dict[Query, list[int]] = {query: [] for query in QUESTIONS}

    async def main(system: HostedSystem) -> None:
        async def load() -> None:
            for number in range(120):
                await system.execute(create(f"order-{number}"))
                await system.execute(update("CONFIRMED", f"order-{number}"))

        async def ask(query: Query) -> None:
            while len(shown[query]) < 20 or not done:
                answer = await system.query(query)
                assert_is_a_fold(system.inner, query, answer)
                shown[query].append(answer.position)

        done: list[bool] = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(load)
            for query in QUESTIONS:
                nursery.start_soon(ask, query)
            for _ in range(3):
                await system.query(QUESTIONS[0], at_least=Position(40))
                for name in ("orders", "statistics"):
                    rebuild = await system.rebuild(name, batch=20)
                    assert rebuild.switched_ns is not None
            done.append(True)
        # Before the end of the run, to which the files that were replaced are kept.
        for rebuild in system.inner.rebuilds.begun:
            rebuild.compare()
            assert rebuild.comparison is not None
            assert rebuild.comparison.are_equal

    run_hosted(main, QUIET, store=tmp_path / "store")
    for positions in shown.values():
        assert positions == sorted(positions)
        assert len(positions) >= 20
    assert leftovers(tmp_path / "store") == []


def test_a_reader_that_waits_is_woken_by_the_switch_that_shows_its_position(
    tmp_path: Path,
) -> None:
    async def script(system: System) -> None:
        for number in range(10):
            await system.execute(create(f"order-{number}"))
        rebuild = system._kernel.spawn(system.rebuild("orders", batch=10), "rebuild")
        query = QUESTIONS[0]
        answer = await system.query(query, at_least=Position(7))
        # Ten events and one checkpoint; the live one takes 10 ms for each.
        assert (system._kernel.now_ns(), answer.position) == (19 * MS, 10)
        assert_is_a_fold(system, query, answer)
        assert rebuild is not None

    model = ReadModel(service=constant(MS), checkpoint=Duration(9 * MS))
    given = scenario(read_models={"orders": model}, log=Log(durability="off"))
    run_in_store(script, given, tmp_path / "store")


# What cannot be.


@pytest.mark.parametrize("projection", ["inline", "task"])
def test_without_a_projector_nothing_is_rebuilt_beside_itself(
    projection: str, tmp_path: Path
) -> None:
    async def main(system: HostedSystem) -> None:
        await system.rebuild("orders")

    model = ReadModel(projection=projection, service=REAL)  # type: ignore[arg-type]
    given = attrs.evolve(QUIET, read_models={"orders": model})
    with pytest.raises(InvalidScenarioError) as caught:
        run_hosted(main, given, store=tmp_path / "store")
    (mistake,) = caught.value.mistakes
    assert mistake.startswith(f'read_models.orders.projection = "{projection}": ')
    assert mistake.endswith('it must be "async"')
    setting = [f"read_models.orders.projection={projection}"]
    with pytest.raises(InvalidScenarioError, match=r"read_models\.orders\.rebuilds: belongs to a"):
        preset(*setting, 'read_models.orders.rebuilds=[{at="1s"}]')


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        (["write_side.keeps=both", "read_models.orders.form=joined"], "orders.form"),
        (["write_side.keeps=rows"], "read_models.orders.projection"),
    ],
)
def test_what_is_answered_from_rows_is_not_rebuilt(settings: list[str], key: str) -> None:
    with pytest.raises(InvalidScenarioError, match=key):
        preset(*settings, 'read_models.orders.rebuilds=[{at="1s"}]')


def test_a_file_that_somebody_else_reads_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What that reader needs of the write-ahead log cannot be brought home: the run ends."""
    monkeypatch.setattr(rebuilding, "BUSY_S", 0.01)
    store = tmp_path / "store"

    async def main(system: HostedSystem) -> None:
        accepted = await system.execute(create("order-1"))
        await system.query(QUESTIONS[0], at_least=accepted.position)
        with closing(sqlite3.connect(KINDS["orders"].file_in(store))) as other:
            other.execute("BEGIN")
            other.execute("SELECT count(*) FROM order_rows").fetchall()
            accepted = await system.execute(create("order-2"))
            await system.query(QUESTIONS[0], at_least=accepted.position)
            await system.rebuild("orders")

    with pytest.raises(StoreError, match=r"orders\.db is held by another program"):
        run_hosted(main, QUIET, store=store)
    assert_files_are_folds(store)


def test_a_file_that_was_replaced_is_compared_during_the_run_or_not_at_all(tmp_path: Path) -> None:
    async def main(system: HostedSystem) -> object:
        await system.execute(create("order-1"))
        return await system.rebuild("orders")

    rebuild = run_hosted(main, QUIET, store=tmp_path / "store")
    with pytest.raises(StoreError, match=r"retired-1 is gone: it is kept to the end of the run"):
        rebuild.compare()  # type: ignore[attr-defined]
    assert leftovers(tmp_path / "store") == []


def test_what_a_killed_rebuild_left_is_never_read_and_removed(tmp_path: Path) -> None:
    store = tmp_path / "store"

    async def main(system: HostedSystem) -> None:
        await system.execute(create("order-1"))
        await system.rebuild("orders")

    run_hosted(main, QUIET, store=store)
    for again in (
        lambda: run_hosted(main_again, QUIET, store=store),
        lambda: rebuild_file(store, "orders"),
    ):
        kind = KINDS["orders"]
        for left in (kind.half_built_in(store), kind.retired_in(store, 1)):
            left.write_bytes(b"no database")
            left.with_name(f"{left.name}-wal").write_bytes(b"no log")
        again()
        assert_files_are_folds(store)


def test_what_cannot_be_removed_is_told_in_one_line(tmp_path: Path) -> None:
    store = tmp_path / "store"
    run_hosted(main_again, QUIET, store=store)
    KINDS["orders"].half_built_in(store).mkdir()
    with pytest.raises(StoreError, match=r"what a rebuild of orders left in .*cannot be removed"):
        run_hosted(main_again, QUIET, store=store)


async def main_again(system: HostedSystem) -> None:
    await system.rebuild("orders")
    await system.rebuild("orders")
