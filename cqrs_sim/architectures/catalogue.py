"""The architectures: a base scenario and shared costs in, the scenario of one architecture out.

From the base come load, workload, run, and what is asked how; everything else is the architecture.
Times of several steps that one stage takes are added up and drawn as one exponential time. All have
an event log in memory, since a trace is made of it; only who appends to a log as part of the design
pays for that, and keeps it on disk.
"""

from collections.abc import Callable
from typing import TypeAlias

import attrs

from cqrs_sim.architectures.costs import Costs, QueryCosts
from cqrs_sim.scenario.scenario import (
    Database,
    Form,
    Keeps,
    Load,
    Projection,
    Publish,
    Queries,
    QueryCache,
    QueryMix,
    QueryServices,
    ReadModel,
    Run,
    Scenario,
    Service,
    Workload,
    WriteSide,
)
from cqrs_sim.scenario.units import Rate

_S = 1_000_000_000
MAIN = "main"
"""The database that the write side works in."""
VIEWS = "views"
"""The one of the read side, where it has one of its own."""
DATABASE_OF = {"orders": "queries", "statistics": "reporting", "search": "search"}
"""By read model, where each has its own."""
BATCH = 16
"""Most events that a projector applies in one transaction."""
TTL_NS = 500_000_000
SNAPSHOT_EVERY = 100
"""Events of an order, where it is made of them: so few that most orders never have one."""

BASE = Scenario(
    name="base",
    run=Run(duration=20 * _S, warm_up=2 * _S, drain=5 * _S),
    load=Load(rate=Rate(2000.0)),
    workload=Workload(orders=50, customers=100),
    queries=Queries(
        share=0.5,
        sessions=50,
        mix=QueryMix(by_id=6.0, by_customer=2.0, by_status=1.0, statistics=1.0),
    ),
    read_models={name: ReadModel() for name in DATABASE_OF},
)
"""A load at which every architecture keeps up, and CRUD is busy less than half of its time."""

Architecture: TypeAlias = Callable[[Scenario, Costs], Scenario]


def crud(base: Scenario, costs: Costs) -> Scenario:
    """One model: commands and queries work on the same normalised tables."""
    free = dict.fromkeys(DATABASE_OF, 0)
    return _built(
        base,
        costs,
        name="crud",
        description="The control: reads and writes on the same normalised tables.",
        write=costs.decide + costs.tables + costs.commit,
        # The read models are ways to ask those tables: what a command has written is what is read.
        keeps="rows",
        read_models=_inline(free, "joined"),
        answers=costs.join,
        databases=(MAIN,),
    )


def simple(base: Scenario, costs: Costs) -> Scenario:
    """Two models in one database: each command updates tables and views in its transaction."""
    return _built(
        base,
        costs,
        name="simple",
        description="Views in the same database, updated in the write's own transaction.",
        write=costs.decide + costs.tables + costs.commit,
        keeps="rows",
        read_models=_inline(attrs.asdict(costs.row)),
        answers=costs.view,
        databases=(MAIN,),
    )


def event_sourced(base: Scenario, costs: Costs) -> Scenario:
    """An order is its events: the log is the write model, and views follow it in its database."""
    scenario = _built(
        base,
        costs,
        name="event_sourced",
        description="A log in place of tables; views in the same database follow it.",
        write=costs.decide + costs.append + costs.commit,
        keeps="events",
        read_models=_projected(costs, dict.fromkeys(DATABASE_OF, MAIN)),
        answers=costs.view,
        databases=(MAIN,),
    )
    return _rehydrated(scenario, costs)


def separate(base: Scenario, costs: Costs) -> Scenario:
    """Two databases: the write side's tables, with an outbox, and the views that follow it."""
    return _built(
        base,
        costs,
        name="separate",
        description="A database of its own for the read side, which follows the write side.",
        write=costs.decide + costs.tables + costs.append + costs.commit,
        keeps="both",
        read_models=_projected(costs, dict.fromkeys(DATABASE_OF, VIEWS), costs.transport),
        answers=costs.view,
        databases=(MAIN, VIEWS),
    )


