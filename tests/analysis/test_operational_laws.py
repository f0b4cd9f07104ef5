from collections.abc import Callable

import numpy as np
import pytest
from fakes import MS, SECOND, constant, exponential, scenario

from cqrs_sim.analysis.operational_laws import (
    ClosedBounds,
    interactive_response_s,
    mean_in_system,
    utilisation,
)
from cqrs_sim.engines import virtual
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.scenario.scenario import Load, ReadModel, Run, Service, Workload, WriteSide
from cqrs_sim.scenario.units import Count, Duration, Share

THINK_S, WRITE_S = 0.020, 0.002


def closed(clients: int, of: Callable[[int], Service]) -> Trace:
    """Clients that think 20 ms and write to one order, which takes 2 ms."""
    return virtual.run(
        scenario(
            run=Run(duration=Duration(20 * SECOND), drain=Duration(SECOND)),
            load=Load(model="closed", rate=None, clients=Count(clients), think_time=of(20 * MS)),
            workload=Workload(kind="amendments", orders=Count(1), invalid_share=Share(0.0)),
            write_side=WriteSide(service=of(2 * MS)),
            read_models={"orders": ReadModel()},
        ),
        seed=0,
    ).trace


def measured(trace: Trace) -> tuple[float, float, float]:
    """Throughput, mean response, and mean service, of what was done when the load ended."""
    commands = trace.commands
    rows = commands.acknowledged <= np.timedelta64(trace.load_ended_ns, "ns")
    second = np.timedelta64(SECOND, "ns")
    response = (commands.acknowledged - commands.intended)[rows] / second
    service = (commands.acknowledged - commands.dequeued)[rows] / second
    throughput = np.count_nonzero(rows) / (trace.load_ended_ns / 1e9)
    return float(throughput), float(response.mean()), float(service.mean())


@pytest.mark.parametrize("clients", [1, 4, 11, 40])
@pytest.mark.parametrize("of", [constant, exponential])
def test_no_run_of_a_closed_load_leaves_the_asymptotic_bounds(
    clients: int, of: Callable[[int], Service]
) -> None:
    """With constant times they are reached, so they are not merely wide."""
    throughput, response_s, service_s = measured(closed(clients, of))
    bounds = ClosedBounds(clients=clients, demands_s=(service_s,), think_s=THINK_S)
    edge = 1.03  # What begins and ends within 20 s is not quite a whole number of cycles.
    assert throughput <= bounds.highest_throughput_per_s * edge
    assert throughput >= bounds.lowest_throughput_per_s / edge
    assert response_s >= bounds.lowest_response_s / edge
    if of is constant:
        assert throughput == pytest.approx(bounds.highest_throughput_per_s, rel=0.01)
        assert response_s == pytest.approx(bounds.lowest_response_s, rel=0.01)
        assert bounds.knee_clients == pytest.approx(11.0)


@pytest.mark.parametrize("clients", [4, 40])
def test_response_throughput_and_think_time_are_tied_to_each_other(clients: int) -> None:
    throughput, response_s, service_s = measured(closed(clients, constant))
    assert interactive_response_s(clients, throughput, THINK_S) == pytest.approx(
        response_s, abs=0.02 * (THINK_S + response_s)
    )
    assert utilisation(throughput, service_s) <= 1.0
    inside = mean_in_system(throughput, response_s)
    assert inside == pytest.approx(clients - throughput * THINK_S, rel=0.05, abs=0.01)


def test_the_slowest_station_bounds_a_system_of_several() -> None:
    bounds = ClosedBounds(clients=10, demands_s=(0.01, 0.04, 0.0), think_s=0.35)
    assert bounds.highest_throughput_per_s == pytest.approx(25.0)
    assert bounds.knee_clients == pytest.approx(10.0)
    assert bounds.lowest_response_s == pytest.approx(0.05)
    assert bounds.lowest_throughput_per_s == pytest.approx(10 / 0.85)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"clients": 0}, "clients = 0"),
        ({"demands_s": ()}, "demands_s"),
        ({"demands_s": (0.0,)}, "demands_s"),
        ({"demands_s": (0.1, -0.1)}, "demands_s"),
        ({"think_s": -1.0}, "think_s = -1.0"),
    ],
)
def test_what_is_out_of_range_is_refused_by_name(wrong: dict[str, object], told: str) -> None:
    given: dict[str, object] = {"clients": 1, "demands_s": (0.1,), "think_s": 0.0}
    with pytest.raises(ValueError, match=told):
        ClosedBounds(**(given | wrong))  # type: ignore[arg-type]


def test_nothing_completed_has_no_response() -> None:
    with pytest.raises(ValueError, match="throughput_per_s"):
        interactive_response_s(1, 0.0, 1.0)
