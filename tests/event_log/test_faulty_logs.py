"""The contract of event logs catches each fault that it is there for."""

import inspect
from collections.abc import Callable, Iterator, Sequence

import attrs
import pytest
from contracts import EventLogContract
from fakes import RecordingProbe

from cqrs_sim.actors.clock import VirtualClock
from cqrs_sim.actors.kernel import Kernel, Rank
from cqrs_sim.domain.events import Event
from cqrs_sim.event_log.memory import NO_VERSION, Committed, MemoryLog, Pending
from cqrs_sim.ids import CommandId, OrderId, Position, Version


class NoVersionCheck(MemoryLog):
    """Appends whatever version is expected."""

    def _store(self, order_id: OrderId, expected: Version, new_events: Sequence[Event]) -> Position:
        return super()._store(order_id, self.version_of(order_id), new_events)


class HalfABatch(MemoryLog):
    """Loses the last event of a command with several."""

    def _store(self, order_id: OrderId, expected: Version, new_events: Sequence[Event]) -> Position:
        kept = new_events[:-1] if len(new_events) > 1 else new_events
        return super()._store(order_id, expected, kept)


class PositionsOutOfOrder(MemoryLog):
    """Gives the events of a command their positions the wrong way round."""

    def _store(self, order_id: OrderId, expected: Version, new_events: Sequence[Event]) -> Position:
        position = super()._store(order_id, expected, new_events)
        given_out = [event.position for event in new_events]
        for event, wrong in zip(new_events, reversed(given_out), strict=True):
            event.position = wrong
        return position


@attrs.frozen
class Later:
    """The commit of a `VisibleBeforeTheCommit`, when its time is over."""

    log: "VisibleBeforeTheCommit"
    events: Sequence[Event]
    command_id: CommandId
    position: Position

    def end(self) -> Position:
        self.log.commit(self.events, self.command_id)
        return self.position


class VisibleBeforeTheCommit(MemoryLog):
    """Gives out positions, and shows the events, before the commit that it then waits for."""

    def begin_append(
        self,
        order_id: OrderId,
        expected: Version,
        new_events: Sequence[Event],
        command_id: CommandId,
        request_id: str | None = None,
    ) -> Pending:
        position = self._store(order_id, expected, new_events)
        for subscription in self.subscriptions:
            if subscription.receiver is not None:
                receiver, subscription.receiver = subscription.receiver, None
                receiver.lane.append(receiver)
        self._kernel.sleep(1, Rank.OTHER, self._kernel.running.serial)
        return Later(self, new_events, command_id, position)

    def commit(self, events: Sequence[Event], command_id: CommandId) -> None:
        self._publish(events, command_id, self._clock.instant_ns)


class PublishedBeforeTheStamp(MemoryLog):
    """Delivers, and stamps the commit afterwards."""

    def begin_append(
        self,
        order_id: OrderId,
        expected: Version,
        new_events: Sequence[Event],
        command_id: CommandId,
        request_id: str | None = None,
    ) -> Position | Pending:
        committed, self._committed = self._committed, {}
        position = super().begin_append(order_id, expected, new_events, command_id, request_id)
        self._committed = committed
        committed[command_id] = self._clock.instant_ns
        return position


class ForgetfulOfRequests(MemoryLog):
    """Takes a request again that it has committed."""

    def _refuse_repeated(self, order_id: OrderId, request_id: str) -> None: ...


class OutcomeOfTheLast(MemoryLog):
    """Gives the latest position as every request's outcome."""

    def outcome_of(self, request_id: str) -> Committed | None:
        known = super().outcome_of(request_id)
        return known and Committed(known.order_id, Version(known.version + 1), self.head)


class NewestFirst(MemoryLog):
    """Reads an order backwards."""

    def read_order(
        self, order_id: OrderId, after: Version = NO_VERSION, until: Position | None = None
    ) -> list[Event]:
        return list(reversed(super().read_order(order_id, after, until)))


class AllOfTheOrder(MemoryLog):
    """Reads an order to its end, whatever position it is asked for."""

    def read_order(
        self, order_id: OrderId, after: Version = NO_VERSION, until: Position | None = None
    ) -> list[Event]:
        return super().read_order(order_id, after)


FAULTY = {
    NoVersionCheck: "test_an_unexpected_version_is_a_conflict_and_leaves_nothing",
    HalfABatch: "test_the_events_of_one_command_are_adjacent",
    PositionsOutOfOrder: "test_positions_and_versions_have_no_gap_whatever_is_appended",
    VisibleBeforeTheCommit: (
        "test_an_event_is_seen_once_it_is_committed_and_in_the_order_of_positions"
    ),
    PublishedBeforeTheStamp: "test_the_commit_is_stamped_first",
    ForgetfulOfRequests: "test_a_request_is_committed_once_and_its_first_outcome_is_known",
    OutcomeOfTheLast: "test_a_request_is_committed_once_and_its_first_outcome_is_known",
    NewestFirst: "test_an_order_is_read_oldest_event_first",
    AllOfTheOrder: "test_an_order_is_read_up_to_a_position",
}
"""Each fault, and the test that must find it; others may, too."""


def cases(test: Callable[..., None]) -> Iterator[dict[str, object]]:
    """The parameters of a test, one set after another; one empty set if it has none."""
    for mark in getattr(test, "pytestmark", []):
        names, values = mark.args
        if isinstance(names, str):
            yield from ({names: value} for value in values)
        else:
            yield from (dict(zip(names, value, strict=True)) for value in values)
        return
    yield {}


def broken_by(log_class: type[MemoryLog]) -> set[str]:
    """The tests of the contract that a log does not pass."""

    class Contract(EventLogContract):
        def make(self, kernel: Kernel, probe: RecordingProbe) -> MemoryLog:
            return log_class(kernel, probe)

    broken = set()
    for name, test in inspect.getmembers(EventLogContract, inspect.isfunction):
        if not name.startswith("test_"):
            continue
        for given in cases(test):
            kernel = Kernel(VirtualClock())
            probe = RecordingProbe(kernel)
            contract = Contract()
            fixtures = {
                "kernel": kernel,
                "probe": probe,
                "log": contract.make(kernel, probe),
            }
            wanted = {key: fixtures[key] for key in inspect.signature(test).parameters
                      if key in fixtures}  # fmt: skip
            try:
                test(contract, **wanted, **given)
            except (Exception, pytest.fail.Exception):
                broken.add(name)
    return broken


@pytest.mark.parametrize("log_class", FAULTY)
def test_the_contract_catches(log_class: type[MemoryLog]) -> None:
    assert FAULTY[log_class] in broken_by(log_class)


def test_the_contract_finds_nothing_in_a_log_without_a_fault() -> None:
    assert broken_by(MemoryLog) == set()
