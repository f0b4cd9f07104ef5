"""The work at one point: some seeds run, and each run's summary as one line of JSON.

The only module that a process of a sweep needs. A line is the same text whoever computed it; it
holds a digest of the whole trace, so that equal lines mean equal stamps, which would be too many to
keep.
"""

import hashlib
import json
from collections.abc import Mapping

import attrs

from cqrs_sim import simulation
from cqrs_sim.analysis.json_values import Json
from cqrs_sim.engines.algebra import engine as algebra
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.results import Result
from cqrs_sim.scenario.scenario import Scenario
from cqrs_sim.sweeping.sweep import versions

LEFT_OUT = frozenset(("provenance", "intervals", "warm_up"))
"""Of a summary: what a sweep has once for all runs, or never shows."""


@attrs.frozen
class Work:
    """What one task is asked to do."""

    scenario: Scenario
    engine: simulation.RunnableEngine
    seeds: tuple[int, ...]


@attrs.frozen
class Done:
    """What one task came to."""

    lines: Mapping[int, str]
    """By seed; fewer than asked for if somebody interrupted the run."""
    versions: Mapping[str, Json]
    """Of the packages that ran it."""


def run_seeds(work: Work) -> Done:
    """Run a scenario with some seeds."""
    lines: dict[int, str] = {}
    for seed in work.seeds:
        result = _run(work, seed)
        if not result.complete:
            break
        lines[seed] = line_of(result)
    return Done(lines, versions())


def _run(work: Work, seed: int) -> Result:
    if work.engine != "algebra":
        return simulation.run(work.scenario, engine=work.engine, seed=seed)
    # Looking versions and machine up takes 8 ms, as long as half of a short run.
    trace = algebra.compute(work.scenario, seed=seed)
    return Result(trace=trace, scenario=work.scenario, seed=seed, engine="algebra", provenance={})


def line_of(result: Result) -> str:
    """A run as one line of JSON: seed, digest of the trace, summary."""
    summary = {key: value for key, value in result.summary.to_json().items() if key not in LEFT_OUT}
    failed = [check for check in result.summary.checks if not check.ok]
    summary["checks"] = {check.name: {"ok": False, "detail": check.detail} for check in failed}
    line = {"seed": result.seed, "trace": trace_digest(result.trace), "summary": summary}
    return json.dumps(line, separators=(",", ":"), allow_nan=False)


def trace_digest(trace: Trace) -> str:
    """SHA-256 of the names and bytes of all columns."""
    digest = hashlib.sha256()
    for name, column in trace.to_arrays().items():
        digest.update(f"{name}:{column.dtype.str}:{column.shape};".encode())
        digest.update(column.tobytes())
    return digest.hexdigest()
