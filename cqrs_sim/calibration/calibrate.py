"""A calibration: measure the real stages, model them, and hold the model against real runs.

1. Flat out: closed loops without thinking give the saturation rate, operations over makespan.
2. At half of it, open loads give the stage times. Not at a low rate: what a thread that has just
   slept does takes half as long again (cold caches), and each rate has its own stage times.
   They hold no queueing (`timeline`), so nothing that is predicted is measured here.
3. The calibrated scenario is simulated at several rates, and the real one run at them, with other
   seeds than those of the stage times. The runs of 2 and 3 alternate, so that what the machine
   does meanwhile harms both alike.
"""

import os
import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import attrs
import numpy as np

from cqrs_sim.actors.clock import utc_timestamp
from cqrs_sim.analysis.json_values import Json
from cqrs_sim.calibration.measuring import (
    OPERATIONS,
    at_rate,
    real_scenario,
    run_at,
    run_flat_out,
)
from cqrs_sim.calibration.model import calibrated
from cqrs_sim.calibration.prediction import JUDGED_AT, AtRate, RunFigures, figures_of
from cqrs_sim.calibration.stages import Stages, StageTime, over_runs, stages_of
from cqrs_sim.engines import virtual
from cqrs_sim.results import Result
from cqrs_sim.scenario.scenario import Scenario
from cqrs_sim.scenario.units import Text

SHARES = (0.1, 0.25, 0.5, 0.75)
"""Of the saturation rate, at which prediction and measurement are compared."""

REPETITIONS = 5

STAGE_SEEDS = 1_000_003
"""Stage times come of seeds so much further on than those that are predicted."""

SCHEMA = 1
"""Of `calibration.json`."""

Told = Callable[[str, int, int], None]


@attrs.frozen(kw_only=True)
class Plan:
    """How much is measured."""

    operations: int = OPERATIONS
    repetitions: int = REPETITIONS
    shares: tuple[float, ...] = SHARES


@attrs.frozen(kw_only=True)
class Calibration:
    """What was measured, the scenario that came of it, and how well it predicts."""

    source: Scenario
    """What was calibrated, with real services."""
    scenario: Scenario
    """The same with the measured ones."""
    seed: int
    plan: Plan
    saturation_per_s: float
    """Median of the flat-out runs."""
    flat_out_per_s: tuple[float, ...]
    stages: Mapping[str, StageTime]
    runs: tuple[Stages, ...]
    """The stage times of each run."""
    rates: tuple[AtRate, ...]
    provenance: Mapping[str, Json]
    invalid_stage_runs: tuple[str, ...] = ()
    """Which of `runs` were invalid, each repeated once, and why."""

    @property
    def judged(self) -> AtRate | None:
        """The rate of the verdict; None if it was not among those compared."""
        return next((rate for rate in self.rates if rate.share == JUDGED_AT), None)

    @property
    def is_good(self) -> bool:
        """Whether median response and median lags are predicted as well as was promised."""
        judged = self.judged
        return judged is not None and all(pair.is_within for pair in judged.judged())

    @property
    def invalid(self) -> tuple[str, ...]:
        """What was wrong with the runs behind stage times and verdict, a line each."""
        judged = () if self.judged is None else tuple(self.judged.invalid)
        return (*(f"stage times, {reason}" for reason in self.invalid_stage_runs), *judged)

    @property
    def is_invalid(self) -> bool:
        """Whether most runs of either kind were: the median over them is then not to be trusted."""
        is_judged_so = self.judged is not None and _most(self.judged.invalid, self.judged.measured)
        return is_judged_so or _most(self.invalid_stage_runs, self.runs)

    def range_of(self, stage: str) -> tuple[float, float]:
        """Least and greatest mean of a stage over the runs, in seconds."""
        means = [run.times[stage].mean_s for run in self.runs if stage in run.times]
        return min(means), max(means)

    def to_json(self) -> dict[str, Json]:
        """The content of `calibration.json`."""
        stages: dict[str, Json] = {
            name: {
                **attrs.asdict(time),
                "low_s": self.range_of(name)[0],
                "high_s": self.range_of(name)[1],
            }
            for name, time in self.stages.items()
        }
        return {
            "schema": SCHEMA,
            "scenario": self.source.name,
            "seed": self.seed,
            "operations": self.plan.operations,
            "repetitions": self.plan.repetitions,
            "saturation_per_s": self.saturation_per_s,
            "flat_out_per_s": list(self.flat_out_per_s),
            "is_good": self.is_good,
            "is_invalid": self.is_invalid,
            "invalid": list(self.invalid),
            "stages": stages,
            "accounts": [_account(run) for run in self.runs],
            "rates": [rate.to_json() for rate in self.rates],
            "provenance": dict(self.provenance),
        }


