"""What the pages say is what the product does: their code runs, their tables match the sources."""

import ast
import contextlib
import functools
import inspect
import io
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import attrs
import matplotlib as mpl
import nbformat
import pytest
from click.testing import CliRunner
from matplotlib import pyplot as plt
from renamed_trace import SHOWING, renamed

from cqrs_sim import cli, results, simulation
from cqrs_sim.analysis.planned import Planned
from cqrs_sim.analysis.quantiles import SampleSummary
from cqrs_sim.analysis.summary import summarise
from cqrs_sim.calibration import calibrate
from cqrs_sim.domain.upcasting import CHAINS, schema_of
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.probe import Outcome
from cqrs_sim.scenario.keys import keys_below, part_of
from cqrs_sim.scenario.parts import (
    Crash,
    Database,
    Pause,
    PlannedRebuild,
    RateSegment,
    ReadModel,
    Service,
)
from cqrs_sim.scenario.quantities import (
    ChoiceQuantity,
    CountQuantity,
    DurationQuantity,
    FlagQuantity,
    Quantity,
    RateQuantity,
    RealQuantity,
    ShareQuantity,
    TextQuantity,
    TextsQuantity,
)
from cqrs_sim.scenario.reading import read_scenario
from cqrs_sim.scenario.scenario import Scenario
from cqrs_sim.scenario.unit_text import duration_text, rate_text
from cqrs_sim.scenario.units import quantity_of
from cqrs_sim.side_by_side import substrates
from cqrs_sim.verbs import exits

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted(DOCS.glob("*.md")),
    *sorted((ROOT / "benchmarks").glob("*.md")),
]
SMALL = ("--set", "run.duration=2s", "--set", "run.warm_up=100ms", "--set", "run.drain=100ms")
SMALL_SEARCH = ("--set", "run.duration=20s", "--precision", "30", "--confirm", "1")
"""Long enough for a p99."""
LARGEST_IMAGE_BYTES = 150_000


@attrs.frozen
class Block:
    """A fenced block of a page."""

    page: Path
    language: str
    text: str
    number: int

    @property
    def name(self) -> str:
        return f"{self.page.relative_to(ROOT)}[{self.number}]"


def blocks_of(page: Path) -> list[Block]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text("utf-8"), re.M | re.S)
    return [Block(page, language, text, n) for n, (language, text) in enumerate(found, start=1)]


BLOCKS = [block for page in PAGES for block in blocks_of(page)]


def blocks_in(language: str) -> list[Block]:
    return [block for block in BLOCKS if block.language == language]


