"""A projector that takes renames between its events, against instants that are computed by hand."""

from collections.abc import Callable, Coroutine
from functools import partial
from typing import TypeAlias

import pytest
from contracts import history_of
from fakes import (
    History,
    RecordingProbe,
    appended,
    cancel,
    constant,
    create,
    histories,
    item,
    run_actors,
)
from hypothesis import given
from hypothesis import strategies as st

from cqrs_sim.actors.clock import VirtualClock
from cqrs_sim.actors.kernel import Kernel
from cqrs_sim.actors.pauses import Pauses
from cqrs_sim.actors.randomness import Streams
from cqrs_sim.customers.events import CustomerRenamed
from cqrs_sim.customers.feed import Way
from cqrs_sim.customers.log import CustomerLog
from cqrs_sim.domain.events import Event
from cqrs_sim.event_log.memory import MemoryLog
from cqrs_sim.ids import CommandId, CustomerId, OrderId, Position, Version
from cqrs_sim.read_side.inboxes import inbox_of
from cqrs_sim.read_side.joining import JoiningProjector
from cqrs_sim.read_side.list_index import ListedOrders
from cqrs_sim.read_side.names import NameOf, derived_name
from cqrs_sim.read_side.orders import OrdersReadModel
from cqrs_sim.read_side.projector import ProjectorOptions
from cqrs_sim.read_side.renamable_search import RenamableSearch
from cqrs_sim.read_side.renaming import Renames
from cqrs_sim.service_times import draws

Model: TypeAlias = OrdersReadModel | RenamableSearch
NewModel: TypeAlias = Callable[[NameOf], Model]

NEW_MODELS: list[NewModel] = [OrdersReadModel, ListedOrders, RenamableSearch]
ANN = "customer-1"
"""Whose orders `history_of` makes."""


class JoiningSide:
    """Two logs and one projector: 10 ns an event, 3 ns a row; renames are 2 ns on their way."""

    def __init__(
        self,
        kernel: Kernel,
        new_model: NewModel = OrdersReadModel,
        *,
        batch: int = 1,
        checkpoint_ns: int = 0,
        delay_ns: int = 2,
        spans_ns: tuple[tuple[int, int], ...] = (),
    ) -> None:
        self.kernel = kernel
        self.probe = RecordingProbe(kernel)
        self.log, self.names = MemoryLog(kernel, self.probe), CustomerLog()
        self.model = new_model(derived_name)
        self.way = Way(kernel, self.names.events, delay_ns=delay_ns, index=1)
        pauses = Pauses(kernel, spans_ns) if spans_ns else None
        feed = self.way.feed(pauses)
        self.subscription = self.log.subscribe("orders", 0, 100)
        feed.wake = self.subscription.wake
        options = ProjectorOptions(
            0,
            "orders",
            batch,
            draws(Streams(0), "read/orders", constant(10)),
            checkpoint_ns,
            renames=Renames(self.probe, feed, 3),
        )
        self.projector = JoiningProjector(
            kernel,
            self.probe,
            inbox_of(kernel, self.subscription, 0, pauses),
            self.model,
            kernel.sleep if pauses is None else pauses.holding(kernel.sleep),
            options,
        )
        self.has_ended = False
        kernel.spawn(
            self.projector.run(), "projector orders", is_background=True, on_exit=self._ended
        )

    def _ended(self, _: object) -> None:
        self.has_ended = True

    async def append(self, event: Event) -> None:
        known = Version(event.version - 1)
        await appended(self.log, event.order_id, known, [event], CommandId(self.log.head))

    def rename(self, customer: str, name: str) -> None:
        before = self.names.state_of(CustomerId(customer)).version
        event = CustomerRenamed(
            CustomerId(customer), Version(before + 1), self.kernel.now_ns(), name
        )
        self.names.append(before, event)
        self.way.depart(event)

    def end(self) -> None:
        self.subscription.end()
        self.way.end()

    def told(self) -> list[tuple[object, ...]]:
        return self.probe.named("taken", "applied", "rename_taken", "rename_applied")


def orders_of_ann(count: int) -> list[Event]:
    return [history_of(order_id, 1)[0] for order_id in "abcdefgh"[:count]]


