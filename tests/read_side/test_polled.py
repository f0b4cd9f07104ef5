"""A subscription that is polled, against a search of poll after poll."""

from contracts import history_of
from fakes import RecordingProbe, appended, run_actors
from hypothesis import given
from hypothesis import strategies as st

from cqrs_sim.actors.clock import VirtualClock
from cqrs_sim.actors.kernel import Kernel, Rank
from cqrs_sim.actors.pauses import Pauses
from cqrs_sim.event_log.memory import MemoryLog
from cqrs_sim.ids import CommandId, OrderId, Version
from cqrs_sim.read_side.polled import PolledSubscription

Spans = list[tuple[int, int]]


def polled(log: MemoryLog, kernel: Kernel, every: int, spans: Spans | None) -> PolledSubscription:
    pauses = Pauses(kernel, spans) if spans else None
    return PolledSubscription(kernel, log.subscribe("seen", 0, 100), every, pauses)


def takes(
    interval_ns: int,
    instants: list[int],
    *,
    limit: int = 100,
    work_ns: int = 0,
    spans: Spans | None = None,
) -> tuple[list[tuple[int, int]], int]:
    """When how many events are taken of some that come at instants, and when the end is heard."""
    kernel, batches, heard = Kernel(VirtualClock()), list[tuple[int, int]](), list[int]()
    log = MemoryLog(kernel, RecordingProbe(kernel))
    inbox = polled(log, kernel, interval_ns, spans)

    async def commit() -> None:
        for number, instant in enumerate(instants):
            await kernel.sleep_until(instant, Rank.WRITE, 0)
            name = f"order-{number}"
            await appended(log, OrderId(name), Version(0), history_of(name, 1), CommandId(0))
        log.end_subscriptions()

    async def receive() -> None:
        while True:
            if batch := inbox.take_batch(limit):
                batches.append((int(kernel.now_ns()), len(batch)))
                await kernel.sleep(work_ns, Rank.READ, 0)
            elif inbox.is_drained:
                heard.append(int(kernel.now_ns()))
                return
            else:
                await inbox.wait()

    run_actors(kernel, receive(), commit())
    return batches, heard[0]


def test_events_are_taken_at_multiples_only_and_all_that_came_until_then() -> None:
    assert takes(10, [3, 4, 11, 20, 21]) == ([(10, 2), (20, 2), (30, 1)], 30)


def test_an_event_of_the_instant_at_which_the_run_begins_is_taken_then() -> None:
    assert takes(10, [0]) == ([(0, 1)], 0)


def test_a_batch_that_ends_at_a_multiple_takes_there_and_one_that_ends_behind_it_waits() -> None:
    come = [1, 1, 1]
    assert takes(10, come, limit=1, work_ns=20) == ([(10, 1), (30, 1), (50, 1)], 70)
    assert takes(10, come, limit=1, work_ns=21) == ([(10, 1), (40, 1), (70, 1)], 91)


def test_batches_that_take_no_time_are_taken_at_one_poll() -> None:
    assert takes(10, [1] * 5, limit=2) == ([(10, 2), (10, 2), (10, 1)], 10)


def test_a_poll_in_a_pause_is_made_at_its_end_and_finds_what_came_in_it() -> None:
    spans = [(28, 33), (38, 50)]
    assert takes(10, [25, 31], spans=spans)[0] == [(33, 2)]
    assert takes(10, [31], spans=spans)[0] == [(33, 1)]
    assert takes(10, [33], spans=spans)[0] == [(33, 1)]
    assert takes(10, [34], spans=spans)[0] == [(50, 1)]
    # A pause that no poll falls into holds up none.
    assert takes(10, [12], spans=[(11, 19)])[0] == [(20, 1)]


def test_the_end_is_heard_at_once_where_nothing_is_left() -> None:
    assert takes(1000, [3]) == ([(1000, 1)], 1000)
    assert takes(1000, []) == ([], 0)
    kernel = Kernel(VirtualClock())
    log, heard = MemoryLog(kernel, RecordingProbe(kernel)), list[int]()
    inbox = polled(log, kernel, 1000, [(0, 500)])

    async def receive() -> None:
        while not inbox.take_batch(1) and not inbox.is_drained:
            await inbox.wait()
        heard.append(int(kernel.now_ns()))

    async def end() -> None:
        await kernel.sleep_until(7, Rank.LOAD, 0)
        log.end_subscriptions()

    run_actors(kernel, receive(), end())
    assert heard == [7]


@given(
    interval=st.integers(1, 12),
    came=st.integers(0, 60),
    idle_since=st.integers(0, 60),
    edges=st.lists(st.integers(0, 80), max_size=6, unique=True).map(sorted),
)
def test_it_is_the_first_poll_from_then_on_that_finds_the_event(
    interval: int, came: int, idle_since: int, edges: list[int]
) -> None:
    spans = list(zip(edges[::2], edges[1::2], strict=False))
    kernel = Kernel(VirtualClock())
    resumes = Pauses(kernel, spans).resumes
    polls = (resumes(n) for n in range(0, 400, interval) if n >= idle_since)
    first = next(poll for poll in polls if poll >= came)
    log = MemoryLog(kernel, RecordingProbe(kernel))
    assert polled(log, kernel, interval, spans).finds(came, idle_since) == first
