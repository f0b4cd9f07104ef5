"""One run of a scenario, the same on both clocks: plan, set up, load, drain, result.

The engines differ in the kernel's clock and in who runs the kernel; the course of the run is here.
"""

import gc
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal, TypeVar

import attrs

from cqrs_sim.actors.clock import VirtualClock, WallClock
from cqrs_sim.actors.kernel import Actor, Body, Kernel, Rank
from cqrs_sim.actors.pauses import Work
from cqrs_sim.actors.randomness import Streams
from cqrs_sim.actors.reply import Latch
from cqrs_sim.actors.turns import Turns
from cqrs_sim.analysis.consistency import CheckResult
from cqrs_sim.analysis.rebuilds import check_rebuilds
from cqrs_sim.analysis.rehydration import summarise_rehydrations
from cqrs_sim.domain.commands import Command, CreateOrder
from cqrs_sim.domain.queries import Query
from cqrs_sim.engines.audit import check_histories, check_order_states, rehydrations_of
from cqrs_sim.engines.convergence import check_convergence, differences, divergences
from cqrs_sim.engines.diverged_orders import orders_of
from cqrs_sim.engines.fold_differences import FoldDifference
from cqrs_sim.engines.live import Live, Tail, nothing_seen
from cqrs_sim.engines.planning import load_ends_ns, plan_for, scripts_for, setup_for
from cqrs_sim.engines.rebuilt import rebuilds_of
from cqrs_sim.engines.renames import rename_generators
from cqrs_sim.engines.sessions import Sessions
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.event_log.durable import StoreOfRun
from cqrs_sim.ids import Position, QueryId
from cqrs_sim.load_generation.generators import Clients, follow_plan
from cqrs_sim.load_generation.plan import Plan
from cqrs_sim.measurement.recorder import Recorder
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.probe import Probe
from cqrs_sim.results import Result
from cqrs_sim.scenario.scenario import Scenario
from cqrs_sim.service_times import draws
from cqrs_sim.system import System

T = TypeVar("T")


@attrs.frozen
class ClosedLoad:
    """What closed-loop clients work through."""

    setup: tuple[CreateOrder, ...]
    """Orders that exist before the run."""
    scripts: Iterator[tuple[Command | Query, ...]]
    """A client takes the next one when it is done with one; the load ends when they do."""


def load_for(scenario: Scenario, streams: Streams) -> Plan | ClosedLoad:
    """The load that a scenario describes."""
    if scenario.load.model == "closed":
        return ClosedLoad(setup_for(scenario, streams), scripts_for(scenario, streams))
    return plan_for(scenario, streams)


@attrs.frozen
class Progress:
    """How far a run is."""

    elapsed_ns: int
    """On the run's own clock."""
    expected_ns: int
    """When the load ends."""
    offered_count: int
    """Commands intended up to now."""
    submitted_count: int
    committed_count: int
    backlog_count: int
    """Events that the slowest read model has yet to apply."""
    look: Callable[[], Tail]
    """Response and lag since the last look; it costs something, so only whoever shows it asks."""


def refuse_timeless(scenario: Scenario, engine: str) -> None:
    """Refuse what takes no modelled time, where there is no other time.

    Raises:
        InvalidScenarioError: naming every such stage.
    """
    stages = {
        "write_side": scenario.write_side.service,
        "queries": scenario.queries.service,
        **{f"read_models.{name}": model.service for name, model in scenario.read_models.items()},
    }
    if scenario.queries.cache.ttl:
        stages["queries.cache"] = scenario.queries.cache.service
    own = attrs.asdict(scenario.queries.services, recurse=False)
    paths = {f"{stage}.service": service for stage, service in stages.items()}
    paths |= {f"queries.services.{kind}": service for kind, service in own.items() if service}
    mistakes = [
        f'{path}.distribution = "real": the {engine} engine needs a modelled time, '
        'such as {distribution = "exponential", mean = "1ms"}'
        for path, service in paths.items()
        if service.distribution == "real"
    ]
    reads, writes = scenario.queries, scenario.write_side
    answers = (reads.service, *(service for service in own.values() if service))
    takes_time = (reads.share > 0 and any(service.mean > 0 for service in answers)) or (
        reads.share < 1 and writes.service.mean > 0
    )
    if scenario.load.model == "closed" and not (scenario.load.think_time.mean or takes_time):
        mistakes.append(
            f"load.think_time.mean = 0: on the {engine} engine a closed load needs a think time, "
            "or a service time where it sends, else its clients send for ever at one instant"
        )
    if mistakes:
        raise InvalidScenarioError(mistakes)


