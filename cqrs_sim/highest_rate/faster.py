"""A stage made faster: the scenario with one time of it shortened."""

import attrs

from cqrs_sim.analysis.databases import is_database
from cqrs_sim.analysis.saturation import WRITE_SIDE
from cqrs_sim.scenario.scenario import Scenario

FACTOR = 0.9


def shortened(
    scenario: Scenario, stage: str, factor: float = FACTOR
) -> tuple[Scenario, str] | None:
    """The scenario with a stage's time cut to a share of what it was, and the key of that time.

    Its service, or an answer that it waits for if that is longer, or if neither takes any, its
    checkpoint; None if the stage takes no time at all.
    """
    if stage == WRITE_SIDE:
        side = scenario.write_side
        if not side.service.mean:
            return None
        service = attrs.evolve(side.service, mean=round(side.service.mean * factor))
        faster = attrs.evolve(side, service=service)
        return attrs.evolve(scenario, write_side=faster), "write_side.service.mean"
    if is_database(stage):
        return None  # It has no time of its own: what is done in it are the stages' times.
    model = scenario.read_models[stage]
    key = "service.mean" if model.service.mean else "checkpoint"
    asked = model.enrichment
    if asked is not None and asked.service.mean > model.service.mean:
        key = "enrichment.service.mean"
        answers = attrs.evolve(asked.service, mean=round(asked.service.mean * factor))
        changed = attrs.evolve(model, enrichment=attrs.evolve(asked, service=answers))
    elif model.service.mean:
        service = attrs.evolve(model.service, mean=round(model.service.mean * factor))
        changed = attrs.evolve(model, service=service)
    elif model.checkpoint:
        changed = attrs.evolve(model, checkpoint=round(model.checkpoint * factor))
    else:
        return None
    models = {**scenario.read_models, stage: changed}
    return attrs.evolve(scenario, read_models=models), f"read_models.{stage}.{key}"
