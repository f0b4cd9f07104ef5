"""Each identity holds of a run, and catches a fault that is planted in one."""

from collections.abc import Callable
from functools import cache

import attrs
import numpy as np
import pytest

from cqrs_sim import simulation
from cqrs_sim.checking.identities import (
    AGREEMENT,
    compare_with_algebra,
    conservation,
    littles_law,
)
from cqrs_sim.measurement.trace import Trace, select
from cqrs_sim.results import Result

NANOSECOND = np.timedelta64(1, "ns")


@cache
def result_of(*settings: str) -> Result:
    scenario = simulation.load_scenario(
        "default", ["run.duration=1s", "run.warm_up=0s", "load.rate=500/s", *settings]
    )
    return simulation.run(scenario, seed=4)


def with_trace(trace: Trace) -> Result:
    return attrs.evolve(result_of(), trace=trace)


def test_a_run_agrees_with_the_algebra_in_every_stamp() -> None:
    result = result_of()
    found = compare_with_algebra(result)
    trace = result.trace
    assert found.stamps >= (
        5 * len(trace.commands)
        + len(trace.events)
        + 4 * len(trace.deliveries)
        + 3 * len(trace.queries)
    )
    check = found.result()
    assert check is not None
    assert check.ok
    assert check.detail.startswith(f"0 in each of {found.stamps:,} stamps and ")


@pytest.mark.parametrize("table", ["commands", "deliveries", "queries"])
def test_a_nanosecond_in_one_stamp_is_a_failed_check_with_its_row(table: str) -> None:
    trace = result_of().trace
    columns = getattr(trace, table)
    name = {"commands": "acknowledged", "deliveries": "applied", "queries": "answered"}[table]
    stamps = getattr(columns, name).copy()
    stamps[7] += NANOSECOND
    bent = attrs.evolve(trace, **{table: attrs.evolve(columns, **{name: stamps})})
    check = compare_with_algebra(with_trace(bent)).result()
    assert check is not None
    assert (check.name, check.ok) == (AGREEMENT, False)
    assert check.detail.startswith("1 of ")
    assert f"{table}.{name}, row 7: " in check.detail


def test_other_draws_are_a_failed_check() -> None:
    other = attrs.evolve(result_of(), seed=5)
    check = compare_with_algebra(other).result()
    assert check is not None
    assert not check.ok


def test_what_the_algebra_cannot_do_is_told_by_its_key_and_is_no_fault() -> None:
    result = result_of("load.model=closed", "load.rate=none", "run.processors=1")
    found = compare_with_algebra(result)
    assert [reason.split(" ")[0] for reason in found.why_not] == ["load.model", "run.processors"]
    assert found.result() is None


def test_everything_is_conserved_and_little_is_right() -> None:
    result = result_of()
    checks = (*conservation(result), *littles_law(result.trace))
    assert [check.detail for check in checks if not check.ok] == []
    names = {check.name for check in checks}
    assert {"conservation", "nothing_lost", "nothing_doubled", "convergence"} <= names
    assert {"Little's law, write side", "Little's law, search"} <= names


def lost(trace: Trace) -> Trace:
    return attrs.evolve(
        trace, deliveries=select(trace.deliveries, np.arange(len(trace.deliveries)) != 3)
    )


def doubled(trace: Trace) -> Trace:
    rows = np.sort(np.append(np.arange(len(trace.deliveries)), 3))
    return attrs.evolve(trace, deliveries=select(trace.deliveries, rows))


def forgotten(trace: Trace) -> Trace:
    return attrs.evolve(trace, events=select(trace.events, np.arange(len(trace.events)) != 9))


@pytest.mark.parametrize(
    ("plant", "check"),
    [(lost, "nothing_lost"), (doubled, "nothing_doubled"), (forgotten, "conservation")],
)
def test_what_is_lost_or_doubled_fails_the_check_of_it(
    plant: Callable[[Trace], Trace], check: str
) -> None:
    spoiled = with_trace(plant(result_of().trace))
    assert check in [one.name for one in conservation(spoiled) if not one.ok]
    assert not all(one.ok for one in littles_law(spoiled.trace))


def test_a_law_that_is_broken_is_told_with_both_areas() -> None:
    trace = lost(result_of().trace)
    (failed,) = [one for one in littles_law(trace) if not one.ok]
    assert failed.name == "Little's law, orders"
    assert "the backlog over time comes to" in failed.detail
