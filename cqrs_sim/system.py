"""The composition root: one CQRS order system, wired as a scenario says.

`execute` and `query` are the seam at which everything outside meets the system: load generators,
the demo, users. The methods here are for actors of the system's own kernel; trio tasks use the
same ones of `engines.hosted.HostedSystem`.
"""

from collections.abc import Callable, Coroutine, Sequence
from functools import partial

from cqrs_sim.actors.kernel import Kernel
from cqrs_sim.actors.mailbox import MailboxStatistics
from cqrs_sim.actors.pauses import Pauses
from cqrs_sim.actors.randomness import Draws, Streams
from cqrs_sim.actors.reply import Reply
from cqrs_sim.customer_names import CustomerNames
from cqrs_sim.delivery_modes import tasks_of
from cqrs_sim.domain.commands import Command, CreateOrder
from cqrs_sim.domain.queries import GetOrderById, Query, row_of
from cqrs_sim.errors import TURNED_AWAY, InvalidScenarioError, UnknownPastError
from cqrs_sim.event_feed import EventFeed
from cqrs_sim.event_log.durable import StoreOfRun
from cqrs_sim.event_log.past import AsOf, position_as_of
from cqrs_sim.ids import CommandId, CorrelationId, Nanoseconds, OrderId, Position, QueryId
from cqrs_sim.probe import NO_READ_MODEL, Probe
from cqrs_sim.read_side.gateway import Answer, Answering, QueryGateway
from cqrs_sim.read_side.inboxes import inbox_of
from cqrs_sim.read_side.past import answer_by_replay
from cqrs_sim.read_side.projector import Projector, ProjectorOptions, ReadModel
from cqrs_sim.read_side.projector_actors import ProjectorActors
from cqrs_sim.read_side.rebuild import Rebuild, Rebuilds, Site
from cqrs_sim.read_side.tasks import TaskProjector
from cqrs_sim.renaming import Renaming
from cqrs_sim.run_log import log_of_run
from cqrs_sim.run_views import views_of_run
from cqrs_sim.run_writers import Parts, gateway_of_run, rehydrator_of_run
from cqrs_sim.scenario.projections import not_rebuilt
from cqrs_sim.scenario.scenario import Pause, Scenario
from cqrs_sim.service_times import cache_of, draws, query_draws
from cqrs_sim.work_places import WorkPlaces
from cqrs_sim.write_side.activations import Activations
from cqrs_sim.write_side.crashing import watch_for_crashes
from cqrs_sim.write_side.gateway import CommandGateway, WriteSideStatistics
from cqrs_sim.write_side.order_actor import Accepted, Snapshot
from cqrs_sim.write_side.rehydration import Rehydrated


