"""Simulation and benchmark of CQRS order systems: throughput, and how far reads trail writes.

    import cqrs_sim

    result = cqrs_sim.run("default", seed=7)
    print(result.summary.lag_s["search"].p99)

A scenario in Python is a `Scenario` made of the parts in `cqrs_sim.scenario.scenario`; more often
it is a TOML file (`load_scenario`). Names are imported when they are first used, so that importing
the package, and asking the command line for help, costs nothing.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cqrs_sim.analysis.lag import consistency_lag_s
    from cqrs_sim.analysis.summary import summarise
    from cqrs_sim.comparison import compare
    from cqrs_sim.domain.commands import AmendOrder, CancelOrder, CreateOrder, UpdateOrderStatus
    from cqrs_sim.domain.item import OrderItem
    from cqrs_sim.domain.queries import (
        GetOrderById,
        GetOrdersByCustomer,
        GetOrdersByStatus,
        GetOrderStatistics,
        Page,
    )
    from cqrs_sim.engines.hosted import run_hosted
    from cqrs_sim.engines.virtual import run_script
    from cqrs_sim.event_log.past import Instant
    from cqrs_sim.fresh_reads import compare_reads
    from cqrs_sim.highest_rate.search import capacity
    from cqrs_sim.loading import load
    from cqrs_sim.measurement.trace import Trace
    from cqrs_sim.measurement.trace_file import load_trace
    from cqrs_sim.plots.reads import plot_fresh_reads
    from cqrs_sim.plots.run import (
        plot_backlog,
        plot_lag_distribution,
        plot_lag_over_time,
        plot_rates,
        plot_response_distribution,
        plot_stages,
    )
    from cqrs_sim.results import Result, write_result
    from cqrs_sim.scenario.scenario import Scenario
    from cqrs_sim.side_by_side.comparison import compare_architectures
    from cqrs_sim.simulation import load_scenario, run
    from cqrs_sim.sweeping.session import sweep

__all__ = [
    "AmendOrder",
    "CancelOrder",
    "CreateOrder",
    "GetOrderById",
    "GetOrderStatistics",
    "GetOrdersByCustomer",
    "GetOrdersByStatus",
    "Instant",
    "OrderItem",
    "Page",
    "Result",
    "Scenario",
    "Trace",
    "UpdateOrderStatus",
    "capacity",
    "compare",
    "compare_architectures",
    "compare_reads",
    "consistency_lag_s",
    "load",
    "load_scenario",
    "load_trace",
    "plot_backlog",
    "plot_fresh_reads",
    "plot_lag_distribution",
    "plot_lag_over_time",
    "plot_rates",
    "plot_response_distribution",
    "plot_stages",
    "run",
    "run_hosted",
    "run_script",
    "summarise",
    "sweep",
    "write_result",
]

_HOMES = {
    "AmendOrder": "domain.commands",
    "CancelOrder": "domain.commands",
    "CreateOrder": "domain.commands",
    "GetOrderById": "domain.queries",
    "GetOrderStatistics": "domain.queries",
    "GetOrdersByCustomer": "domain.queries",
    "GetOrdersByStatus": "domain.queries",
    "Instant": "event_log.past",
    "OrderItem": "domain.item",
    "Page": "domain.queries",
    "Result": "results",
    "Scenario": "scenario.scenario",
    "Trace": "measurement.trace",
    "UpdateOrderStatus": "domain.commands",
    "capacity": "highest_rate.search",
    "compare": "comparison",
    "compare_architectures": "side_by_side.comparison",
    "compare_reads": "fresh_reads",
    "consistency_lag_s": "analysis.lag",
    "load": "loading",
    "load_scenario": "simulation",
    "load_trace": "measurement.trace_file",
    "plot_backlog": "plots.run",
    "plot_fresh_reads": "plots.reads",
    "plot_lag_distribution": "plots.run",
    "plot_lag_over_time": "plots.run",
    "plot_rates": "plots.run",
    "plot_response_distribution": "plots.run",
    "plot_stages": "plots.run",
    "run": "simulation",
    "run_hosted": "engines.hosted",
    "run_script": "engines.virtual",
    "summarise": "analysis.summary",
    "sweep": "sweeping.session",
    "write_result": "results",
}
"""The module of each public name, in this package."""


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return list(__all__)
