"""Enrichment: which read models have something to ask for, and can be made again afterwards."""

from collections.abc import Iterator, Mapping

from cqrs_sim.scenario.parts import Enrichment, ReadModel, Workload
from cqrs_sim.scenario.wording import joined

SHOW_NAMES = ("orders", "search")
"""Read models whose rows show the name of a customer."""


def may_fail(enrichment: Enrichment | None) -> bool:
    """Whether a row may be left without the name that was asked for."""
    return enrichment is not None and (enrichment.failure > 0 or enrichment.timeout > 0)


def of_enrichments(
    read_models: Mapping[str, ReadModel], workload: Workload | None, store: str | None
) -> Iterator[str]:
    """Read models that ask for nothing, at no time, or for what they must not get another time."""
    for name, model in read_models.items():
        if model.enrichment is None:
            continue
        path = joined("read_models", name)
        key = f"{path}.enrichment"
        if name not in SHOW_NAMES:
            yield f"{key}: shows no names; only {' and '.join(SHOW_NAMES)} have some to ask for"
        if model.enrichment.service.distribution == "real":
            yield (
                f'{key}.service.distribution = "real": there is no other system to be asked; it '
                'needs a modelled time, such as {distribution = "exponential", mean = "1ms"}'
            )
        if model.form == "joined":
            yield f'{key}: has no rows of its own to put a name in, because {path}.form = "joined"'
        elif model.projection != "async":
            yield (
                f"{key}: a projector asks, but {path}.projection = "
                f'"{model.projection}"; must be "async"'
            )
        if workload is not None and workload.kind == "amendments":
            yield (
                f'{key}: a new order is asked for, but workload.kind = "amendments" makes all '
                'orders before the run; must be "lifecycle"'
            )
        if model.rebuilds:
            yield from unrepeatable(name, model, "a rebuild asks again for each order")
    if store == "sqlite":
        yield from unnamed_in_a_store(read_models)


def unnamed_in_a_store(read_models: Mapping[str, ReadModel]) -> Iterator[str]:
    """A store can make its read models anew at any time, from nothing but its log."""
    for name, model in read_models.items():
        yield from unrepeatable(name, model, "a store makes its files again from its log")


def unrepeatable(name: str, model: ReadModel, why: str) -> Iterator[str]:
    """A read model that is made a second time must come to the same names.

    Args:
        name: of the read model.
        model: its settings.
        why: it is made again.
    """
    enrichment = model.enrichment
    if enrichment is None or not may_fail(enrichment):
        return
    key = "failure" if enrichment.failure else "timeout"
    yield (
        f"{joined('read_models', name)}.enrichment.{key}: must be 0, because {why}, and what was "
        "not told the first time may be told then"
    )
