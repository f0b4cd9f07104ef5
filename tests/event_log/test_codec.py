"""Events come back from their bytes as they were; old ones are brought up to date."""

import attrs
import msgspec
import pytest
from contracts import created
from fakes import History, histories
from hypothesis import given

from cqrs_sim.domain.events import OrderCreated
from cqrs_sim.errors import InvalidCommandError, StoreError
from cqrs_sim.event_log.codec import event_of, row_of
from cqrs_sim.ids import OrderId, Position, Version
from cqrs_sim.storage.event_rows import StoredEvent


def stored(position: int, *row: object) -> StoredEvent:
    return StoredEvent(position, 0, 0, *row)  # type: ignore[arg-type]


@given(histories())
def test_every_event_comes_back_as_it_was(history: History) -> None:
    for event in history.events:
        assert event_of(stored(event.position, *row_of(event, 7, 0))) == event


def test_an_old_event_is_brought_up_to_date() -> None:
    (event,) = created()
    assert isinstance(event, OrderCreated)
    order_id, version, command, part, kind, _, payload = row_of(event, 7, 0)
    old = msgspec.msgpack.decode(payload)
    old["total_amount"] = old.pop("total_cents") / 100
    for item in old["items"]:
        item["price"] = item.pop("price_cents") / 100
    row = (order_id, version, command, part, kind, 1, msgspec.msgpack.encode(old))
    assert event_of(stored(1, *row)) == attrs.evolve(event, position=Position(1))


def test_an_event_of_a_newer_program_is_refused_by_its_position() -> None:
    row = row_of(created()[0], 7, 0)
    newer = (*row[:5], 99, row[6])
    with pytest.raises(StoreError, match=r"position 1: .* schema version 99"):
        event_of(stored(1, *newer))


def test_what_cannot_be_stored_is_its_senders_mistake() -> None:
    (event,) = created()
    event.order_id = OrderId("half a pair: \ud800")
    with pytest.raises(InvalidCommandError, match="it cannot be stored"):
        row_of(event, 7, 0)
    (event,) = created()
    event.total_cents = 2**64  # type: ignore[union-attr]
    with pytest.raises(InvalidCommandError, match="it cannot be stored"):
        row_of(event, 7, 0)
    with pytest.raises(InvalidCommandError, match="it cannot be stored"):
        row_of(created()[0], "half a pair: \ud800", 0)
    assert event.version == Version(1)
