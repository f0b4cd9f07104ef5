"""The tree tests its own manners: who may import whom, what is imported where, sizes and names.

The table below is the import table of the documentation, as data. A failure names the line to
change.
"""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import attrs
import pytest

PACKAGE = "cqrs_sim"
ROOT = Path(__file__).parent.parent / PACKAGE

FOUNDATION = ("errors", "ids", "probe")
SIDES = ("event_log", "write_side", "read_side")
BELOW_ENGINES = (
    *FOUNDATION, "fault_sites", "storage", "domain", "actors", "customers", "tables", *SIDES,
    "crud", "projections", "load_generation", "measurement", "scenario", "analysis", "plots",
    "histograms", "plain_text", "new_folders", "verdict", "report", "results", "work_places",
    "service_times", "customer_names", "delivery_modes", "divergence", "event_feed", "renaming",
    "run_log", "run_views", "run_writers", "system",
)  # fmt: skip

MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "ids": (),
    "errors": ("ids",),
    "fault_sites": (),
    "storage": ("errors", "ids", "fault_sites"),
    "probe": ("errors", "ids"),
    "domain": ("errors", "ids"),
    "actors": ("errors", "ids"),
    "customers": (*FOUNDATION, "actors"),
    "tables": ("errors", "storage.database"),
    "event_log": (
        *FOUNDATION, "fault_sites", "storage", "actors", "domain.events", "domain.item",
        "domain.status", "domain.upcasting",
    ),
    "write_side": (
        *FOUNDATION, "storage.event_store", "actors", "event_log", "domain.commands",
        "domain.events", "domain.item", "domain.order", "domain.status",
    ),
    "read_side": (
        *FOUNDATION, "fault_sites", "actors", "customers.events", "tables", "event_log",
        "domain.events", "domain.item", "domain.queries", "domain.status",
    ),
    "crud": (
        "errors", "ids", "tables", "domain.events", "domain.item", "domain.order",
        "domain.queries", "domain.status", "read_side.search",
    ),
    "projections": (
        "errors", "fault_sites", "storage", "tables", "domain.events", "event_log.codec",
        "read_side",
    ),
    "load_generation": (
        *FOUNDATION, "actors", "customers.customer", "domain.commands", "domain.item",
        "domain.queries", "domain.status",
    ),
    "measurement": FOUNDATION,
    "scenario": ("errors", "ids"),
    "analysis": (
        *FOUNDATION, "measurement.trace", "measurement.attempts", "measurement.database_tables",
        "measurement.delivery_tables", "measurement.enrichment_table", "measurement.rename_tables",
        "scenario.unit_text", "scenario.wording",
    ),
    "plots": (*FOUNDATION, "analysis", "measurement.trace", "scenario"),
    "histograms": ("analysis", "measurement.trace"),
    "plain_text": (),
    "new_folders": ("errors",),
    "verdict": (*FOUNDATION, "analysis", "plain_text"),
    "report": (
        *FOUNDATION, "analysis", "measurement.trace", "scenario", "plain_text", "verdict",
    ),
    "diagram": ("analysis", "plain_text", "scenario"),
    "results": (
        *FOUNDATION, "analysis", "measurement.trace", "measurement.trace_file", "scenario", "plots",
        "histograms", "new_folders", "report",
    ),
    "architectures": ("scenario",),
    "event_feed": ("ids", "errors", "domain", "event_log", "read_side"),
    "work_places": ("probe", "actors", "scenario"),
    "service_times": ("actors", "domain", "read_side", "scenario"),
    "customer_names": ("ids", "probe", "actors", "read_side", "scenario", "service_times"),
    "delivery_modes": ("probe", "actors", "read_side", "scenario"),
    "renaming": (
        "ids", "probe", "actors", "customers", "load_generation.workload", "read_side", "scenario",
        "service_times",
    ),
    "divergence": ("ids", "domain", "read_side"),
    "run_log": (
        "errors", "probe", "actors", "event_log", "scenario", "service_times", "delivery_modes",
    ),
    "run_views": (
        *FOUNDATION, "storage", "domain", "actors", "tables", "event_log", "read_side", "crud",
        "projections", "scenario", "customer_names", "delivery_modes",
    ),
    "run_writers": (
        *FOUNDATION, "actors", "event_log", "domain.order", "write_side", "scenario",
        "service_times",
    ),
    "system": (
        *FOUNDATION, "storage", "domain", "actors", *SIDES, "scenario", "work_places",
        "service_times", "customer_names", "delivery_modes", "event_feed", "renaming", "run_log",
        "run_views", "run_writers",
    ),
    "engines": tuple(name for name in BELOW_ENGINES if name != "plots"),
    "simulation": (*BELOW_ENGINES, "engines"),
    "fresh_reads": (*BELOW_ENGINES, "engines", "simulation"),
    "side_by_side": (*BELOW_ENGINES, "engines", "simulation", "architectures"),
    "delivery": (*BELOW_ENGINES, "engines"),
    "replications": (*BELOW_ENGINES, "engines", "simulation"),
    "predictions": ("analysis", "load_generation", "scenario"),
    "checking": (*BELOW_ENGINES, "engines", "simulation", "predictions"),
    "calibration": (*BELOW_ENGINES, "engines", "simulation"),
    "sweeping": (*BELOW_ENGINES, "engines", "simulation"),
    "highest_rate": (*BELOW_ENGINES, "engines", "simulation", "sweeping.crews"),
    "query_cost": (
        *FOUNDATION, "actors.clock", "actors.randomness", "domain", "storage.database", "tables",
        "read_side.sqlite", "crud", "load_generation", "analysis", "plots.query_cost",
    ),
    "loading": BELOW_ENGINES,
    "comparison": BELOW_ENGINES,
    "demo": (*BELOW_ENGINES, "engines", "simulation"),
    "auditing": (
        "errors", "storage", "event_log", "domain", "crud", "analysis.json_values", "ids"),
    "terminal": (
        *BELOW_ENGINES, "engines", "simulation", "fresh_reads", "side_by_side", "delivery",
        "comparison", "demo", "predictions", "checking", "calibration", "sweeping", "highest_rate",
        "auditing",
    ),
    "verbs": (
        *BELOW_ENGINES, "engines", "simulation", "fresh_reads", "architectures", "side_by_side",
        "delivery", "replications", "loading", "comparison", "demo", "predictions", "checking",
        "calibration", "sweeping",
        "highest_rate", "auditing", "diagram", "terminal", "",
    ),
    "cli": ("verbs",),
    "__init__": (
        *BELOW_ENGINES, "engines", "simulation", "loading", "comparison", "fresh_reads",
        "side_by_side", "sweeping", "highest_rate",
    ),
    "__main__": ("cli",),
}  # fmt: skip
"""Layer: what of ours it may import, itself aside. "" is the package itself."""

