import attrs
import pytest
from fakes import ITEMS, History, amend, cancel, create, histories, item, update
from hypothesis import given
from hypothesis import strategies as st

from cqrs_sim.domain.order import Order
from cqrs_sim.ids import OrderId, Position, Version
from cqrs_sim.write_side.snapshots import (
    SNAPSHOT_SCHEMA,
    Flaw,
    MemorySnapshots,
    StoredSnapshot,
    opened,
    snapshot_of,
)

ORDER = OrderId("order-1")


def an_order() -> Order:
    history = History()
    for command in (create(), amend(items=[item("ä", 3, 7)]), update("CONFIRMED"), cancel()):
        history.handle(command)
    return history.orders[ORDER]


def test_a_snapshot_gives_the_state_back_as_objects_of_its_own() -> None:
    order = an_order()
    found = opened(snapshot_of(order, Position(4)))
    assert isinstance(found, Order)
    assert found == order
    assert found is not order
    assert found.items is not order.items
    assert found.items[0] is not order.items[0]


def test_a_snapshot_is_bytes_and_says_what_it_stands_on() -> None:
    stored = snapshot_of(an_order(), Position(9))
    assert type(stored.state) is bytes
    assert (stored.order_id, stored.version, stored.position) == (ORDER, 4, 9)
    assert stored.schema_version == SNAPSHOT_SCHEMA
    assert stored.is_intact


@given(st.integers(0), st.integers(0, 7))
def test_any_flipped_bit_of_the_state_is_found(place: int, bit: int) -> None:
    stored = snapshot_of(an_order(), Position(4))
    state = bytearray(stored.state)
    state[place % len(state)] ^= 1 << bit
    assert opened(attrs.evolve(stored, state=bytes(state))) is Flaw.CORRUPT


def test_a_wrong_field_beside_the_state_is_found() -> None:
    stored = snapshot_of(an_order(), Position(4))
    for changed in (
        attrs.evolve(stored, order_id=OrderId("order-2")),
        attrs.evolve(stored, version=Version(3)),
        attrs.evolve(stored, position=Position(5)),
        attrs.evolve(stored, schema_version=2),
        attrs.evolve(stored, checksum=0),
    ):
        assert opened(changed) is Flaw.CORRUPT


def sealed(stored: StoredSnapshot) -> StoredSnapshot:
    """The same with a right checksum, as a program that wrote it so would have left it."""
    return attrs.evolve(stored, checksum=stored.right_checksum)


def test_an_intact_snapshot_of_another_schema_is_told_from_a_corrupt_one() -> None:
    stored = snapshot_of(an_order(), Position(4))
    assert opened(sealed(attrs.evolve(stored, schema_version=2))) is Flaw.OTHER_SCHEMA


@pytest.mark.parametrize("state", [b"", b"\x80", b"\x90", b"\xc1", b"\x81\xa6status\xa3new"])
def test_intact_bytes_that_are_no_order_are_corrupt(state: bytes) -> None:
    stored = snapshot_of(an_order(), Position(4))
    assert opened(sealed(attrs.evolve(stored, state=state))) is Flaw.CORRUPT


def test_a_state_of_another_order_or_version_is_corrupt() -> None:
    stored = snapshot_of(an_order(), Position(4))
    assert opened(sealed(attrs.evolve(stored, version=Version(3)))) is Flaw.CORRUPT
    assert opened(sealed(attrs.evolve(stored, order_id=OrderId("order-2")))) is Flaw.CORRUPT


@given(histories())
def test_every_state_survives(history: History) -> None:
    for order in history.orders.values():
        assert opened(snapshot_of(order, Position(1))) == order


def test_a_store_in_memory_gives_an_orders_snapshots_newest_first() -> None:
    store, history = MemorySnapshots(), History()
    for command in (create(), amend(), create("order-2"), amend(items=ITEMS[:1])):
        history.handle(command)
        store.put(snapshot_of(history.orders[command.order_id], Position(len(history.events))))
    assert [stored.version for stored in store.newest_first(ORDER)] == [3, 2, 1]
    assert [stored.version for stored in store.newest_first(OrderId("order-2"))] == [1]
    assert list(store.newest_first(OrderId("nobody"))) == []
