"""The recorder's rows of modelled work in databases that stages share."""

import numpy as np

from cqrs_sim.measurement.columns import stamps
from cqrs_sim.measurement.database_tables import WorkTable
from cqrs_sim.probe import Clock, WorkKind

NAT = -(2**63)
"""What NumPy's NaT is in int64: never."""


class Works:
    """What `probe.Probe` is told of work; lists, since nobody knows how much there will be."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._database: list[int] = []
        self._kind: list[int] = []
        self._read_model: list[int] = []
        self._submitted: list[int] = []
        self._begun: list[int] = []
        self._ended: list[int] = []

    def submit(self, database: int, kind: WorkKind, read_model: int) -> int:
        """See `Probe.work_submitted`."""
        self._database.append(database)
        self._kind.append(kind)
        self._read_model.append(read_model)
        self._submitted.append(self._clock.instant_ns)
        self._begun.append(NAT)
        self._ended.append(NAT)
        return len(self._submitted) - 1

    def begin(self, row: int) -> None:
        """See `Probe.work_begun`."""
        self._begun[row] = self._clock.instant_ns

    def end(self, row: int) -> None:
        """See `Probe.work_ended`."""
        self._ended[row] = self._clock.instant_ns

    def table(self) -> WorkTable:
        """All of it."""
        return WorkTable(
            database=np.array(self._database, np.int8),
            kind=np.array(self._kind, np.int8),
            read_model=np.array(self._read_model, np.int8),
            submitted=stamps(self._submitted),
            begun=stamps(self._begun),
            ended=stamps(self._ended),
        )
