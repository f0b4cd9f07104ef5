"""Read models rebuilt beside the live ones, in systems whose every instant can be worked out."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import attrs
import pytest
from fakes import MS, SECOND, amend, constant, create, scenario

from cqrs_sim.domain.events import Event
from cqrs_sim.domain.queries import GetOrderById, GetOrdersByStatus, OrderRow
from cqrs_sim.engines import hosted
from cqrs_sim.engines.virtual import run_script, trace_script
from cqrs_sim.errors import ActorStoppedError, InvalidScenarioError
from cqrs_sim.ids import Nanoseconds, OrderId, Position
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.read_side.orders import OrdersReadModel
from cqrs_sim.read_side.read_model_rows import WITNESSES, compare_rows
from cqrs_sim.read_side.rebuild import Rebuild
from cqrs_sim.scenario.scenario import ReadModel, Run, Scenario
from cqrs_sim.scenario.units import Count, Duration
from cqrs_sim.system import System, fold

T = TypeVar("T")

BY_ID = GetOrderById(OrderId("order-1"))


def orders(service_ms: int = 1, **settings: object) -> Scenario:
    model = ReadModel(service=constant(service_ms * MS), **settings)  # type: ignore[arg-type]
    return scenario(read_models={"orders": model})


def run(script: Callable[[System], Awaitable[T]], given: Scenario | None = None) -> T:
    return run_script(script, orders() if given is None else given)


async def write(system: System, count: int, *, first: int = 0) -> None:
    """So many events of one order, at one instant each."""
    for number in range(first, first + count):
        await system.execute(create() if number == 0 else amend())


async def until(system: System, instant_ms: float) -> None:
    kernel = system._kernel
    await kernel.pause(round(instant_ms * MS) - kernel.now_ns())


def stamps(trace: Trace, column: str) -> list[float]:
    return [int(stamp) / MS for stamp in getattr(trace.deliveries, column).astype(int)]


def test_it_takes_the_time_of_every_event_again_and_of_a_checkpoint_a_batch() -> None:
    async def script(system: System) -> Rebuild:
        await write(system, 10)
        await until(system, 100)
        return await system.rebuild("orders", batch=4)

    done = run(script, orders(checkpoint=Duration(2 * MS)))
    assert done.began_ns == 100 * MS
    assert done.switched_ns == (100 + 10 * 1 + 3 * 2) * MS
    assert (done.applied, done.shown) == (10, 10)


def test_until_the_switch_every_answer_is_the_live_ones() -> None:
    async def script(system: System) -> list[bool]:
        await write(system, 50)
        await until(system, 100)
        system._kernel.spawn(system.rebuild("orders", batch=1), "rebuild")
        live = system.projectors["orders"].read_model
        seen = []
        for instant in (101, 120, 149, 151):
            await until(system, instant)
            answer = await system.query(BY_ID)
            assert isinstance(answer.value, OrderRow)
            assert (answer.position, answer.value.version) == (50, 50)
            seen.append(system.projectors["orders"].read_model is live)
        return seen

    assert run(script) == [True, True, True, False]


def test_what_was_applied_beyond_the_live_one_is_seen_at_the_switch_and_not_before() -> None:
    """The live projector stores a checkpoint an event, the rebuilding one only one a batch."""

    async def script(system: System) -> Rebuild:
        await write(system, 10)
        return await system.rebuild("orders", batch=10)

    done, trace = trace_script(script, orders(checkpoint=Duration(9 * MS)))
    # Ten events and one checkpoint; the live one had the second event done by 20 ms.
    assert done.switched_ns == 19 * MS
    assert (done.applied, done.shown) == (10, 2)
    assert stamps(trace, "applied") == [1, 11, *[19] * 8]
    assert stamps(trace, "taken") == [0, 10, *[19] * 8]
    assert stamps(trace, "checkpointed") == [10, *[19] * 9]
    assert stamps(trace, "delivered") == [0] * 10


def test_the_event_that_the_live_projector_is_at_is_shown_once_by_the_rebuilt_one() -> None:
    async def script(system: System) -> Rebuild:
        await write(system, 4)
        done = await system.rebuild("orders", batch=4)
        await until(system, 100)
        return done

    # Live: three events by 15 ms, and at the fourth; it began at 12 ms and would end at 16 ms.
    done, trace = trace_script(script, orders(service_ms=1, checkpoint=Duration(4 * MS)))
    assert done.switched_ns == 8 * MS
    assert stamps(trace, "applied") == [1, 6, 8, 8]


def test_events_behind_the_switch_are_followed_in_the_usual_way() -> None:
    async def script(system: System) -> None:
        await write(system, 5)
        await until(system, 10)
        await system.rebuild("orders")
        await until(system, 20)
        await write(system, 3, first=5)
        await until(system, 30)
        system.log.end_subscriptions()

    trace = trace_script(script, orders())[1]
    assert stamps(trace, "applied") == [1, 2, 3, 4, 5, 21, 22, 23]
    assert stamps(trace, "taken")[5:] == [20, 21, 22]


def test_a_reader_that_waits_is_woken_by_the_switch_that_shows_its_position() -> None:
    async def script(system: System) -> tuple[int, int]:
        await write(system, 10)
        system._kernel.spawn(system.rebuild("orders", batch=10), "rebuild")
        answer = await system.query(BY_ID, at_least=Position(7))
        return int(system._kernel.now_ns()), int(answer.position)

    assert run(script, orders(checkpoint=Duration(9 * MS))) == (19 * MS, 10)


def test_a_reader_that_waits_for_more_than_the_switch_shows_waits_on() -> None:
    async def script(system: System) -> int:
        await write(system, 2)

        async def later() -> None:
            await until(system, 50)
            await write(system, 1, first=2)

        system._kernel.spawn(system.rebuild("orders"), "rebuild")
        system._kernel.spawn(later(), "later")
        await system.query(BY_ID, at_least=Position(3), timeout_ns=SECOND)
        return int(system._kernel.now_ns())

    assert run(script) == 51 * MS


def test_a_feed_goes_on_across_the_switch_without_loss_or_repetition() -> None:
    async def script(system: System) -> list[int]:
        seen: list[int] = []

        async def follow() -> None:
            feed = system.subscribe("orders", after=Position(0))
            while True:
                await feed.wait_next()
                seen.append(feed.take().position)

        system._kernel.spawn(follow(), "follower")
        await write(system, 10)
        await system.rebuild("orders", batch=10)
        await write(system, 5, first=10)
        await until(system, 500)
        return seen

    assert run(script, orders(checkpoint=Duration(9 * MS))) == list(range(1, 16))


def test_a_query_at_any_instant_is_a_fold_of_the_log_and_positions_never_go_back() -> None:
    """Asked every half millisecond around the switch, under load, in every order's row."""

    async def script(system: System) -> tuple[list[int], Rebuild]:
        shown: list[int] = []

        async def load() -> None:
            for number in range(60):
                await system.execute(create(f"order-{number}"))
                await system._kernel.pause(2 * MS)

        async def ask() -> None:
            for _ in range(240):
                answer = await system.query(GetOrdersByStatus("PENDING"))
                expected = OrdersReadModel()
                for event in system.log.events[: answer.position]:
                    expected.apply(event)
                assert answer.value == expected.by_status("PENDING")
                shown.append(answer.position)
                await system._kernel.pause(MS // 2)

        system._kernel.spawn(load(), "load")
        system._kernel.spawn(ask(), "reader")
        await until(system, 30)
        done = await system.rebuild("orders", batch=3)
        await until(system, 400)
        return shown, done

    shown, done = run(script)
    assert done.switched_ns is not None
    assert 31 * MS < done.switched_ns < 120 * MS
    assert shown == sorted(shown)
    assert shown[-1] == 60


def test_the_live_projector_takes_nothing_more_after_the_switch() -> None:
    async def script(system: System) -> System:
        await write(system, 10)
        before = system._actors._actors["orders"]
        await system.rebuild("orders", batch=10)
        assert before.is_done
        await write(system, 10, first=10)
        await until(system, 500)
        return system

    system = run(script, orders(checkpoint=Duration(9 * MS)))
    assert system.projectors["orders"].duplicates_count == 0
    assert system.projectors["orders"].read_model.contents() == fold(system, "orders").contents()


def test_an_empty_log_is_rebuilt_at_once() -> None:
    async def script(system: System) -> Rebuild:
        done = await system.rebuild("orders")
        await write(system, 1)
        await system.query(BY_ID, at_least=Position(1))
        return done

    done = run(script)
    assert (done.applied, done.switched_ns) == (0, 0)


def test_a_second_rebuild_of_a_read_model_begins_when_the_first_is_done() -> None:
    async def script(system: System) -> list[Rebuild]:
        await write(system, 10)
        await until(system, 20)
        for name in ("first", "second", "third"):
            system._kernel.spawn(system.rebuild("orders"), name)
        await until(system, 100)
        return system.rebuilds.begun

    spans = [(done.began_ns, done.switched_ns) for done in run(script)]
    assert spans == [(20 * MS, 30 * MS), (30 * MS, 40 * MS), (40 * MS, 50 * MS)]


def test_two_read_models_may_be_rebuilt_at_one_time() -> None:
    async def script(system: System) -> list[Nanoseconds | None]:
        await write(system, 10)
        await until(system, 50)
        for name in ("orders", "search"):
            system._kernel.spawn(system.rebuild(name), name)
        await until(system, 100)
        return [done.switched_ns for done in system.rebuilds.begun]

    model = ReadModel(service=constant(MS))
    given = scenario(read_models={"orders": model, "search": model})
    assert run(script, given) == [60 * MS, 60 * MS]


def test_with_shared_processors_it_delays_the_live_read_model() -> None:
    async def script(system: System) -> None:
        await write(system, 10)
        await until(system, 50)
        system._kernel.spawn(system.rebuild("orders"), "rebuild")
        await until(system, 55)
        await write(system, 1, first=10)
        await until(system, 100)

    def lag_ms(processors: int) -> float:
        run_ = Run(processors=Count(processors))
        given = scenario(run=run_, read_models={"orders": ReadModel(service=constant(MS))})
        trace = trace_script(script, given)[1]
        return stamps(trace, "applied")[-1] - 55

    assert lag_ms(0) == 1
    assert lag_ms(2) == 1
    assert lag_ms(1) > 1


def test_an_unknown_read_model_is_refused_with_those_that_there_are() -> None:
    async def script(system: System) -> None:
        with pytest.raises(
            InvalidScenarioError, match="no read model 'serach' to rebuild; there are: orders"
        ):
            await system.rebuild("serach")
        with pytest.raises(InvalidScenarioError, match="batch = 0: must be at least 1"):
            await system.rebuild("orders", batch=0)

    run(script)


def test_whoever_waits_for_a_rebuild_hears_that_the_system_closed_and_the_live_one_stays() -> None:
    async def script(system: System) -> list[str]:
        heard: list[str] = []

        async def rebuild() -> None:
            with pytest.raises(ActorStoppedError):
                await system.rebuild("orders")
            heard.append("stopped")

        await write(system, 10)
        await until(system, 20)
        live = system.projectors["orders"].read_model
        system._kernel.spawn(rebuild(), "rebuild")
        await until(system, 25)
        system.close()
        await until(system, 100)
        assert system.projectors["orders"].read_model is live
        assert [done.switched_ns for done in system.rebuilds.begun] == [None]
        return heard

    assert run(script) == ["stopped"]


class Forgetful(OrdersReadModel):
    """Does not show the seventh event that it is given."""

    count = 0

    def apply(self, event: Event) -> None:
        self.count += 1
        if self.count != 7:
            super().apply(event)


def plant(system: System, model: type[OrdersReadModel]) -> None:
    """Rebuild with another class of read model than the live one is of."""
    site = system.rebuilds._sites["orders"]
    system.rebuilds._sites["orders"] = attrs.evolve(site, new_model=model)


@pytest.mark.parametrize(("batch", "shown"), [(1, 10), (10, 2)])
def test_a_rebuilt_read_model_that_missed_an_event_is_found_with_its_row(
    batch: int, shown: int
) -> None:
    """Also where the live one had yet to apply that event, and is folded on to be compared."""

    async def script(system: System) -> Rebuild:
        for number in range(1, 11):
            await system.execute(create(f"order-{number}"))
        plant(system, Forgetful)
        return await system.rebuild("orders", batch=batch)

    checkpoint = Duration(9 * MS) if batch > 1 else Duration(0)
    done = run(script, orders(checkpoint=checkpoint))
    assert done.shown == shown
    assert done.comparison is not None
    assert done.comparison.differing == (
        "table 1['order-7']", "table 2['customer-1']", "table 3['PENDING']",
    )  # fmt: skip


def test_rows_that_differ_are_counted_and_some_of_them_named() -> None:
    live = ({"a": 1, "b": 2, "c": 3}, [1, 2], 7)
    assert compare_rows(live, ({"a": 1, "b": 2, "c": 3}, [1, 2], 7)).rows == 6
    found = compare_rows(live, ({"a": 1, "b": 5, "d": 3}, [1], 8))
    assert (found.rows, found.differing_count, found.are_equal) == (7, 5, False)
    assert found.differing == (
        "table 1['b']", "table 1['c']", "table 1['d']", "table 2[1]", "table 3",
    )  # fmt: skip
    many = compare_rows(dict.fromkeys(range(100), 0), dict.fromkeys(range(100), 1))
    assert (many.differing_count, len(many.differing)) == (100, WITNESSES)


def test_a_trio_task_rebuilds_on_the_wall_clock() -> None:
    async def main(system: hosted.HostedSystem) -> tuple[Rebuild, object]:
        for number in range(30):
            accepted = await system.execute(create(f"order-{number}"))
        done = await system.rebuild("orders", batch=7)
        await system.execute(create("order-30"))
        answer = await system.query(GetOrdersByStatus("PENDING"), at_least=Position(31))
        assert done.comparison is None  # Comparing takes time here.
        done.compare()
        assert accepted.position == 30
        return done, answer.value

    done, value = hosted.run_hosted(main, scenario())
    assert done.switched_ns is not None
    assert done.comparison is not None
    assert done.comparison.are_equal
    assert isinstance(value, tuple)
    assert len(value) == 31
