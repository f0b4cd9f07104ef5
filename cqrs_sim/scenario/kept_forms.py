"""What the write side keeps, in what form a read model is, and which keys then have no meaning."""

from collections.abc import Iterator, Mapping

from cqrs_sim.scenario.parts import ReadModel, WriteSide
from cqrs_sim.scenario.units import format_duration
from cqrs_sim.scenario.wording import joined


def of_kept(side: WriteSide) -> Iterator[str]:
    """An order that comes back from its rows has no events to be read, nor to be shortened."""
    if side.keeps == "events":
        return
    keeps = f'write_side.keeps = "{side.keeps}": an order comes back from its rows'
    if side.snapshot_every:
        yield f"write_side.snapshot_every = {side.snapshot_every}: must be 0, because {keeps}"
    if side.replay:
        yield f'write_side.replay = "{format_duration(side.replay)}": must be 0s, because {keeps}'


def of_forms(side: WriteSide, read_models: Mapping[str, ReadModel]) -> Iterator[str]:
    """Who follows the log needs one, and what joins rows needs rows."""
    for name, model in read_models.items():
        path = joined("read_models", name)
        if side.keeps == "rows" and model.projection == "async":
            yield (
                f'{path}.projection = "async": a projector follows events, and write_side.keeps = '
                '"rows" keeps none; must be "inline" or "task", or keep "both"'
            )
        if model.form == "view":
            continue
        form = f'{path}.form = "{model.form}"'
        if side.keeps == "events":
            yield (
                f"{form}: joins the rows of the write side, but write_side.keeps = "
                '"events"; must be "rows" or "both"'
            )
        if model.projection != "inline":
            yield (
                f'{path}.projection = "{model.projection}": must be "inline", because {form}: the '
                "rows are written in the commit itself"
            )
        if model.service.mean:
            mean = format_duration(model.service.mean)
            yield (
                f'{path}.service.mean = "{mean}": must be 0s, because {form}: there is nothing to '
                "be updated"
            )
