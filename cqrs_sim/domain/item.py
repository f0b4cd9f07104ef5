"""The lines of an order: what commands carry in, events carry on and read models show."""

import attrs

from cqrs_sim.ids import Cents, ProductId


@attrs.frozen
class OrderItem:
    """One line of an order."""

    product_id: ProductId
    quantity: int
    price_cents: Cents
    """Price of one unit."""
