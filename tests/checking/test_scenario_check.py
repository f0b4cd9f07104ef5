"""The whole check, and the verb: what it says, and its exit codes."""

import json
from collections.abc import Callable

import attrs
import numpy as np
import pytest
from click.testing import CliRunner
from click.testing import Result as Shown

from cqrs_sim import predictions, simulation
from cqrs_sim.checking import closed_forms, machine, scenario_check
from cqrs_sim.checking.scenario_check import check
from cqrs_sim.cli import main
from cqrs_sim.engines.experiment import Progress
from cqrs_sim.results import Result
from cqrs_sim.scenario.scenario import Scenario

SMALL = (
    "run.duration=500ms",
    "run.warm_up=0s",
    "load.rate=500/s",
    "queries.share=0",
    "workload.kind=amendments",
    'read_models={orders={service={distribution="exponential", mean="500us"}}}',
)
UNPREDICTED = (*SMALL, "workload.kind=lifecycle")


def scenario(*settings: str) -> Scenario:
    return simulation.load_scenario("default", settings)


def cqrs_sim(*arguments: str) -> Shown:
    return CliRunner().invoke(main, ["check", *arguments])


def checked(*settings: str, flags: tuple[str, ...] = ()) -> Shown:
    return cqrs_sim("default", *flags, *(f"--set={setting}" for setting in settings))


def spoil(monkeypatch: pytest.MonkeyPatch, plant: Callable[[Result], Result]) -> None:
    """Let every run of an engine come to something else."""
    run = simulation.run
    monkeypatch.setattr(simulation, "run", lambda *of, **how: plant(run(*of, **how)))


def later(result: Result) -> Result:
    applied = result.trace.deliveries.applied.copy()
    applied[-1] += np.timedelta64(1, "ns")
    deliveries = attrs.evolve(result.trace.deliveries, applied=applied)
    return attrs.evolve(result, trace=attrs.evolve(result.trace, deliveries=deliveries))


def test_all_is_well_with_a_scenario_that_theory_knows() -> None:
    told: list[str] = []

    class Teller:
        def __call__(self, progress: Progress) -> None:
            pass

        def stage(self, what: str) -> None:
            told.append(what)

    found = check(scenario(*SMALL), seed=2, teller=Teller())
    assert found.is_correct
    assert found.invalid == ()
    assert found.checks[0].name == "virtual minus algebra"
    assert found.closed_forms is not None
    assert {one.judgement for one in found.closed_forms.found} == {"inside"}
    assert len(found.closed_forms.found) == 6
    assert told[0] == "the same run by algebra"
    assert told[-1] == "20 of 20 replications for the closed forms"
    assert json.loads(json.dumps(found.to_json(), allow_nan=False))["ok"] is True


def test_a_run_that_was_interrupted_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    spoil(monkeypatch, lambda result: attrs.evolve(result, complete=False))
    with pytest.raises(KeyboardInterrupt):
        check(scenario(*SMALL))
    assert checked(*SMALL).exit_code == 130


def test_the_verb_shows_every_check_and_prediction_without_colour_in_a_pipe() -> None:
    shown = checked(*SMALL, flags=("--seed", "2"))
    assert shown.exit_code == 0, shown.stdout
    lines = shown.stdout.splitlines()
    assert lines[0].startswith("all is well: ")
    assert lines[0].endswith("checks and 6 closed forms hold")
    assert lines[1] == "default; virtual engine, seed 2"
    (compared,) = [line for line in lines if line.startswith("virtual minus algebra")]
    assert " ok  0 in each of " in compared
    (mean,) = [line.split() for line in lines if line.startswith("lag.orders.mean ")]
    # 490 events a second at 2,000 a second: 1 / 1510.
    assert mean[1] == "0.6623"
    assert mean[-4:] == ["inside", "M/M/1", "behind", "M/M/1"]
    assert "\x1b" not in shown.output


def test_the_verb_gives_json() -> None:
    shown = checked(*UNPREDICTED, flags=("--json",))
    found = json.loads(shown.stdout)
    assert (shown.exit_code, found["ok"], found["engine"]) == (0, True, "virtual")
    assert found["agreement"]["differing"] == {}
    assert found["agreement"]["stamps"] > 1000
    assert all(one["ok"] for one in found["checks"].values())
    assert list(found["closed_forms"]["why_not"]) == ["response", "lag.orders"]
    assert found["machine"] is None


