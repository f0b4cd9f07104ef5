"""Sessions: how the queries of a load are asked, each kind by the strategy of the scenario.

The token of a session is the position of its last write that was acknowledged. `at_least` needs
it, so where the scenario has that strategy commands go through here too; where it has not, nothing
of this is on a command's way.
"""

from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import cast

import attrs

from cqrs_sim.actors.kernel import Kernel
from cqrs_sim.domain.commands import Command
from cqrs_sim.domain.queries import (
    GetOrderById,
    GetOrdersByCustomer,
    GetOrdersByStatus,
    GetOrderStatistics,
    Query,
)
from cqrs_sim.errors import (
    ActorStoppedError,
    FreshnessTimeoutError,
    MailboxFullError,
    WriteSideDownError,
)
from cqrs_sim.ids import CommandId, Nanoseconds, Position, QueryId
from cqrs_sim.probe import Probe, Strategy
from cqrs_sim.read_side.gateway import Answer
from cqrs_sim.scenario.scenario import Queries, ReadStrategy
from cqrs_sim.system import System
from cqrs_sim.write_side.order_actor import Accepted

NO_WRITE = Position(0)
"""Token of a session that has written nothing: it waits for nothing."""


def strategies_of(queries: Queries) -> dict[type[Query], ReadStrategy]:
    """By which strategy each kind of query is asked, in the order of `Reads.weights`."""
    asked = queries.strategy
    return {
        GetOrderById: asked.by_id,
        GetOrdersByCustomer: asked.by_customer,
        GetOrdersByStatus: asked.by_status,
        GetOrderStatistics: asked.statistics,
    }


class Sessions:
    """The sessions of one run."""

    def __init__(self, system: System, probe: Probe, kernel: Kernel, queries: Queries) -> None:
        self._system = system
        self._probe = probe
        self._clock = kernel.clock
        self._timeout_ns = queries.timeout
        self._strategies = strategies_of(queries)
        self._tokens: dict[int, Position] = {}
        self.keeps_tokens = "at_least" in self._strategies.values()
        """Whether commands must go through here, for their acknowledgements to be heard."""

    # An open load: planned messages, which have their ids.

    def submitting(self, session_of: list[int]) -> Callable[[Command, int], None]:
        """What sends a planned command of a number, whose session is that of the same number."""
        submit = self._system.commands.submit
        if not self.keeps_tokens:
            # A command's number in the plan is its id.
            return cast("Callable[[Command, int], None]", submit)

        def send(command: Command, number: int) -> None:
            command_id = CommandId(number)
            submit(command, command_id, _Listener(self, command_id, session_of[number]))

        return send

    def ask(self, query: Query, query_id: QueryId, session: int) -> Coroutine[object, None, None]:
        """Send a planned query; what comes of it is in the trace."""
        # Not at the first turn of the actor that is to wait for the answer: if the system is too
        # busy to give it one, that is no fault of who sends.
        strategy = Strategy[self._strategies[type(query)].upper()]
        self._probe.query_submitted(query_id, strategy)
        return self._ask(query, query_id, session)

    async def _ask(self, query: Query, query_id: QueryId, session: int) -> None:
        # If the run ends first the row stays unanswered.
        with suppress(
            ActorStoppedError, FreshnessTimeoutError, MailboxFullError, WriteSideDownError
        ):
            await self._answering(query, query_id, session)

    # A closed loop: clients that wait.

    async def execute(
        self, command: Command, *, intended_ns: Nanoseconds, session: int
    ) -> Accepted:
        """See `System.execute`."""
        accepted = await self._system.execute(command, intended_ns=intended_ns, session=session)
        self.remember(session, accepted.position)
        return accepted

    def query(
        self, query: Query, *, intended_ns: Nanoseconds, session: int
    ) -> Coroutine[object, None, Answer]:
        """Ask by the strategy for this kind of query; raises as `System.query` does."""
        query_id = self._probe.new_query(query, intended_ns, session)
        return self._answering(query, query_id, session)

    # Both.

    def remember(self, session: int, position: Position) -> None:
        """The session knows that its write stands at this position."""
        if position > self._tokens.get(session, NO_WRITE):
            self._tokens[session] = position

    def acknowledge(self, command_id: CommandId) -> None:
        """Stamp that the caller knows the outcome."""
        self._probe.acknowledged[command_id] = self._clock.instant_ns

    def _answering(
        self, query: Query, query_id: QueryId, session: int
    ) -> Coroutine[object, None, Answer]:
        system, strategy = self._system, self._strategies[type(query)]
        if strategy == "at_least":
            token = self._tokens.get(session, NO_WRITE)
            return system.queries.answer(query, query_id, token, self._timeout_ns)
        if strategy == "write_side":
            # A scenario allows it for these only.
            assert isinstance(query, GetOrderById)
            return system.answer_from_write_side(query, query_id)
        return system.queries.answer(query, query_id)


@attrs.define(eq=False)
class _Listener:
    """Hears of the outcome of a planned command, for its session; a `Caller`."""

    sessions: Sessions
    command_id: CommandId
    session: int

    def set(self, value: Accepted) -> None:
        """See `Caller`."""
        self.sessions.acknowledge(self.command_id)
        self.sessions.remember(self.session, value.position)

    def fail(self, error: Exception) -> None:
        """See `Caller`."""
        if not isinstance(error, ActorStoppedError):  # Then it was never answered.
            self.sessions.acknowledge(self.command_id)
