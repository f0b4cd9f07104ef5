"""Limits: what a rate must keep to count as held, and the scenarios that can be asked.

A limit is an upper one on any number of the summary. A scenario is searched along `load.rate`, so
it must have one: with waiting clients the system itself sets the rate.
"""

from collections.abc import Sequence

import attrs

from cqrs_sim.analysis.metrics import Unit, metric
from cqrs_sim.analysis.samples import ANSWERED, SEEN
from cqrs_sim.analysis.saturation import WRITE_SIDE
from cqrs_sim.analysis.thresholds import OPEN, Threshold, parse_thresholds
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.scenario.scenario import Scenario
from cqrs_sim.scenario.wording import shown
from cqrs_sim.simulation import template_of

EXAMPLE = '--slo "lag.orders.p99 < 250ms"'
UPPER = ("<", "<=")


@attrs.frozen
class Limit:
    """An upper limit on a metric."""

    expression: str
    """As it was written."""
    name: str
    """Of the metric, without units."""
    whole_name: str
    """With units: its path in the summary."""
    value: float
    """What it must stay below, in seconds, per second, or bare."""
    unit: Unit

    @property
    def stage(self) -> str | None:
        """The stage whose time it limits; None if it is of no one stage."""
        group, *rest = self.whole_name.split(".")
        if group in ANSWERED:
            return WRITE_SIDE
        return rest[0] if group in SEEN and rest else None


def checked_limits(texts: Sequence[str], scenario: Scenario) -> tuple[Limit, ...]:
    """The limits of texts such as "lag.orders.p99 < 250ms".

    Raises:
        InvalidScenarioError: one line a mistake: no limit, no upper one, or a metric that the
            summary of the scenario does not have.
    """
    if isinstance(texts, str):
        texts = [texts]
    if not texts:
        raise InvalidScenarioError([f"--slo: needs a limit, such as {EXAMPLE}"])
    template = template_of(scenario)
    thresholds = parse_thresholds(texts, template, "--slo")
    mistakes = [mistake for threshold in thresholds if (mistake := _why_none(threshold))]
    if mistakes:
        raise InvalidScenarioError(mistakes)
    limits = []
    for threshold in thresholds:
        found = metric(template, threshold.name)
        limits.append(
            Limit(
                expression=threshold.expression,
                name=found.name,
                whole_name=found.whole_name,
                value=threshold.limit.number,
                unit=found.unit,
            )
        )
    return tuple(limits)


def _why_none(threshold: Threshold) -> str:
    """Why no rate can be searched by a threshold; empty if one can."""
    told = f"--slo {shown(threshold.expression, 80)}"
    if threshold.comparison not in UPPER:
        return f"{told}: must be an upper limit, with < or <=, such as {EXAMPLE}"
    if threshold.name.split(".")[0] in OPEN:
        return f"{told}: must be of the system, not of the load generator"
    return ""


def refuse_unsearchable(scenario: Scenario) -> None:
    """Refuse a scenario without a rate that could be higher.

    Raises:
        InvalidScenarioError: one line that names the key.
    """
    load = scenario.load
    if load.model == "open" and load.rate is not None:
        return
    if load.model == "open":
        mistake = f"load.profile = {len(load.profile)} segments"
    else:
        mistake = f'load.model = "{load.model}"'
    raise InvalidScenarioError(
        [f'{mistake}: the highest rate is searched along load.rate: must be "open" with a rate']
    )


def at_rate(scenario: Scenario, rate_per_s: float) -> Scenario:
    """The same scenario at another rate.

    Its draws stay the same: arrivals move closer together, and nothing else changes. That is what
    makes what it comes to a smooth function of the rate (common random numbers).
    """
    return attrs.evolve(scenario, load=attrs.evolve(scenario.load, rate=rate_per_s))
