"""A write side that keeps rows: what an order comes back from, and what each design has on disk."""

import sqlite3
from contextlib import closing
from pathlib import Path
from types import ModuleType

import attrs
import pytest
from fakes import create, update

from cqrs_sim.architectures.catalogue import ARCHITECTURES
from cqrs_sim.architectures.costs import Costs
from cqrs_sim.crud.tables import NormalisedTables
from cqrs_sim.domain.history import fold_all
from cqrs_sim.domain.queries import GetOrderById, GetOrdersByCustomer, GetOrdersByStatus, OrderRow
from cqrs_sim.engines import virtual, wall
from cqrs_sim.engines.hosted import HostedSystem, run_hosted
from cqrs_sim.errors import InvalidScenarioError, StoreError, UnknownPastError
from cqrs_sim.ids import CustomerId, OrderId, Position
from cqrs_sim.projections.kinds import KINDS
from cqrs_sim.projections.stored_events import all_events
from cqrs_sim.read_side.sqlite.stored import StoredReadModel
from cqrs_sim.results import Result
from cqrs_sim.scenario.parts import Keeps, StoreKind
from cqrs_sim.scenario.reading import read_scenario, to_toml
from cqrs_sim.scenario.scenario import Log, ReadModel, Scenario, Service, WriteSide
from cqrs_sim.side_by_side.substrates import on_substrate
from cqrs_sim.simulation import load_scenario
from cqrs_sim.storage.event_store import EventReader
from cqrs_sim.storage.folder import EVENTS

SHORT = ["run.duration=300ms", "run.warm_up=0s", "log.durability=off"]
COMES_AND_GOES = [*SHORT, "write_side.passivate_after=1ms", "workload.orders=20"]
COSTS = Costs()
REAL = Service(distribution="real")
KEPT = {
    "crud": "rows",
    "simple": "rows",
    "event_sourced": "events",
    "separate": "both",
    "multiple": "both",
    "tutorial": "rows",
}


def on_disk(name: str, *settings: str) -> Scenario:
    ready, engine = on_substrate(load_scenario(name, [*SHORT, *settings]), "sqlite")
    assert engine == "wall"
    return ready


def assert_correct(result: Result) -> None:
    assert result.summary.is_correct, [c for c in result.summary.checks if not c.ok]


def rows_in(store: Path, table: str) -> int | None:
    """None: there is no such table."""
    with closing(sqlite3.connect(store / EVENTS)) as connection:
        known = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        if (table,) not in known.fetchall():
            return None
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # Ours.


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_each_architecture_converges_on_disk_and_keeps_what_it_should(
    name: str, tmp_path: Path
) -> None:
    store = tmp_path / "store"
    result = wall.run(on_disk(name), seed=4, store=store)
    if name == "tutorial":
        others = [c for c in result.summary.checks if c.name != "convergence" and not c.ok]
        assert others == [], "of tasks no more is to be had"
    else:
        assert_correct(result)
    kept, events_count = KEPT[name], len(result.trace.events)
    assert events_count > 0
    assert rows_in(store, "events") == (0 if kept == "rows" else events_count)
    assert (rows_in(store, "orders") is None) == (kept == "events")
    is_viewed_beside = name == "simple"
    assert (rows_in(store, "order_rows") is not None) == is_viewed_beside
    follow = ARCHITECTURES[name](load_scenario(name), COSTS).read_models
    files = {f"{n}.db" for n, model in follow.items() if model.projection == "async"}
    assert {path.name for path in store.glob("*.db")} == {EVENTS, *files}


@pytest.mark.parametrize("name", ["event_sourced", "separate", "multiple"])
def test_files_of_what_follows_a_log_are_its_folds_after_the_run(name: str, tmp_path: Path) -> None:
    store = tmp_path / "store"
    wall.run(on_disk(name), seed=4, store=store)
    with closing(EventReader(store)) as reader:
        events = list(all_events(reader, reader.last_position()))
    for kind in KINDS.values():
        memory = kind.memory()
        for event in events:
            memory.apply(event)
        with closing(StoredReadModel(kind.file_in(store), kind.tables)) as stored:
            assert stored.contents() == memory.contents()
    if KEPT[name] == "both":
        with closing(sqlite3.connect(store / EVENTS)) as connection:
            tables = NormalisedTables(connection)
            folded = fold_all(events)
            assert {order_id: tables.load(order_id) for order_id in folded} == folded


