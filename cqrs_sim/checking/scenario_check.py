"""The check of a scenario: identities, closed forms, and on the wall clock the machine.

On the virtual engine the scenario is run once and computed once by algebra; the two must be equal
in every stamp, and what must hold of every run must hold of this one. Where theory says what comes
of the scenario, replications are held against it. On the wall engine it is run for some seconds in
real time: the same identities must hold, and clock and load generator must be fit to measure with.
"""

from collections.abc import Callable
from typing import Literal, Protocol, TypeAlias

import attrs

from cqrs_sim import simulation
from cqrs_sim.actors.clock import WallClock
from cqrs_sim.analysis.consistency import CheckResult
from cqrs_sim.analysis.json_values import Json
from cqrs_sim.checking.closed_forms import ClosedForms, check_closed_forms
from cqrs_sim.checking.identities import (
    Agreement,
    compare_with_algebra,
    conservation,
    littles_law,
)
from cqrs_sim.checking.machine import Machine, machine_of, read_clock, shortened
from cqrs_sim.engines.experiment import Progress
from cqrs_sim.results import Result
from cqrs_sim.scenario.scenario import Scenario

CheckedEngine: TypeAlias = Literal["virtual", "wall"]


class Teller(Protocol):
    """Is told how far a check is."""

    def __call__(self, progress: Progress) -> None:
        """Now and then while the scenario runs."""

    def stage(self, what: str) -> None:
        """When something else begins."""


class Nobody:
    """Is told, and does nothing."""

    def __call__(self, progress: Progress) -> None:
        """Do nothing."""

    def stage(self, what: str) -> None:
        """Do nothing."""


@attrs.frozen(kw_only=True)
class Checked:
    """What a check of a scenario found."""

    scenario: str
    engine: CheckedEngine
    seed: int
    agreement: Agreement | None
    """None on the wall clock, where two runs are never equal."""
    checks: tuple[CheckResult, ...]
    """Everything that must hold exactly."""
    closed_forms: ClosedForms | None
    """None on the wall clock: real work takes more than what is modelled."""
    machine: Machine | None
    """None on the virtual engine, which is the same on every machine."""

    @property
    def is_correct(self) -> bool:
        """Whether nothing failed that must hold."""
        are_close = self.closed_forms is None or self.closed_forms.is_correct
        return are_close and all(check.ok for check in self.checks)

    @property
    def invalid(self) -> tuple[str, ...]:
        """Why this machine cannot be measured on; empty if it can."""
        return () if self.machine is None else self.machine.invalid

    def to_json(self) -> dict[str, Json]:
        """Plain values, no nan."""
        return {
            "scenario": self.scenario,
            "engine": self.engine,
            "seed": self.seed,
            "ok": self.is_correct and not self.invalid,
            "agreement": None
            if self.agreement is None
            else {
                "stamps": self.agreement.stamps,
                "other_values": self.agreement.others,
                "differing": {column.name: column.differing for column in self.agreement.differing},
                "why_not": list(self.agreement.why_not),
            },
            "checks": {
                check.name: {
                    "ok": check.ok,
                    "detail": check.detail,
                    "witness": list(check.witness),
                }
                for check in self.checks
            },
            "closed_forms": None if self.closed_forms is None else self.closed_forms.to_json(),
            "machine": None if self.machine is None else self.machine.to_json(),
        }


def check(
    scenario: Scenario,
    *,
    engine: CheckedEngine = "virtual",
    seed: int = 0,
    teller: Teller | None = None,
) -> Checked:
    """Check a scenario.

    Args:
        scenario: what to check; its thresholds are not judged.
        engine: `virtual` for the engines and theory, `wall` for this machine.
        seed: of the run, and of the first replication.
        teller: told how far it is.

    Raises:
        InvalidScenarioError: if the engine cannot run the scenario.
        KeyboardInterrupt: if the run was interrupted: a part of one proves nothing.
    """
    teller = teller or Nobody()
    scenario = attrs.evolve(scenario, thresholds=())
    return (_on_wall if engine == "wall" else _on_virtual)(scenario, seed, teller)


def _on_virtual(scenario: Scenario, seed: int, teller: Teller) -> Checked:
    result = _whole(simulation.run(scenario, engine="virtual", seed=seed, progress=teller))
    teller.stage("the same run by algebra")
    agreement = compare_with_algebra(result)
    compared = agreement.result()
    teller.stage("conservation and Little's law")
    checks = (*conservation(result), *littles_law(result.trace))
    return Checked(
        scenario=scenario.name,
        engine="virtual",
        seed=seed,
        agreement=agreement,
        checks=checks if compared is None else (compared, *checks),
        closed_forms=check_closed_forms(scenario, seed=seed, progress=_counter(teller)),
        machine=None,
    )


def _on_wall(scenario: Scenario, seed: int, teller: Teller) -> Checked:
    teller.stage("reading the clock")
    clock = read_clock(WallClock())
    result = _whole(simulation.run(shortened(scenario), engine="wall", seed=seed, progress=teller))
    return Checked(
        scenario=scenario.name,
        engine="wall",
        seed=seed,
        agreement=None,
        checks=(clock.result(), *conservation(result), *littles_law(result.trace)),
        closed_forms=None,
        machine=machine_of(result, clock),
    )


def _whole(result: Result) -> Result:
    if not result.complete:
        raise KeyboardInterrupt
    return result


def _counter(teller: Teller) -> Callable[[int, int], None]:
    def tell(done: int, limit: int) -> None:
        # In a pipe every one of them is a line.
        if done % 5 == 0:
            teller.stage(f"{done} of {limit} replications for the closed forms")

    return tell
