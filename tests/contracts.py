"""Contracts: tests that every implementation of a port must pass, subclassed once per one."""

import pytest
from fakes import RecordingProbe, appended, cancel, cause, create, run_actors, update
from hypothesis import given, settings
from hypothesis import strategies as st

from cqrs_sim.actors.clock import VirtualClock
from cqrs_sim.actors.kernel import Kernel, Rank
from cqrs_sim.domain.events import Event
from cqrs_sim.domain.order import Order, decide, evolve
from cqrs_sim.errors import ConcurrencyConflictError, DuplicateCommandError
from cqrs_sim.event_log.memory import MemoryLog
from cqrs_sim.ids import CommandId, Nanoseconds, OrderId, Position, Version


def created(order: str = "order-1") -> tuple[Event, ...]:
    return decide(None, create(order), cause())


def history_of(order_id: str, length: int) -> list[Event]:
    """Created, confirmed, shipped, cancelled: as many of these as asked for."""
    order: Order | None = None
    events: list[Event] = []
    steps = (
        create(order_id),
        update("CONFIRMED", order_id),
        update("SHIPPED", order_id),
        cancel(order_id),
    )
    for command in steps[:length]:
        (event,) = decide(order, command, cause())
        order = evolve(order, event)
        events.append(event)
    return events


