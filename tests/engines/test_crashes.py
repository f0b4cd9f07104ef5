"""A process that dies at any named site loses nothing that it acknowledged.

The n-th site loop: one run counts how often each site is passed; then a run is killed at the first,
a middle and the last hit of each. The store that is left is opened by another system.
"""

import json
import os
import shutil
import signal
import sqlite3
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import closing, nullcontext
from functools import partial
from pathlib import Path

import attrs
import pytest
import trio

from cqrs_sim import fault_sites
from cqrs_sim.crud.tables import NormalisedTables
from cqrs_sim.domain.commands import CreateOrder, UpdateOrderStatus
from cqrs_sim.domain.events import Event
from cqrs_sim.domain.history import fold_all
from cqrs_sim.domain.item import OrderItem
from cqrs_sim.domain.queries import GetOrderById
from cqrs_sim.engines.hosted import HostedSystem, run_hosted
from cqrs_sim.errors import StoreError
from cqrs_sim.event_log import writer_thread
from cqrs_sim.event_log.durable import Append, StoreOfRun
from cqrs_sim.ids import Cents, CustomerId, OrderId, Position, ProductId, Version
from cqrs_sim.projections import live_file
from cqrs_sim.projections.kinds import KINDS
from cqrs_sim.projections.stored_events import all_events
from cqrs_sim.read_side.sqlite import stored
from cqrs_sim.read_side.sqlite.orders import OrderTables
from cqrs_sim.read_side.sqlite.stored import StoredReadModel
from cqrs_sim.scenario.scenario import Log, ReadModel, Scenario, Service, WriteSide
from cqrs_sim.storage.database import companions
from cqrs_sim.storage.event_rows import NewRow
from cqrs_sim.storage.event_store import EventReader
from cqrs_sim.storage.folder import EVENTS
from cqrs_sim.system import fold
from cqrs_sim.tables import write_ahead_log
from cqrs_sim.tables.connection import transaction
from cqrs_sim.write_side.order_actor import Accepted

REAL = Service(distribution="real")
SCENARIO = Scenario(
    log=Log(durability="normal", group=3),
    write_side=WriteSide(service=REAL),
    read_models={name: ReadModel(service=REAL) for name in ("orders", "statistics")},
)
CLIENTS, ORDERS_EACH = 4, 5
PATIENCE_S = 60.0
SITES = (
    "log.before_commit",
    "log.in_commit",
    "log.after_commit",
    "log.published",
    "log.before_sidecar",
    "log.after_sidecar",
)
ITEMS = (OrderItem(ProductId("book"), 1, Cents(1999)),)


def commands_of(order: OrderId) -> list[tuple[str, CreateOrder | UpdateOrderStatus]]:
    """Two commands of an order, with their request ids."""
    create = CreateOrder(order, CustomerId("alice"), ITEMS)
    return [
        (f"{order}/create", create),
        (f"{order}/confirm", UpdateOrderStatus(order, "CONFIRMED")),
    ]


async def load(system: HostedSystem, pipe: int) -> None:
    """Send commands, and tell of each that was acknowledged."""

    async def client(number: int) -> None:
        for serial in range(ORDERS_EACH):
            for request_id, command in commands_of(OrderId(f"{number}-{serial}")):
                accepted = await system.execute(command, request_id=request_id)
                line = json.dumps([request_id, accepted.version, accepted.position])
                os.write(pipe, f"{line}\n".encode())

    async with trio.open_nursery() as nursery:
        for number in range(CLIENTS):
            nursery.start_soon(client, number)


