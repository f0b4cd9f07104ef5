"""Lists by page, asked of two who are to give the same."""

from collections.abc import Callable
from functools import partial
from itertools import count

from cqrs_sim.domain.queries import OrderAnswers, OrderRow, Page
from cqrs_sim.domain.status import STATUSES
from cqrs_sim.ids import CustomerId

CUSTOMERS = tuple(CustomerId(f"customer-{number}") for number in range(1, 4))
"""All that `histories` has, and one that it has not."""

Listed = Callable[[Page], tuple[OrderRow, ...]]


def assert_same_pages(one: OrderAnswers, other: OrderAnswers) -> None:
    """Each page of every list is the same, and all of them together are the list."""
    for mine, theirs in zip(_lists(one), _lists(other), strict=True):
        for limit in (1, 2, 3):
            found = _pages(mine, limit)
            assert found == _pages(theirs, limit)
            assert all(len(page) == limit for page in found[:-1])
            assert sum(found, ()) == mine(Page())


def _lists(shown: OrderAnswers) -> list[Listed]:
    return [
        *(partial(shown.by_customer, customer) for customer in CUSTOMERS),
        *(partial(shown.by_status, status) for status in STATUSES),
    ]


def _pages(listed: Listed, limit: int) -> list[tuple[OrderRow, ...]]:
    """Up to the first that is empty."""
    found: list[tuple[OrderRow, ...]] = []
    for number in count():
        page = listed(Page(limit=limit, offset=number * limit))
        if not page:
            return found
        found.append(page)
    raise AssertionError
