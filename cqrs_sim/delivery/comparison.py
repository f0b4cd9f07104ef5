"""Every way to deliver under one load, one seed and the same crashes: what each lost and doubled.

All draws are shared, so ways that differ in their readers alone have the same log, to the
nanosecond, and what differs in the read models comes of the delivery.
"""

from collections.abc import Callable, Iterator, Mapping

import attrs

from cqrs_sim.actors.clock import VirtualClock
from cqrs_sim.analysis.delivery import DeliverySummary, Witness
from cqrs_sim.analysis.json_values import Json, plain
from cqrs_sim.delivery.variants import BASE, VARIANTS, Variant, crashing
from cqrs_sim.engines.experiment import Experiment, Progress
from cqrs_sim.engines.fold_differences import FoldDifference
from cqrs_sim.engines.virtual import run_experiment
from cqrs_sim.results import Result
from cqrs_sim.scenario.scenario import Scenario
from cqrs_sim.scenario.units import Rate, format_rate


@attrs.frozen(kw_only=True)
class DeliveryOutcome:
    """What came of one way to deliver; effects are counted over all read models."""

    variant: str
    crashes: int
    """Of the writer, or of all projectors."""
    events: int
    """In the log."""
    lost: int
    """Effects that are missing, for good."""
    redelivered: int
    """Events handed to a projector again."""
    skipped: int
    """Of these, how many were known and skipped."""
    doubled: int
    """Events that took effect more than once."""
    orders_differing: int
    """Orders that the read model `orders` shows otherwise than a fold of the log."""
    revenue_cents: int
    """What the read model `statistics` has too much of it; negative: too little."""
    first: str
    """The first effect that is lost or doubled; empty if none is."""
    difference: str
    """How the read model `orders` (else `statistics`) differs, and the first order in which."""
    failed: tuple[str, ...]
    """Names of the checks that failed."""
    unknown: int
    """Commands whose callers never heard what became of them."""
    refused: int
    """Commands that met nobody."""

    @property
    def is_right(self) -> bool:
        """Whether every check passed."""
        return not self.failed


@attrs.frozen(kw_only=True)
class DeliveryComparison:
    """All of them."""

    rate_per_s: Rate
    crashes: int
    """Planned of each process."""
    seed: int
    outcomes: tuple[DeliveryOutcome, ...]

    @property
    def title(self) -> str:
        """What stands above table and figure."""
        how = f"virtual engine, {format_rate(self.rate_per_s)}, seed {self.seed}"
        return f"Delivery: each process crashes {self.crashes} x\n{how}"

    def to_json(self) -> dict[str, Json]:
        """The content of `delivery.json`."""
        return plain(self)


def compare_deliveries(
    *,
    rate_per_s: Rate | None = None,
    crashes: int = 5,
    seed: int = 0,
    base: Scenario = BASE,
    progress: Callable[[Progress, str], None] | None = None,
) -> DeliveryComparison:
    """Run every variant.

    Args:
        rate_per_s: of the load; None: that of the base.
        crashes: of each process that crashes in a variant, one a second.
        seed: of all draws, the same in every run.
        base: what they have in common, but for how long they run; with read models `orders` and
            `statistics`.
        progress: called now and then with how far a run is, and the variant that it is of.

    Raises:
        InvalidScenarioError: if the rate makes more operations than a run can hold.
        KeyboardInterrupt: if a run was interrupted; a part of one cannot be compared.
    """
    if rate_per_s is not None:
        base = attrs.evolve(base, load=attrs.evolve(base.load, rate=rate_per_s))
    base, planned = crashing(base, crashes)
    outcomes = []
    for variant in VARIANTS:
        experiment = Experiment(variant.scenario(base, planned), seed, VirtualClock())
        run_experiment(experiment, _telling(progress, variant))
        result = experiment.result("virtual")
        if not result.complete:
            raise KeyboardInterrupt
        outcomes.append(_outcome(variant, result, experiment.differences()))
    assert base.load.rate is not None
    return DeliveryComparison(
        rate_per_s=base.load.rate, crashes=crashes, seed=seed, outcomes=tuple(outcomes)
    )


def _telling(
    progress: Callable[[Progress, str], None] | None, variant: Variant
) -> Callable[[Progress], None] | None:
    if progress is None:
        return None

    def tell(seen: Progress) -> None:
        progress(seen, variant.name)

    return tell


def _outcome(
    variant: Variant, result: Result, differences: dict[str, FoldDifference]
) -> DeliveryOutcome:
    summary, found = result.summary, result.summary.delivery
    orders, statistics = differences.get("orders"), differences.get("statistics")
    commands = {outcome.name: count for outcome, count in summary.commands.items()}
    told = (f"{name}: {one.told}" for name, one in differences.items())
    return DeliveryOutcome(
        variant=variant.name,
        crashes=len(result.trace.crashes),
        events=len(result.trace.events),
        lost=sum(one.lost for one in found.values()),
        redelivered=sum(one.redelivered for one in found.values()),
        skipped=sum(one.skipped for one in found.values()),
        doubled=sum(one.doubled for one in found.values()),
        orders_differing=0 if orders is None else orders.orders,
        revenue_cents=0 if statistics is None else statistics.revenue_cents,
        first=min(_witnesses(found), default=(0, ""))[1],
        difference=next(told, ""),
        failed=tuple(check.name for check in summary.checks if not check.ok),
        unknown=commands["UNKNOWN"],
        refused=commands["REFUSED"],
    )


def _witnesses(found: Mapping[str, DeliverySummary]) -> Iterator[tuple[int, str]]:
    """Position and words of what each read model lost or doubled first."""
    for name, one in found.items():
        for what, witness in (("lost", one.first_lost), ("doubled", one.first_doubled)):
            if witness is not None:
                yield witness.position, _told(name, what, witness)


def _told(name: str, what: str, witness: Witness) -> str:
    return f"{name} {what} position {witness.position} ({witness.event})"
