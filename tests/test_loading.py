"""Loading a result folder: what was written comes back, and what is hostile is one clear line."""

import json
import os
import shutil
from pathlib import Path

import attrs
import numpy as np
import pytest
from traces import Plan, make_trace

from cqrs_sim import loading, results
from cqrs_sim.analysis.consistency import CheckResult
from cqrs_sim.analysis.replicated import replicated
from cqrs_sim.errors import ResultFolderError
from cqrs_sim.loading import load
from cqrs_sim.results import Result, write_result
from cqrs_sim.scenario.reading import read_scenario

SCENARIO = read_scenario(
    'name = "small"\nthresholds = ["lag.orders.p50 < 1s"]\n[run]\nduration = "1s"\n'
    '[load]\nrate = "1000/s"\n[read_models.orders]\n[read_models.search]\n'
)
PLAIN = Result(trace=make_trace(Plan(seconds=1.0)), scenario=SCENARIO, seed=3, engine="virtual")
RESULT = attrs.evolve(
    PLAIN,
    extra_checks=(CheckResult(name="convergence", ok=False, detail="orders differs"),),
    replications=replicated((3, 4), (PLAIN.summary.to_json(), PLAIN.summary.to_json())),
    aborted="lag.orders.p50 < 1s: was at least 2 s after 3 s",
)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A result folder without figures, which would take long."""
    folder = tmp_path_factory.mktemp("written") / "result"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(results, "write_figures", lambda *_, **__: [])
        write_result(RESULT, folder)
    return folder


@pytest.fixture
def folder(written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it; nothing that is written again gets figures either."""
    monkeypatch.setattr(results, "write_figures", lambda *_, **__: [])
    return Path(shutil.copytree(written, tmp_path / "result"))


def changed(folder: Path, **values: object) -> None:
    summary = json.loads((folder / "summary.json").read_text())
    (folder / "summary.json").write_text(json.dumps({**summary, **values}))


def refused(folder: Path) -> str:
    with pytest.raises(ResultFolderError) as caught:
        load(folder)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_what_was_written_is_loaded(folder: Path) -> None:
    loaded = load(folder)
    assert loaded.to_json() == RESULT.to_json()
    assert loaded.scenario == SCENARIO
    assert loaded.replications == RESULT.replications
    for name, column in RESULT.trace.to_arrays().items():
        assert loaded.trace.to_arrays()[name].tobytes() == column.tobytes()
    assert loaded.metrics["lag.orders.p50"] == RESULT.metrics["lag_s.orders.p50"]
    assert not loaded.summary.is_correct
    assert loaded.aborted == RESULT.aborted


def test_a_loaded_result_can_be_written_again(folder: Path, tmp_path: Path) -> None:
    write_result(load(folder), tmp_path / "again")
    assert (tmp_path / "again/summary.json").read_bytes() == (folder / "summary.json").read_bytes()


def test_the_trace_is_believed_and_not_the_summary(folder: Path) -> None:
    changed(folder, lag_s={"orders": {"p50": 0.0}}, complete=True)
    assert load(folder).metrics["lag.orders.p50"] == RESULT.metrics["lag.orders.p50"]


