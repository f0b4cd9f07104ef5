"""`cqrs-sim architectures`: exit codes, refusals in one line, and the folder that it writes."""

import json
from pathlib import Path

import attrs
import pytest
from comparisons import WRONG

from cqrs_sim import simulation
from cqrs_sim.architectures.catalogue import ARCHITECTURES, BASE
from cqrs_sim.architectures.costs import Costs
from cqrs_sim.cli import main
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.loading import load
from cqrs_sim.results import Result
from cqrs_sim.scenario.reading import read_scenario
from cqrs_sim.scenario.scenario import Scenario
from cqrs_sim.side_by_side import comparison, folder, substrates
from cqrs_sim.side_by_side.settings import base_scenario, costs_with

SHORT = ("--rate", "400/s", "--duration", "1s", "--set", "run.warm_up=100ms")
MODELLED = ("architectures", *SHORT, "--substrate", "modelled", "-q")


@pytest.fixture(autouse=True)
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two architectures, flat out for a moment, and no matplotlib."""
    few = {name: ARCHITECTURES[name] for name in ("crud", "tutorial")}
    monkeypatch.setattr(comparison, "ARCHITECTURES", few)
    monkeypatch.setattr(substrates, "OPERATIONS", 200)
    monkeypatch.setattr(folder, "write_architecture_figures", lambda *_: [])


@pytest.fixture
def planted(monkeypatch: pytest.MonkeyPatch) -> None:
    """The run of the tutorial comes out diverged, whatever it did."""

    def run(scenario: Scenario, **options: object) -> Result:
        result = simulation.run(scenario, **options)  # type: ignore[arg-type]  # As it was called
        is_tutorial = result.scenario.name == "tutorial"
        return attrs.evolve(result, diverged=WRONG) if is_tutorial else result

    monkeypatch.setattr(comparison, "run", run)


def code_of(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main.main(list(arguments), prog_name="cqrs-sim")
    assert isinstance(ended.value.code, int)
    return ended.value.code


@pytest.mark.usefixtures("planted")
def test_a_divergence_is_no_failure_but_where_strictness_was_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert code_of(*MODELLED, "-o", str(tmp_path / "a")) == 0
    told = capsys.readouterr().out
    assert "17 of 900 orders differ from the log; the first: orders shows 5 as PENDING" in told
    assert code_of(*MODELLED, "-o", str(tmp_path / "b"), "--strict") == 3


def test_the_folder_has_page_numbers_and_runs_that_load_and_whose_scenarios_run(
    tmp_path: Path,
) -> None:
    out = tmp_path / "out"
    assert code_of(*MODELLED, "-o", str(out)) == 0
    numbers = json.loads((out / "architectures.json").read_text())
    assert numbers["schema"] == 1
    assert list(numbers["substrates"]["modelled"]) == ["crud", "tutorial"]
    crud = numbers["substrates"]["modelled"]["crud"]
    assert crud["write"]["sample"]["n"] > 0
    assert crud["makespan"]["rate_per_s"] > 0.0
    assert numbers["costs"]["commit"]["value"] == "500us"
    assert "What does a write cost?" in (out / "architectures.html").read_text()
    for name in ("crud", "tutorial"):
        own = out / "modelled" / name
        result = load(own)
        assert json.loads((own / "summary.json").read_text())["response_s"]["n"] == (
            result.summary.response_s.n
        )
        assert read_scenario(own / "scenario.toml").name == name


def test_an_interrupted_comparison_is_written_marked_and_ends_with_130(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def cut(scenario: Scenario, **options: object) -> Result:
        result = simulation.run(scenario, **options)  # type: ignore[arg-type]  # As it was called
        if result.scenario.name == "tutorial":
            return attrs.evolve(result, complete=False)
        return result

    monkeypatch.setattr(comparison, "run", cut)
    assert code_of(*MODELLED, "-o", str(tmp_path / "out")) == 130
    assert capsys.readouterr().out.startswith("INCOMPLETE: interrupted")
    numbers = json.loads((tmp_path / "out" / "architectures.json").read_text())
    assert numbers["complete"] is False
    assert numbers["substrates"]["modelled"]["tutorial"]["complete"] is False
    assert (
        "This comparison was interrupted" in (tmp_path / "out" / "architectures.html").read_text()
    )


def test_a_folder_that_holds_anything_is_refused_before_the_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine").write_text("precious")
    assert code_of(*MODELLED, "-o", str(tmp_path)) == 5
    assert f"{tmp_path} is not empty" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_json_goes_to_stdout_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of(*MODELLED, "--json", "-o", str(tmp_path / "out")) == 0
    told = capsys.readouterr().out
    assert json.loads(told) == json.loads((tmp_path / "out" / "architectures.json").read_text())


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--rate", "400"), 'load.rate = 400: a rate needs a unit, such as "400/s"'),
        (("--duration", "soon"), "run.duration = "),
        (
            ("--cost", "comit=2ms"),
            '"comit=2ms": there is no such cost; did you mean commit?',
        ),
        (("--cost", "commit=2"), '--cost "commit=2": a duration needs a unit, such as "2ms"'),
        (("--cost", "commit"), "must be name=value, such as commit=2ms"),
        (("--cost", "connections=0"), "--cost connections = 0: must be from 1 to 1024"),
        (("--cost", "connections=1_0"), "must be a whole number, such as 4"),
        (("--set", "read_models.orders.batch=3"), "is what the architectures differ in"),
        (("--set", "load.model=closed"), "load"),
        (("--substrate", "disk"), 'substrate = "disk": must be one of modelled, memory, sqlite'),
    ],
)
def test_what_cannot_be_is_refused_in_one_line_that_names_it(
    options: tuple[str, ...], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert code_of("architectures", "-q", "-o", str(tmp_path / "out"), *options) == 2
    lines = capsys.readouterr().err.splitlines()
    assert told in lines[0]
    assert not (tmp_path / "out").exists()


def test_costs_are_set_by_their_paths() -> None:
    costs = costs_with(["commit=2ms", "row.search=1us", "join.by_id=7ms", "connections=2"])
    assert (costs.commit, costs.row.search) == (2_000_000, 1_000)
    assert (costs.join.by_id, costs.connections) == (7_000_000, 2)
    assert attrs.evolve(costs, commit=Costs().commit) != Costs()


def test_settings_change_the_load_that_all_of_them_share() -> None:
    assert base_scenario([]) == BASE
    base = base_scenario(["load.rate=77/s", "queries.share=0.25", "write_side.mailbox=8"])
    for build in ARCHITECTURES.values():
        scenario = build(base, Costs())
        assert (scenario.load.rate, scenario.queries.share) == (77.0, 0.25)
        assert scenario.write_side.mailbox == 8


def test_several_mistakes_are_told_at_once() -> None:
    with pytest.raises(InvalidScenarioError) as refused:
        costs_with(["a=1ms", "commit=x"])
    assert len(refused.value.mistakes) == 2