@pytest.mark.parametrize("engine", [virtual, wall], ids=["virtual", "wall"])
@pytest.mark.parametrize("name", ["crud", "separate"])
def test_an_idle_order_comes_back_from_its_rows(
    name: str, engine: ModuleType, tmp_path: Path
) -> None:
    scenario = load_scenario(name, [*COMES_AND_GOES, "store=sqlite"])
    result = engine.run(scenario, seed=4, store=tmp_path / "store")
    assert_correct(result)
    assert result.metrics["rehydration.orders"] > 0
    assert result.metrics["rehydration.events_read"] == 0
    told = {check.name: check.detail for check in result.summary.checks}
    assert "through rows" in told["order_states"]


@pytest.mark.parametrize("name", ["crud", "simple", "separate"])
def test_what_is_kept_changes_no_stamp_of_a_simulated_run(name: str, tmp_path: Path) -> None:
    scenario = load_scenario(name, [*SHORT, "store=sqlite"])
    runs = [virtual.run(scenario, seed=4, store=store) for store in (None, tmp_path / "store")]
    one, other = (run.trace for run in runs)
    assert one.commands.acknowledged.astype(int).tolist() == (
        other.commands.acknowledged.astype(int).tolist()
    )
    assert one.queries.position.tolist() == other.queries.position.tolist()
    assert one.deliveries.applied.astype(int).tolist() == (
        other.deliveries.applied.astype(int).tolist()
    )


def test_a_row_that_misses_a_change_is_found_by_the_checks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted fault: a save that leaves an order in its status."""
    move = NormalisedTables._move

    def stay(self: NormalisedTables, event: object, status: object) -> None:
        move(self, event, "PENDING")  # type: ignore[arg-type] # as it came

    monkeypatch.setattr(NormalisedTables, "_move", stay)
    scenario = load_scenario("crud", [*SHORT, "store=sqlite", "load.rate=300/s"])
    result = virtual.run(scenario, seed=4, store=tmp_path / "store")
    failed = {check.name for check in result.summary.checks if not check.ok}
    assert failed >= {"convergence", "order_states"}


def hosted(keeps: Keeps) -> Scenario:
    return Scenario(
        log=Log(durability="off"),
        write_side=WriteSide(service=REAL, keeps=keeps),
        read_models={
            name: ReadModel(projection="inline", form="joined", service=REAL) for name in KINDS
        },
    )


async def two_orders(system: HostedSystem) -> Position:
    for order_id in ("o-1", "o-2"):
        await system.execute(create(order_id, "alice"))
    return (await system.execute(update("CONFIRMED", "o-2"))).position


def test_questions_are_answered_by_joins_as_soon_as_a_command_is(tmp_path: Path) -> None:
    async def main(system: HostedSystem) -> None:
        last = await two_orders(system)
        found = await system.query(GetOrderById(OrderId("o-2")))
        assert found.position == last
        assert isinstance(found.value, OrderRow)
        assert (found.value.status, found.value.version) == ("CONFIRMED", 2)
        listed = await system.query(GetOrdersByCustomer(CustomerId("alice")))
        assert [row.order_id for row in listed.value] == ["o-1", "o-2"]  # type: ignore[union-attr]
        pending = await system.query(GetOrdersByStatus("PENDING"))
        assert [row.order_id for row in pending.value] == ["o-1"]  # type: ignore[union-attr]

    run_hosted(main, hosted("rows"), store=tmp_path / "store")


def test_rows_without_events_are_not_gone_on_with_and_stay_as_they_are(tmp_path: Path) -> None:
    """What a run was made of is gone, so no trace, and no order's version, could go on."""
    store = tmp_path / "store"
    run_hosted(two_orders, hosted("rows"), store=store)
    before = (store / EVENTS).read_bytes()
    for keeps in ("rows", "events"):
        scenario = hosted("rows") if keeps == "rows" else Scenario()
        with pytest.raises(StoreError, match="keeps orders as rows up to position 3") as caught:
            run_hosted(two_orders, scenario, store=store)
        assert "name a new folder" in str(caught.value)
    assert (store / EVENTS).read_bytes() == before


