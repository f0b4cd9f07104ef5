"""One row of a recorded command log, read as a command.

Mistakes are collected, not raised, so that a row with two of them shows both.
"""

import difflib
import re
from collections.abc import Mapping
from decimal import Decimal

from cqrs_sim.domain.commands import (
    COMMAND_TYPES,
    AmendOrder,
    CancelOrder,
    Command,
    CreateOrder,
    UpdateOrderStatus,
)
from cqrs_sim.domain.item import OrderItem
from cqrs_sim.ids import Cents, CustomerId, OrderId, ProductId

COLUMNS = ("time", "order", "command", "customer", "items", "status", "reason")
REQUIRED_COLUMNS = COLUMNS[:3]

_FIELDS: dict[str, tuple[str, ...]] = {
    "CreateOrder": ("customer", "items"),
    "UpdateOrderStatus": ("status",),
    "CancelOrder": ("reason",),
    "AmendOrder": ("items",),
}
_NAMES = tuple(kind.__name__ for kind in COMMAND_TYPES)
_OPTIONAL = "reason"

_QUANTITY = re.compile(r"-?[0-9]{1,6}")
_PRICE = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,2})?")


def command_of(row: Mapping[str, str], mistakes: list[str]) -> Command | None:
    """The command of a row, or None after adding what is wrong with it to the mistakes.

    Args:
        row: Cells by column; a column that the file lacks is not in it.
        mistakes: Extended by one sentence for each mistake.
    """
    name = row["command"]
    if name not in _FIELDS:
        mistakes.append(f"unknown command {shown(name)}{suggestion(name, _NAMES)}")
        return None
    found = len(mistakes)
    _check_fields(name, row, mistakes)
    items = _items_of(row["items"], mistakes) if row.get("items") else ()
    return _made(name, row, items) if len(mistakes) == found else None


def shown(cell: str) -> str:
    """A cell as it can be printed: quoted, escaped, and not too long."""
    return repr(cell if len(cell) <= 60 else cell[:57] + "...")


def suggestion(name: str, names: tuple[str, ...]) -> str:
    """The nearest of the known names, as the end of a sentence; empty if none is near."""
    by_lower = {known.lower(): known for known in names}
    near = difflib.get_close_matches(name[:80].lower(), by_lower, n=1)
    return f"; did you mean {by_lower[near[0]]}?" if near else f"; known are {', '.join(names)}"


def _check_fields(name: str, row: Mapping[str, str], mistakes: list[str]) -> None:
    used = _FIELDS[name]
    for column in COLUMNS[len(REQUIRED_COLUMNS) :]:
        if column in used and column not in row and column != _OPTIONAL:
            mistakes.append(f"{name} needs the column {column}, which the header lacks")
        if column not in used and row.get(column):
            mistakes.append(f"{name} has no {column}, but here is {shown(row[column])}")


def _made(name: str, row: Mapping[str, str], items: tuple[OrderItem, ...]) -> Command:
    order_id = OrderId(row["order"])
    if name == "CreateOrder":
        return CreateOrder(order_id, CustomerId(row["customer"]), items)
    if name == "AmendOrder":
        return AmendOrder(order_id, items)
    if name == "CancelOrder":
        return CancelOrder(order_id, row.get(_OPTIONAL, ""))
    # Any text may stand here: whether it is a status is for the domain to say.
    return UpdateOrderStatus(order_id, row["status"])  # type: ignore[arg-type]


def _items_of(cell: str, mistakes: list[str]) -> tuple[OrderItem, ...]:
    items = []
    for number, text in enumerate(cell.split(";"), start=1):
        parts = text.strip().split(":")
        if len(parts) != 3 or not parts[0]:
            mistakes.append(f"item {number} {shown(text)}: it must be like prod-1:2:29.99")
            continue
        product, quantity, price = parts
        is_quantity, is_price = _QUANTITY.fullmatch(quantity), _PRICE.fullmatch(price)
        if not is_quantity:
            mistakes.append(
                f"item {number}: {shown(quantity)} is no whole number of up to 6 digits"
            )
        if not is_price:
            mistakes.append(f"item {number}: {shown(price)} is no price (9 digits, 2 decimals)")
        if is_quantity and is_price:
            cents = Cents(int(Decimal(price) * 100))
            items.append(OrderItem(ProductId(product), int(quantity), cents))
    return tuple(items)
