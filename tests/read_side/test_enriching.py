"""A projector that asks before it applies, against instants that are computed by hand."""

from collections.abc import Awaitable

import pytest
from contracts import history_of
from fakes import RecordingProbe, appended, constant, run_actors

from cqrs_sim.actors.kernel import Kernel
from cqrs_sim.actors.pauses import Pauses, Work
from cqrs_sim.actors.randomness import Streams
from cqrs_sim.domain.events import OrderCreated
from cqrs_sim.errors import ActorCrashedError
from cqrs_sim.event_log.memory import MemoryLog
from cqrs_sim.event_log.subscription import fan_out
from cqrs_sim.ids import CommandId, OrderId, Position, Version
from cqrs_sim.read_side.enriching import EnrichingProjector
from cqrs_sim.read_side.enrichment import Asking, Reply, named_by
from cqrs_sim.read_side.names import NOT_TOLD
from cqrs_sim.read_side.orders import OrdersReadModel
from cqrs_sim.read_side.projector import ProjectorOptions
from cqrs_sim.read_side.search import SearchReadModel
from cqrs_sim.service_times import draws

REPLIES = {CommandId(0): Reply(100, 1, is_told=True), CommandId(1): Reply(30, 2, is_told=False)}


class AskingSide:
    """A log with one projector that asks by command; each event takes 10 ns of its work."""

    def __init__(
        self,
        kernel: Kernel,
        *,
        batch: int = 1,
        checkpoint_ns: int = 0,
        pauses: Pauses | None = None,
    ) -> None:
        self.kernel = kernel
        self.probe = RecordingProbe(kernel)
        self.log = MemoryLog(kernel, self.probe)
        self.model = OrdersReadModel(named_by(REPLIES))
        self.subscription = self.log.subscribe("orders", 0, 100)
        self.worked: list[int] = []
        wait: Work = kernel.sleep if pauses is None else pauses.holding(kernel.sleep)
        enrichment = Asking(self.probe, 0, REPLIES, wait)
        service = draws(Streams(0), "read/orders", constant(10))
        options = ProjectorOptions(
            0, "orders", batch, service, checkpoint_ns, enrichment=enrichment
        )
        self.projector = EnrichingProjector(
            kernel, self.probe, self.subscription, self.model, self._work, options
        )
        kernel.spawn(self.projector.run(), "projector orders", is_background=True)

    def _work(self, duration_ns: int, rank: int, index: int) -> Awaitable[None]:
        self.worked.append(duration_ns)
        return self.kernel.sleep(duration_ns, rank, index)

    async def appended(self, order_ids: str) -> None:
        for order_id in order_ids:
            known = Version(self.log.version_of(OrderId(order_id)))
            event = history_of(order_id, known + 1)[-1]
            event.causation_id = command_id = CommandId(len(self.log.events))
            await appended(self.log, OrderId(order_id), known, [event], command_id)
        self.subscription.end()


def test_a_new_order_is_asked_about_and_only_then_applied(kernel: Kernel) -> None:
    side = AskingSide(kernel)
    run_actors(kernel, side.appended("aba"))
    assert side.probe.named("taken", "asked", "answered", "applied") == [
        (0, "taken", 0, 1),
        (0, "asked", 0, 1),
        (100, "answered", 1, True),
        (110, "applied", 0, 1),
        (110, "taken", 0, 2),
        (110, "asked", 0, 2),
        (140, "answered", 2, False),
        (150, "applied", 0, 2),
        (150, "taken", 0, 3),
        (160, "applied", 0, 3),
    ]
    assert side.worked == [10, 10, 10], "the questions are nobody's work"


def test_the_events_of_a_batch_wait_for_the_answers_before_them(kernel: Kernel) -> None:
    side = AskingSide(kernel, batch=3, checkpoint_ns=5)
    run_actors(kernel, side.appended("aba"))
    assert side.probe.named("asked", "answered", "applied", "checkpointed")[-5:] == [
        (110, "asked", 0, 2),
        (140, "answered", 2, False),
        (150, "applied", 0, 2),
        (160, "applied", 0, 3),
        (165, "checkpointed", 0, 3),
    ]


def test_in_a_pause_nobody_begins_to_ask_and_who_waits_goes_on_waiting(kernel: Kernel) -> None:
    side = AskingSide(kernel, pauses=Pauses(kernel, [(50, 300)]))
    run_actors(kernel, side.appended("ab"))
    assert side.probe.named("answered", "applied") == [
        (100, "answered", 1, True),
        (110, "applied", 0, 1),
        (330, "answered", 2, False),
        (340, "applied", 0, 2),
    ]


def test_who_waits_for_a_position_waits_for_its_answer(kernel: Kernel) -> None:
    side, seen = AskingSide(kernel), []

    async def read() -> None:
        await side.projector.wait_applied(Position(1))
        seen.append((kernel.now_ns(), side.model.by_id(OrderId("a"))))

    run_actors(kernel, side.appended("a"), read())
    ((instant, row),) = seen
    assert instant == 110
    assert row is not None
    assert row.customer_name == "Customer-customer-1"


def test_what_was_applied_before_is_passed_over_and_a_gap_is_a_bug(kernel: Kernel) -> None:
    side = AskingSide(kernel)
    created, _, shipped = history_of("a", 3)
    side.projector.catch_up([created])
    for position, event in enumerate((created, shipped), start=1):
        side.log.events.append(event)
        event.position, event.causation_id = Position(position), CommandId(0)
        fan_out([side.subscription], event.position, kernel.clock.instant_ns)
    with pytest.raises(ActorCrashedError) as caught:
        run_actors(kernel)
    assert str(caught.value.__cause__) == "orders: a#3 came after version 1"
    assert side.projector.duplicates_count == 1


@pytest.mark.parametrize("model", [OrdersReadModel, SearchReadModel])
def test_who_was_not_told_shows_a_placeholder(
    model: type[OrdersReadModel] | type[SearchReadModel],
) -> None:
    read_model = model(named_by(REPLIES))
    for command_id, order_id in enumerate("ab"):
        (created,) = history_of(order_id, 1)
        assert isinstance(created, OrderCreated)
        created.causation_id = CommandId(command_id)
        read_model.apply(created)
    names = [row.customer_name for row in read_model.rows.values()]
    assert names == ["Customer-customer-1", NOT_TOLD]
    if isinstance(read_model, SearchReadModel):
        assert [row.order_id for row in read_model.find(NOT_TOLD)] == ["b"]
        assert [row.order_id for row in read_model.find("Customer-customer-1")] == ["a"]
