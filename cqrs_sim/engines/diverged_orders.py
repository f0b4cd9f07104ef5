"""The orders that a run's read models are wrong about, counted for its result."""

from collections.abc import Sequence

from cqrs_sim.analysis.diverged import DivergedOrders
from cqrs_sim.divergence import Divergence


def orders_of(found: Sequence[Divergence]) -> DivergedOrders | None:
    """All orders that any read model is wrong about; None if there are none."""
    if not found:
        return None
    wrong = {order for one in found for order in one.orders}
    first = found[0]
    witness = (
        f"{first.read_model} shows {first.orders[0]} as {first.shown}; the log says "
        f"{first.expected}"
    )
    return DivergedOrders(orders=len(wrong), of=first.orders_count, witness=witness)