def names_of(model: Model) -> dict[str, str]:
    return {order_id: row.customer_name for order_id, row in model.rows.items()}


def test_a_rename_rewrites_every_row_of_its_customer_and_events_wait_behind_it(
    kernel: Kernel,
) -> None:
    side = JoiningSide(kernel)
    first, second, third = orders_of_ann(3)

    async def story() -> None:
        await side.append(first)
        await side.append(second)
        await kernel.pause(50)
        side.rename(ANN, "Ann")
        await kernel.pause(4)
        await side.append(third)
        side.end()

    run_actors(kernel, story())
    assert side.told() == [
        (0, "taken", 0, 1), (10, "applied", 0, 1),
        (10, "taken", 0, 2), (20, "applied", 0, 2),
        (52, "rename_taken", 0, 1), (58, "rename_applied", 1, 2),
        (58, "taken", 0, 3), (68, "applied", 0, 3),
    ]  # fmt: skip
    assert names_of(side.model) == {"a": "Ann", "b": "Ann", "c": "Ann"}
    assert side.has_ended


def test_a_rename_waits_for_the_batch_that_is_being_applied(kernel: Kernel) -> None:
    side = JoiningSide(kernel, batch=3, checkpoint_ns=5, delay_ns=0)

    async def story() -> None:
        for event in orders_of_ann(4):
            await side.append(event)
        await kernel.pause(1)
        side.rename(ANN, "Ann")
        side.rename("customer-2", "Bob")
        side.end()

    run_actors(kernel, story())
    assert side.told() == [
        (0, "taken", 0, 3), (10, "applied", 0, 1), (20, "applied", 0, 2), (30, "applied", 0, 3),
        (35, "rename_taken", 0, 1), (44, "rename_applied", 1, 3),
        (44, "rename_taken", 0, 2), (44, "rename_applied", 2, 0),
        (44, "taken", 0, 4), (54, "applied", 0, 4),
    ]  # fmt: skip


def test_an_event_and_a_rename_of_one_instant_wake_it_once(kernel: Kernel) -> None:
    """Woken twice it would go on in the midst of its work."""
    side = JoiningSide(kernel, delay_ns=0)
    first, second = orders_of_ann(2)

    async def story() -> None:
        await side.append(first)
        await kernel.pause(50)
        side.rename(ANN, "Ann")
        await side.append(second)
        side.rename(ANN, "Anna")
        await kernel.pause(100)
        side.end()

    run_actors(kernel, story())
    assert side.told()[2:] == [
        (50, "rename_taken", 0, 1), (53, "rename_applied", 1, 1),
        (53, "rename_taken", 0, 2), (56, "rename_applied", 2, 1),
        (56, "taken", 0, 2), (66, "applied", 0, 2),
    ]  # fmt: skip
    assert names_of(side.model) == {"a": "Anna", "b": "Anna"}


def test_what_arrives_while_rows_are_rewritten_waits_behind_an_event(kernel: Kernel) -> None:
    """Or renames that come faster than they are shown would leave no turn to the events."""
    side = JoiningSide(kernel, delay_ns=0)
    first, second = orders_of_ann(2)

    async def story() -> None:
        await side.append(first)
        await kernel.pause(50)
        side.rename(ANN, "Ann")
        await kernel.pause(1)
        await side.append(second)
        side.rename(ANN, "Anna")
        side.end()

    run_actors(kernel, story())
    assert [call[:2] for call in side.told()[2:]] == [
        (50, "rename_taken"), (53, "rename_applied"),
        (53, "taken"), (63, "applied"),
        (63, "rename_taken"), (69, "rename_applied"),
    ]  # fmt: skip


def test_it_ends_when_the_last_rename_has_come_though_its_events_ended_before(
    kernel: Kernel,
) -> None:
    side = JoiningSide(kernel, delay_ns=500)
    (first,) = orders_of_ann(1)

    async def story() -> None:
        await side.append(first)
        side.rename(ANN, "Ann")
        side.end()
        await kernel.pause(100)
        assert side.subscription.is_drained
        assert not side.has_ended
        assert not side.projector.is_through(Position(1))

    run_actors(kernel, story())
    assert side.told()[-2:] == [(500, "rename_taken", 0, 1), (503, "rename_applied", 1, 1)]
    assert side.has_ended
    assert side.projector.is_through(Position(1))


