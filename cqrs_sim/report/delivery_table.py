"""The table of deliveries that went wrong: effects lost and doubled, by read model."""

from collections.abc import Iterator

from cqrs_sim.analysis.delivery import DeliverySummary
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
