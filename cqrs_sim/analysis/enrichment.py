"""What projectors asked another system: how often, how long it took, and what they were not told.

A row whose name nobody told shows a placeholder. That is no fault of the system that is measured,
and no reason to end a run: it is counted, with the first that is so shown.
"""

from collections.abc import Mapping

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.analysis.consistency import CheckResult, fault, fine
from cqrs_sim.analysis.delivery import Witness, witness_of
from cqrs_sim.analysis.lag import deliveries_by_event, enrichments_of
from cqrs_sim.measurement.trace import Trace

CHECK = "enrichment"


@attrs.frozen(kw_only=True)
class EnrichmentSummary:
    """What the projector of one read model asked, over the whole run."""

    asked: int
    """How often it asked about an event; about one that was delivered again, again."""
    attempts: int
    """Calls for all of that, of those questions that ended."""
    mean_s: float | None
    """Mean time of a question with all its attempts; None if none ended."""
    unanswered: int
    """Questions that did not end before the run or the projector's process did."""
    unnamed: int
    """Orders that are shown without a name."""
    first_unnamed: Witness | None


NOTHING_ASKED = EnrichmentSummary(
    asked=0, attempts=0, mean_s=None, unanswered=0, unnamed=0, first_unnamed=None
)


def summarise_enrichments(trace: Trace) -> dict[str, EnrichmentSummary]:
    """By read model, those whose projectors asked."""
    asking = [name for name in trace.read_models if len(enrichments_of(trace, name))]
    return {name: _summary(trace, name) for name in asking}


def _summary(trace: Trace, name: str) -> EnrichmentSummary:
    asked = enrichments_of(trace, name)
    is_over = ~np.isnat(asked.answered)
    took_ns = (asked.answered - asked.asked)[is_over].astype(np.int64)
    row = (asked.position - trace.first_position)[is_over & (asked.is_told == 0)]
    is_shown = ~np.isnat(deliveries_by_event(trace, name).applied)
    unnamed = np.unique(row[is_shown[row]])
    return EnrichmentSummary(
        asked=len(asked),
        attempts=int(asked.attempts.sum(dtype=np.int64)),
        mean_s=float(took_ns.mean()) / 1e9 if len(took_ns) else None,
        unanswered=int(np.count_nonzero(~is_over)),
        unnamed=len(unnamed),
        first_unnamed=witness_of(trace, unnamed),
    )


def check_enrichments(trace: Trace, attempts: Mapping[str, int]) -> tuple[CheckResult, ...]:
    """Whether each new order was asked about, in time and often enough; nothing if none was to be.

    Args:
        trace: the run.
        attempts: by read model whose projector was to ask, the most for one order.
    """
    if not attempts:
        return ()
    for name, most in attempts.items():
        for what, wrong in _faults(trace, name, most).items():
            if len(wrong):
                return (fault(CHECK, f"{name}: position {{}} {what}", wrong),)
    return (fine(CHECK, "each new order was asked about before it was shown"),)


def _faults(trace: Trace, name: str, most: int) -> dict[str, NDArray[np.int64]]:
    """Positions, by what is wrong with them."""
    asked, deliveries = enrichments_of(trace, name), deliveries_by_event(trace, name)
    row, is_over = asked.position - trace.first_position, ~np.isnat(asked.answered)
    is_new, is_shown = trace.events.version == 1, ~np.isnat(deliveries.applied)
    in_time = np.zeros(len(trace.events), np.bool_)
    in_time[row[is_over & (asked.answered <= deliveries.applied[row])]] = True
    gave_up = is_over & (asked.is_told == 0)
    return {
        "was asked about, and is no new order": asked.position[~is_new[row]],
        "was asked about before it was taken": asked.position[asked.asked < deliveries.taken[row]],
        "was answered before it was asked about": asked.position[asked.answered < asked.asked],
        "was asked about while another question was open": asked.position[1:][
            asked.asked[1:] < asked.answered[:-1]
        ],
        f"was asked about more than {most} times": asked.position[asked.attempts > most],
        f"was given up before {most} attempts": asked.position[gave_up & (asked.attempts < most)],
        "is shown, and nobody had asked about it": trace.events.position[
            is_new & is_shown & ~in_time
        ],
    }
