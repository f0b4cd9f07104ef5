"""The bottleneck: which of the stages would be the first to have no time left.

By the utilisation law the share of time that a stage is busy is the rate of what it is given times
the time that each takes. So the load that a stage is offered grows in proportion to the rate, and
the stage with the most saturates first: at the rate at which its load would be 1.

Source: P. J. Denning and J. P. Buzen, "The operational analysis of queueing network models",
Computing Surveys 10 (1978), 225-261 (utilisation law; bottleneck analysis).
"""

from collections.abc import Sequence

import attrs

from cqrs_sim.analysis.saturation import StageLoad, unit_of


@attrs.frozen(kw_only=True)
class Bottleneck:
    """The stage that saturates first."""

    stage: str
    """`write side` (its busiest order), the name of a read model, or `database ` and a name."""
    offered_load: float
    """Utilisation, as long as it is below 1; more is offered than it can do."""
    saturates_at_per_s: float | None
    """Commands (of the write side), operations (of a database) or events per second at which it has
    no time to spare; None if what keeps it busy are queries alone."""

    @property
    def unit(self) -> str:
        """What that rate counts."""
        return unit_of(self.stage)


def bottleneck(loads: Sequence[StageLoad]) -> Bottleneck | None:
    """The stage that is offered most work for its time; None if no stage was seen to work.

    Args:
        loads: of `stage_loads`.
    """
    busy = [(load.offered_load, load) for load in loads if load.offered_load]
    if not busy:
        return None
    most, load = max(busy, key=lambda pair: pair[0])
    return Bottleneck(
        stage=load.stage,
        offered_load=most,
        saturates_at_per_s=load.full_at_per_s,
    )
