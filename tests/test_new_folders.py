"""Folders and files appear whole or not at all, and over nothing that is somebody's."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from traces import Plan, make_trace

from cqrs_sim import cli
from cqrs_sim.errors import ResultFolderError
from cqrs_sim.new_folders import write_file, write_folder
from cqrs_sim.results import Result as RunResult
from cqrs_sim.scenario.reading import read_scenario

RESULT = RunResult(
    trace=make_trace(Plan(seconds=2.0)),
    scenario=read_scenario(
        '[run]\nduration = "2s"\n[load]\nrate = "1000/s"\n'
        "[read_models.orders]\n[read_models.search]\n"
    ),
    seed=1,
    engine="virtual",
)


def cqrs_sim(*arguments: str) -> Result:
    return CliRunner().invoke(cli.main, arguments)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current one; whatever is loaded is the same small result."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("cqrs_sim.loading.load", lambda _: RESULT)
    return tmp_path


def full(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")


def interrupted(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def half_and_full(path: Path) -> None:
    (path / "half" if path.is_dir() else path).write_text("half")
    full()


def _ours(path: Path) -> None:
    path.write_text("ours")


def test_a_comparison_that_cannot_be_written_whole_leaves_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cqrs_sim.plots.comparison.write_comparison_figures", full)
    shown = cqrs_sim("compare", "A", "B", "--out", "C")
    assert (shown.exit_code, len(shown.stderr.splitlines())) == (5, 1)
    assert shown.stderr.strip().endswith(
        "cannot write the comparison to C: No space left on device"
    )
    assert list(folder.iterdir()) == []
    monkeypatch.setattr("cqrs_sim.plots.comparison.write_comparison_figures", interrupted)
    assert cqrs_sim("compare", "A", "B", "--out", "C").exit_code == 130
    assert list(folder.iterdir()) == []


def test_a_comparison_has_no_flag_to_replace_and_names_none(folder: Path) -> None:
    (folder / "C").mkdir()
    (folder / "C/mine.txt").write_text("mine")
    shown = cqrs_sim("compare", "A", "B", "--out", "C")
    assert shown.exit_code == 5
    assert shown.stderr == "cqrs-sim: C is not empty; name a new one\n"
    assert [path.name for path in (folder / "C").iterdir()] == ["mine.txt"]


def test_a_report_that_cannot_be_written_whole_leaves_what_was_there(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "A").mkdir()
    (folder / "A/report.html").write_text("earlier")
    monkeypatch.setattr("cqrs_sim.report.page.write_report", lambda _, path: half_and_full(path))
    assert cqrs_sim("report", "A").exit_code == 5
    assert cqrs_sim("report", "A", "-o", "page.html").exit_code == 5
    assert [path.name for path in folder.iterdir()] == ["A"]
    assert [path.name for path in (folder / "A").iterdir()] == ["report.html"]
    assert (folder / "A/report.html").read_text() == "earlier"


def test_a_file_replaces_a_link_and_not_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("somebody's")
    (tmp_path / "page").symlink_to(tmp_path / "other")
    write_file(tmp_path / "page", _ours)
    assert (tmp_path / "page").read_text() == "ours"
    assert not (tmp_path / "page").is_symlink()
    assert (tmp_path / "other").read_text() == "somebody's"


def test_only_a_folder_with_the_mark_is_replaced(tmp_path: Path) -> None:
    def fill(path: Path) -> None:
        (path / "new").touch()

    place = tmp_path / "place"
    write_folder(place, fill, what="it")
    with pytest.raises(ResultFolderError, match="is not empty; name a new one"):
        write_folder(place, fill, what="it")
    with pytest.raises(ResultFolderError, match="holds no mark"):
        write_folder(place, fill, what="it", replaces="mark")
    (place / "mark").touch()
    write_folder(place, fill, what="it", replaces="mark")
    assert [path.name for path in place.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [place]
