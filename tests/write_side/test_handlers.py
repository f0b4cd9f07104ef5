"""Handlers: many work on one order at once, and what comes of it, by hand."""

from collections.abc import Awaitable, Callable, Sequence

import numpy as np
import pytest
from fakes import MS, amend, cancel, constant, create, exponential, item, scenario, update
from hypothesis import given, settings
from hypothesis import strategies as st

from cqrs_sim.actors.randomness import BLOCK, Draws, Streams
from cqrs_sim.analysis.attempts import check_attempts
from cqrs_sim.domain.commands import Command
from cqrs_sim.domain.events import Event
from cqrs_sim.domain.history import legal_history
from cqrs_sim.domain.queries import GetOrderById, OrderRow
from cqrs_sim.domain.status import STATUSES
from cqrs_sim.engines.virtual import trace_script
from cqrs_sim.errors import (
    ActorStoppedError,
    ConcurrencyConflictError,
    InvalidTransitionError,
    OrderNotFoundError,
)
from cqrs_sim.ids import CommandId, OrderId
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.probe import AttemptEnd, Outcome, Strategy
from cqrs_sim.scenario.parts import CommandHandling
from cqrs_sim.scenario.scenario import Log, Queries, ReadModel, Retry, Scenario, Service, WriteSide
from cqrs_sim.scenario.units import Count, Duration
from cqrs_sim.system import System
from cqrs_sim.write_side.handlers import JITTER_BITS, Retries
from cqrs_sim.write_side.order_actor import Accepted

BY_ID = GetOrderById(OrderId("order-1"))
TWO_MS = constant(2 * MS)
Heard = list[tuple[int, Accepted | Exception]]


def handled(
    handling: CommandHandling = "optimistic",
    service: Service = TWO_MS,
    retry: Retry | None = None,
    log: Log | None = None,
) -> Scenario:
    return scenario(
        write_side=WriteSide(handling=handling, service=service, retry=retry or Retry()),
        queries=Queries(service=constant(MS)),
        read_models={"orders": ReadModel()},
        log=log or Log(),
    )


async def send(system: System, command: Command, heard: Heard, request: str | None = None) -> None:
    outcome: Accepted | Exception
    try:
        outcome = await system.execute(command, request_id=request)
    except Exception as error:
        outcome = error
    heard.append((int(system._kernel.now_ns()), outcome))


def at_once(
    commands: Sequence[Command], of: Scenario, seed: int = 0, request: str | None = None
) -> tuple[Heard, System, Trace]:
    """Create an order, then send it all of the commands at one instant."""
    heard: Heard = []

    async def script(system: System) -> System:
        await system.execute(create())
        for command in commands:
            system._kernel.spawn(send(system, command, heard, request), "sender")
        await system._kernel.pause(1_000 * MS)
        return system

    system, trace = trace_script(script, of, seed=seed)
    return heard, system, trace


def ends(trace: Trace) -> list[tuple[int, int, str]]:
    """Of each attempt its command, the version that it saw, and its end."""
    table = trace.attempts
    names = [AttemptEnd(end).name for end in table.end.tolist()]
    return list(zip(table.command.tolist(), table.version.tolist(), names, strict=True))


def ns(stamps: object) -> list[int]:
    return [int(stamp) for stamp in stamps.astype(np.int64)]  # type: ignore[attr-defined]


def waited_ns(seed: int, command: int, longest_ns: int) -> int:
    """The jitter after the first attempt at a command, from its stream."""
    draw = Streams(seed).stream("write/jitter/1")
    return int((longest_ns + 1) * draw.random(BLOCK)[command])


# One wins, the other looks again.


def test_of_two_at_one_instant_one_wins_and_the_other_tries_again_after_a_random_time() -> None:
    heard, _, trace = at_once([update("CONFIRMED"), cancel()], handled())
    begun, done = 2 * MS, 4 * MS
    wait = waited_ns(0, 2, MS)
    assert 0 < wait <= MS
    assert ends(trace) == [
        (0, 0, "COMMITTED"),
        (1, 1, "COMMITTED"),
        (2, 1, "CONFLICT"),
        (2, 2, "COMMITTED"),
    ]
    assert ns(trace.attempts.begun) == [0, begun, begun, done + wait]
    assert ns(trace.attempts.ended) == [2 * MS, done, done, done + wait + 2 * MS]
    assert [at for at, _ in heard] == [done, done + wait + 2 * MS]