def rows_of(page: Path, heading: str = "") -> list[list[str]]:
    """The cells of all table rows of a page, or of its section of that heading; no head rows."""
    text = page.read_text("utf-8")
    if heading:
        section = re.search(rf"^#+ {re.escape(heading)}$(.*?)(?=^#|\Z)", text, re.M | re.S)
        assert section is not None, f"{page.name} has no section {heading!r}"
        text = section[1]
    rows: list[list[str]] = []
    for table in re.findall(r"(?:^\|.*\|$\n?)+", text, re.M):
        lines = table.splitlines()[2:]
        rows += [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    return rows


def unquoted(cell: str) -> str:
    return cell.replace("`", "")


# Code.


def output_of(program: str, namespace: dict[str, object]) -> str:
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        exec(compile(program, "page", "exec"), namespace)
    return shown.getvalue()


@pytest.mark.parametrize("block", blocks_in("python"), ids=lambda block: block.name)
def test_python_in_a_page_runs_and_prints_what_stands_below_it(
    block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shown = output_of(block.text, {})

    below = next((b for b in BLOCKS if b.page == block.page and b.number == block.number + 1), None)
    if below is not None and below.language == "text":
        assert shown == below.text
    else:
        assert not shown, f"{block.name} prints what no text block below it shows"


def command_lines() -> Iterator[tuple[str, str]]:
    for block in blocks_in("sh"):
        for line in block.text.splitlines():
            command = line.partition("  #")[0].strip().removeprefix(".venv/bin/")
            if command.startswith("cqrs-sim "):
                yield block.name, command


def test_every_cqrs_sim_command_of_every_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one folder and in order, since later lines use what earlier ones wrote; small."""
    monkeypatch.chdir(tmp_path)
    # A second a run; the figures have their own test below.
    monkeypatch.setattr(results, "write_figures", lambda *_, **__: [])
    comparison_folder = "cqrs_sim.side_by_side.folder"
    monkeypatch.setattr(f"{comparison_folder}.write_architecture_figures", lambda *_: [])
    monkeypatch.setattr(substrates, "OPERATIONS", 500)
    few = functools.partial(calibrate.Plan, operations=1000, repetitions=1)
    monkeypatch.setattr(calibrate, "Plan", few)
    shutil.copytree(DOCS / "examples", tmp_path / "docs" / "examples")
    ran = 0
    for name, command in command_lines():
        words, _, file = command.partition(" > ")
        arguments = shlex.split(words)[1:]
        if arguments[0] == "run":
            arguments += [*SMALL, "--force"] if "--out" in arguments else SMALL
        elif arguments[0] == "architectures":
            # Another folder each time, since nothing is replaced; real time has its own tests.
            chosen = () if "--substrate" in arguments else ("--substrate", "modelled")
            arguments = [*arguments, *SMALL, *chosen, "--out", f"compared{ran}"]
        elif arguments[0] in ("reads", "check", "sweep"):
            arguments += SMALL
        elif arguments[0] == "capacity":
            arguments += SMALL_SEARCH
        ended = CliRunner().invoke(cli.main, arguments)
        # A wall clock run on a busy machine may measure nothing valid, and says so.
        is_real = "wall" in arguments or arguments[0] == "calibrate"
        allowed = (0, exits.INVALID) if is_real else (0,)
        assert ended.exit_code in allowed, f"{name}: {command}: {ended.output}"
        if file:
            Path(file).write_text(ended.stdout, "utf-8")
        ran += 1
    assert ran > 5
    # Signature and size: the search here is of shorter runs, the drawing is the same.
    drawn, kept = Path("results") / "capacity" / "capacity.png", DOCS / "images" / "capacity.png"
    assert drawn.read_bytes()[:24] == kept.read_bytes()[:24]


def test_diagrams_in_pages_are_those_of_the_command_above_them() -> None:
    found = [block for block in blocks_in("mermaid") if block.page.parent == DOCS]
    for block in found:
        above = next(b for b in BLOCKS if b.page == block.page and b.number == block.number - 1)
        ended = CliRunner().invoke(cli.main, shlex.split(above.text)[1:])
        assert ended.stdout == block.text, block.name
    assert found


def test_scenarios_in_pages_are_valid() -> None:
    found = blocks_in("toml")
    for block in found:
        read_scenario(block.text)
    assert found


def test_the_figure_of_the_readme_is_one_that_its_command_makes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = {words for _, words in command_lines() if words.endswith("--out results/burst")}
    assert len(made) == 1, "README and CONTRIBUTING give the same command"
    ended = CliRunner().invoke(cli.main, [*shlex.split(made.pop())[1:], *SMALL])

    assert ended.exit_code == 0
    figure = tmp_path / "results" / "burst" / "figures" / "lag_over_time.png"
    drawn, kept = figure.read_bytes(), (DOCS / "images" / "burst.png").read_bytes()
    # Signature and size: the run here is shorter, the drawing is the same.
    assert kept[:24] == drawn[:24]


def test_the_figure_of_fresh_reads_is_one_that_the_command_below_it_makes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    readme = (ROOT / "README.md").read_text("utf-8")
    (command,) = re.findall(r"`cqrs-sim (reads [^`]* --out [^`]*)`", readme)
    ended = CliRunner().invoke(cli.main, [*shlex.split(command), *SMALL])

    assert ended.exit_code == 0
    drawn = (tmp_path / "results" / "reads" / "fresh_reads.png").read_bytes()
    kept = (DOCS / "images" / "fresh_reads.png").read_bytes()
    assert kept[:24] == drawn[:24]


def test_the_figure_of_the_architectures_is_one_that_its_command_makes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    made = {words for _, words in command_lines() if "--out results/architectures" in words}
    assert len(made) == 1, "README and docs/architectures.md give the same command"
    monkeypatch.setattr(substrates, "OPERATIONS", 500)
    few = [*SMALL, "--substrate", "modelled"]
    ended = CliRunner().invoke(cli.main, [*shlex.split(made.pop())[1:], *few])

    assert ended.exit_code == 0
    figure = tmp_path / "results" / "architectures" / "figures" / "overview.png"
    kept = (DOCS / "images" / "architectures.png").read_bytes()
    # Signature and size: the runs here are shorter, the drawing is the same.
    assert kept[:24] == figure.read_bytes()[:24]


# Notebooks.


def notebook_at(path: Path) -> nbformat.NotebookNode:
    """The notebook, validated against its format."""
    notebook: nbformat.NotebookNode = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call] # nbformat is typed in parts only
    return notebook


def code_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def printed(cell: nbformat.NotebookNode) -> str:
    return "".join(output.text for output in cell.outputs if output.output_type == "stream")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_and_its_outputs_are_those_of_a_run(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    notebook = notebook_at(path)
    namespace: dict[str, object] = {}
    before = mpl.get_backend()
    plt.switch_backend("agg")
    try:
        for cell in code_cells(notebook):
            assert output_of(cell.source, namespace) == printed(cell)
    finally:
        plt.close("all")
        plt.switch_backend(before)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_in_a_kernel(path: Path, tmp_path: Path) -> None:
    copy = shutil.copy(path, tmp_path)
    program = "import sys; from nbclient.cli import main; main(sys.argv[1:])"
    ended = subprocess.run(
        [sys.executable, "-c", program, "--inplace", str(copy)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 0, ended.stderr
    ran, kept = notebook_at(Path(copy)), notebook_at(path)
    assert [printed(cell) for cell in code_cells(ran)] == [
        printed(cell) for cell in code_cells(kept)
    ]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_has_the_parts_of_a_lesson(path: Path) -> None:
    notebook = notebook_at(path)
    texts = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    images = [
        output
        for cell in code_cells(notebook)
        for output in cell.outputs
        if "image/png" in output.get("data", {})
    ]

    headings = [re.match(r"#+ (.*)", text) for text in texts]
    titles = [heading[1] for heading in headings if heading is not None]
    assert titles[0].endswith("?")
    assert titles[1:] == [
        "A prediction to write down",
        "The run",
        "One figure",
        "The reading",
        "The formula it should match",
        "Check for understanding",
    ]
    assert len(code_cells(notebook)[0].source.splitlines()) <= 10
    assert len(images) == 1
    assert path.stat().st_size < LARGEST_IMAGE_BYTES
    assert "<details>" in texts[-1]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_bold_numbers_of_a_reading_stand_in_the_outputs(path: Path) -> None:
    notebook = notebook_at(path)
    outputs = "".join(map(printed, code_cells(notebook)))
    texts = [cell.source for cell in notebook.cells]
    (reading,) = [text for text in texts if text.startswith("## The reading")]

    numbers = re.findall(r"\*\*([\d.]+ ms)\*\*", reading)
    assert len(numbers) > 5
    assert [number for number in numbers if number not in outputs] == []


# Tables that repeat what the sources say.


def plain(number: float) -> str:
    return f"{number:,.6f}".rstrip("0").rstrip(".")


def values_of(quantity: Quantity | None) -> str:
    """What a key may be, as docs/scenario-format.md words it."""
    match quantity:
        case DurationQuantity():
            return f"{duration_text(quantity.minimum)} to {duration_text(quantity.maximum)}"
        case RateQuantity():
            zero = "0/s, or " if quantity.may_be_zero else ""
            return f"{zero}{rate_text(quantity.minimum)} to {rate_text(quantity.maximum)}"
        case ShareQuantity():
            return "0 to 1, or 0% to 100%"
        case CountQuantity():
            return f"whole, {quantity.minimum:,} to {quantity.maximum:,}"
        case RealQuantity():
            return f"number, {plain(quantity.minimum)} to {plain(quantity.maximum)}"
        case TextQuantity():
            return f"text, {quantity.minimum:,} to {quantity.maximum:,} characters"
        case TextsQuantity():
            return f"up to {quantity.most}, of {values_of(quantity.text)}"
        case FlagQuantity():
            return "true, false"
        case ChoiceQuantity():
            return ", ".join(quantity.choices)
        case _:
            raise AssertionError(f"a new kind of value: {quantity}")


def expected_keys(
    cls: type[attrs.AttrsInstance] = Scenario, parent: str = ""
) -> Iterator[tuple[str, str, str]]:
    """Key, values and default of every key that holds a value."""
    for attribute in attrs.fields(cls):
        path = f"{parent}{attribute.name}"
        quantity = quantity_of(attribute)
        if path == "load.profile":
            yield from expected_keys(RateSegment, "load.profile[].")
        elif attribute.name == "pauses":
            yield from expected_keys(Pause, f"{path}[].")
        elif attribute.name == "rebuilds":
            yield from expected_keys(PlannedRebuild, f"{path}[].")
        elif attribute.name == "crashes":
            yield from expected_keys(Crash, f"{path}[].")
        elif attribute.name == "read_models":
            yield from expected_keys(ReadModel, "read_models.NAME.")
        elif attribute.name == "databases":
            yield from expected_keys(Database, "databases.NAME.")
        elif quantity is None:
            part = part_of(attribute)
            assert part is not None
            yield from expected_keys(part, f"{path}.")
        else:
            default: object = attribute.default
            if default is attrs.NOTHING:
                written = "required"
            elif default is None:
                written = "none"
            else:
                written = quantity.write(default).strip('"') or "empty"
            yield path, values_of(quantity), written


def test_every_key_of_a_scenario_stands_in_the_page_with_its_range_and_default() -> None:
    page = DOCS / "scenario-format.md"
    rows = [tuple(map(unquoted, row[:3])) for row in rows_of(page) if len(row) == 4]
    assert rows == list(expected_keys())
    assert all(row[3] for row in rows_of(page) if len(row) == 4)


def test_the_page_of_keys_leaves_out_no_path_that_a_file_may_have() -> None:
    documented = {key for key, _, _ in expected_keys()}
    paths = {
        re.sub(r"^read_models\.\w+", "read_models.NAME", path)
        for path, quantity in keys_below()
        if quantity is not None
    }
    assert paths == {key for key in documented if "[]" not in key}
    assert {field.name for field in attrs.fields(Service)} == {"distribution", "mean", "spread"}


def test_every_column_of_a_trace_stands_in_its_page_with_its_type() -> None:
    settings = ["run.duration=4s", "read_models.orders.enrichment.service.mean=1ms"]
    result = simulation.run(simulation.load_scenario("default", settings))
    arrays = result.trace.to_arrays() | renamed().to_arrays()
    rows = [
        row
        for table in (*tables_of(Trace), "Names and scalars")
        for row in rows_of(DOCS / "trace-format.md", table)
    ]

    documented = {unquoted(row[0]): unquoted(row[1]) for row in rows}
    assert list(documented) == ["schema", *arrays] or set(documented) == {"schema", *arrays}
    kinds = {"U": "text", "m": "m8[ns]"}
    for name, array in arrays.items():
        assert documented[name] == kinds.get(array.dtype.kind, str(array.dtype)), name


def tables_of(cls: type[attrs.AttrsInstance]) -> list[str]:
    return [
        field.name
        for field in attrs.fields(cls)
        if isinstance(field.type, type) and attrs.has(field.type)
    ]


def test_the_page_of_event_sourcing_has_the_schema_of_every_event() -> None:
    rows = rows_of(DOCS / "event-sourcing.md", "Events of an older schema")
    assert {unquoted(row[0]): int(row[1]) for row in rows} == {
        name: schema_of(name) for name in CHAINS
    }


def test_every_outcome_stands_in_the_page_of_the_trace() -> None:
    rows = rows_of(DOCS / "trace-format.md", "Outcomes")
    assert [(int(row[0]), unquoted(row[1])) for row in rows] == [
        (outcome.value, outcome.name.lower()) for outcome in Outcome
    ]


def paths_in(value: object, path: str = "") -> Iterator[str]:
    """Paths of all leaves, with the names of read models, stages and checks left open."""
    if isinstance(value, dict) and value:
        for key, member in value.items():
            yield from paths_in(member, f"{path}.{key}" if path else key)
    else:
        yield path


SAMPLE_KEYS = [field.name for field in attrs.fields(SampleSummary)]


def generic(path: str) -> str:
    by_read_model = (
        r"^(lag_s|visibility_s|stages_s\.read_models|warm_up\.lag|intervals\.lag_s)\.\w+"
    )
    path = re.sub(by_read_model, r"\1.NAME", path)
    path = re.sub(r"^backlog\.[^.]+", "backlog.STAGE", path)
    path = re.sub(r"^reads\.\w+\.(eventual|at_least|write_side)", "reads.KIND.STRATEGY", path)
    path = re.sub(r"^own_writes\.witness.*", "own_writes.witness", path)
    path = re.sub(r"^(intervals\..*)\.(mean|p99)\.\w+$", r"\1.FIGURE.INTERVAL", path)
    path = re.sub(r"^offered_load\..*", "offered_load.STAGE", path)
    path = re.sub(r"^databases\.\w+", "databases.NAME", path)
    path = re.sub(r"^(delivery|enrichment|gaps)\.\w+", r"\1.NAME", path)
    path = re.sub(r"^renames\.(orders|search)\b", "renames.NAME", path)
    path = re.sub(r"^checks\.\w+", "checks.NAME", path)
    path = re.sub(r"^provenance\.versions\..*", "provenance.versions.NAME", path)
    of_sample = (
        r"^((?:served_)?response_s|queries_s|(?:lag_s|visibility_s)\.NAME|"
        r"reads\.KIND\.STRATEGY\.(?:response|age)_s|generator\.(?:queries_)?slip_s|"
        r"databases\.NAME\.wait_s|cache\.(?:hits|misses)_age_s|"
        r"renames\.(?:response|NAME\.lag)_s)"
    )
    return re.sub(rf"{of_sample}\.({'|'.join(SAMPLE_KEYS)})$", r"\1.SAMPLE", path)


def test_every_field_of_a_summary_stands_in_the_page_of_the_trace() -> None:
    settings = ["run.duration=4s", "databases.main.connections=4", "write_side.database=main"]
    settings.append("read_models.orders.enrichment.service.mean=1ms")
    result = simulation.run(simulation.load_scenario("default", settings))
    summary = json.loads(json.dumps(result.to_json()))
    brief = ["run.duration=3s", "read_models.orders.on_gap=buffer"]
    mended = simulation.run(simulation.load_scenario("tutorial", brief)).to_json()
    told = summarise(renamed(), planned=Planned(naming=frozenset(SHOWING))).to_json()
    elsewhere = {"gaps": mended["gaps"], "renames": told["renames"]}
    found = {generic(path) for path in paths_in(summary | elsewhere)}

    documented = {unquoted(row[0]) for row in rows_of(DOCS / "trace-format.md", "summary.json")}
    assert documented == found


def test_the_exit_codes_are_those_of_the_command_line() -> None:
    rows = rows_of(DOCS / "trace-format.md", "Exit codes")
    assert {int(row[0]) for row in rows} == {0, exits.USAGE, *exits.PRECEDENCE}


# References.


def names_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_tests_and_files_that_a_page_names_exist(page: Path) -> None:
    text = page.read_text("utf-8")
    for path, name in re.findall(r"`((?:tests|benchmarks)/[\w/]+\.py)::(\w+)`", text):
        assert name in names_in(ROOT / path), f"{path}::{name}"
    for path in re.findall(r"`((?:cqrs_sim|tests|benchmarks|docs|notebooks)/[\w/.]+)`", text):
        assert (ROOT / path).exists(), path
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        assert (page.parent / target).exists(), target


def test_the_coverage_page_has_every_row_once_with_evidence_or_a_plain_not_yet() -> None:
    rows = rows_of(DOCS / "seed-coverage.md")
    assert [row[0] for row in rows] == [f"S{number:02d}" for number in range(1, 93)]
    is_evidence = re.compile(r"::test_|`cqrs-sim |`(cqrs_sim|docs|notebooks)/|`README")
    for number, _, state, evidence in rows:
        assert state in {"yes", "partly", "not yet"}, number
        if state == "not yet":
            assert evidence == "-", number
        else:
            assert is_evidence.search(evidence), number


def test_the_coverage_page_counts_its_rows_rightly() -> None:
    page = DOCS / "seed-coverage.md"
    states = [row[2] for row in rows_of(page)]
    yes, partly, left = (states.count(state) for state in ("yes", "partly", "not yet"))
    text = " ".join(page.read_text("utf-8").split())
    assert f"{yes} yes, {partly} partly, {left} not yet" in text


def test_functions_that_the_walk_of_the_architecture_names_exist() -> None:
    text = (DOCS / "architecture.md").read_text("utf-8")
    named = set(re.findall(r"`([\w/]+)\.py::(\w+(?:\.\w+)?)`", text))
    named = {(module, name) for module, name in named if not module.startswith("tests/")}
    assert len(named) > 10
    for module, name in named:
        source = ROOT / "cqrs_sim" / f"{module}.py"
        found = ast.parse(source.read_text("utf-8"))
        parts = name.split(".")
        body: list[ast.stmt] = found.body
        for part in parts:
            node = next(
                (
                    node
                    for node in body
                    if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
                    and node.name == part
                ),
                None,
            )
            assert node is not None, f"{module}.py has no {name}"
            body = node.body


def imports_of(layer: str) -> set[str]:
    """The other layers that a layer imports from."""
    folder, module = ROOT / "cqrs_sim" / layer, ROOT / "cqrs_sim" / f"{layer}.py"
    found: set[str] = set()
    for path in [*folder.rglob("*.py"), module] if folder.exists() else [module]:
        if not path.exists():
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module is not None:
                package, _, rest = node.module.partition(".")
                names = [rest] if rest else [alias.name for alias in node.names]
                found |= {name.partition(".")[0] for name in names if package == "cqrs_sim"}
    return found - {layer}


def test_the_import_table_of_the_architecture_is_that_of_the_tree() -> None:
    """The strict one, module by module, is test_architecture; here page and tree are compared."""
    above: set[str] = set()
    for layer, _, cell in rows_of(DOCS / "architecture.md", "The map"):
        allowed = set(re.findall(r"`(\w+)`", cell))
        if cell == "everything above":
            allowed = above
        assert imports_of(unquoted(layer)) <= allowed, layer
        above = above | {unquoted(layer)}
    modules = {path.stem for path in (ROOT / "cqrs_sim").iterdir() if not path.stem.startswith("_")}
    assert above == modules - {"py"}


def test_no_page_holds_a_path_of_somebodys_machine_or_a_registry() -> None:
    forbidden = re.compile(r"(?<![\w.])/(?:work|home|root|tmp|usr)/|pypi\.|https?://")
    for page in [*PAGES, *NOTEBOOKS]:
        assert not forbidden.search(page.read_text("utf-8")), page


def test_images_are_small() -> None:
    images = list((DOCS / "images").iterdir())
    assert images
    assert all(image.stat().st_size < LARGEST_IMAGE_BYTES for image in images)
    assert all(image.read_bytes().startswith(b"\x89PNG") for image in images)


def test_the_readme_begins_with_the_two_commands() -> None:
    first = blocks_of(ROOT / "README.md")[0].text.splitlines()
    assert [line.split("#")[0].strip() for line in first] == ["make run", "make test"]
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert all(re.search(rf"^{verb}:", makefile, re.M) for verb in ("run", "test"))
    assert inspect.getdoc(cli.main) is not None
