"""What it took to bring idle orders back into memory, and how much of the service time that was.

The write side notes each rehydration; the trace has no column for it, since it is a part of the
service time (committed - dequeued) of the first command.
"""

from collections.abc import Mapping

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.analysis.json_values import Json, plain
from cqrs_sim.measurement.trace import Trace


@attrs.frozen(kw_only=True, eq=False)
class Rehydrations:
    """All of a run, in the order in which they ended; each array has the shape (n,), int64."""

    begun_ns: NDArray[np.int64]
    """When the message was taken that waited for it, from the start of the run."""
    spent_ns: NDArray[np.int64]
    """How long that took, on the run's clock."""
    read_counts: NDArray[np.int64]
    """Events read."""
    snapshot_versions: NDArray[np.int64]
    """Version of the snapshot that was used; 0 if none was."""
    is_for_command: NDArray[np.int64]
    """1 if a command waited for it, 0 if a question did."""
    snapshots_taken: int
    snapshots_ignored: Mapping[str, int]
    """By what was wrong with them."""


@attrs.frozen(kw_only=True)
class RehydrationSummary:
    """From the warm-up on, by the instant at which each began; snapshots of the whole run."""

    orders: int
    """How often an order came back into memory."""
    through_snapshot: int
    """Of these, how often through a snapshot."""
    events_read: int
    time_s: float
    """Spent on it, all together."""
    share_of_service: float | None
    """Of the service time of all commands; None if that was nothing."""
    snapshots_taken: int
    snapshots_ignored: Mapping[str, int]


def summarise_rehydrations(
    trace: Trace, found: Rehydrations, warm_up_ns: int = 0
) -> dict[str, Json]:
    """What stands in `summary.json` under `rehydration`."""
    rows = found.begun_ns >= warm_up_ns
    spent_ns = found.spent_ns[rows]
    of_commands_ns = int(spent_ns[found.is_for_command[rows] == 1].sum())
    service_ns = _service_ns(trace, warm_up_ns)
    return plain(
        RehydrationSummary(
            orders=int(np.count_nonzero(rows)),
            through_snapshot=int(np.count_nonzero(found.snapshot_versions[rows])),
            events_read=int(found.read_counts[rows].sum()),
            time_s=int(spent_ns.sum()) / 1e9,
            share_of_service=of_commands_ns / service_ns if service_ns else None,
            snapshots_taken=found.snapshots_taken,
            snapshots_ignored=found.snapshots_ignored,
        )
    )


def _service_ns(trace: Trace, warm_up_ns: int) -> int:
    """Time from dequeued to the outcome, of all commands taken from the warm-up on.

    A rejected command is never committed; it was served when its caller heard of it.
    """
    commands = trace.commands
    done = np.where(np.isnat(commands.committed), commands.acknowledged, commands.committed)
    is_served = ~np.isnat(commands.dequeued) & ~np.isnat(done)
    is_served &= commands.dequeued >= np.timedelta64(warm_up_ns, "ns")
    return int((done - commands.dequeued)[is_served].astype(np.int64).sum())
