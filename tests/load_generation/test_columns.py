from typing import Any

import numpy as np
import pytest

from cqrs_sim.actors.randomness import Streams
from cqrs_sim.domain.commands import (
    AmendOrder,
    CancelOrder,
    Command,
    CreateOrder,
    UpdateOrderStatus,
)
from cqrs_sim.domain.item import OrderItem
from cqrs_sim.domain.queries import GetOrderById, GetOrdersByStatus, Query
from cqrs_sim.ids import Cents, CustomerId, OrderId, ProductId
from cqrs_sim.load_generation.columns import first_mentions, read_commands, read_queries
from cqrs_sim.load_generation.drawn import DrawnCommands, draw_commands
from cqrs_sim.load_generation.plan import Plan, draw_open_plan
from cqrs_sim.load_generation.popularity import Popularity
from cqrs_sim.load_generation.reads import Reads
from cqrs_sim.load_generation.workload import Workload

ITEM = OrderItem(ProductId("prod-1"), 1, Cents(100))
READS = Reads(share=0.4, sessions=5, by_id=6, by_customer=2, by_status=1, statistics=1)


def plan(kind: Any, *, invalid: float = 0.2, count: int = 3000) -> Plan:
    load = Workload(
        popularity=Popularity(choices=20), kind=kind, cancel_share=0.3, invalid_share=invalid
    )
    return draw_open_plan(load, READS, np.arange(count) * 1_000_000, Streams(1))


@pytest.mark.parametrize("kind", ["lifecycle", "amendments"])
@pytest.mark.parametrize("invalid", [0.0, 0.2, 1.0])
def test_drawn_columns_say_what_the_objects_say(kind: Any, invalid: float) -> None:
    drawn = plan(kind, invalid=invalid)
    columns, read = drawn.command_columns(), read_commands(list(drawn.commands))
    assert columns.order_ids == read.order_ids
    assert columns.order.tolist() == read.order.tolist()
    # The drawn ones may tell more actions apart, yet none that the domain would not.
    pairs = set(zip(columns.action.tolist(), read.action.tolist(), strict=True))
    assert len(pairs) == len({mine for mine, _ in pairs})
    for mine, other in pairs:
        assert type(columns.actions[mine]) is type(read.actions[other])


@pytest.mark.parametrize("kind", ["lifecycle", "amendments"])
def test_drawn_queries_say_what_the_objects_say(kind: Any) -> None:
    drawn = plan(kind)
    order_ids = drawn.command_columns().order_ids
    columns, read = drawn.query_columns(order_ids), read_queries(list(drawn.queries), order_ids)
    assert columns.order_ids == read.order_ids
    assert columns.kinds == read.kinds
    assert columns.order.tolist() == read.order.tolist()
    assert columns.kind.tolist() == read.kind.tolist()


def test_actions_are_what_decides_the_fate_of_a_command() -> None:
    order, bad = OrderId("o"), OrderItem(ProductId("prod-1"), 0, Cents(100))
    who = CustomerId("c")
    commands: list[Command] = [
        CreateOrder(order, who, (ITEM,)),
        CreateOrder(OrderId("p"), who, (ITEM, ITEM)),
        CreateOrder(order, who, (bad,)),
        CreateOrder(order, who, ()),
        UpdateOrderStatus(order, "CONFIRMED"),
        UpdateOrderStatus(order, "SHIPPED"),
        UpdateOrderStatus(order, "no such status"),  # type: ignore[arg-type]
        CancelOrder(order, "a"),
        CancelOrder(order, "b"),
        AmendOrder(order, (ITEM,)),
        AmendOrder(order, (bad,)),
        AmendOrder(order, ()),
    ]
    columns = read_commands(commands)
    assert columns.action.tolist() == [0, 0, 1, 2, 3, 4, 5, 6, 6, 7, 8, 9]
    assert columns.order_ids == ("o", "p")


def test_first_mentions_renumber_in_order_of_appearance() -> None:
    numbers, codes = first_mentions(np.array([7, 3, 7, 0, 3]))
    assert numbers.tolist() == [0, 1, 0, 2, 1]
    assert codes.tolist() == [7, 3, 0]
    numbers, codes = first_mentions(np.empty(0, np.int64))
    assert (numbers.tolist(), codes.tolist()) == ([], [])


def test_queries_name_orders_behind_those_of_the_commands() -> None:
    queries: list[Query] = [
        GetOrderById(OrderId("b")),
        GetOrdersByStatus("PENDING"),
        GetOrderById(OrderId("a")),
    ]
    columns = read_queries(queries, [OrderId("a")])
    assert columns.order_ids == ("a", "b")
    assert columns.order.tolist() == [1, -1, 0]
    assert columns.kinds == (GetOrderById, GetOrdersByStatus)


def test_drawn_commands_are_a_sequence_that_may_be_cut_short_but_not_cut_up() -> None:
    load = Workload(popularity=Popularity(choices=3), invalid_share=0.5)
    drawn = draw_commands(load, Streams(0), 100)
    assert isinstance(drawn[:10], DrawnCommands)
    assert list(drawn[:10]) == [drawn[number] for number in range(10)]
    assert drawn[3] is drawn[3]
    with pytest.raises(ValueError, match="beginning"):
        drawn[1:]