@pytest.mark.parametrize("name", ["summary.json", "scenario.toml", "trace.npz"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    assert refused(folder).endswith(f"holds no {name}")


def test_what_is_no_folder_is_refused(tmp_path: Path) -> None:
    assert "is not a folder" in refused(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["summary.json", "scenario.toml", "trace.npz"])
def test_a_pipe_in_place_of_a_file_is_refused_and_not_waited_for(folder: Path, name: str) -> None:
    (folder / name).unlink()
    os.mkfifo(folder / name)
    assert f"holds no {name}" in refused(folder)


@pytest.mark.parametrize(
    ("content", "mistake"),
    [
        (b"", "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b"[" * 200_000, "is not JSON"),
        (b'{"schema": 1, "seed": NaN}', "is not JSON: NaN is no number"),
        (b'{"schema": 1, "seed": 1e400}', 'is not JSON: "1e400" is no number'),
        (b'{"schema": 1, "seed": ' + b"9" * 5000 + b"}", "a number of 5,000 digits is none"),
        (b'{"schema": ' + b"9" * 300 + b"}", "has schema <997-bit integer>"),
        (b"[]", "names no schema"),
        (b"{}", "names no schema"),
        (b'{"schema": 2}', "has schema 2; this version reads 1"),
        (b'{"schema": true}', "has schema true"),
        (b'{"schema": "1"}', 'has schema "1"'),
    ],
)
def test_what_is_no_summary_is_refused(folder: Path, content: bytes, mistake: str) -> None:
    (folder / "summary.json").write_bytes(content)
    assert mistake in refused(folder)


@pytest.mark.parametrize(
    ("key", "value", "mistake"),
    [
        ("engine", "warp\x1b[31m", 'engine = "warp\\u001b[31m": is no engine'),
        ("engine", ["virtual"], "is no engine"),
        ("seed", -1, "seed = -1: must be from 0"),
        ("seed", 2**64, "must be from 0"),
        ("seed", True, "seed = true"),
        ("provenance", [], "provenance must be a table"),
        ("checks", {"convergence": 3}, "checks.convergence must have ok and detail"),
        ("replications", [], "replications: must be a table"),
        ("replications", {"seeds": [1], "metrics": {}}, "replications: incorrect must be"),
    ],
)
def test_what_does_not_fit_is_refused(folder: Path, key: str, value: object, mistake: str) -> None:
    changed(folder, **{key: value})
    assert mistake in refused(folder)


@pytest.mark.parametrize(
    ("change", "mistake"),
    [
        ({"seeds": [5, 6]}, "(the run's own) and those that follow"),
        ({"seeds": [2, 1]}, "(the run's own) and those that follow"),
        ({"saturated": {"x\x1b": {"seeds": ["first"]}}}, '"x\\u001b" is no stage of it'),
        ({"behind": ["first"], "episodes": [{"stage": "cart"}]}, '"cart" is no stage of it'),
        ({"saturated": {"write side": {"seeds": ["first"]}}}, ""),
    ],
)
def test_replications_that_are_not_of_this_run_are_refused(
    folder: Path, change: dict[str, object], mistake: str
) -> None:
    assert RESULT.replications is not None
    text = json.dumps(change).replace('"first"', str(RESULT.seed))
    times = dict.fromkeys(("from_s", "worst_s", "worst_at_s", "still_from_s", "still_s"), 1.0)
    text = text.replace('"cart"', f'"cart", {json.dumps(times)[1:-1]}')
    changed(folder, replications={**RESULT.replications.to_json(), **json.loads(text)})
    if mistake:
        assert mistake in refused(folder)
    else:
        assert load(folder).replications


def test_files_beyond_all_reason_are_not_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "LARGEST_SUMMARY_BYTES", 100)
    assert "is larger than 100 bytes" in refused(folder)


def test_a_broken_scenario_is_one_line(folder: Path) -> None:
    (folder / "scenario.toml").write_text('[run]\ndurration = "5s"\n[load]\nrate = 800\n')
    assert "(and 1 more mistakes)" in refused(folder)


def test_a_threshold_that_is_none_is_one_line(folder: Path) -> None:
    text = (folder / "scenario.toml").read_text()
    (folder / "scenario.toml").write_text(text.replace("lag.orders.p50 < 1s", "nonsense"))
    assert 'threshold "nonsense": must be a metric' in refused(folder)


def test_a_trace_of_other_read_models_is_refused(folder: Path) -> None:
    (folder / "scenario.toml").write_text('[load]\nrate = "1000/s"\n')
    assert "different read models" in refused(folder)


def test_a_trace_that_is_none_is_refused(folder: Path) -> None:
    (folder / "trace.npz").write_bytes(b"PK\x03\x04 nonsense")
    assert "is not a trace" in refused(folder)
    np.savez(folder / "trace.npz", schema=np.int64(1), names=np.array(["a"], dtype=object))
    assert refused(folder)
