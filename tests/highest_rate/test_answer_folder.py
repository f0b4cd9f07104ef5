import csv
import json
import math
from pathlib import Path

import attrs
import numpy as np
import pytest

from benchmarks.capacity_coverage import scenario_of
from cqrs_sim.errors import ResultFolderError
from cqrs_sim.highest_rate.answer import Capacity
from cqrs_sim.highest_rate.folder import at_answer, points_of, probes_text, write_answer
from cqrs_sim.highest_rate.limits import checked_limits
from cqrs_sim.highest_rate.search import Wanted, search
from cqrs_sim.simulation import load_scenario

QUEUE = scenario_of(5.0)


@pytest.fixture(scope="module")
def found() -> Capacity:
    limits = checked_limits(["lag.orders.p90 < 5ms"], QUEUE)
    return search(QUEUE, limits, Wanted(confirmed_by=1, precision=0.1, curve=True))


def test_the_folder_holds_answer_probes_scenario_and_figure(
    found: Capacity, tmp_path: Path
) -> None:
    folder = tmp_path / "answer"
    write_answer(found, folder)
    assert sorted(path.name for path in folder.iterdir()) == [
        "capacity.json", "capacity.png", "capacity.svg", "probes.csv", "scenario.toml",
    ]  # fmt: skip
    assert json.loads((folder / "capacity.json").read_text()) == json.loads(
        json.dumps(found.to_json())
    )
    answer = load_scenario(folder / "scenario.toml")
    assert found.rate_per_s is not None
    assert answer.load.rate == pytest.approx(found.rate_per_s, rel=1e-5)
    assert (answer.load.rate or 0.0) <= found.rate_per_s
    assert answer.thresholds == ("lag.orders.p90 < 5ms",)


def test_an_earlier_answer_is_replaced_only_if_asked(found: Capacity, tmp_path: Path) -> None:
    folder = tmp_path / "answer"
    write_answer(attrs.evolve(found, probes=()), folder)
    with pytest.raises(ResultFolderError, match="--force replaces an earlier answer"):
        write_answer(found, folder)
    write_answer(found, folder, force=True)
    assert len((folder / "probes.csv").read_text().splitlines()) == 1 + len(found.probes)


def test_the_probe_log_has_every_probe_with_its_values_and_loads(found: Capacity) -> None:
    rows = list(csv.DictReader(probes_text(found).splitlines()))
    assert len(rows) == len(found.probes)
    assert {row["purpose"] for row in rows} == {"search", "faster", "curve"}
    for row, (purpose, probe) in zip(rows, found.probes, strict=True):
        assert row["purpose"] == purpose
        assert float(row["rate_per_s"]) == probe.rate_per_s
        assert float(row["offered_load.orders"]) == probe.loads["orders"]
        if not math.isnan(probe.values[0]):
            assert float(row["lag_s.orders.p90"]) == probe.values[0]
            assert row["held"] == str(probe.margin > 0.0).lower()


def test_the_figure_gets_every_seed_at_every_rate_from_low_to_nearly_saturated(
    found: Capacity,
) -> None:
    points = points_of(found)
    rates = np.array(points.rates_per_s)
    assert np.all(np.diff(rates) > 0)
    assert rates[-1] == pytest.approx(0.985 * points.saturates_at_per_s)
    assert rates[0] < 0.4 * points.saturates_at_per_s
    assert {len(values) for values in points.values} == {10}


def test_the_scenario_of_the_answer_never_has_a_higher_rate(found: Capacity) -> None:
    for rate in (1000.0, 999.9999999, 123.4567891, 1.23456789, 98_765.43219):
        written = at_answer(QUEUE, found.limits, rate).load.rate
        assert written is not None
        assert rate * (1 - 2e-5) <= written <= rate
