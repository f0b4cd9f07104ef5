from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
from fakes import ITEMS, MS, amend, cancel, constant, create, exponential, item, scenario, update

from cqrs_sim.domain.queries import GetOrderById, OrderRow
from cqrs_sim.engines.virtual import run_script, trace_script
from cqrs_sim.errors import (
    ActorStoppedError,
    DeadlockError,
    InvalidCommandError,
    InvalidQuantityError,
    InvalidScenarioError,
    InvalidTransitionError,
    MailboxFullError,
    OrderAlreadyExistsError,
    OrderNotFoundError,
)
from cqrs_sim.ids import CorrelationId, OrderId, Position
from cqrs_sim.probe import Outcome
from cqrs_sim.scenario.scenario import Queries, ReadModel, Run, Scenario, WriteSide
from cqrs_sim.scenario.units import Count
from cqrs_sim.system import System, fold

T = TypeVar("T")

TIMED = scenario(
    write_side=WriteSide(service=constant(2 * MS)),
    queries=Queries(service=constant(MS)),
    read_models={
        "orders": ReadModel(service=constant(3 * MS)),
        "statistics": ReadModel(service=constant(1 * MS)),
        "search": ReadModel(service=constant(5 * MS)),
    },
)


def run(script: Callable[[System], Awaitable[T]], scenario: Scenario = TIMED) -> T:
    return run_script(script, scenario)


def test_a_write_is_read_with_the_token_that_it_returned() -> None:
    async def script(system: System) -> int:
        accepted = await system.execute(create())
        answer = await system.query(GetOrderById(OrderId("order-1")), at_least=accepted.position)
        assert isinstance(answer.value, OrderRow)
        assert answer.value.total_cents == 10997
        return int(system._kernel.now_ns())

    assert run(script) == 6 * MS


def test_without_the_token_the_read_may_come_too_early() -> None:
    async def script(system: System) -> None:
        await system.execute(create())
        assert (await system.query(GetOrderById(OrderId("order-1")))).value is None

    run(script)


def test_every_stage_of_a_command_is_in_the_trace() -> None:
    async def script(system: System) -> None:
        accepted = await system.execute(create())
        await system.query(GetOrderById(OrderId("order-1")), at_least=accepted.position)

    trace = trace_script(script, TIMED)[1]
    commands, events, queries = trace.commands, trace.events, trace.queries
    for name, instant in (
        ("intended", 0), ("submitted", 0), ("dequeued", 0), ("committed", 2), ("acknowledged", 2),
    ):  # fmt: skip
        assert getattr(commands, name).astype(int).tolist() == [instant * MS], name
    assert (commands.outcome.tolist(), commands.version.tolist()) == ([Outcome.ACCEPTED], [1])
    assert (events.position.tolist(), events.command.tolist()) == ([1], [0])
    for name, applied in (("orders", 5), ("statistics", 3)):
        deliveries = trace.deliveries_of(name)
        assert deliveries.delivered.astype(int).tolist() == [2 * MS]
        assert deliveries.taken.astype(int).tolist() == [2 * MS]
        assert deliveries.applied.astype(int).tolist() == [applied * MS]
        assert deliveries.checkpointed.astype(int).tolist() == [applied * MS]
    # The run ended at 6 ms, so the slowest read model never showed the event.
    assert str(trace.deliveries_of("search").applied[0]) == "NaT"
    assert queries.answered.astype(int).tolist() == [6 * MS]
    assert (queries.position.tolist(), queries.versions_missing.tolist()) == ([1], [0.0])


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (create(), OrderAlreadyExistsError),
        (create("", "", ()), InvalidCommandError),
        (create("new", items=[item(quantity=0)]), InvalidQuantityError),
        (update("CONFIRMED", "nobody"), OrderNotFoundError),
        (cancel("nobody"), OrderNotFoundError),
        (amend("nobody"), OrderNotFoundError),
        (update("SHIPPED"), InvalidTransitionError),
    ],
    ids=str,
)
def test_a_rejection_is_raised_where_the_command_was_sent_and_records_nothing(
    command: object, error: type[Exception]
) -> None:
    async def script(system: System) -> None:
        await system.execute(create())
        with pytest.raises(error):
            await system.execute(command)  # type: ignore[arg-type]
        assert system.log.head == 1

    _, trace = trace_script(script, TIMED)
    assert trace.commands.outcome.tolist() == [Outcome.ACCEPTED, Outcome.REJECTED]
    assert trace.commands.position.tolist() == [1, 0]
    assert not (trace.commands.acknowledged != trace.commands.acknowledged).any()


def test_a_full_mailbox_refuses_by_policy_reject() -> None:
    async def script(system: System) -> list[str]:
        outcomes: list[str] = []

        async def client() -> None:
            try:
                await system.execute(amend())
                outcomes.append("accepted")
            except MailboxFullError:
                outcomes.append("refused")

        await system.execute(create())
        for number in range(4):
            system._kernel.spawn(client(), f"client {number}")
        await system._kernel.pause(20 * MS)
        return outcomes

    strict = scenario(
        write_side=WriteSide(service=constant(MS), mailbox=Count(2), policy="reject"),
        read_models={"orders": ReadModel()},
    )
    outcomes, trace = trace_script(script, strict)
    assert outcomes == ["refused", "refused", "accepted", "accepted"]
    assert trace.commands.outcome.tolist() == [1, 1, 1, 3, 3]


