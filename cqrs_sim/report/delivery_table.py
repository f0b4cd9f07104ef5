"""The tables of deliveries that went wrong: effects lost and doubled, and gaps, by read model."""

from collections.abc import Iterator

from cqrs_sim.analysis.delivery import DeliverySummary
from cqrs_sim.analysis.gaps import GapSummary
from cqrs_sim.analysis.summary import Summary
from cqrs_sim.report.tables import Row, Table


def delivery_table(summary: Summary) -> Table | None:
    """What came of deliveries; None if each event came once to each read model, and took effect."""
    if not any(one.is_remarkable for one in summary.delivery.values()):
        return None
    return Table(
        caption="Deliveries: events by what came of them",
        head=("read model", "promised", "delivered", "again", "doubled", "lost", "without effect"),
        rows=tuple(_row(name, one) for name, one in summary.delivery.items()),
        notes=tuple(_notes(summary)),
    )


def _row(name: str, one: DeliverySummary) -> Row:
    counts = (one.delivered, one.redelivered, one.doubled, one.lost, one.without_effect)
    tone = "bad" if one.doubled or one.lost else ""
    return Row(cells=(name, one.promise, *(f"{count:,}" for count in counts)), tone=tone)


def _notes(summary: Summary) -> Iterator[str]:
    yield (
        "A lost event has no effect, and none to come; one without effect came, and found nothing "
        "to change."
    )
    for name, one in summary.delivery.items():
        for what, first in (("lost", one.first_lost), ("doubled", one.first_doubled)):
            if first is not None:
                yield f"The first that {name} {what}: {first.event} at position {first.position:,}."


def gaps_table(summary: Summary) -> Table | None:
    """What was done about events that came too early; None if none did."""
    if not any(one.gaps for one in summary.gaps.values()):
        return None
    return Table(
        caption="Gaps: events that came before one that they follow",
        head=(
            *("read model", "gaps", "held", "at once", "fetched", "late"),
            *("lost with the buffer", "parked"),
        ),
        rows=tuple(_gaps_row(name, one) for name, one in summary.gaps.items()),
        notes=tuple(_gaps_notes(summary)),
    )


def _gaps_row(name: str, one: GapSummary) -> Row:
    counts = (one.gaps, one.buffered, one.buffered_max, one.fetched, one.late, one.dropped)
    tone = "bad" if one.parked or one.dropped else ""
    return Row(cells=(name, *(f"{count:,}" for count in (*counts, one.parked))), tone=tone)


def _gaps_notes(summary: Summary) -> Iterator[str]:
    yield (
        "A held event waits until what is missing took effect; else that is fetched from the log, "
        "and skipped where it comes late. What is parked waits for what never came."
    )
    for name, one in summary.gaps.items():
        if (first := one.first_parked) is not None:
            yield (
                f"The first that {name} parked: {first.event} at position {first.position:,}, "
                f"which waits for version {first.waits_for}."
            )
