"""Workload S in virtual time: a tandem of M/M/1 queues whose lag is known in closed form.

Poisson commands at 800/s over 1,000 long-lived orders (`AmendOrder`), each order a FIFO server
with exponential service of mean 1 ms; each event to three read models, each a FIFO server of the
same kind. By Burke's theorem the events arrive at a read model as a Poisson stream, so the lag is
the time in an M/M/1 queue: exponential of mean 1/(1000 - 800) = 5 ms, p99 = ln(100)/200 = 23.0
ms.

The plan is drawn, and the orders are created, before the clock starts, as other peers set up their
actors; then everything goes the ordinary way, with the recorder on, and the trace is part of the
time. `--engine algebra` computes the same trace without actors.
"""

import argparse
import gc
import json
import math
import resource
import time
from typing import Literal, TypedDict

import attrs
import numpy as np

from benchmarks.arguments import positive
from cqrs_sim.actors.clock import VirtualClock
from cqrs_sim.actors.randomness import Streams
from cqrs_sim.engines import virtual
from cqrs_sim.engines.algebra.engine import compute
from cqrs_sim.engines.experiment import Experiment
from cqrs_sim.engines.planning import plan_for
from cqrs_sim.load_generation.plan import Plan
from cqrs_sim.measurement.trace import Trace
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

RATE_PER_S, MEAN_LAG_MS = 800.0, 5.0
SERVICE = Service(distribution="exponential", mean=Duration(1_000_000))


class Report(TypedDict):
    """The line that is printed."""

    peer: str
    commands: int
    wall_s: float
    sim_cmds_per_s: int
    mean_lag_ms: float
    mean_by_projector: list[float]
    p99_lag_ms: float
    complete: bool
    ok: bool
    maxrss_mb: int


def scenario_for(commands: int) -> Scenario:
    """The scenario, long enough for so many commands to arrive for certain."""
    seconds = commands / RATE_PER_S + 10 * math.sqrt(commands) / RATE_PER_S + 1
    return Scenario(
        name="workload_s",
        run=Run(duration=Duration(int(seconds * 1e9)), drain=Duration(3_600_000_000_000)),
        load=Load(model="open", process="poisson", rate=Rate(RATE_PER_S)),
        workload=Workload(kind="amendments", orders=1000, customers=1000, invalid_share=0.0),
        write_side=WriteSide(
            service=SERVICE, mailbox=1_000_000, passivate_after=Duration(3_600_000_000_000)
        ),
        read_models={
            name: ReadModel(service=SERVICE, channel=1_000_000, batch=64)
            for name in ("orders", "statistics", "search")
        },
    )


def exactly(plan: Plan, commands: int) -> Plan:
    """The first so many commands of a plan."""
    assert len(plan.commands) >= commands
    return attrs.evolve(
        plan,
        commands=plan.commands[:commands],
        commands_intended_ns=plan.commands_intended_ns[:commands],
        commands_session=plan.commands_session[:commands],
    )


def run(commands: int, seed: int, engine: Literal["virtual", "algebra"] = "virtual") -> Report:
    """Do the work and check it against the closed form."""
    scenario = scenario_for(commands)
    plan = exactly(plan_for(scenario, Streams(seed)), commands)
    experiment = Experiment(scenario, seed, VirtualClock(), plan) if engine == "virtual" else None
    gc.collect()
    gc.freeze()  # What was set up is not to be walked in the time that is measured.
    started = time.perf_counter()
    if experiment is None:
        trace = compute(scenario, seed=seed, load=plan)
    else:
        virtual.run_experiment(experiment)
        trace = experiment.trace()
    lags = lags_ms(trace)
    seconds = time.perf_counter() - started
    means = [float(row.mean()) for row in lags]
    # Three sigma of the mean of so many correlated lags at load 0.8 is about 12 % at 100,000.
    tolerance = 0.12 * math.sqrt(max(1.0, 100_000 / commands)) * MEAN_LAG_MS
    complete = lags.shape[1] == commands and not np.isnan(lags).any()
    return {
        "peer": f"cqrs_sim:{engine}",
        "commands": commands,
        "wall_s": round(seconds, 4),
        "sim_cmds_per_s": round(commands / seconds),
        "mean_lag_ms": round(float(lags.mean()), 3),
        "mean_by_projector": [round(mean, 3) for mean in means],
        "p99_lag_ms": round(float(np.quantile(lags, 0.99)), 2),
        "complete": bool(complete),
        "ok": bool(complete)
        and all(abs(mean - MEAN_LAG_MS) < tolerance for mean in means)
        and not (experiment is not None and experiment.diverged()),
        "maxrss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }


def lags_ms(trace: Trace) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Shape (read models, events), milliseconds; nan if never applied."""
    applied = trace.deliveries.applied.reshape(len(trace.read_models), -1)
    lags: np.ndarray[tuple[int, int], np.dtype[np.float64]] = (
        applied - trace.events.committed
    ) / np.timedelta64(1, "ms")
    return lags


def main() -> None:
    """Parse, run, print one line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.workload_s", description=__doc__)
    parser.add_argument("--commands", type=positive, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--engine", choices=["virtual", "algebra"], default="virtual")
    parser.add_argument("--json", action="store_true", help="one JSON line")
    args = parser.parse_args()
    report = run(args.commands, args.seed, args.engine)
    print(json.dumps(report) if args.json else "\n".join(f"{k:18} {v}" for k, v in report.items()))
    raise SystemExit(0 if report["ok"] else 1)


if __name__ == "__main__":
    main()
