"""The course of a sweep: the same in one process or several, and whatever interrupts it."""

import json
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import ParamSpec, TypeVar, cast

import attrs
import pytest
from sweeps import SLOW, contents, interrupt_at, small

from cqrs_sim import simulation
from cqrs_sim.errors import IncomparableResultsError
from cqrs_sim.sweeping import session
from cqrs_sim.sweeping.crews import Crew, alone
from cqrs_sim.sweeping.designs import Point
from cqrs_sim.sweeping.folder import Memory, SweepFolder, open_folder
from cqrs_sim.sweeping.points import Done, Work, run_seeds, trace_digest
from cqrs_sim.sweeping.runner import SweepProgress, run_sweep
from cqrs_sim.sweeping.session import Means, conduct
from cqrs_sim.sweeping.sweep import Sweep
from cqrs_sim.sweeping.table import csv_rows, table_of, to_arrays

P = ParamSpec("P")
T = TypeVar("T")


@pytest.fixture(autouse=True)
def _without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """They take long, and have tests of their own."""
    monkeypatch.setattr(session, "write_figures", lambda *_: [])


def whole(sweep: Sweep, folder: Path) -> dict[str, bytes]:
    """What an uninterrupted sweep leaves."""
    assert conduct(sweep, Means(folder=folder)).is_complete
    return contents(folder)


