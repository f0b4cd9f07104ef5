import json
import os
import re
import subprocess
import sys
from pathlib import Path

import attrs
import numpy as np
import pytest
from click.testing import CliRunner, Result

from cqrs_sim import fresh_reads, results, simulation
from cqrs_sim.analysis.consistency import CheckResult
from cqrs_sim.analysis.findings import Findings
from cqrs_sim.analysis.replicated import Replications
from cqrs_sim.cli import main
from cqrs_sim.errors import ResultFolderError
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.results import Result as RunResult
from cqrs_sim.scenario.presets import preset_names, preset_text
from cqrs_sim.scenario.scenario import Scenario

SMALL = 'name = "small"\n[run]\nduration = "1s"\n[load]\nrate = "100/s"\n'
BROKEN = '[run]\ndurration = "5s"\n[load]\nrate = 800\n'
FAILED = CheckResult(name="planted", ok=False, detail="order \x1b[31m is wrong")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with the small scenario in it; no figures, which would take long."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(results, "write_figures", lambda *_, **__: [])
    (tmp_path / "small.toml").write_text(SMALL)
    return tmp_path


@pytest.fixture
def ended(folder: Path) -> RunResult:
    """A run of the small scenario that has ended."""
    return simulation.run(folder / "small.toml")


def cqrs_sim(*arguments: str, **environment: str) -> Result:
    return CliRunner().invoke(main, arguments, env=environment)


def give(monkeypatch: pytest.MonkeyPatch, result: RunResult) -> None:
    """Let every run come to this result."""
    monkeypatch.setattr(simulation, "run", lambda *_, **__: result)


def forbid_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: object, **__: object) -> None:
        raise AssertionError("it should not have run")

    monkeypatch.setattr(simulation, "run", run)


# Help.


def test_without_arguments_it_shows_help_with_examples() -> None:
    shown = cqrs_sim()

    assert shown.exit_code == 0
    for verb in ("demo", "run", "reads", "scenarios", "validate"):
        assert f"cqrs-sim {verb}" in shown.stdout or f"  {verb}  " in shown.stdout


def test_help_imports_nothing_heavy() -> None:
    heavy = ("numpy", "scipy", "matplotlib", "trio", "rich", "cqrs_sim.engines")
    program = (
        "import atexit, sys\n"
        f"atexit.register(lambda: print([m for m in {heavy} if m in sys.modules]))\n"
        "from cqrs_sim.cli import main\n"
        "main(['--help'])\n"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert shown.returncode == 0
    assert shown.stdout.splitlines()[-1] == "[]"


def test_python_m_is_the_command_line_too() -> None:
    command = [sys.executable, "-m", "cqrs_sim", "--version"]
    assert b"0.1.0" in subprocess.run(command, capture_output=True, check=True).stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("runn",),
        ("run", "--rte", "5/s"),
        ("run", "--engine", "fast"),
        ("run", "--seed", "-1"),
        ("run", "--seed", str(2**64)),
        ("run", "a", "b"),
        ("validate",),
    ],
)
def test_wrong_usage_exits_with_2(arguments: tuple[str, ...]) -> None:
    shown = cqrs_sim(*arguments)

    assert shown.exit_code == 2
    assert "Error: " in shown.stderr
    assert not shown.stdout


# Scenarios.


def test_scenarios_lists_every_preset_with_its_description() -> None:
    lines = cqrs_sim("scenarios").stdout.splitlines()

    assert [line.split()[0] for line in lines[1:]] == list(preset_names())
    assert all(len(line.split()) > 3 for line in lines[1:])


def test_scenarios_prints_a_preset_as_it_stands_in_its_file() -> None:
    assert cqrs_sim("scenarios", "burst").stdout == preset_text("burst")


def test_an_unknown_preset_is_answered_with_a_suggestion() -> None:
    shown = cqrs_sim("scenarios", "defualt")

    assert shown.exit_code == 2
    assert shown.stderr == 'cqrs-sim: preset "defualt": unknown preset; did you mean "default"?\n'