ONLY_IN: dict[str, tuple[str, ...]] = {
    "trio": ("actors.trio_host",),
    "outcome": ("actors.trio_host",),
    "time": ("actors.clock",),
    "datetime": ("actors.clock", "load_generation.recorded_time"),
    "random": ("actors.randomness",),
    "uuid": ("actors.randomness",),
    "secrets": ("actors.randomness",),
    "signal": ("engines.interrupts", "fault_sites"),
    "multiprocessing": ("replications", "sweeping.crews"),
    "concurrent": (*("replications", "sweeping.crews", "sweeping.runner", "highest_rate.search"),),
    "threading": ("engines.interrupts", "event_log.writer_thread", "tables.write_ahead_log"),
    "sqlite3": ("storage.database", "storage.event_store", "tables.connection"),
    "fcntl": ("storage.folder", "sweeping.folder"),
    "msgspec": (
        *("event_log.codec", "storage.event_rows", "write_side.snapshots"),
        *("read_side.sqlite.orders", "read_side.sqlite.search"),
    ),
    "matplotlib": (
        "plots.architectures",
        *("plots.canvas", "plots.comparison", "plots.intervals", "plots.reads", "plots.run"),
        "plots.calibration",
        "plots.capacity",
        "plots.delivery",
        "plots.query_cost",
        "plots.sweep",
        "plots.tails",
    ),
    "click": (
        "cli",
        "verbs.architectures",
        "verbs.calibrate",
        "verbs.capacity",
        "verbs.check",
        "verbs.compare",
        "verbs.delivery",
        "verbs.demo",
        "verbs.diagram",
        "verbs.exits",
        "verbs.log",
        "verbs.options",
        "verbs.projection",
        "verbs.reads",
        "verbs.report",
        "verbs.run",
        "verbs.scenarios",
        "verbs.sweep",
    ),
    "rich": (
        "terminal.architectures",
        "terminal.calibration",
        "terminal.capacity",
        "terminal.check",
        "terminal.comparison",
        "terminal.delivery",
        "terminal.demo",
        "terminal.log",
        "terminal.projection",
        "terminal.reads",
        "terminal.renames",
        "terminal.screen",
        "terminal.summary",
        "terminal.sweep",
        "terminal.thresholds",
    ),
    "scipy": (
        *("analysis.survival", "analysis.intervals", "analysis.comparison", "analysis.queueing"),
        *("analysis.erlang_queueing", "analysis.time_quantiles", "sweeping.designs"),
    ),
    "distributed": ("sweeping.cluster",),
    "jinja2": ("report.page",),
    "hdrh": ("histograms",),
    "pandas": (),
    "asyncio": (),
    "pickle": (),
    "logging": (),
}
"""Third-party and standard modules that only these modules of ours may import."""

