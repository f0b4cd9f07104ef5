"""Tasks that look for gaps, step by step: what waits, what is fetched, what is passed over."""

from collections.abc import Sequence

from contracts import history_of
from fakes import History, RecordingProbe, histories, run_actors
from hypothesis import given
from hypothesis import strategies as st

from cqrs_sim.actors.clock import VirtualClock
from cqrs_sim.actors.kernel import Kernel
from cqrs_sim.divergence import divergence
from cqrs_sim.domain.events import Event
from cqrs_sim.event_log.memory import MemoryLog
from cqrs_sim.ids import CommandId, OrderId, Position, Version
from cqrs_sim.probe import Handling
from cqrs_sim.read_side.careless import CarelessOrders
from cqrs_sim.read_side.mending_tasks import MendingTasks, Source
from cqrs_sim.read_side.orders import OrdersReadModel
from cqrs_sim.read_side.projector import ProjectorOptions

HELD, FETCHING, FETCHED, LATE = (
    Handling.HELD, Handling.FETCHING, Handling.FETCHED, Handling.LATE,
)  # fmt: skip


class Times:
    """Service times that a test chose, by position."""

    drawn = ()

    def __init__(self, times_ns: Sequence[int]) -> None:
        self._times_ns = times_ns

    def __getitem__(self, index: int, /) -> int:
        return self._times_ns[index]


class Side:
    """A log with the tasks of one read model, which hear of events when a test tells them."""

    def __init__(
        self, kernel: Kernel, *times_ns: int, fetches: bool = False, read_ns: int = 0
    ) -> None:
        self.kernel = kernel
        self.probe = RecordingProbe(kernel)
        self.log = MemoryLog(kernel, self.probe)
        self.model = CarelessOrders()
        source = Source(self.log.read_order, read_ns) if fetches else None
        self.tasks = MendingTasks(
            *(kernel, self.probe, self.model, kernel.sleep),
            ProjectorOptions(0, "orders", 1, Times(times_ns), 0),
            source,
        )

    def append(self, order_id: str) -> Event:
        order, version = OrderId(order_id), self.log.version_of(OrderId(order_id))
        event = history_of(order_id, version + 1)[-1]
        self.log.begin_append(order, Version(version), [event], CommandId(0))
        return event

    async def tell(self, order_ids: str) -> None:
        """Append an event to each of these orders, and tell it at once."""
        for order_id in order_ids:
            self.tasks.after([self.append(order_id)], self.kernel.clock.instant_ns)

    def shown(self) -> list[tuple[object, ...]]:
        """(instant, what, position, ...) of effects and of what was out of the ordinary."""
        return [(at, what, *rest) for at, what, _, *rest in self.probe.named("applied", "handled")]


def test_what_comes_too_early_waits_and_takes_effect_with_what_it_waited_for(
    kernel: Kernel,
) -> None:
    side = Side(kernel, 30, 10, 20)
    run_actors(kernel, side.tell("aaa"))
    assert side.shown() == [
        (10, "handled", 2, HELD),
        (20, "handled", 3, HELD),
        (30, "applied", 1),
        (30, "applied", 2),
        (30, "applied", 3),
    ]
    assert side.model.rows[OrderId("a")].version == 3


def test_other_orders_do_not_wait(kernel: Kernel) -> None:
    side = Side(kernel, 30, 10, 20)
    run_actors(kernel, side.tell("aba"))
    assert side.shown() == [
        (10, "applied", 2),
        (20, "handled", 3, HELD),
        (30, "applied", 1),
        (30, "applied", 3),
    ]


def test_a_gap_within_the_buffer_is_one_too(kernel: Kernel) -> None:
    side = Side(kernel, 10, 40, 30, 20)
    run_actors(kernel, side.tell("aaaa"))
    assert side.shown() == [
        (10, "applied", 1),
        (20, "handled", 4, HELD),
        (30, "handled", 3, HELD),
        (40, "applied", 2),
        (40, "applied", 3),
        (40, "applied", 4),
    ]


def test_what_is_missing_is_fetched_and_passed_over_when_it_comes(kernel: Kernel) -> None:
    side = Side(kernel, 30, 40, 10, fetches=True)
    run_actors(kernel, side.tell("aaa"))
    assert side.shown() == [
        (10, "handled", 3, FETCHING),
        (10, "handled", 1, FETCHED),
        (10, "handled", 2, FETCHED),
        (10, "applied", 1),
        (10, "applied", 2),
        (10, "applied", 3),
        (30, "handled", 1, LATE),
        (40, "handled", 2, LATE),
    ]
    assert side.model.rows[OrderId("a")].version == 3