def test_it_ends_with_the_last_of_its_two_ways_whichever_that_is(kernel: Kernel) -> None:
    sides = JoiningSide(kernel), JoiningSide(kernel)

    async def story() -> None:
        sides[0].subscription.end()
        sides[1].way.end()
        await kernel.pause(100)
        assert not any(side.has_ended for side in sides)
        sides[0].way.end()
        sides[1].subscription.end()

    run_actors(kernel, story())
    assert all(side.has_ended for side in sides)


def test_it_is_not_through_while_it_rewrites_rows(kernel: Kernel) -> None:
    side, seen = JoiningSide(kernel, delay_ns=0), list[bool]()
    (first,) = orders_of_ann(1)

    async def story() -> None:
        await side.append(first)
        await kernel.pause(20)
        seen.append(side.projector.is_through(Position(1)))
        side.rename(ANN, "Ann")
        for _ in range(2):
            await kernel.pause(2)
            seen.append(side.projector.is_through(Position(1)))
        side.end()

    run_actors(kernel, story())
    assert seen == [True, False, True]


def test_in_a_pause_no_rename_is_taken_and_rows_are_rewritten_after_it(kernel: Kernel) -> None:
    side = JoiningSide(kernel, delay_ns=0, spans_ns=((40, 100), (101, 200)))
    first, second = orders_of_ann(2)

    async def story() -> None:
        await side.append(first)
        await side.append(second)
        await kernel.pause(50)
        side.rename(ANN, "Ann")
        await kernel.pause(51)
        side.rename(ANN, "Anna")
        side.end()

    run_actors(kernel, story())
    assert side.told()[4:] == [
        (100, "rename_taken", 0, 1), (106, "rename_applied", 1, 2),
        (200, "rename_taken", 0, 2), (206, "rename_applied", 2, 2),
    ]  # fmt: skip


def test_what_arrived_with_a_rename_that_is_in_work_when_a_pause_begins_waits_for_its_end(
    kernel: Kernel,
) -> None:
    """The second has no rows, so it would take no time in the pause either."""
    side = JoiningSide(kernel, delay_ns=2, spans_ns=((53, 100),))

    async def story() -> None:
        for event in orders_of_ann(2):
            await side.append(event)
        await kernel.pause(50)
        side.rename(ANN, "Ann")
        side.rename("customer-2", "Bob")
        side.rename(ANN, "Anna")
        side.end()

    run_actors(kernel, story())
    assert side.told()[4:] == [
        (52, "rename_taken", 0, 1), (58, "rename_applied", 1, 2),
        (100, "rename_taken", 0, 2), (100, "rename_applied", 2, 0),
        (100, "rename_taken", 0, 3), (106, "rename_applied", 3, 2),
    ]  # fmt: skip


def test_who_waits_for_a_position_hears_of_it_as_from_any_projector(kernel: Kernel) -> None:
    side, heard = JoiningSide(kernel, delay_ns=0), list[int]()

    async def read() -> None:
        await side.projector.wait_applied(Position(1))
        heard.append(int(kernel.now_ns()))

    async def story() -> None:
        side.rename(ANN, "Ann")
        await side.append(orders_of_ann(1)[0])
        side.end()

    run_actors(kernel, read(), story())
    assert heard == [10]


# What rows show.


@pytest.mark.parametrize("new_model", NEW_MODELS)
def test_rows_of_others_stay_as_they_are_and_later_ones_show_the_newest_name(
    new_model: NewModel,
) -> None:
    history, model = History(), new_model(derived_name)

    def show(*orders: tuple[str, str]) -> None:
        for order_id, customer in orders:
            for event in history.handle(create(order_id, customer)):
                model.apply(event)

    show(("a", "1"), ("b", "2"), ("c", "1"))
    assert model.orders_count(CustomerId("1")) == 2
    assert model.rename(CustomerId("1"), "Ann") == 2
    assert model.rename(CustomerId("3"), "Eve") == 0
    show(("d", "1"), ("e", "3"))
    assert names_of(model) == {"a": "Ann", "b": "Customer-2", "c": "Ann", "d": "Ann", "e": "Eve"}
    assert model.rename(CustomerId("1"), "Anna") == 3
    assert [name for name in names_of(model).values() if name == "Anna"] == ["Anna"] * 3


