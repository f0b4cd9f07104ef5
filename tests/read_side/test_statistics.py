from collections import Counter
from collections.abc import Sequence

import pytest
from fakes import History, amend, cancel, create, histories, item, update
from hypothesis import given
from hypothesis import strategies as st

from cqrs_sim.domain.commands import Command
from cqrs_sim.domain.queries import OrderStatistics
from cqrs_sim.domain.status import STATUSES
from cqrs_sim.ids import Nanoseconds
from cqrs_sim.read_side.statistics import StatisticsReadModel

FOREVER = 2**63 - 1


def between(model: StatisticsReadModel, start: int, end: int) -> OrderStatistics:
    return model.between(Nanoseconds(start), Nanoseconds(end))


def shown(commands: Sequence[tuple[int, Command]]) -> StatisticsReadModel:
    history, model = History(), StatisticsReadModel()
    for now, command in commands:
        for event in history.handle(command, now):
            model.apply(event)
    return model


def one(order: str, cents: int) -> Command:
    return create(order, items=[item(price_cents=cents)])


def test_an_empty_model_counts_nothing() -> None:
    statistics = between(StatisticsReadModel(), 0, FOREVER)
    assert (statistics.orders_count, statistics.revenue_cents) == (0, 0)
    assert statistics.average_order_cents == 0.0
    assert statistics.by_status == tuple((status, 0) for status in STATUSES)


def test_cancelled_orders_count_in_the_revenue_too() -> None:
    model = shown([(1, one("a", 100)), (2, one("b", 50)), (3, cancel("a"))])
    statistics = between(model, 0, FOREVER)
    assert (statistics.orders_count, statistics.revenue_cents) == (2, 150)
    assert statistics.average_order_cents == 75.0
    assert dict(statistics.by_status)["CANCELLED"] == 1


@pytest.mark.parametrize("command", [update("CANCELLED", "a"), cancel("a")], ids=str)
def test_both_ways_to_cancel_are_counted(command: Command) -> None:
    model = shown([(1, one("a", 100)), (3, command)])
    assert dict(between(model, 0, 9).by_status) == {
        "PENDING": 0,
        "CONFIRMED": 0,
        "SHIPPED": 0,
        "DELIVERED": 0,
        "CANCELLED": 1,
    }


def test_an_amended_order_counts_with_its_new_total() -> None:
    model = shown([(1, one("a", 100)), (1, one("b", 1)), (2, amend("a", [item(quantity=3)]))])
    assert between(model, 0, FOREVER).revenue_cents == 3001
    assert between(model, 1, 2).revenue_cents == 3001


@pytest.mark.parametrize(
    ("start", "end", "orders"),
    [
        (0, FOREVER, "abc"),
        (10, 31, "abc"),
        (10, 30, "ab"),  # The end is outside,
        (10, 20, "a"),  # and the beginning inside.
        (11, 30, "b"),
        (11, 31, "bc"),
        (20, 20, ""),
        (31, FOREVER, ""),
        (0, 10, ""),
        (30, 10, ""),
    ],
)
def test_the_interval_of_creation_times_is_half_open(start: int, end: int, orders: str) -> None:
    cents = {"a": 1, "b": 10, "c": 100}
    model = shown([(10 * n, one(order, cents[order])) for n, order in enumerate("abc", start=1)])
    statistics = between(model, start, end)
    assert statistics.orders_count == len(orders)
    assert statistics.revenue_cents == sum(cents[order] for order in orders)


def test_orders_that_are_projected_late_are_found_by_their_creation_time() -> None:
    history, model = History(), StatisticsReadModel()
    events = [*history.handle(one("late", 5), 30), *history.handle(one("early", 7), 10)]
    for event in events:
        model.apply(event)
    assert between(model, 0, 20).revenue_cents == 7
    assert between(model, 20, 40).revenue_cents == 5


@given(histories(), st.integers(-1, 60), st.integers(-1, 60))
def test_the_read_model_equals_a_recomputation_from_the_orders(
    history: History, start: int, end: int
) -> None:
    model = StatisticsReadModel()
    for event in history.events:
        model.apply(event)
    orders = [order for order in history.orders.values() if start <= order.created_ns < end]
    statuses = Counter(order.status for order in orders)
    assert between(model, start, end) == OrderStatistics(
        len(orders),
        sum(order.total_cents for order in orders),  # type: ignore[arg-type]
        tuple((status, statuses[status]) for status in STATUSES),
    )
