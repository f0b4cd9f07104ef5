"""A run as algebra: plan, write side, read models, queries, trace.

What makes an actor wait for something other than its own turn has no such recursion: a closed loop,
a query that waits, processors that stages share. Nor has an order that takes time to come back into
memory, since that depends on how long it was idle. A scenario with any of these is refused, with
its key.
"""

from collections.abc import Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.actors.randomness import Streams
from cqrs_sim.customer_names import DrawnReplies, Replies
from cqrs_sim.domain.queries import GetOrderStatistics, Query
from cqrs_sim.engines.algebra.enrichment import Asked, ask_and_project, enrichments
from cqrs_sim.engines.algebra.outcomes import rules_of
from cqrs_sim.engines.algebra.read_stage import Channel, Shown, project
from cqrs_sim.engines.algebra.recursions import Nanos, Spans
from cqrs_sim.engines.algebra.write_stage import (
    NEVER,
    Arrivals,
    Mailboxes,
    Written,
    until,
    write,
)
from cqrs_sim.engines.experiment import refuse_timeless
from cqrs_sim.engines.planning import load_ends_ns, plan_for
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.load_generation.columns import CommandColumns, first_mentions
from cqrs_sim.load_generation.plan import Plan
from cqrs_sim.measurement.trace import (
    CommandTable,
    DeliveryTable,
    EventTable,
    QueryTable,
    Trace,
)
from cqrs_sim.measurement.versions import versions_missing
from cqrs_sim.probe import Outcome, QueryOutcome, Strategy
from cqrs_sim.results import Result
from cqrs_sim.scenario.customers import renames_of
from cqrs_sim.scenario.deliveries import unusual_deliveries
from cqrs_sim.scenario.scenario import Pause, Scenario, Service
from cqrs_sim.scenario.shared_databases import databases_used
from cqrs_sim.scenario.units import format_duration
from cqrs_sim.service_times import draws

LONGEST_NS = 2**61
"""Most work of one stage: twice as much, and the longest run on top, still fit int64."""


def unsupported(scenario: Scenario) -> list[str]:
    """What the algebra cannot do of a scenario, one line each; empty if it can do it all."""
    mistakes = []
    load, queries = scenario.load, scenario.queries
    if load.model == "closed":
        mistakes.append('load.model = "closed": a client waits for its answers')
    if scenario.run.processors:
        count = scenario.run.processors
        mistakes.append(f"run.processors = {count}: the stages wait for one another")
    for name, model in scenario.read_models.items():
        for index, rebuild in enumerate(model.rebuilds):
            key = f"read_models.{name}.rebuilds[{index}].at"
            mistakes.append(
                f'{key} = "{format_duration(rebuild.at)}": a switch waits for the faster projector'
            )
    if scenario.store != "memory":
        mistakes.append(f'store = "{scenario.store}": commits wait for one another')
    if scenario.log.commit.mean:
        mean = format_duration(scenario.log.commit.mean)
        mistakes.append(f'log.commit.mean = "{mean}": commits wait for one another')
    if scenario.log.append:
        append = format_duration(scenario.log.append)
        mistakes.append(f'log.append = "{append}": commits wait for one another')
    if scenario.write_side.handling != "mailbox":
        handling = scenario.write_side.handling
        mistakes.append(f'write_side.handling = "{handling}": handlers come between one another')
    if scenario.write_side.replay:
        replay = format_duration(scenario.write_side.replay)
        mistakes.append(f'write_side.replay = "{replay}": idle orders come back from the log')
    if scenario.customers.rename_rate:
        renames = renames_of(scenario.customers)
        mistakes.append(f"{renames}: projectors take renames between their events")
    for name, model in scenario.read_models.items():
        if model.enrichment is not None and model.pauses:
            mistakes.append(
                f"read_models.{name}.pauses: with read_models.{name}.enrichment a pause may begin "
                "between answer and work"
            )
        if model.projection != "async":
            key = f"read_models.{name}.projection"
            mistakes.append(f'{key} = "{model.projection}": not updated by a projector')
        if model.index == "list":
            key = f"read_models.{name}.index"
            mistakes.append(f'{key} = "list": how long a search takes depends on what came before')
    mistakes += [
        f"{key}: what is delivered, and when, depends on who is there"
        for key in unusual_deliveries(scenario.write_side, scenario.read_models)
    ]
    for path, name in databases_used(scenario.write_side, scenario.read_models).items():
        mistakes.append(f'{path} = "{name}": the stages wait for one another')
    for kind in ("by_id", "by_customer", "by_status", "statistics"):
        strategy = getattr(queries.strategy, kind)
        if queries.share and getattr(queries.mix, kind) and strategy != "eventual":
            mistakes.append(f'queries.strategy.{kind} = "{strategy}": such a query waits')
    if queries.cache.ttl:
        ttl = format_duration(queries.cache.ttl)
        mistakes.append(f'queries.cache.ttl = "{ttl}": what is kept depends on who asked before')
    for kind, service in attrs.asdict(queries.services, recurse=False).items():
        if service is not None:
            mistakes.append(f"queries.services.{kind}: a service of its own")
    return [f"{mistake}, which the algebra engine cannot do; virtual can" for mistake in mistakes]


