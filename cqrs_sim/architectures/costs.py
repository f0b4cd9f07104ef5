"""What each step costs, whoever takes it: the inputs that all architectures share.

The defaults are round numbers, chosen so that their ratios are those of an embedded SQL database:
a commit that must survive a power failure costs more than all statements in it, a join over tables
more than a look-up of a row made for the question, a scan more than either. They are no measurement
of anything; measured ones may stand in their place.
"""

from collections.abc import Iterator

import attrs

from cqrs_sim.scenario import units
from cqrs_sim.scenario.units import Count, Duration

_US = 1_000
_MS = 1_000_000


def _cost(default_ns: int) -> Duration:
    return units.duration(default_ns, minimum=0)


@attrs.frozen(kw_only=True)
class RowCosts:
    """To bring one row of a view up to date, or add it, by read model."""

    orders: Duration = _cost(100 * _US)  # noqa: RUF009 - an attrs field, not a default
    """With its indexes by customer and by status."""
    statistics: Duration = _cost(50 * _US)  # noqa: RUF009
    """A few totals."""
    search: Duration = _cost(200 * _US)  # noqa: RUF009
    """An entry for each word."""


@attrs.frozen(kw_only=True)
class QueryCosts:
    """To answer one query, by kind."""

    by_id: Duration = _cost(0)  # noqa: RUF009
    by_customer: Duration = _cost(0)  # noqa: RUF009
    by_status: Duration = _cost(0)  # noqa: RUF009
    statistics: Duration = _cost(0)  # noqa: RUF009


@attrs.frozen(kw_only=True)
class Costs:
    """All of them: modelled times, and how much a database does at once."""

    decide: Duration = _cost(50 * _US)  # noqa: RUF009
    """To judge a command by the order's state."""
    tables: Duration = _cost(200 * _US)  # noqa: RUF009
    """To change the order and its lines in normalised tables."""
    append: Duration = _cost(100 * _US)  # noqa: RUF009
    """To append one event to a log: a table that is only added to."""
    commit: Duration = _cost(500 * _US)  # noqa: RUF009
    """To commit a transaction so that it survives a power failure."""
    row: RowCosts = units.part(RowCosts)  # noqa: RUF009
    checkpoint: Duration = _cost(100 * _US)  # noqa: RUF009
    """To commit a view with its checkpoint: it can be made again, so it need not survive one."""
    join: QueryCosts = units.part(  # noqa: RUF009
        QueryCosts,
        lambda: QueryCosts(
            by_id=200 * _US, by_customer=800 * _US, by_status=2 * _MS, statistics=5 * _MS
        ),
    )
    """From normalised tables: a join of the order, its lines, customers and products."""
    view: QueryCosts = units.part(  # noqa: RUF009
        QueryCosts,
        lambda: QueryCosts(
            by_id=50 * _US, by_customer=150 * _US, by_status=400 * _US, statistics=100 * _US
        ),
    )
    """From rows that were made for the question."""
    cache_hit: Duration = _cost(10 * _US)  # noqa: RUF009
    """To answer from memory."""
    transport: Duration = _cost(2 * _MS)  # noqa: RUF009
    """For an event to get from one database to another."""
    replay: Duration = _cost(10 * _US)  # noqa: RUF009
    """To read one event and fold it into an order's state."""
    connections: Count = units.count(4, maximum=1024)  # noqa: RUF009
    """Of each database."""


@attrs.frozen
class CostRow:
    """One cost, as it is printed."""

    name: str
    value: int
    """Nanoseconds, or a count."""
    is_duration: bool
    meaning: str


_MEANINGS = {
    "decide": "judge a command by the order's state",
    "tables": "change the order and its lines in normalised tables",
    "append": "append one event to a log",
    "commit": "commit a transaction so that it survives a power failure",
    "row.orders": "bring a row of the view `orders` up to date",
    "row.statistics": "bring the view `statistics` up to date",
    "row.search": "bring an entry of the view `search` up to date",
    "checkpoint": "commit a view with its checkpoint; it can be made again",
    "join.by_id": "one order, joined from normalised tables",
    "join.by_customer": "a customer's orders, joined",
    "join.by_status": "the orders in a status, joined",
    "join.statistics": "totals, by a scan of the tables",
    "view.by_id": "one order, from a row made for it",
    "view.by_customer": "a customer's orders, from such rows",
    "view.by_status": "the orders in a status, from such rows",
    "view.statistics": "totals that are kept",
    "cache_hit": "an answer that was kept in memory",
    "transport": "an event on its way from one database to another",
    "replay": "read one event and fold it into an order's state",
    "connections": "of each database: how much it does at once",
}


def cost_rows(costs: Costs) -> tuple[CostRow, ...]:
    """Every cost by its path, in order, with what it is for."""
    return tuple(
        CostRow(path, value, path != "connections", _MEANINGS[path])
        for path, value in _values(costs, "")
    )


def _values(table: attrs.AttrsInstance, parent: str) -> Iterator[tuple[str, int]]:
    for field in attrs.fields(type(table)):
        value = getattr(table, field.name)
        if attrs.has(type(value)):
            yield from _values(value, f"{parent}{field.name}.")
        else:
            yield f"{parent}{field.name}", value
