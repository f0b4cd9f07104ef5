from collections.abc import Sequence

from contracts import history_of
from fakes import RecordingProbe, appended, run_actors
from hypothesis import given
from hypothesis import strategies as st

from cqrs_sim.actors.clock import VirtualClock
from cqrs_sim.actors.kernel import Kernel, Rank
from cqrs_sim.domain.events import Event
from cqrs_sim.event_log.memory import MemoryLog
from cqrs_sim.event_log.subscription import Subscription
from cqrs_sim.ids import CommandId, OrderId, Version


async def append(log: MemoryLog, order_id: str) -> None:
    """One more event of an order, its fourth at most."""
    version = log.version_of(OrderId(order_id))
    event = history_of(order_id, version + 1)[-1]
    await appended(log, OrderId(order_id), Version(version), [event], CommandId(0))


async def receive_batch(subscription: Subscription, limit: int) -> Sequence[Event]:
    """What is on the channel now, up to a limit; empty once the subscription is drained."""
    while not (batch := subscription.take_batch(limit)) and not subscription.is_drained:
        await subscription.wait()
    return batch


async def receive_all(subscription: Subscription, limit: int, got: list[list[int]]) -> None:
    while batch := await receive_batch(subscription, limit):
        got.append([int(event.position) for event in batch])


def test_events_arrive_in_order_and_the_end_comes_after_the_last(kernel: Kernel) -> None:
    log = MemoryLog(kernel, RecordingProbe(kernel))
    subscription = log.subscribe("orders", 0, 2)
    got: list[list[int]] = []

    async def writer() -> None:
        for order_id in "abcab":
            await append(log, order_id)
        subscription.end()

    run_actors(kernel, receive_all(subscription, 1, got), writer())
    assert got == [[1], [2], [3], [4], [5]]


def test_the_channel_is_bounded_and_the_log_is_the_buffer_behind_it(
    kernel: Kernel, probe: RecordingProbe
) -> None:
    log = MemoryLog(kernel, probe)
    subscription = log.subscribe("orders", 0, 2)
    got: list[list[int]] = []

    async def writer() -> None:
        for order_id in "abcde":
            await append(log, order_id)
        assert kernel.now_ns() == 0, "an append never waits for a channel"
        assert subscription.delivered == 2
        statistics = subscription.statistics()
        assert (statistics.used_count, statistics.capacity) == (2, 2)
        subscription.end()

    async def reader() -> None:
        await kernel.sleep(10, Rank.READ, 0)
        await receive_all(subscription, 1, got)

    run_actors(kernel, writer(), reader())
    assert got == [[1], [2], [3], [4], [5]]
    assert subscription.statistics().highest_used_count == 2
    # Two at once, each of the others when there was room for it.
    assert probe.named("delivered") == [
        (0, "delivered", 0, 1),
        (0, "delivered", 0, 2),
        (10, "delivered", 0, 3),
        (10, "delivered", 0, 4),
        (10, "delivered", 0, 5),
    ]


def test_an_event_that_finds_no_room_is_not_overtaken(kernel: Kernel) -> None:
    log = MemoryLog(kernel, RecordingProbe(kernel))
    subscription = log.subscribe("orders", 0, 1)
    got: list[list[int]] = []

    async def main() -> None:
        await append(log, "a")
        await append(log, "b")
        got.append([int(e.position) for e in await receive_batch(subscription, 9)])
        await append(log, "c")
        got.append([int(e.position) for e in await receive_batch(subscription, 9)])
        got.append([int(e.position) for e in await receive_batch(subscription, 9)])

    run_actors(kernel, main())
    assert got == [[1], [2], [3]]


def test_a_batch_is_what_is_on_the_channel_up_to_its_limit(kernel: Kernel) -> None:
    log = MemoryLog(kernel, RecordingProbe(kernel))
    subscription = log.subscribe("orders", 0, 4)
    got: list[list[int]] = []

    async def main() -> None:
        for order_id in "abcdef":
            await append(log, order_id)
        subscription.end()
        await receive_all(subscription, 3, got)

    run_actors(kernel, main())
    assert got == [[1, 2, 3], [4, 5, 6]]