def test_queueing_holds_what_was_in_vain_and_service_is_the_last_attempt() -> None:
    _, _, trace = at_once([update("CONFIRMED"), cancel()], handled())
    commands = trace.commands
    wait = waited_ns(0, 2, MS)
    assert ns(commands.dequeued - commands.submitted) == [0, 0, 2 * MS + wait]
    assert ns(commands.committed - commands.dequeued) == [2 * MS] * 3


def test_who_tries_again_decides_on_what_is_there_now() -> None:
    heard, system, trace = at_once([cancel(), update("CONFIRMED")], handled())
    assert isinstance(heard[1][1], InvalidTransitionError)
    assert ends(trace)[1:] == [(1, 1, "COMMITTED"), (2, 1, "CONFLICT"), (2, 2, "REJECTED")]
    assert [type(event).__name__ for event in system.log.events] == [
        "OrderCreated",
        "OrderCancelled",
    ]


def test_out_of_attempts_the_caller_hears_of_the_last_conflict() -> None:
    of = handled(retry=Retry(attempts=Count(1)))
    heard, _, trace = at_once([amend(), amend(), amend()], of)
    given_up = [outcome for _, outcome in heard[1:]]
    assert all(isinstance(error, ConcurrencyConflictError) for error in given_up)
    assert [(e.expected, e.actual) for e in given_up] == [(1, 2)] * 2  # type: ignore[union-attr]
    assert trace.commands.outcome.tolist() == [
        *(Outcome.ACCEPTED, Outcome.ACCEPTED, Outcome.CONFLICT, Outcome.CONFLICT)
    ]
    assert ns(trace.commands.acknowledged)[2:] == [4 * MS] * 2
    assert len(trace.attempts) == 4


def test_without_a_wait_each_round_has_one_winner() -> None:
    of = handled(retry=Retry(attempts=Count(4), backoff=Duration(0)))
    _, _, trace = at_once([amend() for _ in range(5)], of)
    assert [len(r) for r in rounds(trace)] == [1, 5, 4, 3, 2]
    assert np.count_nonzero(trace.commands.outcome == Outcome.CONFLICT) == 1


def rounds(trace: Trace) -> list[list[int]]:
    """Commands that were tried at one instant."""
    begun = ns(trace.attempts.begun)
    return [
        [c for c, at in zip(trace.attempts.command.tolist(), begun, strict=True) if at == instant]
        for instant in sorted(set(begun))
    ]


def test_commands_of_different_orders_never_meet() -> None:
    _, _, trace = at_once([create("order-2"), create("order-3"), amend()], handled())
    assert {end for *_, end in ends(trace)} == {"COMMITTED"}


def test_a_command_may_overtake_the_creation_of_its_order() -> None:
    """In a mailbox it would wait its turn."""
    heard, _, _ = at_once([create("order-2"), update("CONFIRMED", "order-2")], handled())
    assert isinstance(heard[1][1], OrderNotFoundError)


@pytest.mark.parametrize("handling", ["optimistic", "unchecked"])
def test_either_order_of_two_at_one_instant_is_reached_and_a_seed_always_gives_the_same(
    handling: CommandHandling,
) -> None:
    of = handled(handling, exponential(2 * MS))

    def first_of(seed: int) -> tuple[int, bytes]:
        _, _, trace = at_once([update("CONFIRMED"), cancel()], of, seed)
        arrays = trace.to_arrays()
        return int(trace.events.command[1]), b"".join(a.tobytes() for a in arrays.values())

    found = [first_of(seed) for seed in range(12)]
    assert {first for first, _ in found} == {1, 2}
    assert [first_of(seed) for seed in range(12)] == found


