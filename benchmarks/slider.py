"""What a slider waits for: 200,000 commands and three read models, from scenario to curves.

The scenario of workload S (Poisson commands at 800/s over 1,000 orders, exponential service of 1 ms
everywhere), run by `cqrs_sim.run(scenario, engine="algebra")`: the plan is drawn, the whole trace
is made, and what a figure shows is taken from it, p99 and a curve of quantiles of the lag of each
read model. Beside it the least that NumPy can do: a Lindley recursion of the same tandem in floats,
one pass for all orders, which draws for itself and keeps nothing but lags. It has no plan, no
domain, no order of commits at one instant, no channels and no trace.

Both draw within the time, and both end with the same curve. They alternate in one process, and each
ratio is that of neighbours; what is told is the median of the rounds. Drawing the figure itself, by
`plot_lag_distribution` to a PNG, is timed apart.

Source of the recursion: D. V. Lindley, "The theory of queues with a single server", Proceedings of
the Cambridge Philosophical Society 48 (1952), 277-289; written as a running maximum.
"""

import argparse
import io
import json
import math
import statistics
import time
from typing import TypedDict

import attrs
import numpy as np
from numpy.typing import NDArray

import cqrs_sim
from benchmarks.arguments import positive
from benchmarks.workload_s import MEAN_LAG_MS, RATE_PER_S, lags_ms, scenario_for
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.scenario.scenario import Scenario
from cqrs_sim.scenario.units import Duration

FRACTIONS = np.array([*np.linspace(0.0, 0.95, 96), *(1.0 - np.geomspace(0.05, 1e-4, 60)), 0.99])
"""Quantiles of a curve; the last is the p99."""
SERVICE_MS, ORDERS, READ_MODELS = 1.0, 1000, 3


class Round(TypedDict):
    """One round."""

    commands: int
    compute_s: float
    figure_data_s: float
    redraw_s: float
    numpy_lindley_s: float
    p99_ms: list[float]
    numpy_p99_ms: list[float]
    ok: bool


class Report(TypedDict):
    """The line that is printed: medians over the rounds."""

    commands: int
    rounds: int
    compute_s: float
    """From the scenario to the whole trace."""
    figure_data_s: float
    """From the scenario to p99 and curves."""
    redraw_s: float
    """From the scenario to the picture."""
    numpy_lindley_s: float
    ratio: float
    """Time of the recursion by time to the figure's data: 1 is as fast."""
    ratio_lowest: float
    ratio_highest: float
    p99_ms: list[float]
    """One a read model, of the last round."""
    numpy_p99_ms: list[float]
    ok: bool


def scenario_of(commands: int) -> Scenario:
    """Workload S, of a length that so many commands fill on average."""
    whole = scenario_for(commands)
    duration = Duration(round(commands / RATE_PER_S * 1e9))
    return attrs.evolve(whole, run=attrs.evolve(whole.run, duration=duration))


def lindley_lags_ms(commands: int, seed: int) -> NDArray[np.float64]:
    """The same tandem as a recursion in floats: shape (read models, events), milliseconds."""
    rng = np.random.default_rng(seed)
    arrivals = np.cumsum(rng.exponential(1e3 / RATE_PER_S, commands))
    order = rng.integers(0, ORDERS, commands)
    rows = np.argsort(order, kind="stable")
    # Each order is lifted above all times of the ones before, so that one pass does for all.
    lift = order[rows] * (2.0 * arrivals[-1] + commands * SERVICE_MS)
    service = rng.exponential(SERVICE_MS, commands)
    committed = np.sort(_departures(arrivals[rows] + lift, service) - lift)
    lags = np.empty((READ_MODELS, commands))
    for row in lags:
        row[:] = _departures(committed, rng.exponential(SERVICE_MS, commands)) - committed
    return lags


def _departures(arrivals: NDArray[np.float64], service: NDArray[np.float64]) -> NDArray[np.float64]:
    work = np.cumsum(service)
    departures: NDArray[np.float64] = work + np.maximum.accumulate(arrivals - (work - service))
    return departures


