"""Snapshots in a store: the same states as in memory, and nothing is believed that is not right."""

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import attrs
import pytest
from fakes import History, amend, create, item

from cqrs_sim.domain.events import Event
from cqrs_sim.domain.order import Order, evolve
from cqrs_sim.domain.queries import GetOrderById, OrderRow
from cqrs_sim.engines.hosted import HostedSystem, run_hosted
from cqrs_sim.event_log.codec import event_of, row_of
from cqrs_sim.event_log.past import Instant
from cqrs_sim.ids import Nanoseconds, OrderId, Position, Version
from cqrs_sim.scenario.scenario import Scenario, Service, WriteSide
from cqrs_sim.storage.event_store import END, EventStore
from cqrs_sim.storage.folder import EVENTS
from cqrs_sim.write_side.rehydration import NO_VERSION, Rehydrator
from cqrs_sim.write_side.snapshots import Flaw, SnapshotStore, StoredSnapshot, snapshot_of
from cqrs_sim.write_side.stored_snapshots import StoredSnapshots

ORDER = OrderId("order-1")


def amended(times: int) -> list[Event]:
    history = History()
    history.handle(create())
    for number in range(times):
        history.handle(amend(items=[item(quantity=1 + number % 9)]))
    return history.events


def folded(events: Sequence[Event]) -> Order:
    order = None
    for event in events:
        order = evolve(order, event)
    assert order is not None
    return order


@attrs.frozen
class Events:
    """The events of a store, and which of them were read."""

    store: EventStore
    read: list[int] = attrs.field(factory=list)

    def read_order(
        self, order_id: OrderId, after: Version = NO_VERSION, until: Position | None = None
    ) -> list[Event]:
        rows = self.store.of_order(order_id, after, END if until is None else until)
        self.read.extend(row.position for row in rows)
        return [event_of(row) for row in rows]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EventStore]:
    store = EventStore(tmp_path / "store", "off", new_id="ours")
    yield store
    store.close()


def append(store: EventStore, events: Sequence[Event]) -> None:
    store.append([row_of(event, f"c-{event.version}", 0) for event in events], 0)


def kept(store: EventStore, events: Sequence[Event], every: int) -> SnapshotStore:
    """A store with events, and snapshots of them."""
    snapshots = StoredSnapshots(store)
    append(store, events)
    for event in events[every - 1 :: every]:
        snapshots.put(snapshot_of(folded(events[: event.version]), event.position))
    return snapshots


def versions(snapshots: SnapshotStore, until: int | None = None) -> list[int]:
    last = None if until is None else Position(until)
    return [stored.version for stored in snapshots.newest_first(ORDER, last)]


def in_file(store: EventStore) -> int:
    with closing(sqlite3.connect(store.path)) as connection:
        (count,) = connection.execute("SELECT count(*) FROM snapshots").fetchone()
    return int(count)


def test_they_go_with_the_next_commit_and_are_known_before_it(store: EventStore) -> None:
    events = amended(6)
    snapshots = kept(store, events[:6], 2)
    assert (versions(snapshots), in_file(store)) == ([6, 4, 2], 0)
    append(store, events[6:])
    assert (versions(snapshots), in_file(store)) == ([6, 4, 2], 3)
    assert versions(snapshots, until=5) == [4, 2]
    assert list(snapshots.newest_first(OrderId("nobody"))) == []
    snapshots.put(snapshot_of(folded(events), Position(7)))
    assert (versions(snapshots), in_file(store)) == ([7, 6, 4, 2], 3)


def test_what_no_commit_took_with_it_is_written_when_the_store_is_closed(tmp_path: Path) -> None:
    for _ in range(2):
        store = EventStore(tmp_path / "store", "off", new_id="ours")
        snapshots = kept(store, amended(6), 3) if not store.head else StoredSnapshots(store)
        assert versions(snapshots) == [6, 3]
        store.close()


def test_one_taken_anew_at_a_version_replaces_the_old_one(store: EventStore) -> None:
    events = amended(1)
    snapshots = kept(store, events, 2)
    store.write_snapshots()
    snapshots.put(snapshot_of(folded(events), Position(9)))
    for _ in range(2):
        assert [stored.position for stored in snapshots.newest_first(ORDER)] == [9]
        store.write_snapshots()


@pytest.mark.parametrize("length", [30, 300])
def test_only_the_rows_behind_a_snapshot_are_read(store: EventStore, length: int) -> None:
    snapshots, events = kept(store, amended(length + 6), 10), Events(store)
    found = Rehydrator(events, snapshots, 10).state_of(ORDER)
    assert (found.snapshot_version, found.read_count) == (length, 8)
    assert events.read == list(range(length, length + 8))


