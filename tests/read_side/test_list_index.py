"""An index that is a list: the same answers, at a price that grows."""

from contracts import history_of
from fakes import History, amend, create, histories
from hypothesis import given
from hypothesis import strategies as st

from cqrs_sim.domain.queries import Page
from cqrs_sim.domain.status import CONFIRMED, PENDING, STATUSES
from cqrs_sim.ids import OrderId
from cqrs_sim.read_side.list_index import ListedOrders, SearchTimes
from cqrs_sim.read_side.orders import OrdersReadModel


def created(*order_ids: str) -> ListedOrders:
    orders = ListedOrders()
    for order_id in order_ids:
        orders.apply(history_of(order_id, 1)[0])
    return orders


def test_an_order_that_leaves_a_status_is_searched_from_the_beginning() -> None:
    orders = created("a", "b", "c")
    looked_at = [orders.searched(history_of(order_id, 2)[1]) for order_id in "abc"]
    assert looked_at == [1, 2, 3]
    orders.apply(history_of("b", 2)[1])
    # What came behind it moved up; and in its new status it is the first.
    assert orders.searched(history_of("c", 2)[1]) == 2
    assert orders.searched(history_of("b", 3)[2]) == 1


def test_nothing_is_searched_for_what_leaves_no_status() -> None:
    orders = created("a", "b")
    assert orders.searched(history_of("d", 1)[0]) == 0
    history = History()
    history.handle(create("a"))
    (amended,) = history.handle(amend("a"))
    assert orders.searched(amended) == 0


def test_a_time_is_that_of_all_else_and_of_each_entry() -> None:
    orders = created("a", "b", "c")
    log = [*(history_of(order_id, 1)[0] for order_id in "abc"), history_of("c", 2)[1]]
    times = SearchTimes(Tens(), orders, log, 7)
    assert [times[index] for index in range(4)] == [10, 20, 30, 40 + 3 * 7]
    assert SearchTimes(None, orders, log, 7)[3] == 3 * 7
    assert not times.drawn


class Tens:
    """10, 20, 30... ns."""

    drawn = ()

    def __getitem__(self, index: int, /) -> int:
        return 10 * (index + 1)


@given(history=histories(), offset=st.integers(0, 3), limit=st.integers(1, 3))
def test_it_answers_as_the_usual_index_does_in_the_same_sequence(
    history: History, offset: int, limit: int
) -> None:
    listed, usual = ListedOrders(), OrdersReadModel()
    for event in history.events:
        place = listed.searched(event)
        open_before = len(listed.rows)
        assert 0 <= place <= open_before
        listed.apply(event)
        usual.apply(event)
    assert listed.contents() == usual.contents()
    for status in STATUSES:
        assert listed.by_status(status) == usual.by_status(status)
        page = Page(limit=limit, offset=offset)
        assert listed.by_status(status, page) == usual.by_status(status, page)


def test_orders_come_in_the_sequence_in_which_they_came_to_their_status() -> None:
    orders = created("a", "b", "c")
    for order_id in "ca":
        orders.apply(history_of(order_id, 2)[1])
    assert [row.order_id for row in orders.by_status(CONFIRMED)] == ["c", "a"]
    assert [row.order_id for row in orders.by_status(PENDING)] == [OrderId("b")]