def multiple(base: Scenario, costs: Costs) -> Scenario:
    """A database for each read model, behind a cache of answers."""
    scenario = _built(
        base,
        costs,
        name="multiple",
        description="Three read databases (queries, reporting, search), and a cache of answers.",
        write=costs.decide + costs.tables + costs.append + costs.commit,
        keeps="both",
        read_models=_projected(costs, DATABASE_OF, costs.transport),
        answers=costs.view,
        databases=(MAIN, *DATABASE_OF.values()),
    )
    cache = QueryCache(ttl=TTL_NS, service=_time(costs.cache_hit))
    return attrs.evolve(scenario, queries=attrs.evolve(scenario.queries, cache=cache))


def tutorial(base: Scenario, costs: Costs) -> Scenario:
    """The mechanism of many tutorials: a task for each event, in no order, at most once.

    There is no search: such a text has orders, and statistics over them.
    """
    rows = costs.row
    task: Projection = "task"
    return _built(
        base,
        costs,
        name="tutorial",
        description="A task for each event and read model, in no order and at most once.",
        write=costs.decide + costs.tables + costs.commit,
        keeps="rows",
        publish="dual_write",
        read_models={
            # Each task commits what it changed by itself.
            name: ReadModel(projection=task, service=_time(row + costs.checkpoint), database=VIEWS)
            for name, row in (("orders", rows.orders), ("statistics", rows.statistics))
        },
        answers=costs.view,
        databases=(MAIN, VIEWS),
    )


ARCHITECTURES: dict[str, Architecture] = {
    "crud": crud,
    "simple": simple,
    "event_sourced": event_sourced,
    "separate": separate,
    "multiple": multiple,
    "tutorial": tutorial,
}
"""By name: the control, then by how many parts they have, and the anti-pattern."""


def _built(
    base: Scenario,
    costs: Costs,
    *,
    name: str,
    description: str,
    write: int,
    keeps: Keeps,
    publish: Publish = "log_first",
    read_models: dict[str, ReadModel],
    answers: QueryCosts,
    databases: tuple[str, ...],
) -> Scenario:
    own = attrs.asdict(answers)
    services = QueryServices(**{kind: _time(cost) for kind, cost in own.items()})
    return Scenario(
        name=name,
        description=description,
        thresholds=base.thresholds,
        run=base.run,
        load=base.load,
        workload=base.workload,
        queries=attrs.evolve(
            base.queries, service=Service(), services=services, cache=QueryCache()
        ),
        write_side=WriteSide(
            service=_time(write),
            keeps=keeps,
            publish=publish,
            mailbox=base.write_side.mailbox,
            policy=base.write_side.policy,
            passivate_after=base.write_side.passivate_after,
            database=MAIN,
        ),
        read_models=read_models,
        databases={name: Database(connections=costs.connections) for name in databases},
    )


def _inline(row_costs: dict[str, int], form: Form = "view") -> dict[str, ReadModel]:
    """Read models that the write's transaction updates, or whose rows it writes anyway."""
    inline: Projection = "inline"
    return {
        name: ReadModel(projection=inline, form=form, service=_time(cost), database=MAIN)
        for name, cost in row_costs.items()
    }


def _projected(
    costs: Costs, database_of: dict[str, str], transport: int = 0
) -> dict[str, ReadModel]:
    """Read models that follow the log, each in its database."""
    rows: dict[str, int] = attrs.asdict(costs.row)
    return {
        name: ReadModel(
            service=_time(rows[name]),
            transport=transport,
            batch=BATCH,
            checkpoint=costs.checkpoint,
            database=database,
        )
        for name, database in database_of.items()
    }


def _rehydrated(scenario: Scenario, costs: Costs) -> Scenario:
    """With what it takes to bring an order back from its events, or those behind a snapshot."""
    side = attrs.evolve(scenario.write_side, replay=costs.replay, snapshot_every=SNAPSHOT_EVERY)
    return attrs.evolve(scenario, write_side=side)


def _time(mean_ns: int) -> Service:
    return Service(distribution="exponential", mean=mean_ns) if mean_ns else Service()
