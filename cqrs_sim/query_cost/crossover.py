"""The read share at which denormalised tables pay.

An operation is a write with probability 1 - r and a read with probability r. On average it costs

    normalised:    N(r) = (1 - r) w_n + r q_n
    denormalised:  D(r) = (1 - r) w_d + r q_d

Where w is the cost of a write, q that of a read. The difference is

    D(r) - N(r) = (1 - r) d - r g,    d = w_d - w_n,    g = q_n - q_d

with d what a write costs more and g what a read gains. It is a straight line from d at r = 0 to -g
at r = 1, so it has one root if d and g have one sign:

    r* = d / (d + g)

If both are positive denormalised tables pay above r*; if both are negative, below it. If only the
write costs more they never pay, if only the read gains they always do. (Elementary; nothing of it
depends on SQLite.)
"""

from typing import Literal, TypeAlias

import attrs

Verdict: TypeAlias = Literal["above", "below", "always", "never"]


@attrs.frozen
class Crossover:
    """When denormalised tables pay."""

    verdict: Verdict
    read_share: float | None
    """r*, in (0, 1); None if there is none: "always" or "never"."""

    def told(self) -> str:
        """In a few words."""
        if self.read_share is None:
            return self.verdict
        return f"{self.verdict} {100 * self.read_share:.3g} % reads"


def crossover(write_extra: float, read_gain: float) -> Crossover:
    """Where the two lines meet.

    Args:
        write_extra: d, what a write costs more with denormalised tables; in any unit.
        read_gain: g, what a read costs less; in the same unit.
    """
    if write_extra > 0.0 and read_gain > 0.0:
        return Crossover("above", write_extra / (write_extra + read_gain))
    if write_extra < 0.0 and read_gain < 0.0:
        return Crossover("below", write_extra / (write_extra + read_gain))
    # One may be nought: then the other decides, and nothing is won by no difference at all.
    pays = write_extra < 0.0 or read_gain > 0.0
    return Crossover("always" if pays else "never", None)


def cost_per_operation(write: float, read: float, read_share: float) -> float:
    """N(r) or D(r), in the unit of its arguments."""
    return (1.0 - read_share) * write + read_share * read
