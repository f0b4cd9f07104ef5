"""State equals replay, whatever the snapshots are like; and what a rehydration costs."""

from collections.abc import Callable, Sequence
from itertools import count

import attrs
import pytest
from fakes import ITEMS, History, amend, constant, create, histories, item, scenario, update
from hypothesis import given
from hypothesis import strategies as st

from cqrs_sim.actors.clock import VirtualClock
from cqrs_sim.actors.kernel import Kernel
from cqrs_sim.domain.events import Event
from cqrs_sim.domain.item import OrderItem
from cqrs_sim.domain.order import Order, evolve
from cqrs_sim.domain.queries import GetOrderById
from cqrs_sim.engines.virtual import run_script, trace_script
from cqrs_sim.event_log.memory import MemoryLog
from cqrs_sim.ids import OrderId, Position, Version
from cqrs_sim.probe import NullProbe
from cqrs_sim.scenario.scenario import Scenario, WriteSide
from cqrs_sim.system import System
from cqrs_sim.write_side.rehydration import Rehydrator
from cqrs_sim.write_side.snapshots import (
    Flaw,
    MemorySnapshots,
    StoredSnapshot,
    opened,
    snapshot_of,
)

ORDER = OrderId("order-1")
MS = 1_000_000


def log_of(events: Sequence[Event]) -> MemoryLog:
    log = MemoryLog(Kernel(VirtualClock()), NullProbe())
    for event in events:
        log.record(event.order_id, Version(event.version - 1), [event])
    return log


def folded(events: Sequence[Event], order_id: OrderId) -> Order | None:
    order = None
    for event in events:
        if event.order_id == order_id:
            order = evolve(order, event)
    return order


def with_snapshots(
    events: Sequence[Event], every: int, damage: Callable[[StoredSnapshot], StoredSnapshot]
) -> MemorySnapshots:
    """What order actors would have stored, and what became of it."""
    store, orders = MemorySnapshots(), dict[OrderId, Order]()
    for event in events:
        order = orders[event.order_id] = evolve(orders.get(event.order_id), event)
        if order.version % every == 0:
            store.put(damage(snapshot_of(order, event.position)))
    return store


def untouched(stored: StoredSnapshot) -> StoredSnapshot:
    return stored


def flipped(stored: StoredSnapshot) -> StoredSnapshot:
    return attrs.evolve(stored, state=bytes([stored.state[0] ^ 1]) + stored.state[1:])


def of_another_event(stored: StoredSnapshot) -> StoredSnapshot:
    """Intact, but it stands on a position that holds something else, or nothing."""
    return snapshot_of_position(stored, Position(stored.position + 1))


def snapshot_of_position(stored: StoredSnapshot, position: Position) -> StoredSnapshot:
    order = opened(stored)
    assert isinstance(order, Order)
    return snapshot_of(order, position)


@given(
    histories(),
    st.integers(1, 6),
    st.lists(st.sampled_from([untouched, flipped, of_another_event]), min_size=1, max_size=5),
    st.integers(0, 12),
)
def test_a_state_equals_replay_whatever_the_snapshots_are_like(
    history: History,
    every: int,
    damages: list[Callable[[StoredSnapshot], StoredSnapshot]],
    lost: int,
) -> None:
    turn = count()
    store = with_snapshots(
        history.events, every, lambda stored: damages[next(turn) % len(damages)](stored)
    )
    # Of a log that lost its end, snapshots may be newer than it.
    kept = history.events[: max(0, len(history.events) - lost)]
    rehydrator = Rehydrator(log_of(kept), store, every)
    for order_id in (*history.orders, OrderId("nobody")):
        assert rehydrator.state_of(order_id).order == folded(kept, order_id)


@given(histories(), st.integers(1, 6), st.integers(0, 45))
def test_a_past_state_equals_replay_up_to_then(history: History, every: int, head: int) -> None:
    store = with_snapshots(history.events, every, untouched)
    rehydrator = Rehydrator(log_of(history.events), store, every)
    for order_id in history.orders:
        found = rehydrator.state_of(order_id, Position(head))
        assert found.order == folded(history.events[:head], order_id)
        assert found.position <= head
        assert found.read_count <= every
    assert sum(rehydrator.ignored_counts.values()) == 0


def amended(times: int) -> list[Event]:
    history = History()
    history.handle(create())
    for number in range(times):
        history.handle(amend(items=[item(quantity=1 + number % 9)]))
    return history.events


@pytest.mark.parametrize("length", [100, 1_000])
def test_what_is_read_does_not_depend_on_the_length_of_the_history(length: int) -> None:
    events = amended(length + 6)
    rehydrator = Rehydrator(log_of(events), with_snapshots(events, 10, untouched), 10)
    found = rehydrator.state_of(ORDER)
    # The event that the snapshot stands on, and the seven behind it.
    assert (found.snapshot_version, found.read_count) == (length, 8)
    assert found.position == length + 7


def test_without_a_snapshot_all_is_read() -> None:
    found = Rehydrator(log_of(amended(30))).state_of(ORDER)
    assert (found.snapshot_version, found.read_count, found.position) == (0, 31, 31)


