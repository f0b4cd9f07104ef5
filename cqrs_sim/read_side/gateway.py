"""The query gateway: finds the read model that a query is for, and says how fresh the answer is."""

from collections.abc import Mapping
from typing import cast

import attrs

from cqrs_sim.actors.kernel import Kernel, Rank
from cqrs_sim.actors.pauses import Work
from cqrs_sim.actors.randomness import Draws
from cqrs_sim.actors.reply import Latch
from cqrs_sim.domain.queries import (
    AnswerValue,
    GetOrderStatistics,
    OrderAnswers,
    Query,
    StatisticsAnswers,
    answer_to,
)
from cqrs_sim.errors import FreshnessTimeoutError, InvalidScenarioError
from cqrs_sim.ids import Position, QueryId
from cqrs_sim.probe import Lookup, Probe, QueryOutcome, Strategy
from cqrs_sim.read_side.cache import AnswerCache, Entry
from cqrs_sim.read_side.projector import Projector, ProjectorOptions, ReadModel
from cqrs_sim.read_side.table_model import TableModel


@attrs.frozen
class Answer:
    """An answer and what it reflects."""

    value: AnswerValue
    position: Position
    """The answer reflects every event up to here and none behind."""
    read_model: str | None
    """None: the write side answered, or the log (`as_of`)."""
    replayed_count: int = 0
    """Events that were read from the log to know the answer: what asking for the past costs."""


@attrs.frozen
class Answering:
    """How answers are made, beyond one modelled time for all."""

    services: Mapping[type[Query], Draws | None] = attrs.field(factory=dict)
    """By query id, for these kinds of query in place of the time for all; None: only the work."""
    works: Mapping[str, Work] = attrs.field(factory=dict)
    """What spends the modelled time of a read model's answers; without: each query has a server
    of its own."""
    cache: AnswerCache | None = None
    """In front of the read models."""


ALONE = Answering()


class QueryGateway:
    """The way in for queries."""

    def __init__(
        self,
        kernel: Kernel,
        probe: Probe,
        projectors: Mapping[str, Projector],
        service: Draws | None,
        answering: Answering = ALONE,
    ) -> None:
        self._kernel = kernel
        self._probe = probe
        self._projectors = projectors
        self._service = service
        self._answering = answering
        self._in_flight_count = 0
        self._drained: Latch | None = None

    async def answer(
        self,
        query: Query,
        query_id: QueryId,
        at_least: Position | None = None,
        timeout_ns: int | None = None,
    ) -> Answer:
        """Answer from the query's read model, once that shows position `at_least`.

        Without it any answer is fresh enough. A modelled service time passes first, then the answer
        is read in one step, so it reflects exactly the position that it carries.

        Raises:
            FreshnessTimeoutError: if `at_least` is not reached within `timeout_ns`.
            InvalidScenarioError: if the scenario has no read model for such a query.
        """
        strategy = Strategy.EVENTUAL if at_least is None else Strategy.AT_LEAST
        self._probe.query_submitted(query_id, strategy)
        self._in_flight_count += 1
        try:
            projector = self._projector_for(query)
            kept = self._kept(query, query_id, at_least)
            if kept is not None:
                return await self._answer_kept(kept, query_id, projector.options)
            if at_least is not None:
                await self._wait_shown(projector, at_least, timeout_ns, query_id)
            service = self._answering.services.get(type(query), self._service)
            if service is not None:
                work = self._answering.works.get(projector.options.name, self._kernel.sleep)
                await work(service[query_id], Rank.QUERY, query_id)
            model, position = projector.read_model, projector.applied
            if isinstance(model, TableModel):
                value, position = model.answer(query)
                # The writer of the tables may be ahead of what this thread has heard: nobody may
                # see a commit before it is known.
                if position > projector.applied:
                    await projector.wait_applied(position)
            else:
                value = read(model, query)
            self._probe.query_answered(query_id, projector.options.index, position)
            if self._answering.cache is not None:
                self._answering.cache.store(query, value, position)
        finally:
            self._in_flight_count -= 1
            if self._drained is not None and not self._in_flight_count:
                self._drained.open()
        return Answer(value, position, projector.options.name)

    def _kept(self, query: Query, query_id: QueryId, at_least: Position | None) -> Entry | None:
        """What the cache has for a query, if there is a cache."""
        cache = self._answering.cache
        if cache is None:
            return None
        entry = cache.find(query, at_least)
        self._probe.query_looked_up(query_id, Lookup.MISS if entry is None else Lookup.HIT)
        return entry

    async def _answer_kept(
        self, entry: Entry, query_id: QueryId, options: ProjectorOptions
    ) -> Answer:
        """Answer from the cache, which takes its own time and no connection of any database."""
        cache = self._answering.cache
        assert cache is not None
        if cache.service is not None:
            await self._kernel.sleep(cache.service[query_id], Rank.QUERY, query_id)
        self._probe.query_answered(query_id, options.index, entry.position)
        return Answer(entry.value, entry.position, options.name)

    async def wait_drained(self) -> None:
        """Return when every query has been answered or has failed."""
        if self._in_flight_count:
            self._drained = Latch(self._kernel, "the queries in flight")
            await self._drained.wait()

    async def _wait_shown(
        self, projector: Projector, position: Position, timeout_ns: int | None, query_id: QueryId
    ) -> None:
        try:
            await projector.wait_applied(position, timeout_ns)
        except FreshnessTimeoutError:
            self._probe.query_failed(query_id, QueryOutcome.TIMED_OUT)
            raise

    def _projector_for(self, query: Query) -> Projector:
        name = "statistics" if isinstance(query, GetOrderStatistics) else "orders"
        try:
            return self._projectors[name]
        except KeyError:
            kind = type(query).__name__
            mistake = f"read_models.{name}: {kind} needs this read model, and there is none"
            raise InvalidScenarioError([mistake]) from None


def read(model: ReadModel, query: Query) -> AnswerValue:
    """What a read model in memory says to a query that is for it."""
    return answer_to(query, cast("OrderAnswers", model), cast("StatisticsAnswers", model))
