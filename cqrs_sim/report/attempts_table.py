"""The table of attempts, where each command has a handler of its own."""

from collections.abc import Iterator

from cqrs_sim.analysis.summary import Summary
from cqrs_sim.report.readings import NOTHING
from cqrs_sim.report.tables import Row, Table


def attempts_table(summary: Summary) -> Table | None:
    """What handlers tried, and what came of it; None where each order has an actor."""
    one = summary.attempts
    if not one.attempts:
        return None
    wasted = NOTHING if one.wasted_share is None else f"{100 * one.wasted_share:.1f} %"
    counts = (
        *(one.attempts, one.committed, one.conflicts, one.rejected, one.repeated, one.open),
        *(one.retries, one.given_up, one.lost_updates),
    )
    return Table(
        caption="Attempts: each command has a handler of its own",
        head=(
            *("", "attempts", "committed", "conflicts", "rejected", "repeated", "not over"),
            *("tried again", "given up", "lost updates", "time in vain"),
        ),
        rows=(
            Row(
                cells=("all handlers", *(f"{count:,}" for count in counts), wasted),
                tone="bad" if one.lost_updates else "",
            ),
        ),
        notes=tuple(_notes(summary)),
    )


def _notes(summary: Summary) -> Iterator[str]:
    yield (
        "A conflict found another write before its own. Queueing holds all attempts at a command "
        "but the last, and the waits after them; service is the last one."
    )
    first = summary.attempts.first_lost
    if first is not None:
        yield (
            f"The first update that was lost is the one before {first.event} at position "
            f"{first.position:,}: who wrote that had not seen it."
        )
