"""The result of a run, and the folder that it is written to."""

import json
import os
from pathlib import Path

import attrs
import pytest
from traces import Plan, make_trace

from cqrs_sim import results
from cqrs_sim.analysis.consistency import CheckResult
from cqrs_sim.analysis.saturation import WRITE_SIDE
from cqrs_sim.errors import ResultFolderError
from cqrs_sim.measurement.trace_file import load_trace
from cqrs_sim.results import Result, write_result
from cqrs_sim.scenario.reading import read_scenario
from cqrs_sim.scenario.scenario import (
    Load,
    Pause,
    RateSegment,
    ReadModel,
    Run,
    Scenario,
    WriteSide,
)
from cqrs_sim.scenario.units import Duration, Rate, Text

SCENARIO = Scenario(
    name=Text("small"),
    run=Run(
        duration=Duration(1_000_000_000),
        warm_up=Duration(100_000_000),
        drain=Duration(5_000_000_000),
    ),
)
RESULT = Result(trace=make_trace(Plan(seconds=1.0)), scenario=SCENARIO, seed=3, engine="virtual")
SEGMENT = RateSegment(duration=Duration(500_000_000), start=Rate(100.0), end=Rate(100.0))
FILES = {"summary.json", "scenario.toml", "trace.npz", "figures", "histograms", "report.html"}


