"""Comparisons of architectures as plain records, with no run involved."""

import attrs

from cqrs_sim.analysis.architectures import (
    ArchitectureFigures,
    Cost,
    KindFigures,
    LagFigures,
    Measured,
    Parts,
    SideBySide,
)
from cqrs_sim.analysis.diverged import DivergedOrders
from cqrs_sim.analysis.makespan import Makespan
from cqrs_sim.analysis.quantiles import SampleSummary

WRONG = DivergedOrders(orders=17, of=900, witness="orders shows 5 as PENDING; the log says SHIPPED")


def sample(p50_s: float, n: int = 20_000) -> SampleSummary:
    """Times around a median."""
    return SampleSummary(
        p50=p50_s, p90=2 * p50_s, p99=4 * p50_s, p999=None, max=9 * p50_s, mean=1.2 * p50_s,
        n=n, censored=0, too_few=("p999",),
    )  # fmt: skip


def few(seconds: float) -> Measured:
    """Times that are too few for a median."""
    return Measured(
        sample=SampleSummary(
            p50=None, p90=None, p99=None, p999=None, max=seconds, mean=seconds, n=100, censored=0,
            too_few=("p50", "p90", "p99", "p999"),
        )
    )  # fmt: skip


def row(name: str, **changes: object) -> ArchitectureFigures:
    """An architecture of medium merits; name and parts as they may come from anybody."""
    kinds = tuple(
        KindFigures(kind=kind, response=Measured(sample=sample(p50_s)), answered=1_000, stale=stale)
        for kind, p50_s, stale in (("GetOrderById", 0.000_3, 30), ("GetOrderStatistics", 0.004, 0))
    )
    found = ArchitectureFigures(
        architecture=name,
        substrate="modelled",
        engine="virtual",
        complete=True,
        write=Measured(sample=sample(0.002)),
        query=Measured(sample=sample(0.001)),
        kinds=kinds,
        slowest=LagFigures(read_model="search", lag=Measured(sample=sample(0.003))),
        makespan=Makespan(operations=30_000, unfinished=0, makespan_s=10.0),
        saturated=(),
        invalid=(),
        failed=(),
        diverged=None,
        stored_bytes=None,
        parts=Parts(actors=("order", "projector"), channels=3, hops=4, databases=1),
        gives_up=("writes take 20 % longer than crud's",),
    )
    return attrs.evolve(found, **changes)  # type: ignore[arg-type]  # Whatever a test changes.


def side_by_side(*rows: ArchitectureFigures, **changes: object) -> SideBySide:
    """A comparison of these, or of a control and one that diverged."""
    found = SideBySide(
        where="At 400/s on modelled costs",
        answers=("tutorial DIVERGED: it shows 17 of 900 orders wrong",),
        load="400 operations a second",
        rate_per_s=400.0,
        seed=3,
        complete=True,
        costs=(Cost(name="commit", value="500us", meaning="commit a transaction"),),
        rows=rows or (row("crud"), row("tutorial", diverged=WRONG, stale_from_cache=10)),
        measured=(("modelled", "virtual engine"),),
        provenance={"python": "3.11"},
    )
    return attrs.evolve(found, **changes)  # type: ignore[arg-type]
