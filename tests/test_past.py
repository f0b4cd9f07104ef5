"""Answers as of then: equal to what the read model said at the time, and what they cost."""

import pytest
from fakes import MS, History, amend, constant, create, histories, item, scenario, update
from hypothesis import given, settings
from hypothesis import strategies as st

from cqrs_sim.domain.commands import AmendOrder, CancelOrder, Command, CreateOrder
from cqrs_sim.domain.commands import UpdateOrderStatus as Update
from cqrs_sim.domain.events import (
    Event,
    OrderAmended,
    OrderCancelled,
    OrderCreated,
    OrderStatusChanged,
)
from cqrs_sim.domain.queries import (
    AnswerValue,
    GetOrderById,
    GetOrdersByCustomer,
    GetOrdersByStatus,
    GetOrderStatistics,
    OrderRow,
    OrderStatistics,
    Query,
)
from cqrs_sim.domain.status import STATUSES
from cqrs_sim.engines.hosted import HostedSystem, run_hosted
from cqrs_sim.engines.virtual import run_script, trace_script
from cqrs_sim.errors import UnknownPastError
from cqrs_sim.event_log.past import AsOf, Instant
from cqrs_sim.ids import CustomerId, Nanoseconds, OrderId, Position
from cqrs_sim.read_side.past import AT_ONCE
from cqrs_sim.scenario.scenario import ReadModel, Scenario, WriteSide
from cqrs_sim.system import System

ORDER = OrderId("order-1")
EVER = GetOrderStatistics(Nanoseconds(0), Nanoseconds(10**18))
QUERIES: tuple[Query, ...] = (
    *(GetOrderById(OrderId(name)) for name in ("order-1", "order-2", "order-3", "nobody")),
    *(GetOrdersByCustomer(CustomerId(name)) for name in ("customer-1", "customer-2")),
    *(GetOrdersByStatus(status) for status in STATUSES),
    EVER,
    GetOrderStatistics(Nanoseconds(3 * MS), Nanoseconds(9 * MS)),
)


def shop(*, replay: int = 0, snapshot_every: int = 0) -> Scenario:
    """Each command takes 1 ms; what is committed is shown 1 ms later."""
    return scenario(
        write_side=WriteSide(
            service=constant(MS),
            passivate_after=5 * MS,
            replay=replay,
            snapshot_every=snapshot_every,
        ),
        read_models={
            "orders": ReadModel(service=constant(MS)),
            "statistics": ReadModel(service=constant(MS)),
        },
    )


def command_of(event: Event) -> Command:
    """The command that an event answers."""
    if isinstance(event, OrderCreated):
        return CreateOrder(event.order_id, event.customer_id, event.items)
    if isinstance(event, OrderStatusChanged):
        return Update(event.order_id, event.new_status)
    if isinstance(event, OrderAmended):
        return AmendOrder(event.order_id, event.items)
    assert isinstance(event, OrderCancelled)
    return CancelOrder(event.order_id, event.reason)


Answers = dict[int, list[AnswerValue]]


async def recorded(system: System, history: History, gaps: list[int]) -> tuple[Answers, Answers]:
    """Run a history, and keep what the read models said at each position, and at each instant."""
    by_position: Answers = {0: await asked(system)}
    by_instant: Answers = {int(system._kernel.now_ns()): by_position[0]}
    for number, event in enumerate(history.events):
        await system.execute(command_of(event))
        at_ns = int(system._kernel.now_ns())
        await system._kernel.pause(MS)
        answers = await asked(system)
        by_position[number + 1] = by_instant[at_ns] = answers
        await system._kernel.pause((gaps[number % len(gaps)]) * MS)
        by_instant[int(system._kernel.now_ns())] = answers
    return by_position, by_instant


async def asked(system: System, as_of: AsOf | None = None) -> list[AnswerValue]:
    return [(await system.query(query, as_of=as_of)).value for query in QUERIES]


@settings(max_examples=40)
@given(
    histories(max_size=25),
    st.sampled_from([0, 1, 3]),
    st.lists(st.sampled_from([0, 1, 20]), min_size=1, max_size=4),
)
def test_an_answer_as_of_then_is_the_one_that_was_given_then(
    history: History, snapshot_every: int, gaps: list[int]
) -> None:
    async def main(system: System) -> None:
        by_position, by_instant = await recorded(system, history, gaps)
        for position, answers in by_position.items():
            assert await asked(system, Position(position)) == answers
        for instant_ns, answers in by_instant.items():
            assert await asked(system, Instant(Nanoseconds(instant_ns))) == answers

    run_script(main, shop(snapshot_every=snapshot_every))


def test_an_instant_sees_what_was_committed_then_and_the_one_before_does_not() -> None:
    async def main(system: System) -> list[tuple[int, bool]]:
        await system.execute(create())
        rows: list[tuple[int, bool]] = []
        for instant_ns in (MS - 1, MS):
            answer = await system.query(GetOrderById(ORDER), as_of=Instant(Nanoseconds(instant_ns)))
            rows.append((answer.position, answer.value is not None))
        return rows

    assert run_script(main, shop()) == [(0, False), (1, True)]


async def busy_orders(system: System) -> None:
    """Two orders, of 1 and of 40 events."""
    await system.execute(create("order-2"))
    await system.execute(create())
    for number in range(39):
        await system.execute(amend(items=[item(quantity=number + 1)]))


