"""Where the modelled work of each stage is done.

A stage has servers of its own (one for each actor, one for each query), or waits for a processor
that all stages share (`run.processors`), or for a connection of a database that some of them share
(`databases`). Work in a database is told to the probe, piece by piece: nothing else in a trace says
how long a stage worked, and how long it waited for others.
"""

import attrs

from cqrs_sim.actors.kernel import Kernel, Rank
from cqrs_sim.actors.pauses import Work
from cqrs_sim.actors.processors import Processors
from cqrs_sim.actors.turns import Turns
from cqrs_sim.probe import NO_READ_MODEL, Probe, WorkKind
from cqrs_sim.scenario.scenario import Scenario

_KINDS = {
    Rank.WRITE: WorkKind.WRITE,
    Rank.READ: WorkKind.APPLY,
    Rank.QUERY: WorkKind.ANSWER,
}


class WorkPlaces:
    """The servers of one run."""

    def __init__(self, scenario: Scenario, kernel: Kernel, probe: Probe) -> None:
        count = scenario.run.processors
        self.are_turns = scenario.run.discipline == "turns" and kernel.clock.is_virtual
        """Whether the stages share one processor as the wall clock's thread is shared."""
        self._alone: Work = Processors(kernel, count).work if count else kernel.sleep
        if self.are_turns:
            self._alone = Turns(kernel).work
        self._scenario = scenario
        self._probe = probe
        self._databases = {
            name: (index, Processors(kernel, database.connections))
            for index, (name, database) in enumerate(scenario.databases.items())
        }
        self._read_models = tuple(scenario.read_models)

    def of_write_side(self) -> Work:
        """Where order actors work, on commands and on questions."""
        return self._in(self._scenario.write_side.database, NO_READ_MODEL) or self._alone

    def of_projector(self, name: str) -> Work:
        """Where the projector of a read model works."""
        return self.of_answers(name) or self._alone

    def of_answers(self, name: str) -> Work | None:
        """Where a read model answers; None: each query has a server of its own."""
        database = self._scenario.read_models[name].database
        place = self._in(database, self._read_models.index(name))
        return self._alone if place is None and self.are_turns else place

    def _in(self, database: str | None, read_model: int) -> Work | None:
        if database is None:
            return None
        index, connections = self._databases[database]
        return connections.noted(_Ledger(self._probe, index, read_model))


@attrs.frozen
class _Ledger:
    """What one stage does in one database; an `actors.processors.Ledger`."""

    probe: Probe
    database: int
    read_model: int

    def submitted(self, rank: int) -> int:
        """See `Ledger`."""
        return self.probe.work_submitted(self.database, _KINDS[rank], self.read_model)

    def begun(self, row: int) -> None:
        """See `Ledger`."""
        self.probe.work_begun(row)

    def ended(self, row: int) -> None:
        """See `Ledger`."""
        self.probe.work_ended(row)
