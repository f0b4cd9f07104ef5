"""The recorder's rows of what projectors asked another system."""

import numpy as np

from cqrs_sim.ids import Position
from cqrs_sim.measurement.columns import longs, stamps
from cqrs_sim.measurement.enrichment_table import EnrichmentTable
from cqrs_sim.measurement.works import NAT
from cqrs_sim.probe import Clock


class Enrichments:
    """What `probe.Probe` is told of questions; lists, since nobody knows how many there will be."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._read_model: list[int] = []
        self._position: list[int] = []
        self._asked: list[int] = []
        self._answered: list[int] = []
        self._attempts: list[int] = []
        self._is_told: list[int] = []

    def ask(self, read_model: int, position: Position) -> int:
        """See `Probe.asked`."""
        self._read_model.append(read_model)
        self._position.append(position)
        self._asked.append(self._clock.instant_ns)
        self._answered.append(NAT)
        self._attempts.append(0)
        self._is_told.append(0)
        return len(self._asked) - 1

    def answer(self, row: int, attempts: int, *, is_told: bool) -> None:
        """See `Probe.answered`."""
        self._answered[row] = self._clock.instant_ns
        self._attempts[row], self._is_told[row] = attempts, is_told

    def table(self) -> EnrichmentTable:
        """All of it."""
        read_model = np.array(self._read_model, np.int8)
        rows = np.argsort(read_model, kind="stable")
        return EnrichmentTable(
            read_model=read_model[rows],
            position=longs(self._position)[rows],
            asked=stamps(self._asked)[rows],
            answered=stamps(self._answered)[rows],
            attempts=np.array(self._attempts, np.int8)[rows],
            is_told=np.array(self._is_told, np.int8)[rows],
        )
