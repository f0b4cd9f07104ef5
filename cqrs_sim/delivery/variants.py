"""The ways to deliver that are compared, each as a scenario of one base.

Two questions, one at a time. Who tells the readers: the log, which they read, or the writer, as its
second write (the writer crashes between the two). And what a reader's checkpoint promises: before
the effects, after them, or in one step with them (the projectors crash between the two).
"""

from collections.abc import Sequence

import attrs

from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.scenario.scenario import (
    Crash,
    Delivery,
    Load,
    Publish,
    ReadModel,
    Run,
    Scenario,
    Service,
    Workload,
    WriteSide,
)
from cqrs_sim.scenario.units import Rate, format_duration

_MS, _S = 1_000_000, 1_000_000_000
DOWN_NS = 200 * _MS
"""How long a process is gone."""
LEAST_BETWEEN_NS = 2 * DOWN_NS
"""From one crash to the next: a process must be back, and have something to do."""

BASE = Scenario(
    name="delivery",
    run=Run(duration=10 * _S, drain=5 * _S),
    load=Load(rate=Rate(800.0)),
    workload=Workload(orders=200, customers=100),
    write_side=WriteSide(service=Service(distribution="exponential", mean=_MS // 2)),
    read_models={
        name: ReadModel(
            service=Service(distribution="exponential", mean=_MS), batch=16, checkpoint=_MS
        )
        for name in ("orders", "statistics")
    },
)
"""Projectors that are busy 85 % of the time, so that a batch holds some events."""


@attrs.frozen(kw_only=True)
class Variant:
    """One way to deliver."""

    name: str
    """As in the results."""
    publish: Publish = "log_first"
    delivery: Delivery = "at_least_once"
    idempotent: bool = True
    who_crashes: str = ""
    """`writer`, `reader`, or nobody."""

    def scenario(self, base: Scenario, crashes: Sequence[Crash]) -> Scenario:
        """The base, delivered in this way."""
        side = attrs.evolve(
            base.write_side,
            publish=self.publish,
            crashes=tuple(crashes) if self.who_crashes == "writer" else (),
        )
        models = {
            name: attrs.evolve(
                model,
                delivery=self.delivery,
                idempotent=self.idempotent,
                crashes=tuple(crashes) if self.who_crashes == "reader" else (),
            )
            for name, model in base.read_models.items()
        }
        return attrs.evolve(base, name=self.name, write_side=side, read_models=models)


VARIANTS = (
    Variant(name="log first"),
    Variant(name="log first, writer crashes", who_crashes="writer"),
    Variant(name="dual write", publish="dual_write"),
    Variant(name="dual write, writer crashes", publish="dual_write", who_crashes="writer"),
    Variant(name="at least once, idempotent", who_crashes="reader"),
    Variant(name="at least once, not idempotent", idempotent=False, who_crashes="reader"),
    Variant(name="at most once", delivery="at_most_once", who_crashes="reader"),
    Variant(name="exactly-once effect", delivery="exactly_once_effect", who_crashes="reader"),
)


def crashes_within(duration_ns: int, count: int) -> tuple[Crash, ...]:
    """So many crashes, evenly within a run.

    Raises:
        InvalidScenarioError: if they would leave a process no time between them.
    """
    between_ns = duration_ns // (count + 1)
    if between_ns < LEAST_BETWEEN_NS:
        most = duration_ns // LEAST_BETWEEN_NS - 1
        mistake = f"crashes = {count}: at most {most} within {format_duration(duration_ns)}"
        raise InvalidScenarioError([mistake])
    return tuple(Crash(at=between_ns * (n + 1), down=DOWN_NS) for n in range(count))
