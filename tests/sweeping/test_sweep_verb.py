"""`cqrs-sim sweep`: options in, folder and exit code out."""

import contextlib
import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sweeps import SCENARIO, contents

from cqrs_sim.cli import main
from cqrs_sim.sweeping import session
from cqrs_sim.verbs import exits

FACTOR = '[[factors]]\npath = "load.rate"\nlevels = ["100/s", "200/s"]\n'
ONE = ("--vary", "load.rate=100/s,200/s", "--replications", "2", "--jobs", "1")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a scenario and a sweep of it; no figures, which take long."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(session, "write_figures", lambda *_: [])
    (tmp_path / "small.toml").write_text(SCENARIO)
    (tmp_path / "sweep.toml").write_text(
        f'scenario = "small.toml"\nreplications = 2\nmetrics = ["response.p50"]\n{FACTOR}'
    )
    return tmp_path


def sweep(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["sweep", *arguments])


def rows_of(place: Path) -> list[dict[str, str]]:
    with (place / "results.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_scenario_with_factors_is_swept_into_a_folder_of_its_name(folder: Path) -> None:
    ended = sweep("small.toml", *ONE)
    place = folder / "results" / "small-sweep-algebra-seed0"
    assert ended.exit_code == 0, ended.output
    assert "small: 2 points x 2 replications, 4 runs by the algebra engine" in ended.stdout
    assert f"written to {place.relative_to(folder)}" in ended.stdout
    assert {row["load.rate_per_s"] for row in rows_of(place)} == {"100.0", "200.0"}


def test_the_same_command_finds_its_folder_and_another_sweep_gets_one_of_its_own(
    folder: Path,
) -> None:
    assert sweep("small.toml", *ONE).exit_code == 0
    before = contents(folder / "results")
    assert sweep("small.toml", *ONE).exit_code == 0
    assert contents(folder / "results") == before
    assert sweep("small.toml", *ONE, "--set", "run.duration=1s").exit_code == 0
    assert sorted(path.name for path in (folder / "results").iterdir()) == [
        "small-sweep-algebra-seed0",
        "small-sweep-algebra-seed0-2",
    ]


def test_the_command_line_has_the_last_word_over_a_file(folder: Path) -> None:
    others = ("--vary", "load.rate=300/s", "--vary", "write_side.mailbox=1,2", "--seed", "5")
    ended = sweep("sweep.toml", *others, "--engine", "virtual", "-q", "-j", "1", "--out", "o")
    assert ended.exit_code == 0, ended.output
    written = json.loads((folder / "o" / "sweep.json").read_text())
    assert (written["engine"], written["seed"], written["replications"]) == ("virtual", 5, 2)
    assert [point["settings"] for point in written["points"]] == [
        ["load.rate=300/s", "write_side.mailbox=1"],
        ["load.rate=300/s", "write_side.mailbox=2"],
    ]
    assert "response.p50" in {row["metric"] for row in rows_of(folder / "o")}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("small.toml",), "--vary: a sweep varies at least one key"),
        (("small.toml", "--vary", "load.rat=1/s"), "load.rat: unknown key; did you mean"),
        (("small.toml", *ONE, "--metric", "lag.order.p99"), "did you mean lag.orders.p99"),
        (("small.toml", "--vary", "run.processors=1,2"), "run.processors = 1: the stages wait"),
        (("small.toml", *ONE[:-1], "2", "--engine", "wall"), "one run at a time: --jobs 1"),
        (("smal.toml", *ONE), "smal.toml: cannot be read"),
        (("defalt", *ONE), "did you mean"),
    ],
)
def test_what_cannot_be_run_is_told_before_anything_is_written(
    arguments: tuple[str, ...], told: str, folder: Path
) -> None:
    ended = sweep(*arguments)
    assert ended.exit_code == exits.USAGE
    assert told in ended.stderr
    assert not (folder / "results").exists()


def test_a_folder_of_another_sweep_is_refused(folder: Path) -> None:
    assert sweep("small.toml", *ONE, "--out", "o").exit_code == 0
    refused = sweep("small.toml", *ONE, "--seed", "9", "--out", "o")
    assert refused.exit_code == exits.ENVIRONMENT
    assert "o holds another sweep: its first seed is 0" in refused.stderr
    assert sweep("small.toml", *ONE, "--seed", "9", "--out", "o", "--force").exit_code == 0


def test_a_wall_clock_sweep_runs_one_at_a_time_in_fresh_processes(folder: Path) -> None:
    short = ("--set", "run.duration=300ms", "--replications", "1", "--engine", "wall")
    ended = sweep("small.toml", "--vary", "load.rate=100/s", *short, "--out", "o")
    # On a busy machine the generator may be late, and then the verb says so.
    assert ended.exit_code in (0, exits.INVALID), ended.output
    assert {row["seed"] for row in rows_of(folder / "o")} == {"0"}


def failing_line(key: str, value: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every run say something is wrong with it."""
    from cqrs_sim.results import Result as RunResult
    from cqrs_sim.sweeping import points

    real = points.line_of

    def changed(result: RunResult) -> str:
        line = json.loads(real(result))
        line["summary"][key] = value
        return json.dumps(line)

    monkeypatch.setattr(points, "line_of", changed)


def test_a_failed_check_is_exit_code_3(monkeypatch: pytest.MonkeyPatch) -> None:
    failing_line("checks", {"planted": {"ok": False, "detail": "wrong"}}, monkeypatch)
    ended = sweep("small.toml", *ONE)
    assert ended.exit_code == exits.INCORRECT
    assert "point 1, seed 0: check FAILED: planted" in ended.stderr


def test_an_invalid_measurement_is_exit_code_4(monkeypatch: pytest.MonkeyPatch) -> None:
    failing_line("invalid", ["too much is censored"], monkeypatch)
    ended = sweep("small.toml", *ONE, "--replications", "4")
    assert ended.exit_code == exits.INVALID
    assert "point 1, seed 0: INVALID: too much is censored" in ended.stderr
    assert "and 3 more such runs" in ended.stderr


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_ctrl_c_ends_with_130_and_the_same_command_goes_on(jobs: str, folder: Path) -> None:
    """As a person does it: a signal to the process, at whatever it is just then."""
    vary = ("--vary", "load.rate=100/s..3000/s:lin:12", "--set", "run.duration=4s")
    command = ("small.toml", *vary, "--replications", "3", "-j", jobs, "-q")
    begun = subprocess.Popen(
        [sys.executable, "-m", "cqrs_sim", "sweep", *command, "--out", "cut"],
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    # Not a wait for things to settle, but for the first of them to be finished.
    while not list(folder.glob("cut/points/*/replications.jsonl")):
        with contextlib.suppress(subprocess.TimeoutExpired):
            begun.wait(timeout=0.005)
            break
    begun.send_signal(signal.SIGINT)
    shown, _ = begun.communicate(timeout=60)

    assert begun.returncode == exits.INTERRUPTED
    assert "INTERRUPTED: the same command goes on from here" in shown
    finished = len(rows_of(folder / "cut"))
    assert sweep(*command[:-2], "1", "-q", "--out", "cut").exit_code == 0
    assert sweep(*command[:-2], "1", "-q", "--out", "whole").exit_code == 0
    assert 0 < finished < len(rows_of(folder / "whole"))
    assert contents(folder / "cut") == contents(folder / "whole")
