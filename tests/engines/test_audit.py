"""The check `order_states`, and what a run says of its rehydrations."""

from collections.abc import Mapping
from typing import cast

import attrs
import pytest
from fakes import MS, constant
from fakes import scenario as make

from cqrs_sim.actors.clock import VirtualClock
from cqrs_sim.analysis.consistency import CheckResult
from cqrs_sim.domain.events import Event
from cqrs_sim.domain.order import Order, evolve
from cqrs_sim.engines import virtual, wall
from cqrs_sim.engines.algebra import engine as algebra
from cqrs_sim.engines.experiment import Experiment
from cqrs_sim.ids import Cents
from cqrs_sim.results import Result
from cqrs_sim.scenario.scenario import Load, Run, Scenario, Workload, WriteSide
from cqrs_sim.write_side import order_actor, rehydration
from cqrs_sim.write_side.rehydration import Rehydrated, Rehydrator


def shop(*, replay: int = 0, snapshot_every: int = 0, warm_up: int = 0) -> Scenario:
    """Long-lived orders that are idle most of the time."""
    return make(
        run=Run(duration=4_000 * MS, drain=1_000 * MS, warm_up=warm_up),
        load=Load(rate=50.0),
        workload=Workload(kind="amendments", orders=10),
        write_side=WriteSide(
            service=constant(MS),
            passivate_after=50 * MS,
            replay=replay,
            snapshot_every=snapshot_every,
        ),
    )


def order_states(result: Result) -> CheckResult:
    return next(check for check in result.extra_checks if check.name == "order_states")


def test_every_order_that_had_an_actor_is_held_against_its_events() -> None:
    check = order_states(virtual.run(shop()))
    assert check.ok
    # Ten that exist, and those that nobody knows have no state.
    assert check.detail == "10 orders in their actors are the folds of their events"


def test_an_actor_whose_state_is_not_the_fold_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(order: Order | None, event: Event) -> Order:
        found = evolve(order, event)
        return attrs.evolve(found, total_cents=Cents(found.total_cents + 1))

    monkeypatch.setattr(order_actor, "evolve", forgetful)
    check = order_states(virtual.run(shop()))
    assert not check.ok
    assert " to its actor and is version " in check.detail


def test_the_states_of_passivated_actors_are_kept_for_the_audit() -> None:
    experiment = Experiment(shop(), 1, VirtualClock())
    virtual.run_experiment(experiment)
    left = experiment.system.activations.left
    assert left is not None
    assert experiment.system.write_side_statistics().passivated_count > len(left) == 10


def test_snapshots_are_part_of_the_audit() -> None:
    check = order_states(virtual.run(shop(snapshot_every=3)))
    assert check.ok
    assert "and 10 through snapshots, are the folds" in check.detail


def test_a_snapshot_that_leads_to_another_state_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = Experiment(shop(snapshot_every=3), 1, VirtualClock())
    virtual.run_experiment(experiment)
    right = Rehydrator.state_of

    def wrong(self: Rehydrator, *args: object) -> Rehydrated:
        found = right(self, *args)  # type: ignore[arg-type]
        assert found.order is not None
        return attrs.evolve(found, order=attrs.evolve(found.order, status="SHIPPED"))

    monkeypatch.setattr(rehydration.Rehydrator, "state_of", wrong)
    check = order_states(experiment.result("virtual"))
    assert not check.ok
    assert "comes back as version" in check.detail
    assert "(and 9 more)" in check.detail


# What the summary says.


def figures(result: Result) -> Mapping[str, float]:
    return cast("Mapping[str, float]", result.summary.to_json()["rehydration"])


def test_modelled_replay_is_the_time_of_each_event_read_and_a_share_of_the_service_time() -> None:
    found = figures(virtual.run(shop(replay=2 * MS)))
    assert found["orders"] > 20
    assert found["through_snapshot"] == 0
    assert found["time_s"] == pytest.approx(0.002 * found["events_read"])
    result = virtual.run(shop(replay=2 * MS))
    commands = result.trace.commands
    is_seen = commands.committed > commands.dequeued
    longer = (commands.committed - commands.dequeued)[is_seen].astype(int).sum() / 1e9
    assert 0 < found["share_of_service"] < 1
    # What was rejected was served too, for as long.
    assert found["share_of_service"] == pytest.approx(found["time_s"] / longer, rel=0.1)


def test_snapshots_leave_less_to_read() -> None:
    without, with_them = (
        figures(virtual.run(shop(replay=MS // 10, snapshot_every=every))) for every in (0, 4)
    )
    assert with_them["snapshots_taken"] > 20
    assert with_them["through_snapshot"] > 0.5 * with_them["orders"]
    assert with_them["events_read"] <= 4 * with_them["orders"]
    assert without["events_read"] > 1.5 * with_them["events_read"]


def test_rehydrations_of_the_warm_up_are_left_out() -> None:
    whole, cut = (figures(virtual.run(shop(replay=MS, warm_up=at))) for at in (0, 2_000 * MS))
    assert 0 < cut["orders"] < whole["orders"]
    assert 0 < cut["time_s"] < whole["time_s"]
    assert cut["share_of_service"] > whole["share_of_service"]


def test_on_the_wall_clock_the_time_is_measured() -> None:
    brief = attrs.evolve(shop(), run=Run(duration=400 * MS, drain=1_000 * MS))
    found = figures(wall.run(brief))
    assert found["orders"] > 0
    assert found["time_s"] > 0


def test_the_algebra_has_no_order_actors_to_tell_of() -> None:
    assert figures(algebra.run(shop(snapshot_every=3))) == {}