def test_a_conversation_is_known_by_the_command_that_began_it() -> None:
    async def script(system: System) -> list[int]:
        await system.execute(create("other"))
        await system.execute(create())
        await system.execute(update("CONFIRMED"), correlation_id=CorrelationId(1))
        return [int(event.correlation_id) for event in system.log.events]

    assert run(script) == [0, 1, 1]


def test_what_a_caller_does_to_its_list_of_items_later_changes_nothing() -> None:
    async def script(system: System) -> None:
        items = list(ITEMS)
        command = create(items=items)
        accepted = await system.execute(command)
        items.clear()
        answer = await system.query(GetOrderById(OrderId("order-1")), at_least=accepted.position)
        assert isinstance(answer.value, OrderRow)
        assert answer.value.item_count == 2

    run(script)


# Subscriptions.


def test_a_feed_gives_each_event_when_its_read_model_shows_it() -> None:
    async def script(system: System) -> list[tuple[int, str]]:
        seen: list[tuple[int, str]] = []

        async def follow() -> None:
            feed = system.subscribe("search")
            while True:
                event = await feed.__anext__()
                seen.append((int(system._kernel.now_ns()) // MS, event.event_id))

        system._kernel.spawn(follow(), "follower")
        await system.execute(create("a"))
        await system.execute(create("b"))
        await system._kernel.pause(20 * MS)
        return seen

    assert run(script) == [(7, "a#1"), (12, "b#1")]


def test_a_feed_begins_behind_what_is_shown_or_where_it_is_told_to() -> None:
    async def script(system: System) -> tuple[int, int]:
        for order_id in "abc":
            accepted = await system.execute(create(order_id))
        await system.query(GetOrderById(OrderId("c")), at_least=accepted.position)
        late, early = system.subscribe("orders"), system.subscribe("orders", Position(1))
        await system.execute(create("d"))
        return (await late.__anext__()).position, (await early.__anext__()).position

    assert run(script) == (4, 2)


def test_a_feed_of_an_unknown_read_model_is_refused_by_name() -> None:
    async def script(system: System) -> None:
        with pytest.raises(InvalidScenarioError, match="no read model 'cache'; there are: orders"):
            system.subscribe("cache")

    run(script)


@pytest.mark.parametrize("is_waiting", [True, False])
def test_a_feed_ends_when_the_system_closes(is_waiting: bool) -> None:
    async def script(system: System) -> list[int]:
        async def close_later() -> None:
            await system._kernel.pause(MS)
            system.close()

        if is_waiting:
            system._kernel.spawn(close_later(), "closer")
        else:
            system.close()
        return [int(event.position) async for event in system.subscribe("orders")]

    assert run(script) == []


# Closing.


def test_a_closed_system_takes_no_more_commands() -> None:
    async def script(system: System) -> None:
        system.close()
        with pytest.raises(ActorStoppedError, match="the system has stopped"):
            await system.execute(create())

    run(script)


def test_quiet_comes_when_all_is_answered_applied_and_checkpointed() -> None:
    async def script(system: System) -> int:
        for order_id in "abc":
            await system.execute(create(order_id))
        await system.wait_quiet()
        for projector in system.projectors.values():
            assert projector.applied == projector.checkpoint == 3
        return int(system._kernel.now_ns())

    # Committed at 2, 4 and 6 ms; search takes 5 ms each, one after another, from 2 ms on.
    assert run(script) == 17 * MS


def test_a_script_that_waits_for_what_cannot_come_is_told_so() -> None:
    async def script(system: System) -> None:
        await system.query(GetOrderById(OrderId("a")), at_least=Position(1))

    with pytest.raises(DeadlockError, match="script waits for orders to reach position 1"):
        run(script)


def test_the_read_models_equal_a_fold_of_the_log() -> None:
    async def script(system: System) -> None:
        for order_id in "abc":
            await system.execute(create(order_id))
            await system.execute(amend(order_id, [item("prod-9", 4)]))
        await system.execute(cancel("a"))
        await system.execute(update("CONFIRMED", "b"))
        await system.wait_quiet()
        for name, projector in system.projectors.items():
            assert projector.read_model.contents() == fold(system, name).contents()

    run(script)


def test_few_processors_make_the_stages_queue_for_them() -> None:
    async def script(system: System) -> int:
        async def client(order_id: str) -> None:
            await system.execute(create(order_id))

        for order_id in "abcd":
            system._kernel.spawn(client(order_id), order_id)
        await system._kernel.pause(1)
        await system.commands.wait_drained()
        return int(system._kernel.now_ns())

    def limited(processors: int) -> Scenario:
        return scenario(
            run=Run(processors=Count(processors)),
            write_side=WriteSide(service=constant(MS)),
            read_models={"orders": ReadModel()},
        )

    assert [run(script, limited(count)) for count in (0, 1, 2, 4)] == [
        MS, 4 * MS, 2 * MS, MS,
    ]  # fmt: skip


def test_one_script_and_seed_give_one_trace_and_another_seed_another() -> None:
    drawn = scenario(
        write_side=WriteSide(service=exponential(MS)),
        read_models={"orders": ReadModel(service=exponential(MS))},
    )

    async def script(system: System) -> None:
        await system.execute(create())
        await system.wait_quiet()

    def end(seed: int) -> int:
        return trace_script(script, drawn, seed=seed)[1].ended_ns

    assert end(1) == end(1) != end(2)
