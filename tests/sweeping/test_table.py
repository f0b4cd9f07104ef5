"""The table of a sweep: long format, withheld numbers with their reasons, arrays."""

import csv
from pathlib import Path

import numpy as np
import pytest
from sweeps import SLOW, small

from cqrs_sim import simulation
from cqrs_sim.analysis.intervals import t_interval
from cqrs_sim.sweeping import session
from cqrs_sim.sweeping.runner import SweepProgress
from cqrs_sim.sweeping.session import Means, conduct, sweep

SATURATED = "read_models.orders.service.mean=1ms,100ms"


@pytest.fixture(autouse=True)
def _without_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "write_figures", lambda *_: [])


def rows_of(folder: Path) -> list[dict[str, str]]:
    with (folder / "results.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_a_row_is_a_metric_of_a_run_with_the_values_of_the_factors(tmp_path: Path) -> None:
    asked = small("load.rate=100/s,200/s", "write_side.policy=block,reject", replications=2)
    conduct(asked, Means(folder=tmp_path / "s"))
    rows = rows_of(tmp_path / "s")
    assert list(rows[0]) == [
        *("point", "load.rate_per_s", "write_side.policy"),
        *("seed", "metric", "value", "unit", "reason"),
    ]
    assert len(rows) == 4 * 2 * len(asked.metrics)
    (row,) = (
        row
        for row in rows
        if (row["point"], row["seed"], row["metric"]) == ("4", "1", "response.mean")
    )
    assert (row["load.rate_per_s"], row["write_side.policy"]) == ("200.0", "reject")
    run = simulation.run(asked.scenarios[3], engine="algebra", seed=1)
    assert float(row["value"]) == run.metrics["response.mean"]
    assert (row["unit"], row["reason"]) == ("s", "")


def test_what_is_withheld_is_empty_with_a_reason(tmp_path: Path) -> None:
    conduct(small(SATURATED), Means(folder=tmp_path / "s"))
    rows = [row for row in rows_of(tmp_path / "s") if row["metric"] == "lag.orders.mean"]
    assert [bool(row["value"]) for row in rows] == [True] * 3 + [False] * 3
    assert {row["reason"] for row in rows} == {"", "withheld: orders is saturated"}


def test_an_estimate_is_the_interval_over_the_replications_or_nothing() -> None:
    table = conduct(small(SATURATED), Means())
    steady, saturated = table.estimates("lag.orders.mean")
    values = [run.values[table.metrics.index("lag.orders.mean")] for run in table.runs[:3]]
    assert steady.interval == t_interval([value for value in values if value is not None])
    assert not steady.is_saturated
    assert saturated.interval is None
    assert saturated.is_saturated


def test_too_few_is_not_saturated() -> None:
    (estimate,) = conduct(small("load.rate=100/s"), Means()).estimates("lag.orders.p99")
    assert estimate.interval is None
    assert not estimate.is_saturated
    assert all(reason.startswith("too few to tell: ") for reason in estimate.reasons)


def test_the_arrays_are_points_by_seeds_by_metrics(tmp_path: Path) -> None:
    table = conduct(small(SATURATED), Means(folder=tmp_path / "s"))
    with np.load(tmp_path / "s" / "results.npz", allow_pickle=False) as arrays:
        assert arrays["values"].shape == (2, 3, len(table.metrics))
        assert arrays["numbers"].tolist() == [[0.001], [0.1]]
        assert arrays["levels"].tolist() == [["1ms"], ["100ms"]]
        assert arrays["factors"].tolist() == ["read_models.orders.service.mean_s"]
        assert arrays["seeds"].tolist() == [0, 1, 2]
        assert arrays["traces"][1, 2] == table.runs[5].trace
        column = arrays["metrics"].tolist().index("lag.orders.mean")
        assert np.isnan(arrays["values"][:, :, column]).tolist() == [[False] * 3, [True] * 3]
        assert bool(arrays["complete"])


def test_a_metric_that_only_other_runs_have_is_empty_with_a_reason() -> None:
    """Which keys `generator` has shows in a run only; this one is of the wall clock."""
    name = "generator.pacer.spin_mean"
    table = conduct(small("load.rate=100/s", metrics=(name,)), Means())
    column = table.metrics.index(name)
    assert {(run.values[column], run.reasons[column]) for run in table.runs} == {
        (None, "the run has no such metric")
    }


def test_three_lines_of_python_sweep_a_scenario(tmp_path: Path) -> None:
    told: list[SweepProgress] = []
    table = sweep(
        "default",
        [SLOW],
        settings=["run.duration=1s", "run.warm_up=0s", "load.rate=100/s"],
        replications=2,
        progress=told.append,
    )
    assert table.is_complete
    assert [one.finished for one in told] == [0, 1, 2, 3, 4, 5, 6]
    assert table.values().shape == (3, 2, len(table.metrics))
