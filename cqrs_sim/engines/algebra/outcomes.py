"""Which commands the domain accepts, for many orders at once.

`decide` and `evolve` are asked once for every action and every state that an order can come to;
that table stands for them. An order's states are then a walk through it.
"""

from collections.abc import Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.domain.commands import Command, CreateOrder, shape_errors
from cqrs_sim.domain.order import Cause, Order, decide, evolve
from cqrs_sim.domain.status import OrderStatus
from cqrs_sim.engines.algebra.recursions import ranks_in
from cqrs_sim.errors import CommandRejectedError
from cqrs_sim.ids import CommandId, CorrelationId, Nanoseconds

ABSENT, SET_UP = 0, 1
"""States: there is no such order; it was created before the run."""
REJECTED = -1

_CAUSE = Cause(Nanoseconds(0), CommandId(0), CorrelationId(0))


@attrs.frozen(eq=False, kw_only=True)
class Rules:
    """What the domain says to each action in each state."""

    next_state: NDArray[np.int8]
    """Shape (n_states, n_actions): where it leads, or `REJECTED`."""
    is_well_shaped: NDArray[np.bool_]
    """Shape (n_actions,): whether it comes as far as a mailbox."""


def rules_of(actions: Sequence[Command], setup: CreateOrder | None) -> Rules:
    """Ask the domain about every action in every state that they can lead to.

    Args:
        actions: one command each.
        setup: one of the orders that exist before the run; None if there is none.
    """
    states: list[Order | None] = [None]
    number_of: dict[OrderStatus, int] = {}
    if setup is not None:
        _next_state(None, setup, states, number_of)
    rows: list[list[int]] = []
    while len(rows) < len(states):
        state = states[len(rows)]
        rows.append([_next_state(state, action, states, number_of) for action in actions])
    return Rules(
        next_state=np.array(rows, np.int8).reshape(len(rows), len(actions)),
        is_well_shaped=np.array([not shape_errors(action) for action in actions], np.bool_),
    )


def _next_state(
    order: Order | None,
    command: Command,
    states: list[Order | None],
    number_of: dict[OrderStatus, int],
) -> int:
    """The number of the state that the command leads to; a new one is added to both."""
    try:
        events = decide(order, command, _CAUSE)
    except CommandRejectedError:
        return REJECTED
    for event in events:
        order = evolve(order, event)
    assert order is not None, "an accepted command leaves an order behind"
    number = number_of.setdefault(order.status, len(states))
    if number == len(states):
        states.append(order)
    return number


def accepted(
    rules: Rules,
    action: NDArray[np.int8],
    first: NDArray[np.intp],
    initial: NDArray[np.int8],
) -> NDArray[np.bool_]:
    """Whether each command is accepted.

    Every pass reads off what the commands would do in the states believed so far, and takes the
    last change of state before each command for true. A pass sets right at least one more change of
    every order, and few are possible: an order of the longest life changes its state four times.

    Args:
        rules: of the domain.
        action: shape (n,), the commands of one order adjacent, in turn.
        first: shape (n_orders,), row of each order's first command.
        initial: shape (n_orders,), the state in which each order begins.
    """
    count, width = len(action), rules.next_state.shape[1]
    flat = rules.next_state.ravel()
    sizes = np.diff(first, append=count)
    start = np.repeat(initial, sizes)
    row = np.arange(count)
    begun = row - ranks_in(first, count)
    state = start
    while True:
        to = flat[state.astype(np.intp) * width + action]
        changes = (to != REJECTED) & (to != state)
        last = np.maximum.accumulate(np.where(changes, row, -1))
        before = np.empty_like(last)
        before[:1], before[1:] = -1, last[:-1]
        believed = np.where(before >= begun, to[before], start)
        if np.array_equal(believed, state):
            is_accepted: NDArray[np.bool_] = to != REJECTED
            return is_accepted
        state = believed
