"""Events come back from their bytes as they were; old ones are brought up to date."""

import pytest
from contracts import created
from fakes import History, histories
from hypothesis import given

from cqrs_sim.errors import InvalidCommandError, StoreError
from cqrs_sim.event_log.codec import event_of, row_of
from cqrs_sim.ids import OrderId, Version
from cqrs_sim.storage.event_rows import StoredEvent


def stored(position: int, *row: object) -> StoredEvent:
    return StoredEvent(position, 0, 0, *row)  # type: ignore[arg-type]


@given(histories())
def test_every_event_comes_back_as_it_was(history: History) -> None:
    for event in history.events:
        assert event_of(stored(event.position, *row_of(event, 7, 0))) == event


def test_an_old_event_is_brought_up_to_date_by_its_upcaster() -> None:
    (event,) = created()
    order_id, version, command, part, kind, _, payload = row_of(event, 7, 0)
    asked: list[object] = []

    def upcast(name: str, schema_version: int, old: dict[str, object]) -> dict[str, object]:
        asked.append((name, schema_version))
        return {**old, "customer_id": "renamed"}

    row = (order_id, version, command, part, kind, 0, payload)
    found = event_of(stored(1, *row), upcast)
    assert asked == [("OrderCreated", 0)]
    assert found.customer_id == "renamed"  # type: ignore[union-attr]
    with pytest.raises(StoreError, match="position 1: OrderCreated cannot be read: there is"):
        event_of(stored(1, *row))


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
