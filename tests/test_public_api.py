import subprocess
import sys
from pathlib import Path

import numpy as np

import cqrs_sim
from cqrs_sim.results import Result

HEAVY = ("numpy", "scipy", "matplotlib", "trio", "attrs", "rich")


def test_all_is_exactly_the_public_names() -> None:
    assert dir(cqrs_sim) == cqrs_sim.__all__
    assert all(getattr(cqrs_sim, name) is not None for name in cqrs_sim.__all__)


def test_all_is_sorted() -> None:
    assert cqrs_sim.__all__ == sorted(cqrs_sim.__all__)


def test_a_public_name_is_the_object_that_its_module_defines() -> None:
    assert cqrs_sim.Result is Result
    assert cqrs_sim.Result.__name__ == "Result"


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(cqrs_sim, "nonsense")


def test_importing_the_package_imports_nothing_heavy() -> None:
    program = f"import cqrs_sim, sys; print([m for m in {HEAVY} if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert found.stdout.strip() == b"[]"


def test_three_lines_lead_from_a_name_to_figures() -> None:
    from matplotlib.figure import Figure

    scenario = cqrs_sim.load_scenario("default", ["run.duration=4s"])
    result = cqrs_sim.run(scenario, seed=7)
    summary = cqrs_sim.summarise(result.trace)
    lines = cqrs_sim.plot_lag_over_time(Figure().subplots(), result.trace)

    assert summary.lag_s["search"].n == len(result.trace.events)
    assert len(lines) >= 3
    assert np.all(cqrs_sim.consistency_lag_s(result.trace, "orders") > 0)


def test_a_preset_can_be_run_by_name_and_a_file_by_path(tmp_path: Path) -> None:
    file = tmp_path / "small.toml"
    file.write_text('name = "small"\n[run]\nduration = "1s"\n[load]\nrate = "50/s"\n')

    assert cqrs_sim.load_scenario("default").name == "default"
    assert cqrs_sim.run(file).scenario.name == "small"
    assert cqrs_sim.run(str(file), seed=3).seed == 3
