from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
from fakes import MS, cancel, constant, create, item, scenario, update

from cqrs_sim.domain.queries import (
    GetOrderById,
    GetOrdersByCustomer,
    GetOrdersByStatus,
    GetOrderStatistics,
    OrderRow,
    OrderStatistics,
    Page,
)
from cqrs_sim.engines.virtual import run_script
from cqrs_sim.errors import (
    ActorCrashedError,
    ActorStoppedError,
    FreshnessTimeoutError,
    InvalidScenarioError,
)
from cqrs_sim.ids import CustomerId, Nanoseconds, OrderId, Position
from cqrs_sim.scenario.scenario import Queries, ReadModel, Scenario, WriteSide
from cqrs_sim.system import System

T = TypeVar("T")

FOREVER = GetOrderStatistics(Nanoseconds(0), Nanoseconds(2**63 - 1))
BY_ID = GetOrderById(OrderId("order-1"))

TIMED = scenario(
    write_side=WriteSide(service=constant(1 * MS)),
    queries=Queries(service=constant(2 * MS)),
    read_models={
        "orders": ReadModel(service=constant(5 * MS)),
        "statistics": ReadModel(service=constant(20 * MS)),
    },
)


def run(script: Callable[[System], Awaitable[T]], scenario: Scenario = TIMED) -> T:
    return run_script(script, scenario)


def test_each_kind_of_query_is_answered_by_its_read_model() -> None:
    async def script(system: System) -> None:
        await system.execute(create("a", "1"))
        await system.execute(create("b", "1"))
        position = (await system.execute(cancel("b"))).position
        answer = await system.query(GetOrdersByCustomer(CustomerId("1")), at_least=position)
        assert isinstance(answer.value, tuple)
        assert [row.order_id for row in answer.value] == ["a", "b"]
        answer = await system.query(GetOrdersByStatus("CANCELLED"))
        assert isinstance(answer.value, tuple)
        assert [row.order_id for row in answer.value] == ["b"]
        answer = await system.query(GetOrderById(OrderId("a")))
        assert isinstance(answer.value, OrderRow)
        assert answer.read_model == "orders"
        answer = await system.query(FOREVER, at_least=position)
        assert isinstance(answer.value, OrderStatistics)
        assert (answer.value.orders_count, answer.read_model) == (2, "statistics")

    run(script)


def test_pages_asked_of_one_position_fit_together_though_the_list_changes() -> None:
    pages = Page(limit=2), Page(limit=2, offset=2)

    async def listed(
        system: System,
        page: Page,
        at_least: Position | None = None,
        as_of: Position | None = None,
    ) -> list[str]:
        pending = GetOrdersByStatus("PENDING", page)
        answer = await system.query(pending, at_least=at_least, as_of=as_of)
        assert isinstance(answer.value, tuple)
        return [row.order_id for row in answer.value]

    async def script(system: System) -> None:
        for name in "abcd":
            then = (await system.execute(create(name))).position
        assert await listed(system, pages[0], at_least=then) == ["a", "b"]
        now = (await system.execute(update("CONFIRMED", "a"))).position
        # The others have moved up by the one that left, and so the next one is passed over.
        assert await listed(system, pages[1], at_least=now) == ["d"]
        assert await listed(system, pages[0], as_of=then) == ["a", "b"]
        assert await listed(system, pages[1], as_of=then) == ["c", "d"]

    run(script)


def test_an_answer_reflects_exactly_the_position_that_it_carries() -> None:
    async def script(system: System) -> list[tuple[int, int | None]]:
        await system.execute(create())  # At 1 ms; shown at 6 ms.
        await system.execute(update("CONFIRMED"))  # At 2 ms; shown at 11 ms.
        seen: list[tuple[int, int | None]] = []
        for _ in range(6):
            answer = await system.query(BY_ID)  # 2 ms each.
            row = answer.value
            assert row is None or isinstance(row, OrderRow)
            seen.append((int(answer.position), None if row is None else row.version))
        return seen

    # Answered at 4, 6, 8, 10, 12 and 14 ms.
    assert run(script) == [(0, None), (1, 1), (1, 1), (1, 1), (2, 2), (2, 2)]


def test_a_query_waits_until_its_read_model_shows_the_wanted_position() -> None:
    async def script(system: System) -> list[int]:
        position = (await system.execute(create())).position
        answered = []
        for query in (BY_ID, FOREVER):
            assert (await system.query(query, at_least=position)).position == 1
            answered.append(int(system._kernel.now_ns()))
        return answered

    assert run(script) == [8 * MS, 23 * MS]


def test_a_wait_for_freshness_that_takes_too_long_is_an_error_that_says_how_far_it_got() -> None:
    async def script(system: System) -> None:
        await system.execute(create())
        position = (await system.execute(update("CONFIRMED"))).position
        with pytest.raises(FreshnessTimeoutError) as caught:
            await system.query(BY_ID, at_least=position, timeout_ns=5 * MS)
        assert (caught.value.wanted, caught.value.reached) == (2, 1)
        assert caught.value.read_model == "orders"
        assert system._kernel.now_ns() == 7 * MS
        answer = await system.query(BY_ID, at_least=position, timeout_ns=4 * MS)
        assert answer.position == 2

    run(script)


def test_queries_do_not_wait_for_one_another() -> None:
    async def script(system: System) -> list[int]:
        answered: list[int] = []

        async def ask() -> None:
            await system.query(BY_ID)
            answered.append(int(system._kernel.now_ns()))

        for _ in range(3):
            system._kernel.spawn(ask(), "query")
        await system._kernel.pause(10 * MS)
        return answered

    assert run(script) == [2 * MS] * 3


def test_a_query_without_its_read_model_names_what_the_scenario_lacks() -> None:
    async def script(system: System) -> None:
        with pytest.raises(InvalidScenarioError, match=r"read_models\.statistics: GetOrderStat"):
            await system.query(FOREVER)

    run(script, scenario(read_models={"orders": ReadModel()}))


def test_what_was_set_aside_by_a_caller_never_changes() -> None:
    async def script(system: System) -> None:
        position = (await system.execute(create(items=[item(quantity=1)]))).position
        before = (await system.query(BY_ID, at_least=position)).value
        assert isinstance(before, OrderRow)
        position = (await system.execute(update("CONFIRMED"))).position
        after = (await system.query(BY_ID, at_least=position)).value
        assert isinstance(after, OrderRow)
        assert (before.status, after.status) == ("PENDING", "CONFIRMED")

    run(script)


def test_closing_tells_a_query_that_waits() -> None:
    async def script(system: System) -> None:
        async def close_later() -> None:
            await system._kernel.pause(MS)
            system.close()

        system._kernel.spawn(close_later(), "closer")
        with pytest.raises(ActorStoppedError):
            await system.query(BY_ID, at_least=Position(1))

    run(script)


def test_a_query_for_a_fresh_answer_after_the_close_is_told_at_once() -> None:
    async def script(system: System) -> None:
        system.close()
        with pytest.raises(ActorStoppedError):
            await system.query(BY_ID, at_least=Position(1))

    run(script)


def test_an_error_in_a_query_is_the_callers_and_ends_no_other_actor() -> None:
    async def script(system: System) -> None:
        await system.query(BY_ID, at_least=Position(1), timeout_ns=MS)

    with pytest.raises(ActorCrashedError, match="script crashed") as caught:
        run(script)
    assert isinstance(caught.value.__cause__, FreshnessTimeoutError)
