"""Runs whose log is durable: on the virtual clock exact, on the wall clock whole."""

import filecmp
import sqlite3
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from fakes import MS, create
from numpy.typing import NDArray

from cqrs_sim.domain.commands import CreateOrder
from cqrs_sim.domain.item import OrderItem
from cqrs_sim.domain.queries import GetOrderById, OrderRow
from cqrs_sim.engines import virtual, wall
from cqrs_sim.engines.algebra import engine as algebra
from cqrs_sim.engines.hosted import HostedSystem, run_hosted
from cqrs_sim.errors import (
    DuplicateCommandError,
    InvalidCommandError,
    InvalidScenarioError,
    StoreError,
)
from cqrs_sim.event_log.durable import Append, DurableLog, StoreOfRun
from cqrs_sim.ids import Cents, CustomerId, OrderId, ProductId
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.probe import Outcome
from cqrs_sim.scenario.scenario import Scenario
from cqrs_sim.simulation import load_scenario
from cqrs_sim.storage.event_store import EventReader, EventStore
from cqrs_sim.storage.folder import EVENTS, read_acknowledged

SMALL = ["run.duration=1s", "run.warm_up=0s"]
MODELLED = [
    *SMALL,
    "log.commit.mean=2ms",
    "log.append=100us",
    'log.commit.distribution="exponential"',
]


def order(order_id: str) -> CreateOrder:
    return create(order_id, "alice")


def scenario(*settings: str) -> Scenario:
    return load_scenario("default", settings)


def stamps(trace: Trace) -> list[NDArray[np.int64]]:
    """Every instant of a trace, as integers (NaT equals NaT then)."""
    commands, deliveries = trace.commands, trace.deliveries
    columns = (
        commands.submitted, commands.dequeued, commands.committed, commands.acknowledged,
        deliveries.delivered, deliveries.taken, deliveries.applied, deliveries.checkpointed,
    )  # fmt: skip
    return [column.astype(np.int64) for column in columns]


def assert_equal(one: Trace, other: Trace) -> None:
    for a, b in zip(stamps(one), stamps(other), strict=True):
        assert np.array_equal(a, b)


def test_a_store_changes_no_stamp_of_a_simulated_run(tmp_path: Path) -> None:
    plain = virtual.run(scenario(*SMALL), seed=3)
    stored = virtual.run(scenario(*SMALL), seed=3, store=tmp_path / "store")
    assert_equal(plain.trace, stored.trace)
    modelled = virtual.run(scenario(*SMALL, "store=sqlite"), seed=3)
    assert_equal(plain.trace, modelled.trace)


def test_a_modelled_commit_is_the_same_whether_it_is_written_or_not(tmp_path: Path) -> None:
    modelled = virtual.run(scenario(*MODELLED), seed=3)
    stored = virtual.run(scenario(*MODELLED), seed=3, store=tmp_path / "store")
    assert_equal(modelled.trace, stored.trace)
    assert modelled.summary.is_correct
    events = modelled.trace.events
    with closing(EventReader(tmp_path / "store")) as reader:
        written = list(reader.between(1, reader.last_position()))
    first = modelled.trace.first_position
    assert [e.recorded_ns for e in written[first - 1 :]] == events.committed.astype(int).tolist()


def test_equal_runs_write_equal_stores(tmp_path: Path) -> None:
    for name in ("a", "b"):
        virtual.run(scenario(*MODELLED), seed=3, store=tmp_path / name)
    assert filecmp.cmp(tmp_path / "a" / EVENTS, tmp_path / "b" / EVENTS, shallow=False)


def test_commits_that_take_time_make_responses_longer() -> None:
    plain, modelled = (virtual.run(scenario(*s), seed=3).trace for s in (SMALL, MODELLED))
    response = [
        float(np.nanmean((t.commands.acknowledged - t.commands.intended).astype(float)))
        for t in (plain, modelled)
    ]
    assert response[1] - response[0] > 2 * MS


def test_what_a_commit_takes_is_a_lower_bound_of_the_service_time() -> None:
    settings = [*SMALL, "log.commit.mean=3ms", "write_side.service.mean=1ms",
                'write_side.service.distribution="constant"']  # fmt: skip
    trace = virtual.run(scenario(*settings), seed=1).trace
    accepted = ~np.isnat(trace.commands.committed)
    service = (trace.commands.committed - trace.commands.dequeued)[accepted].astype(int)
    assert service.min() == 4 * MS


