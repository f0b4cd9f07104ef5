"""The composition root: one CQRS order system, wired as a scenario says.

`execute` and `query` are the seam at which everything outside meets the system: load generators,
the demo, users. The methods here are for actors of the system's own kernel; trio tasks use the
same ones of `engines.hosted.HostedSystem`.
"""

from collections.abc import Callable, Coroutine, Sequence

from cqrs_sim.actors.kernel import Actor, Kernel
from cqrs_sim.actors.mailbox import MailboxStatistics
from cqrs_sim.actors.pauses import Pauses
from cqrs_sim.actors.randomness import Draws, Streams
from cqrs_sim.actors.reply import Latch, Reply
from cqrs_sim.domain.commands import Command, CreateOrder
from cqrs_sim.domain.events import Event
from cqrs_sim.domain.order import Order
from cqrs_sim.domain.queries import (
    GetOrderById,
    GetOrdersByCustomer,
    GetOrdersByStatus,
    GetOrderStatistics,
    OrderRow,
    Query,
)
from cqrs_sim.errors import (
    ActorStoppedError,
    CommandRejectedError,
    InvalidScenarioError,
    MailboxFullError,
)
from cqrs_sim.event_log.memory import MemoryLog
from cqrs_sim.ids import CommandId, CorrelationId, Nanoseconds, Position, QueryId
from cqrs_sim.probe import NO_READ_MODEL, Probe
from cqrs_sim.read_side.gateway import Answer, Answering, QueryGateway
from cqrs_sim.read_side.orders import OrdersReadModel
from cqrs_sim.read_side.paused import PausedSubscription
from cqrs_sim.read_side.polled import PolledSubscription
from cqrs_sim.read_side.projector import Inbox, Projector, ProjectorOptions, ReadModel
from cqrs_sim.read_side.search import SearchReadModel
from cqrs_sim.read_side.statistics import StatisticsReadModel
from cqrs_sim.scenario.scenario import Pause, QueryServices, Scenario, Service
from cqrs_sim.work_places import WorkPlaces
from cqrs_sim.write_side.gateway import CommandGateway, MailboxOptions, WriteSideStatistics
from cqrs_sim.write_side.order_actor import Accepted, OrderActors, Snapshot

READ_MODELS: dict[str, Callable[[], ReadModel]] = {
    "orders": OrdersReadModel,
    "statistics": StatisticsReadModel,
    "search": SearchReadModel,
}


