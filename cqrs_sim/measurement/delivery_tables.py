"""The tables of a trace about what was delivered again, lost, or handled out of the ordinary."""

import attrs

from cqrs_sim.measurement.columns import Bytes, Ints, Longs, Stamps, check_columns, empty

USUAL = "at_least_once"
"""The mode of delivery where a trace says none."""
MODES = (USUAL, "at_most_once", "exactly_once_effect")


@attrs.frozen(eq=False, kw_only=True)
class CrashTable:
    """One row a crash of a process, in order of time. Columns: shape (n_crashes,)."""

    read_model: Bytes
    """Index into `Trace.read_models` of the projector; -1 for the write side."""
    crashed: Stamps
    """When it ended. Never NaT."""
    restarted: Stamps
    """When the next one was there."""
    resumed: Longs
    """The projector's checkpoint, or the last position that the write side had published."""
    reached: Longs
    """The last position that the projector had taken, or the write side had stored."""
    repeated: Ints
    """How many events were delivered again."""

    def __attrs_post_init__(self) -> None:
        check_columns(self)

    def __len__(self) -> int:
        return len(self.crashed)


@attrs.frozen(eq=False, kw_only=True)
class HandlingTable:
    """One row a handling of an event that is more, or less, than its one effect. Shape (n,)."""

    read_model: Bytes
    """Index into `Trace.read_models`."""
    position: Longs
    """Position of the event."""
    handled: Stamps
    """When. Never NaT."""
    kind: Bytes
    """`Handling` code."""

    def __attrs_post_init__(self) -> None:
        check_columns(self)

    def __len__(self) -> int:
        return len(self.position)


def no_crashes() -> CrashTable:
    """The table of a run without any."""
    return empty(CrashTable)


def no_handlings() -> HandlingTable:
    """The table of a run in which every event took its one effect, or is still waiting."""
    return empty(HandlingTable)
