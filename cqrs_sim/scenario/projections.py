"""Who updates a read model, and which keys of it then have no meaning."""

from collections.abc import Iterator, Mapping

import attrs

from cqrs_sim.scenario.enrichments import unrepeatable
from cqrs_sim.scenario.parts import ReadModel, WriteSide
from cqrs_sim.scenario.wording import joined

OF_A_PROJECTOR = (
    *("transport", "channel", "batch", "checkpoint", "poll", "pauses"),
    *("delivery", "idempotent", "crashes", "rebuilds"),
)
"""Keys of what only a projector has: a way to it, a channel, batches, checkpoints, its own time."""

_WHY = {
    "inline": "the order actor updates it within the commit",
    "task": "each event is handed to a task of its own",
}


def of_projections(
    read_models: Mapping[str, ReadModel], write_side: WriteSide | None
) -> Iterator[str]:
    """Keys of a projector where there is none, and a transaction over two databases."""
    defaults = attrs.fields_dict(ReadModel)
    for name, model in read_models.items():
        if model.projection == "async":
            continue
        if model.projection == "task" and name == "search":
            yield (
                'read_models.search.projection = "task": only orders and statistics are known in '
                "the careless form that tasks update; leave it async"
            )
        path, why = joined("read_models", name), _WHY[model.projection]
        projection = f'{path}.projection = "{model.projection}"'
        for key in OF_A_PROJECTOR:
            if getattr(model, key) != defaults[key].default:
                yield f"{path}.{key}: belongs to a projector, but {projection}: {why}"
        if (
            model.projection == "inline"
            and write_side is not None
            and model.database != write_side.database
        ):
            yield (
                f"{path}.database = {_named(model.database)}: must be write_side.database = "
                f"{_named(write_side.database)}, because {projection}: {why}"
            )


def of_gaps(read_models: Mapping[str, ReadModel], write_side: WriteSide | None) -> Iterator[str]:
    """Gaps where events come in order, and events to be fetched where none are kept."""
    for name, model in read_models.items():
        if model.on_gap == "ignore":
            continue
        path = joined("read_models", name)
        on_gap = f'{path}.on_gap = "{model.on_gap}"'
        if model.projection != "task":
            yield (
                f'{on_gap}: belongs to tasks, but {path}.projection = "{model.projection}": there '
                "the events of an order come in order"
            )
        elif model.on_gap == "fetch" and write_side is not None and write_side.keeps == "rows":
            yield (
                f'{on_gap}: reads events from the log, and write_side.keeps = "rows" keeps none; '
                'must be "buffer", or keep "events" or "both"'
            )


def not_rebuilt(read_models: Mapping[str, ReadModel]) -> dict[str, str]:
    """Why a read model cannot be rebuilt beside itself, by name; nothing of those that can."""
    found: dict[str, str] = {}
    for name, model in read_models.items():
        path = joined("read_models", name)
        if model.projection != "async":
            found[name] = (
                f'{path}.projection = "{model.projection}": {_WHY[model.projection]}, so no '
                'projector could rebuild it beside itself; it must be "async"'
            )
        if model.index == "list":
            found[name] = f'{path}.index = "list": it would be rebuilt as a set; it must be "set"'
        for mistake in unrepeatable(name, model, "a rebuild asks again for each order"):
            found[name] = mistake
    return found


def _named(database: str | None) -> str:
    return "none" if database is None else f'"{database}"'
