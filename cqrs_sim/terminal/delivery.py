"""Deliveries as a person reads them: a row for each way, then where each first went wrong."""

from collections.abc import Iterator

from rich.text import Text

from cqrs_sim.delivery.comparison import DeliveryComparison, DeliveryOutcome
from cqrs_sim.plain_text import printable
from cqrs_sim.terminal.screen import BAD, GOOD, Screen, table_of

COLUMNS = (
    *("delivery", "crashes", "lost", "again", "doubled", "orders"),
    *("revenue", "right"),
)
READING = (
    "lost, again (came again), doubled: effects, over all read models; orders: shown wrong; "
    "revenue: off by so much"
)


def show_deliveries(screen: Screen, found: DeliveryComparison) -> None:
    """The table, and the first witness of each way that is not right."""
    title = Text(printable(found.title.replace("\n", "; ")), "bold")
    table = table_of("", *COLUMNS)
    table.title = None
    # Headings stay whole in 80 columns.
    table.padding = (0, 1, 0, 0)
    for column in table.columns:
        column.no_wrap = True
    for outcome in found.outcomes:
        table.add_row(*_row(outcome))
    screen.show(title, table, Text(READING, "dim"), "", *_witnesses(found))


def _row(outcome: DeliveryOutcome) -> tuple[Text, ...]:
    counts = (
        *(outcome.crashes, outcome.lost, outcome.redelivered, outcome.doubled),
        outcome.orders_differing,
    )
    right = Text("yes", GOOD) if outcome.is_right else Text("no", BAD)
    revenue = f"{outcome.revenue_cents / 100:+,.2f}" if outcome.revenue_cents else "0"
    numbers = (Text(f"{count:,}") for count in counts)
    return (Text(outcome.variant), *numbers, Text(revenue), right)


def _witnesses(found: DeliveryComparison) -> Iterator[Text]:
    for outcome in found.outcomes:
        if outcome.first or outcome.difference:
            told = "; ".join(filter(None, (outcome.first, outcome.difference)))
            yield Text(f"{outcome.variant}: first {printable(told)}")
