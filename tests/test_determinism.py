"""The same scenario and seed give the same trace in any process; a run cut short a valid one."""

import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cqrs_sim import simulation
from cqrs_sim.measurement.trace_file import load_trace
from cqrs_sim.scenario.reading import read_scenario

RUN = (sys.executable, "-m", "cqrs_sim", "run")


def start(out: Path, *, hash_seed: int, seed: int) -> subprocess.Popen[bytes]:
    """A small run in a process of its own, whose sets and dictionaries hash in their own way."""
    return subprocess.Popen(
        [*RUN, "--duration", "4s", "--seed", str(seed), "--out", str(out), "-q", "--json"],
        env={**os.environ, "PYTHONHASHSEED": str(hash_seed)},
        stdout=subprocess.PIPE,
    )


def test_two_processes_agree_in_every_column_and_another_seed_does_not(tmp_path: Path) -> None:
    one, two, other = (tmp_path / name for name in ("one", "two", "other"))
    processes = [
        start(one, hash_seed=1, seed=7),
        start(two, hash_seed=2, seed=7),
        start(other, hash_seed=1, seed=8),
    ]
    for process in processes:
        process.communicate()
        assert process.returncode == 0

    columns = load_trace(one / "trace.npz").to_arrays()
    for name, column in load_trace(two / "trace.npz").to_arrays().items():
        np.testing.assert_array_equal(column, columns[name], err_msg=name)
    assert (one / "trace.npz").read_bytes() == (two / "trace.npz").read_bytes()
    assert (one / "summary.json").read_bytes() == (two / "summary.json").read_bytes()
    assert (one / "trace.npz").read_bytes() != (other / "trace.npz").read_bytes()


def test_the_resolved_scenario_of_a_result_runs_to_the_same_trace(tmp_path: Path) -> None:
    with start(tmp_path / "out", hash_seed=1, seed=7) as process:
        process.communicate()
    again = simulation.run(read_scenario(tmp_path / "out/scenario.toml"), seed=7)

    columns = again.trace.to_arrays()
    for name, column in load_trace(tmp_path / "out/trace.npz").to_arrays().items():
        np.testing.assert_array_equal(column, columns[name], err_msg=name)


@pytest.mark.parametrize("engine", ["virtual", "wall"])
def test_ctrl_c_writes_what_was_measured_and_marks_it_incomplete(
    engine: str, tmp_path: Path
) -> None:
    """The signal is sent when the first progress is shown, so the run is surely under way."""
    out = tmp_path / "out"
    # A terminal, since a pipe gets no progress for some seconds.
    terminal, child = pty.openpty()
    long = ["--engine", engine, "--duration", "10min", "--rate", "500/s"]
    with subprocess.Popen(
        [*RUN, *long, "--out", str(out)], stdout=subprocess.PIPE, stderr=child
    ) as process:
        os.close(child)
        shown = b""
        while b"accepted" not in shown:
            shown += os.read(terminal, 4096)
        process.send_signal(signal.SIGINT)
        stdout, _ = process.communicate()
    os.close(terminal)

    assert process.returncode == 130
    assert stdout.startswith(b"INCOMPLETE: interrupted")
    summary = json.loads((out / "summary.json").read_text())
    assert summary["complete"] is False
    assert all(check["ok"] for check in summary["checks"].values())
    assert 0 < len(load_trace(out / "trace.npz").commands) < 300_000
