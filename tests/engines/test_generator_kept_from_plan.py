"""A generator that is kept from its plan makes a run invalid; a saturated system does not.

On a wall clock that a test moves, by hand, so that nothing depends on the machine.
"""

from pathlib import Path

import pytest
from click.testing import CliRunner
from fakes import MS, SECOND, ScriptedClock, constant, scenario

from cqrs_sim import results, simulation
from cqrs_sim.actors.kernel import Kernel, Rank
from cqrs_sim.analysis.generator import GeneratorHealth, generator_health
from cqrs_sim.cli import main
from cqrs_sim.engines import wall
from cqrs_sim.engines.experiment import Experiment
from cqrs_sim.results import Result
from cqrs_sim.scenario.scenario import (
    Load,
    Queries,
    ReadModel,
    Run,
    Scenario,
    Workload,
    WriteSide,
)
from cqrs_sim.scenario.units import Count, Duration, Rate, Share


def steady(**parts: object) -> Scenario:
    """Ten seconds of 300 commands a second for a hundred orders, all of it quick."""
    given: dict[str, object] = {
        "run": Run(duration=Duration(10 * SECOND)),
        "load": Load(rate=Rate(300.0)),
        "workload": Workload(kind="amendments", orders=Count(100), invalid_share=Share(0.0)),
        "write_side": WriteSide(service=constant(MS)),
        "read_models": {"orders": ReadModel(service=constant(MS))},
    }
    return scenario(**(given | parts))


def run_on_a_scripted_clock(
    described: Scenario, *, hog_ns: int = 0, every_ns: int = SECOND // 10
) -> Result:
    """The course of a run on a wall clock; time passes while all wait, and while a hog works.

    The hog is an actor that now and then does not let go of the kernel for `hog_ns`.
    """
    clock = ScriptedClock()
    experiment = Experiment(described, 1, clock)
    kernel, ended = experiment.kernel, list[object]()

    async def hog() -> None:
        while True:
            await kernel.sleep(every_ns, Rank.OTHER, 0)
            clock.move_by(hog_ns)

    if hog_ns:
        kernel.spawn(hog(), "hog")
    kernel.spawn(experiment.drive(), "run", on_exit=ended.append)
    while not ended:
        kernel.run_turn(clock.instant_ns + MS)
        move_on(kernel, clock)
    kernel.close()
    return experiment.result("wall")


def move_on(kernel: Kernel, clock: ScriptedClock) -> None:
    """To the next timer, if nothing is ready."""
    if not kernel.has_ready and kernel.next_timer_ns is not None:
        clock.move_to(max(clock.instant_ns, kernel.next_timer_ns))


def exit_code_of(result: Result, monkeypatch: pytest.MonkeyPatch, folder: Path) -> tuple[int, str]:
    monkeypatch.setattr(simulation, "run", lambda *_, **__: result)
    monkeypatch.setattr(results, "write_figures", lambda *_, **__: [])
    ended = CliRunner().invoke(main, ["run", "-q", "-o", str(folder / "result")])
    return ended.exit_code, ended.output


def test_what_is_sent_after_the_end_of_the_plan_was_not_sent_in_time() -> None:
    """Not even behind a write side so slow that no slip of the generator shows beside it."""
    described = steady(
        run=Run(duration=Duration(10 * SECOND), drain=Duration(400 * SECOND)),
        workload=Workload(kind="amendments", orders=Count(1), invalid_share=Share(0.0)),
        write_side=WriteSide(service=constant(60 * MS)),
    )
    result = run_on_a_scripted_clock(described, hog_ns=8 * SECOND, every_ns=8 * SECOND)
    assert any("of its commands in time" in reason for reason in result.summary.invalid)
    assert result.trace.load_ended_ns == 10 * SECOND
    share = result.summary.generator.achieved_share
    assert share is not None
    assert share < 0.9


