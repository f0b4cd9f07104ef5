import numpy as np
import pytest
from fakes import MS, SECOND

from cqrs_sim.actors.clock import VirtualClock
from cqrs_sim.domain.commands import CreateOrder
from cqrs_sim.domain.item import OrderItem
from cqrs_sim.domain.queries import GetOrderById, GetOrdersByCustomer
from cqrs_sim.engines import virtual
from cqrs_sim.engines.algebra.engine import unsupported
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.ids import Cents, CustomerId, Nanoseconds, OrderId, Position, ProductId
from cqrs_sim.probe import Lookup
from cqrs_sim.read_side.cache import AnswerCache
from cqrs_sim.scenario.reading import read_scenario
from cqrs_sim.scenario.scenario import Scenario
from cqrs_sim.system import System

ONE, TWO, THREE = (GetOrderById(OrderId(name)) for name in ("1", "2", "3"))

CACHED = """
[run]
duration = "5s"
[load]
rate = "1000/s"
[workload]
orders = 20
customers = 10
[queries]
share = 0.5
mix = { by_id = 6, by_customer = 2, statistics = 2 }
service = { mean = "2ms" }
cache = { ttl = "200ms", service = { mean = "10us" } }
[read_models.orders]
service = { mean = "500us" }
[read_models.statistics]
service = { mean = "500us" }
"""


def cached(*settings: str) -> Scenario:
    return read_scenario(CACHED, settings)


def cache_at(clock: VirtualClock, *, capacity: int = 2) -> AnswerCache:
    return AnswerCache(clock, ttl_ns=100, capacity=capacity)


def test_an_answer_lives_for_its_time_and_not_a_nanosecond_longer() -> None:
    clock = VirtualClock()
    cache = cache_at(clock)
    cache.store(ONE, None, Position(5))
    clock.instant_ns = Nanoseconds(99)
    found = cache.find(ONE)
    assert found is not None
    assert (found.value, found.position) == (None, 5)
    clock.instant_ns = Nanoseconds(100)
    assert cache.find(ONE) is None
    assert len(cache) == 0


def test_a_hit_does_not_make_an_answer_live_longer() -> None:
    clock = VirtualClock()
    cache = cache_at(clock)
    cache.store(ONE, None, Position(5))
    clock.instant_ns = Nanoseconds(60)
    assert cache.find(ONE) is not None
    clock.instant_ns = Nanoseconds(101)
    assert cache.find(ONE) is None


def test_the_least_recently_used_answer_makes_room() -> None:
    cache = cache_at(VirtualClock())
    cache.store(ONE, None, Position(1))
    cache.store(TWO, None, Position(1))
    assert cache.find(ONE) is not None
    cache.store(THREE, None, Position(1))
    assert len(cache) == 2
    assert cache.find(TWO) is None
    assert cache.find(ONE) is not None


def test_who_asks_for_a_position_is_not_given_less() -> None:
    cache = cache_at(VirtualClock())
    cache.store(ONE, None, Position(7))
    assert cache.find(ONE, Position(8)) is None
    assert cache.find(ONE, Position(7)) is not None


def test_a_hit_carries_the_position_of_the_kept_answer_and_at_least_sees_past_it() -> None:
    async def story(system: System) -> list[tuple[int, int]]:
        item = OrderItem(ProductId("book"), 1, Cents(100))
        query, seen = GetOrdersByCustomer(CustomerId("c")), []
        for number in range(2):
            order = CreateOrder(OrderId(f"o{number}"), CustomerId("c"), (item,))
            last = (await system.execute(order)).position
            answer = await system.query(query, at_least=last if not number else None)
            seen.append((answer.position, len(answer.value)))  # type: ignore[arg-type]
        fresh = await system.query(query, at_least=last)
        return [*seen, (fresh.position, len(fresh.value))]  # type: ignore[arg-type]

    # The second order is missing in the kept answer, and not in the one that asks for it.
    assert virtual.run_script(story, cached()) == [(1, 1), (1, 1), (2, 2)]


def test_hits_and_misses_are_counted_and_what_the_cache_adds_is_told_apart() -> None:
    result = virtual.run(cached())
    queries, found = result.trace.queries, result.summary.cache
    is_hit = queries.cache == Lookup.HIT
    took = (queries.answered - queries.submitted).astype(np.int64)
    assert set(took[is_hit].tolist()) == {10_000}
    assert set(took[~is_hit].tolist()) == {2 * MS}
    assert found.hits == np.count_nonzero(is_hit) > 100
    assert found.hits + found.misses == len(queries)
    assert found.hit_share == pytest.approx(found.hits / len(queries))
    assert found.stale_hits / found.hits > 2 * found.stale_misses / found.misses
    stale = sum(row.stale for row in result.summary.reads.rows)
    assert found.stale_hits + found.stale_misses == stale
    # No answer is older than its time to live and what its read model lacked.
    assert found.hits_age_s.max is not None
    assert found.misses_age_s.max is not None
    assert 0.1 < found.hits_age_s.max <= 0.2 + found.misses_age_s.max + 10e-6
    assert result.summary.is_correct


def test_sessions_that_want_their_own_writes_see_them_through_a_cache() -> None:
    fresh = [f"queries.strategy.{kind}=at_least" for kind in ("by_id", "by_customer", "statistics")]
    found = virtual.run(cached(*fresh)).summary
    assert found.cache.hits > 50
    assert found.own_writes.queries > 50
    assert found.own_writes.queries_that_missed == 0
    stale = virtual.run(cached()).summary
    assert stale.own_writes.queries_that_missed > 10


def test_a_read_model_that_is_behind_has_no_age_to_be_measured_through_its_cache() -> None:
    behind = virtual.run(cached("read_models.orders.service.mean=4ms", "run.drain=1s")).summary
    assert "orders" in {load.stage for load in behind.saturated}
    assert behind.cache.hits_age_s.mean is behind.cache.misses_age_s.mean is None


def test_the_same_seed_gives_the_same_hits() -> None:
    one, other = (virtual.run(cached(), seed=9).trace.queries.cache for _ in range(2))
    assert np.array_equal(one, other)


def test_without_a_time_to_live_nothing_is_looked_up() -> None:
    found = virtual.run(cached("queries.cache={}", f"run.duration={SECOND}ns"))
    assert set(found.trace.queries.cache.tolist()) == {Lookup.NONE}
    cache = found.summary.cache
    assert (cache.hits, cache.misses, cache.hit_share) == (0, 0, None)


@pytest.mark.parametrize(
    ("setting", "mistake"),
    [
        ("queries.cache.ttl=0s", "queries.cache.ttl = 0s: there is no cache without"),
        ("queries.cache.ttl=5", "queries.cache.ttl = 5: a duration needs a unit"),
        ("queries.cache.capacity=0", "queries.cache.capacity = 0: must be from 1 to 10000000"),
        ("queries.cache.service.mean=-1s", "queries.cache.service.mean"),
        ("queries.cache.tll=1s", "did you mean queries.cache.ttl?"),
    ],
)
def test_what_no_cache_can_be_is_refused_in_one_line(setting: str, mistake: str) -> None:
    with pytest.raises(InvalidScenarioError) as refused:
        cached(setting)
    (line,) = refused.value.mistakes
    assert mistake in line


def test_the_algebra_refuses_it_by_its_key() -> None:
    (mistake,) = unsupported(cached())
    assert mistake.startswith('queries.cache.ttl = "200ms"')
