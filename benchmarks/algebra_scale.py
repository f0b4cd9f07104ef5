"""How the algebra engine scales: workload S from 10^4 to 10^7 commands, time and memory against n.

Each size runs in fresh processes. `plan_s` is the drawing of the plan, `run_s` what `workload_s`
measures: from the plan to the whole trace and its lags. Memory is the peak of the resident set
beyond that of a run of a hundred commands, over everything: plan, draws, trace and what lies
between. Where the algebra is what it claims to be, neither time nor memory a command grows with n.
"""

import argparse
import json
import resource
import subprocess
import sys
import time
from typing import TypedDict

from benchmarks.arguments import positive
from benchmarks.workload_s import exactly, lags_ms, scenario_for
from cqrs_sim.actors.randomness import Streams
from cqrs_sim.engines.algebra.engine import compute
from cqrs_sim.engines.planning import plan_for

SMALLEST = 100
BYTES_LIMIT = 600
"""Peak memory a command that is still fine."""


class Size(TypedDict):
    """One size."""

    commands: int
    plan_s: float
    run_s: float
    commands_per_s: int
    peak_mb: float
    bytes_per_command: float | None
    """None for the smallest, which the others are compared with."""


class Report(TypedDict):
    """The line that is printed."""

    sizes: list[Size]
    ok: bool


def measured(commands: int) -> Size:
    """Run one size, in this process."""
    scenario = scenario_for(commands)
    started = time.perf_counter()
    plan = exactly(plan_for(scenario, Streams(1)), commands)
    planned = time.perf_counter()
    trace = compute(scenario, seed=1, load=plan)
    lags_ms(trace)
    ended = time.perf_counter()
    assert len(trace.events) == commands
    return {
        "commands": commands,
        "plan_s": round(planned - started, 4),
        "run_s": round(ended - planned, 4),
        "commands_per_s": round(commands / (ended - planned)),
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "bytes_per_command": None,
    }


def run(largest: int) -> Report:
    """All sizes up to the largest, each in a process of its own."""
    sizes = [SMALLEST, *(10**power for power in range(4, 8) if 10**power <= largest)]
    found = [_in_fresh_process(size) for size in sizes]
    for size in found[1:]:
        extra_mb = size["peak_mb"] - found[0]["peak_mb"]
        size["bytes_per_command"] = round(extra_mb * 2**20 / size["commands"], 1)
    judged = [size["bytes_per_command"] for size in found if size["commands"] >= 10**5]
    return {
        "sizes": found,
        "ok": all(each is not None and each <= BYTES_LIMIT for each in judged),
    }


def _in_fresh_process(commands: int) -> Size:
    child = [sys.executable, "-m", "benchmarks.algebra_scale", "--only", str(commands)]
    size: Size = json.loads(subprocess.run(child, check=True, capture_output=True).stdout)
    return size


def main() -> None:
    """Parse, run, print one line or a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.algebra_scale", description=__doc__)
    parser.add_argument("--largest", type=positive, default=10**7)
    parser.add_argument("--only", type=positive, help="one size, in this process")
    parser.add_argument("--json", action="store_true", help="one JSON line")
    args = parser.parse_args()
    if args.only is not None:
        print(json.dumps(measured(args.only)))
        return
    report = run(args.largest)
    if args.json:
        print(json.dumps(report))
    else:
        columns = list(Size.__annotations__)
        print("  ".join(f"{name:>17}" for name in columns))
        for size in report["sizes"]:
            print("  ".join(f"{size[name]!s:>17}" for name in columns))  # type: ignore[literal-required]
    raise SystemExit(0 if report["ok"] else 1)


if __name__ == "__main__":
    main()