@pytest.mark.parametrize(
    ("setting", "key"),
    [
        ("store=sqlite", 'store = "sqlite"'),
        ("log.commit.mean=1ms", 'log.commit.mean = "1ms"'),
        ("log.append=1us", 'log.append = "1us"'),
    ],
)
def test_the_algebra_refuses_commits_by_key(setting: str, key: str) -> None:
    with pytest.raises(InvalidScenarioError, match=key):
        algebra.run(scenario(setting))


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("store=disk", 'store = "disk": must be one of "memory", "sqlite"'),
        ("log.durability=half", 'log.durability = "half": must be one of "full", "normal", "off"'),
        ("log.group=0", r"log.group = 0: .*1"),
        ("log.queue=0", r"log.queue = 0: .*1"),
        ("log.append=-1ms", r"log.append = "),
        ("log.comit.mean=1ms", r"did you mean log.commit\?"),
        ('log.commit.distribution="real"', r'choose store = "sqlite" and leave log.commit out'),
        ('log.commit.distribution="exponential"', r"log.commit.mean: an exponential time needs"),
    ],
)
def test_a_bad_value_gives_one_line_that_names_it(setting: str, message: str) -> None:
    with pytest.raises(InvalidScenarioError, match=message) as caught:
        scenario(setting)
    assert len(caught.value.mistakes) == 1


def test_a_wall_run_keeps_all_events_and_gives_the_interpreter_back(tmp_path: Path) -> None:
    before = sys.getswitchinterval()
    result = wall.run(scenario(*SMALL, "load.rate=2000/s"), seed=2, store=tmp_path / "store")
    assert result.summary.is_correct
    assert sys.getswitchinterval() == before
    with closing(EventReader(tmp_path / "store")) as reader:
        assert reader.last_position() == len(result.trace.events)


def test_a_planned_load_is_not_sent_to_a_store_with_events(tmp_path: Path) -> None:
    virtual.run(scenario(*SMALL), store=tmp_path / "store")
    for engine in (virtual, wall):
        with pytest.raises(StoreError, match=r"holds [\d,]+ events of earlier runs"):
            engine.run(scenario(*SMALL), store=tmp_path / "store")


def test_a_hosted_system_goes_on_where_the_last_one_ended(tmp_path: Path) -> None:
    async def first(system: HostedSystem) -> object:
        return await system.execute(order("o-1"), request_id="r-1")

    async def second(system: HostedSystem) -> object:
        again = await system.execute(order("o-1"), request_id="r-1")
        for other in (order("o-2"), create("o-1", "bob")):
            with pytest.raises(DuplicateCommandError, match="'r-1' was used for another command"):
                await system.execute(other, request_id="r-1")
        new = await system.execute(order("o-2"))
        assert new.position == 2
        shown = await system.query(GetOrderById(OrderId("o-1")))
        assert isinstance(shown.value, OrderRow)
        assert shown.value.version == 1
        trace = system.trace()
        assert trace.events.position.tolist() == [2]
        return again

    told = run_hosted(first, Scenario(), store=tmp_path / "store")
    assert run_hosted(second, Scenario(), store=str(tmp_path / "store")) == told


@pytest.mark.parametrize(("quantity", "cents"), [(1, 1 << 63), (2, 1 << 62), (2, 10**15)])
def test_a_number_that_no_table_holds_is_refused_before_it_is_in_the_log(
    tmp_path: Path, quantity: int, cents: int
) -> None:
    items = (OrderItem(ProductId("book"), quantity, Cents(cents)),)

    async def main(system: HostedSystem) -> int:
        with pytest.raises(InvalidCommandError, match="cannot be stored"):
            await system.execute(CreateOrder(OrderId("o-1"), CustomerId("alice"), items))
        await system.execute(order("o-1"))
        return system.inner.log.head

    assert run_hosted(main, Scenario(), store=tmp_path / "store") == 1