@pytest.fixture(autouse=True)
def only_one_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures have tests of their own; here one file stands for them."""

    def draw(folder: Path, *_: object, **__: object) -> list[Path]:
        (folder / "rates.svg").write_text("<svg/>")
        return [folder / "rates.svg"]

    monkeypatch.setattr(results, "write_figures", draw)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_result_folder_holds_summary_scenario_trace_and_figures(tmp_path: Path) -> None:
    folder = tmp_path / "deep" / "result"
    write_result(RESULT, folder)
    assert names(folder) == FILES
    assert names(folder / "figures") == {"rates.svg"}
    assert names(folder.parent) == {"result"}
    summary = json.loads((folder / "summary.json").read_text())
    assert (summary["scenario"], summary["seed"], summary["warm_up_s"]) == ("small", 3, 0.1)
    assert read_scenario(folder / "scenario.toml") == SCENARIO
    assert len(load_trace(folder / "trace.npz").commands) == len(RESULT.trace.commands)


def test_the_figures_of_a_real_result_are_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    write_result(RESULT, tmp_path / "result")
    drawn = names(tmp_path / "result" / "figures")
    assert {"lag_distribution.png", "response_distribution.svg"} <= drawn
    # A run reads by one strategy: what a fresh read costs is drawn where there are others beside.
    assert not any(name.startswith("fresh_reads") for name in drawn)
    assert len(drawn) == 10


def test_the_summary_is_made_once_from_scenario_and_trace() -> None:
    summary = RESULT.summary
    assert summary is RESULT.summary
    assert (summary.engine, summary.complete, summary.warm_up_s) == ("virtual", True, 0.1)
    assert summary.is_correct


PAUSE = Pause(at=Duration(100_000_000), duration=Duration(50_000_000))


@pytest.mark.parametrize(
    ("parts", "varies"),
    [
        ({}, {}),
        ({"load": Load(profile=(SEGMENT, SEGMENT))}, {}),
        (
            {"load": Load(profile=(SEGMENT, attrs.evolve(SEGMENT, end=Rate(200.0))))},
            {"write side": "load profile", "orders": "load profile", "search": "load profile"},
        ),
        (
            {"write_side": WriteSide(pauses=(PAUSE,))},
            {"write side": "pauses", "orders": "pauses", "search": "pauses"},
        ),
        (
            {"read_models": {"orders": ReadModel(), "search": ReadModel(pauses=(PAUSE,))}},
            {"search": "pauses"},
        ),
    ],
    ids=["constant rate", "even profile", "profile", "write side paused", "read model paused"],
)
def test_what_keeps_no_level_by_plan_has_no_interval_of_one_run_and_no_warm_up(
    parts: dict[str, object], varies: dict[str, str]
) -> None:
    models = {"orders": ReadModel(), "search": ReadModel()}
    described = attrs.evolve(SCENARIO, **{"read_models": models, **parts})  # type: ignore[arg-type]
    result = attrs.evolve(RESULT, scenario=described)
    summary = result.summary
    found = {WRITE_SIDE: (summary.response_interval, summary.warm_up.response)}
    for name in ("orders", "search"):
        found[name] = (summary.lag_intervals[name], summary.warm_up.lag[name])
    assert {stage: str(why) for stage, why in result.varies.items()} == varies
    for stage, (interval, check) in found.items():
        assert interval is not None
        reasons = {interval.mean.reason, interval.p99.reason}
        by_plan = {f"not steady by plan: {why}" for why in (varies.get(stage),) if why}
        assert reasons == by_plan if by_plan else not any("by plan" in why for why in reasons)
        assert (check.opinion == varies.get(stage)) == (stage in varies)


def test_the_provenance_names_versions_machine_and_clock() -> None:
    assert set(RESULT.provenance) == {"clock", "python", "versions", "machine"}
    assert RESULT.provenance["clock"] == "virtual"
    assert attrs.evolve(RESULT, engine="wall", provenance={"clock": "wall"}).summary.provenance == {
        "clock": "wall"
    }
    assert results.provenance_of("wall")["clock"] == "wall"
    assert results.provenance_of("algebra")["clock"] == "virtual"


def test_checks_of_the_engine_are_in_the_summary() -> None:
    diverged = CheckResult(name="convergence", ok=False, detail="orders differs")
    assert not attrs.evolve(RESULT, extra_checks=(diverged,)).summary.is_correct


def test_the_title_says_how_it_was_run_and_whether_it_was_cut_short() -> None:
    assert RESULT.title == "small\nvirtual engine · virtual clock · seed 3"
    cut = attrs.evolve(RESULT, engine="wall", complete=False)
    assert cut.title == "small\nwall engine · wall clock · seed 3 · cut short"


def test_an_event_that_still_waited_when_the_run_was_said_to_be_drained_is_lost() -> None:
    trace = make_trace(
        Plan(seconds=1.0, drain_s=0.1, read_ns=(("orders", 3_000_000), ("search", 1_000)))
    )
    assert not attrs.evolve(RESULT, trace=trace).summary.is_correct
    assert attrs.evolve(RESULT, trace=trace, complete=False).summary.is_correct


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    write_result(RESULT, tmp_path / "result")
    (tmp_path / "other").mkdir()
    write_result(RESULT, tmp_path / "other")
    assert names(tmp_path / "other") == FILES
    assert names(tmp_path) == {"result", "other"}


@pytest.mark.parametrize("force", [False, True])
def test_a_folder_of_something_else_is_never_touched(tmp_path: Path, *, force: bool) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("words")
    with pytest.raises(ResultFolderError, match=r"not empty|holds no summary\.json"):
        write_result(RESULT, tmp_path / "thesis", force=force)
    assert names(tmp_path) == {"thesis"}
    assert names(tmp_path / "thesis") == {"chapter.txt"}


def test_an_earlier_result_is_replaced_only_by_force(tmp_path: Path) -> None:
    folder = tmp_path / "result"
    write_result(RESULT, folder)
    (folder / "extra.txt").write_text("left from before")
    with pytest.raises(ResultFolderError, match="is not empty; --force"):
        write_result(RESULT, folder)
    write_result(attrs.evolve(RESULT, seed=4), folder, force=True)
    assert names(folder) == FILES
    assert json.loads((folder / "summary.json").read_text())["seed"] == 4
    assert names(tmp_path) == {"result"}


def test_a_symbolic_link_is_not_written_through(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "target")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for link in ("link", "dangling"):
        for force in (False, True):
            with pytest.raises(ResultFolderError, match="is a symbolic link"):
                write_result(RESULT, tmp_path / link, force=force)
    assert names(tmp_path / "target") == set()
    assert not (tmp_path / "nowhere").exists()


def test_a_planted_summary_link_does_not_make_a_folder_a_result(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text("{}")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "summary.json").symlink_to(tmp_path / "mine.json")
    with pytest.raises(ResultFolderError, match=r"holds no summary\.json"):
        write_result(RESULT, tmp_path / "folder", force=True)


def test_replacing_a_result_does_not_follow_links_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "result"
    write_result(RESULT, folder)
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("kept")
    (folder / "link").symlink_to(tmp_path / "precious")
    write_result(RESULT, folder, force=True)
    assert (tmp_path / "precious" / "file").read_text() == "kept"


def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("here")
    with pytest.raises(ResultFolderError, match="exists and is not a folder"):
        write_result(RESULT, tmp_path / "file", force=True)
    with pytest.raises(ResultFolderError, match="cannot"):
        write_result(RESULT, tmp_path / "file" / "below")
    assert (tmp_path / "file").read_text() == "here"


def test_the_current_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ResultFolderError, match="is the current folder"):
        write_result(RESULT, Path())
    with pytest.raises(ResultFolderError, match="is the current folder"):
        write_result(RESULT, tmp_path)


@pytest.mark.parametrize("earlier", [False, True])
def test_a_failure_on_the_way_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, earlier: bool
) -> None:
    folder = tmp_path / "result"
    if earlier:
        write_result(RESULT, folder)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(results, "save_trace", full)
    with pytest.raises(ResultFolderError, match="No space left on device") as caught:
        write_result(attrs.evolve(RESULT, seed=4), folder, force=True)
    assert str(caught.value) == f"cannot write the result to {folder}: No space left on device"
    assert names(tmp_path) == ({"result"} if earlier else set())
    if earlier:
        assert json.loads((folder / "summary.json").read_text())["seed"] == 3


def test_an_interrupt_on_the_way_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(results, "save_trace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_result(RESULT, tmp_path / "result")
    assert names(tmp_path) == set()


@pytest.mark.parametrize("failing", [2, 3])
def test_an_earlier_result_comes_back_if_the_new_one_cannot_take_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    """The first file put in place is the report; then one folder leaves and the other comes."""
    folder = tmp_path / "result"
    write_result(RESULT, folder)
    replace, calls = Path.replace, []

    def fails_once(self: Path, target: Path) -> Path:
        calls.append(target)
        if len(calls) == failing:
            raise OSError(5, "Input/output error")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", fails_once)
    with pytest.raises(ResultFolderError, match="Input/output error"):
        write_result(attrs.evolve(RESULT, seed=4), folder, force=True)
    assert json.loads((folder / "summary.json").read_text())["seed"] == 3
    assert names(tmp_path) == {"result"}


def test_a_name_that_is_too_long_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ResultFolderError, match="File name too long") as caught:
        write_result(RESULT, tmp_path / ("x" * 300))
    assert "\n" not in str(caught.value)
    assert names(tmp_path) == set()


def test_a_leftover_of_a_crash_is_not_in_the_way(tmp_path: Path) -> None:
    (tmp_path / f".cqrs-sim-{os.getpid()}-0").mkdir()
    write_result(RESULT, tmp_path / "result")
    assert names(tmp_path / "result") == FILES


def test_the_same_result_gives_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_result(RESULT, tmp_path / name)
    for file in ("summary.json", "scenario.toml", "trace.npz"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()
