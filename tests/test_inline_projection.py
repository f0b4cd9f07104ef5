"""A read model that is updated within the commit: no lag, and who pays for it."""

import numpy as np
import pytest
from fakes import MS

from cqrs_sim import simulation
from cqrs_sim.domain.commands import CreateOrder
from cqrs_sim.domain.item import OrderItem
from cqrs_sim.domain.queries import GetOrderById
from cqrs_sim.engines import virtual
from cqrs_sim.engines.algebra.engine import unsupported
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.ids import Cents, CustomerId, Nanoseconds, OrderId, Position, ProductId
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.predictions import predict, why_not
from cqrs_sim.probe import Outcome, WorkKind
from cqrs_sim.scenario.reading import read_scenario
from cqrs_sim.scenario.scenario import Scenario
from cqrs_sim.system import System

INLINE = """
[run]
duration = "2s"
[load]
rate = "800/s"
[workload]
invalid_share = 0.2
[queries]
share = 0.5
mix = { by_id = 6, by_customer = 2, statistics = 2 }
strategy = { by_id = "at_least", by_customer = "at_least" }
[write_side]
service = { mean = "1ms" }
[read_models.orders]
projection = "inline"
service = { mean = "3ms" }
[read_models.statistics]
projection = "inline"
service = { mean = "5ms" }
[read_models.search]
service = { mean = "1ms" }
"""


def scenario(*settings: str) -> Scenario:
    return read_scenario(INLINE, settings)


def took(trace: Trace, outcome: Outcome) -> set[int]:
    """Service times, in nanoseconds, of the commands that met an actor and ended so."""
    commands = trace.commands
    rows = (commands.outcome == outcome) & ~np.isnat(commands.dequeued)
    return set((commands.acknowledged - commands.dequeued)[rows].astype(np.int64).tolist())


def test_all_stages_of_an_inline_read_model_are_the_instant_of_the_commit() -> None:
    result = virtual.run(scenario())
    trace = result.trace
    assert len(trace.events) > 500
    for name in ("orders", "statistics"):
        deliveries = trace.deliveries_of(name)
        for stamp in ("delivered", "taken", "applied", "checkpointed"):
            assert np.array_equal(getattr(deliveries, stamp), trace.events.committed)
    assert (trace.deliveries_of("search").applied > trace.events.committed).all()
    assert result.summary.is_correct


def test_the_writer_pays_for_every_inline_read_model_and_only_for_what_is_accepted() -> None:
    trace = virtual.run(scenario()).trace
    assert took(trace, Outcome.ACCEPTED) == {(1 + 3 + 5) * MS}
    assert took(trace, Outcome.REJECTED) == {1 * MS}


def test_the_draws_are_those_of_a_projector_by_command_instead_of_by_position() -> None:
    drawn = (
        "read_models.orders.service.distribution=exponential",
        "read_models.statistics.projection=async",
        "workload.invalid_share=0",
        "write_side.service.mean=0s",
        "workload.kind=amendments",
    )
    inline = virtual.run(scenario(*drawn), seed=4).trace
    commands = inline.commands
    paid = (commands.committed - commands.dequeued).astype(np.int64)
    later = virtual.run(scenario(*drawn, "read_models.orders.projection=async"), seed=4).trace
    deliveries = later.deliveries_of("orders")
    applied = deliveries.applied.astype(np.int64)
    # A projector that takes one event at a time begins each when it is taken.
    by_position = applied - deliveries.taken.astype(np.int64)
    first = later.first_position - 1
    assert np.array_equal(paid[first:], by_position[: len(paid) - first])


def test_a_fresh_read_of_an_inline_read_model_never_waits_and_lacks_nothing() -> None:
    result = virtual.run(scenario())
    queries = result.trace.queries
    assert np.array_equal(queries.answered, queries.submitted)
    for kind in ("GetOrderById", "GetOrdersByCustomer"):
        found = result.summary.reads.of(kind, "at_least")
        assert found is not None
        assert (found.stale, found.missed_own_share or 0.0) == (0, 0.0)


