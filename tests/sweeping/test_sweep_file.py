"""SWEEP.toml: what it says, and what is refused."""

from pathlib import Path

import pytest

from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.scenario.reading import read_document
from cqrs_sim.sweeping.sweep import planned
from cqrs_sim.sweeping.sweep_file import SweepFile, is_sweep_file, read_sweep_file, sweep_from

EXAMPLES = Path(__file__).parent.parent.parent / "docs" / "examples"
WHOLE = """
scenario = "small.toml"
settings = ["run.duration=5s"]
engine = "virtual"
seed = 7
replications = 3
design = "latin_hypercube"
points = 20
metrics = ["lag.orders.p50"]

[[factors]]
path = "write_side.policy"
levels = ["block", "reject"]

[[factors]]
path = "load.rate"
from = "10/s"
to = "1k/s"
spacing = "log"
"""
FACTOR = '[[factors]]\npath = "load.rate"\nlevels = ["1/s"]\n'


def read(text: str) -> SweepFile:
    return sweep_from(read_document(text), Path("there"))


def mistakes(text: str) -> tuple[str, ...]:
    with pytest.raises(InvalidScenarioError) as caught:
        read(text)
    return caught.value.mistakes


def test_every_key_is_read() -> None:
    file = read(WHOLE)
    assert (file.engine, file.seed, file.replications) == ("virtual", 7, 3)
    assert (file.design, file.points, file.metrics) == (
        "latin_hypercube", 20, ("lag.orders.p50",),
    )  # fmt: skip
    assert file.settings == ("run.duration=5s",)
    assert [factor.path for factor in file.factors] == ["write_side.policy", "load.rate"]
    assert [level.text for level in file.factors[0].levels] == ["block", "reject"]
    assert file.factors[1].level(0.5).text == "100/s"


def test_a_scenario_is_found_from_where_the_file_is(tmp_path: Path) -> None:
    assert read(WHOLE).scenario == str(Path("there") / "small.toml")
    assert read(f'scenario = "burst"\n{FACTOR}').scenario == "burst"


def test_what_it_does_not_say_is_the_default_of_a_request() -> None:
    request = read(FACTOR).request()
    assert request.base.name == "default"
    assert (request.engine, request.seed, request.replications) == ("algebra", 0, 10)


def test_every_mistake_is_listed() -> None:
    assert mistakes(
        'engin = "wall"\nreplications = 0\n'
        '[[factors]]\npath = "load.rate"\nfrom = "1/s"\n'
        '[[factors]]\nlevel = ["1/s"]\n'
        '[[factors]]\npath = "load.rat"\nlevels = ["1/s"]\n'
    ) == (
        "engin: unknown key; did you mean engine?",
        "replications = 0: must be from 1 to 10000",
        "factors[0]: must have levels, or both from and to",
        "factors[1].level: unknown key; did you mean factors[1].levels?",
        "factors[1].path: is missing",
        "factors[2]: load.rat: unknown key; did you mean load.rate?",
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("seed = 1\n", "factors is missing: must be tables such as [[factors]]"),
        ("factors = 3\n", "factors = 3: must be tables such as [[factors]]"),
        ("factors = [3]\n", "factors[0] = 3: must be a table"),
        (f"{FACTOR}count = 3\n", "factors[0].count: belongs to from and to"),
        ('[[factors]]\npath = "load.rate"\nlevels = "1/s"\n', "must be a list such as"),
        (f'engine = "real"\n{FACTOR}', 'engine = "real": must be one of "virtual", "wall"'),
        (
            '[[factors]]\npath = "load.rate"\nfrom = "9/s"\nto = "1/s"\n',
            'factors[0]: load.rate = "9/s".."1/s": the first must be the lesser',
        ),
    ],
)
def test_a_wrong_file_is_told_in_one_line_a_mistake(text: str, told: str) -> None:
    (mistake,) = mistakes(text)
    assert told in mistake


def test_a_sweep_is_told_from_a_scenario(tmp_path: Path) -> None:
    scenario, sweep = tmp_path / "scenario.toml", tmp_path / "sweep.toml"
    scenario.write_text('[load]\nrate = "100/s"\n')
    sweep.write_text(FACTOR)
    assert is_sweep_file(str(sweep))
    assert not is_sweep_file(str(scenario))
    assert not is_sweep_file("default")


def test_the_example_is_a_sweep_and_stands_in_its_page() -> None:
    sweep = planned(read_sweep_file(EXAMPLES / "sweep.toml").request())
    assert len(sweep.points) == 9
    page = (EXAMPLES.parent / "sweeping.md").read_text("utf-8")
    assert (EXAMPLES / "sweep.toml").read_text("utf-8") in page