def test_a_valid_file_is_said_to_be_ok(folder: Path) -> None:
    shown = cqrs_sim("validate", "small.toml")
    assert (shown.exit_code, shown.stdout, shown.stderr) == (0, "small.toml: ok\n", "")


def test_every_mistake_of_every_file_is_one_line(folder: Path) -> None:
    (folder / "broken.toml").write_text(BROKEN)
    shown = cqrs_sim("validate", "broken.toml", "small.toml", "missing.toml")

    assert shown.exit_code == 2
    assert shown.stdout == "small.toml: ok\n"
    lines = shown.stderr.splitlines()
    assert len(lines) == 3
    assert "broken.toml: " in lines[0]
    assert "broken.toml: " in lines[1]
    assert "missing.toml: cannot be read" in lines[2]


def test_a_command_log_is_validated_with_its_scenario(folder: Path) -> None:
    (folder / "log.csv").write_text("time,order,command\nnoon,order-1,CancelOrder\n")
    (folder / "replay.toml").write_text('[load]\nmodel = "replay"\nlog = "log.csv"\n')
    shown = cqrs_sim("validate", "replay.toml")

    assert shown.exit_code == 2
    assert "line 2" in shown.stderr


def test_an_invalid_scenario_is_not_run(folder: Path) -> None:
    (folder / "broken.toml").write_text(BROKEN)
    shown = cqrs_sim("run", "broken.toml")

    assert shown.exit_code == 2
    assert len(shown.stderr.splitlines()) == 2
    assert not (folder / "results").exists()


# Runs.


def test_the_demo_ends_with_when_an_order_was_visible_and_what_to_try_next() -> None:
    lines = cqrs_sim("demo").stdout.splitlines()

    assert lines[-2] == "order-002 was visible in orders 4.00 ms after it was accepted."
    assert lines[-1] == "Next: cqrs-sim run"
    assert max(len(line) for line in lines[-11:-5]) <= 80


def test_a_run_shows_lag_first_and_writes_a_folder(folder: Path) -> None:
    shown = cqrs_sim("run", "small.toml", "--rate", "1500/s", "--out", "here/out")
    parts = (
        "keeps up: ",
        "Consistency lag",
        "\nresponse",
        "rates",
        "Where the time",
        "checks",
        "written",
    )

    assert shown.exit_code == 0
    assert shown.stderr == ""
    places = [shown.stdout.index(part) for part in parts]
    assert places == sorted(places)
    names = {path.name for path in (folder / "here/out").iterdir()}
    assert names == {
        "figures",
        "histograms",
        "report.html",
        "scenario.toml",
        "summary.json",
        "trace.npz",
    }


def test_json_is_the_summary_and_all_else_goes_to_stderr(folder: Path) -> None:
    shown = cqrs_sim("run", "small.toml", "--out", "out", "--json")

    assert json.loads(shown.stdout) == json.loads((folder / "out/summary.json").read_text())
    assert "Consistency lag" in shown.stderr


def test_quiet_leaves_only_the_verdict(folder: Path) -> None:
    shown = cqrs_sim("run", "small.toml", "--out", "out", "-q")
    assert len(shown.stdout.splitlines()) == 2
    assert cqrs_sim("run", "small.toml", "--out", "2", "-q", "--json").stderr == ""


def test_the_wall_engine_runs_the_same_scenario(folder: Path) -> None:
    shown = cqrs_sim("run", "small.toml", "--engine", "wall", "-q", "--json")

    # On a busy machine the generator may be late, which is said (4), and no failure of this test.
    assert shown.exit_code in (0, 4)
    assert json.loads(shown.stdout)["engine"] == "wall"


def test_each_run_without_a_folder_gets_one_of_its_own(folder: Path) -> None:
    for _ in range(3):
        assert cqrs_sim("run", "small.toml", "--seed", "4", "-q").exit_code == 0

    assert sorted(path.name for path in (folder / "results").iterdir()) == [
        "small-virtual-seed4",
        "small-virtual-seed4-2",
        "small-virtual-seed4-3",
    ]


