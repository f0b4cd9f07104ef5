"""What recording costs: workload W with the recorder on, against W that measures nothing.

"Off" is more than a probe that ignores what it is told: the layers write each instant to a column
themselves, which costs a reading of the clock and a store whoever keeps the column. So for "off"
those statements are cut out of the sources as they are imported, and the rest is told to a
`NullProbe`. Nothing else differs, and both do and check the same work.

On and off alternate, each run in a fresh process, and the ratio of a round is that of neighbours;
what is judged is the median of the ratios. Times are the processor's, not the wall's: W never
waits, and what a shared machine takes away is no cost of recording. Making the trace, after the
run, is timed apart.
"""

import argparse
import ast
import gc
import importlib.machinery
import importlib.util
import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from time import process_time
from types import CodeType, ModuleType
from typing import Literal, TypeAlias, TypedDict, get_args

from benchmarks.arguments import positive

Recording: TypeAlias = Literal["on", "off"]

LAYERS = ("write_side", "event_log", "read_side", "system", "engines.sessions")
COLUMNS = frozenset(
    (
        "submitted", "dequeued", "committed", "acknowledged", "delivered", "taken", "applied",
        "checkpointed", "stamps",
    )
)  # fmt: skip
"""What the columns of a probe are called in the layers, underscores aside."""

FEWEST_CUTS = 12
"""Statements that must have been found, else the sources changed and nothing is switched off."""

LIMIT = 0.30


class Round(TypedDict):
    """One run."""

    seconds: float
    """Of processor time."""
    trace_seconds: float
    ok: bool


class Report(TypedDict):
    """The line that is printed."""

    orders: int
    rounds: int
    on_us_per_cmd: float
    off_us_per_cmd: float
    cost: float
    """How much more processor time W takes with the recorder on: the median over the rounds."""
    cost_lowest: float
    cost_highest: float
    limit: float
    trace_us_per_cmd: float
    ok: bool


class Unstamped(ast.NodeTransformer):
    """Takes the writes to a probe's columns out of a module."""

    def __init__(self) -> None:
        self.cut_count = 0

    def visit_Assign(self, node: ast.Assign) -> ast.stmt:
        """`column[row] = now = instant` becomes `now = instant`; without a name left, nothing."""
        left = [target for target in node.targets if not _is_stamp(target)]
        if len(left) == len(node.targets):
            return node
        self.cut_count += 1
        return ast.copy_location(ast.Assign(left, node.value) if left else ast.Pass(), node)


def _is_stamp(target: ast.expr) -> bool:
    if not isinstance(target, ast.Subscript):
        return False
    column = target.value
    name = column.attr if isinstance(column, ast.Attribute) else getattr(column, "id", "")
    return name.lstrip("_") in COLUMNS


class UnstampedLoader(importlib.machinery.SourceFileLoader):
    """Compiles a module without its stamps, and never from a cache."""

    cuts: dict[str, int] = {}

    def get_code(self, fullname: str) -> CodeType:
        """See `importlib.abc.InspectLoader`."""
        path = self.get_filename(fullname)
        unstamped = Unstamped()
        tree = unstamped.visit(ast.parse(self.get_data(path), path))
        self.cuts[fullname] = unstamped.cut_count
        code: CodeType = compile(ast.fix_missing_locations(tree), path, "exec")
        return code


class UnstampedFinder(MetaPathFinder):
    """Finds the layers that write to a probe's columns."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """See `importlib.abc.MetaPathFinder`."""
        if not fullname.startswith(tuple(f"cqrs_sim.{layer}" for layer in LAYERS)):
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        if spec is not None and spec.origin is not None and not spec.submodule_search_locations:
            spec.loader = UnstampedLoader(fullname, spec.origin)
        return spec


def run_once(orders: int, recording: Recording) -> Round:
    """One run of W; with `off`, in a process that has not imported the layers yet."""
    if recording == "off":
        sys.meta_path.insert(0, UnstampedFinder())
    from benchmarks import workload_w
    from cqrs_sim.actors.clock import WallClock
    from cqrs_sim.engines import wall
    from cqrs_sim.engines.experiment import ClosedLoad, Experiment
    from cqrs_sim.probe import NullProbe

    scripts = [workload_w.script_of(number) for number in range(orders)]
    probe = NullProbe() if recording == "off" else None
    load = ClosedLoad((), iter(scripts))
    experiment = Experiment(workload_w.SCENARIO, 0, WallClock(), load, probe)
    began = process_time()
    wall.run_experiment(experiment)
    seconds = process_time() - began
    # All that was made is kept and free of cycles; walking it again is no part of anything.
    gc.freeze()
    began = process_time()
    rows = len(experiment.trace().commands) if recording == "on" else 0
    return {
        "seconds": seconds,
        "trace_seconds": process_time() - began,
        "ok": workload_w.is_right(experiment, scripts)
        and rows == (4 * orders if recording == "on" else 0)
        and (recording == "on" or sum(UnstampedLoader.cuts.values()) >= FEWEST_CUTS),
    }


def run(orders: int, rounds: int) -> Report:
    """Alternate, in fresh processes, and compare neighbours."""
    pairs = [(_in_a_process(orders, "on"), _in_a_process(orders, "off")) for _ in range(rounds)]
    costs = [on["seconds"] / off["seconds"] - 1.0 for on, off in pairs]
    commands = 4 * orders
    cost = statistics.median(costs)
    return {
        "orders": orders,
        "rounds": rounds,
        "on_us_per_cmd": _microseconds([on["seconds"] for on, _ in pairs], commands),
        "off_us_per_cmd": _microseconds([off["seconds"] for _, off in pairs], commands),
        "cost": round(cost, 3),
        "cost_lowest": round(min(costs), 3),
        "cost_highest": round(max(costs), 3),
        "limit": LIMIT,
        "trace_us_per_cmd": _microseconds([on["trace_seconds"] for on, _ in pairs], commands),
        "ok": all(on["ok"] and off["ok"] for on, off in pairs),
    }


def _microseconds(seconds: Sequence[float], commands: int) -> float:
    return round(statistics.median(seconds) / commands * 1e6, 2)


def _in_a_process(orders: int, recording: Recording) -> Round:
    program = [sys.executable, "-m", "benchmarks.recording_cost", "--orders", str(orders)]
    ended = subprocess.run(
        [*program, "--one-run", recording], check=True, stdout=subprocess.PIPE, text=True
    )
    line: Round = json.loads(ended.stdout)
    return line


def main() -> None:
    """Parse, run, print one line; fail if W was wrong or recording costs more than the limit."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.recording_cost", description=__doc__
    )
    parser.add_argument("--orders", type=positive, default=20_000)
    parser.add_argument("--rounds", type=positive, default=5)
    parser.add_argument("--json", action="store_true", help="one JSON line")
    parser.add_argument("--one-run", choices=get_args(Recording), help="only one run, as JSON")
    args = parser.parse_args()
    if args.one_run is not None:
        print(json.dumps(run_once(args.orders, args.one_run)))
        return
    report = run(args.orders, args.rounds)
    lines = (f"{key:16} {value}" for key, value in report.items())
    print(json.dumps(report) if args.json else "\n".join(lines))
    raise SystemExit(0 if report["ok"] and report["cost"] <= LIMIT else 1)


if __name__ == "__main__":
    main()