def test_a_request_id_that_is_no_text_is_its_senders_mistake_alone(tmp_path: Path) -> None:
    async def main(system: HostedSystem) -> int:
        with pytest.raises(InvalidCommandError, match="cannot be stored"):
            await system.execute(order("o-1"), request_id="\ud800")
        await system.execute(order("o-1"), request_id="r-1")
        return system.inner.log.head

    assert run_hosted(main, Scenario(), store=tmp_path / "store") == 1


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE events SET recorded_ns = recorded_ns + 1 WHERE position = 2",
        "DELETE FROM events WHERE position = 2",
    ],
)
def test_a_damaged_log_is_not_gone_on_with(tmp_path: Path, damage: str) -> None:
    async def first(system: HostedSystem) -> None:
        for number in range(3):
            await system.execute(order(f"o-{number}"))

    async def second(system: HostedSystem) -> None:
        await system.execute(order("o-9"))

    run_hosted(first, Scenario(), store=tmp_path / "store")
    with closing(sqlite3.connect(tmp_path / "store" / EVENTS)) as connection, connection:
        connection.execute(damage)
    with pytest.raises(StoreError, match="is damaged at position 2"):
        run_hosted(second, Scenario(), store=tmp_path / "store")


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_whatever_ends_a_program_what_was_acknowledged_is_written_down(
    tmp_path: Path, error: type[BaseException]
) -> None:
    async def main(system: HostedSystem) -> None:
        await system.execute(order("o-1"))
        raise error

    with pytest.raises(error):
        run_hosted(main, Scenario(), store=tmp_path / "store")
    acknowledged = read_acknowledged(tmp_path / "store")
    assert acknowledged is not None
    assert acknowledged.position == 1


def test_a_hosted_system_may_have_a_store_for_once() -> None:
    async def main(system: HostedSystem) -> int:
        await system.execute(order("o-1"))
        return system.inner.log.head

    assert run_hosted(main, Scenario(store="sqlite")) == 1


@pytest.mark.parametrize("engine", [virtual, wall])
def test_a_disk_that_is_full_ends_the_run_and_leaves_what_was_committed(
    tmp_path: Path, engine: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = StoreOfRun.write

    def fill_up(self: StoreOfRun, group: object, now_ns: int) -> None:
        if self.store.head > 100:
            pages = self.store._connection.execute("PRAGMA page_count").fetchone()[0]
            self.store._connection.execute(f"PRAGMA max_page_count = {pages}")
        write(self, group, now_ns)  # type: ignore[arg-type]

    monkeypatch.setattr(StoreOfRun, "write", fill_up)
    with pytest.raises(StoreError, match="is full, or its disk is"):
        engine.run(scenario(*SMALL, "load.rate=2000/s"), store=tmp_path / "store")  # type: ignore[attr-defined]
    with closing(sqlite3.connect(tmp_path / "store" / EVENTS)) as connection:
        count, last = connection.execute("SELECT count(*), max(position) FROM events").fetchone()
    assert count == last > 100


@pytest.mark.parametrize("engine", [virtual, wall])
def test_what_was_committed_before_the_disk_was_full_is_acknowledged(
    engine: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit is not undone by what fails behind it: no caller may hear that it failed."""
    failed: list[int] = []
    tell = DurableLog._failed

    def refuse(self: EventStore, *, at_least: int = 1) -> None:
        if self.head >= 100:
            raise StoreError("acknowledged.json cannot be written")

    def note(self: DurableLog, error: Exception, group: Sequence[Append]) -> None:
        failed.append(len(group))
        tell(self, error, group)

    monkeypatch.setattr(EventStore, "write_acknowledged", refuse)
    monkeypatch.setattr(DurableLog, "_failed", note)
    with pytest.raises(StoreError, match="acknowledged"):
        engine.run(scenario(*SMALL, "load.rate=2000/s"), store=tmp_path / "store")  # type: ignore[attr-defined]
    assert failed == [0]


def test_callers_in_trio_hear_that_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: StoreOfRun, group: object, now_ns: int) -> None:
        raise StoreError("events.db is full")

    monkeypatch.setattr(StoreOfRun, "write", refuse)
    heard: list[str] = []

    async def main(system: HostedSystem) -> None:
        try:
            await system.execute(order("o-1"))
        except StoreError as error:
            heard.append(str(error))
            raise

    with pytest.raises(StoreError, match=r"^events.db is full$"):
        run_hosted(main, Scenario(), store=tmp_path / "store")
    assert heard == ["events.db is full"]


def test_a_run_that_ends_while_a_commit_is_in_work_leaves_its_command_unfinished() -> None:
    settings = [*SMALL, "run.drain=0s", "log.commit.mean=400ms"]
    result = virtual.run(scenario(*settings), seed=1)
    assert result.summary.is_correct
    assert result.summary.commands[Outcome.UNFINISHED] > 0
