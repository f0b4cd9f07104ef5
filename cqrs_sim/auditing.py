"""The audit of a store: the history of an order, and whether all that is in there holds together.

What `verify` looks at, in this order; the first that is wrong is the witness: SQLite's own check of
its pages; of each event its position, checksum, instant, version, whether it can be read, and
whether the order could do that in the state it was in; where orders are kept as rows too, whether
each is what its events come to; at last the position up to which callers were told that their
commands are safe.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import attrs

from cqrs_sim.analysis.json_values import Json
from cqrs_sim.crud.tables import NormalisedTables
from cqrs_sim.domain.events import Event
from cqrs_sim.domain.history import why_impossible
from cqrs_sim.domain.order import Order, evolve
from cqrs_sim.errors import StoreError
from cqrs_sim.event_log.codec import event_of
from cqrs_sim.ids import OrderId
from cqrs_sim.storage.event_rows import StoredEvent, chained, first_checksum
from cqrs_sim.storage.event_store import EventReader
from cqrs_sim.storage.folder import EVENTS, Acknowledged

TELL_EVERY = 2_000
"""Events between two calls of a verification's progress."""


@attrs.frozen
class Step:
    """An event of an order, and what the order was like after it."""

    stored: StoredEvent
    event: Event
    order: Order

    def to_json(self) -> dict[str, Json]:
        """As it is printed with `--json`."""
        stored, order = self.stored, self.order
        return {
            "version": stored.version,
            "position": stored.position,
            "recorded_ns": stored.recorded_ns,
            "command": stored.command,
            "type": stored.type,
            "schema_version": stored.schema_version,
            "status": order.status,
            "total_cents": order.total_cents,
            "items": [attrs.asdict(item) for item in order.items],
        }


@attrs.frozen
class History:
    """All of an order; no steps if there is none of this id."""

    order_id: str
    is_dated: bool
    """Whether instants count from 1970; else they are simulated time."""
    steps: tuple[Step, ...]
    first_order_id: str | None
    """Of the first event of the log: what ids look like here. None: the log is empty."""


@attrs.frozen
class Finding:
    """What is wrong, and where."""

    position: int | None
    """None: not with one event."""
    what: str

    def __str__(self) -> str:
        return self.what if self.position is None else f"position {self.position}: {self.what}"


@attrs.frozen
class Verified:
    """What a verification found."""

    store: str
    events_count: int
    """Events that hold together, from the first on."""
    orders_count: int
    last_position: int
    acknowledged_position: int | None
    """None: nothing was written down."""
    has_rows: bool
    """Whether orders are kept as rows too, which were compared with the events."""
    finding: Finding | None

    def to_json(self) -> dict[str, Json]:
        """As it is printed with `--json`."""
        finding = None
        if self.finding is not None:
            finding = {"position": self.finding.position, "what": self.finding.what}
        return {**attrs.asdict(self), "finding": finding, "ok": self.finding is None}


def store_in(folder: Path) -> Path:
    """The folder of a store; a result's folder will do, if its store is inside."""
    inside = folder / "store"
    return inside if (inside / EVENTS).exists() and not (folder / EVENTS).exists() else folder


def history_of(folder: Path, order_id: str) -> History:
    """The events of an order, and its state after each; no steps if there is no such order.

    Raises:
        StoreError: if there is no store, or an event of the order cannot be read.
    """
    steps: list[Step] = []
    order: Order | None = None
    with closing(EventReader(store_in(folder))) as reader:
        for stored in reader.of_order(order_id):
            event = event_of(stored)
            order = evolve(order, event)
            steps.append(Step(stored, event, order))
        first = next((stored.order_id for stored in reader.between(1, 1)), None)
        return History(order_id, reader.is_dated, tuple(steps), first)


def verify(
    folder: Path,
    progress: Callable[[int, int], None] = lambda done, count: None,
) -> Verified:
    """Check all of a store.

    Args:
        folder: the store's.
        progress: is told now and then how many events of how many are checked.

    Raises:
        StoreError: if there is no store, it cannot be opened, or it keeps rows and no events; what
            is wrong inside is a finding.
    """
    with closing(EventReader(store_in(folder))) as reader, reader.at_one_commit() as connection:
        acknowledged = reader.acknowledged
        if reader.has_rows_alone:
            raise StoreError(
                f"{reader.folder} keeps orders as rows and no events: no log to verify"
            )
        audit = _Audit(reader, NormalisedTables(connection))
        try:
            finding = next(audit.findings(progress), None)
        except StoreError as error:
            finding = Finding(None, str(error))
        return Verified(
            store=str(reader.folder),
            events_count=audit.position,
            orders_count=len(audit.orders),
            last_position=audit.last,
            acknowledged_position=None if acknowledged is None else acknowledged.position,
            has_rows=audit.rows_position is not None,
            finding=finding,
        )


class _Audit:
    """A walk along the log."""

    def __init__(self, reader: EventReader, rows: NormalisedTables) -> None:
        self._reader = reader
        self._rows = rows
        self.rows_position = reader.rows_position()
        self._recorded_ns = 0
        self._checksum = first_checksum(reader.store_id)
        self.position = 0
        self.last = 0
        self.orders: dict[OrderId, Order] = {}

    def findings(self, progress: Callable[[int, int], None]) -> Iterator[Finding]:
        """What is wrong, in the order of the log; behind the first finding nothing is certain."""
        reader = self._reader
        damage = reader.damage()
        if damage is not None:
            yield Finding(None, f"SQLite finds its pages damaged: {damage}")
        self.last = reader.last_position()
        acknowledged = reader.acknowledged or Acknowledged(reader.store_id, 0, 0)
        told = acknowledged.position
        for stored in reader.between(1, self.last):
            what = self._wrong_with(stored)
            if what is not None:
                yield Finding(stored.position, what)
            self.position = stored.position
            if stored.position == told and acknowledged.checksum != stored.checksum:
                yield Finding(stored.position, "is not the event that was acknowledged")
            if stored.position == self.rows_position:
                yield from self._wrong_rows()
            if stored.position % TELL_EVERY == 0:
                progress(stored.position, self.last)
        if (self.rows_position or 0) > self.last:
            yield Finding(self.rows_position, "is shown by the rows of orders, and not in the log")
        if acknowledged.store_id != reader.store_id:
            yield Finding(None, "what was acknowledged belongs to another store")
        if told > self.last:
            yield Finding(
                told,
                f"was acknowledged, and the log ends at position {self.last}: commits were lost",
            )

    def _wrong_rows(self) -> Iterator[Finding]:
        """Orders whose rows are not what their events come to."""
        for order_id, order in self.orders.items():
            if self._rows.load(order_id) != order:
                what = f"the rows of {order_id} are not what its events come to"
                yield Finding(self.position, what)

    def _wrong_with(self, stored: StoredEvent) -> str | None:
        """What is wrong with the next event; None if nothing."""
        due = self.position + 1
        if stored.position != due:
            return f"stands where position {due} is due"
        checksum = chained(self._checksum, stored.position, stored.recorded_ns, stored.new_row)
        if checksum != stored.checksum:
            return "its checksum does not fit what it holds and what was before it"
        if stored.recorded_ns < self._recorded_ns:
            return "was recorded before the event before it"
        try:
            event = event_of(stored)
        except StoreError as error:
            return str(error).partition(": ")[2]
        order = self.orders.get(event.order_id)
        why = why_impossible(order, event)
        if why:
            return f"{event.event_id} ({type(event).__name__}) {why}"
        self.orders[event.order_id] = evolve(order, event)
        self._checksum, self._recorded_ns = checksum, stored.recorded_ns
        return None