NO_NUMPY = (
    "errors",
    "ids",
    "probe",
    "domain",
    "customers",
    "write_side",
    "read_side",
    "event_log",
    "scenario",
)

BANNED_NAMES = {"utils", "util", "helpers", "common", "base", "types", "manager", "misc"}

LINES_OF_A_MODULE = 400
LINES_OF_A_FUNCTION = 70


@attrs.frozen
class Import:
    """One name imported, and where."""

    target: str
    """Full dotted name; for `from x import y`, x."""
    line: int
    is_at_top: bool
    """Whether it runs when the module is imported."""


@attrs.frozen
class Module:
    """One file of the package."""

    name: str
    """Dotted, without the package's own name; "" for `__init__` of the package."""
    path: Path
    tree: ast.Module

    @property
    def layer(self) -> str:
        """Folder or module right below the package."""
        return self.name.split(".")[0] if self.name else "__init__"

    def imports(self) -> Iterator[Import]:
        """All imports, those for type checkers too."""
        at_top = {id(node) for node in self.tree.body}
        for node in ast.walk(self.tree):
            is_at_top = id(node) in at_top
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Import(alias.name, node.lineno, is_at_top)
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{self.path}:{node.lineno}: imports are absolute"
                assert node.module is not None
                for alias in node.names:
                    name = f"{node.module}.{alias.name}"
                    is_module = (ROOT.parent / f"{name.replace('.', '/')}.py").is_file()
                    yield Import(name if is_module else node.module, node.lineno, is_at_top)

    def own_imports(self) -> Iterator[tuple[str, Import]]:
        """Imports of our own modules, by their short names."""
        for found in self.imports():
            head, _, rest = found.target.partition(".")
            if head == PACKAGE:
                yield rest, found