class Experiment:
    """One run. Made, driven by an engine's kernel, and read once."""

    def __init__(
        self,
        scenario: Scenario,
        seed: int,
        clock: VirtualClock | WallClock,
        load: Plan | ClosedLoad | None = None,
        probe: Probe | None = None,
        store: StoreOfRun | None = None,
    ) -> None:
        """Draw the load and wire the system.

        Args:
            scenario: what to run.
            seed: of all random streams.
            clock: virtual or wall.
            load: by default it is drawn from the scenario.
            probe: what is told of the run in place of the recorder; then there is nothing to make a
                trace of, nor to look at.
            store: where the log is kept.
        """
        self.scenario = scenario
        self.kernel = Kernel(clock, quantum=scenario.run.quantum)
        self._streams = streams = Streams(seed)
        self.load = load_for(scenario, streams) if load is None else load
        set_up = self.load.setup
        planned = len(self.load.commands) if isinstance(self.load, Plan) else 0
        first = len(set_up) + 1 + (store.store.head if store is not None else 0)
        self.recorder = Recorder(
            clock,
            tuple(scenario.read_models),
            capacity=max(4096, planned),
            first_position=Position(first),
            connections=scenario.connections,
        )
        told = self.recorder if probe is None else probe
        self.system = System(scenario, self.kernel, streams, told, set_up, store)
        self.system.activations.left = {}
        self._head_before = self.system.log.head
        self._sessions = Sessions(self.system, told, self.kernel, scenario.queries)
        if isinstance(self.load, Plan):
            self.system.reserve(planned, len(self.load.queries))
        live = Live(self.recorder, self.system.log, [*self.system.projectors.values()])
        self._look = live.look if probe is None else nothing_seen
        self.is_interrupted = False
        self.load_ended_ns = 0
        self.ended_ns = 0
        self._load_actors: list[Actor] = []
        self._load_left = 0
        self._clients: Clients | None = None
        self._load_done = Latch(self.kernel, "the load to end")
        self._finished = Latch(self.kernel, "the run to end")
        self.kernel.on_interrupt = self._interrupted

    @property
    def expected_ns(self) -> int:
        """When the load should end."""
        if isinstance(self.load, Plan):
            return load_ends_ns(self.scenario, self.load)
        return self.scenario.run.duration

    def progress(self) -> Progress:
        """How far the run is now."""
        log, projectors = self.system.log, self.system.projectors.values()
        applied = min((projector.applied for projector in projectors), default=log.head)
        return Progress(
            elapsed_ns=self.kernel.now_ns(),
            expected_ns=self.expected_ns,
            offered_count=self._offered_count(),
            submitted_count=self.system.commands.submitted_count,
            committed_count=log.head - self._head_before,
            backlog_count=log.head - applied,
            look=self._look,
        )

    def _offered_count(self) -> int:
        if not isinstance(self.load, Plan):
            return self.system.commands.submitted_count
        intended_ns = self.load.commands_intended_ns
        return int(intended_ns.searchsorted(self.kernel.now_ns(), side="right"))

    async def drive(
        self, progress: Callable[[Progress], None] | None = None, period_ns: int = 0
    ) -> None:
        """The course of the run, as an actor; `progress` hears of it every `period_ns`."""
        kernel, drain_ns = self.kernel, self.scenario.run.drain
        reporter = None
        if progress is not None:
            reporter = kernel.spawn(self._report(progress, period_ns), "progress")
        if self.is_interrupted:  # Before it began.
            self._load_done.open()
        else:
            self._start_load()
            if isinstance(kernel.clock, WallClock):
                # Writing down a long plan took a while, for which no command may be late.
                kernel.clock.restart()
        await self._load_done.wait()
        now = kernel.now_ns()
        # A generator that was late does not make the plan longer: what it sent after the plan's end
        # it did not send in time.
        self.load_ended_ns = now if self.is_interrupted else self.expected_ns
        alarm = kernel.alarm(max(now, self.load_ended_ns) + drain_ns, self._finished.open)
        drainer = kernel.spawn(self._drain(), "drain")
        await self._finished.wait()
        alarm.is_cancelled = True
        self.ended_ns = kernel.now_ns()
        for actor in (drainer, reporter):
            if actor is not None:
                kernel.discard(actor)
        self.system.close()

    async def _drain(self) -> None:
        await self.system.wait_quiet()
        self._finished.open()

    def trace(self) -> Trace:
        """What was recorded."""
        return self.recorder.trace(
            self.system.log.events, load_ended_ns=self.load_ended_ns, ended_ns=self.ended_ns
        )

    def result(self, engine: Literal["virtual", "wall"]) -> Result:
        """What came of the run."""
        by_tasks = divergences(self.system, self.scenario.unordered)
        trace, system = self.trace(), self.system
        # Before the audit, which comes by snapshots too.
        noted = rehydrations_of(system.activations, system.rehydrator)
        rebuilds = rebuilds_of(system)
        return Result(
            trace=trace,
            scenario=self.scenario,
            seed=self._streams.seed,
            engine=engine,
            complete=not self.is_interrupted,
            extra_checks=(
                check_convergence(self.system, self.differences(), by_tasks),
                *self._audit(), *check_rebuilds(rebuilds),
            ),
            diverged=orders_of(by_tasks),
            rebuilds=rebuilds,
            rehydration=summarise_rehydrations(trace, noted, self.scenario.run.warm_up),
        )  # fmt: skip

    def _audit(self) -> tuple[CheckResult, ...]:
        left, events = self.system.activations.left, self.system.log.events
        assert left is not None, "this run keeps what its order actors knew"
        handling = self.scenario.write_side.handling
        if handling == "optimistic":  # What handlers know of an order they read from its events.
            return (check_histories(events),)
        has_actors = handling == "mailbox"
        states = check_order_states(events, left, self.system.rehydrator, has_actors=has_actors)
        return (states,) if has_actors else (states, check_histories(events))

    def differences(self) -> dict[str, FoldDifference]:
        """See `engines.convergence.differences`."""
        return differences(self.system, self.scenario.unordered)

    def diverged(self) -> list[str]:
        """Read models that have applied the whole log, in order, and yet differ from its fold."""
        return list(self.differences())

    # The load.

    def _start_load(self) -> None:
        if isinstance(self.load, Plan):
            self._start_plan(self.load)
        else:
            self._start_clients(self.load)
        renames = rename_generators(
            self.scenario, self._streams, self.kernel, self.system, self.expected_ns
        )
        for body in renames:
            self._add_load(body, "rename generator")

    def _start_plan(self, plan: Plan) -> None:
        kernel, ask = self.kernel, self._sessions.ask
        commands, queries = list(plan.commands), list(plan.queries)
        self.recorder.plan_commands(commands, plan.commands_intended_ns, plan.commands_session)
        self.recorder.plan_queries(queries, plan.queries_intended_ns, plan.queries_session)

        asks = plan.queries_session.tolist()

        def send_query(query: Query, number: int) -> None:
            kernel.spawn(ask(query, QueryId(number), asks[number]), "query")

        submit = self._sessions.submitting(plan.commands_session.tolist())
        send_ns = self.scenario.load.send
        ask_one: Callable[[Query, int], object] = send_query
        if send_ns and kernel.clock.is_virtual:
            work = Turns(kernel).work
            submit = spending(submit, work, send_ns)
            ask_one = spending(send_query, work, send_ns)
        sent_ns, asked_ns = plan.commands_intended_ns.tolist(), plan.queries_intended_ns.tolist()
        sending = follow_plan(kernel, sent_ns, commands, submit, Rank.LOAD)
        asking = follow_plan(kernel, asked_ns, queries, ask_one, Rank.QUERY)
        self._add_load(sending, "load generator")
        self._add_load(asking, "query generator")
        self._add_load(self._wait_until(self.expected_ns), "end of load")

    async def _wait_until(self, instant_ns: int) -> None:
        if instant_ns > self.kernel.now_ns():
            await self.kernel.sleep_until(instant_ns, Rank.LOAD, 1)

    def _start_clients(self, closed: ClosedLoad) -> None:
        load, system, sessions = self.scenario.load, self.system, self._sessions
        clients = self._clients = Clients(
            kernel=self.kernel,
            scripts=closed.scripts,
            execute=sessions.execute if sessions.keeps_tokens else system.execute,
            query=sessions.query,
            think_time=draws(self._streams, "think", load.think_time),
            ends_ns=self.expected_ns,
            thought=itertools.count(),
        )
        for number in range(load.clients):
            self._add_load(clients.run(number), f"client {number}")

    def _add_load(self, body: Body, name: str) -> None:
        self._load_left += 1
        self._load_actors.append(self.kernel.spawn(body, name, on_exit=self._load_ended))

    def _load_ended(self, _: object) -> None:
        self._load_left -= 1
        if not self._load_left:
            self._load_done.open()

    def _interrupted(self) -> None:
        """First time: no more load, drain what is there. Second time: end at once."""
        if self.is_interrupted:
            self._load_done.open()
            self._finished.open()
            return
        deadline_ns = self.kernel.now_ns() + self.scenario.run.drain
        self.kernel.alarm(deadline_ns, self._load_done.open)
        self.is_interrupted = True
        if self._clients is not None:
            self._clients.ends_ns = 0
        for actor in self._load_actors:
            # A client that waits for an outcome is to hear it, and ends by itself.
            is_in_call = self._clients is not None and actor.waiting_for is not None
            if not is_in_call and not actor.is_done:
                self.kernel.discard(actor)
                self._load_ended(None)

    async def _report(self, progress: Callable[[Progress], None], period_ns: int) -> None:
        while True:
            await self.kernel.sleep(period_ns, Rank.HOUSEKEEPING, 1)
            progress(self.progress())


def spending(
    send: Callable[[T, int], object], work: Work, duration_ns: int
) -> Callable[[T, int], None]:
    """A way to send that takes a while, for which it holds the processor."""

    def send_slowly(message: T, number: int) -> None:
        send(message, number)
        work(duration_ns, Rank.LOAD, number)

    return send_slowly


@contextmanager
def calm_collector() -> Iterator[None]:
    """Make garbage collections rare while a run lasts; the same for every run of every engine.

    Nearly all that a run makes is kept (events, rows) and free of cycles, so frequent collections
    only walk it again and again: they cost a fifth of the throughput.
    """
    thresholds = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(1_000_000, 50, 1000)
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
