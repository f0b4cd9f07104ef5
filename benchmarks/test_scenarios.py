"""Whole runs: presets in virtual time, and workload W beside the other designs of `variants`."""

import attrs
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks import idle_orders, rehydration, variants, workload_s, workload_w
from cqrs_sim.engines import virtual
from cqrs_sim.scenario.presets import load_preset, preset_names


@pytest.mark.benchmark(group="scenarios")
@pytest.mark.parametrize("name", preset_names())
def test_preset(benchmark: BenchmarkFixture, size: int, name: str) -> None:
    """Each preset, cut to about `size` operations after its warm-up."""
    preset = load_preset(name)
    duration = preset.run.warm_up + max(1_000_000_000, size * 1_000_000)
    scenario = attrs.evolve(preset, run=attrs.evolve(preset.run, duration=duration))
    result = benchmark.pedantic(virtual.run, (scenario,), rounds=1)
    # What tasks, crashes and unchecked writers do is wrong at times, which is their lesson.
    is_unchecked = scenario.write_side.handling == "unchecked"
    is_careless = is_unchecked or scenario.unordered or len(result.trace.crashes)
    assert result.summary.is_correct or is_careless
    benchmark.extra_info["commands"] = len(result.trace.commands.intended)


@pytest.mark.benchmark(group="workload W")
@pytest.mark.parametrize("design", ["inline", "trio_tasks"])
def test_workload_w_built_otherwise(benchmark: BenchmarkFixture, size: int, design: str) -> None:
    """The limit of CPython, and the obvious design."""
    scripts = [workload_w.script_of(number) for number in range(size // 4)]
    run = {"inline": variants.run_inline, "trio_tasks": variants.run_trio_tasks}[design]
    outcome = benchmark.pedantic(run, (scripts,), rounds=2)
    assert outcome.rejected == len(scripts) // 5
    assert outcome.accepted == 4 * len(scripts) - len(scripts) // 5
    delivered = outcome.orders.by_status("DELIVERED")
    assert len(delivered) == len(scripts) - len(scripts) // 5


@pytest.mark.benchmark(group="workload W")
def test_workload_w(benchmark: BenchmarkFixture, size: int) -> None:
    """The product."""
    report = benchmark.pedantic(workload_w.run, (size // 4,), rounds=2)
    assert report["ok"]


@pytest.mark.benchmark(group="workload S")
def test_workload_s(benchmark: BenchmarkFixture, size: int) -> None:
    """The product, in virtual time."""
    report = benchmark.pedantic(workload_s.run, (size, 1), rounds=1)
    assert report["complete"]


@pytest.mark.benchmark(group="memory")
def test_idle_orders(benchmark: BenchmarkFixture, size: int) -> None:
    """An idle order costs the write side little beyond its events."""
    report = benchmark.pedantic(idle_orders.run, (5 * size,), rounds=1)
    assert report["ok"]
    assert report["bytes_per_order"] < 400


@pytest.mark.benchmark(group="rehydration")
def test_rehydration(benchmark: BenchmarkFixture, size: int) -> None:
    """A tenth of the history through a snapshot, against all of it."""
    report = benchmark.pedantic(rehydration.run, (size // 2, size // 20, 1), rounds=1)
    assert report["ok"], report
    for store in ("memory", "sqlite"):
        costs = report[store]
        assert (costs["read_without"], costs["read_with"]) == (size // 2, 1)
        benchmark.extra_info[f"{store}_ratio"] = costs["ratio"]
