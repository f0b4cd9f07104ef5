"""How near `capacity` comes to the truth, and how often its interval holds it, where it is known.

Poisson arrivals of amendments, a write side that takes no time, one read model with exponential
service of mean 1 ms: an M/M/1 queue. The lag is its time in the system, exponential with rate
mu - lambda, so p99 = ln(100) / (mu - lambda), and the rate at which that meets a limit t is
lambda = mu - ln(100) / t. The limits are those whose answers are loads of 0.5 and 0.8.

For each k the search begins with seed 1000 k, so that no two of them share a replication. What is
wanted: every answer within 2 % of the truth, and 45 of 50 intervals of 95 % hold it.

The runs are long because a short run's p99 lies below the long run's: in 20 s at load 0.8 the rate
comes out 1 % too high. 300,000 and 190,000 events a replication also leave so little scatter that
10 replications are nearly always enough. The first second, 11 times as long as the queue at load
0.8 needs to forget to a third that it began empty, is left out.

Goals: the search as anybody calls it (`search`), against a closed form. Non-goals: its speed; the
confirmation and the faster stage, which come after the answer and do not change it.

Source of the queue's law: L. Kleinrock, "Queueing systems", vol. 1 (1975), 3.2 and 5.12.
"""

import argparse
import json
import math
from collections.abc import Sequence

import attrs

from benchmarks.arguments import positive
from cqrs_sim.highest_rate.limits import checked_limits
from cqrs_sim.highest_rate.search import PRECISION, Wanted, search
from cqrs_sim.scenario.scenario import (
    Load,
    Queries,
    ReadModel,
    Run,
    Scenario,
    Service,
    Workload,
    WriteSide,
)
from cqrs_sim.scenario.units import Rate

SERVICE_NS = 1_000_000
SECOND_NS = 1_000_000_000
DURATIONS_S = {0.5: 600, 0.8: 240}
"""By load."""
WARM_UP_S = 1
SEEDS = 50
APART = 1_000
"""Between the first seeds of two searches; more than either uses."""
WITHIN = 0.02
COVERED = 0.9


@attrs.frozen(kw_only=True)
class Found:
    """What one search came to."""

    load: float
    first_seed: int
    truth_per_s: float
    rate_per_s: float
    low: float
    high: float
    replications: int
    probes: int

    @property
    def error(self) -> float:
        """Of the rate, as a share of the truth."""
        return self.rate_per_s / self.truth_per_s - 1.0

    @property
    def covers(self) -> bool:
        """Whether the interval holds the truth."""
        return self.low <= self.truth_per_s <= self.high


def truth_per_s(load: float) -> float:
    """The rate at that load."""
    return load * 1e9 / SERVICE_NS


def limit_of(load: float) -> str:
    """The limit whose closed form is met at that load."""
    wait_s = math.log(100.0) / (1e9 / SERVICE_NS - truth_per_s(load))
    return f"lag.orders.p99 < {round(wait_s * 1e9)}ns"


def scenario_of(duration_s: float) -> Scenario:
    """The queue; its rate is where the search begins."""
    return Scenario(
        name="M/M/1",
        run=Run(duration=round(duration_s * SECOND_NS), warm_up=WARM_UP_S * SECOND_NS),
        load=Load(rate=Rate(300.0)),
        workload=Workload(kind="amendments", invalid_share=0.0),
        queries=Queries(share=0.0),
        write_side=WriteSide(service=Service()),
        read_models={
            "orders": ReadModel(service=Service(distribution="exponential", mean=SERVICE_NS))
        },
    )


def one(
    load: float, number: int, duration_s: float, jobs: int = 1, precision: float = PRECISION
) -> Found:
    """One search; `number` chooses its seeds."""
    scenario = scenario_of(duration_s)
    wanted = Wanted(
        seed=number * APART, jobs=jobs, precision=precision, confirmed_by=0, faster=False
    )
    found = search(scenario, checked_limits([limit_of(load)], scenario), wanted)
    interval = found.interval
    assert interval.mean is not None
    assert interval.low is not None
    assert interval.high is not None
    return Found(
        load=load,
        first_seed=wanted.seed,
        truth_per_s=truth_per_s(load),
        rate_per_s=interval.mean,
        low=interval.low,
        high=interval.high,
        replications=interval.n,
        probes=len(found.probes),
    )


@attrs.frozen(kw_only=True)
class Coverage:
    """How the searches of one load did."""

    load: float
    duration_s: float
    searches: int
    held: int
    worst: float
    """Greatest error, as a share of the truth."""
    bias: float
    """Mean error, as a share of the truth."""
    half_width: float
    """Mean, as a share of the truth."""
    replications: float
    """Mean."""
    probes_a_seed: float

    @property
    def ok(self) -> bool:
        """Whether it is as it should be."""
        return self.worst <= WITHIN and self.held >= COVERED * self.searches


def summed_up(found: Sequence[Found], duration_s: float) -> Coverage:
    """All searches of one load."""
    count = len(found)
    replications = sum(one.replications for one in found)
    return Coverage(
        load=found[0].load,
        duration_s=duration_s,
        searches=count,
        held=sum(one.covers for one in found),
        worst=max(abs(one.error) for one in found),
        bias=math.fsum(one.error for one in found) / count,
        half_width=math.fsum((one.high - one.low) / 2 / one.truth_per_s for one in found) / count,
        replications=replications / count,
        probes_a_seed=sum(one.probes for one in found) / replications,
    )


def table(rows: Sequence[Coverage]) -> str:
    """For people."""
    head = "load  truth     run    covers     worst error  mean error  half width  replications"
    lines = [f"{head}  probes a seed"]
    lines += [
        f"{row.load:>4}  {truth_per_s(row.load):,.0f}/s  {row.duration_s:>4.0f} s  "
        f"{row.held} of {row.searches}  {row.worst:11.2%}  {row.bias:+10.2%}  "
        f"{row.half_width:10.2%}  {row.replications:12.1f}  {row.probes_a_seed:13.1f}  "
        f"{'ok' if row.ok else 'NO'}"
        for row in rows
    ]
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print how it did; exit code 1 if it did not do as it should."""
    parser = argparse.ArgumentParser(description="Whether capacity's answers hold.")
    parser.add_argument("--seeds", type=positive, default=SEEDS, help="searches at each load")
    parser.add_argument("--load", type=float, choices=tuple(DURATIONS_S), help="only this one")
    parser.add_argument("--jobs", type=positive, default=1, help="processes")
    parser.add_argument("--json", action="store_true", help="one line of JSON")
    options = parser.parse_args(arguments)
    rows = []
    for load, duration_s in DURATIONS_S.items():
        if options.load in (None, load):
            found = [one(load, k, duration_s, options.jobs) for k in range(options.seeds)]
            rows.append(summed_up(found, duration_s))
    if options.json:
        listed = [{**attrs.asdict(row), "ok": row.ok} for row in rows]
        print(json.dumps({"benchmark": "capacity_coverage", "rows": listed}))
    else:
        print(table(rows))
    return 0 if all(row.ok for row in rows) else 1


if __name__ == "__main__":
    raise SystemExit(main())