class Reversed:
    """An executor that works when it has so many tasks, and does the last one first."""

    def __init__(self, size: int) -> None:
        self.size = size
        self.asked: list[Callable[[], None]] = []

    def submit(self, run: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        future: Future[T] = Future()
        self.asked.append(lambda: future.set_result(run(*args, **kwargs)))
        if len(self.asked) == self.size:
            while self.asked:
                self.asked.pop()()
        return future


class Failing:
    """An executor whose third task never comes back."""

    def __init__(self, error: BaseException) -> None:
        self.error = error
        self.count = 0

    def submit(self, run: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        future: Future[T] = Future()
        self.count += 1
        if self.count == 3:
            future.set_exception(self.error)
        else:
            future.set_result(run(*args, **kwargs))
        return future


class Interrupting:
    """An executor that begins one task, which it is given the future of, and then is stopped."""

    def __init__(self, future: "Future[Done]") -> None:
        self.future = future
        self.is_begun = False

    def submit(self, run: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> "Future[T]":
        if self.is_begun:
            raise KeyboardInterrupt
        self.is_begun = True
        return cast("Future[T]", self.future)


def lines_of(sweep: Sweep, store: Memory | SweepFolder) -> list[dict[int, str]]:
    return [store.kept(point) for point in sweep.points]


def test_the_runs_of_a_sweep_are_those_of_its_points_and_seeds() -> None:
    sweep = small(SLOW, seed=5, replications=2)
    table = table_of(sweep, _run_alone(sweep))
    assert [(run.point, run.seed) for run in table.runs] == [
        (point, seed) for point in (1, 2, 3) for seed in (5, 6)
    ]
    for run in table.runs:
        scenario = sweep.scenarios[run.point - 1]
        result = simulation.run(scenario, engine="algebra", seed=run.seed)
        assert run.values == tuple(result.metrics[name] for name in table.metrics)


def _run_alone(sweep: Sweep) -> Memory:
    store = Memory()
    run_sweep(sweep, store, alone())
    return store


def test_every_point_meets_the_same_draws() -> None:
    """Common random numbers: what the factor does not touch is equal, to the last bit."""
    sweep = small(SLOW, metrics=("response.mean",))
    table = table_of(sweep, _run_alone(sweep))
    column = table.metrics.index("response.mean")
    assert len({run.values[column] for run in table.runs if run.seed == 0}) == 1
    assert len({run.values[column] for run in table.runs}) == 3
    assert len({run.trace for run in table.runs}) == len(table.runs)


def test_two_processes_leave_the_same_bytes_as_none(tmp_path: Path) -> None:
    sweep = small(SLOW)
    expected = whole(sweep, tmp_path / "alone")
    conduct(sweep, Means(folder=tmp_path / "two", jobs=2))
    assert contents(tmp_path / "two") == expected
    assert len(expected) == 3 * 2 + 3


def test_the_order_in_which_work_comes_back_leaves_no_trace() -> None:
    sweep = small(SLOW)
    backwards = Memory()
    # Tasks of two seeds and of one, three points: six, all of them at once.
    crew = Crew(executor=Reversed(6), workers=1, in_flight=6, most_seeds=2)
    run_sweep(sweep, backwards, crew)
    assert lines_of(sweep, backwards) == lines_of(sweep, _run_alone(sweep))


@pytest.mark.parametrize("jobs", [1, 2])
def test_interrupted_twice_it_ends_with_the_bytes_of_an_uninterrupted_one(
    jobs: int, tmp_path: Path
) -> None:
    sweep, folder = small(SLOW), tmp_path / "cut"
    expected = whole(sweep, tmp_path / "whole")
    finished = []
    for at in ((1, 2, 3), (5, 6)):
        cut = conduct(sweep, Means(folder=folder, jobs=jobs), interrupt_at(*at))
        assert not cut.is_complete
        finished.append(len(cut.runs))
    assert 0 < finished[0] < finished[1] < 9
    last: list[SweepProgress] = []
    conduct(sweep, Means(folder=folder, jobs=jobs), last.append)

    assert last[0] == SweepProgress(finished[1], finished[1], 9)
    assert contents(folder) == expected


def test_what_was_finished_is_not_run_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = small(SLOW)
    conduct(sweep, Means(folder=tmp_path / "cut"), interrupt_at(4))
    ran: list[int] = []

    def counted(work: Work) -> Done:
        ran.extend(work.seeds)
        return run_seeds(work)

    monkeypatch.setattr("cqrs_sim.sweeping.runner.run_seeds", counted)
    assert conduct(sweep, Means(folder=tmp_path / "cut")).is_complete
    assert ran == [1, 2, 0, 1, 2]


def test_a_sweep_is_told_more_replications_later(tmp_path: Path) -> None:
    conduct(small(SLOW, replications=2), Means(folder=tmp_path / "grown"))
    told: list[SweepProgress] = []
    conduct(small(SLOW, replications=3), Means(folder=tmp_path / "grown"), told.append)
    assert told[0].earlier == 6
    assert contents(tmp_path / "grown") == whole(small(SLOW, replications=3), tmp_path / "whole")


def test_a_run_that_was_cut_short_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """On the virtual engine Ctrl-C drains the run, which then says that it is not whole."""
    run, count = simulation.run, iter(range(1, 100))

    def cut(*arguments: object, **extra: object) -> object:
        result = run(*arguments, **extra)  # type: ignore[arg-type]
        return attrs.evolve(result, complete=next(count) != 5)

    monkeypatch.setattr(simulation, "run", cut)
    table = conduct(small(SLOW, engine="virtual"), Means())
    assert not table.is_complete
    assert [(run.point, run.seed) for run in table.runs] == [(1, 0), (1, 1), (1, 2), (2, 0)]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (BrokenProcessPool("killed"), "fewer at a time with --jobs"),
        (CancelledError(), "the cluster gave up a part of the sweep"),
    ],
)
def test_a_task_that_never_comes_back_ends_the_sweep_with_a_hint_and_loses_nothing(
    error: Exception, told: str
) -> None:
    sweep, store = small(SLOW), Memory()
    crew = Crew(executor=Failing(error), workers=1, in_flight=5, most_seeds=1)
    with pytest.raises(ChildProcessError, match=told):
        run_sweep(sweep, store, crew)
    assert [list(lines) for lines in lines_of(sweep, store)] == [[0, 1], [0, 1], []]
    run_sweep(sweep, store, alone())
    assert lines_of(sweep, store) == lines_of(sweep, _run_alone(sweep))


def test_a_worker_with_other_versions_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    other = {"cqrs-sim": "0.0.1", "numpy": "1.0"}
    monkeypatch.setattr("cqrs_sim.sweeping.points.versions", lambda: other)
    with pytest.raises(IncomparableResultsError, match=r"numpy 1\.0; here: cqrs-sim"):
        run_sweep(small(SLOW), Memory(), alone())


def test_whoever_is_at_work_is_told_to_hurry_and_what_they_bring_is_kept() -> None:
    """A crew of one that works on until it is hurried twice."""
    hurried: list[int] = []
    future: Future[Done] = Future()
    future.set_running_or_notify_cancel()
    sweep, store = small(SLOW), Memory()
    first = Work(sweep.scenarios[0], "algebra", (0,))

    def hurry() -> None:
        hurried.append(1)
        if len(hurried) == 2:
            future.set_result(run_seeds(first))

    crew = Crew(executor=Interrupting(future), workers=1, in_flight=2, hurry=hurry, most_seeds=1)
    with pytest.raises(KeyboardInterrupt):
        run_sweep(sweep, store, crew)
    assert len(hurried) == 2
    assert [list(lines) for lines in lines_of(sweep, store)] == [[0], [], []]


def test_a_line_holds_the_digest_of_all_stamps() -> None:
    sweep = small(SLOW)
    line = json.loads(_run_alone(sweep).kept(sweep.points[0])[1])
    again = simulation.run(sweep.scenarios[0], engine="virtual", seed=1)
    assert line["trace"] == trace_digest(again.trace)
    moved = again.trace.commands.committed.copy()
    moved[0] += 1
    changed = attrs.evolve(
        again.trace, commands=attrs.evolve(again.trace.commands, committed=moved)
    )
    assert line["trace"] != trace_digest(changed)


def test_a_folder_and_a_memory_hold_the_same_rows(tmp_path: Path) -> None:
    sweep = small(SLOW)
    store = open_folder(tmp_path / "sweep", sweep)
    run_sweep(sweep, store, alone())
    on_disk, in_memory = table_of(sweep, store), table_of(sweep, _run_alone(sweep))
    assert list(csv_rows(on_disk)) == list(csv_rows(in_memory))
    arrays = to_arrays(in_memory)
    for name, array in to_arrays(on_disk).items():
        assert array.tobytes() == arrays[name].tobytes()


def test_an_empty_point_has_nothing(tmp_path: Path) -> None:
    sweep = small(SLOW)
    store = open_folder(tmp_path / "sweep", sweep)
    assert store.kept(Point(1, (), ())) == {}