def test_a_row_that_was_asked_for_before_is_shown_with_the_new_name() -> None:
    model = OrdersReadModel()
    (event,) = history_of("a", 1)
    model.apply(event)
    before = model.by_id(OrderId("a"))
    model.rename(CustomerId(ANN), "Ann")
    after = model.by_id(OrderId("a"))
    assert before is not None
    assert after is not None
    assert (before.customer_name, after.customer_name) == ("Customer-customer-1", "Ann")
    assert (after.version, after.updated_ns) == (before.version, before.updated_ns)
    assert model.by_customer(CustomerId(ANN)) == (after,)


def test_an_order_is_found_by_its_customers_new_name_and_no_more_by_the_old_one() -> None:
    history, model = History(), RenamableSearch()
    commands = (create("a", "1", [item("p")]), create("b", "1", [item("q")]), cancel("a"))
    for command in commands:
        for event in history.handle(command):
            model.apply(event)
    # Of a product's name: the orders with that product stay to be found by it.
    model.rename(CustomerId("1"), "Product-p")
    assert [row.order_id for row in model.find("Product-p")] == ["a", "b"]
    model.rename(CustomerId("1"), "Ann")
    assert [row.order_id for row in model.find("Product-p")] == ["a"]
    assert [row.order_id for row in model.find("Ann")] == ["a", "b"]
    assert model.find("Customer-1") == ()


Step: TypeAlias = tuple[int, tuple[str, str] | None]
"""So much time passes; then a customer is renamed, or the next event is committed."""

RENAMES = st.tuples(
    st.sampled_from(["customer-1", "customer-2", "customer-3"]), st.sampled_from("ABC")
)
STEPS: st.SearchStrategy[list[Step]] = st.lists(
    st.tuples(st.integers(0, 30), st.none() | RENAMES), max_size=40
)


async def _story(side: JoiningSide, history: History, steps: list[Step]) -> None:
    events = iter(history.events)
    for gap, renamed in steps:
        if gap:
            await side.kernel.pause(gap)
        if renamed is None:
            event = next(events, None)
            if event is not None:
                await side.append(event)
        else:
            customer, name = renamed  # No two customers ever have the same name.
            side.rename(customer, f"{customer} {name}")
    for event in events:
        await side.append(event)
    side.end()


@pytest.mark.parametrize("new_model", NEW_MODELS)
@given(
    history=histories(),
    steps=STEPS,
    batch=st.integers(1, 4),
    delay_ns=st.sampled_from([0, 2, 100]),
    spans_ns=st.sampled_from([(), ((20, 90), (150, 151))]),
)
def test_however_events_and_renames_come_rows_are_those_of_all_events_then_all_renames(
    new_model: NewModel,
    history: History,
    steps: list[Step],
    batch: int,
    delay_ns: int,
    spans_ns: tuple[tuple[int, int], ...],
) -> None:
    kernel = Kernel(VirtualClock())
    side = JoiningSide(kernel, new_model, batch=batch, delay_ns=delay_ns, spans_ns=spans_ns)
    story: Callable[[], Coroutine[object, None, None]] = partial(_story, side, history, steps)
    run_actors(kernel, story())
    assert side.has_ended
    assert side.projector.is_through(side.log.head)
    positions = [call[3] for call in side.probe.named("rename_taken")]
    assert positions == list(range(1, side.names.head + 1))
    expected = new_model(derived_name)
    for event in side.log.events:
        expected.apply(event)
    rows = [expected.rename(event.customer_id, event.name) for event in side.names.events]
    assert side.model.contents() == expected.contents()
    told = [call[3] for call in side.probe.named("rename_applied")]
    assert all(
        isinstance(count, int) and count <= most for count, most in zip(told, rows, strict=True)
    )
