"""How many orders read models show wrong for good: numbers beside the check that says so."""

import attrs


@attrs.frozen(kw_only=True)
class DivergedOrders:
    """Orders that read models do not show as the log says, although nothing is under way."""

    orders: int
    """How many differ, in any read model."""
    of: int
    """How many orders the log has."""
    witness: str
    """The first of them, in the first read model: what is shown, and what the log says."""