class System:
    """Write side, log and read side, on one kernel."""

    def __init__(
        self,
        scenario: Scenario,
        kernel: Kernel,
        streams: Streams,
        probe: Probe,
        set_up: tuple[CreateOrder, ...] = (),
    ) -> None:
        """Wire the system; the orders of `set_up` exist and are projected before it runs."""
        self._kernel = kernel
        self._probe = probe
        self._places = WorkPlaces(scenario, kernel, probe)
        self.log = MemoryLog(kernel, probe)
        self._query_draws = draws(streams, "query", scenario.queries.service)
        services = query_draws(streams, scenario.queries.services)
        questions = services.get(GetOrderById, self._query_draws)
        self.commands = self._write_side(scenario, streams, questions)
        self.commands.set_up(set_up)
        self.projectors: dict[str, Projector] = {}
        self._projector_actors: list[Actor] = []
        self._read_draws: list[Draws] = []
        self._projecting_count = 0
        self._quiet: Latch | None = None
        for name in scenario.read_models:
            self._add_read_model(name, scenario, streams)
        works = {name: self._places.of_answers(name) for name in self.projectors}
        places = {name: work for name, work in works.items() if work is not None}
        answering = Answering(services, places)
        self.queries = QueryGateway(kernel, probe, self.projectors, self._query_draws, answering)
        self._all_query_draws = [self._query_draws, *services.values()]

    # The facade.

    def execute(
        self,
        command: Command,
        *,
        intended_ns: Nanoseconds | None = None,
        session: int = 0,
        correlation_id: CorrelationId | None = None,
    ) -> Coroutine[object, None, Accepted]:
        """Send a command and wait for its outcome.

        Args:
            command: what is asked.
            intended_ns: when its sender wanted it sent, if that was not now.
            session: of the sender.
            correlation_id: of the conversation, if this command does not begin one.

        Returns:
            The order's version and the position of the command's last event.

        Raises:
            CommandRejectedError: if the domain says no; its subclasses say why.
            MailboxFullError: if the order's mailbox is full and its policy is `reject`.
            ActorStoppedError: if the system is closed, or closes before the command was handled.
        """
        command_id = self._probe.new_command(command, intended_ns, session)
        return self.await_outcome(command_id, command, correlation_id)

    async def await_outcome(
        self, command_id: CommandId, command: Command, correlation_id: CorrelationId | None = None
    ) -> Accepted:
        """Like `execute`, for a command that already has an id."""
        reply: Reply[Accepted] = Reply(self._kernel, command.order_id)
        self.commands.submit(command, command_id, reply, correlation_id)
        try:
            accepted = await reply.wait()
        except (CommandRejectedError, MailboxFullError):
            self._probe.acknowledged[command_id] = self._kernel.clock.instant_ns
            raise
        self._probe.acknowledged[command_id] = self._kernel.clock.instant_ns
        return accepted

    def query(
        self,
        query: Query,
        *,
        at_least: Position | None = None,
        timeout_ns: int | None = None,
        intended_ns: Nanoseconds | None = None,
        session: int = 0,
    ) -> Coroutine[object, None, Answer]:
        """Ask the read side; with `at_least` wait until the answer reflects that position.

        Raises:
            FreshnessTimeoutError: if `at_least` is not reached within `timeout_ns`.
            ActorStoppedError: if the system closes first.
        """
        query_id = self._probe.new_query(query, intended_ns, session)
        return self.queries.answer(query, query_id, at_least, timeout_ns)

    def query_write_side(
        self, query: GetOrderById, *, intended_ns: Nanoseconds | None = None, session: int = 0
    ) -> Coroutine[object, None, Answer]:
        """Ask the order actor, in turn with its commands: the answer lacks nothing of its order.

        Raises:
            MailboxFullError: if the order's mailbox is full and its policy is `reject`.
            ActorStoppedError: if the system closes first.
        """
        query_id = self._probe.new_query(query, intended_ns, session)
        return self.answer_from_write_side(query, query_id)

    async def answer_from_write_side(self, query: GetOrderById, query_id: QueryId) -> Answer:
        """Like `query_write_side`, for a query that already has an id."""
        reply: Reply[Snapshot] = Reply(self._kernel, query.order_id)
        self.commands.ask(query.order_id, query_id, reply)
        snapshot = await reply.wait()
        self._probe.query_answered(query_id, NO_READ_MODEL, snapshot.position)
        return Answer(row_of(snapshot.order), snapshot.position, None)

    def subscribe(self, read_model: str, after: Position | None = None) -> "EventFeed":
        """The events that a read model shows, one by one, as it comes to show them.

        Args:
            read_model: its name in the scenario.
            after: begin behind this position; None: behind what it shows now.
        """
        if read_model not in self.projectors:
            names = ", ".join(self.projectors)
            raise InvalidScenarioError([f"no read model {read_model!r}; there are: {names}"])
        projector = self.projectors[read_model]
        return EventFeed(self.log, projector, projector.applied if after is None else after)

    # The course of a run.

    def reserve(self, commands_count: int, queries_count: int) -> None:
        """Draw the service times that a planned load can need, before the run."""
        if self._write_draws is not None:
            self._write_draws.reserve(commands_count)
        for drawn in self._all_query_draws:
            if drawn is not None:
                drawn.reserve(queries_count)
        for service in self._read_draws:
            # No command has more than one event.
            service.reserve(self.log.head + commands_count)

    async def wait_quiet(self) -> None:
        """End upstream to downstream: return when all is answered, applied and checkpointed.

        No command may be submitted any more; what is in flight is finished first.
        """
        await self.commands.wait_drained()
        await self.queries.wait_drained()
        self.log.end_subscriptions()
        if self._projecting_count:
            self._quiet = Latch(self._kernel, "the projectors to finish")
            await self._quiet.wait()

    def close(self) -> None:
        """Stop everything: messages left in mailboxes are answered, waiting readers hear of it."""
        self.commands.close()
        for actor in self._projector_actors:
            self._kernel.discard(actor)
        for projector in self.projectors.values():
            projector.stop()

    def write_side_statistics(self) -> WriteSideStatistics:
        """A snapshot of the write side."""
        return self.commands.statistics()

    def channel_statistics(self) -> list[MailboxStatistics]:
        """A snapshot of each read model's channel."""
        return [subscription.statistics() for subscription in self.log.subscriptions]

    # Wiring.

    def _write_side(
        self, scenario: Scenario, streams: Streams, questions: Draws | None
    ) -> CommandGateway:
        side, pauses = scenario.write_side, self._pauses(scenario.write_side.pauses)
        service = self._write_draws = draws(streams, "write", side.service)
        work = self._places.of_write_side()
        actors = OrderActors(
            self.log, self._probe, self._kernel.clock, work, service, questions,
            reply_ns=side.reply,
        )  # fmt: skip
        options = MailboxOptions(side.mailbox, side.policy, side.passivate_after, pauses)
        return CommandGateway(self._kernel, self._probe, actors, options)

    def _add_read_model(
        self,
        name: str,
        scenario: Scenario,
        streams: Streams,
    ) -> None:
        settings, index = scenario.read_models[name], len(self.projectors)
        work = self._places.of_projector(name)
        subscription = self.log.subscribe(name, index, settings.channel, settings.transport)
        inbox: Inbox = subscription
        pauses = self._pauses(settings.pauses)
        if pauses is not None:
            inbox, work = PausedSubscription(subscription, pauses), pauses.holding(work)
        if settings.poll:
            inbox = PolledSubscription(self._kernel, subscription, settings.poll, pauses)
        service = draws(streams, f"read/{name}", settings.service)
        if service is not None:
            self._read_draws.append(service)
        options = ProjectorOptions(
            index, name, settings.batch, service, settings.checkpoint,
            gives_way=self._places.are_turns,
        )  # fmt: skip
        model = READ_MODELS[name]()
        projector = Projector(self._kernel, self._probe, inbox, model, work, options)
        projector.catch_up(self.log.events)
        self.projectors[name] = projector
        self._projecting_count += 1
        self._projector_actors.append(
            self._kernel.spawn(
                projector.run(), f"projector {name}", is_background=True, on_exit=self._projected
            )
        )

    def _pauses(self, pauses: Sequence[Pause]) -> Pauses | None:
        spans = [(pause.at, pause.at + pause.duration) for pause in pauses]
        return Pauses(self._kernel, spans) if spans else None

    def _projected(self, _: object) -> None:
        self._projecting_count -= 1
        if self._quiet is not None and not self._projecting_count:
            self._quiet.open()


