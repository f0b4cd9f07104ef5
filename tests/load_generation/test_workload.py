import math
from collections import Counter
from collections.abc import Iterable
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cqrs_sim.actors.randomness import Streams
from cqrs_sim.domain.commands import (
    AmendOrder,
    CancelOrder,
    Command,
    CreateOrder,
    UpdateOrderStatus,
    shape_errors,
)
from cqrs_sim.domain.order import Cause, Order, decide, evolve
from cqrs_sim.domain.status import STATUSES
from cqrs_sim.errors import CommandRejectedError, InvalidScenarioError
from cqrs_sim.ids import CommandId, CorrelationId, Nanoseconds, OrderId
from cqrs_sim.load_generation.drawn import draw_commands
from cqrs_sim.load_generation.popularity import Popularity
from cqrs_sim.load_generation.workload import (
    INVALID_KINDS,
    InvalidKind,
    Workload,
    WorkloadKind,
    invalid_command,
    scripts,
    setup_orders,
)

CAUSE = Cause(Nanoseconds(0), CommandId(0), CorrelationId(0))


def is_accepted(orders: dict[OrderId, Order], command: Command) -> bool:
    """Whether the rules accept a command; if so, its events are folded into the orders."""
    if shape_errors(command):
        return False
    order = orders.get(command.order_id)
    try:
        events = decide(order, command, CAUSE)
    except CommandRejectedError:
        return False
    for event in events:
        order = evolve(order, event)
    if order is not None:
        orders[command.order_id] = order
    return True


def created(orders: Iterable[Command]) -> dict[OrderId, Order]:
    state: dict[OrderId, Order] = {}
    for command in orders:
        assert is_accepted(state, command)
    return state


def workload(
    kind: WorkloadKind = "lifecycle", *, orders: int = 10, cancel: float = 0.0, invalid: float = 0.0
) -> Workload:
    return Workload(
        popularity=Popularity(choices=orders),
        kind=kind,
        cancel_share=cancel,
        invalid_share=invalid,
    )


def drawn_with_validity(load: Workload, count: int, *, seed: int = 5) -> list[tuple[Command, bool]]:
    drawn = draw_commands(load, Streams(seed), count)
    return list(zip(drawn, drawn.is_valid.tolist(), strict=True))


shares = st.floats(0.0, 1.0)


@given(
    st.sampled_from(["lifecycle", "amendments"]), st.integers(0, 2**64 - 1), shares, shares,
    st.integers(1, 30), st.sampled_from(["uniform", "zipf", "hot_set"]),
)  # fmt: skip
def test_the_rules_reject_the_invalid_commands_and_no_others(
    kind: Any, seed: int, cancel: float, invalid: float, orders: int, popularity: Any
) -> None:
    load = Workload(
        popularity=Popularity(choices=orders, kind=popularity),
        kind=kind,
        cancel_share=cancel,
        invalid_share=invalid,
    )
    state = created(setup_orders(load, Streams(seed)))
    for command, is_valid in drawn_with_validity(load, 200, seed=seed):
        assert is_accepted(state, command) == is_valid, command


def orders_in_every_state() -> dict[str, dict[OrderId, Order]]:
    order = OrderId("order-0000000")
    (script,) = islice(scripts(workload(), Streams(1)), 1)
    states = {f"after {n} steps": created(script[:n]) for n in range(5)}
    states["cancelled"] = created([*script[:2], CancelOrder(order, "")])
    assert {state[order].status for state in states.values() if state} == set(STATUSES)
    return states


@pytest.mark.parametrize("kind", INVALID_KINDS)
@pytest.mark.parametrize("state", orders_in_every_state())
def test_an_invalid_command_is_rejected_in_every_state(kind: InvalidKind, state: str) -> None:
    command = invalid_command(kind, OrderId("order-0000000"), 0)
    assert not is_accepted(orders_in_every_state()[state], command)


def test_invalid_commands_have_their_share_and_their_kinds_are_even() -> None:
    count, share = 40_000, 0.25
    drawn = drawn_with_validity(workload(invalid=share), count)
    invalid = [command for command, is_valid in drawn if not is_valid]
    # Binomial, 5 standard deviations: error probability 6e-7 for each of the five comparisons.
    assert abs(len(invalid) - count * share) < 5 * math.sqrt(count * share * (1 - share))
    kinds = Counter(
        "unknown"
        if command.order_id.startswith("unknown-")
        else "no items"
        if isinstance(command, AmendOrder) and not command.items
        else type(command).__name__
        for command in invalid
    )
    assert set(kinds) == {"unknown", "no items", "AmendOrder", "UpdateOrderStatus"}
    for found in kinds.values():
        p = share / 4
        assert abs(found - count * p) < 5 * math.sqrt(count * p * (1 - p))


