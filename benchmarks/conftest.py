"""`--scale smoke|full`: small enough for the test suite, or large enough to mean something."""

import platform
from importlib.metadata import version

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--scale`."""
    parser.addoption(
        "--scale", choices=["smoke", "full"], default="smoke", help="size of the benchmarks"
    )


@pytest.fixture
def size(request: pytest.FixtureRequest) -> int:
    """How many commands or steps a benchmark does."""
    return 20_000 if request.config.getoption("--scale") == "full" else 400


@pytest.fixture(autouse=True)
def provenance(request: pytest.FixtureRequest) -> None:
    """Write what was measured on what into the saved results."""
    if "benchmark" in request.fixturenames:
        benchmark = request.getfixturevalue("benchmark")
        benchmark.extra_info.update(
            version=version("cqrs-sim"),
            python=platform.python_version(),
            machine=platform.machine(),
        )