SENT = st.lists(
    st.tuples(
        st.integers(0, 3),
        st.one_of(
            st.builds(create, st.sampled_from(["order-1", "order-2"])),
            st.builds(update, st.sampled_from(STATUSES), st.sampled_from(["order-1", "order-2"])),
            st.builds(cancel, st.sampled_from(["order-1", "order-2"])),
            st.builds(amend, st.sampled_from(["order-1", "order-2"])),
        ),
    ),
    max_size=14,
)
"""Milliseconds to wait, and what to send then."""


@given(SENT, st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_whatever_is_sent_the_log_is_one_that_orders_with_actors_could_have(
    sent: list[tuple[int, Command]], seed: int
) -> None:
    heard: Heard = []

    async def script(system: System) -> list[Event]:
        for gap_ms, command in sent:
            await system._kernel.pause(gap_ms * MS)
            system._kernel.spawn(send(system, command, heard), "sender")
        await system._kernel.pause(1_000 * MS)
        return list(system.log.events)

    events, trace = trace_script(script, handled(service=exponential(2 * MS)), seed=seed)
    assert len(heard) == len(sent)
    for order in {event.order_id for event in events}:
        assert legal_history([event for event in events if event.order_id == order]) is None
    assert all(check.ok for check in check_attempts(trace))


def test_what_is_read_from_the_log_is_not_kept_to_be_held_against_it() -> None:
    _, system, _ = at_once([update("CONFIRMED")], handled())
    system.activations.left = {}
    system.commands.close()
    assert system.activations.left == {}


# Waiting.


@given(st.integers(1, 12), st.integers(0, 200), st.integers(0, 10 * MS), st.integers(0, 50 * MS))
def test_a_wait_is_from_0_to_a_bound_that_doubles_up_to_its_cap(
    failed: int, command: int, backoff: int, cap: int
) -> None:
    jitter = [Draws(Streams(n).stream("x"), "uniform", 1 << (JITTER_BITS - 1)) for n in range(12)]
    retries = Retries(backoff_ns=backoff, cap_ns=cap, jitter=jitter)
    wait = retries.wait_ns(CommandId(command), failed)
    assert 0 <= wait <= min(cap, backoff * 2 ** (failed - 1))


def test_waits_are_uniform() -> None:
    """By the theorem of Dvoretzky, Kiefer and Wolfowitz: off by more in 1 of 10^6 seeds at most."""
    jitter = [Draws(Streams(7).stream("x"), "uniform", 1 << (JITTER_BITS - 1))]
    retries = Retries(backoff_ns=MS, cap_ns=MS, jitter=jitter)
    count = 20_000
    waits = np.sort([retries.wait_ns(CommandId(number), 1) for number in range(count)]) / MS
    apart = np.abs(waits - (np.arange(count) + 0.5) / count).max()
    assert apart < np.sqrt(np.log(2e6) / (2 * count))


def test_uniform_draws_are_whole_and_below_twice_their_mean() -> None:
    drawn = Draws(Streams(0).stream("x"), "uniform", 3).array(10_000)
    assert set(drawn.tolist()) == {0, 1, 2, 3, 4, 5}


# Nobody looks.


def test_unchecked_both_pass_and_both_events_are_published() -> None:
    heard, system, trace = at_once([update("CONFIRMED"), cancel()], handled("unchecked"))
    assert all(isinstance(outcome, Accepted) for _, outcome in heard)
    assert ends(trace)[1:] == [(1, 1, "COMMITTED"), (2, 1, "COMMITTED")]
    assert [(type(e).__name__, e.version, e.position) for e in system.log.events] == [
        ("OrderCreated", 1, 1),
        ("OrderStatusChanged", 2, 2),
        ("OrderCancelled", 3, 3),
    ]
    row = system.projectors["orders"].read_model.by_id(OrderId("order-1"))  # type: ignore[attr-defined]
    assert (row.status, row.version) == ("CANCELLED", 3)


def test_unchecked_the_state_is_what_the_last_writer_made_of_what_it_had_read() -> None:
    """The amendment is in the log, and gone from the state: nobody decides by it again."""
    new = (item("prod-9", 1, 1),)
    _, system, _ = at_once([amend(items=new), update("CONFIRMED")], handled("unchecked"))
    system.activations.left = {}
    system.commands.close()
    left = system.activations.left[OrderId("order-1")]
    assert (left.status, left.version, left.total_cents) == ("CONFIRMED", 3, 10997)
    assert system.order_as_of(OrderId("order-1"), system.log.head).order.total_cents == 1  # type: ignore[union-attr]


def test_unchecked_the_next_command_goes_on_from_the_last_write() -> None:
    async def script(system: System) -> None:
        await system.execute(create())
        for status in ("CONFIRMED", "SHIPPED", "DELIVERED"):
            await system.execute(update(status))

    _, trace = trace_script(script, handled("unchecked"))
    assert [version for _, version, _ in ends(trace)] == [0, 1, 2, 3]
    assert trace.events.version.tolist() == [1, 2, 3, 4]


# What else an order is asked for.


@pytest.mark.parametrize("log", [Log(), Log(append=Duration(3 * MS))])
def test_a_request_that_is_sent_twice_at_once_takes_effect_once(log: Log) -> None:
    heard, system, trace = at_once([amend(), amend()], handled(log=log), request="r-1")
    (_, first), (_, second) = heard
    assert isinstance(first, Accepted)
    assert first == second
    assert system.log.head == 2
    assert trace.commands.outcome.tolist()[1:] == [Outcome.ACCEPTED, Outcome.REPEATED]


def test_an_append_that_is_being_committed_has_won_already() -> None:
    """It is in nobody's state yet; whoever comes meanwhile must not be told that it may write."""
    log = Log(append=Duration(5 * MS))
    of = handled(log=log, retry=Retry(attempts=Count(2), backoff=Duration(0)))
    _, _, trace = at_once([amend(), amend()], of)
    # The first look at 7 ms, the conflict at 9 ms; the second look too, while it commits to 14 ms.
    assert ends(trace)[1:] == [(1, 1, "COMMITTED"), (2, 1, "CONFLICT"), (2, 1, "CONFLICT")]
    assert ns(trace.attempts.ended)[1:] == [14 * MS, 9 * MS, 11 * MS]


@pytest.mark.parametrize("handling", ["optimistic", "unchecked"])
def test_a_question_is_answered_from_what_is_written_by_then(handling: CommandHandling) -> None:
    async def script(system: System) -> tuple[object, object]:
        before = await system.query_write_side(BY_ID)
        await system.execute(create())
        await system.execute(update("CONFIRMED"))
        after = await system.query_write_side(BY_ID)
        assert isinstance(after.value, OrderRow)
        return before.value, (after.value.status, after.position)

    found, trace = trace_script(script, handled(handling))
    assert found == (None, ("CONFIRMED", 2))
    assert set(trace.queries.strategy.tolist()) == {Strategy.WRITE_SIDE}


def closed_after(pause_ns: int) -> Callable[[System], Awaitable[Heard]]:
    async def script(system: System) -> Heard:
        heard: Heard = []
        await system.execute(create())
        for command in (update("CONFIRMED"), cancel()):
            system._kernel.spawn(send(system, command, heard), "sender")
        await system._kernel.pause(pause_ns)
        system.commands.close()
        await system._kernel.pause(MS)
        return heard

    return script


@pytest.mark.parametrize("pause_ns", [MS, 2 * MS + 1000])
def test_who_is_at_work_or_waits_to_try_again_when_the_system_closes_hears_so(
    pause_ns: int,
) -> None:
    heard, trace = trace_script(closed_after(pause_ns), handled())
    stopped = [outcome for _, outcome in heard if isinstance(outcome, ActorStoppedError)]
    unfinished = np.count_nonzero(trace.commands.outcome == Outcome.UNFINISHED)
    assert len(heard) == 2
    assert len(stopped) == unfinished == (2 if pause_ns == MS else 1)


def test_a_handler_is_gone_when_its_command_is_answered() -> None:
    _, system, _ = at_once([amend(), amend(), create()], handled())
    found = system.write_side_statistics()
    assert (found.resident_orders_count, found.activated_count, found.in_flight_count) == (0, 4, 0)