def modules() -> list[Module]:
    found = []
    for path in sorted(ROOT.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found.append(Module(name, path, ast.parse(path.read_text(encoding="utf-8"))))
    return found


MODULES = modules()


def is_within(name: str, allowed: str) -> bool:
    return name == allowed or name.startswith(f"{allowed}.")


def violations(layer: str, forbidden: str) -> list[str]:
    return [
        f"{module.path.name}:{found.line} imports {name}"
        for module in MODULES
        if module.layer == layer
        for name, found in module.own_imports()
        if is_within(name, forbidden)
    ]


def test_the_write_side_and_the_read_side_never_import_each_other() -> None:
    assert violations("write_side", "read_side") == []
    assert violations("read_side", "write_side") == []


def test_every_layer_has_its_line_in_the_import_table() -> None:
    assert {module.layer for module in MODULES} <= set(MAY_IMPORT)


@pytest.mark.parametrize("layer", MAY_IMPORT)
def test_a_layer_imports_only_what_its_line_of_the_table_allows(layer: str) -> None:
    allowed = (layer, *MAY_IMPORT[layer])
    assert [
        f"{module.path.name}:{found.line}: {layer} may not import {name}"
        for module in MODULES
        if module.layer == layer
        for name, found in module.own_imports()
        if not any(is_within(name, one) for one in allowed)
    ] == []


def test_the_table_points_upwards_only() -> None:
    """So no cycle among layers can ever be allowed by it."""
    graph = {
        layer: {name.split(".")[0] for name in names if name} for layer, names in MAY_IMPORT.items()
    }
    assert list(TopologicalSorter(graph).static_order())


def test_no_module_is_part_of_a_cycle() -> None:
    names = {module.name for module in MODULES}
    graph = {
        module.name: {name for name, _ in module.own_imports() if name in names - {module.name}}
        for module in MODULES
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise AssertionError(f"a cycle of imports: {' -> '.join(error.args[1])}") from None


@pytest.mark.parametrize("library", ONLY_IN)
def test_a_library_is_imported_only_where_it_belongs(library: str) -> None:
    assert [
        f"{module.path.name}:{found.line} imports {library}; only {ONLY_IN[library]} may"
        for module in MODULES
        if module.name not in ONLY_IN[library]
        for found in module.imports()
        if is_within(found.target, library)
    ] == []


def test_numpy_stays_out_of_the_domain_the_two_sides_and_the_actors() -> None:
    assert [
        f"{module.path.name}:{found.line}"
        for module in MODULES
        if module.layer in NO_NUMPY
        or (module.layer == "actors" and module.name != "actors.randomness")
        for found in module.imports()
        if is_within(found.target, "numpy")
    ] == []


def test_matplotlib_is_imported_only_when_a_figure_is_asked_for() -> None:
    assert [
        f"{module.path.name}:{found.line}"
        for module in MODULES
        for found in module.imports()
        if found.is_at_top and is_within(found.target, "matplotlib")
    ] == []


def test_imports_of_our_own_are_late_only_where_a_command_should_start_fast() -> None:
    """Elsewhere a late import would hide a cycle."""
    may_be_late = ("verbs", "__init__", "__main__", "terminal")
    assert [
        f"{module.path.name}:{found.line} imports {name} late"
        for module in MODULES
        if module.layer not in may_be_late
        for name, found in module.own_imports()
        if not found.is_at_top
    ] == []


def attributes_used(module: Module) -> Iterator[tuple[str, int]]:
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            yield f"{node.value.id}.{node.attr}", node.lineno


def test_no_other_entropy_and_no_builtin_hash_reaches_a_run() -> None:
    forbidden = {"os.urandom", "os.getrandom", "np.random.seed", "np.random.default_rng"}
    assert [
        f"{module.path.name}:{line} uses {name}"
        for module in MODULES
        for name, line in attributes_used(module)
        if name in forbidden
    ] == []
    assert [
        f"{module.path.name}:{node.lineno} calls {node.func.id}()"
        for module in MODULES
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in {"hash", "eval", "exec", "input"}
    ] == []


def test_only_the_command_line_prints() -> None:
    assert [
        f"{module.path.name}:{node.lineno}"
        for module in MODULES
        if module.layer not in ("verbs", "terminal")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        if node.func.id == "print"
    ] == []


def test_names_of_modules_say_what_is_in_them() -> None:
    assert [module.name for module in MODULES if BANNED_NAMES & set(module.name.split("."))] == []


def test_a_folder_has_at_least_two_modules() -> None:
    folders = [path for path in ROOT.rglob("*") if (path / "__init__.py").is_file()]
    assert [folder.name for folder in folders if len(list(folder.glob("*.py"))) < 3] == []


def test_folders_export_nothing_but_their_docstring() -> None:
    assert [
        module.name
        for module in MODULES
        if module.name and module.path.name == "__init__.py" and len(module.tree.body) != 1
    ] == []


def test_every_module_and_every_public_class_and_function_has_a_docstring() -> None:
    kinds = (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    missing = [
        f"{module.path.name}:{node.lineno} {node.name}"
        for module in MODULES
        for node in module.tree.body
        if isinstance(node, kinds) and not node.name.startswith("_")
        if not ast.get_docstring(node)
    ]
    missing += [module.path.name for module in MODULES if not ast.get_docstring(module.tree)]
    assert missing == []


def test_modules_can_be_read_in_one_sitting() -> None:
    sizes = {
        str(module.path.relative_to(ROOT)): len(
            module.path.read_text(encoding="utf-8").splitlines()
        )
        for module in MODULES
    }
    assert {name: size for name, size in sizes.items() if size > LINES_OF_A_MODULE} == {}


def test_functions_fit_on_a_page() -> None:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    assert [
        f"{module.path.name}:{node.lineno} {node.name}"
        for module in MODULES
        for node in ast.walk(module.tree)
        if isinstance(node, kinds)
        if (node.end_lineno or 0) - node.lineno + 1 > LINES_OF_A_FUNCTION
    ] == []


def error_classes() -> dict[str, str]:
    """Classes that descend from `CqrsSimError`, and the module that each is in."""
    bases = {
        node.name: (module.name, {base.id for base in node.bases if isinstance(base, ast.Name)})
        for module in MODULES
        for node in module.tree.body
        if isinstance(node, ast.ClassDef)
    }
    found: dict[str, str] = {}
    known = {"CqrsSimError"}
    while True:
        new = {name for name, (_, of) in bases.items() if of & known} - known
        if not new:
            return found | {"CqrsSimError": "errors"}
        known |= new
        found |= {name: bases[name][0] for name in new}


def test_errors_end_in_error_but_for_those_that_bear_trios_names() -> None:
    trios = {"WouldBlock", "EndOfChannel"}
    errors = error_classes()
    assert len(errors) > 15
    assert {name for name in errors if not name.endswith("Error")} == trios
    assert {where for name, where in errors.items() if name not in trios} == {"errors"}


def test_the_tree_of_errors_in_the_docstring_is_complete() -> None:
    docstring = ast.get_docstring(next(m.tree for m in MODULES if m.name == "errors")) or ""
    named = {name for name, where in error_classes().items() if where == "errors"}
    assert {name for name in named if name not in docstring} == set()


def test_nobody_catches_everything_or_a_bug_of_our_own() -> None:
    """`except Exception` is for those who must tell others: kernel, host, bridge, command line."""
    may_catch_all = {
        *("actors.kernel", "actors.trio_host", "event_log.writer_thread", "verbs.exits"),
    }
    handlers = [
        (module, node, ast.unparse(node.type) if node.type else "BaseException")
        for module in MODULES
        for node in ast.walk(module.tree)
        if isinstance(node, ast.ExceptHandler)
    ]
    assert [
        f"{module.path.name}:{node.lineno} catches {caught}"
        for module, node, caught in handlers
        if "InvariantViolationError" in caught
        or (caught in {"Exception", "BaseException"} and module.name not in may_catch_all)
    ] == []


def test_nothing_happens_at_import() -> None:
    """Modules define; nothing is called but makers of types, constants and decorators."""
    assert [
        f"{module.path.name}:{node.lineno}"
        for module in MODULES
        if module.name != "__main__"
        for node in module.tree.body
        if isinstance(node, ast.Expr)
        and not (isinstance(node.value, ast.Constant) and isinstance(node.value.value, str))
    ] == []


def test_the_order_of_the_table_is_the_order_of_reading() -> None:
    layers = list(MAY_IMPORT)
    for number, layer in enumerate(layers):
        later = {name.split(".")[0] for name in MAY_IMPORT[layer]} & set(layers[number + 1 :])
        assert not later, f"{layer} is listed before {later}"
