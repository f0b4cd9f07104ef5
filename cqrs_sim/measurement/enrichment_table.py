"""The table of a trace about what projectors asked another system."""

import attrs

from cqrs_sim.measurement.columns import Bytes, Longs, Stamps, check_columns, empty


@attrs.frozen(eq=False, kw_only=True)
class EnrichmentTable:
    """One row a question, sorted by (read_model, asked). Columns: shape (n_enrichments,)."""

    read_model: Bytes
    """Index into `Trace.read_models`."""
    position: Longs
    """Position of the event that lacked something."""
    asked: Stamps
    """When the projector began to ask. Never NaT."""
    answered: Stamps
    """When it had an answer, or gave up: NaT if neither before the run or its process ended."""
    attempts: Bytes
    """How often it asked until then; 0 where `answered` is NaT."""
    is_told: Bytes
    """1 if the last attempt brought what was asked for, else 0."""

    def __attrs_post_init__(self) -> None:
        check_columns(self)

    def __len__(self) -> int:
        return len(self.position)


def no_enrichments() -> EnrichmentTable:
    """The table of a run in which nobody asked."""
    return empty(EnrichmentTable)
