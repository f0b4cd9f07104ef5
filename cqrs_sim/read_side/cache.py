"""A cache of answers in front of the read models: bounded, and each entry lives for a set time.

An entry keeps the position that its answer reflects, so whoever gets it knows how old it is, and
one that asks for a position is never given less. Queries that miss at the same time all ask the
read model: nobody waits for another's answer.
"""

from collections import OrderedDict

import attrs

from cqrs_sim.actors.randomness import Draws
from cqrs_sim.domain.queries import AnswerValue, Query
from cqrs_sim.ids import Nanoseconds, Position
from cqrs_sim.probe import Clock


@attrs.define
class Entry:
    """An answer that was given."""

    value: AnswerValue
    position: Position
    """It reflects every event up to here."""
    expires_ns: int


class AnswerCache:
    """Answers by query; the least recently used one makes room."""

    def __init__(
        self, clock: Clock, *, ttl_ns: int, capacity: int, service: Draws | None = None
    ) -> None:
        """Keep up to `capacity` answers for `ttl_ns` each; a hit takes `service` of its query."""
        self._clock = clock
        self._ttl_ns = ttl_ns
        self._capacity = capacity
        self._entries: OrderedDict[Query, Entry] = OrderedDict()
        self.service = service

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, query: Query, at_least: Position | None = None) -> Entry | None:
        """The answer that was given to this query, if it still lives and is fresh enough."""
        entry = self._entries.get(query)
        if entry is None:
            return None
        if self._clock.instant_ns >= entry.expires_ns:
            del self._entries[query]
            return None
        if at_least is not None and entry.position < at_least:
            return None
        self._entries.move_to_end(query)
        return entry

    def store(self, query: Query, value: AnswerValue, position: Position) -> None:
        """Keep an answer that was just given, in place of an earlier one."""
        expires_ns = Nanoseconds(self._clock.instant_ns + self._ttl_ns)
        self._entries[query] = Entry(value, position, expires_ns)
        self._entries.move_to_end(query)
        if len(self._entries) > self._capacity:
            self._entries.popitem(last=False)
