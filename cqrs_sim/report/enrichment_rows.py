"""The table of what projectors asked another system, by read model."""

from collections.abc import Iterator

from cqrs_sim.analysis.summary import Summary
from cqrs_sim.plain_text import milliseconds
from cqrs_sim.report.tables import Row, Table


def enrichment_table(summary: Summary) -> Table | None:
    """What was asked, and not told; None if no projector asks."""
    if not summary.enrichment:
        return None
    return Table(
        caption="Names of customers, asked of another system for each new order",
        head=("read model", "asked", "calls", "mean (ms)", "no answer", "shown without a name"),
        rows=tuple(
            Row(
                cells=(
                    name,
                    f"{one.asked:,}",
                    f"{one.attempts:,}",
                    milliseconds(one.mean_s),
                    f"{one.unanswered:,}",
                    f"{one.unnamed:,}",
                )
            )
            for name, one in summary.enrichment.items()
        ),
        notes=tuple(_notes(summary)),
    )


def _notes(summary: Summary) -> Iterator[str]:
    yield (
        "The mean is of a question with all its calls. No answer: the run "
        "ended before there was one."
    )
    for name, one in summary.enrichment.items():
        if (first := one.first_unnamed) is not None:
            yield (
                f"The first that {name} shows without a name: {first.event} at position "
                f"{first.position:,}."
            )
