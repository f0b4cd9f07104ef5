"""The folder of a sweep: taken up where it is the same sweep, refused where it is not."""

import json
from pathlib import Path

import pytest
from sweeps import SLOW, contents, small

from cqrs_sim.errors import ResultFolderError
from cqrs_sim.sweeping import session
from cqrs_sim.sweeping.folder import difference_from, held_folder, open_folder
from cqrs_sim.sweeping.session import Means, conduct
from cqrs_sim.sweeping.sweep import Sweep


@pytest.fixture(autouse=True)
def _without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "write_figures", lambda *_: [])


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (small(SLOW, seed=1), "its first seed is 0"),
        (small(SLOW, engine="virtual"), "its engine is algebra"),
        (small(), "its points are others"),
    ],
)
def test_another_sweep_is_refused_with_what_differs_unless_forced(
    other: Sweep, told: str, tmp_path: Path
) -> None:
    conduct(small(SLOW), Means(folder=tmp_path / "s"))
    before = contents(tmp_path / "s")
    with pytest.raises(ResultFolderError, match=f"holds another sweep: {told}.*--force"):
        conduct(other, Means(folder=tmp_path / "s"))
    assert contents(tmp_path / "s") == before

    conduct(other, Means(folder=tmp_path / "s", force=True))
    conduct(other, Means(folder=tmp_path / "fresh"))
    assert contents(tmp_path / "s") == contents(tmp_path / "fresh")


@pytest.mark.parametrize("is_new", [True, False])
@pytest.mark.parametrize("force", [True, False])
def test_two_sweeps_are_never_at_work_in_one_folder(
    force: bool, is_new: bool, tmp_path: Path
) -> None:
    place = tmp_path / "s"
    if not is_new:
        conduct(small(SLOW), Means(folder=place))
    with held_folder(place, small(SLOW)):
        before = contents(place)
        with pytest.raises(ResultFolderError, match=r"s: another sweep is at work in it"):
            conduct(small(SLOW), Means(folder=place, force=force))
        assert contents(place) == before
    assert conduct(small(SLOW), Means(folder=place, force=force)).is_complete


def test_results_of_other_versions_are_not_mixed(tmp_path: Path) -> None:
    conduct(small(SLOW), Means(folder=tmp_path / "s"))
    file = tmp_path / "s" / "sweep.json"
    written = json.loads(file.read_text())
    written["versions"]["numpy"] = "1.0"
    file.write_text(json.dumps(written))
    assert "other versions (cqrs-sim" in difference_from(tmp_path / "s", small(SLOW))


@pytest.mark.parametrize("content", ["", "{", "[]", '{"schema": 99}'])
def test_a_description_that_cannot_be_read_is_no_reason_to_overwrite(
    content: str, tmp_path: Path
) -> None:
    (tmp_path / "sweep.json").write_text(content)
    with pytest.raises(ResultFolderError, match="holds another sweep"):
        open_folder(tmp_path, small())


def test_a_folder_of_something_else_is_never_touched(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    for force in (False, True):
        with pytest.raises(ResultFolderError, match="is not empty"):
            open_folder(tmp_path, small(), force=force)
    assert list(contents(tmp_path)) == ["thesis.txt"]


def test_force_removes_only_what_a_sweep_writes(tmp_path: Path) -> None:
    conduct(small(SLOW), Means(folder=tmp_path / "s"))
    (tmp_path / "s" / "notes.txt").write_text("mine")
    conduct(small(SLOW), Means(folder=tmp_path / "s", force=True))
    assert (tmp_path / "s" / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize(
    "torn", ["", '{"seed": 1, "tra', '{"seed": true, "trace": "", "summary": {}}', "[]", "\udcff"]
)
def test_a_torn_line_is_run_again(torn: str, tmp_path: Path) -> None:
    sweep = small(SLOW)
    conduct(sweep, Means(folder=tmp_path / "s"))
    expected = contents(tmp_path / "s")
    file = tmp_path / "s" / "points" / "2" / "replications.jsonl"
    lines = file.read_text().splitlines()
    lines[1] = torn
    file.write_bytes("\n".join(lines).encode("utf-8", "surrogateescape"))

    assert list(open_folder(tmp_path / "s", sweep).kept(sweep.points[1])) == [0, 2]
    assert conduct(sweep, Means(folder=tmp_path / "s")).is_complete
    assert contents(tmp_path / "s") == expected


def test_every_point_has_a_scenario_that_runs(tmp_path: Path) -> None:
    from cqrs_sim import simulation

    sweep = small(SLOW)
    conduct(sweep, Means(folder=tmp_path / "s"))
    for number, scenario in enumerate(sweep.scenarios, start=1):
        file = tmp_path / "s" / "points" / str(number) / "scenario.toml"
        assert simulation.load_scenario(file) == scenario


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    sweep = small(SLOW)
    store = open_folder(tmp_path / "s", sweep)
    (tmp_path / "s" / "points").write_text("a file, where a folder should be")
    with pytest.raises(ResultFolderError, match=f"cannot write to {tmp_path / 's'}"):
        store.keep(sweep.points[0], {})
