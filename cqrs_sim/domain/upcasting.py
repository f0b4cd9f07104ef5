"""Upcasting: bringing a stored event of an older schema up to the present one.

An event's payload is what a store keeps of it: a mapping of field names to plain values (texts,
numbers, lists, mappings). For each type of event there is a chain of pure functions, from one
schema version to the next; reading applies what is left of the chain, so the rest of the program
knows the newest schema only, and nothing that was written is ever rewritten.

Every step needs its own payload and nothing else. That is a rule for whoever changes an event, not
a habit: a projector reads by position, from anywhere and across all orders, so a step that needed
the order's state (an `OrderCancelled` that lacks the old status, say) would have to fold every
order from its first event before the first event could be handed out. A change that cannot be made
from the event alone is a new type of event.

Schemas:

- Money was a float in the currency's unit in version 1, as in the tutorial that this program
  follows: `price` of an item, `total_amount` and `old_total_amount` of the order. Sums of such
  floats depend on their order. Version 2 has whole cents: `price_cents`, `total_cents`,
  `old_total_cents`. `OrderCreated` and `OrderAmended` carry money; the others are as they were.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias, cast

from cqrs_sim.domain.events import (
    OrderAmended,
    OrderCancelled,
    OrderCreated,
    OrderStatusChanged,
)
from cqrs_sim.errors import UnknownSchemaError, UpcastError

Payload: TypeAlias = Mapping[str, object]
Step: TypeAlias = Callable[[Payload], dict[str, object]]
"""From one schema version to the next; leaves its argument as it was."""

_FIRST: Final = 1
_TOLERANCE_CENTS: Final = 0.01
"""How far an amount may be from whole cents: a float sum of many items is a little off."""

_EVENT_TYPES = {
    cls.__name__: cls for cls in (OrderCreated, OrderStatusChanged, OrderCancelled, OrderAmended)
}


def upcast(type_name: str, schema_version: int, payload: Payload) -> dict[str, object]:
    """A payload as the present schema has it.

    Args:
        type_name: name of the event's class.
        schema_version: what the payload was written in.
        payload: stays as it is.

    Returns:
        A new mapping; what the steps do not speak of is as it was.

    Raises:
        UnknownSchemaError: if this program does not know the type, or not this version of it.
        UpcastError: if the payload is not what its schema says.
    """
    return climbed(type_name, schema_version, payload, CHAINS.get(type_name))


def climbed(
    type_name: str, schema_version: int, payload: Payload, chain: Sequence[Step] | None
) -> dict[str, object]:
    """Like `upcast`, along a given chain; None: there is no such type."""
    if chain is None:
        raise UnknownSchemaError(type_name, schema_version, None)
    newest = _FIRST + len(chain)
    if not _FIRST <= schema_version <= newest:
        raise UnknownSchemaError(type_name, schema_version, newest)
    found = dict(payload)
    for number, step in enumerate(chain[schema_version - _FIRST :], start=schema_version):
        try:
            found = step(found)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise UpcastError(type_name, number, _told(error)) from error
    return found


def schema_of(type_name: str) -> int:
    """The present schema version of a type of event.

    Raises:
        UnknownSchemaError: if there is no such type.
    """
    try:
        return _EVENT_TYPES[type_name].schema_version
    except KeyError:
        raise UnknownSchemaError(type_name, None, None) from None


def _created_in_cents(payload: Payload) -> dict[str, object]:
    """`OrderCreated` 1 to 2."""
    found = dict(payload)
    found["items"], found["total_cents"] = _priced(found.pop("items"), found.pop("total_amount"))
    return found


def _amended_in_cents(payload: Payload) -> dict[str, object]:
    """`OrderAmended` 1 to 2."""
    found = dict(payload)
    found["items"], found["total_cents"] = _priced(found.pop("items"), found.pop("total_amount"))
    found["old_total_cents"] = _cents(found.pop("old_total_amount"), "old_total_amount")
    return found


def _priced(items: object, total_amount: object) -> tuple[list[dict[str, object]], int]:
    """Items in cents and their exact sum, which the float total must have meant."""
    priced, total = [], 0
    for item in cast("Sequence[Payload]", items):
        price = _cents(item["price"], "price")
        priced.append({k: v for k, v in item.items() if k != "price"} | {"price_cents": price})
        total += cast("int", item["quantity"]) * price
    if _cents(total_amount, "total_amount") != total:
        raise ValueError(f"total_amount is {total_amount!r}, but the items cost {total} cents")
    return priced, total


def _cents(amount: object, name: str) -> int:
    if isinstance(amount, bool) or not isinstance(amount, int | float):
        raise TypeError(f"{name} is {amount!r}, which is no amount of money")
    exact = amount * 100
    if not math.isfinite(exact) or abs(exact - round(exact)) > _TOLERANCE_CENTS:
        raise ValueError(f"{name} is {amount!r}, which is no whole number of cents")
    return round(exact)


def _told(error: Exception) -> str:
    return f"there is no {error}" if isinstance(error, KeyError) else str(error)


CHAINS: Mapping[str, tuple[Step, ...]] = {
    "OrderCreated": (_created_in_cents,),
    "OrderStatusChanged": (),
    "OrderCancelled": (),
    "OrderAmended": (_amended_in_cents,),
}
"""By type of event: the step from version 1 to 2, from 2 to 3, and so on."""
