import pytest
from contracts import history_of
from fakes import RecordingProbe, appended, constant, run_actors
from hypothesis import given
from hypothesis import strategies as st

from cqrs_sim.actors.clock import VirtualClock
from cqrs_sim.actors.kernel import Kernel, Rank
from cqrs_sim.actors.randomness import Streams
from cqrs_sim.domain.events import Event
from cqrs_sim.errors import (
    ActorCrashedError,
    ActorStoppedError,
    DeadlockError,
    FreshnessTimeoutError,
    InvariantViolationError,
)
from cqrs_sim.event_log.memory import MemoryLog
from cqrs_sim.event_log.subscription import Subscription, fan_out
from cqrs_sim.ids import CommandId, OrderId, Position, Version
from cqrs_sim.read_side.projector import Projector, ProjectorOptions
from cqrs_sim.service_times import draws


class SeenEvents:
    """A read model that only remembers what was applied to it."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def apply(self, event: Event) -> None:
        self.seen.append(event.event_id)

    def contents(self) -> object:
        return self.seen


class ReadSide:
    """A log with one projector; each event takes 10 ns, a checkpoint as long as it is told."""

    def __init__(
        self,
        kernel: Kernel,
        *,
        batch: int = 1,
        capacity: int = 100,
        checkpoint_ns: int = 0,
        service_ns: int = 10,
    ) -> None:
        self.kernel = kernel
        self.probe = RecordingProbe(kernel)
        self.log = MemoryLog(kernel, self.probe)
        self.model = SeenEvents()
        self.subscription: Subscription = self.log.subscribe("seen", 0, capacity)
        service = draws(Streams(0), "read/seen", constant(service_ns))
        options = ProjectorOptions(0, "seen", batch, service, checkpoint_ns)
        self.projector = Projector(
            kernel,
            self.probe,
            self.subscription,
            self.model,
            kernel.sleep,
            options,
        )
        kernel.spawn(self.projector.run(), "projector seen", is_background=True)

    async def append(self, order_id: str) -> None:
        version = self.log.version_of(OrderId(order_id))
        event = history_of(order_id, version + 1)[-1]
        await appended(self.log, OrderId(order_id), Version(version), [event], CommandId(0))

    async def appended(self, order_ids: str) -> None:
        for order_id in order_ids:
            await self.append(order_id)
        self.subscription.end()

    def smuggle(self, event: Event) -> None:
        """Put an event into the log behind the back of its rules."""
        self.log.events.append(event)
        event.position = Position(len(self.log.events))
        fan_out([self.subscription], event.position, self.kernel.clock.instant_ns)


def test_events_are_applied_one_after_another_and_stamped(kernel: Kernel) -> None:
    side = ReadSide(kernel)
    run_actors(kernel, side.appended("abc"))
    assert side.model.seen == ["a#1", "b#1", "c#1"]
    assert side.probe.named("taken", "applied", "checkpointed") == [
        (0, "taken", 0, 1),
        (10, "applied", 0, 1),
        (10, "checkpointed", 0, 1),
        (10, "taken", 0, 2),
        (20, "applied", 0, 2),
        (20, "checkpointed", 0, 2),
        (20, "taken", 0, 3),
        (30, "applied", 0, 3),
        (30, "checkpointed", 0, 3),
    ]
    assert (side.projector.applied, side.projector.checkpoint) == (3, 3)


def test_a_batch_is_taken_at_once_applied_one_by_one_and_checkpointed_at_once(
    kernel: Kernel,
) -> None:
    side = ReadSide(kernel, batch=3, checkpoint_ns=5)
    run_actors(kernel, side.appended("abcd"))
    assert side.probe.named("taken", "applied", "checkpointed") == [
        (0, "taken", 0, 3),
        (10, "applied", 0, 1),
        (20, "applied", 0, 2),
        (30, "applied", 0, 3),
        (35, "checkpointed", 0, 3),
        (35, "taken", 0, 4),
        (45, "applied", 0, 4),
        (50, "checkpointed", 0, 4),
    ]


def test_the_checkpoint_trails_what_is_applied_until_the_batch_is_done(kernel: Kernel) -> None:
    side = ReadSide(kernel, batch=3)
    seen: list[tuple[int, int]] = []

    async def watcher() -> None:
        for instant in (5, 15, 25, 35):
            await kernel.sleep_until(instant, Rank.OTHER, 0)
            seen.append((side.projector.applied, side.projector.checkpoint))

    run_actors(kernel, side.appended("abc"), watcher())
    assert seen == [(0, 0), (1, 0), (2, 0), (3, 3)]


def test_without_service_time_events_are_applied_at_the_instant_of_their_commit(
    kernel: Kernel,
) -> None:
    side = ReadSide(kernel, service_ns=0)

    async def writer() -> None:
        await kernel.sleep(7, Rank.WRITE, 0)
        await side.append("a")
        side.subscription.end()

    run_actors(kernel, writer())
    assert [call[0] for call in side.probe.named("committed", "applied", "checkpointed")] == [7] * 3


def test_an_event_that_was_applied_before_is_passed_over_and_counted(kernel: Kernel) -> None:
    side = ReadSide(kernel)

    async def writer() -> None:
        await side.append("a")
        await side.append("a")
        side.smuggle(history_of("a", 1)[0])
        side.smuggle(history_of("a", 2)[1])
        side.subscription.end()

    run_actors(kernel, writer())
    assert side.model.seen == ["a#1", "a#2"]
    assert side.projector.duplicates_count == 2
    assert side.projector.applied == 4


@pytest.mark.parametrize("versions", [[2], [1, 3]])
def test_a_gap_within_an_order_is_a_bug_and_ends_the_run(
    kernel: Kernel, versions: list[int]
) -> None:
    side = ReadSide(kernel)
    for version in versions:
        side.smuggle(history_of("a", version)[-1])
    with pytest.raises(ActorCrashedError, match="projector seen crashed") as caught:
        run_actors(kernel)
    assert isinstance(caught.value.__cause__, InvariantViolationError)
    assert f"a#{versions[-1]} came after version {len(versions) - 1}" in str(caught.value)


def test_what_was_recorded_before_the_run_is_shown_at_no_time(kernel: Kernel) -> None:
    probe = RecordingProbe(kernel)
    log = MemoryLog(kernel, probe)
    log.record(OrderId("a"), Version(0), history_of("a", 2))
    subscription, model = log.subscribe("seen", 0, 10), SeenEvents()
    options = ProjectorOptions(0, "seen", 1, None, 0)
    projector = Projector(kernel, probe, subscription, model, kernel.sleep, options)
    projector.catch_up(log.events)
    assert (projector.applied, projector.checkpoint) == (2, 2)
    kernel.spawn(projector.run(), "projector seen", is_background=True)

    async def writer() -> None:
        await appended(log, OrderId("a"), Version(2), history_of("a", 3)[2:], CommandId(0))
        subscription.end()

    run_actors(kernel, writer())
    assert model.seen == ["a#1", "a#2", "a#3"]
    assert probe.named("applied") == [(0, "applied", 0, 3)]


# Waiting for a position.


def test_whoever_waits_for_a_position_goes_on_when_it_is_shown(kernel: Kernel) -> None:
    side = ReadSide(kernel)
    log: list[tuple[int, int]] = []

    async def waiter(position: int) -> None:
        await side.projector.wait_applied(Position(position))
        log.append((int(kernel.now_ns()), position))

    run_actors(kernel, waiter(3), waiter(1), waiter(0), waiter(2), side.appended("abc"))
    assert log == [(0, 0), (10, 1), (20, 2), (30, 3)]


def test_a_position_that_is_shown_already_is_not_waited_for(kernel: Kernel) -> None:
    side = ReadSide(kernel)
    log: list[int] = []

    async def waiter() -> None:
        await kernel.sleep(50, Rank.OTHER, 0)
        await side.projector.wait_applied(Position(2), 0)
        log.append(int(kernel.now_ns()))

    run_actors(kernel, waiter(), side.appended("ab"))
    assert log == [50]


def test_a_wait_ends_with_an_error_when_its_time_is_over(kernel: Kernel) -> None:
    side = ReadSide(kernel)
    log: list[tuple[int, str]] = []

    async def waiter(timeout_ns: int) -> None:
        with pytest.raises(FreshnessTimeoutError) as caught:
            await side.projector.wait_applied(Position(3), timeout_ns)
        error = caught.value
        assert (error.read_model, error.wanted, error.reached) == ("seen", 3, 2)
        log.append((int(kernel.now_ns()), "timed out"))

    async def patient() -> None:
        await side.projector.wait_applied(Position(3), 31)
        log.append((int(kernel.now_ns()), "shown"))

    run_actors(kernel, waiter(25), waiter(29), patient(), side.appended("abc"))
    assert log == [(25, "timed out"), (29, "timed out"), (30, "shown")]


def test_what_is_shown_at_the_very_instant_of_the_timeout_is_in_time(kernel: Kernel) -> None:
    side = ReadSide(kernel)
    log: list[int] = []

    async def waiter() -> None:
        await side.projector.wait_applied(Position(1), 10)
        log.append(int(kernel.now_ns()))

    run_actors(kernel, waiter(), side.appended("a"))
    assert log == [10]


def test_a_wait_for_a_position_that_never_comes_is_a_deadlock_by_name(kernel: Kernel) -> None:
    side = ReadSide(kernel)

    async def waiter() -> None:
        await side.projector.wait_applied(Position(9))

    with pytest.raises(DeadlockError, match="a waits for seen to reach position 9"):
        run_actors(kernel, waiter())


def test_stopping_tells_whoever_waits(kernel: Kernel) -> None:
    side = ReadSide(kernel)
    log: list[str] = []

    async def waiter(timeout_ns: int | None) -> None:
        with pytest.raises(ActorStoppedError, match="projector seen has stopped"):
            await side.projector.wait_applied(Position(9), timeout_ns)
        log.append(f"{kernel.now_ns()}")

    async def stopper() -> None:
        await kernel.sleep(10, Rank.OTHER, 99)
        side.projector.stop()

    run_actors(kernel, waiter(None), waiter(1000), stopper())
    assert log == ["10", "10"]


def test_a_wait_that_begins_after_the_stop_is_told_so_too(kernel: Kernel) -> None:
    side = ReadSide(kernel)
    log: list[str] = []

    async def waiter() -> None:
        side.projector.stop()
        with pytest.raises(ActorStoppedError):
            await side.projector.wait_applied(Position(9))
        log.append("stopped")

    run_actors(kernel, waiter())
    assert log == ["stopped"]


@given(
    batch=st.integers(1, 4),
    capacity=st.integers(1, 4),
    checkpoint_ns=st.integers(0, 3),
    service_ns=st.integers(0, 3),
    orders=st.text("abcde", max_size=12),
)
def test_every_event_is_applied_once_and_in_order_whatever_the_settings(
    batch: int, capacity: int, checkpoint_ns: int, service_ns: int, orders: str
) -> None:
    kernel = Kernel(VirtualClock())
    side = ReadSide(
        kernel,
        batch=batch,
        capacity=capacity,
        checkpoint_ns=checkpoint_ns,
        service_ns=service_ns,
    )
    short = "".join(o for n, o in enumerate(orders) if orders[:n].count(o) < 4)
    run_actors(kernel, side.appended(short))
    assert side.model.seen == [event.event_id for event in side.log.events]
    assert [call[3] for call in side.probe.named("applied")] == list(range(1, len(short) + 1))
    assert side.projector.checkpoint == side.projector.applied == len(short)
