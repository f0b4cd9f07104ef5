"""Runs with crashes of projectors: what each mode of delivery promises, over seeds."""

from functools import cache

import numpy as np
import pytest

from cqrs_sim.analysis.delivery import effects_of
from cqrs_sim.analysis.saturation import busy_s_per_event
from cqrs_sim.engines import virtual, wall
from cqrs_sim.engines.algebra.engine import unsupported
from cqrs_sim.results import Result
from cqrs_sim.scenario.reading import read_scenario
from cqrs_sim.scenario.scenario import Scenario

BATCH = 8
EACH = ", ".join(f'{{ at = "{at}ms", down = "30ms" }}' for at in range(200, 1000, 150))
CRASHES = f"[{EACH}]"
MODEL = f"""
service = {{ distribution = "exponential", mean = "1ms" }}
batch = {BATCH}
checkpoint = "200us"
crashes = {CRASHES}
"""
TEXT = f"""
[run]
duration = "1200ms"
[load]
rate = "700/s"
[workload]
orders = 40
[write_side]
service = {{ distribution = "exponential", mean = "500us" }}
[read_models.orders]
{MODEL}
[read_models.statistics]
{MODEL}
[read_models.search]
service = {{ distribution = "exponential", mean = "300us" }}
"""
NAMES = ("orders", "statistics")


def scenario(delivery: str, *settings: str, idempotent: bool = True) -> Scenario:
    modes = [f"read_models.{name}.delivery={delivery}" for name in NAMES]
    known = [f"read_models.{name}.idempotent={str(idempotent).lower()}" for name in NAMES]
    return read_scenario(TEXT, [*modes, *known, *settings])


@cache
def ran(delivery: str, idempotent: bool = True, seed: int = 1) -> Result:
    return virtual.run(scenario(delivery, idempotent=idempotent), seed=seed)


def failed(result: Result) -> set[str]:
    return {check.name for check in result.summary.checks if not check.ok}


@pytest.mark.parametrize("seed", range(6))
def test_at_least_once_delivers_again_at_most_a_batch_for_each_crash(seed: int) -> None:
    result = ran("at_least_once", seed=seed)
    trace = result.trace
    assert len(trace.crashes) == 12
    assert trace.crashes.repeated.min() > 0
    assert trace.crashes.repeated.max() <= BATCH
    assert len(trace.handlings) == trace.crashes.repeated.sum()
    assert failed(result) == set()
    found = result.summary.delivery
    assert all(found[name].skipped == found[name].redelivered > 0 for name in NAMES)
    assert (found["search"].redelivered, found["search"].crashes) == (0, 0)


@pytest.mark.parametrize("seed", range(6))
def test_handlers_that_are_not_idempotent_double_exactly_what_was_delivered_again(
    seed: int,
) -> None:
    result = ran("at_least_once", idempotent=False, seed=seed)
    trace = result.trace
    for name in NAMES:
        index = trace.read_models.index(name)
        again = trace.handlings.position[trace.handlings.read_model == index]
        assert set(np.flatnonzero(effects_of(trace, name) > 1) + 1) == set(again.tolist())
        assert result.summary.delivery[name].doubled == len(set(again.tolist())) > 0
    assert failed(result) == {"effects", "convergence"}


@pytest.mark.parametrize("seed", range(6))
def test_at_most_once_never_delivers_again_and_loses_with_crashes_alone(seed: int) -> None:
    result = ran("at_most_once", seed=seed)
    assert not np.isin(result.trace.handlings.kind, (0, 1)).any()
    for name in NAMES:
        found = result.summary.delivery[name]
        assert (found.redelivered, found.doubled, found.skipped) == (0, 0, 0)
        assert 0 < found.lost - found.without_effect <= 6 * BATCH
    assert "delivery" not in failed(result)
    assert {"nothing_lost", "convergence"} <= failed(result)


@pytest.mark.parametrize("seed", range(6))
def test_what_a_crash_lost_at_most_once_is_no_work_of_the_projector(seed: int) -> None:
    trace = ran("at_most_once", seed=seed).trace
    for name in NAMES:
        assert np.isnat(trace.deliveries_of(name).applied).any()
        # 1 ms each, and 0.2 ms for the checkpoint of eight.
        assert busy_s_per_event(trace, name) == pytest.approx(1.025e-3, rel=0.1)


@pytest.mark.parametrize("idempotent", [True, False])
@pytest.mark.parametrize("seed", range(6))
def test_an_exactly_once_effect_neither_loses_nor_doubles(seed: int, idempotent: bool) -> None:
    result = ran("exactly_once_effect", idempotent, seed)
    found = result.summary.delivery
    assert all(found[name].redelivered > 0 for name in NAMES)
    assert all((found[name].lost, found[name].doubled) == (0, 0) for name in NAMES)
    assert failed(result) == set()


@pytest.mark.parametrize("delivery", ["at_least_once", "at_most_once", "exactly_once_effect"])
def test_a_crash_of_a_reader_changes_nothing_on_the_write_side(delivery: str) -> None:
    one = ran(delivery).trace
    other = virtual.run(read_scenario(TEXT.replace(CRASHES, "[]")), seed=1).trace
    for column in ("dequeued", "committed", "acknowledged"):
        written = getattr(other.commands, column)
        assert getattr(one.commands, column).tobytes() == written.tobytes()
    shown = other.deliveries_of("search").applied
    assert one.deliveries_of("search").applied.tobytes() == shown.tobytes()


def test_the_same_seed_gives_the_same_trace() -> None:
    one, other = (
        ran("at_least_once", idempotent=False),
        virtual.run(scenario("at_least_once", idempotent=False), seed=1),
    )
    first, second = one.trace.to_arrays(), other.trace.to_arrays()
    assert all(first[name].tobytes() == second[name].tobytes() for name in first)


def test_a_divergence_is_told_with_its_count_and_its_first_witness() -> None:
    (check,) = [c for c in ran("at_least_once", False).summary.checks if c.name == "convergence"]
    assert "orders differ" in check.detail
    assert "revenue is off by" in check.detail
    assert "listed 2 x for its customer" in check.detail


def test_on_the_wall_clock_a_projector_comes_back_too() -> None:
    settings = ["run.duration=300ms", "load.rate=300/s"]
    result = wall.run(scenario("at_least_once", *settings), seed=2)
    assert len(result.trace.crashes) >= 2
    assert failed(result) == set()


def test_the_algebra_refuses_by_key() -> None:
    mistakes = unsupported(scenario("at_most_once"))
    keys = {mistake.partition(" =")[0].partition(":")[0] for mistake in mistakes}
    assert keys == {
        *(f"read_models.{name}.delivery" for name in NAMES),
        *(f"read_models.{name}.crashes" for name in NAMES),
    }