def test_a_receiver_waits_until_something_is_appended(kernel: Kernel) -> None:
    log = MemoryLog(kernel, RecordingProbe(kernel))
    subscription = log.subscribe("orders", 0, 4)
    got: list[tuple[int, int]] = []

    async def reader() -> None:
        batch = await receive_batch(subscription, 9)
        got.append((int(kernel.now_ns()), len(batch)))

    async def writer() -> None:
        await kernel.sleep(10, Rank.WRITE, 0)
        await append(log, "a")

    run_actors(kernel, reader(), writer())
    assert got == [(10, 1)]


def test_a_subscription_begins_behind_what_was_recorded_before(kernel: Kernel) -> None:
    log = MemoryLog(kernel, RecordingProbe(kernel))
    log.record(OrderId("a"), Version(0), history_of("a", 3))
    subscription = log.subscribe("orders", 0, 4)
    got: list[list[int]] = []

    async def writer() -> None:
        await append(log, "b")
        subscription.end()

    run_actors(kernel, receive_all(subscription, 9, got), writer())
    assert got == [[4]]


def test_ending_wakes_a_receiver_that_waits_for_nothing_more(kernel: Kernel) -> None:
    log = MemoryLog(kernel, RecordingProbe(kernel))
    subscription = log.subscribe("orders", 0, 4)
    ended: list[bool] = []

    async def reader() -> None:
        assert not await receive_batch(subscription, 1)
        ended.append(True)

    async def closer() -> None:
        await kernel.sleep(10, Rank.OTHER, 0)
        subscription.end()

    run_actors(kernel, reader(), closer())
    assert ended == [True]


def test_a_slow_reader_holds_up_nobody_but_itself(kernel: Kernel, probe: RecordingProbe) -> None:
    log = MemoryLog(kernel, probe)
    slow, fast = log.subscribe("slow", 0, 1), log.subscribe("fast", 1, 1)
    got: dict[str, list[list[int]]] = {"slow": [], "fast": []}

    async def writer() -> None:
        for number, order_id in enumerate("abc"):
            await kernel.sleep_until(10 * number, Rank.WRITE, 0)
            await append(log, order_id)
        slow.end()
        fast.end()

    async def reader() -> None:
        await kernel.sleep_until(100, Rank.READ, 0)
        await receive_all(slow, 1, got["slow"])

    run_actors(kernel, receive_all(fast, 1, got["fast"]), writer(), reader())
    assert got == {"slow": [[1], [2], [3]], "fast": [[1], [2], [3]]}
    assert [call[0] for call in probe.named("delivered") if call[2] == 1] == [0, 10, 20]
    assert [call[0] for call in probe.named("delivered") if call[2] == 0] == [0, 100, 100]


@given(
    capacity=st.integers(1, 4),
    limit=st.integers(1, 4),
    gaps=st.lists(st.integers(0, 3), min_size=1, max_size=12),
    pauses=st.lists(st.integers(0, 5), min_size=1, max_size=5),
)
def test_nothing_is_lost_doubled_or_swapped_whatever_the_pace(
    capacity: int, limit: int, gaps: list[int], pauses: list[int]
) -> None:
    kernel = Kernel(VirtualClock())
    probe = RecordingProbe(kernel)
    log = MemoryLog(kernel, probe)
    subscription = log.subscribe("orders", 0, capacity)
    got: list[int] = []

    async def writer() -> None:
        for number, gap in enumerate(gaps):
            await kernel.sleep(gap, Rank.WRITE, 0)
            await append(log, f"order-{number}")
        subscription.end()

    async def reader() -> None:
        turn = 0
        while batch := await receive_batch(subscription, limit):
            assert 1 <= len(batch) <= min(limit, capacity)
            got.extend(int(event.position) for event in batch)
            await kernel.sleep(pauses[turn % len(pauses)], Rank.READ, 0)
            turn += 1

    kernel.spawn(reader(), "reader", is_background=True)
    run_actors(kernel, writer())
    assert got == list(range(1, len(gaps) + 1))
    assert [call[3] for call in probe.named("delivered")] == got
