"""Whole runs without order actors: what they cost, what they lose, and what they must keep."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest

from cqrs_sim.actors.clock import VirtualClock
from cqrs_sim.analysis.littles_law import areas
from cqrs_sim.analysis.saturation import WRITE_SIDE
from cqrs_sim.auditing import verify
from cqrs_sim.domain.history import legal_history
from cqrs_sim.engines import virtual, wall
from cqrs_sim.engines.audit import check_histories
from cqrs_sim.engines.experiment import Experiment
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.probe import Outcome
from cqrs_sim.results import Result
from cqrs_sim.scenario.presets import preset_text
from cqrs_sim.scenario.reading import read_scenario
from cqrs_sim.scenario.scenario import Scenario

TEXT = """
[run]
duration = "1s"
[load]
rate = "600/s"
[workload]
orders = 6
cancel_share = 0.4
[queries]
share = 0.2
strategy = { by_id = "write_side" }
service = { distribution = "constant", mean = "1ms" }
[write_side]
service = { distribution = "exponential", mean = "5ms" }
[read_models.orders]
service = { distribution = "exponential", mean = "800us" }
[read_models.statistics]
transport = "2ms"
"""
LOST = {"lost_updates", "histories", "order_states"}


def given(*settings: str) -> Scenario:
    return read_scenario(TEXT, settings)


@cache
def ran(handling: str, seed: int = 0, *settings: str) -> Result:
    return virtual.run(given(f"write_side.handling={handling}", *settings), seed=seed)


@cache
def preset(name: str, *settings: str) -> Result:
    return virtual.run(read_scenario(preset_text(name), settings))


def failed(result: Result) -> set[str]:
    return {check.name for check in result.summary.checks if not check.ok}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "settings",
    [
        (),
        ("run.processors=6",),
        ("write_side.publish=dual_write",),
        ("log.commit.mean=1ms", "log.group=4"),
        ("databases.main.connections=3", "write_side.database=main"),
        ("read_models.statistics.projection=task", "read_models.statistics.transport=0s"),
        ("load.model=closed", "load.rate=none", "workload.kind=amendments"),
    ],
    ids=str,
)
def test_optimistic_runs_pass_every_check(seed: int, settings: tuple[str, ...]) -> None:
    result = ran("optimistic", seed, *settings)
    assert failed(result) <= ({"convergence"} if "projection=task" in str(settings) else set())
    assert result.summary.attempts.conflicts > 0
    assert result.summary.attempts.lost_updates == 0


@pytest.mark.parametrize("seed", range(4))
def test_unchecked_runs_lose_updates_and_are_told_to_be_incorrect(seed: int) -> None:
    result = ran("unchecked", seed)
    assert {"lost_updates", "histories"} <= failed(result) <= LOST
    assert not result.summary.is_correct


@pytest.mark.parametrize("handling", ["optimistic", "unchecked"])
def test_the_parts_of_every_response_sum_to_it_and_the_areas_are_equal(handling: str) -> None:
    trace = ran(handling).trace
    commands = trace.commands
    rows = commands.outcome == Outcome.ACCEPTED
    parts = (
        (commands.submitted - commands.intended)
        + (commands.dequeued - commands.submitted)
        + (commands.committed - commands.dequeued)
        + (commands.acknowledged - commands.committed)
    )
    assert (parts == commands.acknowledged - commands.intended)[rows].all()
    assert all(area.is_equal for area in areas(trace))


def test_the_first_attempt_at_a_command_takes_as_long_as_its_actor_would() -> None:
    """Common random numbers: who handles is all that differs."""
    alone, checked = ran("mailbox").trace.commands, ran("optimistic").trace
    first = np.unique(checked.attempts.command, return_index=True)[1]
    attempts = checked.attempts
    service = (alone.committed - alone.dequeued)[attempts.command[first]]
    tried = (attempts.ended - attempts.begun)[first]
    known = ~np.isnat(service)
    assert np.count_nonzero(known) > 300
    assert (service[known] == tried[known]).all()


def test_handlers_have_no_load_of_the_busiest_order() -> None:
    load = {load.stage: load for load in ran("optimistic").summary.loads}[WRITE_SIDE]
    assert load.offered_load is None
    assert not load.is_saturated


def test_retries_are_work_that_a_shared_database_is_offered() -> None:
    """Three connections that just suffice for the commands do not for all attempts at them."""
    few = (
        *("databases.main.connections=3", "write_side.database=main"),
        *("workload.kind=amendments", "workload.orders=8"),
    )
    loads = {
        handling: {load.stage: load.offered_load for load in ran(handling, 0, *few).summary.loads}
        for handling in ("unchecked", "optimistic")
    }
    found = ran("optimistic", 0, *few).summary.attempts
    tried = found.attempts / (found.attempts - found.retries)
    assert tried > 1.1
    ratio = (loads["optimistic"]["database main"] or 0) / (loads["unchecked"]["database main"] or 1)
    assert ratio == pytest.approx(tried, rel=0.1)


@pytest.mark.parametrize("settings", [(), ("store=sqlite",)], ids=str)
def test_on_the_wall_clock_conflicts_are_met_and_no_update_is_lost(
    settings: tuple[str, ...], tmp_path: Path
) -> None:
    of = given("write_side.handling=optimistic", *settings)
    store = tmp_path / "store" if settings else None
    result = wall.run(of, seed=1, store=store)
    assert failed(result) == set()
    assert result.summary.attempts.conflicts > 0
    if store is not None:
        assert verify(store).finding is None


def test_on_the_wall_clock_unchecked_writes_lose_updates() -> None:
    result = wall.run(given("write_side.handling=unchecked"), seed=1)
    assert "lost_updates" in failed(result)


def test_a_store_beside_unchecked_writes_is_refused(tmp_path: Path) -> None:
    of = given("write_side.handling=unchecked")
    with pytest.raises(InvalidScenarioError, match=r"write_side\.handling"):
        virtual.run(of, store=tmp_path / "store")


def test_a_history_that_cannot_be_is_found_in_the_log() -> None:
    of = given("write_side.handling=unchecked")
    experiment = Experiment(of, 0, VirtualClock())
    virtual.run_experiment(experiment)
    events = experiment.system.log.events
    check = check_histories(events)
    assert not check.ok
    first = events[check.witness[0] - 1]
    found = legal_history([e for e in events if e.order_id == first.order_id])
    assert found is not None
    assert found.event is first
    assert str(found) in check.detail
    good = [e for e in events if e.order_id not in {events[p - 1].order_id for p in check.witness}]
    assert check_histories(good[:5]).ok


# What the presets claim.


def test_the_preset_optimistic_does_a_third_of_its_work_in_vain() -> None:
    result = preset("optimistic")
    found = result.summary.attempts
    assert failed(result) == set()
    assert found.wasted_share == pytest.approx(1 / 3, abs=0.04)
    assert found.given_up == result.summary.commands[Outcome.CONFLICT] > 0


def test_without_a_hot_order_the_preset_optimistic_hardly_meets_a_conflict() -> None:
    found = preset("optimistic", "workload.hot_share=0").summary.attempts
    assert 0 < found.conflicts < 0.01 * found.attempts


def test_the_preset_shared_state_confirms_an_order_that_was_cancelled() -> None:
    result = preset("shared_state")
    found = result.summary.attempts
    assert failed(result) == {"lost_updates", "histories"}
    assert 5 <= found.lost_updates <= 20
    told = {check.name: check.detail for check in result.summary.checks}
    assert "says the status was PENDING, but it was CANCELLED" in told["histories"]
    # Read models follow the log, wrong as it is.
    assert "convergence" not in failed(result)


@pytest.mark.parametrize("handling", ["optimistic", "mailbox"])
def test_checked_the_preset_shared_state_loses_nothing(handling: str) -> None:
    result = preset("shared_state", f"write_side.handling={handling}")
    rejected = result.summary.commands[Outcome.REJECTED]
    assert failed(result) == set()
    assert (rejected == 0) == (handling == "mailbox")


@pytest.mark.parametrize("orders", [200, 2000])
def test_the_preset_global_lock_saturates_at_one_over_its_service_however_many_orders(
    orders: int,
) -> None:
    result = preset("global_lock", f"workload.orders={orders}")
    lock = {load.stage: load for load in result.summary.loads}["database lock"]
    assert lock.is_saturated
    assert lock.saturates_at_per_s == pytest.approx(1000, rel=0.02)


def test_without_the_lock_hardly_a_command_of_the_preset_waits() -> None:
    result = preset("global_lock", "write_side.database=none")
    stages = result.summary.write_stages_s.parts
    assert not result.summary.saturated
    assert (stages["queueing"] or 0) < 0.01 * (stages["service"] or 0)


def test_every_attempt_is_in_one_of_the_counts_that_are_told() -> None:
    overloaded = ("write_side.database=one", "databases.one.connections=1", "run.drain=0s")
    found = ran("optimistic", 0, *overloaded).summary.attempts
    assert found.open > 0
    ends = (found.committed, found.conflicts, found.rejected, found.repeated, found.open)
    assert found.attempts == sum(ends)


def test_what_optimistic_handlers_read_from_the_log_is_not_held_against_the_log() -> None:
    checks = {
        handling: {check.name for check in ran(handling).summary.checks}
        for handling in ("mailbox", "optimistic", "unchecked")
    }
    of_states = {"order_states", "histories"}
    assert {name: found & of_states for name, found in checks.items()} == {
        "mailbox": {"order_states"},
        "optimistic": {"histories"},
        "unchecked": of_states,
    }
