"""The benchmark of the comparison's power, in small: a fact about each of its figures."""

from benchmarks.comparison_power import run, scenario_for


def test_a_slower_projector_is_found_and_a_change_that_is_none_is_not() -> None:
    """Seeds are fixed. Runs are shorter than in the benchmark, too short for a p99: the mean."""
    report = run(2, replications=8, seconds=5, gate="lag.orders.mean +0%")

    assert report["found_same_seeds"] == 2
    assert report["called_different"] == 0
    assert report["ok"]


def test_the_projector_is_loaded_by_half() -> None:
    scenario = scenario_for(25)
    service = scenario.read_models["orders"].service.mean / 1e9
    assert scenario.load.rate is not None
    assert scenario.load.rate * service == 0.5