def test_unknown_orders_are_all_different() -> None:
    drawn = draw_commands(workload(invalid=1.0), Streams(5), 2000)
    unknown = [c.order_id for c in drawn if c.order_id.startswith("unknown-")]
    assert len(unknown) == len(set(unknown)) > 0


def test_a_script_depends_on_the_seed_and_its_number_alone() -> None:
    first = list(islice(scripts(workload(cancel=0.3), Streams(5)), 3000))
    again = list(islice(scripts(workload(orders=3, cancel=0.3, invalid=0.5), Streams(5)), 2000))
    assert again == first[:2000]
    assert list(islice(scripts(workload(cancel=0.3), Streams(6)), 2000)) != first[:2000]


def test_a_lifecycle_is_created_confirmed_shipped_and_delivered() -> None:
    for number, script in enumerate(islice(scripts(workload(), Streams(5)), 1500)):
        create, *updates = script
        assert isinstance(create, CreateOrder)
        assert create.order_id == f"order-{number:07d}"
        assert create.customer_id in {f"customer-{k:05d}" for k in range(100)}
        assert 1 <= len(create.items) <= 4
        assert all(1 <= i.quantity <= 5 and 100 <= i.price_cents < 10_000 for i in create.items)
        assert updates == [
            UpdateOrderStatus(create.order_id, "CONFIRMED"),
            UpdateOrderStatus(create.order_id, "SHIPPED"),
            UpdateOrderStatus(create.order_id, "DELIVERED"),
        ]


def test_a_product_has_one_price() -> None:
    prices = {
        (item.product_id, item.price_cents)
        for script in islice(scripts(workload(), Streams(5)), 1000)
        if isinstance(script[0], CreateOrder)
        for item in script[0].items
    }
    assert len(prices) == len({product for product, _ in prices}) == 50


def test_cancellations_have_their_share_and_come_after_each_number_of_steps() -> None:
    count, share = 30_000, 0.3
    lengths = Counter(
        len(script) - 1
        for script in islice(scripts(workload(cancel=share), Streams(5)), count)
        if isinstance(script[-1], CancelOrder)
    )
    assert set(lengths) == {1, 2, 3}
    # Binomial, 5 standard deviations: error probability 6e-7 for each of the three.
    for found in lengths.values():
        p = share / 3
        assert abs(found - count * p) < 5 * math.sqrt(count * p * (1 - p))


def test_as_many_scripts_are_open_at_once_as_there_are_orders() -> None:
    unfinished: set[OrderId] = set()
    most = 0
    for command in draw_commands(workload(orders=7), Streams(5), 5000):
        if isinstance(command, CreateOrder):
            unfinished.add(command.order_id)
        elif isinstance(command, UpdateOrderStatus) and command.new_status == "DELIVERED":
            unfinished.remove(command.order_id)
        most = max(most, len(unfinished))
    assert most == 7


def test_amendments_go_to_orders_that_were_set_up_by_their_popularity() -> None:
    load = Workload(
        popularity=Popularity(choices=5, kind="hot_set", hot_choices=1, hot_share=1.0),
        kind="amendments",
    )
    assert [command.order_id for command in setup_orders(load, Streams(5))] == [
        f"order-{number:07d}" for number in range(5)
    ]
    drawn = draw_commands(load, Streams(5), 100)
    assert all(isinstance(command, AmendOrder) for command in drawn)
    assert {command.order_id for command in drawn} == {"order-0000000"}


def test_lifecycles_need_no_set_up() -> None:
    assert setup_orders(workload(), Streams(5)) == ()


@pytest.mark.parametrize("field", ["cancel_share", "invalid_share"])
@pytest.mark.parametrize("share", [-0.1, 1.1, math.nan])
def test_an_impossible_share_is_refused(field: str, share: float) -> None:
    fields: Any = {field: share}
    with pytest.raises(InvalidScenarioError, match="share"):
        Workload(popularity=Popularity(choices=1), **fields)


def test_a_workload_without_customers_is_refused() -> None:
    with pytest.raises(InvalidScenarioError, match="customers"):
        Workload(popularity=Popularity(choices=1), customers=0)