def test_an_answer_says_how_many_events_were_read_for_it() -> None:
    async def main(system: System) -> list[int]:
        await busy_orders(system)
        queries = (GetOrderById(ORDER), GetOrderById(OrderId("order-2")), EVER)
        found = [await system.query(query, as_of=Position(30)) for query in queries]
        assert {answer.position for answer in found} == {30}
        assert {answer.read_model for answer in found} == {None}
        return [answer.replayed_count for answer in found]

    assert run_script(main, shop()) == [29, 1, 30]
    # The event of version 25, on which the snapshot stands, and those up to version 29.
    assert run_script(main, shop(snapshot_every=25)) == [5, 1, 30]


def test_each_event_read_for_the_past_takes_its_modelled_time() -> None:
    async def main(system: System) -> list[int]:
        await busy_orders(system)
        took = []
        for query in (GetOrderById(ORDER), EVER):
            begun = system._kernel.now_ns()
            await system.query(query, as_of=Position(30))
            took.append(system._kernel.now_ns() - begun)
        return took

    assert run_script(main, shop(replay=MS)) == [29 * MS, 30 * MS]
    assert run_script(main, shop()) == [0, 0]


def test_a_long_replay_gives_way() -> None:
    async def main(system: System) -> list[str]:
        await system.execute(create())
        for number in range(AT_ONCE):
            await system.execute(amend(items=[item(quantity=number + 1)]))
        order: list[str] = []

        async def other() -> None:
            order.append("somebody else")

        system._kernel.spawn(other(), "somebody else")
        await system.query(EVER, as_of=Position(AT_ONCE + 1))
        order.append("the answer")
        return order

    assert run_script(main, shop()) == ["somebody else", "the answer"]


def test_what_is_committed_during_a_replay_is_no_part_of_it() -> None:
    async def main(system: System) -> tuple[int, int, AnswerValue]:
        await system.execute(create())
        system._kernel.spawn(system.execute(create("order-2")), "client")
        answer = await system.query(EVER, as_of=Instant(system._kernel.now_ns()))
        return answer.position, system.log.head, answer.value

    position, head, value = run_script(main, shop(replay=5 * MS))
    assert (position, head) == (1, 2)
    assert isinstance(value, OrderStatistics)
    assert value.orders_count == 1


def test_the_write_side_state_of_then_is_at_hand() -> None:
    async def main(system: System) -> list[tuple[object, ...]]:
        await system.execute(create())
        await system.execute(update("CONFIRMED"))
        states: list[tuple[object, ...]] = []
        for as_of in (Position(0), Position(1), Instant(Nanoseconds(2 * MS))):
            found = system.order_as_of(ORDER, as_of)
            states.append((found.position, found.order and found.order.status))
        return states

    expected = [(0, None), (1, "PENDING"), (2, "CONFIRMED")]
    assert run_script(main, shop()) == expected


def test_questions_about_the_past_are_no_part_of_the_trace() -> None:
    async def main(system: System) -> None:
        await system.execute(create())
        await system.query(GetOrderById(ORDER), as_of=Position(1))

    _, trace = trace_script(main, shop())
    assert len(trace.queries.answered) == 0


def test_no_read_model_is_needed_to_ask_for_the_past() -> None:
    async def main(system: System) -> AnswerValue:
        await system.execute(create())
        return (await system.query(EVER, as_of=Position(1))).value

    value = run_script(main, scenario())
    assert isinstance(value, OrderStatistics)
    assert (value.orders_count, value.revenue_cents) == (1, 10997)


@pytest.mark.parametrize(
    ("as_of", "message"),
    [
        (2, "as_of = 2: the log has the positions 0 to 1"),
        (-1, "as_of = -1: the log has the positions 0 to 1"),
        (True, "as_of = True: must be a position or an Instant"),
        (1.0, "as_of = 1.0: must be a position or an Instant"),
        ("1", "as_of = '1': must be a position or an Instant"),
        (Instant(Nanoseconds(-1)), "as_of = -1 ns: the run began at 0 and is at 1000000 ns"),
        (Instant(Nanoseconds(MS + 1)), "as_of = 1000001 ns: the run began at 0 and is at 1000000"),
        (Instant(0.5), "an instant is whole nanoseconds"),  # type: ignore[arg-type]
    ],
)
def test_a_past_that_the_log_does_not_have_is_refused_with_what_it_has(
    as_of: AsOf, message: str
) -> None:
    async def main(system: System) -> None:
        await system.execute(create())
        with pytest.raises(UnknownPastError) as caught:
            await system.query(GetOrderById(ORDER), as_of=as_of)
        assert message in str(caught.value)
        with pytest.raises(UnknownPastError):
            system.order_as_of(ORDER, as_of)

    run_script(main, shop())


def test_the_past_waits_for_nothing() -> None:
    async def main(system: System) -> None:
        with pytest.raises(UnknownPastError, match="at_least = 5"):
            await system.query(EVER, as_of=Position(0), at_least=Position(5))

    run_script(main, shop())


def test_a_trio_program_asks_for_the_past_too() -> None:
    async def main(system: HostedSystem) -> list[object]:
        first = await system.execute(create())
        second = await system.execute(update("CONFIRMED"))
        rows = [
            (await system.query(GetOrderById(ORDER), as_of=accepted.position)).value
            for accepted in (first, second)
        ]
        return [row.status for row in rows if isinstance(row, OrderRow)]

    assert run_hosted(main, scenario()) == ["PENDING", "CONFIRMED"]
