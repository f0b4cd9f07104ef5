"""How often the intervals hold the truth, on an M/M/1 queue, where the truth is known.

Poisson arrivals at rate rho to one server of rate 1, first come first served. The lag of an event
is its time in the system, by Lindley's recursion over arrays: D(n) = max(A(n), D(n - 1)) + S(n). In
the long run it is exponential with rate 1 - rho: mean 1 / (1 - rho), p99 = ln(100) / (1 - rho).

For each seed: 10 replications of 100,000 after a warm-up, from streams of their own. A nominal 95 %
interval over replications should hold the mean in 93 to 97 % of the seeds and the p99 in 92 to
97 %. The intervals of a single run (the first replication) are tabulated beside them and judged by
nobody: they are weaker evidence, and this shows how much.

Goals: the estimators of `cqrs_sim.analysis`, as they are, against closed forms; coverage with the
error that a thousand seeds leave. Non-goals: the engines (`tests/test_theory.py`), speed.

Source of the queue's law: L. Kleinrock, "Queueing systems", vol. 1 (1975), 3.2 and 5.12.
"""

import argparse
import json
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeAlias

import attrs
import numpy as np
from numpy.typing import NDArray

from benchmarks.arguments import positive
from cqrs_sim.analysis.intervals import Interval, batch_means, sectioning, t_interval
from cqrs_sim.analysis.quantiles import quantiles

LOADS = (0.5, 0.8)
REPLICATIONS = 10
OBSERVATIONS = 100_000
WARM_UP = 2_000
"""Left out of each replication. At load 0.8 the queue forgets that it began empty with a time
constant of 1 / (1 - sqrt(0.8))^2 = 90 service times; 2,000 arrivals are 28 of these."""
WANTED = {"mean": (0.93, 0.97), "p99": (0.92, 0.97)}
"""Of the intervals over replications."""

Sampler: TypeAlias = Callable[[np.random.Generator, float, int], NDArray[np.float64]]


@attrs.frozen(kw_only=True)
class Coverage:
    """How one kind of interval did at one load."""

    load: float
    figure: str
    """`mean` or `p99`."""
    method: str
    truth: float
    """In service times."""
    intervals: int
    """Seeds for which there was an interval; the others were too short for it."""
    held: int
    """Of these, intervals that held the truth."""
    half_width: float
    """Mean half width as a share of the truth."""

    @property
    def share(self) -> float:
        """The coverage."""
        return self.held / max(self.intervals, 1)

    @property
    def error(self) -> float:
        """Standard error of the coverage, from a finite number of seeds.

        As if two more intervals had held and two had not, so that it is not 0 where all did.
        Source: A. Agresti and B. A. Coull, American Statistician 52 (1998), 119-126.
        """
        count = self.intervals + 4
        share = (self.held + 2) / count
        return math.sqrt(share * (1.0 - share) / count)

    @property
    def ok(self) -> bool | None:
        """Whether it is as it should be; None for the single runs, which are not judged."""
        if self.method != "replications":
            return None
        low, high = WANTED[self.figure]
        return low <= self.share <= high


def truths(load: float) -> dict[str, float]:
    """Mean and p99 of the time in the system, in service times."""
    return {"mean": 1.0 / (1.0 - load), "p99": math.log(100.0) / (1.0 - load)}


def times_in_system(generator: np.random.Generator, load: float, size: int) -> NDArray[np.float64]:
    """The lags of a replication, after its warm-up: shape (size,), in service times."""
    count = WARM_UP + size
    arrival = np.cumsum(generator.standard_exponential(count) / load)
    service = generator.standard_exponential(count)
    done = np.cumsum(service)
    # D(n) - (S(1) + ... + S(n)) is the running maximum of A(k) - (S(1) + ... + S(k - 1)).
    waited = np.maximum.accumulate(arrival - (done - service))
    return (done + waited - arrival)[WARM_UP:]


def intervals_of(
    seed: int, load: float, size: int, sample: Sampler = times_in_system
) -> Iterator[tuple[str, Interval]]:
    """Every kind of interval for one seed: which figure it is for, and the interval."""
    streams = np.random.SeedSequence([seed, int(100 * load)]).spawn(REPLICATIONS)
    runs = [sample(np.random.default_rng(stream), load, size) for stream in streams]
    yield "mean", t_interval([float(run.mean()) for run in runs])
    p99s = [quantiles(run, (0.99,))[0] for run in runs]
    yield "p99", t_interval([p99 for p99 in p99s if p99 is not None])
    yield "mean", batch_means(runs[0])
    yield "p99", sectioning(runs[0], 0.99)


def coverages(
    seeds: Sequence[int], load: float, size: int, sample: Sampler = times_in_system
) -> list[Coverage]:
    """How every kind of interval did at one load."""
    found: dict[tuple[str, str], list[Interval]] = {}
    for seed in seeds:
        for figure, interval in intervals_of(seed, load, size, sample):
            found.setdefault((figure, interval.method), []).append(interval)
    return [
        _coverage(load, figure, method, intervals) for (figure, method), intervals in found.items()
    ]


def _coverage(load: float, figure: str, method: str, intervals: list[Interval]) -> Coverage:
    truth = truths(load)[figure]
    limits = [(i.low, i.high) for i in intervals if i.low is not None and i.high is not None]
    widths = [(high - low) / 2.0 for low, high in limits]
    return Coverage(
        load=load,
        figure=figure,
        method=method,
        truth=truth,
        intervals=len(limits),
        held=sum(low <= truth <= high for low, high in limits),
        half_width=sum(widths) / max(len(widths), 1) / truth,
    )


def table(rows: Sequence[Coverage], seeds: int) -> str:
    """For people."""
    lines = [f"{'load':>4}  {'of':4}  {'method':26}  covers  +-      half width  too short  wanted"]
    for row in rows:
        low, high = WANTED[row.figure]
        wanted = "-" if row.ok is None else f"{low:.0%} to {high:.0%}: {'ok' if row.ok else 'NO'}"
        lines.append(
            f"{row.load:>4}  {row.figure:4}  {row.method:26}  {row.share:6.1%}  "
            f"{2 * row.error:5.1%}  {row.half_width:9.1%}  {seeds - row.intervals:10,}  {wanted}"
        )
    return "\n".join(lines)


def report(rows: Sequence[Coverage], seeds: int, size: int) -> Mapping[str, object]:
    """For programs."""
    found = [
        {**attrs.asdict(row), "share": row.share, "error": row.error, "ok": row.ok} for row in rows
    ]
    return {
        "seeds": seeds,
        "replications": REPLICATIONS,
        "observations": size,
        "warm_up": WARM_UP,
        "coverage": found,
        "ok": all(row.ok is not False for row in rows),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the coverages; exit 1 if those over replications are not as they should be."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=positive, default=1000, help="seeds 0 to this less one")
    parser.add_argument("--observations", type=positive, default=OBSERVATIONS)
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    options = parser.parse_args(arguments)
    rows = [
        row for load in LOADS for row in coverages(range(options.seeds), load, options.observations)
    ]
    found = report(rows, options.seeds, options.observations)
    print(json.dumps(found) if options.json else table(rows, options.seeds))
    if not found["ok"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
