"""Queries about the past: a read model is made anew of the log up to a position, and asked.

It costs what it replays, so the answer says how much that was. Nothing is kept of it: whoever often
asks for the same past wants a read model for it.
"""

from collections.abc import Sequence

from cqrs_sim.actors.kernel import Kernel
from cqrs_sim.domain.events import Event
from cqrs_sim.domain.queries import GetOrderStatistics, Query
from cqrs_sim.ids import Position
from cqrs_sim.read_side.gateway import Answer, read
from cqrs_sim.read_side.orders import OrdersReadModel
from cqrs_sim.read_side.projector import ReadModel
from cqrs_sim.read_side.statistics import StatisticsReadModel

AT_ONCE = 256
"""Events replayed in one turn, a quarter of a millisecond: others run in between."""


async def answer_by_replay(
    query: Query, events: Sequence[Event], head: Position, kernel: Kernel, replay_ns: int = 0
) -> Answer:
    """The answer of a read model that has applied the log up to a position.

    Args:
        query: any.
        events: position p at index p - 1; may grow meanwhile.
        head: the last position to show.
        kernel: of the asking actor.
        replay_ns: modelled time for each event.
    """
    model: ReadModel = (
        StatisticsReadModel() if isinstance(query, GetOrderStatistics) else OrdersReadModel()
    )
    if replay_ns:
        await kernel.pause(replay_ns * head)
    for first in range(0, head, AT_ONCE):
        if first:
            await kernel.give_way()
        for event in events[first : min(first + AT_ONCE, head)]:
            model.apply(event)
    return Answer(read(model, query), head, None, replayed_count=head)
