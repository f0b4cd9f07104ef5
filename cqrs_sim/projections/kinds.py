"""The read models: each in memory, and the tables of it in a store, which must equal that."""

from collections.abc import Callable, Iterable
from pathlib import Path

import attrs

from cqrs_sim.domain.events import Event
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.read_side.names import NameOf, derived_name
from cqrs_sim.read_side.orders import OrdersReadModel
from cqrs_sim.read_side.projector import ReadModel
from cqrs_sim.read_side.search import SearchReadModel
from cqrs_sim.read_side.sqlite.orders import OrderTables
from cqrs_sim.read_side.sqlite.search import SearchTables
from cqrs_sim.read_side.sqlite.statistics import StatisticsTables
from cqrs_sim.read_side.sqlite.stored import ReadModelTables
from cqrs_sim.read_side.statistics import StatisticsReadModel
from cqrs_sim.tables.batches import batches
from cqrs_sim.tables.connection import Connection

BATCH = 1000
"""Events shown at once: one transaction."""


@attrs.frozen
class Kind:
    """One read model."""

    name: str
    tables: Callable[[Connection], ReadModelTables]
    _memory: Callable[[NameOf], ReadModel]

    def memory(self, name_of: NameOf = derived_name) -> ReadModel:
        """An empty one in memory; by such, with derived names, the tables are judged."""
        return self._memory(name_of)

    def file_in(self, folder: Path) -> Path:
        """Its file in the folder of a store."""
        return folder / f"{self.name}.db"

    def half_built_in(self, folder: Path) -> Path:
        """Where it is made anew; what stands there is half built, and nobody reads it."""
        return folder / f"{self.name}.db.rebuilding"

    def retired_in(self, folder: Path, number: int) -> Path:
        """Where a file stays that was replaced in a run, until the two were compared."""
        return folder / f"{self.name}.db.retired-{number}"


KINDS = {
    "orders": Kind("orders", OrderTables, OrdersReadModel),
    "statistics": Kind("statistics", StatisticsTables, lambda _: StatisticsReadModel()),
    "search": Kind("search", SearchTables, SearchReadModel),
}


def kind_of(name: str) -> Kind:
    """The read model of a name.

    Raises:
        InvalidScenarioError: if there is none.
    """
    if name not in KINDS:
        raise InvalidScenarioError([f"no read model {name!r}; there are: {', '.join(KINDS)}"])
    return KINDS[name]


def rebuilt(
    name: str,
    events: Iterable[Event],
    *,
    batch: int = BATCH,
    told: Callable[[int], None] | None = None,
) -> ReadModel:
    """A read model in memory that shows these events, from the first one on.

    Args:
        name: of the read model.
        events: in the order of their positions.
        batch: after how many events `told` is called.
        told: is told how many events are done; at what rate is for whoever has a clock.

    Raises:
        InvalidScenarioError: if there is no such read model.
    """
    model, done = kind_of(name).memory(), 0
    for some in batches(events, batch):
        for event in some:
            model.apply(event)
        done += len(some)
        if told is not None:
            told(done)
    return model