def acknowledged_in_a_child(
    store: Path,
    dies_at: str | None,
    hit: int,
    scenario: Scenario = SCENARIO,
    work: Callable[[HostedSystem, int], Awaitable[None]] = load,
) -> tuple[dict[str, list[int]], bool]:
    """Run the load in a process that dies at a site; what it was told, and whether it died."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        code = 1
        try:
            os.close(reading)
            if dies_at is not None:
                fault_sites.arm(dies_at, hit)
            counts = fault_sites.count_hits()
            run_hosted(lambda system: work(system, writing), scenario, store=store)
            (store.parent / "counts.json").write_text(json.dumps(counts))
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading, encoding="utf-8") as pipe:
        told = {request: rest for request, *rest in map(json.loads, pipe)}
    _, status = os.waitpid(child, 0)
    died = os.WIFSIGNALED(status)
    assert died or os.WEXITSTATUS(status) == 0
    assert not died or os.WTERMSIG(status) == signal.SIGKILL
    return told, died


async def look(system: HostedSystem, told: dict[str, list[int]]) -> None:
    """Check a system that was opened on what is left."""
    events, inner = system.inner.log.events, system.inner
    assert [event.position for event in events] == list(range(1, len(events) + 1))
    versions = Counter[str]()
    for event in events:
        versions[event.order_id] += 1
        assert event.version == versions[event.order_id]
    for name, projector in inner.projectors.items():
        assert projector.applied == len(events)
        assert projector.read_model.contents() == fold(inner, name).contents()
    before = len(events)
    for request_id, (version, position) in told.items():
        order = OrderId(request_id.split("/")[0])
        command = dict(commands_of(order))[request_id]
        again = await system.execute(command, request_id=request_id)
        assert again == Accepted(order, Version(version), Position(position))
    assert len(events) == before


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_thread, "ACKNOWLEDGE_EVERY", 8)
    monkeypatch.setattr(write_ahead_log, "EVERY_S", 0.001)
    monkeypatch.setattr(write_ahead_log, "MOST_PAGES", 4)


def hits(tmp_path: Path) -> dict[str, int]:
    told, died = acknowledged_in_a_child(tmp_path / "unhurt", None, 0)
    assert (len(told), died) == (2 * CLIENTS * ORDERS_EACH, False)
    counts: dict[str, int] = json.loads((tmp_path / "counts.json").read_text())
    return counts


@pytest.mark.parametrize("site", SITES)
def test_what_was_acknowledged_survives_the_process(tmp_path: Path, site: str) -> None:
    most = hits(tmp_path)[site]
    assert most >= 2
    deaths = 0
    for hit in sorted({1, most // 2, most}):
        store = tmp_path / f"store-{hit}"
        told, died = acknowledged_in_a_child(store, site, hit)
        deaths += died
        run_hosted(partial(look, told=told), SCENARIO, store=store)
    # How appends fall into groups differs from run to run, so the last hit may not come.
    assert deaths >= 2


def test_an_acknowledgement_before_the_commit_would_be_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted fault: a log whose writes are put off until the store is closed."""
    put_off: list[Sequence[Append]] = []

    def write(self: StoreOfRun, group: Sequence[Append], now_ns: int) -> None:
        fault_sites.site("log.put_off")
        put_off.append(group)

    monkeypatch.setattr(StoreOfRun, "write", write)
    told, died = acknowledged_in_a_child(tmp_path / "store", "log.put_off", 10)
    monkeypatch.undo()
    assert died
    assert told
    # Of read models that show what the log has lost it is heard before anybody looks.
    with pytest.raises((AssertionError, StoreError)):
        run_hosted(partial(look, told=told), SCENARIO, store=tmp_path / "store")


FOLLOWING = attrs.evolve(
    SCENARIO, read_models={name: ReadModel(service=REAL, batch=3) for name in KINDS}
)


def assert_files_are_folds_up_to_their_checkpoints(store: Path) -> None:
    """Looked at as they are left, before any run could catch up."""
    with closing(EventReader(store)) as reader:
        events = list(all_events(reader, reader.last_position()))
    shown = 0
    for name, kind in KINDS.items():
        with closing(sqlite3.connect(kind.file_in(store))) as connection:
            (checkpoint,) = connection.execute("SELECT position FROM checkpoints").fetchone()
            memory = kind.memory()
            for event in events[:checkpoint]:
                memory.apply(event)
            assert checkpoint <= len(events)
            assert kind.tables(connection).contents() == memory.contents(), name
            shown += checkpoint
    assert shown


