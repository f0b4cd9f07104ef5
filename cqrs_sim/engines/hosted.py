"""A system for trio programs: `run_hosted` is `trio.run` with a CQRS system beside it."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from cqrs_sim.actors.clock import WallClock
from cqrs_sim.actors.kernel import Kernel
from cqrs_sim.actors.randomness import Streams
from cqrs_sim.actors.trio_host import TrioHost
from cqrs_sim.domain.commands import COMMAND_TYPES, Command
from cqrs_sim.domain.events import Event
from cqrs_sim.domain.queries import QUERY_TYPES, GetOrderById, Query
from cqrs_sim.engines.stores import store_of_run
from cqrs_sim.errors import ActorStoppedError
from cqrs_sim.event_feed import EventFeed
from cqrs_sim.event_log.past import AsOf
from cqrs_sim.ids import CorrelationId, Position
from cqrs_sim.measurement.recorder import Recorder
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.probe import Outcome
from cqrs_sim.read_side.gateway import Answer
from cqrs_sim.read_side.rebuild import Rebuild
from cqrs_sim.scenario.scenario import Scenario
from cqrs_sim.system import System
from cqrs_sim.write_side.order_actor import Accepted

T = TypeVar("T")


class HostedSystem:
    """The facade of `System`, for trio tasks, any number of them at once."""

    def __init__(self, system: System, host: TrioHost, kernel: Kernel, recorder: Recorder) -> None:
        self.inner = system
        """The system itself, for its statistics; its coroutines are for its own actors only."""
        self._host = host
        self._kernel = kernel
        self._recorder = recorder

    async def execute(
        self,
        command: Command,
        *,
        session: int = 0,
        correlation_id: CorrelationId | None = None,
        request_id: str | None = None,
    ) -> Accepted:
        """See `System.execute`.

        If the calling task is cancelled the command runs on and its outcome is `unknown`.
        """
        if not isinstance(command, COMMAND_TYPES):
            raise TypeError(f"{command!r} is no command")
        command_id = self._recorder.new_command(command, None, session)
        return await self._host.call(
            self.inner.await_outcome,
            command_id,
            command,
            correlation_id,
            request_id,
            name="execute",
            on_abandoned=lambda: self._recorder.turned_away(command_id, Outcome.UNKNOWN),
        )

    async def query(
        self,
        query: Query,
        *,
        at_least: Position | None = None,
        as_of: AsOf | None = None,
        timeout_ns: int | None = None,
        session: int = 0,
    ) -> Answer:
        """See `System.query`."""
        if not isinstance(query, QUERY_TYPES):
            raise TypeError(f"{query!r} is no query")
        if as_of is not None:
            past = self.inner.answer_as_of
            return await self._host.call(past, query, as_of, at_least, name="query as of")
        query_id = self._recorder.new_query(query, None, session)
        answer = self.inner.queries.answer
        return await self._host.call(answer, query, query_id, at_least, timeout_ns, name="query")

    async def query_write_side(self, query: GetOrderById, *, session: int = 0) -> Answer:
        """See `System.query_write_side`."""
        if not isinstance(query, GetOrderById):
            raise TypeError(f"{query!r} is no GetOrderById, all that an order actor can answer")
        query_id = self._recorder.new_query(query, None, session)
        return await self._host.call(
            self.inner.answer_from_write_side, query, query_id, name="query"
        )

    async def rebuild(self, read_model: str, *, batch: int = 100) -> Rebuild:
        """See `System.rebuild`; if the calling task is cancelled the rebuild goes on."""
        return await self._host.call(self.inner.rebuilds.rebuild, read_model, batch, name="rebuild")

    def subscribe(self, read_model: str, after: Position | None = None) -> "HostedFeed":
        """See `System.subscribe`; ends when the system closes."""
        return HostedFeed(self.inner.subscribe(read_model, after), self._host)

    def trace(self) -> Trace:
        """All stamps up to now."""
        now = self._kernel.now_ns()
        return self._recorder.trace(self.inner.log.events, load_ended_ns=now, ended_ns=now)


class HostedFeed:
    """An `EventFeed` for trio tasks."""

    def __init__(self, feed: EventFeed, host: TrioHost) -> None:
        self._feed = feed
        self._host = host

    def __aiter__(self) -> "HostedFeed":
        return self

    async def __anext__(self) -> Event:
        """The next event that the read model shows."""
        # The feed moves on here, not in the kernel: a cancelled wait must not lose the event.
        try:
            await self._host.call(self._feed.wait_next, name="subscription")
        except ActorStoppedError:
            raise StopAsyncIteration from None
        return self._feed.take()


def run_hosted(
    main: Callable[[HostedSystem], Awaitable[T]],
    scenario: Scenario,
    *,
    seed: int = 0,
    store: Path | str | None = None,
) -> T:
    """Run a trio program, `await main(system)`, with a system on the wall clock beside it.

    Call it where you would call `trio.run`. When `main` returns the system is closed.

    Args:
        main: the program.
        scenario: what the system is like; it describes no load here.
        seed: of all random draws.
        store: folder of the store in which the log is kept; what is in it already is there. None:
            the log is in memory, with the scenario's `store = "sqlite"` in a temporary folder.

    Raises:
        StoreError: if the store cannot be opened, read or written.
        ActorCrashedError: if an actor of the system raised; `main` is cancelled then.
        Exception: whatever `main` raised.
    """
    if store is None and scenario.store == "sqlite":
        with TemporaryDirectory(prefix="cqrs-sim-") as temporary:
            return run_hosted(main, scenario, seed=seed, store=Path(temporary) / "store")
    clock, durability = WallClock(), scenario.log.durability
    folder = None if store is None else Path(store)
    with store_of_run(folder, clock, durability, seed=seed) as opened:
        kernel = Kernel(clock, quantum=scenario.run.quantum)
        first = Position(1 if opened is None else opened.store.head + 1)
        recorder = Recorder(
            clock,
            tuple(scenario.read_models),
            first_position=first,
            connections=scenario.connections,
        )
        system = System(scenario, kernel, Streams(seed), recorder, store=opened)
        host = TrioHost(kernel)
        try:
            return host.run(lambda: main(HostedSystem(system, host, kernel, recorder)))
        finally:
            system.log.close()
