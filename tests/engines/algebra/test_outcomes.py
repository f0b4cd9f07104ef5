import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cqrs_sim.domain.commands import (
    AmendOrder,
    CancelOrder,
    Command,
    CreateOrder,
    UpdateOrderStatus,
)
from cqrs_sim.domain.item import OrderItem
from cqrs_sim.domain.order import Cause, Order, decide, evolve
from cqrs_sim.domain.status import STATUSES
from cqrs_sim.engines.algebra.outcomes import ABSENT, SET_UP, accepted, rules_of
from cqrs_sim.engines.algebra.recursions import firsts_of
from cqrs_sim.errors import CommandRejectedError
from cqrs_sim.ids import Cents, CommandId, CorrelationId, CustomerId, Nanoseconds, OrderId
from cqrs_sim.ids import ProductId as Product

ORDER = OrderId("order")
ITEMS = (OrderItem(Product("prod"), 1, Cents(100)),)
CREATE = CreateOrder(ORDER, CustomerId("customer"), ITEMS)
ACTIONS: tuple[Command, ...] = (
    CREATE,
    *(UpdateOrderStatus(ORDER, status) for status in STATUSES),
    CancelOrder(ORDER, "reason"),
    AmendOrder(ORDER, ITEMS),
    AmendOrder(ORDER, (OrderItem(Product("prod"), 0, Cents(100)),)),
)
CAUSE = Cause(Nanoseconds(0), CommandId(0), CorrelationId(0))


def one_by_one(actions: list[int], order: Order | None) -> list[bool]:
    """What `decide` says, command after command."""
    outcomes = []
    for action in actions:
        try:
            events = decide(order, ACTIONS[action], CAUSE)
        except CommandRejectedError:
            outcomes.append(False)
            continue
        for event in events:
            order = evolve(order, event)
        outcomes.append(True)
    return outcomes


def created() -> Order:
    (event,) = decide(None, CREATE, CAUSE)
    return evolve(None, event)


@given(st.lists(st.tuples(st.booleans(), st.lists(st.integers(0, len(ACTIONS) - 1), min_size=1))))
def test_the_table_accepts_what_decide_accepts(lives: list[tuple[bool, list[int]]]) -> None:
    rules = rules_of(ACTIONS, CREATE)
    numbers = np.repeat(np.arange(len(lives)), [len(actions) for _, actions in lives])
    found = accepted(
        rules,
        np.array([action for _, actions in lives for action in actions], np.int8),
        firsts_of(numbers),
        np.array([SET_UP if is_set_up else ABSENT for is_set_up, _ in lives], np.int8),
    )
    expected = [
        outcome
        for is_set_up, actions in lives
        for outcome in one_by_one(actions, created() if is_set_up else None)
    ]
    assert found.tolist() == expected


def test_a_long_life_takes_few_passes() -> None:
    # A pass a command would never end; a pass a change of state does.
    rules = rules_of(ACTIONS, None)
    amend = ACTIONS.index(AmendOrder(ORDER, ITEMS))
    actions = np.full(1_000_000, amend, np.int8)
    actions[500_000] = 0
    found = accepted(rules, actions, np.array([0]), np.array([ABSENT], np.int8))
    assert int(np.count_nonzero(found)) == 500_000


def test_every_status_is_a_state() -> None:
    rules = rules_of(ACTIONS, None)
    assert len(rules.next_state) == 1 + len(STATUSES)
    assert rules_of((), CREATE).next_state.shape == (2, 0)


def test_an_ill_shaped_command_comes_to_no_mailbox() -> None:
    assert rules_of((AmendOrder(ORDER, ()), CREATE), None).is_well_shaped.tolist() == [False, True]
