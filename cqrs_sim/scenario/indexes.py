"""An index that is a list: where it is modelled, and what it does not go together with."""

from collections.abc import Iterator, Mapping

from cqrs_sim.scenario.deliveries import is_delivered_plainly
from cqrs_sim.scenario.parts import ReadModel, WriteSide
from cqrs_sim.scenario.units import format_duration
from cqrs_sim.scenario.wording import joined


def of_indexes(read_models: Mapping[str, ReadModel], write_side: WriteSide | None) -> Iterator[str]:
    """A list is kept by a projector of `orders` that nothing interferes with."""
    for name, model in read_models.items():
        path = joined("read_models", name)
        each = f'{path}.search_each = "{format_duration(model.search_each)}"'
        index = f'{path}.index = "list"'
        if name != "orders" and (model.search_each or model.index == "list"):
            key = index if model.index == "list" else each
            yield f"{key}: only orders has an index by status; leave it out"
        if model.index == "set":
            continue
        if model.projection != "async":
            yield f'{index}: needs a projector, but {path}.projection = "{model.projection}"'
        if model.rebuilds:
            yield f"{path}.rebuilds: a read model with {index} has none; leave one of them out"
        if model.search_each and model.service.distribution == "real":
            yield (
                f'{each}: must be 0s, because {path}.service.distribution = "real": there the '
                "search itself takes the time"
            )
        if write_side is not None and not is_delivered_plainly(write_side, model):
            yield (
                f"{index}: needs delivery, idempotent, crashes and write_side.publish as they are "
                "by default"
            )
