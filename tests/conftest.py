"""Fixtures that many tests share; builders that are no fixtures are in `fakes`."""

import pytest
from fakes import RecordingProbe
from hypothesis import settings

from cqrs_sim.actors.clock import VirtualClock
from cqrs_sim.actors.kernel import Kernel

# The machine decides how long an example takes, so no deadline; the same examples in every run.
settings.register_profile("cqrs_sim", deadline=None, derandomize=True)
settings.load_profile("cqrs_sim")


@pytest.fixture
def kernel() -> Kernel:
    """A kernel in virtual time; run it with `run_virtual`."""
    return Kernel(VirtualClock())


@pytest.fixture
def probe(kernel: Kernel) -> RecordingProbe:
    return RecordingProbe(kernel)
