"""The rebuilds of a run as the analysis knows them."""

from cqrs_sim.analysis.rebuilds import Rebuild
from cqrs_sim.read_side.rebuild import Rebuild as Rebuilding
from cqrs_sim.system import System


def rebuilds_of(system: System) -> tuple[Rebuild, ...]:
    """What became of each rebuild that began, compared with what it replaced if it was not yet.

    To be asked when the run is over: on the wall clock comparing takes time.
    """
    return tuple(_of(rebuilding) for rebuilding in system.rebuilds.begun)


def _of(rebuilding: Rebuilding) -> Rebuild:
    rebuilding.compare()
    compared = rebuilding.comparison
    return Rebuild(
        read_model=rebuilding.read_model,
        batch=rebuilding.batch,
        began_ns=rebuilding.began_ns,
        switched_ns=rebuilding.switched_ns,
        events=rebuilding.applied,
        shown=rebuilding.shown,
        rows=0 if compared is None else compared.rows,
        differing=0 if compared is None else compared.differing_count,
        witness=() if compared is None else compared.differing,
    )
