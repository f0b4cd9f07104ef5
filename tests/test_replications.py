"""Replications of a scenario: the same in one process or several, and ended in good order."""

import io
import json
from collections.abc import Iterator
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool

import attrs
import pytest

from cqrs_sim import replications, simulation
from cqrs_sim.analysis.replicated import Until
from cqrs_sim.engines.interrupts import ignore_interrupts
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.replications import Wanted, replicate
from cqrs_sim.results import Result
from cqrs_sim.scenario.reading import read_scenario
from cqrs_sim.scenario.scenario import Scenario
from cqrs_sim.terminal.screen import Screen
from cqrs_sim.terminal.thresholds import show_replications
from cqrs_sim.verdict import judge

SCENARIO = read_scenario('name = "small"\n[run]\nduration = "3s"\n[load]\nrate = "100/s"\n')


def lines_of(result: Result) -> list[str]:
    """What is shown of the replications."""
    stream = io.StringIO()
    show_replications(Screen(stream), result)
    return stream.getvalue().splitlines()


class FakePool:
    """A pool of processes whose work is done at once, in this one."""

    dies_at: int | None = None

    def __init__(self, *_: object, **extra: object) -> None:
        assert extra["initializer"] is ignore_interrupts
        self.taken = 0

    def __enter__(self) -> "FakePool":
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def submit(self, work: object, *arguments: object) -> "Future[object]":
        future: Future[object] = Future()
        self.taken += 1
        if self.taken == self.dies_at:
            future.set_exception(BrokenProcessPool("killed"))
        else:
            assert callable(work)
            future.set_result(work(*arguments))
        return future


def without_place(result: Result) -> str:
    return json.dumps(result.to_json())


def test_two_processes_give_the_same_bits_as_one() -> None:
    one = replicate(SCENARIO, Wanted(count=3, seed=5))
    two = replicate(SCENARIO, Wanted(count=3, seed=5, jobs=2))

    assert without_place(one) == without_place(two)
    assert one.replications is not None
    assert one.replications.seeds == (5, 6, 7)
    for name, column in one.trace.to_arrays().items():
        assert column.tobytes() == two.trace.to_arrays()[name].tobytes()


def test_the_replications_are_the_runs_of_their_seeds() -> None:
    result = replicate(SCENARIO, Wanted(count=3, seed=5))
    alone = [simulation.run(SCENARIO, seed=seed) for seed in (5, 6, 7)]

    assert result.replications is not None
    assert [one["lag_s"] for one in result.replications.summaries] == [
        run.summary.to_json()["lag_s"] for run in alone
    ]
    assert result.summary.to_json() == alone[0].summary.to_json()
    assert result.replications.values["lag_s.orders.mean"] == tuple(
        run.metrics["lag.orders.mean"] for run in alone
    )


