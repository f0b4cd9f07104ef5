"""What the other system of an enrichment says: drawn from named streams, by command and attempt.

Whoever asks for an order hears the same: two read models that ask alike, the live one and the one
that is made to replace it, and every engine.
"""

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.actors.kernel import Kernel
from cqrs_sim.actors.pauses import Pauses
from cqrs_sim.actors.randomness import BLOCK, Streams
from cqrs_sim.ids import CommandId
from cqrs_sim.probe import Probe
from cqrs_sim.read_side.enrichment import Asking, Reply, named_by
from cqrs_sim.read_side.names import NameOf, derived_name
from cqrs_sim.scenario.enrichments import may_fail
from cqrs_sim.scenario.scenario import Enrichment, Scenario
from cqrs_sim.service_times import draws

LONGEST_NS = 2**60
"""36 years: a hundred calls that take a week on average, with a long tail, do not fit int64."""
AT_ONCE = Reply(took_ns=0, attempts=0, is_told=True)
"""Of orders that were there before the run."""


@attrs.frozen(eq=False)
class DrawnReplies:
    """Replies by command id. Columns: shape (n,)."""

    took_ns: NDArray[np.int64]
    """All attempts together, cut at `LONGEST_NS`."""
    attempts: NDArray[np.int8]
    is_told: NDArray[np.bool_]


class Replies:
    """What the other system says of each order; a `read_side.enrichment.Replies`."""

    def __init__(self, streams: Streams, enrichment: Enrichment) -> None:
        self._streams = streams
        self._enrichment = enrichment
        numbers = range(1, enrichment.attempts + 1)
        self._service = [
            draws(streams, f"enrichment/{number}", enrichment.service) for number in numbers
        ]
        self._replies: list[Reply] = []

    def drawn(self, count: int) -> DrawnReplies:
        """About the orders that the first `count` commands would create."""
        asked = self._enrichment
        took, attempts = np.zeros(count, np.int64), np.zeros(count, np.int8)
        is_open = np.ones(count, np.bool_)
        for number, service in enumerate(self._service, start=1):
            if not is_open.any():
                break
            took_once = np.zeros(count, np.int64) if service is None else service.array(count)
            failures = self._streams.stream(f"enrichment/failure/{number}")
            fails = failures.random(count) < asked.failure
            if asked.timeout:
                fails |= took_once > asked.timeout
                took_once = np.minimum(took_once, asked.timeout)
            took += np.where(is_open, took_once, 0)
            np.minimum(took, LONGEST_NS, out=took)
            attempts += is_open
            is_open &= fails
        return DrawnReplies(took, attempts, ~is_open)

    def reserve(self, count: int) -> None:
        """Draw the first replies now, so that a run finds them."""
        drawn = self.drawn(-(-count // BLOCK) * BLOCK)
        columns = (drawn.took_ns.tolist(), drawn.attempts.tolist(), drawn.is_told.tolist())
        self._replies = list(map(Reply, *columns))

    def __getitem__(self, command_id: CommandId) -> Reply:
        """About the order that this command created; at once of one from before the run."""
        if command_id < 0:
            return AT_ONCE
        if command_id >= len(self._replies):
            self.reserve(2 * command_id + 1)
        return self._replies[command_id]


class CustomerNames:
    """The enrichments of a scenario's read models."""

    def __init__(self, scenario: Scenario, kernel: Kernel, probe: Probe, streams: Streams) -> None:
        self._kernel = kernel
        self._probe = probe
        self._settings = scenario.asking
        self._replies = {name: Replies(streams, one) for name, one in self._settings.items()}

    def reserve(self, commands_count: int) -> None:
        """Draw what is said of all orders that so many commands can create."""
        for replies in self._replies.values():
            replies.reserve(commands_count)

    def asking(self, name: str, read_model: int, pauses: Pauses | None) -> Asking | None:
        """How a read model of this index asks, and when it does not; None: it asks for nothing."""
        if name not in self._replies:
            return None
        sleep = self._kernel.sleep
        wait = sleep if pauses is None else pauses.holding(sleep)
        return Asking(self._probe, read_model, self._replies[name], wait)

    def names_of(self, name: str) -> NameOf:
        """What a read model shows as the name of a customer."""
        if name not in self._replies or not may_fail(self._settings[name]):
            return derived_name
        return named_by(self._replies[name])
