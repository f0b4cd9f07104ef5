"""One seed, many named random streams, and service times drawn from them.

All randomness of a run comes from here. A stream depends on the seed and its own name only, so a
component that starts to draw, draws more, or is left out never shifts what another one draws.
Draws are indexed (by command, by position), so their values do not depend on the order in which a
run asks for them either: that is what lets two engines of one scenario agree to the nanosecond.
"""

import hashlib
import math
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.ids import Nanoseconds

ServiceDistribution: TypeAlias = Literal["constant", "exponential", "lognormal", "uniform"]

SEEDS_END = 2**64
"""Seeds are the integers from 0 up to here, exclusive."""

BLOCK = 4096
"""Draws made at once."""

MEAN_NS_MAX = 2**53
"""Longest mean, about 104 days; no exponential draw exceeds 45 times its mean, so all of them fit
int64."""

LONGEST_TIMES = 1000.0
LONGEST_NS = 2.0**60
"""A lognormal draw is cut at so many times its mean, and there at the latest: it has no bound of
its own. With the greatest `spread` of a scenario, 5, that meets one draw in a million."""


class Streams:
    """The random streams of one run, by name.

    Asking twice for one name gives two generators that draw the same numbers, each from the
    beginning: there is no hidden state, and whoever needs independent numbers takes another name.
    """

    def __init__(self, seed: int) -> None:
        if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < SEEDS_END:
            # A wrong seed may have more digits than Python is willing to print.
            printable = not isinstance(seed, int) or abs(seed) < 10**40
            shown = repr(seed) if printable else "an integer far outside"
            raise InvalidScenarioError(
                [f"seed = {shown}: it must be an integer from 0 to 2^64 - 1"]
            )
        self.seed = seed

    def stream(self, name: str) -> np.random.Generator:
        """A generator at the beginning of the stream of this name."""
        # Python's own hash() differs between processes, so it must not be used.
        digest = hashlib.blake2b(name.encode(), digest_size=16).digest()
        entropy = [self.seed, int.from_bytes(digest, "big")]
        return np.random.Generator(np.random.PCG64DXSM(np.random.SeedSequence(entropy)))


class Draws:
    """Service times in integer nanoseconds, indexed from 0, as many as are asked for.

    They are drawn in blocks of a fixed size and rounded once, so draw `i` is the same however many
    others are asked for, in whatever order.
    """

    __slots__ = ("_blocks", "_distribution", "_generator", "_mean_ns", "_spread", "drawn")

    def __init__(
        self,
        generator: np.random.Generator,
        distribution: ServiceDistribution,
        mean_ns: Nanoseconds | int,
        spread: float = 0.0,
    ) -> None:
        """Draw from a distribution of this mean.

        Args:
            generator: at the beginning of a stream.
            distribution: its name.
            mean_ns: of the distribution.
            spread: standard deviation / mean of a lognormal; the others have their own.

        Raises:
            InvalidScenarioError: if it cannot be drawn from.
        """
        if distribution not in ("constant", "exponential", "lognormal", "uniform"):
            raise InvalidScenarioError([f"distribution {distribution!r} cannot be drawn from"])
        if not 0 <= mean_ns <= MEAN_NS_MAX:
            raise InvalidScenarioError([f"mean of {mean_ns} ns: it must be from 0 to 2^53 ns"])
        self._generator = generator
        self._distribution = distribution
        self._mean_ns = mean_ns
        self._spread = spread
        self._blocks: list[NDArray[np.int64]] = []
        self.drawn: list[int] = []
        """The first draws, as far as they were asked for; a hot loop looks here before it asks."""

    def __getitem__(self, index: int) -> int:
        """Draw number `index`, which must not be negative, in nanoseconds."""
        # The hot path: a list of Python ints costs 48 ns a look-up, an array of int64 over 100.
        try:
            return self.drawn[index]
        except IndexError:
            return self._grown_to(index)

    def array(self, count: int) -> NDArray[np.int64]:
        """The first draws.

        Returns:
            Shape (count,), int64 nanoseconds, in index order; not to be written to.
        """
        self._draw_blocks(count)
        if not count:
            return np.empty(0, np.int64)
        return np.concatenate(self._blocks[: -(-count // BLOCK)])[:count]

    def reserve(self, count: int) -> None:
        """Make the first draws now, so that a run finds them in `drawn`."""
        self._draw_blocks(count)
        while len(self.drawn) < count:
            self.drawn.extend(self._blocks[len(self.drawn) // BLOCK].tolist())

    def _grown_to(self, index: int) -> int:
        if index < 0:
            raise IndexError("draws are indexed from 0")
        self.reserve(index + 1)
        return self.drawn[index]

    def _draw_blocks(self, count: int) -> None:
        while len(self._blocks) * BLOCK < count:
            self._blocks.append(self._block())

    def _block(self) -> NDArray[np.int64]:
        if self._distribution == "constant":
            return np.full(BLOCK, self._mean_ns, np.int64)
        if self._distribution == "lognormal":
            return self._lognormal()
        if self._distribution == "uniform":  # From 0 to below twice the mean.
            return np.floor(self._generator.random(BLOCK) * 2.0 * self._mean_ns).astype(np.int64)
        unit = self._generator.standard_exponential(BLOCK)
        return np.rint(unit * self._mean_ns).astype(np.int64)

    def _lognormal(self) -> NDArray[np.int64]:
        # ln X is normal with variance ln(1 + spread^2) and mean ln(mean) - variance / 2 (N. L.
        # Johnson, S. Kotz, N. Balakrishnan, "Continuous Univariate Distributions", 1994, ch. 14).
        variance = math.log1p(self._spread**2)
        normal = self._generator.standard_normal(BLOCK)
        unit = np.exp(math.sqrt(variance) * normal - variance / 2.0)
        longest = min(LONGEST_TIMES * self._mean_ns, LONGEST_NS)
        drawn: NDArray[np.int64] = np.rint(np.minimum(unit * self._mean_ns, longest)).astype(
            np.int64
        )
        return drawn
