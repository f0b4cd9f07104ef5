"""Whether read models that applied the whole log show what a fold of it shows."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from cqrs_sim.analysis.consistency import CheckResult
from cqrs_sim.divergence import NAMED, Divergence, divergence
from cqrs_sim.engines.fold_differences import FoldDifference, fold_difference
from cqrs_sim.read_side.careless import CarelessOrders, CarelessStatistics
from cqrs_sim.read_side.orders import OrdersReadModel
from cqrs_sim.read_side.projector import ReadModel
from cqrs_sim.read_side.table_model import TableModel
from cqrs_sim.read_side.tasks import TaskProjector
from cqrs_sim.system import System, fold


def differences(system: System, unordered: AbstractSet[str]) -> dict[str, FoldDifference]:
    """What read models differ in from a fold of the log, by name; nothing of those that do not.

    Args:
        system: whose read models they are; those that have not applied the whole log are left out.
        unordered: names of those that tasks keep, which `divergences` is for.
    """
    found = {
        name: _difference(name, projector.read_model, fold(system, name))
        for name, projector in system.projectors.items()
        if projector.is_through(system.log.head) and name not in unordered
    }
    return {name: one for name, one in found.items() if one is not None}


def _difference(name: str, model: ReadModel, expected: ReadModel) -> FoldDifference | None:
    found = fold_difference(name, model, expected)
    if found is not None and isinstance(model, TableModel) and not model.is_in_sequence:
        # Then that it lists the same in another sequence is no difference.
        return found if found.where else None
    return found


def divergences(system: System, unordered: AbstractSet[str]) -> list[Divergence]:
    """How read models that tasks keep differ from the log, if no event is on its way any more."""
    found = []
    for name in unordered & system.projectors.keys():
        projector = system.projectors[name]
        assert isinstance(projector, TaskProjector)
        if projector.is_over and not system.log.has_unpublished:
            assert isinstance(projector.read_model, CarelessOrders | CarelessStatistics)
            orders = fold(system, "orders")
            assert isinstance(orders, OrdersReadModel)
            found.append(divergence(name, projector.read_model, orders))
    known = [one for one in found if one is not None]
    return sorted(known, key=lambda one: one.read_model)


def check_convergence(
    system: System, differing: Mapping[str, FoldDifference], by_tasks: Sequence[Divergence]
) -> CheckResult:
    """The check named `convergence`; its witnesses are the last events of orders that are wrong."""
    if not differing and not by_tasks:
        detail = "each read model that applied the whole log equals a fold of it"
        return CheckResult(name="convergence", ok=True, detail=detail)
    told = [str(found) for found in by_tasks]
    if differing:
        named = "; ".join(f"{name} ({found.told})" for name, found in differing.items())
        told.insert(0, f"differs from a fold of the whole log: {named}")
    orders = by_tasks[0].orders[:NAMED] if by_tasks else ()
    witness = tuple(int(system.log.read_order(order)[-1].position) for order in orders)
    return CheckResult(name="convergence", ok=False, detail="; ".join(told), witness=witness)
