"""How often `compare` is right: no change called where there is none, a slower projector found.

One read model at load 0.5 (500 commands a second, 1 ms each, both exponential): the lag is the time
in an M/M/1 queue, its p99 ln(100) / (1000 - 500) = 9.2 ms. A projector that is 10 % slower has a
p99 of ln(100) / (909 - 500) = 11.3 ms. Each result has 10 replications of 25 s, some 12,000
commands after the warm-up: a little more than the least that carries a p99.

For each pair, `lag.orders.p99` being gated: two results of the scenario with other seeds (wanted:
called different in at most 10 of 100; at 5 % one expects 5), and the slower projector against it
with the same seeds (wanted: found in at least 95 of 100), and with other seeds, for comparison.
"""

import argparse
import json
import time
from typing import TypedDict

from benchmarks.arguments import positive
from cqrs_sim.comparison import compare
from cqrs_sim.replications import Wanted, replicate
from cqrs_sim.results import Result
from cqrs_sim.scenario.scenario import (
    Load,
    ReadModel,
    Run,
    Scenario,
    Service,
    Workload,
    WriteSide,
)
from cqrs_sim.scenario.units import Duration, Rate

GATE = "lag.orders.p99 +0%"
MOST_FALSE_SHARE, LEAST_FOUND_SHARE = 0.10, 0.95
REPLICATIONS, SECONDS = 10, 25


class Report(TypedDict):
    """The line that is printed."""

    pairs: int
    replications: int
    seconds: float
    called_different: int
    found_same_seeds: int
    found_other_seeds: int
    gate_failed_unchanged: int
    ok: bool
    wall_s: float


def scenario_for(seconds: float, *, mean_ns: int = 1_000_000) -> Scenario:
    """One read model whose projector takes `mean_ns` for an event."""
    return Scenario(
        name="power",
        run=Run(
            duration=Duration(int(seconds * 1e9)),
            warm_up=Duration(int(seconds * 1e9) // 25),
            drain=Duration(60_000_000_000),
        ),
        load=Load(model="open", process="poisson", rate=Rate(500.0)),
        workload=Workload(kind="amendments", orders=500, invalid_share=0.0),
        write_side=WriteSide(service=Service(distribution="constant", mean=Duration(1_000))),
        read_models={
            "orders": ReadModel(service=Service(distribution="exponential", mean=Duration(mean_ns)))
        },
    )


def run(
    pairs: int,
    replications: int = REPLICATIONS,
    seconds: float = SECONDS,
    *,
    gate: str = GATE,
) -> Report:
    """Compare so many pairs of each kind; no two pairs share a seed."""
    started = time.perf_counter()
    steady = scenario_for(seconds)
    slower = scenario_for(seconds, mean_ns=1_100_000)
    called = found = found_other = failed = 0
    for pair in range(pairs):
        first = 2 * pair * replications
        before = _result(steady, first, replications)
        again = _result(steady, first + replications, replications)
        after = _result(slower, first, replications)
        unchanged = compare(before, again, [gate])
        called += unchanged.gated[0].is_significant
        failed += not unchanged.passes
        found += compare(before, after, [gate]).gated[0].is_significant
        found_other += compare(again, after, [gate]).gated[0].is_significant
    return {
        "pairs": pairs,
        "replications": replications,
        "seconds": seconds,
        "called_different": called,
        "found_same_seeds": found,
        "found_other_seeds": found_other,
        "gate_failed_unchanged": failed,
        "ok": called <= MOST_FALSE_SHARE * pairs and found >= LEAST_FOUND_SHARE * pairs,
        "wall_s": round(time.perf_counter() - started, 1),
    }


def _result(scenario: Scenario, seed: int, count: int) -> Result:
    return replicate(scenario, Wanted(count=count, seed=seed))


def main() -> None:
    """Parse, run, print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.comparison_power", description=__doc__
    )
    parser.add_argument("--pairs", type=positive, default=100)
    parser.add_argument("--json", action="store_true", help="one JSON line")
    args = parser.parse_args()
    report = run(args.pairs)
    print(json.dumps(report) if args.json else "\n".join(f"{k:22} {v}" for k, v in report.items()))
    raise SystemExit(0 if report["ok"] else 1)


if __name__ == "__main__":
    main()
