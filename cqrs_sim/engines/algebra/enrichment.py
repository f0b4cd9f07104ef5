"""Enrichment as algebra: a question is a part of the projector's work on an event, and comes first.

So events are applied as if the answer's time were service, and from that backwards: an event is
answered a service before it is applied, and asked about an answer's time before that.
"""

from collections.abc import Sequence

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.engines.algebra.read_stage import Channel, Shown, project
from cqrs_sim.engines.algebra.recursions import Nanos
from cqrs_sim.engines.algebra.write_stage import NEVER
from cqrs_sim.measurement.enrichment_table import EnrichmentTable, no_enrichments


@attrs.frozen(eq=False, kw_only=True)
class Asked:
    """What is asked about each event. Columns: shape (n_events,)."""

    is_new: NDArray[np.bool_]
    """Whether anything is: of new orders alone."""
    took_ns: Nanos
    """0 where nothing is."""
    attempts: NDArray[np.int8]
    is_told: NDArray[np.bool_]


@attrs.frozen(eq=False, kw_only=True)
class Enriched(Shown):
    """When the deliveries to a read model came to each stage, one of which is the question."""

    asked: Nanos
    answered: Nanos
    about: Asked


def ask_and_project(arrived: Nanos, service: Nanos, channel: Channel, about: Asked) -> Enriched:
    """Let one projector do its work to the end, without pauses; arguments as of `project`."""
    shown = project(arrived, service + about.took_ns, channel)
    answered = shown.applied - service
    return Enriched(
        delivered=shown.delivered,
        taken=shown.taken,
        applied=shown.applied,
        checkpointed=shown.checkpointed,
        asked=answered - about.took_ns,
        answered=answered,
        about=about,
    )


def enrichments(shown: Sequence[Shown], positions: Nanos, ended_ns: int) -> EnrichmentTable:
    """What was asked until the end of the run, by read model in their order."""
    tables = [
        _table(number, one, positions, ended_ns)
        for number, one in enumerate(shown)
        if isinstance(one, Enriched)
    ]
    if not tables:
        return no_enrichments()
    return EnrichmentTable(
        **{
            field.name: np.concatenate([getattr(table, field.name) for table in tables])
            for field in attrs.fields(EnrichmentTable)
        }
    )


def _table(number: int, shown: Enriched, positions: Nanos, ended_ns: int) -> EnrichmentTable:
    rows = np.flatnonzero(shown.about.is_new & (shown.asked <= ended_ns))
    answered = shown.answered[rows]
    is_over = answered <= ended_ns
    return EnrichmentTable(
        read_model=np.full(len(rows), number, np.int8),
        position=positions[rows],
        asked=shown.asked[rows].view("m8[ns]"),
        answered=np.where(is_over, answered, NEVER).view("m8[ns]"),
        attempts=np.where(is_over, shown.about.attempts[rows], 0).astype(np.int8),
        is_told=(is_over & shown.about.is_told[rows]).astype(np.int8),
    )
