"""Renamed customers: who shows their names, and what does not go together with that."""

from collections.abc import Iterator, Mapping

from cqrs_sim.scenario.deliveries import is_delivered_plainly
from cqrs_sim.scenario.enrichments import SHOW_NAMES
from cqrs_sim.scenario.parts import Customers, Load, ReadModel, Run, WriteSide
from cqrs_sim.scenario.units import format_duration, format_rate
from cqrs_sim.scenario.wording import joined

MOST_RENAMES = 10_000_000
"""More of them fit no memory."""


def showing_names(customers: Customers, read_models: Mapping[str, ReadModel]) -> frozenset[str]:
    """Read models that renames come to; none if nobody is renamed."""
    return frozenset(read_models).intersection(SHOW_NAMES if customers.rename_rate else ())


def of_customers(
    customers: Customers,
    run: Run | None,
    load: Load | None,
    write_side: WriteSide | None,
    read_models: Mapping[str, ReadModel] | None,
    store: str | None,
) -> Iterator[str]:
    """Renames of nobody, or that nobody could show, and rows that would not follow them."""
    rate = renames_of(customers)
    if customers.service.distribution == "real":
        yield (
            'customers.service.distribution = "real": it is another system; it needs a modelled '
            'time, such as {distribution = "exponential", mean = "1ms"}'
        )
    for name, model in (read_models or {}).items():
        yield from _of_rows(name, model)
    if not customers.rename_rate:
        return
    if run is not None and customers.rename_rate * run.duration / 1e9 > MOST_RENAMES:
        yield (
            f"{rate}: makes more than the {MOST_RENAMES:,} renames in run.duration that a run can "
            "hold; must be lower"
        )
    if load is not None and load.model == "replay":
        yield (
            f'{rate}: renames customers of workload, but load.model = "replay" has its own; must '
            'be "open" or "closed"'
        )
    if write_side is not None and write_side.keeps != "events":
        yield (
            f"{rate}: rows of the write side would keep old names; write_side.keeps = "
            f'"{write_side.keeps}" must be "events"'
        )
    if store == "sqlite":
        yield in_memory_only(customers)
    models = read_models or {}
    for name in sorted(showing_names(customers, models)):
        yield from _of_projector(rate, joined("read_models", name), models[name], write_side)


def renames_of(customers: Customers) -> str:
    """The key that makes renames, with its value."""
    return f'customers.rename_rate = "{format_rate(customers.rename_rate)}"'


def in_memory_only(customers: Customers) -> str:
    """The mistake of read models that could not be made again from the log of their orders."""
    return (
        f'{renames_of(customers)}: needs store = "memory"; a store makes its files again from its '
        "own log, which knows of no rename"
    )


def without_renames(read_models: Mapping[str, ReadModel], customers: Customers) -> dict[str, str]:
    """Why read models cannot be made again from the log of the orders, by name."""
    why = f"{renames_of(customers)}: a rebuild reads the log of the orders, which knows no names"
    return dict.fromkeys(sorted(showing_names(customers, read_models)), why)


def _of_rows(name: str, model: ReadModel) -> Iterator[str]:
    if model.rename_each and name not in SHOW_NAMES:
        each = format_duration(model.rename_each)
        yield (
            f'{joined("read_models", name)}.rename_each = "{each}": shows no names; only '
            f"{' and '.join(SHOW_NAMES)} have rows to rewrite"
        )


def _of_projector(
    rate: str, path: str, model: ReadModel, write_side: WriteSide | None
) -> Iterator[str]:
    """What the projector is not, or does not do, that takes renames between its events."""
    if model.form == "joined":
        yield f'{rate}: {path}.form = "joined" has no rows to put a name in; must be "view"'
    elif model.projection != "async":
        yield (
            f'{rate}: a projector shows renames, but {path}.projection = "{model.projection}"; '
            'must be "async"'
        )
    if model.rebuilds:
        yield (
            f"{path}.rebuilds: it would be rebuilt from its own log, which knows of no rename; "
            f"leave them out, or {rate}, which makes renames"
        )
    if model.enrichment is not None:
        yield f"{path}.enrichment: must be none, because of {rate}: names come by renames"
    if model.poll:
        poll = format_duration(model.poll)
        yield f'{path}.poll = "{poll}": must be 0s, because of {rate}: renames wake the projector'
    if write_side is not None and not is_delivered_plainly(write_side, model):
        yield (
            f"{rate}: {path} needs delivery, idempotent, crashes and write_side.publish as they "
            "are by default"
        )