def test_a_generator_that_an_actor_keeps_from_its_plan_makes_the_run_invalid(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    result = run_on_a_scripted_clock(steady(), hog_ns=30 * MS)
    (reason,) = result.summary.invalid
    assert reason.startswith("the load generator was late: schedule slip p99 is")
    assert result.summary.is_correct
    code, shown = exit_code_of(result, monkeypatch, tmp_path)
    assert code == 4
    assert shown.startswith("INVALID: the load generator was late")


READS_ONLY = Queries(share=Share(1.0))


def test_a_generator_that_is_kept_from_its_queries_makes_a_run_of_reads_invalid(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    result = run_on_a_scripted_clock(steady(queries=READS_ONLY), hog_ns=30 * MS)
    (reason,) = result.summary.invalid
    assert reason.startswith("the load generator was late with its queries: schedule slip p99 is")
    code, shown = exit_code_of(result, monkeypatch, tmp_path)
    assert code == 4
    assert shown.startswith("INVALID: the load generator was late with its queries")


def test_reads_that_wait_for_their_turn_in_a_busy_system_were_sent_in_time() -> None:
    """A crowd of actors keeps what was sent from its first turn; the generator sends all along."""
    clock = ScriptedClock()
    described = steady(queries=READS_ONLY, run=Run(duration=Duration(2 * SECOND)))
    experiment = Experiment(described, 1, clock)
    kernel, ended = experiment.kernel, list[object]()

    async def busy() -> None:
        while True:
            clock.move_by(MS // 100)
            await kernel.give_way()

    for number in range(1000):
        kernel.spawn(busy(), f"busy {number}")
    kernel.spawn(experiment.drive(), "run", on_exit=ended.append)
    while not ended:
        kernel.run_turn(clock.instant_ns + MS)
    kernel.close()
    result = experiment.result("wall")
    queries = result.trace.queries
    assert len(queries) > 500
    waited = (queries.answered - queries.submitted).astype(int)
    assert waited.mean() > 5 * MS
    assert result.summary.invalid == ()
    slip = result.summary.generator.queries_slip_s.mean
    assert slip is not None
    assert slip < 0.002


def test_the_same_run_without_the_hog_is_valid(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    result = run_on_a_scripted_clock(steady())
    assert result.summary.invalid == ()
    assert exit_code_of(result, monkeypatch, tmp_path)[0] == 0


@pytest.mark.parametrize(
    "slow",
    [
        {"write_side": WriteSide(service=constant(400 * MS))},
        {"read_models": {"orders": ReadModel(service=constant(5 * MS))}},
    ],
    ids=["write side", "read side"],
)
def test_a_saturated_system_is_a_valid_result(
    slow: dict[str, object], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    result = run_on_a_scripted_clock(steady(**slow))
    assert len(result.summary.saturated) == 1
    assert result.summary.invalid == ()
    code, shown = exit_code_of(result, monkeypatch, tmp_path)
    assert code == 0
    assert shown.startswith("SATURATED")


def test_a_hog_is_seen_in_the_slip_and_in_the_worst_second() -> None:
    health = generator_health(run_on_a_scripted_clock(steady(), hog_ns=90 * MS).trace)
    assert health.slip_s.max is not None
    # The hog comes while the generator sleeps, and holds it up for almost all of its 90 ms.
    assert 0.06 < health.slip_s.max <= 0.09
    assert health.worst_second is not None
    assert health.worst_second.achieved_share < 1.0


# On the machine's own clock.


def test_a_run_in_real_time_says_what_its_precision_cost_and_when_it_paused() -> None:
    brief = steady(run=Run(duration=Duration(SECOND // 20)))
    result = wall.run(brief, seed=1)
    health: GeneratorHealth = generator_health(
        result.trace,
        host=result.provenance["host"],
    )
    assert health.pacer is not None
    assert 0.0 < health.pacer.spin_share + health.pacer.idle_share < 1.0
    assert health.hiccups is not None
    assert health.hiccups.worst
    assert all(
        earlier.length_s >= later.length_s
        for earlier, later in zip(health.hiccups.worst, health.hiccups.worst[1:], strict=False)
    )
    assert all(0.0 <= pause.busy_s <= pause.length_s for pause in health.hiccups.worst)
    assert health.hiccups.late <= health.hiccups.ticks