def run(scenario: Scenario, *, seed: int = 0, load: Plan | None = None) -> Result:
    """Compute what a run of a scenario comes to.

    Args:
        scenario: what to run.
        seed: of all random streams.
        load: what to send; by default it is drawn from the scenario.

    Raises:
        InvalidScenarioError: if the scenario has what the algebra cannot do, or no modelled time;
            one line for each such key.
    """
    return Result(
        trace=compute(scenario, seed=seed, load=load),
        scenario=scenario,
        seed=seed,
        engine="algebra",
    )


def compute(scenario: Scenario, *, seed: int = 0, load: Plan | None = None) -> Trace:
    """The trace of `run`.

    Raises:
        InvalidScenarioError: as there.
    """
    mistakes = unsupported(scenario)
    if mistakes:
        raise InvalidScenarioError(mistakes)
    refuse_timeless(scenario, "algebra")
    streams = Streams(seed)
    plan = plan_for(scenario, streams) if load is None else load
    return _Computed(scenario, streams, plan).trace()


def too_long(path: str, service: Service, count: int) -> InvalidScenarioError:
    """The mistake of so many services below a path that their sum is no integer of 64 bits."""
    mistake = f'{path}.service.mean = "{format_duration(service.mean)}": {count:,} of them '
    mistake += "take over 70 years, which the algebra engine cannot add up; virtual can"
    return InvalidScenarioError([mistake])