def test_rows_beside_events_are_gone_on_with_and_remember_the_past(tmp_path: Path) -> None:
    async def go_on(system: HostedSystem) -> None:
        await system.execute(update("SHIPPED", "o-2"))
        now = await system.query(GetOrderById(OrderId("o-2")))
        then = await system.query(GetOrderById(OrderId("o-2")), as_of=Position(2))
        assert isinstance(now.value, OrderRow)
        assert isinstance(then.value, OrderRow)
        assert (now.value.status, then.value.status) == ("SHIPPED", "PENDING")

    run_hosted(two_orders, hosted("both"), store=tmp_path / "store")
    run_hosted(go_on, hosted("both"), store=tmp_path / "store")


def test_rows_are_made_of_the_events_that_a_store_had_before_it_kept_any(tmp_path: Path) -> None:
    run_hosted(two_orders, Scenario(), store=tmp_path / "store")

    async def look(system: HostedSystem) -> object:
        return (await system.query(GetOrderById(OrderId("o-2")))).value

    found = run_hosted(look, hosted("both"), store=tmp_path / "store")
    assert isinstance(found, OrderRow)
    assert found.status == "CONFIRMED"


@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_who_keeps_the_present_alone_cannot_be_asked_of_the_past(store: StoreKind) -> None:
    async def main(system: HostedSystem) -> None:
        await two_orders(system)
        await system.query(GetOrderById(OrderId("o-1")), as_of=Position(1))

    with pytest.raises(UnknownPastError, match=r'write_side\.keeps = "rows"'):
        run_hosted(main, attrs.evolve(hosted("rows"), store=store))


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ('write_side.keeps = "row"', 'write_side.keeps = "row": must be one of "events", "rows"'),
        (
            'write_side.keeps = "rows"',
            (
                'read_models.orders.projection = "async": a projector follows events, and '
                'write_side.keeps = "rows" keeps none'
            ),
        ),
        (
            'write_side.keeps = "both"\nwrite_side.snapshot_every = 5',
            'write_side.snapshot_every = 5: must be 0, because write_side.keeps = "both"',
        ),
        (
            'write_side.keeps = "both"\nwrite_side.replay = "1ms"',
            'write_side.replay = "1ms": must be 0s, because write_side.keeps = "both"',
        ),
        (
            'read_models.orders = { form = "joined", projection = "inline" }',
            'read_models.orders.form = "joined": joins the rows of the write side, but',
        ),
        (
            'write_side.keeps = "both"\nread_models.orders.form = "joined"',
            'read_models.orders.projection = "async": must be "inline", because',
        ),
        (
            (
                'write_side.keeps = "rows"\nread_models.orders = { form = "joined",'
                ' projection = "inline", service = { mean = "1ms" } }'
            ),
            'read_models.orders.service.mean = "1ms": must be 0s, because',
        ),
        ('read_models.orders.form = "table"', 'read_models.orders.form = "table": must be one of'),
    ],
)
def test_what_does_not_go_together_is_named(text: str, mistake: str) -> None:
    with pytest.raises(InvalidScenarioError) as caught:
        read_scenario(f'load = {{ rate = "100/s" }}\n{text}\n')
    (told,) = caught.value.mistakes
    assert told.startswith(mistake)


def test_the_keys_survive_writing_and_reading() -> None:
    scenario = load_scenario("crud")
    assert scenario.write_side.keeps == "rows"
    assert {model.form for model in scenario.read_models.values()} == {"joined"}
    assert read_scenario(to_toml(scenario)) == scenario