def curves_ms(lags: NDArray[np.float64]) -> NDArray[np.float64]:
    """The quantiles of each read model: shape (read models, fractions)."""
    ranks = np.ceil(FRACTIONS * lags.shape[1]).astype(np.intp) - 1
    curves: NDArray[np.float64] = np.sort(lags, axis=1)[:, np.maximum(ranks, 0)]
    return curves


def picture(trace: Trace) -> bytes:
    """The figure, as PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 3.4), layout="constrained")
    cqrs_sim.plot_lag_distribution(figure.subplots(), trace)
    with io.BytesIO() as png:
        figure.savefig(png, format="png", dpi=72)
        return png.getvalue()


def measured(commands: int, seed: int) -> Round:
    """One round: ours, the recursion of as many commands, and the picture."""
    scenario = scenario_of(commands)
    began = time.perf_counter()
    trace = cqrs_sim.run(scenario, seed=seed, engine="algebra").trace
    computed = time.perf_counter()
    lags = lags_ms(trace)
    curves = curves_ms(lags)
    ended = time.perf_counter()
    peer_lags = lindley_lags_ms(len(trace.commands), seed)
    peer_curves = curves_ms(peer_lags)
    peer_ended = time.perf_counter()
    picture(trace)
    drawn = time.perf_counter()
    return {
        "commands": len(trace.commands),
        "compute_s": computed - began,
        "figure_data_s": ended - began,
        "redraw_s": computed - began + drawn - peer_ended,
        "numpy_lindley_s": peer_ended - ended,
        "p99_ms": [round(float(curve[-1]), 2) for curve in curves],
        "numpy_p99_ms": [round(float(curve[-1]), 2) for curve in peer_curves],
        "ok": is_right(lags) and is_right(peer_lags),
    }


def is_right(lags: NDArray[np.float64]) -> bool:
    """Whether every event has a lag, and the mean of each read model is that of theory."""
    # As in workload S: three sigma of the mean of so many correlated lags.
    tolerance = 0.12 * math.sqrt(max(1.0, 100_000 / lags.shape[1])) * MEAN_LAG_MS
    return bool(np.all(np.abs(lags.mean(axis=1) - MEAN_LAG_MS) < tolerance))


def run(commands: int, rounds: int) -> Report:
    """Alternate, and compare neighbours; a round before them, untold, warms both up."""
    found = [measured(commands, seed) for seed in range(rounds + 1)][1:]
    ratios = [one["numpy_lindley_s"] / one["figure_data_s"] for one in found]
    return {
        "commands": round(statistics.median(one["commands"] for one in found)),
        "rounds": rounds,
        "compute_s": round(statistics.median(one["compute_s"] for one in found), 4),
        "figure_data_s": round(statistics.median(one["figure_data_s"] for one in found), 4),
        "redraw_s": round(statistics.median(one["redraw_s"] for one in found), 4),
        "numpy_lindley_s": round(statistics.median(one["numpy_lindley_s"] for one in found), 4),
        "ratio": round(statistics.median(ratios), 3),
        "ratio_lowest": round(min(ratios), 3),
        "ratio_highest": round(max(ratios), 3),
        "p99_ms": found[-1]["p99_ms"],
        "numpy_p99_ms": found[-1]["numpy_p99_ms"],
        "ok": all(one["ok"] for one in found),
    }


def main() -> None:
    """Parse, run, print one line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.slider", description=__doc__)
    parser.add_argument("--commands", type=positive, default=200_000)
    parser.add_argument("--rounds", type=positive, default=7)
    parser.add_argument("--json", action="store_true", help="one JSON line")
    args = parser.parse_args()
    report = run(args.commands, args.rounds)
    print(json.dumps(report) if args.json else "\n".join(f"{k:18} {v}" for k, v in report.items()))
    raise SystemExit(0 if report["ok"] else 1)


if __name__ == "__main__":
    main()
