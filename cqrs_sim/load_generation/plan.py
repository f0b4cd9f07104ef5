"""The plan of a run: every operation, when it is to be sent, and by whom, drawn before the run.

An open plan is complete before the first operation is sent, so nothing that the system does can
change what is asked of it; that is the difference between measuring a response time and hiding one
(coordinated omission). A closed loop has no times: it gets an endless supply of scripts, and each
client sends the next operation when it has the answer to the last one.

Each kind of draw has a stream of its own and is indexed by command or by query, so the commands are
the same whatever the share of queries.
"""

from collections.abc import Iterator, Sequence
from typing import TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.actors.randomness import Streams
from cqrs_sim.domain.commands import Command, CreateOrder
from cqrs_sim.domain.queries import Query
from cqrs_sim.ids import OrderId
from cqrs_sim.load_generation.columns import (
    CommandColumns,
    QueryColumns,
    read_commands,
    read_queries,
)
from cqrs_sim.load_generation.drawn import (
    DrawnCommands,
    DrawnQueries,
    draw_commands,
    draw_queries,
)
from cqrs_sim.load_generation.reads import QuerySource, Reads
from cqrs_sim.load_generation.workload import (
    Script,
    Workload,
    in_blocks,
    invalid_command,
    invalid_kinds,
    scripts,
    setup_orders,
)

Operation: TypeAlias = Command | Query


@attrs.frozen(kw_only=True, eq=False)
class Plan:
    """What is sent, when, and by whom; commands and queries each in the order of their times."""

    setup: tuple[CreateOrder, ...]
    """Orders to create before the run begins; no part of what is measured."""
    commands: Sequence[Command]
    """The index of a command is its `CommandId`."""
    commands_intended_ns: NDArray[np.int64]
    """Shape (n_commands,), int64 ns from the start of the run, non-decreasing."""
    commands_session: NDArray[np.int32]
    """Shape (n_commands,), number of the session that sends it, from 0."""
    queries: Sequence[Query]
    """The index of a query is its `QueryId`."""
    queries_intended_ns: NDArray[np.int64]
    """Shape (n_queries,), int64 ns from the start of the run, non-decreasing."""
    queries_session: NDArray[np.int32]
    """Shape (n_queries,), number of the session that sends it, from 0."""

    def command_columns(self) -> CommandColumns:
        """The commands, as an engine without actors takes them."""
        drawn = self.commands
        return drawn.columns() if isinstance(drawn, DrawnCommands) else read_commands(drawn)

    def query_columns(self, order_ids: Sequence[OrderId]) -> QueryColumns:
        """The queries, likewise; `order_ids` are those of the commands."""
        drawn = self.queries
        if isinstance(drawn, DrawnQueries):
            return drawn.columns(order_ids)
        return read_queries(drawn, order_ids)


def draw_open_plan(
    workload: Workload, reads: Reads, intended_ns: NDArray[np.int64], streams: Streams
) -> Plan:
    """Decide for each arrival what is sent, and by which session.

    More arrivals only append to the plan of fewer.

    Args:
        workload: Which commands.
        reads: Which queries, how many of them, and how many sessions.
        intended_ns: shape (n_operations,), int64 ns from the start of the run, non-decreasing.
        streams: The run's random streams.
    """
    count = len(intended_ns)
    is_query = streams.stream("load.operation").random(count) < reads.share
    session = streams.stream("load.session").integers(0, reads.sessions, count, np.int32)
    commands = draw_commands(workload, streams, int(np.count_nonzero(~is_query)))
    queries = draw_queries(
        reads, commands, is_query=is_query, session=session, intended_ns=intended_ns
    )
    return Plan(
        setup=setup_orders(workload, streams),
        commands=commands,
        commands_intended_ns=intended_ns[~is_query],
        commands_session=session[~is_query],
        queries=queries,
        queries_intended_ns=intended_ns[is_query],
        queries_session=session[is_query],
    )


def closed_scripts(
    workload: Workload, reads: Reads, streams: Streams
) -> Iterator[tuple[Operation, ...]]:
    """Endless scripts of operations, for clients that each work through one after another.

    Every script is about one order, so clients cannot get into each other's way: its commands stand
    in their order, with invalid ones and queries between them, in the shares asked for. With a
    share of 1 nothing valid would ever be sent and no script would end, so there an invalid command
    or a query stands for each command of the script. The orders of `setup_orders` must exist.
    """
    mixer = _Mixer(workload, reads, streams)
    for script in scripts(workload, streams):
        yield tuple(mixer.mixed(script))


class _Mixer:
    """Puts queries and invalid commands between the commands of one script after another."""

    def __init__(self, workload: Workload, reads: Reads, streams: Streams) -> None:
        operations = streams.stream("load.operation")
        self._is_query: Iterator[bool] = in_blocks(
            lambda count: operations.random(count) < reads.share
        )
        self._kinds = invalid_kinds(workload, streams)
        self._source = QuerySource(reads, workload.customers, streams)
        self._replaces = workload.invalid_share >= 1.0 or reads.share >= 1.0
        self._commands_count = 0
        self._written: list[OrderId] = []

    def mixed(self, script: Script) -> Iterator[Operation]:
        """The operations of one script."""
        own: OrderId | None = None
        for command in script:
            is_sent = False
            while not is_sent:
                is_sent = self._replaces
                if next(self._is_query):
                    yield self._source.ask(own, self._written, None)
                    continue
                kind = next(self._kinds)
                if kind is None:
                    yield command
                    own, is_sent = command.order_id, True
                else:
                    yield invalid_command(kind, command.order_id, self._commands_count)
                self._commands_count += 1
        # Queries before a client's first command ask for the order of the script before its own:
        # when that one is reached is up to the run, so older orders would be no safer a guess.
        self._written = [script[-1].order_id]