def test_progress_is_told_after_each() -> None:
    told: list[tuple[int, int]] = []
    replicate(SCENARIO, Wanted(count=3), lambda done, limit: told.append((done, limit)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_a_rule_stops_when_it_is_met() -> None:
    wanted = Wanted(count=10, until=Until("rates.offered", 0.5), most=50)
    result = replicate(SCENARIO, wanted)
    assert result.replications is not None
    assert len(result.replications.seeds) == 10
    assert result.replications.is_narrow
    assert result.replications.is_complete


def test_a_rule_that_is_not_met_stops_at_the_cap_and_says_so() -> None:
    wanted = Wanted(count=10, until=Until("rates.offered", 1e-6), most=12)
    result = replicate(SCENARIO, wanted)
    assert result.replications is not None
    assert len(result.replications.seeds) == 12
    assert result.replications.is_narrow is False
    assert result.replications.is_complete


def test_how_many_are_kept_does_not_depend_on_how_many_were_begun(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(replications, "ProcessPoolExecutor", FakePool)
    wanted = Wanted(count=10, until=Until("rates.offered", 0.5), most=14)
    several = replicate(SCENARIO, attrs.evolve(wanted, jobs=4))
    assert without_place(several) == without_place(replicate(SCENARIO, wanted))


def interrupted_in(run: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Ctrl-C come in the course of one of the runs: the engine then says it is incomplete."""
    whole, runs = simulation.run, iter(range(1, 100))

    def cut(*arguments: object, **extra: object) -> Result:
        result = whole(*arguments, **extra)  # type: ignore[arg-type]
        return attrs.evolve(result, complete=next(runs) != run)

    monkeypatch.setattr(simulation, "run", cut)


def test_an_interrupt_leaves_what_is_finished_and_marks_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    interrupted_in(3, monkeypatch)
    result = replicate(SCENARIO, Wanted(count=5))
    assert result.complete
    assert result.to_json()["complete"] is False
    assert result.replications is not None
    assert result.replications.seeds == (0, 1)
    assert not result.replications.is_complete
    verdict = judge(result.summary, result.aborted, result.replications)
    assert verdict.text.startswith("INCOMPLETE: ended after 2 of 5 replications; until then ")
    assert verdict.tone == "warning"
    assert "incomplete: ended after 2 of 5 replications" in lines_of(result)


def test_an_interrupt_in_the_first_leaves_that_one(monkeypatch: pytest.MonkeyPatch) -> None:
    interrupted_in(1, monkeypatch)
    result = replicate(SCENARIO, Wanted(count=5))
    assert not result.complete
    assert result.replications is not None
    assert result.replications.seeds == ()
    assert result.to_json()["complete"] is False
    assert judge(result.summary, result.aborted, result.replications).text.startswith(
        "INCOMPLETE: interrupted in the first of 5 replications; until then "
    )
    assert not any("0 replications" in line for line in (result.title, *lines_of(result)))


@pytest.mark.parametrize("after", [0, 2])
def test_an_interrupt_between_two_runs_loses_nothing(
    after: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told(done: int, _: int) -> None:
        if done == after:
            raise KeyboardInterrupt

    if not after:
        monkeypatch.setattr(simulation, "run", lambda *_, **__: _raise(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            replicate(SCENARIO, Wanted(count=5))
        return
    result = replicate(SCENARIO, Wanted(count=5), told)
    assert result.replications is not None
    assert len(result.replications.seeds) == 2
    assert not result.replications.is_complete


def _raise(error: BaseException) -> Iterator[None]:
    raise error


def test_an_interrupt_while_processes_work_takes_no_more_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    interrupts: list[object] = []
    waits = iter(range(100))

    def wait(*_: object, **__: object) -> None:
        if next(waits) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(replications, "ProcessPoolExecutor", FakePool)
    monkeypatch.setattr(replications, "wait", wait)
    monkeypatch.setattr(replications, "_interrupt", interrupts.append)
    # The fake is done at once, so one more is submitted in each round: two in two rounds.
    monkeypatch.setattr(replications, "_at_work", lambda running: list(running))
    result = replicate(SCENARIO, Wanted(count=9, jobs=1 + 1))
    assert result.replications is not None
    assert len(result.replications.seeds) == 4
    assert not result.replications.is_complete
    assert interrupts


def test_a_killed_process_is_an_error_that_says_what_to_try(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(FakePool, "dies_at", 2)
    monkeypatch.setattr(replications, "ProcessPoolExecutor", FakePool)
    with pytest.raises(ChildProcessError, match="fewer at a time with --jobs"):
        replicate(SCENARIO, Wanted(count=3, jobs=2))


def test_a_rule_on_what_is_withheld_stops_at_once_and_says_why() -> None:
    """Not at the cap: no number of further runs could bring the interval back."""
    wanted = Wanted(count=10, seed=4, until=Until("lag.orders.p99", 0.05), most=50)
    result = replicate(SCENARIO, wanted)
    assert result.replications is not None
    assert result.replications.seeds == (4,)
    assert result.replications.is_narrow is False
    assert result.is_whole
    (line,) = [line for line in lines_of(result) if "cannot be reached" in line]
    assert line.startswith(
        "lag.orders.p99 ±5% cannot be reached, so it ended after 1 replication: with seed 4: too"
    )


def test_a_rule_on_what_the_first_run_shows_to_be_no_metric_is_a_mistake() -> None:
    wanted = Wanted(count=10, until=Until("generator.pacer.spun.share", 0.05))
    with pytest.raises(InvalidScenarioError) as caught:
        replicate(SCENARIO, wanted)
    (mistake,) = caught.value.mistakes
    assert mistake.startswith('--until "generator.pacer.spun.share ±5%": unknown metric')


def test_a_threshold_on_what_is_withheld_in_some_says_in_how_many() -> None:
    plain = replicate(attrs.evolve(SCENARIO, thresholds=("lag.orders.p50 < 1s",)), Wanted(count=3))
    assert plain.replications is not None
    values = dict(plain.replications.values)
    first, _, third = values["lag_s.orders.p50"]
    values["lag_s.orders.p50"] = (first, None, third)
    cut = attrs.evolve(plain, replications=attrs.evolve(plain.replications, values=values))
    assert plain.verdicts[0].ok
    assert cut.verdicts[0].reason == "withheld in 1 of 3 replications"


def test_a_threshold_on_what_is_withheld_in_all_says_why() -> None:
    judged = attrs.evolve(SCENARIO, thresholds=("lag.orders.p999 < 1s",))
    result = replicate(judged, Wanted(count=2))
    count = result.summary.lag_s["orders"].n
    assert result.verdicts[0].reason == (
        f"withheld in 2 of 2 replications: too few to tell: {count}"
    )


def test_thresholds_hold_for_the_mean_over_the_replications() -> None:
    plain = replicate(SCENARIO, Wanted(count=3))
    assert plain.replications is not None
    values = [v for v in plain.replications.values["rates_per_s.offered"] if v is not None]
    mean = sum(values) / 3
    judged: Scenario = attrs.evolve(
        SCENARIO, thresholds=(f"rates.offered >= {max(values):.3f}/s", "commands.dropped == 0")
    )
    first, second = replicate(judged, Wanted(count=3)).verdicts
    assert first.value == pytest.approx(mean)
    assert not first.ok
    assert second.ok


def test_seeds_that_do_not_exist_are_refused() -> None:
    with pytest.raises(InvalidScenarioError, match="too few seeds"):
        replicate(SCENARIO, Wanted(count=2, seed=2**64 - 1))
    with pytest.raises(InvalidScenarioError, match="too few seeds"):
        replicate(SCENARIO, Wanted(count=10, seed=2**64 - 50, until=Until("x", 0.1)))
