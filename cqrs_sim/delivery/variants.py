"""The ways to deliver that are compared, each as a scenario of one base.

Two questions, one at a time. Who tells the readers: the log, which they read, or the writer, as its
second write (the writer crashes between the two). And what a reader's checkpoint promises: before
the effects, after them, or in one step with them (the projectors crash between the two).
"""

from collections.abc import Sequence

import attrs

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
from cqrs_sim.scenario.units import Rate

_MS, _S = 1_000_000, 1_000_000_000
DOWN_NS = 200 * _MS
"""How long a process is gone."""
EVERY_NS = _S
"""From one crash to the next: long enough for a process to be back, and to have caught up."""

BASE = Scenario(
    name="delivery",
    run=Run(drain=5 * _S),
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
"""Projectors that are busy 85 % of the time, so that a batch holds some events. How long it runs is
a matter of the crashes."""


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


def crashing(base: Scenario, count: int) -> tuple[Scenario, tuple[Crash, ...]]:
    """The base, long enough for so many crashes; and these, evenly within it."""
    run = attrs.evolve(base.run, duration=(count + 1) * EVERY_NS)
    crashes = tuple(Crash(at=(n + 1) * EVERY_NS, down=DOWN_NS) for n in range(count))
    return attrs.evolve(base, run=run), crashes