@pytest.mark.parametrize("site", ["read_model.shown", "read_model.committed"])
def test_files_of_read_models_show_what_their_checkpoints_say_and_catch_up(
    tmp_path: Path, site: str
) -> None:
    deaths = 0
    for hit in (5, 12, 21):
        store = tmp_path / f"store-{hit}"
        told, died = acknowledged_in_a_child(store, site, hit, FOLLOWING)
        deaths += died
        assert_files_are_folds_up_to_their_checkpoints(store)
        run_hosted(partial(look, told=told), FOLLOWING, store=store)
        assert_files_are_folds_up_to_their_checkpoints(store)
    # How events fall into batches differs from run to run, so the last hit may not come.
    assert deaths >= 2


def test_a_read_model_whose_effects_are_committed_before_its_checkpoint_would_be_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted fault: every statement is a commit of its own."""
    monkeypatch.setattr(stored, "transaction", lambda connection: nullcontext())
    store = tmp_path / "store"
    _, died = acknowledged_in_a_child(store, "read_model.shown", 12, FOLLOWING)
    monkeypatch.undo()
    assert died
    with pytest.raises(AssertionError):
        assert_files_are_folds_up_to_their_checkpoints(store)


INLINE = attrs.evolve(
    SCENARIO,
    read_models={name: ReadModel(service=REAL, projection="inline") for name in KINDS},
)


@pytest.mark.parametrize("site", ["log.in_commit", "log.tables_written", "log.after_commit"])
def test_views_within_the_commit_are_never_parted_from_the_events(
    tmp_path: Path, site: str
) -> None:
    """Looked at in the file that is left, before any run could catch up."""
    store = tmp_path / "store"
    told, died = acknowledged_in_a_child(store, site, 7, INLINE)
    assert died
    with closing(EventReader(store)) as reader:
        events = list(all_events(reader, reader.last_position()))
    assert events
    with closing(sqlite3.connect(store / EVENTS)) as connection:
        checkpoints = dict(connection.execute("SELECT * FROM checkpoints").fetchall())
        assert checkpoints == dict.fromkeys(KINDS, len(events))
        for name, kind in KINDS.items():
            memory = kind.memory()
            for event in events:
                memory.apply(event)
            assert kind.tables(connection).contents() == memory.contents(), name
    run_hosted(partial(look, told=told), INLINE, store=store)


ROWS = attrs.evolve(
    INLINE,
    write_side=WriteSide(service=REAL, keeps="both"),
    read_models={
        name: attrs.evolve(model, form="joined") for name, model in INLINE.read_models.items()
    },
)


@pytest.mark.parametrize("site", ["log.in_commit", "log.tables_written", "log.after_commit"])
def test_rows_of_the_write_side_are_never_parted_from_the_events(tmp_path: Path, site: str) -> None:
    store = tmp_path / "store"
    told, died = acknowledged_in_a_child(store, site, 7, ROWS)
    assert died
    with closing(EventReader(store)) as reader:
        folded = fold_all(list(all_events(reader, reader.last_position())))
    assert folded
    with closing(sqlite3.connect(store / EVENTS)) as connection:
        rows = NormalisedTables(connection)
        assert {order_id: rows.load(order_id) for order_id in folded} == folded
        assert connection.execute("SELECT count(*) FROM orders").fetchone() == (len(folded),)
    run_hosted(partial(_come_again, told=told), ROWS, store=store)


async def _come_again(system: HostedSystem, told: dict[str, list[int]]) -> None:
    """What was acknowledged is known, to those who go on with what is left."""
    for request_id, (version, position) in told.items():
        order = OrderId(request_id.split("/")[0])
        command = dict(commands_of(order))[request_id]
        again = await system.execute(command, request_id=request_id)
        assert again == Accepted(order, Version(version), Position(position))


def test_views_that_are_written_beside_the_commit_would_be_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted fault: tables written in a transaction of their own, before the events."""

    def commit(
        self: StoreOfRun, events: Sequence[Event], rows: Sequence[NewRow], now_ns: int
    ) -> None:
        for place, event in enumerate(events, start=self.head + 1):
            event.position = Position(place)
        for write in self.within:
            with transaction(self.store.connection):
                write(events)
        fault_sites.site("log.parted")
        self.store.append(rows, now_ns)
        self.head += len(events)

    monkeypatch.setattr(StoreOfRun, "commit", commit)
    store = tmp_path / "store"
    _, died = acknowledged_in_a_child(store, "log.parted", 7, INLINE)
    monkeypatch.undo()
    assert died
    with pytest.raises(StoreError, match=r"keeps orders as rows up to position"):
        run_hosted(partial(look, told={}), INLINE, store=store)