class _Computed:
    """A run, stage by stage."""

    def __init__(self, scenario: Scenario, streams: Streams, plan: Plan) -> None:
        self._scenario = scenario
        self._streams = streams
        self._plan = plan
        self._setup_count = len(plan.setup)
        self._load_ended_ns = load_ends_ns(scenario, plan)
        self._deadline_ns = self._load_ended_ns + scenario.run.drain
        self._commands = plan.command_columns()
        self._kind, self._command_kinds = _kinds(self._commands)
        self._written = self._write(self._commands)
        by_position = self._written.by_position
        self._committed_ns = self._written.committed[by_position]
        self._shown = [self._project(name) for name in scenario.read_models]
        self._queries = plan.query_columns(self._commands.order_ids)
        self._answered_ns = plan.queries_intended_ns + self._draws(
            "query", "queries", scenario.queries.service, len(plan.queries)
        )
        self._ended_ns = self._end()

    def _write(self, columns: CommandColumns) -> Written:
        plan, side = self._plan, self._scenario.write_side
        set_up = {command.order_id for command in plan.setup}
        rules = rules_of(columns.actions, plan.setup[0] if plan.setup else None)
        arrivals = Arrivals(
            intended_ns=plan.commands_intended_ns,
            service_ns=self._draws("write", "write_side", side.service, len(plan.commands)),
            order=columns.order,
            action=columns.action,
            is_set_up=np.array([name in set_up for name in columns.order_ids], np.bool_),
        )
        capacity = side.mailbox if side.policy == "reject" else None
        mailboxes = Mailboxes(capacity=capacity, pauses=_spans(side.pauses))
        return write(arrivals, rules, mailboxes, self._deadline_ns)

    def _project(self, name: str) -> Shown:
        model = self._scenario.read_models[name]
        before = self._setup_count
        count = before + len(self._committed_ns)
        service = self._draws(f"read/{name}", f"read_models.{name}", model.service, count)[before:]
        channel = Channel(
            capacity=model.channel,
            batch=model.batch,
            checkpoint_ns=model.checkpoint,
            poll_ns=model.poll,
            pauses=_spans(model.pauses),
        )
        arrived = self._committed_ns + model.transport
        if model.enrichment is None:
            return project(arrived, service, channel)
        replies = Replies(self._streams, model.enrichment).drawn(len(self._commands.order))
        if replies.took_ns.sum(dtype=np.float64) > LONGEST_NS:
            raise too_long(f"read_models.{name}.enrichment", model.enrichment.service, len(service))
        return ask_and_project(arrived, service, channel, self._asked(replies))

    def _asked(self, replies: DrawnReplies) -> Asked:
        by_position = self._written.by_position
        is_new = self._written.version[by_position] == 1
        return Asked(
            is_new=is_new,
            took_ns=np.where(is_new, replies.took_ns[by_position], 0),
            attempts=replies.attempts[by_position],
            is_told=replies.is_told[by_position],
        )

    def _draws(self, stream: str, path: str, service: Service, count: int) -> Nanos:
        draw = draws(self._streams, stream, service)
        drawn = np.zeros(count, np.int64) if draw is None else draw.array(count)
        if drawn.sum(dtype=np.float64) > LONGEST_NS:
            raise too_long(path, service, count)
        return drawn

    def _end(self) -> int:
        """When everything is done, or the deadline."""
        if np.any(self._written.outcome == Outcome.UNFINISHED):
            return self._deadline_ns
        ends = [
            self._load_ended_ns,
            int(self._written.acknowledged.max(initial=0)),
            int(self._answered_ns.max(initial=0)),
        ]
        # When it is known that no more will be written: at an instant of its own, load and writes
        # come before projectors, and queries after them.
        written_ns = max(ends[:2])
        asked_ns = ends[2] if len(self._answered_ns) else -1
        models = self._scenario.read_models.values()
        for shown, model in zip(self._shown, models, strict=True):
            idle_ns = int(shown.checkpointed[-1]) if len(shown.checkpointed) else 0
            ends.append(idle_ns)
            # A projector that comes to rest in a pause before that hears of it at the pause's end.
            # One that polls sleeps until it hears something, and hears of this at once.
            if not model.poll and (written_ns > idle_ns or asked_ns >= idle_ns):
                ends += [end for begin, end in _spans(model.pauses) if begin <= idle_ns < end]
        return min(max(ends), self._deadline_ns)

    def trace(self) -> Trace:
        """All of it."""
        events = self._event_table()
        return Trace(
            commands=self._command_table(),
            events=events,
            deliveries=self._delivery_table(),
            queries=self._query_table(events),
            order_ids=tuple(self._queries.order_ids),
            read_models=tuple(self._scenario.read_models),
            command_kinds=self._command_kinds,
            query_kinds=tuple(kind.__name__ for kind in self._queries.kinds),
            load_ended_ns=self._load_ended_ns,
            ended_ns=self._ended_ns,
            first_position=self._setup_count + 1,
            enrichments=enrichments(self._shown, self._positions(), self._ended_ns),
        )

    def _command_table(self) -> CommandTable:
        plan, written = self._plan, self._written
        position = np.zeros(len(plan.commands), np.int64)
        position[written.by_position] = self._positions()
        intended = _stamps(plan.commands_intended_ns)
        return CommandTable(
            intended=intended,
            # A planned command is put to its mailbox, or refused, when it was intended.
            submitted=intended,
            dequeued=_stamps(written.dequeued),
            committed=_stamps(written.committed),
            acknowledged=_stamps(written.acknowledged),
            order=self._commands.order,
            kind=self._kind,
            session=plan.commands_session,
            outcome=written.outcome,
            version=written.version,
            position=position,
        )

    def _positions(self) -> Nanos:
        return np.arange(len(self._committed_ns)) + (self._setup_count + 1)

    def _event_table(self) -> EventTable:
        by_position = self._written.by_position
        return EventTable(
            position=self._positions(),
            command=by_position.astype(np.int32),
            order=self._commands.order[by_position],
            version=self._written.version[by_position],
            committed=_stamps(self._committed_ns),
        )

    def _delivery_table(self) -> DeliveryTable:
        models, count = len(self._shown), len(self._committed_ns)

        def column(name: str) -> NDArray[np.timedelta64]:
            stamps = np.empty((models, count), np.int64)
            for row, shown in zip(stamps, self._shown, strict=True):
                row[:] = getattr(shown, name)
                # Stamps of a read model rise with the position.
                row[row.searchsorted(self._ended_ns, side="right") :] = NEVER
            return _stamps(stamps.reshape(-1))

        return DeliveryTable(
            read_model=np.repeat(np.arange(models, dtype=np.int8), count),
            position=np.tile(self._positions(), models),
            delivered=column("delivered"),
            taken=column("taken"),
            applied=column("applied"),
            checkpointed=column("checkpointed"),
        )

    def _query_table(self, events: EventTable) -> QueryTable:
        plan, asked = self._plan, self._queries
        answered_ns = until(self._ended_ns, self._answered_ns.copy())
        is_answered = answered_ns != NEVER
        intended, answered = _stamps(plan.queries_intended_ns), _stamps(answered_ns)
        names = list(self._scenario.read_models)
        read_model = np.zeros(len(asked.kind), np.int8)
        position = np.zeros(len(asked.kind), np.int64)
        for code, kind in enumerate(asked.kinds):
            number = names.index(_read_model_of(kind))
            rows = is_answered & (asked.kind == code)
            read_model[rows] = number
            # A query of an instant is answered after all that is applied then.
            seen = np.searchsorted(self._shown[number].applied, answered_ns[rows], side="right")
            position[rows] = seen + self._setup_count
        return QueryTable(
            intended=intended,
            submitted=intended,
            answered=answered,
            kind=asked.kind,
            session=plan.queries_session,
            read_model=read_model,
            order=asked.order,
            position=position,
            versions_missing=versions_missing(asked.order, answered, position, events),
            strategy=np.full(len(asked.kind), Strategy.EVENTUAL, np.int8),
            outcome=np.where(is_answered, QueryOutcome.ANSWERED, QueryOutcome.UNFINISHED).astype(
                np.int8
            ),
        )


def _kinds(columns: CommandColumns) -> tuple[NDArray[np.int8], tuple[str, ...]]:
    """Each command's kind, and the kinds' names, in the order of their first mention."""
    names = [type(action).__name__ for action in columns.actions]
    distinct = list(dict.fromkeys(names))
    code_of = np.array([distinct.index(name) for name in names], np.int64)
    kind, mentioned = first_mentions(code_of[columns.action])
    return kind.astype(np.int8), tuple(distinct[code] for code in mentioned.tolist())


def _read_model_of(kind: type[Query]) -> str:
    return "statistics" if kind is GetOrderStatistics else "orders"


def _spans(pauses: Sequence[Pause]) -> Spans:
    """Pauses that touch are one."""
    spans: list[tuple[int, int]] = []
    for pause in pauses:
        begin = spans.pop()[0] if spans and spans[-1][1] == pause.at else pause.at
        spans.append((begin, pause.at + pause.duration))
    return spans


def _stamps(nanoseconds: Nanos) -> NDArray[np.timedelta64]:
    return nanoseconds.view("m8[ns]")
