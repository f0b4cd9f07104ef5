"""Reads from the write side: questions that stand in an order's mailbox among its commands."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
from fakes import MS, SECOND, constant, create, scenario, update

from cqrs_sim.domain.queries import GetOrderById, GetOrdersByStatus, OrderRow
from cqrs_sim.engines.hosted import HostedSystem, run_hosted
from cqrs_sim.engines.virtual import run_script, trace_script
from cqrs_sim.errors import ActorStoppedError, MailboxFullError
from cqrs_sim.ids import OrderId
from cqrs_sim.probe import NO_READ_MODEL, QueryOutcome, Strategy
from cqrs_sim.read_side.gateway import Answer
from cqrs_sim.scenario.scenario import Queries, ReadModel, Scenario, WriteSide
from cqrs_sim.scenario.units import Count
from cqrs_sim.system import System

T = TypeVar("T")

BY_ID = GetOrderById(OrderId("order-1"))

TIMED = scenario(
    write_side=WriteSide(service=constant(5 * MS)),
    queries=Queries(service=constant(2 * MS)),
    read_models={"orders": ReadModel(service=constant(100 * MS))},
)


def run(script: Callable[[System], Awaitable[T]], scenario: Scenario = TIMED) -> T:
    return run_script(script, scenario)


def status_of(answer: Answer) -> str:
    assert isinstance(answer.value, OrderRow)
    return answer.value.status


async def ask_in_background(system: System, answers: list[tuple[int, Answer]]) -> None:
    answer = await system.query_write_side(BY_ID)
    answers.append((int(system._kernel.now_ns()), answer))


def test_the_write_side_answers_what_it_has_committed_long_before_a_read_model_can() -> None:
    async def script(system: System) -> tuple[Answer, Answer, int]:
        await system.execute(create())
        await system.execute(create("order-2"))
        fresh = await system.query_write_side(BY_ID)
        return fresh, await system.query(BY_ID), system._kernel.now_ns()

    fresh, early, now = run(script)
    assert (status_of(fresh), early.value) == ("PENDING", None)
    # The position is the log's head: the other order's event too.
    assert (fresh.position, fresh.read_model, now) == (2, None, (5 + 5 + 2 + 2) * MS)


def test_the_two_sides_answer_the_same_once_all_is_applied() -> None:
    async def script(system: System) -> tuple[object, object]:
        await system.execute(create())
        position = (await system.execute(update("CONFIRMED"))).position
        shown = await system.query(BY_ID, at_least=position)
        return shown.value, (await system.query_write_side(BY_ID)).value

    shown, known = run(script)
    assert shown == known is not None


def test_a_question_waits_for_the_commands_before_it_and_the_commands_behind_wait_for_it() -> None:
    async def script(system: System) -> list[tuple[int, Answer]]:
        answers: list[tuple[int, Answer]] = []
        spawn = system._kernel.spawn
        spawn(system.execute(create()), "first")
        spawn(system.execute(update("CONFIRMED")), "second")
        spawn(ask_in_background(system, answers), "question")
        spawn(system.execute(update("SHIPPED")), "third")
        await system.commands.wait_drained()
        await system._kernel.pause(30 * MS)
        return answers

    ((at_ns, answer),), trace = trace_script(script, TIMED)
    assert (at_ns, status_of(answer)) == (12 * MS, "CONFIRMED")
    assert trace.commands.committed.astype(int).tolist() == [5 * MS, 10 * MS, 17 * MS]


def test_an_order_that_does_not_exist_is_answered_with_none() -> None:
    async def script(system: System) -> Answer:
        return await system.query_write_side(BY_ID)

    assert run(script) == Answer(None, 0, None)  # type: ignore[arg-type]


def test_an_order_that_left_memory_comes_back_for_a_question() -> None:
    async def script(system: System) -> Answer:
        await system.execute(create())
        # Housekeeping alone keeps no run going: something else must.
        await system._kernel.pause(5000 * MS)
        assert system.write_side_statistics().resident_orders_count == 0
        return await system.query_write_side(BY_ID)

    assert status_of(run(script)) == "PENDING"


def test_the_trace_says_who_answered_and_how_fresh() -> None:
    async def script(system: System) -> None:
        await system.execute(create())
        await system.query_write_side(BY_ID, session=3)
        await system.query(BY_ID)

    _, trace = trace_script(script, TIMED)
    queries = trace.queries
    assert queries.read_model.tolist() == [NO_READ_MODEL, 0]
    assert queries.strategy.tolist() == [Strategy.WRITE_SIDE, Strategy.EVENTUAL]
    assert queries.outcome.tolist() == [QueryOutcome.ANSWERED] * 2
    assert queries.position.tolist() == [1, 0]
    assert queries.versions_missing.tolist() == [0, 1]
    assert queries.session.tolist() == [3, 0]
    assert queries.submitted.astype(int).tolist() == [5 * MS, 7 * MS]
    assert queries.answered.astype(int).tolist() == [7 * MS, 9 * MS]
    # The second went to a read model.
    assert queries.dequeued.astype("m8[ms]").astype(str).tolist() == ["5 milliseconds", "NaT"]


def test_a_full_mailbox_refuses_a_question_by_policy_reject() -> None:
    full = scenario(
        write_side=WriteSide(service=constant(5 * MS), mailbox=Count(1), policy="reject")
    )

    async def script(system: System) -> None:
        for _ in range(2):  # One in work, one in the mailbox.
            system._kernel.spawn(system.execute(create()), "sender", on_error=lambda _: None)
            await system._kernel.pause(MS)
        with pytest.raises(MailboxFullError):
            await system.query_write_side(BY_ID)
        await system.commands.wait_drained()

    _, trace = trace_script(script, full)
    assert trace.queries.outcome.tolist() == [QueryOutcome.REFUSED]
    assert trace.queries.answered.astype(str).tolist() == ["NaT"]
    assert trace.queries.strategy.tolist() == [Strategy.WRITE_SIDE]


@pytest.mark.parametrize(
    ("after_ms", "heard_as"),
    [(1, [ActorStoppedError] * 2), (6, [ActorStoppedError]), (8, [Answer])],
    ids=["waiting", "in work", "answered"],
)
def test_closing_answers_every_question_that_is_left(after_ms: int, heard_as: list[type]) -> None:
    async def script(system: System) -> list[object]:
        heard: list[object] = []
        spawn = system._kernel.spawn
        spawn(system.execute(create()), "writer", on_error=heard.append)
        reads = system.query_write_side(BY_ID)
        spawn(reads, "reader", on_exit=heard.append, on_error=heard.append)
        await system._kernel.pause(after_ms * MS)
        system.close()
        await system._kernel.pause(MS)
        assert system.write_side_statistics().in_flight_count == 0
        return heard

    assert [type(what) for what in run(script)] == heard_as


def test_a_closed_system_takes_no_more_questions() -> None:
    async def script(system: System) -> None:
        system.close()
        with pytest.raises(ActorStoppedError):
            await system.query_write_side(BY_ID)

    run(script)


def test_a_trio_program_reads_from_the_write_side_too() -> None:
    async def main(system: HostedSystem) -> tuple[Answer, Answer]:
        await system.execute(create())
        with pytest.raises(TypeError, match="all that an order actor can answer"):
            await system.query_write_side(GetOrdersByStatus("PENDING"))  # type: ignore[arg-type]
        return await system.query_write_side(BY_ID), await system.query(BY_ID)

    slow = scenario(read_models={"orders": ReadModel(service=constant(3600 * SECOND))})
    fresh, early = run_hosted(main, slow)
    assert (status_of(fresh), fresh.read_model, early.value) == ("PENDING", None, None)
