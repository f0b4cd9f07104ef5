"""Read models that take whatever comes: right where all comes once, wrong elsewhere."""

from collections.abc import Callable

import pytest
from fakes import History, amend, cancel, create, histories, item, update
from hypothesis import given

from cqrs_sim.delivery_modes import UNGUARDED
from cqrs_sim.domain.status import STATUSES
from cqrs_sim.ids import CustomerId, Nanoseconds
from cqrs_sim.projections.kinds import KINDS
from cqrs_sim.read_side.names import derived_name
from cqrs_sim.read_side.unguarded import UnguardedOrders, UnguardedSearch, UnguardedStatistics

ALL = (Nanoseconds(0), Nanoseconds(10**18))


def lived() -> History:
    """One order of 50.00, amended to 80.00 and confirmed."""
    history = History()
    history.handle(create(items=[item(price_cents=5000)]))
    history.handle(amend(items=[item(price_cents=8000)]))
    history.handle(update("CONFIRMED"))
    return history


@pytest.mark.parametrize("name", KINDS)
@given(history=histories())
def test_what_comes_once_and_in_order_is_shown_as_by_the_guarded_ones(
    name: str, history: History
) -> None:
    guarded, unguarded = KINDS[name].memory(derived_name), UNGUARDED[name](derived_name)
    for event in history.events:
        guarded.apply(event)
        assert unguarded.takes(event)
    assert unguarded.contents() == guarded.contents()


def test_an_order_that_is_created_again_is_listed_twice_for_its_customer_and_pending() -> None:
    orders, history = UnguardedOrders(), lived()
    for event in (*history.events, history.events[0]):
        orders.apply(event)
    rows = orders.by_customer(CustomerId("customer-1"))
    assert [row.status for row in rows] == ["PENDING", "PENDING"]
    assert [status for status in STATUSES if orders.by_status(status)] == ["PENDING", "CONFIRMED"]


def test_revenue_is_counted_twice_with_an_order_and_with_an_amendment() -> None:
    statistics, (created, amended, confirmed) = UnguardedStatistics(), lived().events
    for event in (created, amended, amended, confirmed, created):
        statistics.apply(event)
    assert statistics.between(*ALL).revenue_cents == 5000 + 3000 + 3000 + 5000
    assert statistics.between(*ALL).orders_count == 2


def test_a_change_of_status_that_comes_again_is_counted_again() -> None:
    statistics, (created, amended, confirmed) = UnguardedStatistics(), lived().events
    for event in (created, amended, confirmed, confirmed):
        statistics.apply(event)
    counts = dict(statistics.between(*ALL).by_status)
    assert (counts["PENDING"], counts["CONFIRMED"]) == (-1, 2)


@pytest.mark.parametrize("make", [UnguardedOrders, UnguardedSearch])
def test_an_event_of_an_order_that_never_came_changes_nothing_and_says_so(
    make: Callable[[], UnguardedOrders | UnguardedSearch],
) -> None:
    history = lived()
    history.handle(cancel())
    model = make()
    assert [model.takes(event) for event in history.events[1:]] == [False] * 3
    assert model.contents() == make().contents()
    assert model.takes(history.events[0])
