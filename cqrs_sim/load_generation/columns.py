"""Commands and queries as arrays: what an engine without actors needs of them.

Whether a command is accepted depends on its order's state and on what kind of thing it asks for,
never on which items or whose order; that kind is its *action*. So a plan of a million commands is
two columns, and `decide` is asked once an action and state.
"""

from collections.abc import Iterable, Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.domain.commands import (
    AmendOrder,
    CancelOrder,
    Command,
    CreateOrder,
    UpdateOrderStatus,
    shape_errors,
)
from cqrs_sim.domain.queries import Query
from cqrs_sim.ids import OrderId

NO_ORDER = -1
"""In place of an order's index, where a query is not about one."""


@attrs.frozen(eq=False, kw_only=True)
class CommandColumns:
    """Some commands, one row each."""

    order: NDArray[np.int32]
    """Shape (n,): index into `order_ids`."""
    order_ids: tuple[OrderId, ...]
    """Every order that is named, in the order of its first mention."""
    action: NDArray[np.int8]
    """Shape (n,): index into `actions`."""
    actions: tuple[Command, ...]
    """One command of every action."""


@attrs.frozen(eq=False, kw_only=True)
class QueryColumns:
    """Some queries, one row each."""

    order: NDArray[np.int32]
    """Shape (n,): index into `order_ids`, or `NO_ORDER`."""
    order_ids: tuple[OrderId, ...]
    """The orders of the commands that were planned with them, then every other that is named."""
    kind: NDArray[np.int8]
    """Shape (n,): index into `kinds`."""
    kinds: tuple[type[Query], ...]
    """In the order of their first mention."""


def read_commands(commands: Sequence[Command]) -> CommandColumns:
    """The columns of some commands, read one by one."""
    numbers: dict[OrderId, int] = {}
    keys: dict[tuple[object, ...], int] = {}
    order, action = np.empty(len(commands), np.int32), np.empty(len(commands), np.int8)
    actions: list[Command] = []
    for row, command in enumerate(commands):
        order[row] = numbers.setdefault(command.order_id, len(numbers))
        code = action[row] = keys.setdefault(_key(command), len(keys))
        if code == len(actions):
            actions.append(command)
    return CommandColumns(
        order=order, order_ids=tuple(numbers), action=action, actions=tuple(actions)
    )


def _key(command: Command) -> tuple[object, ...]:
    """What is equal for commands that meet the same fate in the same state."""
    kind = type(command)
    if shape_errors(command):
        return kind, "ill-shaped"
    if isinstance(command, UpdateOrderStatus):
        return kind, command.new_status
    if isinstance(command, CreateOrder | AmendOrder):
        return kind, all(item.quantity > 0 for item in command.items)
    assert isinstance(command, CancelOrder)
    return (kind,)


def first_mentions(codes: NDArray[np.int64]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Codes renumbered from 0 in the order in which they first occur.

    Args:
        codes: shape (n,), not negative, and not much larger than n.

    Returns:
        The new numbers, shape (n,), and the code behind each of them.
    """
    if not len(codes):
        return np.empty(0, np.int32), np.empty(0, np.int64)
    first = np.full(int(codes.max()) + 1, len(codes), np.int64)
    # Of several values stored at one place the last one stays: so go backwards.
    first[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
    mentioned = np.flatnonzero(first < len(codes))
    mentioned = mentioned[np.argsort(first[mentioned])]
    number = np.empty(len(first), np.int32)
    number[mentioned] = np.arange(len(mentioned), dtype=np.int32)
    return number[codes], mentioned


def read_queries(queries: Iterable[Query], order_ids: Sequence[OrderId]) -> QueryColumns:
    """The columns of some queries, read one by one.

    Args:
        queries: the queries of a plan.
        order_ids: of the plan's commands.
    """
    numbers = {order_id: number for number, order_id in enumerate(order_ids)}
    codes: dict[type[Query], int] = {}
    order, kind = [], []
    for query in queries:
        asked_for: OrderId | None = getattr(query, "order_id", None)
        order.append(NO_ORDER if asked_for is None else numbers.setdefault(asked_for, len(numbers)))
        kind.append(codes.setdefault(type(query), len(codes)))
    return QueryColumns(
        order=np.array(order, np.int32),
        order_ids=tuple(numbers),
        kind=np.array(kind, np.int8),
        kinds=tuple(codes),
    )
