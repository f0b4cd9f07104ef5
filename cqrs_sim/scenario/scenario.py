"""The scenario: one frozen object that says everything about a run but its engine and its seed.

Made of one class a table of the TOML file. Each field's validator states its range, so an invalid
scenario cannot be made, in Python or from a file; `scenario.reading` runs the same validators on a
file and reports all mistakes at once. The parts are defined in `scenario.parts` and named here too,
so that whoever builds a scenario finds everything in one place.
"""

# ruff: noqa: RUF009 - the makers of `scenario.units` return attrs fields, not defaults.

import attrs

from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.scenario import units
from cqrs_sim.scenario.contradictions import contradictions_among
from cqrs_sim.scenario.customers import showing_names
from cqrs_sim.scenario.parts import (
    READ_MODEL_NAMES,
    ArrivalProcess,
    CommandHandling,
    Crash,
    Customers,
    Database,
    Delivery,
    Distribution,
    Durability,
    Enrichment,
    Form,
    Keeps,
    Load,
    LoadModel,
    Log,
    MailboxPolicy,
    Pause,
    PlannedRebuild,
    Popularity,
    Projection,
    Publish,
    Queries,
    QueryCache,
    QueryMix,
    QueryServices,
    QueryStrategies,
    RateSegment,
    ReadModel,
    ReadStrategy,
    Retry,
    Run,
    Service,
    StoreKind,
    Workload,
    WorkloadKind,
    WriteSide,
)
from cqrs_sim.scenario.units import Rate, Text

__all__ = [
    "READ_MODEL_NAMES",
    "ArrivalProcess",
    "CommandHandling",
    "Crash",
    "Customers",
    "Database",
    "Delivery",
    "Distribution",
    "Durability",
    "Enrichment",
    "Form",
    "Keeps",
    "Load",
    "LoadModel",
    "Log",
    "MailboxPolicy",
    "Pause",
    "PlannedRebuild",
    "Popularity",
    "Projection",
    "Publish",
    "Queries",
    "QueryCache",
    "QueryMix",
    "QueryServices",
    "QueryStrategies",
    "RateSegment",
    "ReadModel",
    "ReadStrategy",
    "Retry",
    "Run",
    "Scenario",
    "Service",
    "StoreKind",
    "Workload",
    "WorkloadKind",
    "WriteSide",
    "contradictions",
]


@attrs.frozen(kw_only=True)
class Scenario:
    """A whole experiment, ready to run."""

    name: Text = units.text("unnamed", minimum=1)
    description: Text = units.text("", maximum=1000, multiline=True)
    thresholds: tuple[str, ...] = units.texts()
    """What the run must come to, such as "lag.orders.p99 < 50ms"."""
    store: StoreKind = units.choice("memory", StoreKind)
    """Where the event log is kept: in memory, or in an SQLite database too."""
    run: Run = units.part(Run)
    load: Load = units.part(Load, lambda: Load(rate=Rate(100.0)))
    workload: Workload = units.part(Workload)
    queries: Queries = units.part(Queries)
    log: Log = units.part(Log)
    write_side: WriteSide = units.part(WriteSide)
    read_models: dict[str, ReadModel] = units.named(ReadModel, lambda: {"orders": ReadModel()})
    """By name: `orders`, `statistics`, `search`; in the order of the file."""
    customers: Customers = units.part(Customers)
    """Another system, whose names the rows of `orders` and `search` show."""
    databases: dict[str, Database] = units.named(Database, dict)
    """By any name: what `write_side.database` and `read_models.NAME.database` may be."""

    def __attrs_post_init__(self) -> None:
        mistakes = contradictions(self)
        if mistakes:
            raise InvalidScenarioError(mistakes)

    @property
    def batches(self) -> dict[str, tuple[int, int]]:
        """By read model: most events taken at once, and at multiples of how many nanoseconds.

        A channel that is smaller than a batch gives no full ones.
        """
        return {
            name: (min(model.batch, model.channel), model.poll)
            for name, model in self.read_models.items()
        }

    @property
    def asking(self) -> dict[str, Enrichment]:
        """What read models ask another system, by name; nothing of those that do not."""
        models = self.read_models.items()
        return {name: one.enrichment for name, one in models if one.enrichment is not None}

    @property
    def renaming(self) -> frozenset[str]:
        """Read models that show renames of customers; none if nobody is renamed."""
        return showing_names(self.customers, self.read_models)

    @property
    def unordered(self) -> frozenset[str]:
        """Read models to which a task for each event brings it, in no order."""
        return frozenset(n for n, model in self.read_models.items() if model.projection == "task")

    @property
    def mending(self) -> frozenset[str]:
        """Read models whose tasks take the events of an order in order, whenever they come."""
        return frozenset(n for n, model in self.read_models.items() if model.on_gap != "ignore")

    @property
    def connections(self) -> dict[str, int]:
        """By database that stages share."""
        return {name: database.connections for name, database in self.databases.items()}


def contradictions(scenario: Scenario) -> list[str]:
    """What no single field shows to be wrong; one line a mistake, empty if none."""
    return contradictions_among(
        run=scenario.run,
        load=scenario.load,
        workload=scenario.workload,
        log=scenario.log,
        queries=scenario.queries,
        write_side=scenario.write_side,
        read_models=scenario.read_models,
        customers=scenario.customers,
        databases=scenario.databases,
        store=scenario.store,
    )
