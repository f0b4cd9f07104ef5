"""Projectors of tables, and answers from tables whose writer is ahead of who asks."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import pytest
from fakes import MS, History, create, update

from cqrs_sim.actors.clock import VirtualClock
from cqrs_sim.actors.kernel import Kernel
from cqrs_sim.domain.queries import GetOrderById, OrderRow
from cqrs_sim.errors import InvariantViolationError
from cqrs_sim.ids import Nanoseconds, OrderId, Position
from cqrs_sim.measurement.recorder import Recorder
from cqrs_sim.probe import Probe
from cqrs_sim.read_side.gateway import Answer, QueryGateway
from cqrs_sim.read_side.inline import NoInbox
from cqrs_sim.read_side.orders import OrdersReadModel
from cqrs_sim.read_side.projector import ProjectorOptions
from cqrs_sim.read_side.stored_projector import StoredInlineProjector, StoredProjector
from cqrs_sim.read_side.table_model import TableModel

OPTIONS = ProjectorOptions(0, "orders", 1, None, 0)
SAME: Callable[[], AbstractContextManager[object]] = nullcontext


class Committed:
    """Tables as their last commit left them, and its position."""

    def __init__(self) -> None:
        self.memory = OrdersReadModel()
        self.position = Position(0)

    def commit(self, history: History) -> None:
        for event in history.events[self.position :]:
            self.memory.apply(event)
            self.position = event.position

    @contextmanager
    def snapshot(self) -> Iterator[Position]:
        yield self.position

    def by_id(self, order_id: OrderId) -> OrderRow | None:
        return self.memory.by_id(order_id)

    def contents(self) -> object:
        return self.memory.contents()


def probe_of(kernel: Kernel) -> Probe:
    return Recorder(kernel.clock, ("orders",))


def test_an_answer_from_a_commit_that_is_not_heard_of_waits_until_it_is() -> None:
    """The writer thread commits, and the kernel's thread hears of it a while later."""
    kernel, tables, history = Kernel(VirtualClock()), Committed(), History()
    probe = probe_of(kernel)
    model = TableModel(tables, tables.snapshot, SAME)
    projector = StoredInlineProjector(kernel, probe, model, OPTIONS)
    gateway = QueryGateway(kernel, probe, {"orders": projector}, None)
    query, found = GetOrderById(OrderId("a")), list[tuple[int, Answer]]()

    async def ask() -> None:
        answer = await gateway.answer(query, probe.new_query(query, None, 0))
        found.append((kernel.now_ns(), answer))

    async def main() -> None:
        history.handle(create("a"))
        history.handle(update("CONFIRMED", "a"))
        tables.commit(history)
        kernel.spawn(ask(), "query")
        await kernel.pause(3 * MS)
        projector.after(history.events[:1], Nanoseconds(kernel.now_ns()))
        await kernel.pause(2 * MS)
        projector.after(history.events[1:], Nanoseconds(kernel.now_ns()))
        await kernel.pause(1 * MS)
        kernel.spawn(ask(), "query")
        await kernel.pause(1 * MS)
        kernel.stop()

    kernel.spawn(main(), "test")
    kernel.run_virtual()
    kernel.close()
    assert [(instant, answer.position) for instant, answer in found] == [(5 * MS, 2), (6 * MS, 2)]
    for _, answer in found:
        assert isinstance(answer.value, OrderRow)
        assert answer.value.version == 2


def test_what_was_shown_by_earlier_runs_is_not_written_again() -> None:
    kernel, history, written = Kernel(VirtualClock()), History(), list[int]()
    for order_id in "abcd":
        history.handle(create(order_id))
    tables = Committed()
    projector = StoredProjector(
        *(kernel, probe_of(kernel), NoInbox(), TableModel(tables, tables.snapshot, SAME)),
        kernel.sleep,
        OPTIONS,
        lambda events: written.extend(event.position for event in events),
        Position(3),
    )
    projector.catch_up(history.events)
    assert written == [4]
    assert (projector.applied, projector.checkpoint) == (4, 4)


def test_nobody_but_their_writer_gives_events_to_tables() -> None:
    history, tables = History(), Committed()
    history.handle(create("a"))
    with pytest.raises(InvariantViolationError):
        TableModel(tables, tables.snapshot, SAME).apply(history.events[0])