# A read model rebuilt beside the live one.

REBUILT_FROM, BATCHED = 20, 4
"""Where the log is when rebuilds begin, and events at once."""
OF_A_REBUILD = (
    *("rebuild.batch", "rebuild.caught_up", "rebuild.closed", "projection.before_swap"),
    *("projection.in_swap", "projection.renamed", "projection.after_swap", "rebuild.switched"),
)


async def load_and_rebuild(system: HostedSystem, pipe: int) -> None:
    """Send commands, and rebuild a read model twice meanwhile."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(load, system, pipe)
        ask = GetOrderById(OrderId("0-0"))
        await system.query(ask, at_least=Position(REBUILT_FROM))
        for _ in range(2):
            await system.rebuild("orders", batch=BATCHED)


def check_file(store: Path) -> None:
    """The live file is whole, of a checkpoint that was shown, and a fold up to there."""
    path, kind = store / "orders.db", KINDS["orders"]
    with closing(EventReader(store)) as reader:
        events = list(all_events(reader, reader.last_position()))
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        ((name, checkpoint),) = connection.execute("SELECT read_model, position FROM checkpoints")
        tables = kind.tables(connection)
        memory = kind.memory()
        for event in events[:checkpoint]:
            memory.apply(event)
        assert name == "orders"
        assert REBUILT_FROM <= checkpoint <= len(events)
        assert tables.contents() == memory.contents()
        assert tables.faults() == []


@pytest.mark.parametrize("hit", [1, 2])
@pytest.mark.parametrize("site", OF_A_REBUILD)
def test_killed_around_a_switch_the_file_is_the_old_or_the_new_one(
    tmp_path: Path, site: str, hit: int
) -> None:
    store = tmp_path / "store"
    told, died = acknowledged_in_a_child(store, site, hit, work=load_and_rebuild)
    assert died
    names = {path.name for path in store.iterdir()}
    is_before = site in OF_A_REBUILD[:5]
    assert ("orders.db.rebuilding" in names) is is_before
    # With a copy, since looking brings home what is in the write-ahead log.
    shutil.copytree(store, tmp_path / "copy")
    check_file(tmp_path / "copy")
    run_hosted(partial(look, told=told), SCENARIO, store=store)
    assert not [path.name for path in store.iterdir() if ".db.re" in path.name]
    check_file(store)


def test_a_switch_that_is_not_one_step_would_be_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted fault: the new file copied over the live one, which is cut to nothing first."""

    def copy(half: Path, live: Path, retired: Path) -> None:
        content = half.read_bytes()
        live.write_bytes(content[: len(content) // 2])
        fault_sites.site("rebuild.copied")

    monkeypatch.setattr(live_file, "swap", copy)
    store = tmp_path / "store"
    _, died = acknowledged_in_a_child(store, "rebuild.copied", 1, work=load_and_rebuild)
    assert died
    with pytest.raises(sqlite3.DatabaseError):
        check_file(store)


def test_a_new_file_without_its_write_ahead_log_would_be_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The planted fault: a file renamed while what was committed to it is elsewhere."""

    def replace(self: live_file.LiveFile, half: StoredReadModel[OrderTables], _: Path) -> None:
        for companion in companions(self.path):
            companion.unlink(missing_ok=True)
        half.path.replace(self.path)
        fault_sites.site("rebuild.early")

    monkeypatch.setattr(write_ahead_log, "EVERY_S", PATIENCE_S)  # Else it may have come home.
    monkeypatch.setattr(live_file.LiveFile, "replace", replace)
    store = tmp_path / "store"
    _, died = acknowledged_in_a_child(store, "rebuild.early", 1, work=load_and_rebuild)
    assert died
    with pytest.raises(sqlite3.DatabaseError):
        check_file(store)
