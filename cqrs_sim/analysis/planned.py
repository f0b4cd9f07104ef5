"""What a scenario says of its run, and the trace of the run does not."""

from collections.abc import Mapping

import attrs

from cqrs_sim.analysis.warm_up import Opinion


@attrs.frozen(kw_only=True)
class Planned:
    """What is to be known of a run beside its trace, to sum it up."""

    query_timeout_ns: int | None = None
    """After which a query that waits was given up."""
    varies: Mapping[str, Opinion] = attrs.field(factory=dict)
    """What keeps a stage from being steady by plan, by its name."""
    batches: Mapping[str, tuple[int, int]] | None = None
    """As for `stage_loads`."""
    unordered: frozenset[str] = frozenset()
    """Read models to which a task for each event brings it, in no order."""
    mending: frozenset[str] = frozenset()
    """Of these, the ones whose tasks take the events of an order in order all the same."""
    naming: frozenset[str] = frozenset()
    """Read models whose rows show the names of customers who are renamed."""
    is_closed: bool = False
    """Whether clients made the load that wait for each answer."""


NOTHING_PLANNED = Planned()
