"""The recorder's rows of renamed customers."""

from typing import TypedDict

import numpy as np

from cqrs_sim.ids import Nanoseconds
from cqrs_sim.measurement.columns import longs, stamps
from cqrs_sim.measurement.rename_tables import RenameDeliveryTable, RenameTable
from cqrs_sim.measurement.works import NAT
from cqrs_sim.probe import Clock


class RenamedTables(TypedDict):
    """As `Trace` names them."""

    renames: RenameTable
    rename_deliveries: RenameDeliveryTable


class Renames:
    """What `probe.Probe` is told of renames; lists, since nobody knows how many there will be."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._customer: list[int] = []
        self._intended: list[int] = []
        self._submitted: list[int] = []
        self._dequeued: list[int] = []
        self._committed: list[int] = []
        self._position: list[int] = []
        self._version: list[int] = []
        self._read_model: list[int] = []
        self._position_taken: list[int] = []
        self._taken: list[int] = []
        self._applied: list[int] = []
        self._rows: list[int] = []

    def submit(self, customer: int, intended_ns: Nanoseconds) -> int:
        """See `Probe.rename_submitted`."""
        self._customer.append(customer)
        self._intended.append(intended_ns)
        self._submitted.append(self._clock.instant_ns)
        self._dequeued.append(NAT)
        self._committed.append(NAT)
        self._position.append(0)
        self._version.append(0)
        return len(self._submitted) - 1

    def dequeue(self, row: int) -> None:
        """See `Probe.rename_dequeued`."""
        self._dequeued[row] = self._clock.instant_ns

    def commit(self, row: int, position: int, version: int) -> None:
        """See `Probe.rename_committed`."""
        self._committed[row] = self._clock.instant_ns
        self._position[row], self._version[row] = position, version

    def take(self, read_model: int, position: int) -> int:
        """See `Probe.rename_taken`."""
        self._read_model.append(read_model)
        self._position_taken.append(position)
        self._taken.append(self._clock.instant_ns)
        self._applied.append(NAT)
        self._rows.append(0)
        return len(self._taken) - 1

    def apply(self, delivery_row: int, rows_count: int) -> None:
        """See `Probe.rename_applied`."""
        self._applied[delivery_row] = self._clock.instant_ns
        self._rows[delivery_row] = rows_count

    def tables(self) -> RenamedTables:
        """All of it."""
        read_model, position = np.array(self._read_model, np.int8), longs(self._position_taken)
        # Stable: what was taken twice, which is for the checks to find, stays in order of time.
        order = np.lexsort((position, read_model))
        return {
            "renames": RenameTable(
                customer=longs(self._customer),
                intended=stamps(self._intended),
                submitted=stamps(self._submitted),
                dequeued=stamps(self._dequeued),
                committed=stamps(self._committed),
                position=longs(self._position),
                version=longs(self._version),
            ),
            "rename_deliveries": RenameDeliveryTable(
                read_model=read_model[order],
                position=position[order],
                taken=stamps(self._taken)[order],
                applied=stamps(self._applied)[order],
                rows=longs(self._rows)[order],
            ),
        }