def test_an_unusable_snapshot_is_counted_by_what_is_wrong_with_it_and_an_older_one_serves() -> None:
    events = amended(29)
    store = with_snapshots(events, 10, untouched)
    (newest, *_) = store.newest_first(ORDER)
    store.put(flipped(newest))
    store.put(snapshot_of_position(newest, Position(29)))
    rehydrator = Rehydrator(log_of(events), store, 10)
    found = rehydrator.state_of(ORDER)
    assert (found.snapshot_version, found.read_count) == (30, 1)
    assert rehydrator.ignored_counts == {Flaw.CORRUPT: 1, Flaw.OTHER_SCHEMA: 0, Flaw.NOT_IN_LOG: 1}


def test_a_snapshot_of_a_log_that_was_cut_and_grew_again_is_not_believed() -> None:
    history = History()
    for command in (create(), update("CONFIRMED")):
        history.handle(command)
    store = with_snapshots(history.events, 2, untouched)
    other = History()
    other.handle(create())
    other.handle(amend(items=ITEMS[:1]))
    rehydrator = Rehydrator(log_of(other.events), store, 2)
    assert rehydrator.state_of(ORDER).order == other.orders[ORDER]
    assert rehydrator.ignored_counts[Flaw.NOT_IN_LOG] == 1


@pytest.mark.parametrize(
    "unstorable", [item(quantity=2**70), item("\ud800")], ids=("number", "text")
)
def test_a_state_with_what_no_store_holds_is_not_kept(unstorable: OrderItem) -> None:
    history = History()
    history.handle(create(items=[unstorable]))
    rehydrator = Rehydrator(log_of(history.events), MemorySnapshots(), 1)
    assert rehydrator.take_snapshot(history.orders[ORDER], Position(1)) == 2
    assert (rehydrator.taken_count, rehydrator.unstorable_count) == (0, 1)


# In a system.


def shop(*, replay: int = 0, snapshot_every: int = 0) -> Scenario:
    side = WriteSide(
        service=constant(MS),
        passivate_after=10 * MS,
        replay=replay,
        snapshot_every=snapshot_every,
    )
    return scenario(write_side=side)


async def used_again(system: System, *, after_ns: int = 50 * MS) -> None:
    """An order of six events that was idle, and is amended once more."""
    await system.execute(create())
    for _ in range(5):
        await system.execute(amend())
    await system._kernel.pause(after_ns)
    assert system.write_side_statistics().resident_orders_count == 0
    await system.execute(amend())


def service_ms(settings: Scenario) -> list[float]:
    _, trace = trace_script(used_again, settings)
    commands = trace.commands
    return ((commands.committed - commands.dequeued).astype(int) / MS).tolist()  # type: ignore[no-any-return]


def test_the_first_command_of_an_order_that_was_idle_pays_for_every_event_read() -> None:
    assert service_ms(shop()) == [1.0] * 7
    assert service_ms(shop(replay=2 * MS)) == [1.0] * 6 + [13.0]


def test_with_snapshots_it_pays_for_the_event_that_the_newest_stands_on_and_those_behind() -> None:
    assert service_ms(shop(replay=2 * MS, snapshot_every=4)) == [1.0] * 6 + [7.0]
    assert service_ms(shop(replay=2 * MS, snapshot_every=6)) == [1.0] * 6 + [3.0]


def test_a_question_to_an_idle_order_pays_as_well() -> None:
    async def main(system: System) -> list[int]:
        await system.execute(create())
        await system._kernel.pause(50 * MS)
        answers = []
        for _ in range(2):
            begun = system._kernel.now_ns()
            await system.query_write_side(GetOrderById(ORDER))
            answers.append(system._kernel.now_ns() - begun)
        return answers

    assert run_script(main, shop(replay=2 * MS)) == [2 * MS, 0]


def test_rehydrations_are_noted_with_what_they_read_and_took() -> None:
    async def main(system: System) -> list[list[int]]:
        await used_again(system)
        noted = system.activations
        return [
            list(noted.read_counts),
            list(noted.snapshot_versions),
            list(noted.spent_ns),
            list(noted.is_for_command),
        ]

    assert run_script(main, shop(replay=2 * MS)) == [[6], [0], [12 * MS], [1]]
    assert run_script(main, shop(replay=2 * MS, snapshot_every=4)) == [[3], [4], [6 * MS], [1]]


@pytest.mark.parametrize(("every", "taken"), [(0, 0), (1, 7), (3, 2), (7, 1), (8, 0)])
def test_a_snapshot_is_taken_every_so_many_events_also_after_a_rehydration(
    every: int, taken: int
) -> None:
    async def main(system: System) -> int:
        await used_again(system)
        return system.rehydrator.taken_count

    assert run_script(main, shop(snapshot_every=every)) == taken


def test_a_snapshot_takes_no_modelled_time_and_changes_no_stamp() -> None:
    assert service_ms(shop(snapshot_every=2)) == service_ms(shop())


def test_an_actor_that_is_cut_off_in_its_work_leaves_no_state_to_audit() -> None:
    async def main(system: System) -> list[list[OrderId]]:
        left = system.activations.left = {}
        await system.execute(create())
        await system._kernel.pause(50 * MS)
        known = [list(left)]
        await system.execute(amend())
        client = system.execute(amend())
        system._kernel.spawn(client, "client", on_error=lambda _: None)
        await system._kernel.pause(MS // 2)
        system.close()
        return [*known, list(left)]

    assert run_script(main, shop()) == [[ORDER], []]
