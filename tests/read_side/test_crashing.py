"""A projector that ends between effects and checkpoint, step by step."""

from typing import Literal

import pytest
from contracts import history_of
from fakes import RecordingProbe, appended, constant, run_actors

from cqrs_sim.actors.crashes import Crashes
from cqrs_sim.actors.kernel import Kernel
from cqrs_sim.actors.randomness import Streams
from cqrs_sim.domain.events import Event
from cqrs_sim.errors import ActorCrashedError
from cqrs_sim.event_log.memory import MemoryLog
from cqrs_sim.ids import CommandId, OrderId, Position, Version
from cqrs_sim.probe import Handling
from cqrs_sim.read_side.crashing import CrashingProjector, DeliveryOptions
from cqrs_sim.read_side.projector import ProjectorOptions
from cqrs_sim.service_times import draws


class Taken:
    """A read model that remembers what it took; it has no use for the events named."""

    def __init__(self, *useless: str) -> None:
        self.seen: list[str] = []
        self._useless = useless

    def apply(self, event: Event) -> None:
        self.takes(event)

    def takes(self, event: Event) -> bool:
        self.seen.append(event.event_id)
        return event.event_id not in self._useless

    def contents(self) -> object:
        return self.seen


class Side:
    """A log with one projector in batches of two; an event takes 10 ns, a checkpoint 5."""

    def __init__(
        self,
        kernel: Kernel,
        delivery: Literal["at_least_once", "at_most_once", "exactly_once_effect"],
        *crashes: tuple[int, int],
        is_idempotent: bool = True,
        may_miss: bool = False,
        model: Taken | None = None,
    ) -> None:
        self.kernel = kernel
        self.probe = RecordingProbe(kernel)
        self.log = MemoryLog(kernel, self.probe)
        self.model = model or Taken()
        self.subscription = self.log.subscribe("seen", 0, 100)
        options = ProjectorOptions(0, "seen", 2, draws(Streams(0), "r", constant(10)), 5)
        promised = DeliveryOptions(delivery, is_idempotent, may_miss, Crashes(crashes))
        self.projector = CrashingProjector(
            kernel, self.probe, self.subscription, self.model, kernel.sleep, options, promised
        )
        kernel.spawn(self.projector.run(), "projector seen", is_background=True)

    async def append(self, order_ids: str) -> None:
        for order_id in order_ids:
            version = self.log.version_of(OrderId(order_id))
            event = history_of(order_id, version + 1)[-1]
            await appended(self.log, OrderId(order_id), Version(version), [event], CommandId(0))
        self.subscription.end()

    def handled(self) -> list[tuple[object, ...]]:
        return [call[2:] for call in self.probe.named("handled")]


def test_without_a_crash_it_does_what_the_usual_projector_does(kernel: Kernel) -> None:
    side = Side(kernel, "at_least_once")
    run_actors(kernel, side.append("abc"))
    assert side.probe.named("taken", "applied", "checkpointed") == [
        (0, "taken", 0, 2),
        (10, "applied", 0, 1),
        (20, "applied", 0, 2),
        (25, "checkpointed", 0, 2),
        (25, "taken", 0, 3),
        (35, "applied", 0, 3),
        (40, "checkpointed", 0, 3),
    ]
    assert side.handled() == []
    assert side.projector.is_through(side.log.head)


def test_at_least_once_what_was_applied_behind_the_checkpoint_is_delivered_again(
    kernel: Kernel,
) -> None:
    side = Side(kernel, "at_least_once", (15, 100))
    run_actors(kernel, side.append("abc"))
    # Ends at 20, when the batch is applied and its checkpoint is not stored.
    assert side.probe.named("crashed", "restarted") == [
        (20, "crashed", 0, 0, 2, 2),
        (120, "restarted", 0),
    ]
    assert side.handled() == [(0, 1, Handling.SKIPPED), (0, 2, Handling.SKIPPED)]
    assert side.model.seen == ["a#1", "b#1", "c#1"]
    # The stamps are those of the first time; the checkpoint is the one that was stored.
    assert side.probe.named("taken", "applied", "checkpointed") == [
        (0, "taken", 0, 2),
        (10, "applied", 0, 1),
        (20, "applied", 0, 2),
        (145, "checkpointed", 0, 2),
        (145, "taken", 0, 3),
        (155, "applied", 0, 3),
        (160, "checkpointed", 0, 3),
    ]


