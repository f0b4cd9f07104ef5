"""What must hold of one run exactly: two engines agree, nothing is lost, areas are equal."""

import attrs

from cqrs_sim.analysis.agreement import ColumnAgreement, agreement
from cqrs_sim.analysis.attempts import check_attempts
from cqrs_sim.analysis.consistency import CheckResult, check_trace
from cqrs_sim.analysis.littles_law import Areas, areas
from cqrs_sim.engines.algebra import engine as algebra
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.results import Result

AGREEMENT = "virtual minus algebra"
LITTLE = "Little's law"


@attrs.frozen(kw_only=True)
class Agreement:
    """How the traces of virtual and algebra compare."""

    columns: tuple[ColumnAgreement, ...] = ()
    stamps: int = 0
    """How many instants were compared."""
    others: int = 0
    """How many other values."""
    why_not: tuple[str, ...] = ()
    """Why nothing could be compared: what the algebra cannot do, with its key."""

    @property
    def differing(self) -> tuple[ColumnAgreement, ...]:
        """The columns that are not equal."""
        return tuple(column for column in self.columns if not column.is_equal)

    def result(self) -> CheckResult | None:
        """As a check; None if nothing could be compared."""
        if self.why_not:
            return None
        compared = f"{self.stamps:,} stamps and {self.others:,} other values"
        if not self.differing:
            return CheckResult(name=AGREEMENT, ok=True, detail=f"0 in each of {compared}")
        wrong = sum(column.differing for column in self.differing)
        first = self.differing[0]
        detail = f"{wrong:,} of {compared} differ; {first.name}, {first.witness}"
        return CheckResult(name=AGREEMENT, ok=False, detail=detail)


def compare_with_algebra(result: Result) -> Agreement:
    """Compute by algebra what another engine ran, and compare every column.

    What the algebra cannot do is told, and is no fault.
    """
    try:
        computed = algebra.compute(result.scenario, seed=result.seed)
    except InvalidScenarioError as error:
        return Agreement(why_not=error.mistakes)
    return compared(result.trace, computed)


def compared(one: Trace, other: Trace) -> Agreement:
    """Compare two traces in every column."""
    arrays = one.to_arrays().values()
    stamps = sum(array.size for array in arrays if array.dtype.kind == "m")
    return Agreement(
        columns=agreement(one, other),
        stamps=stamps,
        others=sum(array.size for array in arrays) - stamps,
    )


def conservation(result: Result) -> tuple[CheckResult, ...]:
    """Every check of a run: on its trace, and what its engine found besides."""
    deadline_ns = result.trace.load_ended_ns + result.scenario.run.drain
    unordered = result.scenario.unordered
    found = check_trace(result.trace, deadline_ns=deadline_ns, unordered=unordered)
    of_parts = (*check_attempts(result.trace), *result.checks_of_names)
    return (*found, *of_parts, *result.extra_checks)


def littles_law(trace: Trace) -> tuple[CheckResult, ...]:
    """Little's law at every stage, as checks."""
    return tuple(_as_check(area) for area in areas(trace))


def _as_check(area: Areas) -> CheckResult:
    name = f"{LITTLE}, {area.stage}"
    if area.is_equal:
        inside = f"{area.mean_inside:,.{0 if area.mean_inside >= 100 else 2}f}"
        detail = f"{area.summed_ns:,} ns in both ways: {inside} inside on average"
        return CheckResult(name=name, ok=True, detail=detail)
    return CheckResult(
        name=name,
        ok=False,
        detail=f"the backlog over time comes to {area.counted_ns:,} ns, the {area.n:,} times inside"
        f" to {area.summed_ns:,} ns",
    )