def test_engines_that_disagree_end_with_3_and_the_first_witness(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    spoil(monkeypatch, later)
    shown = checked(*UNPREDICTED)
    assert shown.exit_code == 3
    assert shown.stdout.startswith("INCORRECT: ")
    assert "virtual minus algebra" in shown.stdout.splitlines()[0]
    assert "FAILED  1 of " in shown.stdout
    assert "deliveries.applied, row " in shown.stdout


def test_a_closed_form_that_is_off_ends_with_3(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(of: Scenario) -> tuple[predictions.Prediction, ...]:
        found = predictions.predict(of)
        return tuple(attrs.evolve(one, value_s=1.2 * one.value_s) for one in found)

    monkeypatch.setattr(closed_forms, "predict", wrong)
    shown = checked(*SMALL)
    assert shown.exit_code == 3
    assert shown.stdout.startswith("INCORRECT: 6 checks failed: response.mean, ")
    assert " outside " in shown.stdout


def test_what_the_algebra_cannot_do_is_named_and_the_rest_is_checked() -> None:
    shown = checked(*SMALL, "run.processors=2")
    assert shown.exit_code == 0
    assert "virtual and algebra not compared: run.processors = 2" in shown.stdout
    assert "no closed form of response, lag.orders: run.processors = 2" in shown.stdout
    assert "Little's law, orders" in shown.stdout
    assert "virtual minus algebra" not in shown.stdout


def test_reasons_of_the_same_metrics_stand_on_one_line_and_each_once() -> None:
    shown = checked(*UNPREDICTED, "run.processors=2", "load.process=constant")
    (line,) = [line for line in shown.stdout.splitlines() if "no closed form" in line]
    assert line.startswith("no closed form of response, lag.orders: load.process = ")
    for reason in ("load.process", "run.processors = 2", "workload.kind"):
        assert line.count(reason) == 1


def test_a_kind_of_workload_that_alone_keeps_theory_off_comes_with_the_one_that_does_not() -> None:
    hint = "(--set workload.kind=amendments has closed forms)"
    (line,) = [
        line for line in checked(*UNPREDICTED).stdout.splitlines() if "no closed form" in line
    ]
    assert line.startswith('no closed form of response, lag.orders: workload.kind = "lifecycle"')
    assert line.endswith(hint)
    # Where it would not help: another reason, or one that shows only then.
    busy = ("workload.orders=1", "write_side.service.mean=100ms")
    for other in (("run.processors=2",), busy):
        shown = checked(*UNPREDICTED, *other)
        assert "workload.kind" in shown.stdout
        assert hint not in shown.stdout


def test_predictions_that_nothing_can_be_held_against_are_told_as_that() -> None:
    asked = ("queries.share=0.1", "queries.mix={by_id = 1}", "queries.strategy.by_id=at_least")
    shown = checked(*SMALL, *asked)
    assert shown.exit_code == 0
    told = 'closed forms not held against a run: queries.strategy.by_id = "at_least"'
    assert told in shown.stdout
    assert "no closed form" not in shown.stdout


def test_a_scenario_that_cannot_be_simulated_ends_with_2() -> None:
    shown = checked("write_side.service.distribution=real", "write_side.service.mean=0s")
    assert shown.exit_code == 2
    assert "write_side.service" in shown.stderr
    assert cqrs_sim("no such scenario").exit_code == 2


# In real time; whether this machine is any good is not for a test to say.


def test_the_wall_engine_is_checked_by_the_same_identities() -> None:
    found = check(scenario(*SMALL, "run.duration=200ms"), engine="wall")
    assert found.is_correct
    assert (found.agreement, found.closed_forms) == (None, None)
    assert found.machine is not None
    assert found.machine.duration_s == 0.2
    names = [one.name for one in found.checks]
    assert names[0] == "clock"
    assert "Little's law, write side" in names
    json.dumps(found.to_json(), allow_nan=False)


def on_wall(monkeypatch: pytest.MonkeyPatch, slip_ns: int) -> Shown:
    """The verb on the wall engine, for which a run in virtual time stands in."""
    run = simulation.run

    def ran(of: Scenario, **how: object) -> Result:
        result = run(of, seed=1)
        commands = result.trace.commands
        # As if all had been wanted sooner: every other stamp stays right.
        intended = np.maximum(commands.intended - np.timedelta64(slip_ns, "ns"), np.timedelta64(0))
        late = attrs.evolve(commands, intended=intended)
        return attrs.evolve(result, trace=attrs.evolve(result.trace, commands=late))

    monkeypatch.setattr(simulation, "run", ran)
    return checked(
        *SMALL,
        "write_side.service={distribution='constant', mean='30ms'}",
        flags=("--engine", "wall"),
    )


def test_a_generator_that_keeps_its_plan_is_shown_with_its_slips(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scenario_check, "read_clock", lambda _: machine.steps_of([0, 50, 100]))
    shown = on_wall(monkeypatch, 0)
    assert shown.exit_code == 0, shown.stdout
    assert "100.00 % sent in time; schedule slip p50 0 ms, p99 0 ms" in shown.stdout
    assert "smallest step 50 ns, 50 ns a reading" in shown.stdout


def test_a_generator_that_is_late_ends_with_4(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenario_check, "read_clock", lambda _: machine.steps_of([0, 50, 100]))
    shown = on_wall(monkeypatch, 20_000_000)
    assert shown.exit_code == 4
    assert shown.stdout.startswith("INVALID: the load generator was late: schedule slip p99 is 20")
    assert "measurement INVALID: the load generator was late" in shown.stdout


def test_a_clock_that_is_too_coarse_ends_with_4(monkeypatch: pytest.MonkeyPatch) -> None:
    coarse = machine.steps_of([0, 10**6])
    monkeypatch.setattr(scenario_check, "read_clock", lambda _: coarse)
    shown = on_wall(monkeypatch, 0)
    assert shown.exit_code == 4
    assert shown.stdout.startswith("INVALID: the clock moves in steps of 1,000,000 ns")
