"""The contract on every durable log, and what only a durable log promises."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from contracts import EventLogContract, created, history_of
from fakes import RecordingProbe, appended, run_actors, settle

from cqrs_sim.actors.clock import VirtualClock
from cqrs_sim.actors.kernel import Kernel
from cqrs_sim.actors.randomness import Draws, Streams
from cqrs_sim.errors import ConcurrencyConflictError, StoreError
from cqrs_sim.event_log.commit_server import CommitServer
from cqrs_sim.event_log.durable import Append, DurableLog, StoreOfRun
from cqrs_sim.event_log.writer_thread import WriterThread
from cqrs_sim.ids import CommandId, OrderId, Version
from cqrs_sim.storage.event_store import EventStore


class Stores:
    """Stores in temporary folders, and logs on them, all closed in the end."""

    def __init__(self) -> None:
        self._logs: list[DurableLog] = []
        self._stores: list[EventStore] = []
        self._folders: list[TemporaryDirectory[str]] = []

    def open(self, folder: Path | None = None) -> StoreOfRun:
        if folder is None:
            temporary = TemporaryDirectory()
            self._folders.append(temporary)
            folder = Path(temporary.name) / "store"
        store = EventStore(folder, "off", new_id="a store")
        self._stores.append(store)
        of = StoreOfRun(store, "virtual", 0)
        of.begin()
        return of

    def log(self, log: DurableLog) -> DurableLog:
        self._logs.append(log)
        return log

    def close(self) -> None:
        for log in self._logs:
            log.close()
        for store in self._stores:
            store.close()
        for folder in self._folders:
            folder.cleanup()
        self.__init__()  # type: ignore[misc]


@pytest.fixture
def stores() -> Iterator[Stores]:
    stores = Stores()
    yield stores
    stores.close()


class DurableContract(EventLogContract):
    """The contract, with stores that are closed after each test."""

    stores: Stores

    @pytest.fixture(autouse=True)
    def _stores(self) -> Iterator[None]:
        self.stores = Stores()
        yield
        self.stores.close()


class TestModelledLog(DurableContract):
    def make(self, kernel: Kernel, probe: RecordingProbe) -> DurableLog:
        server = CommitServer(kernel, group=256, commit=None, append_ns=0)
        return DurableLog(kernel, probe, server, queue=100)


class TestLogWrittenAtTheInstantOfACommit(DurableContract):
    def make(self, kernel: Kernel, probe: RecordingProbe) -> DurableLog:
        of = self.stores.open()
        server = CommitServer(kernel, group=256, commit=None, append_ns=0, of=of)
        return self.stores.log(DurableLog(kernel, probe, server, queue=100, of=of))


class TestLogWithAWriterThread(DurableContract):
    def make(self, kernel: Kernel, probe: RecordingProbe) -> DurableLog:
        of = self.stores.open()
        writer = WriterThread(kernel, of, group=256)
        return self.stores.log(DurableLog(kernel, probe, writer, queue=100, of=of))


class HandCommitter:
    """Commits when a test says so."""

    def __init__(self) -> None:
        self.woken_count = 0

    def start(
        self,
        line: deque[Append],
        committed: Callable[[Sequence[Append]], None],
        failed: Callable[[Exception, Sequence[Append]], None],
    ) -> None:
        self.line, self.committed, self.failed = line, committed, failed

    def wake(self) -> None:
        self.woken_count += 1

    def commit(self, count: int = 1) -> None:
        self.committed([self.line.popleft() for _ in range(count)])

    def close(self) -> None: ...


async def append(log: DurableLog, order: str, told: list[object], command: int = 0) -> None:
    try:
        position = await appended(
            log, OrderId(order), Version(0), created(order), CommandId(command)
        )
    except (StoreError, ConcurrencyConflictError) as error:
        told.append((order, type(error).__name__))
    else:
        told.append((order, position))


def test_nobody_sees_an_event_before_its_commit(kernel: Kernel, probe: RecordingProbe) -> None:
    committer, told = HandCommitter(), list[object]()
    log = DurableLog(kernel, probe, committer, queue=10)
    subscription = log.subscribe("orders", 0, 10)
    kernel.spawn(append(log, "a", told), "a")
    kernel.owed_count = 1
    kernel.run_virtual()
    assert (told, log.head, log.version_of(OrderId("a")), probe.calls) == ([], 0, 0, [])
    assert not subscription.take_batch(10)

    committer.commit()
    kernel.run_virtual()
    assert (told, log.head) == ([("a", 1)], 1)
    assert probe.calls == [(0, "committed", 0), (0, "delivered", 0, 1)]


def test_of_a_group_a_channel_gets_what_it_has_room_for_and_all_of_it_is_committed_first(
    kernel: Kernel, probe: RecordingProbe
) -> None:
    committer, told = HandCommitter(), list[object]()
    log = DurableLog(kernel, probe, committer, queue=10)
    narrow, wide = log.subscribe("orders", 0, 2), log.subscribe("search", 1, 9)
    for number, order_id in enumerate("abc"):
        kernel.spawn(append(log, order_id, told, number), order_id)
    kernel.owed_count = 1
    kernel.run_virtual()
    committer.commit(3)
    assert probe.named("committed", "delivered") == [
        *[(0, "committed", number) for number in range(3)],
        *[(0, "delivered", 0, position) for position in (1, 2)],
        *[(0, "delivered", 1, position) for position in (1, 2, 3)],
    ]
    assert (narrow.delivered, wide.delivered) == (2, 3)

    assert [event.position for event in narrow.take_batch(1)] == [1]
    assert probe.calls[-1] == (0, "delivered", 0, 3)
    kernel.run_virtual()
    assert told == [("a", 1), ("b", 2), ("c", 3)]


def test_a_version_that_is_being_committed_is_taken(kernel: Kernel, probe: RecordingProbe) -> None:
    committer, told = HandCommitter(), list[object]()
    log = DurableLog(kernel, probe, committer, queue=10)
    kernel.owed_count = 1
    kernel.spawn(append(log, "a", told), "first")
    kernel.spawn(append(log, "a", told), "second")
    kernel.run_virtual()
    assert told == [("a", "ConcurrencyConflictError")]
    assert len(committer.line) == 1


def test_more_appends_than_the_queue_holds_wait_for_a_place_in_order(
    kernel: Kernel, probe: RecordingProbe
) -> None:
    committer, told = HandCommitter(), list[object]()
    log = DurableLog(kernel, probe, committer, queue=2)
    kernel.owed_count = 1
    for name in "abcde":
        kernel.spawn(append(log, name, told), name)
    kernel.run_virtual()
    assert ([one.events[0].order_id for one in committer.line], committer.woken_count) == (
        ["a", "b"],
        2,
    )
    committer.commit()
    assert [one.events[0].order_id for one in committer.line] == ["b", "c"]
    committer.commit(2)
    committer.commit(2)
    kernel.run_virtual()
    assert told == [("a", 1), ("b", 2), ("c", 3), ("d", 4), ("e", 5)]
    assert log.most_in_line_count == 2


def test_an_error_of_the_disk_reaches_everybody_who_waits_and_ends_the_run(
    kernel: Kernel, probe: RecordingProbe
) -> None:
    committer, told = HandCommitter(), list[object]()
    log = DurableLog(kernel, probe, committer, queue=2)
    kernel.owed_count = 1
    for name in "abcd":
        kernel.spawn(append(log, name, told), name)
    kernel.run_virtual()
    committer.failed(StoreError("events.db is full"), [committer.line.popleft()])
    with pytest.raises(StoreError, match="full"):
        kernel.run_virtual()
    assert sorted(told, key=str) == [(name, "StoreError") for name in "abcd"]
    assert (log.head, probe.calls) == (0, [])


def test_nothing_is_appended_after_an_error(kernel: Kernel, probe: RecordingProbe) -> None:
    committer, told = HandCommitter(), list[object]()
    log = DurableLog(kernel, probe, committer, queue=2)
    committer.failed(StoreError("events.db is full"), [])
    kernel.spawn(append(log, "a", told), "a")
    with pytest.raises(StoreError):
        kernel.run_virtual()
    assert told == [("a", "StoreError")]
    assert not committer.line


def test_a_deadlock_is_no_deadlock_while_a_thread_owes_a_result(
    kernel: Kernel, probe: RecordingProbe, stores: Stores
) -> None:
    of = stores.open()
    log = stores.log(DurableLog(kernel, probe, WriterThread(kernel, of, group=1), queue=9, of=of))
    told: list[object] = []
    kernel.spawn(append(log, "a", told), "a")
    kernel.run_virtual()
    kernel.check_deadlock()
    assert (kernel.owed_count, told) == (1, [])
    settle(kernel)
    assert (kernel.owed_count, told) == (0, [("a", 1)])


def test_a_modelled_commit_takes_its_time_and_what_came_meanwhile_goes_together(
    kernel: Kernel, probe: RecordingProbe
) -> None:
    commit = Draws(Streams(0).stream("x"), "constant", 100)
    log = DurableLog(
        kernel,
        probe,
        CommitServer(kernel, group=2, commit=commit, append_ns=10),
        queue=100,
    )
    told: list[object] = []

    async def at(instant_ns: int, name: str, command: int) -> None:
        await kernel.sleep_until(instant_ns, 6, command)
        await append(log, name, told, command)

    run_actors(kernel, at(0, "a", 3), at(5, "b", 2), at(5, "c", 1), at(50, "d", 9))
    assert probe.named("committed") == [
        (110, "committed", 3),
        (230, "committed", 1),
        (230, "committed", 2),
        (340, "committed", 9),
    ]
    assert log.commits_count == 3


def log_in(folder: Path, stores: Stores) -> tuple[Kernel, DurableLog]:
    kernel = Kernel(VirtualClock())
    of = stores.open(folder)
    server = CommitServer(kernel, group=256, commit=None, append_ns=0, of=of)
    return kernel, stores.log(DurableLog(kernel, RecordingProbe(kernel), server, queue=9, of=of))


def test_what_was_committed_is_there_when_the_store_is_opened_again(
    stores: Stores, tmp_path: Path
) -> None:
    kernel, log = log_in(tmp_path / "store", stores)
    log.record(OrderId("a"), Version(0), history_of("a", 2))
    log.write_recorded()

    async def actor() -> None:
        await appended(log, OrderId("b"), Version(0), created("b"), CommandId(0), "req-7")

    run_actors(kernel, actor())
    events, first = list(log.events), log.outcome_of("req-7")
    assert (len(events), first is None) == (3, False)
    stores.close()

    _, again = log_in(tmp_path / "store", stores)
    assert again.events == events
    assert again.read_order(OrderId("a")) == events[:2]
    assert again.outcome_of("req-7") == first
    assert (again.version_of(OrderId("a")), again.version_of(OrderId("b"))) == (2, 1)


def test_a_number_of_one_run_is_not_that_of_another(stores: Stores) -> None:
    of = stores.open()
    next_one = StoreOfRun(of.store, "virtual", 0)
    assert next_one.run == of.run + 1
    assert of.command(CommandId(0), None) != next_one.command(CommandId(0), None)
    assert of.command(CommandId(5), "mine") == "mine"