def test_a_handler_that_is_not_idempotent_does_it_again(kernel: Kernel) -> None:
    side = Side(kernel, "at_least_once", (15, 100), is_idempotent=False)
    run_actors(kernel, side.append("aab"))
    assert side.model.seen == ["a#1", "a#2", "a#1", "a#2", "b#1"]
    assert side.handled() == [(0, 1, Handling.REPEATED), (0, 2, Handling.REPEATED)]


def test_a_crash_while_the_checkpoint_is_being_stored_is_one_before_it(kernel: Kernel) -> None:
    side = Side(kernel, "at_least_once", (21, 100))
    run_actors(kernel, side.append("ab"))
    assert side.probe.named("crashed") == [(25, "crashed", 0, 0, 2, 2)]


def test_at_most_once_the_batch_behind_the_checkpoint_is_lost(kernel: Kernel) -> None:
    side = Side(kernel, "at_most_once", (3, 100))
    run_actors(kernel, side.append("abc"))
    assert side.model.seen == ["c#1"]
    assert side.probe.named("crashed") == [(5, "crashed", 0, 2, 2, 0)]
    assert side.probe.named("taken", "applied", "checkpointed") == [
        (0, "taken", 0, 2),
        (5, "checkpointed", 0, 2),
        (105, "taken", 0, 3),
        (110, "checkpointed", 0, 3),
        (120, "applied", 0, 3),
    ]


def test_exactly_once_nothing_is_shown_before_its_checkpoint_and_work_is_done_again(
    kernel: Kernel,
) -> None:
    side = Side(kernel, "exactly_once_effect", (15, 100), is_idempotent=False)
    run_actors(kernel, side.append("abc"))
    assert side.model.seen == ["a#1", "b#1", "c#1"]
    assert side.handled() == []
    assert side.probe.named("crashed", "applied", "checkpointed") == [
        (20, "crashed", 0, 0, 2, 2),
        (145, "applied", 0, 1),
        (145, "applied", 0, 2),
        (145, "checkpointed", 0, 2),
        (160, "applied", 0, 3),
        (160, "checkpointed", 0, 3),
    ]


def test_each_crash_comes_once_and_what_is_delivered_again_may_crash_again(kernel: Kernel) -> None:
    side = Side(kernel, "at_least_once", (0, 10), (11, 10))
    run_actors(kernel, side.append("ab"))
    assert side.probe.named("crashed") == [
        (20, "crashed", 0, 0, 2, 2),
        (50, "crashed", 0, 0, 2, 2),
    ]
    assert [kind for *_, kind in side.handled()] == [Handling.SKIPPED] * 4
    assert side.projector.checkpoint == 2


def test_an_event_that_found_nothing_to_change_is_told(kernel: Kernel) -> None:
    side = Side(kernel, "at_most_once", may_miss=True, model=Taken("b#1"))
    run_actors(kernel, side.append("ab"))
    assert side.handled() == [(0, 2, Handling.WITHOUT_EFFECT)]


def test_the_next_event_of_an_order_is_applied_over_the_gap_that_a_crash_left(
    kernel: Kernel,
) -> None:
    side = Side(kernel, "at_most_once", (3, 100), may_miss=True)
    run_actors(kernel, side.append("aba"))
    assert side.model.seen == ["a#2"]


def test_where_no_event_may_be_missing_a_gap_ends_the_run(kernel: Kernel) -> None:
    side = Side(kernel, "at_most_once", (3, 100), may_miss=False)
    with pytest.raises(ActorCrashedError, match="a#2 came after version 0"):
        run_actors(kernel, side.append("aba"))


def test_it_is_through_only_when_nothing_is_left_to_come_again(kernel: Kernel) -> None:
    side = Side(kernel, "at_least_once", (15, 100))

    async def look() -> None:
        await kernel.pause(50)
        assert side.projector.applied == Position(2)
        assert not side.projector.is_through(side.log.head)

    run_actors(kernel, side.append("ab"), look())
    assert side.projector.is_through(side.log.head)