class System:
    """Write side, log and read side, on one kernel."""

    def __init__(
        self,
        scenario: Scenario,
        kernel: Kernel,
        streams: Streams,
        probe: Probe,
        set_up: tuple[CreateOrder, ...] = (),
        store: StoreOfRun | None = None,
    ) -> None:
        """Wire the system; the orders of `set_up` exist and are projected before it runs.

        So does what is in `store`, where the log is kept from now on.

        Raises:
            StoreError: if the store cannot be read or written.
        """
        self._kernel = kernel
        self._probe = probe
        self._places = WorkPlaces(scenario, kernel, probe)
        self.log = log_of_run(scenario, kernel, probe, streams, store)
        self._names = names = CustomerNames(scenario, kernel, probe, streams)
        self.renaming = Renaming(scenario, kernel, probe, streams)
        self._views = views_of_run(scenario, kernel, probe, store, self.log.events, names)
        self.new_model = self._views.new_model
        self.activations = Activations()
        self._keeps = scenario.write_side.keeps
        self._replay_ns = scenario.write_side.replay
        self._query_draws = draws(streams, "query", scenario.queries.service)
        services = query_draws(streams, scenario.queries.services)
        questions = services.get(GetOrderById, self._query_draws)
        self._read_draws: dict[str, Draws] = {}
        for name, model in scenario.read_models.items():
            drawn = draws(streams, f"read/{name}", model.service)
            if drawn is not None:
                self._read_draws[name] = drawn
        self.commands = self._write_side(scenario, streams, questions, store)
        self.commands.set_up(set_up)
        self._tasks: list[TaskProjector] = []
        watch_for_crashes(kernel, probe, self.log, self.commands, self._tasks)
        self.projectors: dict[str, Projector] = {}
        self._actors = ProjectorActors(kernel)
        self.rebuilds = Rebuilds(kernel)
        self.rebuilds.refused = not_rebuilt(scenario.read_models) | self.renaming.not_rebuilt
        for name in scenario.read_models:
            self._add_read_model(name, scenario, streams)
        if store is not None:
            store.begin()  # Behind all that it can be refused for.
        self.log.write_recorded()
        for projector in self.projectors.values():
            projector.catch_up(self.log.events)
        works = {name: self._places.of_answers(name) for name in self.projectors}
        places = {name: work for name, work in works.items() if work is not None}
        cache = cache_of(scenario.queries.cache, kernel, streams)
        answering = Answering(services, places, cache)
        self.queries = QueryGateway(kernel, probe, self.projectors, self._query_draws, answering)
        of_cache = None if cache is None else cache.service
        self._all_query_draws = [self._query_draws, of_cache, *services.values()]

    # The facade.

    def execute(
        self,
        command: Command,
        *,
        intended_ns: Nanoseconds | None = None,
        session: int = 0,
        correlation_id: CorrelationId | None = None,
        request_id: str | None = None,
    ) -> Coroutine[object, None, Accepted]:
        """Send a command and wait for its outcome.

        Args:
            command: what is asked.
            intended_ns: when its sender wanted it sent, if that was not now.
            session: of the sender.
            correlation_id: of the conversation, if this command does not begin one.
            request_id: a name of the sender's own, unique for ever. A command that is sent again
                with it is not decided again: it gets the first outcome, with a durable log also
                after a restart, and is rejected if it asks for something else. A rejection leaves
                no trace, so what was rejected is decided anew.

        Returns:
            The order's version and the position of the command's last event.

        Raises:
            CommandRejectedError: if the domain says no; its subclasses say why.
            ConcurrencyConflictError: if a handler gave up: each time another write came first.
            StoreError: if the durable log cannot commit; the run ends.
            MailboxFullError: if the order's mailbox is full and its policy is `reject`.
            WriteSideDownError: if a planned crash came before the answer, or is not over.
            ActorStoppedError: if the system is closed, or closes before the command was handled.
        """
        command_id = self._probe.new_command(command, intended_ns, session)
        return self.await_outcome(command_id, command, correlation_id, request_id)

    async def await_outcome(
        self,
        command_id: CommandId,
        command: Command,
        correlation_id: CorrelationId | None = None,
        request_id: str | None = None,
    ) -> Accepted:
        """Like `execute`, for a command that already has an id."""
        reply: Reply[Accepted] = Reply(self._kernel, command.order_id)
        self.commands.submit(command, command_id, reply, correlation_id, request_id)
        try:
            accepted = await reply.wait()
        except TURNED_AWAY:
            self._probe.acknowledged[command_id] = self._kernel.clock.instant_ns
            raise
        self._probe.acknowledged[command_id] = self._kernel.clock.instant_ns
        return accepted

    def query(
        self,
        query: Query,
        *,
        at_least: Position | None = None,
        as_of: AsOf | None = None,
        timeout_ns: int | None = None,
        intended_ns: Nanoseconds | None = None,
        session: int = 0,
    ) -> Coroutine[object, None, Answer]:
        """Ask the read side; with `at_least` wait until the answer reflects that position.

        With `as_of` the answer is that of then, from the log (`answer_as_of`); it is no part of the
        trace, which is about answers of now.

        Raises:
            FreshnessTimeoutError: if `at_least` is not reached within `timeout_ns`.
            UnknownPastError: if the log does not reach to `as_of`, or `at_least` is given too.
            ActorStoppedError: if the system closes first.
        """
        if as_of is not None:
            return self.answer_as_of(query, as_of, at_least)
        query_id = self._probe.new_query(query, intended_ns, session)
        return self.queries.answer(query, query_id, at_least, timeout_ns)

    async def answer_as_of(
        self, query: Query, as_of: AsOf, at_least: Position | None = None
    ) -> Answer:
        """What the answer was when the log ended at a position, or at an instant.

        One order comes from its own events and snapshots, everything else from a replay of the log;
        no read model of the scenario is needed. Each event read takes `write_side.replay`.

        Raises:
            UnknownPastError: as `query`.
        """
        if at_least is not None:
            raise UnknownPastError(f"as_of with at_least = {at_least}: the past waits for nothing")
        log, kernel, replay_ns = self.log, self._kernel, self._replay_ns
        head = self._past(as_of)
        if not isinstance(query, GetOrderById):
            return await answer_by_replay(query, log.events, head, kernel, replay_ns)
        found = self.rehydrator.state_of(query.order_id, head)
        if replay_ns:
            await kernel.pause(replay_ns * found.read_count)
        return Answer(row_of(found.order), head, None, replayed_count=found.read_count)

    def order_as_of(self, order_id: OrderId, as_of: AsOf) -> Rehydrated:
        """An order's state on the write side as it was then, at no modelled time.

        Raises:
            UnknownPastError: if the log does not reach there.
        """
        head = self._past(as_of)
        return self.rehydrator.state_of(order_id, head)

    def _past(self, as_of: AsOf) -> Position:
        if self._keeps == "rows":
            raise UnknownPastError('as_of: write_side.keeps = "rows" keeps the present alone')
        return position_as_of(self.log, as_of, self._kernel.now_ns())

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

    def subscribe(self, read_model: str, after: Position | None = None) -> EventFeed:
        """The events that a read model shows, one by one, as it comes to show them: `EventFeed`.

        Args:
            read_model: its name in the scenario.
            after: begin behind this position; None: behind what it shows now.
        """
        if read_model not in self.projectors:
            names = ", ".join(self.projectors)
            raise InvalidScenarioError([f"no read model {read_model!r}; there are: {names}"])
        projector = self.projectors[read_model]
        return EventFeed(self.log, projector, projector.applied if after is None else after)

    def rebuild(self, read_model: str, *, batch: int = 100) -> Coroutine[object, None, Rebuild]:
        """Rebuild a read model beside the live one; return after the switch: `Rebuilds.rebuild`."""
        return self.rebuilds.rebuild(read_model, batch)

    # The course of a run.

    def reserve(self, commands_count: int, queries_count: int) -> None:
        """Draw the service times that a planned load can need, before the run."""
        if self._write_draws is not None:
            self._write_draws.reserve(commands_count)
        for drawn in self._all_query_draws:
            if drawn is not None:
                drawn.reserve(queries_count)
        for service in self._read_draws.values():
            # No command has more than one event.
            service.reserve(self.log.head + commands_count)
        self._names.reserve(commands_count)

    async def wait_quiet(self) -> None:
        """End upstream to downstream: return when all is answered, applied and checkpointed.

        No command may be submitted any more; what is in flight is finished first.
        """
        await self.commands.wait_drained()
        await self.queries.wait_drained()
        await self.renaming.wait_quiet()
        self.log.end_subscriptions()
        await self.log.wait_published()
        for tasks in self._tasks:
            await tasks.wait_drained()
        await self._actors.wait_done()

    def close(self) -> None:
        """Stop everything: messages left in mailboxes are answered, waiting readers hear of it."""
        self.commands.close()
        self.renaming.close()
        self.rebuilds.close()
        self._actors.close()
        for projector in self.projectors.values():
            projector.stop()
        self.log.close()

    def write_side_statistics(self) -> WriteSideStatistics:
        """A snapshot of the write side."""
        return self.commands.statistics()

    def channel_statistics(self) -> list[MailboxStatistics]:
        """A snapshot of each read model's channel."""
        return [subscription.statistics() for subscription in self.log.subscriptions]

    # Wiring.

    def _write_side(
        self,
        scenario: Scenario,
        streams: Streams,
        questions: Draws | None,
        store: StoreOfRun | None,
    ) -> CommandGateway:
        side = scenario.write_side
        service = self._write_draws = draws(streams, "write", side.service)
        work, inline = self._places.of_write_side(), self._inline_service(scenario)
        if inline is not None and service is None:
            service = Draws(streams.stream("service/write"), "constant", 0)
        self.rehydrator = rehydrator_of_run(scenario, self.log, self._views.load, store)
        parts = Parts(
            kernel=self._kernel,
            probe=self._probe,
            log=self.log,
            work=work,
            service=service,
            questions=questions,
            inline=inline,
            rehydrator=self.rehydrator,
            activations=self.activations,
            pauses=self._pauses(side.pauses),
        )
        return gateway_of_run(scenario, streams, parts)

    def _inline_service(self, scenario: Scenario) -> Callable[[int], int] | None:
        """By command id, the time to update all that is updated within a commit.

        The draws of a read model are the same as if it had a projector, but by command instead of
        by position, which is not known before the commit.
        """
        models = scenario.read_models
        inline = [d for name, d in self._read_draws.items() if models[name].projection == "inline"]
        return (lambda index: sum(drawn[index] for drawn in inline)) if inline else None

    def _add_read_model(self, name: str, scenario: Scenario, streams: Streams) -> None:
        settings, index = scenario.read_models[name], len(self.projectors)
        pauses = self._pauses(settings.pauses)
        options = ProjectorOptions(
            *(index, name, settings.batch, self._read_draws.get(name), settings.checkpoint),
            gives_way=self._places.are_turns,
            enrichment=self._names.asking(name, index, pauses),
            renames=self.renaming.renames(name, pauses),
        )
        work = self._places.of_projector(name)
        if settings.projection == "inline":
            self.projectors[name] = inline = self._views.inline(options)
            self.log.hooks.append(inline)
            return
        if settings.projection == "task":
            self.projectors[name] = tasks = tasks_of(
                scenario, self._kernel, self._probe, work, options, self.log.read_order
            )
            self.log.tell_when_published(tasks)
            self._tasks.append(tasks)
            return
        subscription = self.log.subscribe(name, index, settings.channel, settings.transport)
        self.renaming.wake(name, subscription.wake)
        if pauses is not None:
            work = pauses.holding(work)
        new_inbox = partial(inbox_of, self._kernel, subscription, settings.poll, pauses)
        projector = self._views.following(new_inbox(), work, options)
        self.projectors[name] = projector
        self._actors.start(projector)
        site = Site(
            projector=projector,
            subscription=subscription,
            new_inbox=new_inbox,
            new_model=partial(self.new_model, name),
            # A stream of its own each time: the draws of the live projector stay what they are.
            new_service=lambda number: draws(streams, f"rebuild/{name}/{number}", settings.service),
            work=work,
            restart=lambda: self._actors.start(projector),
            new_file=self._views.new_file(name),
        )
        self.rebuilds.add(site, [(planned.at, planned.batch) for planned in settings.rebuilds])

    def _pauses(self, pauses: Sequence[Pause]) -> Pauses | None:
        spans = [(pause.at, pause.at + pause.duration) for pause in pauses]
        return Pauses(self._kernel, spans) if spans else None


def fold(system: System, name: str) -> ReadModel:
    """A fresh read model to which every event of the log was applied, then every rename."""
    model = system.new_model(name)
    for event in system.log.events:
        model.apply(event)
    return system.renaming.shown_by(name, model)
