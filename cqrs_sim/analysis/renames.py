"""Renamed customers: how soon a new name is accepted, how soon it is shown, and in how many rows.

A rename is no command of an order and its event none of the order log, so it counts in no rate, lag
or stage of these. What it takes from them is the time of the projectors that rewrite rows for it:
their events wait meanwhile, and it is a part of their load.
"""

from collections.abc import Collection, Mapping

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.analysis.databases import mean_wait_s
from cqrs_sim.analysis.json_values import Json, by_name, plain
from cqrs_sim.analysis.lag import NAT, mean_s, seconds
from cqrs_sim.analysis.quantiles import SampleSummary, summarise_sample
from cqrs_sim.measurement.rename_tables import RenameDeliveryTable
from cqrs_sim.measurement.trace import Trace, select
from cqrs_sim.probe import WorkKind


@attrs.frozen(kw_only=True)
class ShownRenames:
    """How a read model came to show the renames committed from the end of the warm-up on."""

    applied: int
    """How many it showed when the run ended."""
    rows: int
    """Rows that it rewrote for these."""
    rows_mean: float | None
    """The same for each of them; None if there is none."""
    lag_s: SampleSummary
    """Applied - committed; withheld where the read model is saturated."""
    channel_mean_s: float | None
    """Mean of taken - committed: on its way, and waiting for the projector. None where the mean of
    the lag is."""
    apply_mean_s: float | None
    """Mean of applied - taken: the projector at work on the rows, of those that it showed."""


@attrs.frozen(kw_only=True)
class RenamesSummary:
    """What came of the renames of one run."""

    submitted: int
    """Intended from the end of the warm-up on, as the next two."""
    committed: int
    """Of these, in the customers' log when the run ended."""
    response_s: SampleSummary
    """Committed - intended."""
    read_models: Mapping[str, ShownRenames]
    """By name, those that show names."""

    def to_json(self) -> dict[str, Json]:
        """As in the file: the read models stand beside the rest, by their names."""
        return {
            "submitted": self.submitted,
            "committed": self.committed,
            "response_s": plain(self.response_s),
            **by_name(self.read_models),
        }


@attrs.frozen(eq=False, kw_only=True)
class RenameLagParts:
    """The parts of a rename's lag in a read model; they sum to it exactly.

    Columns: shape (n,), timedelta64[ns], a row a committed rename, by position; NaT if not applied.
    """

    channel: NDArray[np.timedelta64]
    """taken - committed: on its way, and waiting for the projector."""
    apply: NDArray[np.timedelta64]
    """applied - taken: the projector rewriting rows."""
    rows: NDArray[np.int64]
    """How many; 0 if not applied."""

    @property
    def lag(self) -> NDArray[np.timedelta64]:
        """Applied - committed."""
        return self.channel + self.apply


def summarise_renames(
    trace: Trace, showing: Collection[str], *, after_ns: int = 0, saturated: Collection[str] = ()
) -> RenamesSummary | None:
    """What came of the renames of a run; None if there were none, nor anybody to show one.

    Args:
        trace: the run.
        showing: the read models that show renames; none if nobody was to be renamed.
        after_ns: what was intended, or for read models committed, before is left out.
        saturated: the stages that are; of a read model among them lags are withheld.
    """
    table = trace.renames
    if not len(table) and not showing:
        return None
    response_s = seconds(table.committed - table.intended)[_from(table.intended, after_ns)]
    return RenamesSummary(
        submitted=len(response_s),
        committed=int(np.count_nonzero(~np.isnan(response_s))),
        response_s=summarise_sample(response_s),
        read_models={
            name: _shown(trace, name, after_ns, is_saturated=name in saturated)
            for name in trace.read_models
            if name in showing
        },
    )


def renames_to(trace: Trace, read_model: str) -> RenameDeliveryTable:
    """The renames that the projector of a read model began with, by position."""
    index = trace.read_models.index(read_model)
    return select(trace.rename_deliveries, trace.rename_deliveries.read_model == index)


def rename_lag_parts(trace: Trace, read_model: str) -> RenameLagParts:
    """The lag of each committed rename in a read model, in its parts."""
    committed, taken = _committed(trace), renames_to(trace, read_model)
    # Its first delivery counts, should there be a second one, and of a rename that is known.
    row = taken.position - 1
    known = np.flatnonzero((row >= 0) & (row < len(committed)) & ~np.isnat(taken.applied))[::-1]
    parts = np.full((2, len(committed)), NAT)
    rows = np.zeros(len(committed), np.int64)
    parts[0, row[known]] = taken.taken[known] - committed[row[known]]
    parts[1, row[known]] = (taken.applied - taken.taken)[known]
    rows[row[known]] = taken.rows[known]
    return RenameLagParts(channel=parts[0], apply=parts[1], rows=rows)


def rename_load(trace: Trace, read_model: str, after_ns: int) -> float:
    """The time that the renames of the load period ask of a projector, per second of it.

    Args:
        trace: the run.
        read_model: whose projector.
        after_ns: what was committed before is left out; before the end of the load.
    """
    if not len(trace.rename_deliveries):
        return 0.0
    committed = _committed(trace)
    rows = _from(committed, after_ns) & (committed < np.timedelta64(trace.load_ended_ns, "ns"))
    parts = rename_lag_parts(trace, read_model)
    # Of these alone: there are ever more rows, so those of the warm-up took less.
    apply = parts.apply[rows]
    each_s = mean_s(apply) or 0.0
    # Without what it waited for a connection, which is the work of others.
    applied = int(np.count_nonzero(~np.isnat(apply)))
    share = int(np.count_nonzero(parts.rows[rows])) / max(applied, 1)
    index = trace.read_models.index(read_model)
    each_s = max(each_s - share * mean_wait_s(trace, WorkKind.APPLY, index), 0.0)
    window_s = (trace.load_ended_ns - after_ns) / 1e9
    return int(np.count_nonzero(rows)) * each_s / window_s


def _committed(trace: Trace) -> NDArray[np.timedelta64]:
    """When the renames of the customers' log were committed, by position."""
    table = trace.renames
    rows = np.flatnonzero(table.position > 0)
    return table.committed[rows[np.argsort(table.position[rows], kind="stable")]]


def _from(stamps: NDArray[np.timedelta64], after_ns: int) -> NDArray[np.bool_]:
    return stamps >= np.timedelta64(after_ns, "ns")


def _shown(trace: Trace, name: str, after_ns: int, *, is_saturated: bool) -> ShownRenames:
    parts, rows = rename_lag_parts(trace, name), _from(_committed(trace), after_ns)
    applied = int(np.count_nonzero(~np.isnat(parts.lag[rows])))
    rewritten = int(parts.rows[rows].sum())
    lag_s = summarise_sample(seconds(parts.lag[rows]))
    lag_s = lag_s.withheld() if is_saturated else lag_s
    return ShownRenames(
        applied=applied,
        rows=rewritten,
        rows_mean=rewritten / applied if applied else None,
        lag_s=lag_s,
        # What got through alone would drop those that wait longest.
        channel_mean_s=None if lag_s.mean is None else mean_s(parts.channel[rows]),
        apply_mean_s=mean_s(parts.apply[rows]),
    )
