"""`cqrs-sim capacity`: options in, answer and exit code out."""

import json
from pathlib import Path

import attrs
import pytest
from click.testing import CliRunner, Result

from cqrs_sim.cli import main
from cqrs_sim.engines import virtual, wall
from cqrs_sim.highest_rate import search
from cqrs_sim.highest_rate.probes import Probe
from cqrs_sim.highest_rate.roots import Root
from cqrs_sim.results import Result as RunResult
from cqrs_sim.scenario.scenario import Scenario

SHORT = (
    "--set", "run.duration=3s", "--set", "run.warm_up=500ms", "--precision", "20", "--confirm", "1",
    "-j", "1",
)  # fmt: skip
SLO = ("--slo", "lag.search.mean < 2ms")


def capacity(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["capacity", *arguments])


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_an_answer_is_shown_first_and_written(folder: Path) -> None:
    ended = capacity(*SLO, *SHORT, "-o", "answer")
    assert ended.exit_code == 0, ended.output
    assert ended.stdout.startswith("holds lag.search.mean < 2ms up to ")
    assert "search limits: utilisation 0." in ended.stdout
    assert ended.stdout.endswith("written to answer\n")
    assert (folder / "answer" / "probes.csv").is_file()


def test_json_goes_to_stdout_and_words_to_stderr(folder: Path) -> None:
    ended = capacity(*SLO, *SHORT, "-o", "answer", "--json")
    found = json.loads(ended.stdout)
    assert found == json.loads((folder / "answer" / "capacity.json").read_text())
    assert found["limiting_stage"]["stage"] == "search"
    assert found["confirmation"]["differ"] == []
    # Progress is told before it where that took long.
    assert any(line.startswith("holds ") for line in ended.stderr.splitlines())


def test_answers_without_a_place_get_one_each(folder: Path) -> None:
    for _ in range(2):
        assert capacity(*SLO, *SHORT, "--confirm", "0", "-q").exit_code == 0
    names = sorted(path.name for path in (folder / "results").iterdir())
    assert names == ["default-capacity-algebra", "default-capacity-algebra-2"]


def test_exit_code_99_if_no_rate_holds() -> None:
    ended = capacity("--slo", "lag.search.mean < 0.1ms", *SHORT, "-o", "answer")
    assert ended.exit_code == 99
    assert ended.stdout.startswith("NO RATE HOLDS")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--slo", "lag.search.p99 > 2ms"), "must be an upper limit"),
        (("--slo", "lag.serch.p99 < 2ms"), "did you mean lag.search.p99"),
        (
            (*SLO, "--set", "load.model=closed", "--set", "load.rate=none"),
            'load.model = "closed": the highest rate is searched along load.rate',
        ),
        (("burst", *SLO), "load.profile = "),
        (("--slo", "lag.search.p99 < 2ms", *SHORT), 'run.duration = "3s": lag.search.p99 needs'),
        ((*SLO, "--set", "run.durration=1s"), "unknown key"),
    ],
)
def test_what_cannot_be_searched_is_refused_in_one_line(
    folder: Path, arguments: tuple[str, ...], told: str
) -> None:
    ended = capacity(*arguments)
    assert ended.exit_code == 2
    (line,) = ended.stderr.splitlines()
    assert line.startswith("cqrs-sim: ")
    assert told in line
    assert not list(folder.iterdir())


def test_a_place_that_is_taken_is_refused_before_the_search(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object) -> None:
        raise AssertionError("it should not have searched")

    monkeypatch.setattr(search, "search", forbidden)
    (folder / "taken").mkdir()
    (folder / "taken" / "letter.txt").write_text("mine")
    assert capacity(*SLO, *SHORT, "-o", "taken", "--force").exit_code == 5
    assert (folder / "taken" / "letter.txt").read_text() == "mine"


def test_an_interrupted_search_is_shown_and_written_and_ends_with_130(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, done = search.root_of, list[int]()

    def interrupted(*arguments: object, **named: object) -> Root:
        if len(done) == 3:
            raise KeyboardInterrupt
        done.append(1)
        return real(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(search, "root_of", interrupted)
    ended = capacity(*SLO, *SHORT, "-o", "answer")
    assert ended.exit_code == 130
    assert ended.stdout.startswith("INCOMPLETE: interrupted; until then holds")
    assert json.loads((folder / "answer" / "capacity.json").read_text())["complete"] is False


def test_engines_that_differ_end_with_3(monkeypatch: pytest.MonkeyPatch) -> None:
    from cqrs_sim.highest_rate import confirmation, probes

    def planted(*arguments: object) -> Probe:
        told = probes.probe(*arguments)  # type: ignore[arg-type]
        return attrs.evolve(told, values=(9.0,)) if arguments[2] == "algebra" else told

    monkeypatch.setattr(confirmation, "probe", planted)
    ended = capacity(*SLO, *SHORT, "-o", "answer")
    assert ended.exit_code == 3
    assert "the engines differ" in ended.stdout


@pytest.mark.parametrize(("late", "code"), [(False, 0), (True, 4)])
def test_in_real_time_there_are_steps_and_a_late_generator_ends_with_4(
    folder: Path, monkeypatch: pytest.MonkeyPatch, late: bool, code: int
) -> None:
    """The steps are run in virtual time here: what is tested is what is made of them."""

    def run(scenario: Scenario, *, seed: int, progress: object) -> RunResult:
        result = virtual.run(scenario, seed=seed)
        if not late or (scenario.load.rate or 0.0) < 500.0:
            return result
        commands = result.trace.commands
        slow = attrs.evolve(commands, submitted=commands.submitted + 60_000_000)
        return attrs.evolve(result, trace=attrs.evolve(result.trace, commands=slow))

    monkeypatch.setattr(wall, "run", run)
    ended = capacity(*SLO, *SHORT, "-o", "answer", "--engine", "wall", "--set", "load.rate=300/s")
    assert ended.exit_code == code, ended.output
    found = json.loads((folder / "answer" / "capacity.json").read_text())
    assert found["engine"] == "wall"
    if late:
        assert "at least 450/s; beyond, the load generator cannot keep its plan" in ended.stdout
        assert found["kind"] == "generator"
    else:
        assert found["held_per_s"] < found["broken_per_s"] <= 1.05 * found["held_per_s"]
        assert (folder / "answer" / "scenario.toml").is_file()