@pytest.mark.parametrize("until", range(0, 32, 3))
def test_of_the_past_only_what_lies_between_is_read(store: EventStore, until: int) -> None:
    all_events = amended(30)
    snapshots, events = kept(store, all_events, 10), Events(store)
    found = Rehydrator(events, snapshots, 10).state_of(ORDER, Position(until))
    assert found.order == (folded(all_events[:until]) if until else None)
    assert events.read == list(range(max(1, until // 10 * 10), until + 1))


def corrupt(stored: StoredSnapshot) -> StoredSnapshot:
    return attrs.evolve(stored, state=bytes([stored.state[0] ^ 1]) + stored.state[1:])


def newer_schema(stored: StoredSnapshot) -> StoredSnapshot:
    changed = attrs.evolve(stored, schema_version=stored.schema_version + 1)
    return attrs.evolve(changed, checksum=changed.right_checksum)


def newer_than_the_log(stored: StoredSnapshot) -> StoredSnapshot:
    changed = attrs.evolve(stored, position=Position(99))
    return attrs.evolve(changed, checksum=changed.right_checksum)


@pytest.mark.parametrize(
    ("damage", "flaw"),
    [
        (corrupt, Flaw.CORRUPT),
        (newer_schema, Flaw.OTHER_SCHEMA),
        (newer_than_the_log, Flaw.NOT_IN_LOG),
    ],
)
def test_an_unusable_one_is_counted_and_an_older_one_serves(
    store: EventStore, damage: Callable[[StoredSnapshot], StoredSnapshot], flaw: Flaw
) -> None:
    events = amended(24)
    snapshots = kept(store, events, 10)
    (newest, *_) = snapshots.newest_first(ORDER)
    snapshots.put(damage(newest))
    store.write_snapshots()
    rehydrator = Rehydrator(Events(store), snapshots, 10)
    found = rehydrator.state_of(ORDER)
    assert (found.snapshot_version, found.order) == (10, folded(events))
    assert rehydrator.ignored_counts == {**dict.fromkeys(Flaw, 0), flaw: 1}


# In a system.

SHOP = Scenario(
    name="shop",
    write_side=WriteSide(
        service=Service(distribution="real"), passivate_after=200_000, snapshot_every=4
    ),
)


async def ten_events(system: HostedSystem) -> None:
    await system.execute(create())
    for number in range(9):
        await system.execute(amend(items=[item(quantity=number + 1)]))


async def state(system: HostedSystem) -> tuple[object, list[int], list[int], dict[Flaw, int]]:
    answer = await system.query_write_side(GetOrderById(ORDER))
    assert isinstance(answer.value, OrderRow)
    noted = system.inner.activations
    return (
        answer.value.total_cents,
        list(noted.snapshot_versions),
        list(noted.read_counts),
        system.inner.rehydrator.ignored_counts,
    )


def test_a_system_that_is_opened_again_goes_on_from_its_snapshots(tmp_path: Path) -> None:
    run_hosted(ten_events, SHOP, store=tmp_path / "store")
    without = attrs.evolve(SHOP, write_side=attrs.evolve(SHOP.write_side, snapshot_every=0))
    for scenario in (SHOP, without):
        total, used, read, ignored = run_hosted(state, scenario, store=tmp_path / "store")
        assert (total, used, read) == (9 * item().price_cents, [8], [3])
        assert set(ignored.values()) == {0}


def test_in_a_system_too_a_damaged_snapshot_costs_time_only(tmp_path: Path) -> None:
    run_hosted(ten_events, SHOP, store=tmp_path / "store")
    with closing(sqlite3.connect(tmp_path / "store" / EVENTS)) as connection:
        connection.execute("UPDATE snapshots SET checksum = checksum + 1 WHERE version = 8")
        connection.execute("UPDATE snapshots SET position = 3 WHERE version = 4")
        connection.commit()
    total, used, read, ignored = run_hosted(state, SHOP, store=tmp_path / "store")
    assert (total, used, read) == (9 * item().price_cents, [0], [10])
    assert ignored == {**dict.fromkeys(Flaw, 0), Flaw.CORRUPT: 2}


def test_an_instant_counts_from_the_start_of_the_run_and_positions_from_the_first_event(
    tmp_path: Path,
) -> None:
    """What earlier runs left was there at 0; further back only positions lead."""
    run_hosted(ten_events, SHOP, store=tmp_path / "store")

    async def again(system: HostedSystem) -> list[int]:
        await system.execute(amend(items=[item(quantity=50)]))
        answers = [
            await system.query(GetOrderById(ORDER), as_of=when)
            for when in (Position(3), Instant(Nanoseconds(0)), Position(11))
        ]
        values = [answer.value for answer in answers]
        assert all(isinstance(value, OrderRow) for value in values)
        return [value.total_cents for value in values if isinstance(value, OrderRow)]

    quantities = [2, 9, 50]
    assert run_hosted(again, SHOP, store=tmp_path / "store") == [
        quantity * item().price_cents for quantity in quantities
    ]
