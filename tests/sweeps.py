"""Sweeps small enough for tests, and whoever counts or interrupts their runs."""

from collections.abc import Callable
from pathlib import Path

import attrs

from cqrs_sim.scenario.reading import read_scenario
from cqrs_sim.sweeping.factors import parse_factors
from cqrs_sim.sweeping.runner import SweepProgress
from cqrs_sim.sweeping.sweep import Request, Sweep, planned

SCENARIO = """\
name = "small"
[run]
duration = "2s"
[load]
rate = "100/s"
[write_side]
service = { distribution = "exponential", mean = "1ms" }
[read_models.orders]
service = { distribution = "exponential", mean = "2ms" }
"""
RATES = "load.rate=100/s..400/s:lin:4"
SLOW = "read_models.orders.service.mean=1ms,2ms,100ms"


def small(*vary: str, replications: int = 3, **others: object) -> Sweep:
    asked = Request(
        base=read_scenario(SCENARIO),
        factors=parse_factors(vary or (RATES,)),
        replications=replications,
        metrics=("lag.orders.mean",),
    )
    return planned(attrs.evolve(asked, **others))  # type: ignore[arg-type]


def interrupt_at(*finished: int) -> Callable[[SweepProgress], None]:
    """Ctrl-C as soon as so many runs are finished."""

    def told(progress: SweepProgress) -> None:
        if progress.finished in finished and progress.finished > progress.earlier:
            raise KeyboardInterrupt

    return told


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by its path in it."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