def test_reading_may_take_a_while_in_which_the_missing_one_comes_by_itself(kernel: Kernel) -> None:
    side = Side(kernel, 30, 25, fetches=True, read_ns=8)
    run_actors(kernel, side.tell("aa"))
    assert side.shown() == [
        (25, "handled", 2, FETCHING),
        (25, "handled", 1, FETCHED),
        (30, "applied", 1),
        (33, "applied", 2),
    ]


def test_two_that_fetch_at_once_show_each_event_once(kernel: Kernel) -> None:
    side = Side(kernel, 90, 10, 12, fetches=True, read_ns=5)
    run_actors(kernel, side.tell("aaa"))
    assert [call for call in side.shown() if call[1] == "applied"] == [
        (15, "applied", 1),
        (15, "applied", 2),
        (22, "applied", 3),
    ]
    assert side.shown()[-1] == (90, "handled", 1, LATE)


async def _lose_the_first(side: Side) -> None:
    side.tasks.lost([side.append("a")])
    await side.tell("aba")


def test_what_follows_a_loss_is_parked_and_nobody_waits_for_it(kernel: Kernel) -> None:
    side = Side(kernel, 10, 10, 10, 20)
    run_actors(kernel, _lose_the_first(side))
    assert side.shown() == [
        (10, "handled", 2, HELD),
        (10, "applied", 3),
        (20, "handled", 4, HELD),
    ]
    assert side.tasks.applied == 4
    assert side.tasks.is_over
    assert OrderId("a") not in side.model.rows


def test_a_loss_that_is_fetched_was_delivered_by_that(kernel: Kernel) -> None:
    side = Side(kernel, 10, 10, 10, 20, fetches=True)
    run_actors(kernel, _lose_the_first(side))
    assert [call for call in side.probe.named("delivered", "taken", "applied") if call[3] == 1] == [
        (10, "delivered", 0, 1),
        (10, "taken", 0, 1),
        (10, "applied", 0, 1),
    ]
    assert [call for call in side.shown() if call[-1] is LATE] == []
    assert side.model.rows[OrderId("a")].version == 3
    assert side.tasks.applied == 4


def test_the_end_of_the_process_takes_the_buffer_along(kernel: Kernel) -> None:
    side = Side(kernel, 30, 10, 10, 20)

    async def crash() -> None:
        await side.tell("aab")
        await kernel.pause(15)
        side.tasks.end_tasks()
        assert side.tasks.applied == 3
        await side.tell("a")

    run_actors(kernel, crash())
    # The creation was lost with its task and version 2 with the buffer, so 3 waits for ever.
    assert side.shown() == [
        (10, "handled", 2, HELD),
        (10, "applied", 3),
        (35, "handled", 4, HELD),
    ]
    assert side.tasks.applied == 4


def test_who_waits_for_a_position_waits_for_the_buffer_too(kernel: Kernel) -> None:
    side, answered = Side(kernel, 30, 10, 20), []

    async def read() -> None:
        await side.tasks.wait_applied(Position(2))
        answered.append(int(kernel.clock.instant_ns))

    run_actors(kernel, side.tell("aab"), read())
    assert answered == [30]


@given(
    history=histories(),
    times_ns=st.lists(st.integers(0, 9), min_size=40, max_size=40),
    fetches=st.booleans(),
    read_ns=st.integers(0, 3),
)
def test_whatever_overtakes_whatever_each_event_takes_effect_once_and_in_order(
    history: History, times_ns: list[int], fetches: bool, read_ns: int
) -> None:
    kernel = Kernel(VirtualClock())
    side = Side(kernel, *times_ns, fetches=fetches, read_ns=read_ns)

    async def tell() -> None:
        for event in history.events:
            before = Version(event.version - 1)
            side.log.begin_append(event.order_id, before, [event], CommandId(0))
            side.tasks.after([event], kernel.clock.instant_ns)

    run_actors(kernel, tell())
    positions = [call[2] for call in side.shown() if call[1] == "applied"]
    assert sorted(map(str, positions)) == sorted(map(str, range(1, len(history.events) + 1)))
    fold = OrdersReadModel()
    for event in history.events:
        fold.apply(event)
    assert divergence("orders", side.model, fold) is None
    assert side.tasks.applied == len(history.events)
    kinds = [call[3] for call in side.shown() if call[1] == "handled"]
    assert set(kinds) <= ({FETCHING, FETCHED, LATE} if fetches else {HELD})