class EventFeed:
    """Events of the log as one read model comes to show them; the log is the buffer."""

    def __init__(self, log: MemoryLog, projector: Projector, after: Position) -> None:
        self._log = log
        self._projector = projector
        self._seen = after

    def __aiter__(self) -> "EventFeed":
        return self

    async def __anext__(self) -> Event:
        """The next event; ends when the system closes."""
        try:
            await self.wait_next()
        except ActorStoppedError:
            raise StopAsyncIteration from None
        return self.take()

    async def wait_next(self) -> None:
        """Return when the next event is shown.

        Raises:
            ActorStoppedError: if the system closes first.
        """
        await self._projector.wait_applied(Position(self._seen + 1))

    def take(self) -> Event:
        """The next event, which must be shown."""
        self._seen = Position(self._seen + 1)
        return self._log.events[self._seen - 1]


def draws(streams: Streams, name: str, service: Service) -> Draws | None:
    """The service times of a stage; None where no modelled time passes at all."""
    if service.distribution == "real" or service.mean == 0:
        return None
    stream = streams.stream(f"service/{name}")
    return Draws(stream, service.distribution, service.mean, service.spread)


def query_draws(streams: Streams, services: QueryServices) -> dict[type[Query], Draws | None]:
    """The service times of those kinds of query that have one of their own."""
    of_kind = {
        GetOrderById: services.by_id,
        GetOrdersByCustomer: services.by_customer,
        GetOrdersByStatus: services.by_status,
        GetOrderStatistics: services.statistics,
    }
    return {
        kind: draws(streams, f"query/{kind.__name__}", service)
        for kind, service in of_kind.items()
        if service is not None
    }


def row_of(order: Order | None) -> OrderRow | None:
    """An order's state as a query answers it: what the read model `orders` shows once it can."""
    if order is None:
        return None
    return OrderRow(
        order.order_id, order.customer_id, f"Customer-{order.customer_id}", order.items,
        order.total_cents, order.status, order.created_ns, order.updated_ns, order.version,
    )  # fmt: skip


def fold(system: System, name: str) -> ReadModel:
    """A fresh read model to which every event of the log was applied, for comparison."""
    model = READ_MODELS[name]()
    for event in system.log.events:
        model.apply(event)
    return model