def calibrate(
    scenario: Scenario,
    *,
    seed: int = 0,
    progress: Told = lambda what, done, total: None,
    plan: Plan | None = None,
) -> Calibration:
    """Calibrate a scenario on this machine.

    Args:
        scenario: which workload, read models, batches, queries; its services and its load are
            replaced.
        seed: of the first of the runs that are predicted; the others have the next ones.
        progress: called before each run with what it is, its number and how many there are.
        plan: how much is measured.

    Raises:
        InvalidScenarioError: if it has what cannot be calibrated, a line for each such key.
    """
    plan, real = plan or Plan(), real_scenario(scenario)
    told = _Counter(progress, plan.repetitions * (2 + 2 * len(plan.shares)))
    flat_out = [_flat_out(real, seed + number, plan, told) for number in range(plan.repetitions)]
    saturation = float(np.median(flat_out))
    runs: list[Stages] = []
    invalid: list[str] = []
    measured: dict[float, list[RunFigures]] = {share: [] for share in plan.shares}
    for number in range(plan.repetitions):
        told("stage times")
        rate = JUDGED_AT * saturation
        found, _ = _run_or_repeat(real, rate, seed + STAGE_SEEDS + number, plan)
        runs.append(stages_of(found.trace, waited_s_of(found)))
        invalid += [f"seed {found.seed}: {reason}" for reason in found.summary.invalid[:1]]
        for share in plan.shares:
            told(f"measuring at {share:.0%}")
            measured[share].append(_measured(real, share * saturation, seed + number, plan))
    times = over_runs(runs)
    model = calibrated(at_rate(real, JUDGED_AT * saturation, plan.operations), times)
    rates = []
    for share in plan.shares:
        predicted = tuple(_predicted(model, share * saturation, seed, plan, told))
        rates.append(
            AtRate(
                share=share,
                rate_per_s=share * saturation,
                predicted=predicted,
                measured=tuple(measured[share]),
            )
        )
    return Calibration(
        source=real,
        scenario=attrs.evolve(model, description=Text(_described(real, saturation))),
        seed=seed,
        plan=plan,
        saturation_per_s=saturation,
        flat_out_per_s=tuple(flat_out),
        stages=times,
        runs=tuple(runs),
        rates=tuple(rates),
        provenance={**found.provenance, "measured": utc_timestamp(), "machine": machine()},
        invalid_stage_runs=tuple(invalid),
    )


class _Counter:
    """Numbers the runs, for whoever watches."""

    def __init__(self, progress: Told, total: int) -> None:
        self._progress = progress
        self._total = total
        self._done = 0

    def __call__(self, what: str) -> None:
        self._done += 1
        self._progress(what, self._done, self._total)


def _flat_out(real: Scenario, seed: int, plan: Plan, told: Callable[[str], None]) -> float:
    told("flat out")
    return run_flat_out(real, seed=seed, operations=plan.operations).rate_per_s


def _measured(real: Scenario, rate_per_s: float, seed: int, plan: Plan) -> RunFigures:
    result, is_repeated = _run_or_repeat(real, rate_per_s, seed, plan)
    return figures_of(
        result.trace,
        seed=seed,
        warm_up_ns=result.scenario.run.warm_up,
        invalid="; ".join(result.summary.invalid),
        is_repeated=is_repeated,
    )


def _run_or_repeat(real: Scenario, rate_per_s: float, seed: int, plan: Plan) -> tuple[Result, bool]:
    """One run; one more if its generator could not keep to the plan, and whether that was so."""
    result = run_at(real, rate_per_s, seed=seed, operations=plan.operations)
    if not result.summary.invalid:
        return result, False
    return run_at(real, rate_per_s, seed=seed, operations=plan.operations), True


def _most(some: Sequence[object], of: Sequence[object]) -> bool:
    return 2 * len(some) > len(of)


def _predicted(
    model: Scenario, rate_per_s: float, seed: int, plan: Plan, told: Callable[[str], None]
) -> Iterator[RunFigures]:
    scenario = at_rate(model, rate_per_s, plan.operations)
    for number in range(plan.repetitions):
        told("simulating")
        trace = virtual.run(scenario, seed=seed + number).trace
        yield figures_of(trace, seed=seed + number, warm_up_ns=scenario.run.warm_up)


def waited_s_of(result: Result) -> float:
    """How long the host of a wall run waited, asleep or spinning."""
    host = result.provenance["host"]
    assert isinstance(host, dict), "the wall engine says how its host kept time"
    return float(host["waited_s"]) + float(host["spun_s"])


def machine() -> dict[str, Any]:
    """What this machine is called."""
    return {
        "platform": platform.platform(),
        "processor": platform.machine(),
        "cpus_count": os.cpu_count(),
        "python": platform.python_version(),
    }


def _account(run: Stages) -> dict[str, Json]:
    """Where the time of a run went; without a stamp: settling and waking."""
    return {
        "elapsed_s": run.elapsed_s,
        "busy_s": run.busy_s,
        "idle_s": run.idle_s,
        "without_stamp_s": run.elapsed_s - run.busy_s - run.idle_s,
    }


def _described(real: Scenario, saturation: float) -> str:
    return (
        f"{real.name} as calibrated on one machine, at half of its {saturation:,.0f} operations a "
        "second; calibration.json says how."
    )
