"""The recorder's rows of crashes, and of events handled out of the ordinary."""

from collections.abc import Sequence
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray

from cqrs_sim.ids import Position
from cqrs_sim.measurement.delivery_tables import USUAL, CrashTable, HandlingTable
from cqrs_sim.measurement.works import NAT
from cqrs_sim.probe import Clock, Handling


class IncidentTables(TypedDict):
    """As `Trace` names them."""

    crashes: CrashTable
    handlings: HandlingTable
    delivery_modes: tuple[str, ...]


class Incidents:
    """What `probe.Probe` is told of deliveries gone wrong; lists, since there are few."""

    def __init__(self, clock: Clock, read_models_count: int) -> None:
        self._clock = clock
        self._modes = [USUAL] * read_models_count
        self._crashes: list[tuple[int, int, int, int, int]] = []
        self._restarted: list[int] = []
        self._handlings: list[tuple[int, int, int, int]] = []

    def promise(self, read_model: int, delivery: str) -> None:
        """See `Probe.promised`."""
        self._modes[read_model] = delivery

    def handle(self, read_model: int, position: Position, handling: Handling) -> None:
        """See `Probe.handled`."""
        self._handlings.append((read_model, position, self._clock.instant_ns, handling))

    def crash(
        self, read_model: int, resumed: Position, reached: Position, repeated_count: int
    ) -> int:
        """See `Probe.crashed`."""
        now = self._clock.instant_ns
        self._crashes.append((read_model, now, resumed, reached, repeated_count))
        self._restarted.append(NAT)
        return len(self._restarted) - 1

    def restart(self, row: int) -> None:
        """See `Probe.restarted`."""
        self._restarted[row] = self._clock.instant_ns

    def tables(self) -> IncidentTables:
        """All of it."""
        crashes, handlings = _table(self._crashes, 5), _table(self._handlings, 4)
        return {
            "crashes": CrashTable(
                read_model=crashes[:, 0].astype(np.int8),
                crashed=_stamps(crashes[:, 1]),
                restarted=_stamps(np.array(self._restarted, np.int64)),
                resumed=crashes[:, 2].copy(),
                reached=crashes[:, 3].copy(),
                repeated=crashes[:, 4].astype(np.int32),
            ),
            "handlings": HandlingTable(
                read_model=handlings[:, 0].astype(np.int8),
                position=handlings[:, 1].copy(),
                handled=_stamps(handlings[:, 2]),
                kind=handlings[:, 3].astype(np.int8),
            ),
            "delivery_modes": tuple(self._modes),
        }


def _table(rows: Sequence[tuple[int, ...]], width: int) -> NDArray[np.int64]:
    return np.array(rows, np.int64).reshape(-1, width)


def _stamps(nanoseconds: NDArray[np.int64]) -> NDArray[np.timedelta64]:
    return nanoseconds.astype(np.int64).view("m8[ns]")