def test_a_name_that_is_a_path_leads_nowhere_else(folder: Path) -> None:
    (folder / "evil.toml").write_text(SMALL.replace("small", "../../../evil"))
    assert cqrs_sim("run", "evil.toml", "-q").exit_code == 0
    assert [path.name for path in (folder / "results").iterdir()] == ["evil-virtual-seed0"]


def test_a_folder_that_is_not_empty_is_refused_before_the_run(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forbid_runs(monkeypatch)
    (folder / "mine").mkdir()
    (folder / "mine/thesis.tex").touch()
    for more in ((), ("--force",)):
        shown = cqrs_sim("run", "small.toml", "--out", "mine", *more)
        assert shown.exit_code == 5
        assert len(shown.stderr.splitlines()) == 1
    assert [path.name for path in (folder / "mine").iterdir()] == ["thesis.tex"]


def test_a_place_that_takes_no_folder_is_refused_before_the_run(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forbid_runs(monkeypatch)
    assert cqrs_sim("run", "small.toml", "--out", "small.toml/out").exit_code == 5


def test_force_replaces_an_earlier_result(folder: Path) -> None:
    cqrs_sim("run", "small.toml", "--out", "out", "--seed", "1")
    shown = cqrs_sim("run", "small.toml", "--out", "out", "--seed", "2", "--force")

    assert shown.exit_code == 0
    assert json.loads((folder / "out/summary.json").read_text())["seed"] == 2


# Precedence of settings: file, environment, command line.


def resolved(*arguments: str, **environment: str) -> tuple[object, object, str]:
    shown = cqrs_sim("run", "small.toml", "-q", "--json", *arguments, **environment)
    (path,) = Path().glob("*/*/scenario.toml")
    summary = json.loads(shown.stdout)
    return summary["seed"], path.parent.name, path.read_text()


def test_the_environment_overrides_the_file(folder: Path) -> None:
    seed, place, text = resolved(
        CQRS_SIM_SEED="9", CQRS_SIM_RATE="70/s", CQRS_SIM_DURATION="2s", CQRS_SIM_OUT="env/out"
    )
    assert (seed, place) == (9, "out")
    assert 'rate = "70/s"' in text
    assert 'duration = "2s"' in text


def test_the_command_line_overrides_the_environment(folder: Path) -> None:
    seed, place, text = resolved(
        *("--seed", "3", "--rate", "60/s", "--out", "cli/out"),
        CQRS_SIM_SEED="9",
        CQRS_SIM_RATE="70/s",
        CQRS_SIM_OUT="env/out",
        CQRS_SIM_ENGINE="virtual",
    )
    assert (seed, place) == (3, "out")
    assert 'rate = "60/s"' in text
    assert not (folder / "env").exists()


def test_settings_of_any_path_come_last(folder: Path) -> None:
    *_, text = resolved("--rate", "60/s", "--set", "load.rate=50/s", "--set", "run.quantum=3")
    assert 'rate = "50/s"' in text
    assert "quantum = 3" in text


def test_an_engine_of_the_environment_is_checked(folder: Path) -> None:
    assert cqrs_sim("run", "small.toml", CQRS_SIM_ENGINE="fast").exit_code == 2


# Exit codes.


def test_a_failed_check_exits_with_3_and_says_which(
    ended: RunResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(monkeypatch, attrs.evolve(ended, extra_checks=(FAILED,)))
    shown = cqrs_sim("run", "small.toml")

    assert shown.exit_code == 3
    assert shown.stdout.startswith("INCORRECT: 1 check failed: planted\n")
    assert "check FAILED: planted: order \\x1b[31m is wrong" in shown.stdout


def test_an_invalid_measurement_exits_with_4(
    ended: RunResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(monkeypatch, attrs.evolve(ended, trace=sent_late(ended.trace)))
    shown = cqrs_sim("run", "small.toml")

    assert shown.exit_code == 4
    assert shown.stdout.startswith("INVALID: the load generator")


def test_a_failed_check_weighs_more_than_an_invalid_measurement(
    ended: RunResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = attrs.evolve(ended, trace=sent_late(ended.trace), extra_checks=(FAILED,))
    give(monkeypatch, late)
    assert cqrs_sim("run", "small.toml").exit_code == 3


def test_an_interrupted_run_exits_with_130_whatever_else_is_wrong(
    ended: RunResult, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    give(monkeypatch, attrs.evolve(ended, complete=False, extra_checks=(FAILED,)))
    shown = cqrs_sim("run", "small.toml", "--out", "out")

    assert shown.exit_code == 130
    assert shown.stdout.startswith("INCOMPLETE: interrupted")
    assert json.loads((folder / "out/summary.json").read_text())["complete"] is False


def test_a_result_that_cannot_be_written_is_shown_and_exits_with_5(
    ended: RunResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ResultFolderError("the disk is full")

    give(monkeypatch, attrs.evolve(ended, extra_checks=(FAILED,)))
    monkeypatch.setattr(results, "write_result", refuse)
    shown = cqrs_sim("run", "small.toml")

    assert shown.exit_code == 5
    assert "Consistency lag" in shown.stdout
    assert shown.stderr == "cqrs-sim: the disk is full\n"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KeyboardInterrupt(), 130),
        (RuntimeError("no\x1b[31mway"), 1),
        (MemoryError(), 5),
        (PermissionError(13, "Permission denied", "x"), 5),
    ],
)
def test_what_ends_a_run_is_a_line_or_two_and_no_traceback(
    error: BaseException, code: int, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(simulation, "run", fail)
    shown = cqrs_sim("run", "small.toml")

    assert shown.exit_code == code
    lines = [line for line in shown.stderr.splitlines() if line]
    assert 1 <= len(lines) <= 2
    assert "Traceback" not in shown.stderr
    assert "\x1b" not in shown.stderr
    assert ("this is a bug" in shown.stderr) == (code == 1)


def test_an_internal_error_shows_its_traceback_on_request(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forbid_runs(monkeypatch)
    shown = cqrs_sim("run", "small.toml", CQRS_SIM_DEBUG="1")

    assert shown.exit_code == 1
    assert "Traceback" in shown.stderr


def test_a_reader_that_goes_away_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    command = [sys.executable, "-m", "cqrs_sim", "scenarios", "default"]
    shown = subprocess.run(command, stdout=write, stderr=subprocess.PIPE)
    os.close(write)

    assert shown.returncode == 0
    assert shown.stderr == b""


def test_colours_are_left_out_where_that_is_asked_for_and_only_then(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    run = ("run", "small.toml", "-q", "--force", "-o", "out")
    colour = re.compile(r"\x1b\[(1;)?3[0-9]m")  # Bold is none.
    assert colour.search(cqrs_sim(*run).stdout)
    assert not colour.search(cqrs_sim(*run, "--no-color").stdout)
    assert "NO_COLOR" not in os.environ
    for verb in ("run", "reads", "compare", "demo"):
        assert "--no-color" in cqrs_sim(verb, "--help").stdout


@pytest.mark.parametrize(
    ("command", "code"),
    [("scenarios >&-", 0), ("scenarios 2>&-", 0), ("run small.toml -q >&-", 0), ("run x 2>&-", 2)],
)
def test_a_closed_stream_is_written_to_in_vain(folder: Path, command: str, code: int) -> None:
    python = f'"{sys.executable}" -W error -m cqrs_sim'
    shown = subprocess.run(["sh", "-c", f"{python} {command}"], capture_output=True, text=True)
    assert (shown.returncode, "Error" in shown.stderr) == (code, False)
    assert "run" not in command or code or list(folder.glob("results/*/summary.json"))


def sent_late(trace: Trace) -> Trace:
    """The same run, sent 10 s after it was intended: correct, and no measurement."""
    arrays = trace.to_arrays()
    for name, array in arrays.items():
        if array.dtype.kind == "m" and not name.endswith(".intended"):
            arrays[name] = array.astype("m8[ns]") + np.timedelta64(10_000_000_000, "ns")
    late = np.array(trace.ended_ns + 10_000_000_000)
    return Trace.from_arrays({**arrays, "ended_ns": late})


def test_a_replay_takes_no_duration(folder: Path) -> None:
    (folder / "log.csv").write_text("time,order,command\n0,a,CancelOrder\n1,a,CancelOrder\n")
    replay = ("--set", "load.model=replay", "--set", "load.rate=none", "--set", "load.log=log.csv")
    settings = (*replay, "--set", "run.warm_up=0s")
    refused = cqrs_sim("run", *settings, "--duration", "5s")
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "a replay ends with its log" in refused.stderr
    assert cqrs_sim("run", *settings, "-q").exit_code == 0


# Thresholds, replications, comparison.


def test_a_failed_threshold_exits_with_99_and_says_by_how_much(folder: Path) -> None:
    limits = ("--threshold", "rates.offered > 1/s", "--threshold", "response.p50 < 1ns")
    shown = cqrs_sim("run", "small.toml", "--out", "out", *limits)

    assert shown.exit_code == 99
    lines = shown.stdout.splitlines()
    assert "thresholds: 1 ok, 1 failed" in lines
    summary = json.loads((folder / "out/summary.json").read_text())
    assert [one["ok"] for one in summary["thresholds"]] == [True, False]
    assert "response.p50 < 1ns" in (folder / "out/scenario.toml").read_text()


def test_a_threshold_on_the_stages_of_a_saturated_read_model_fails(folder: Path) -> None:
    """Over what got through before the end the mean is half a second, and grows with the run."""
    short = ("--duration", "4s", "--set", "run.drain=0s", "--set", "run.warm_up=1s")
    shown = cqrs_sim(
        "run", "overload", *short, "--threshold", "stages.read_models.search.lag < 1h", "-q"
    )
    assert shown.exit_code == 99
    assert "search.lag < 1h: FAILED: withheld: search is saturated" in shown.stdout


def test_thresholds_of_the_scenario_hold_beside_those_of_the_command_line(folder: Path) -> None:
    (folder / "limited.toml").write_text('thresholds = ["commands.dropped == 0"]\n' + SMALL)
    assert cqrs_sim("run", "limited.toml", "-q").exit_code == 0
    shown = cqrs_sim("run", "limited.toml", "--threshold", "commands.dropped > 0", "-q")
    assert shown.exit_code == 99
    assert "threshold commands.dropped > 0: FAILED: it is 0" in shown.stdout


def test_a_threshold_that_cannot_hold_is_refused_before_the_run(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forbid_runs(monkeypatch)
    limits = ("--threshold", "lag.order.p99 < 5ms", "--threshold", "lag.orders.p99 < 5")
    shown = cqrs_sim("run", "small.toml", *limits)
    assert shown.exit_code == 2
    assert len(shown.stderr.splitlines()) == 2
    assert "did you mean lag.orders.p99" in shown.stderr


def test_a_threshold_in_a_file_is_validated(folder: Path) -> None:
    (folder / "limited.toml").write_text('thresholds = ["lag.orders.p77 < 1s"]\n' + SMALL)
    shown = cqrs_sim("validate", "limited.toml")
    assert shown.exit_code == 2
    assert shown.stderr.startswith('cqrs-sim: limited.toml: threshold "lag.orders.p77 < 1s": ')


def test_what_weighs_more_than_a_threshold_decides_the_exit_code(
    ended: RunResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    limited = attrs.evolve(ended.scenario, thresholds=("response.p50 < 1ns",))
    failing = attrs.evolve(ended, scenario=limited)
    give(monkeypatch, failing)
    assert cqrs_sim("run", "small.toml").exit_code == 99
    give(monkeypatch, attrs.evolve(failing, trace=sent_late(ended.trace)))
    assert cqrs_sim("run", "small.toml").exit_code == 4
    give(monkeypatch, attrs.evolve(failing, extra_checks=(FAILED,)))
    assert cqrs_sim("run", "small.toml").exit_code == 3
    give(monkeypatch, attrs.evolve(failing, complete=False))
    assert cqrs_sim("run", "small.toml").exit_code == 130


def test_a_run_that_a_threshold_ended_exits_with_99(folder: Path) -> None:
    slow = ("--set", "write_side.service.mean=5ms", "--threshold", "response.max < 1ms")
    shown = cqrs_sim("run", "small.toml", "--out", "out", "--abort-on-fail", *slow)
    assert shown.exit_code == 99
    assert "ended early by a threshold: response.max was 5 ms" in shown.stdout
    summary = json.loads((folder / "out/summary.json").read_text())
    assert summary["complete"] is False
    assert summary["aborted"].endswith(" s, more than 1ms")


def test_replications_are_shown_with_intervals_and_written(folder: Path) -> None:
    shown = cqrs_sim(
        "run", "small.toml", "--replications", "3", "-J", "1", "--seed", "5", "--out", "out"
    )
    assert shown.exit_code == 0
    assert "3 replications, with the seeds 5 to 7" in shown.stdout
    written = json.loads((folder / "out/summary.json").read_text())["replications"]
    assert written["seeds"] == [5, 6, 7]
    assert written["metrics"]["rates_per_s.offered"]["n"] == 3
    seeds = sorted(path.name for path in (folder / "out/replications").iterdir())
    assert seeds == ["5", "6", "7"]
    first = json.loads((folder / "out/replications/5/summary.json").read_text())
    assert first["seed"] == 5


def test_replicating_until_a_metric_is_known_says_whether_it_is(folder: Path) -> None:
    run = ("run", "small.toml", "-J", "1", "-q")
    shown = cqrs_sim(*run, "--until", "rates.offered ±50%")
    assert shown.exit_code == 0
    assert "rates.offered ±50% reached with 10 replications" in shown.stdout
    shown = cqrs_sim(*run, "--until", "rates.offered +-0.001%", "--max-replications", "11")
    assert shown.exit_code == 0
    assert "was not reached with 11 replications, which is the cap" in shown.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("--replications", "1"),
        ("--until", "rates.offered"),
        ("--until", "rates.ofered ±5%"),
        ("--max-replications", "20"),
        ("--jobs", "2"),
        ("--until", "scenario ±5%"),
        ("--until", "seed ±5%"),
        ("--until", "schema ±5%"),
        ("--until", "complete ±5%"),
        ("--abort-on-fail",),
        ("--abort-on-fail", "--threshold", "response.max < 1s", "--replications", "3"),
        ("--abort-on-fail", "--threshold", "response.max < 1s", "--until", "rates.offered ±5%"),
    ],
)
def test_impossible_replications_are_refused_before_the_run(
    arguments: tuple[str, ...], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forbid_runs(monkeypatch)
    assert cqrs_sim("run", "small.toml", *arguments).exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "mistake"),
    [
        (("--replications", "20", "--max-replications", "10"), "above --max-replications, 10"),
        (("--replications", "2"), "which is at least 10"),
    ],
)
def test_counts_that_a_rule_cannot_keep_to_are_refused_in_a_line(
    arguments: tuple[str, ...], mistake: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forbid_runs(monkeypatch)
    shown = cqrs_sim("run", "small.toml", "--until", "rates.offered ±5%", *arguments)
    assert shown.exit_code == 2
    assert mistake in shown.stderr
    assert shown.stderr.count("\n") == 1


def test_to_abort_on_what_is_no_limit_or_no_single_run_is_refused_in_a_line() -> None:
    shown = cqrs_sim("run", "default", "--abort-on-fail")
    assert shown.stderr == (
        "cqrs-sim: --abort-on-fail needs a --threshold, or thresholds in the scenario\n"
    )
    limit = ("--threshold", "response.max < 1s")
    shown = cqrs_sim("run", "default", "--abort-on-fail", *limit, "--replications", "3")
    assert shown.stderr.startswith("cqrs-sim: --abort-on-fail ends a single run: ")
    assert shown.stderr.count("\n") == 1


def test_a_rule_that_the_first_run_shows_to_be_on_no_metric_leaves_nothing_behind(
    folder: Path,
) -> None:
    rule = ("--until", "generator.pacer.spun.share ±5%")
    shown = cqrs_sim("run", "small.toml", "-J", "1", "-q", "--out", "out", *rule)
    assert shown.exit_code == 2
    assert shown.stderr.startswith('cqrs-sim: --until "generator.pacer.spun.share ±5%": unknown')
    assert shown.stderr.count("\n") == 1
    assert not (folder / "out").exists()


def test_replications_of_which_one_failed_or_was_cut_say_so_in_the_exit_code(
    ended: RunResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    some = Replications(seeds=(0, 1), values={})
    for changes, code in (
        ({"findings": Findings(incorrect=(1,))}, 3),
        ({"findings": Findings(invalid=(1,))}, 4),
        ({"is_complete": False}, 130),
        ({}, 0),
    ):
        give(monkeypatch, attrs.evolve(ended, replications=attrs.evolve(some, **changes)))
        assert cqrs_sim("run", "small.toml", "-q").exit_code == code


@pytest.fixture
def pair(folder: Path) -> tuple[str, str]:
    """Two result folders of three replications each; in the second the read model is slower."""
    run = ("run", "small.toml", "--replications", "3", "-J", "1", "-q", "--duration", "5s")
    for name, mean in (("A", "1ms"), ("B", "3ms")):
        setting = f"read_models.orders.service.mean={mean}"
        assert cqrs_sim(*run, "--set", setting, "--out", name).exit_code == 0
    return "A", "B"


def test_a_gate_decides_the_exit_code_of_a_comparison(pair: tuple[str, str]) -> None:
    assert cqrs_sim("compare", *pair).exit_code == 0
    shown = cqrs_sim("compare", *pair, "--gate", "lag.orders.mean +5%")
    assert shown.exit_code == 99
    assert shown.stdout.startswith("1 gate failed; significant change: ")
    assert "differs: read_models.orders.service.mean: 1ms, 3ms" in shown.stdout
    assert cqrs_sim("compare", *pair, "--gate", "rates.accepted -5%").exit_code == 0


@pytest.mark.parametrize(("key", "code"), [("incorrect", 3), ("invalid", 4)])
def test_a_comparison_with_a_broken_result_is_no_pass(
    pair: tuple[str, str], key: str, code: int
) -> None:
    path = Path(pair[1]) / "summary.json"
    summary = json.loads(path.read_text())
    summary["replications"][key] = [1]
    path.write_text(json.dumps(summary))
    shown = cqrs_sim("compare", *pair, "--gate", "rates.accepted -50%", "-q")
    assert shown.exit_code == code
    assert shown.stderr.startswith("cqrs-sim: B is ")


def test_a_report_replaces_nothing_but_the_page_of_its_own_folder(pair: tuple[str, str]) -> None:
    assert cqrs_sim("report", pair[0]).exit_code == 0
    before = (Path(pair[0]) / "trace.npz").read_bytes()
    shown = cqrs_sim("report", pair[0], "-o", f"{pair[0]}/trace.npz")
    assert (shown.exit_code, shown.stderr.count("\n")) == (5, 1)
    assert "exists already" in shown.stderr
    assert (Path(pair[0]) / "trace.npz").read_bytes() == before
    assert cqrs_sim("report", pair[0], "-o", "page.html").exit_code == 0
    assert Path("page.html").read_text().startswith("<!")


def test_a_comparison_is_written_as_json_markdown_and_figures(pair: tuple[str, str]) -> None:
    assert cqrs_sim("compare", *pair, "--out", "C", "-q").exit_code == 0
    assert sorted(path.name for path in Path("C").iterdir()) == [
        "comparison.json", "comparison.md", "comparison.png", "comparison.svg",
    ]  # fmt: skip
    shown = cqrs_sim("compare", *pair, "--json")
    assert json.loads(shown.stdout) == json.loads(Path("C/comparison.json").read_text())
    assert cqrs_sim("compare", *pair, "--markdown").stdout == Path("C/comparison.md").read_text()
    assert cqrs_sim("compare", *pair, "--out", "C").exit_code == 5


def test_what_cannot_be_compared_is_a_line(pair: tuple[str, str]) -> None:
    summary = json.loads(Path("B/summary.json").read_text())
    Path("B/summary.json").write_text(json.dumps({**summary, "engine": "wall"}))
    shown = cqrs_sim("compare", *pair)
    assert (shown.exit_code, len(shown.stderr.splitlines())) == (2, 1)
    assert "--across-engines" in shown.stderr
    assert cqrs_sim("compare", *pair, "--across-engines").exit_code == 0
    for arguments, code in (
        (("A", "nowhere"), 5),
        (("A", "A", "--gate", "lag.order.p99 +5%"), 2),
        (("A", "A", "--gate", "nonsense"), 2),
        (("A", "A", "--json", "--markdown"), 2),
    ):
        assert cqrs_sim("compare", *arguments).exit_code == code


# The price of a fresh read.

ASKED = ("--set", "queries.share=0.5", "--set", "queries.sessions=5")


def test_reads_are_compared_in_a_sentence_and_a_table(folder: Path) -> None:
    shown = cqrs_sim("reads", "small.toml", *ASKED, "--seed", "3")
    lines = shown.stdout.splitlines()

    assert shown.exit_code == 0
    assert lines[0].startswith("eventual: ")
    assert all(f"; {name}: none missed it, for " in lines[0] for name in ("at_least", "write_side"))
    assert lines[1] == "small; virtual engine, virtual clock, seed 3"
    assert [line.split()[0] for line in lines[-3:]] == ["eventual", "at_least", "write_side"]
    assert list(folder.iterdir()) == [folder / "small.toml"]


def test_compared_reads_are_written_as_json_and_figure(folder: Path) -> None:
    shown = cqrs_sim("reads", "small.toml", *ASKED, "--json", "--out", "R")

    assert shown.exit_code == 0
    assert sorted(path.name for path in Path("R").iterdir()) == [
        "fresh_reads.png", "fresh_reads.svg", "reads.json",
    ]  # fmt: skip
    found = json.loads(shown.stdout)
    assert found == json.loads(Path("R/reads.json").read_text())
    assert list(found) == ["eventual", "at_least", "write_side"]
    assert cqrs_sim("reads", "small.toml", *ASKED, "--out", "R").exit_code == 5


def test_a_scenario_that_reads_nothing_by_id_is_answered_with_a_line(folder: Path) -> None:
    shown = cqrs_sim("reads", "small.toml", "--out", "R")

    assert (shown.exit_code, shown.stdout) == (2, "")
    assert shown.stderr.splitlines() == [
        "cqrs-sim: queries: to compare reads, queries.share and queries.mix.by_id must be above 0"
    ]
    assert not Path("R").exists()


def test_reads_that_are_interrupted_leave_nothing(
    folder: Path, ended: RunResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fresh_reads, "run", lambda *_, **__: attrs.evolve(ended, complete=False))
    shown = cqrs_sim("reads", "small.toml", *ASKED, "--out", "R")

    assert (shown.exit_code, shown.stdout) == (130, "")
    assert not Path("R").exists()


def test_compared_reads_of_which_one_failed_a_check_say_which(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoiled(scenario: Scenario, **options: object) -> RunResult:
        result = simulation.run(scenario)
        is_second = scenario.queries.strategy.by_id == "at_least"
        return attrs.evolve(result, extra_checks=(FAILED,)) if is_second else result

    monkeypatch.setattr(fresh_reads, "run", spoiled)
    shown = cqrs_sim("reads", "small.toml", *ASKED)

    assert shown.exit_code == 3
    assert shown.stderr == ("cqrs-sim: at_least: check FAILED: planted: order \\x1b[31m is wrong\n")