def test_write_and_views_are_one_piece_of_work_in_their_database() -> None:
    shared = (
        "databases.main.connections=2",
        "write_side.database=main",
        "read_models.orders.database=main",
        "read_models.statistics.database=main",
        "workload.invalid_share=0",
    )
    works = virtual.run(scenario(*shared)).trace.works
    writes = works.kind == WorkKind.WRITE
    assert set((works.ended - works.begun)[writes].astype(np.int64).tolist()) == {9 * MS}
    assert not (works.kind == WorkKind.APPLY).any()


def test_an_inline_read_model_shows_what_one_with_a_projector_comes_to_show() -> None:
    async def story(system: System) -> list[object]:
        item = OrderItem(ProductId("book"), 1, Cents(100))
        for number in range(5):
            await system.execute(CreateOrder(OrderId(f"o{number}"), CustomerId("c"), (item,)))
        early = await system.query(GetOrderById(OrderId("o4")))
        feed = system.subscribe("orders", Position(0))
        seen = [(await feed.__anext__()).position for _ in range(5)]
        return [early.position, early.value is not None, seen]

    assert virtual.run_script(story, scenario()) == [5, True, [1, 2, 3, 4, 5]]


def test_a_subscriber_is_woken_by_the_commit() -> None:
    async def story(system: System) -> Nanoseconds:
        item = OrderItem(ProductId("book"), 1, Cents(100))
        feed = system.subscribe("orders", Position(0))
        seen: list[int] = []

        async def watch() -> None:
            await feed.__anext__()
            seen.append(int(system.log.head))

        kernel = system._kernel
        kernel.spawn(watch(), "watch")
        accepted = await system.execute(CreateOrder(OrderId("o"), CustomerId("c"), (item,)))
        await kernel.pause(1)
        assert seen == [accepted.position]
        return kernel.now_ns()

    assert virtual.run_script(story, scenario()) == 9 * MS + 1


def test_it_never_lags_on_the_wall_clock_either() -> None:
    result = simulation.run(scenario("run.duration=300ms", "load.rate=200/s"), engine="wall")
    trace = result.trace
    assert result.summary.is_correct
    assert len(trace.events) > 5
    applied = trace.deliveries_of("orders").applied
    assert np.array_equal(applied, trace.events.committed)


@pytest.mark.parametrize("projection", ["inline", "task"])
@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("transport", "1ms"),
        ("channel", "5"),
        ("batch", "5"),
        ("checkpoint", "1ms"),
        ("poll", "5ms"),
        ("pauses", "[{at = '1s', duration = '1s'}]"),
    ],
)
def test_what_only_a_projector_has_is_refused(projection: str, key: str, value: str) -> None:
    with pytest.raises(InvalidScenarioError) as refused:
        scenario(f"read_models.orders.projection={projection}", f"read_models.orders.{key}={value}")
    (line,) = refused.value.mistakes
    assert line.startswith(f"read_models.orders.{key}: belongs to a projector")
    assert f'read_models.orders.projection = "{projection}"' in line


def test_a_transaction_over_two_databases_is_refused() -> None:
    with pytest.raises(InvalidScenarioError) as refused:
        scenario("databases.main.connections=2", "read_models.orders.database=main")
    (line,) = refused.value.mistakes
    assert line.startswith('read_models.orders.database = "main": must be write_side.database')


def test_neither_the_algebra_nor_theory_says_anything_of_it() -> None:
    asked = scenario("queries.share=0")
    assert [line.partition(":")[0] for line in unsupported(asked)] == [
        'read_models.orders.projection = "inline"',
        'read_models.statistics.projection = "inline"',
    ]
    assert predict(asked) == ()
    assert any("inline" in reason for reason in why_not(asked)["response"])
