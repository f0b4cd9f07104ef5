"""From stage times to a scenario: this machine's thread as one processor.

All actors of the wall engine share a thread, so the scenario has `processors = 1`, and because
they take turns at it, `discipline = "turns"`. A stage is lognormal with the mean and the
coefficient of variation that it had: skewed to the right and never below 0, as times of work are.
The spread matters: what a mean does to a queue depends on it (Pollaczek and Khinchine's formula has
1 + cv^2), and where every stage took its mean, half of all lags would be one and the same.
"""

from collections.abc import Mapping

import attrs

from cqrs_sim.calibration import stages
from cqrs_sim.calibration.stages import StageTime
from cqrs_sim.scenario.parts import QueryServices
from cqrs_sim.scenario.reading import to_toml
from cqrs_sim.scenario.scenario import Scenario, Service
from cqrs_sim.scenario.units import Count, Duration, Real, Text

LEAST_CV, MOST_CV = 0.02, 5.0
"""Below the least a stage is constant; a scenario allows no more than the most."""

QUERY_KINDS = {
    "by_id": "GetOrderById",
    "by_customer": "GetOrdersByCustomer",
    "by_status": "GetOrdersByStatus",
    "statistics": "GetOrderStatistics",
}
"""Key of the scenario: name of the kind in a trace."""


def calibrated(real: Scenario, times: Mapping[str, StageTime]) -> Scenario:
    """The scenario whose stages take what was measured.

    Args:
        real: what was measured, its load included.
        times: by name of stage, see `stages`; one that is missing takes no time.
    """
    run = attrs.evolve(
        real.run, processors=Count(1), discipline="turns", settle=_mean(times, stages.SETTLE)
    )
    models = {
        name: attrs.evolve(
            model,
            service=service_of(times, stages.read_model(name)),
            checkpoint=_mean(times, stages.checkpoint(name)),
        )
        for name, model in real.read_models.items()
    }
    kinds = {key: kind for key, kind in QUERY_KINDS.items() if stages.query(kind) in times}
    services = {key: service_of(times, stages.query(kind)) for key, kind in kinds.items()}
    queries = attrs.evolve(real.queries, service=Service(), services=QueryServices(**services))
    side = attrs.evolve(
        real.write_side,
        service=service_of(times, stages.WRITE),
        reply=_mean(times, stages.REPLY),
    )
    return attrs.evolve(
        real,
        name=Text(f"{real.name[:68]} calibrated"),
        run=run,
        load=attrs.evolve(real.load, send=_mean(times, stages.SEND)),
        queries=queries,
        write_side=side,
        read_models=models,
    )


def service_of(times: Mapping[str, StageTime], name: str) -> Service:
    """The modelled time of a stage; none if it never ran."""
    mean = _mean(times, name)
    if not mean or times[name].cv < LEAST_CV:
        return Service(mean=mean)
    spread = Real(round(min(times[name].cv, MOST_CV), 3))
    return Service(distribution="lognormal", mean=mean, spread=spread)


def _mean(times: Mapping[str, StageTime], name: str) -> Duration:
    return Duration(round(times[name].mean_s * 1e9) if name in times else 0)


def toml_of(scenario: Scenario, remarks: list[str]) -> str:
    """The scenario as TOML, with remarks above it: each a line of its own."""
    # A remark may hold a name of anybody: what would end its line must not.
    safe = (" ".join(remark.split()) for remark in remarks)
    return "".join(f"# {remark}".rstrip() + "\n" for remark in safe) + to_toml(scenario)