class EventLogContract:
    """What any event log promises; a subclass makes one in `make`."""

    def make(self, kernel: Kernel, probe: RecordingProbe) -> MemoryLog:
        raise NotImplementedError

    @pytest.fixture
    def log(self, kernel: Kernel, probe: RecordingProbe) -> MemoryLog:
        return self.make(kernel, probe)

    def append(self, kernel: Kernel, log: MemoryLog, expected: int, *events: Event) -> int:
        """Append as an actor would, and return the position of the last event."""
        command = log.head  # No two commands have the same id.
        positions: list[int] = []

        async def actor() -> None:
            position = await appended(
                log, events[0].order_id, Version(expected), events, CommandId(command)
            )
            positions.append(position)

        run_actors(kernel, actor())
        return positions[0]

    def test_an_empty_log_has_no_head_and_no_order_a_version(self, log: MemoryLog) -> None:
        assert (log.head, log.version_of(OrderId("order-1"))) == (0, 0)
        assert log.read_order(OrderId("order-1")) == []

    def test_positions_count_from_one_over_all_orders(self, kernel: Kernel, log: MemoryLog) -> None:
        given_out = [
            self.append(kernel, log, version, event)
            for version in range(3)
            for event in (history_of("a", 3)[version], history_of("b", 3)[version])
        ]
        assert given_out == [1, 2, 3, 4, 5, 6]
        assert [event.position for event in log.events] == given_out
        assert log.head == 6

    def test_the_events_of_one_command_are_adjacent(self, kernel: Kernel, log: MemoryLog) -> None:
        self.append(kernel, log, 0, *created("a"))
        assert self.append(kernel, log, 0, *history_of("b", 3)) == 4
        self.append(kernel, log, 1, history_of("a", 2)[1])
        assert [(event.order_id, event.version) for event in log.events] == [
            ("a", 1),
            ("b", 1),
            ("b", 2),
            ("b", 3),
            ("a", 2),
        ]

    def test_an_order_is_read_oldest_event_first(self, kernel: Kernel, log: MemoryLog) -> None:
        self.append(kernel, log, 0, *created("a"))
        self.append(kernel, log, 0, *created("b"))
        self.append(kernel, log, 1, *history_of("a", 3)[1:])
        assert log.read_order(OrderId("a")) == [log.events[0], log.events[2], log.events[3]]
        assert log.read_order(OrderId("b")) == [log.events[1]]
        assert (log.version_of(OrderId("a")), log.version_of(OrderId("b"))) == (3, 1)

    @pytest.mark.parametrize("after", range(5))
    def test_an_order_is_read_from_behind_a_version(self, log: MemoryLog, after: int) -> None:
        log.record(OrderId("a"), Version(0), history_of("a", 3))
        log.record(OrderId("b"), Version(0), history_of("b", 1))
        log.write_recorded()
        versions = [event.version for event in log.read_order(OrderId("a"), Version(after))]
        assert versions == list(range(after + 1, 4))

    @pytest.mark.parametrize("until", range(6))
    def test_an_order_is_read_up_to_a_position(self, log: MemoryLog, until: int) -> None:
        log.record(OrderId("a"), Version(0), history_of("a", 2))
        log.record(OrderId("b"), Version(0), history_of("b", 1))
        log.record(OrderId("a"), Version(2), history_of("a", 4)[2:])
        log.write_recorded()
        for after in range(5):
            found = log.read_order(OrderId("a"), Version(after), Position(until))
            positions = [1, 2, 4, 5][after:]
            assert [event.position for event in found] == [p for p in positions if p <= until]

    def test_the_head_at_an_instant_counts_what_was_committed_up_to_then(
        self, kernel: Kernel, log: MemoryLog
    ) -> None:
        assert log.head_at(Nanoseconds(5)) == 0
        log.record(OrderId("set-up"), Version(0), history_of("set-up", 2))

        async def actor() -> None:
            await kernel.pause(10)
            await appended(log, OrderId("a"), Version(0), history_of("a", 2), CommandId(0))
            await kernel.pause(10)
            await appended(log, OrderId("b"), Version(0), created("b"), CommandId(1))

        run_actors(kernel, actor())
        heads = [log.head_at(Nanoseconds(instant)) for instant in (0, 9, 10, 19, 20, 99)]
        assert heads == [2, 2, 4, 4, 5, 5]

    @pytest.mark.parametrize(("present", "expected"), [(0, 1), (1, 0), (2, 1), (2, 3)])
    def test_an_unexpected_version_is_a_conflict_and_leaves_nothing(
        self, kernel: Kernel, log: MemoryLog, probe: RecordingProbe, present: int, expected: int
    ) -> None:
        if present:
            self.append(kernel, log, 0, *history_of("a", present))
        before = list(log.events)
        probe.calls.clear()
        late = history_of("a", expected + 1)[expected]

        async def actor() -> None:
            with pytest.raises(ConcurrencyConflictError) as caught:
                await appended(log, late.order_id, Version(expected), [late], CommandId(9))
            assert (caught.value.expected, caught.value.actual) == (expected, present)

        run_actors(kernel, actor())
        assert log.events == before
        assert late.position == 0
        assert probe.calls == []
        assert log.version_of(OrderId("a")) == present

    def test_of_two_appends_that_expect_the_same_version_one_wins(
        self, kernel: Kernel, log: MemoryLog
    ) -> None:
        won: list[str] = []

        async def actor(name: str) -> None:
            try:
                await appended(log, OrderId("order-1"), Version(0), created(), CommandId(0))
                won.append(name)
            except ConcurrencyConflictError:
                pass

        run_actors(kernel, actor("first"), actor("second"))
        assert won == ["first"]
        assert log.head == 1

    def test_the_commit_is_stamped_first(
        self, kernel: Kernel, log: MemoryLog, probe: RecordingProbe
    ) -> None:
        for index, name in enumerate(["orders", "search"]):
            log.subscribe(name, index, 10)

        async def actor() -> None:
            await kernel.sleep(5, Rank.OTHER, 0)
            await appended(log, OrderId("a"), Version(0), history_of("a", 2), CommandId(7))

        run_actors(kernel, actor())
        assert probe.calls[0] == (5, "committed", 7)
        assert sorted(probe.calls[1:]) == [
            (5, "delivered", 0, 1),
            (5, "delivered", 0, 2),
            (5, "delivered", 1, 1),
            (5, "delivered", 1, 2),
        ]

    def test_what_is_recorded_before_the_run_is_neither_stamped_nor_delivered(
        self, log: MemoryLog, probe: RecordingProbe
    ) -> None:
        assert log.record(OrderId("a"), Version(0), history_of("a", 2)) == 2
        assert not log.subscribe("orders", 0, 10).take_batch(10)
        assert probe.calls == []
        assert log.version_of(OrderId("a")) == 2

    def test_an_event_is_seen_once_it_is_committed_and_in_the_order_of_positions(
        self, kernel: Kernel, log: MemoryLog, probe: RecordingProbe
    ) -> None:
        """Whoever looks at any instant sees positions without a gap, all of them committed."""
        subscription, seen = log.subscribe("orders", 0, 100), list[int]()

        async def order(number: int) -> None:
            for event in history_of(f"order-{number}", 3):
                command = CommandId(10 * number + event.version)
                before = Version(event.version - 1)
                event.causation_id = command
                await appended(log, event.order_id, before, [event], command)
                assert event.position <= log.head
                await kernel.pause(number)

        async def reader() -> None:
            while len(seen) < 12:
                batch = subscription.take_batch(100)
                if not batch:
                    await subscription.wait()
                for event in batch:
                    committed = [call[2] for call in probe.named("committed")]
                    assert event.causation_id in committed
                    assert event.position == len(seen) + 1
                    seen.append(event.position)

        run_actors(kernel, reader(), *(order(number) for number in range(4)))
        assert seen == list(range(1, 13))

    def test_a_request_is_committed_once_and_its_first_outcome_is_known(
        self, kernel: Kernel, log: MemoryLog
    ) -> None:
        caught: list[str] = []

        async def actor(order: str) -> None:
            try:
                await appended(
                    log, OrderId(order), Version(0), created(order), CommandId(0), "req-1"
                )
            except DuplicateCommandError as error:
                caught.append(error.request_id)

        assert log.outcome_of("req-1") is None
        run_actors(kernel, actor("a"), actor("b"))
        run_actors(kernel, actor("c"))
        assert caught == ["req-1", "req-1"]
        assert log.head == 1
        first = log.outcome_of("req-1")
        assert first is not None
        assert (first.order_id, first.version, first.position) == ("a", 1, 1)

    def test_positions_and_versions_have_no_gap_whatever_is_appended(self) -> None:
        @given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 2)), max_size=10))
        @settings(max_examples=15)
        def holds(appends: list[tuple[str, int]]) -> None:
            kernel = Kernel(VirtualClock())
            log = self.make(kernel, RecordingProbe(kernel))
            for order_id, count in appends:
                version = log.version_of(OrderId(order_id))
                new = history_of(order_id, min(4, version + count))[version:]
                if new:
                    self.append(kernel, log, version, *new)
            assert [event.position for event in log.events] == list(range(1, log.head + 1))
            for order_id in "abc":
                history = log.read_order(OrderId(order_id))
                assert history == [event for event in log.events if event.order_id == order_id]
                assert [event.version for event in history] == list(range(1, len(history) + 1))

        holds()
