"""The commands and queries of an open plan, drawn as arrays.

An engine with actors reads them as sequences of objects, which are made when the first one is
asked for; one without takes the columns, and nothing is made of what it does not need. Every kind
of draw has a stream of its own and is indexed by command, script or query, so more of anything only
appends to what was drawn before.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import islice
from typing import Final, overload

import attrs
import numpy as np
from numpy.typing import NDArray

from cqrs_sim.actors.randomness import Streams
from cqrs_sim.domain.commands import (
    AmendOrder,
    CancelOrder,
    Command,
    CreateOrder,
    UpdateOrderStatus,
)
from cqrs_sim.domain.item import OrderItem
from cqrs_sim.domain.queries import QUERY_TYPES, Page, Query
from cqrs_sim.ids import OrderId
from cqrs_sim.load_generation.columns import (
    NO_ORDER,
    CommandColumns,
    QueryColumns,
    first_mentions,
)
from cqrs_sim.load_generation.reads import BY_ID, Reads, kinds_of, query_of
from cqrs_sim.load_generation.workload import (
    CANCEL_REASON,
    INVALID_KINDS,
    LIFECYCLE_STATUSES,
    Workload,
    cancellations,
    customer_id,
    customer_numbers,
    invalid_command,
    item_lists,
    order_id,
    unknown_order_id,
)

UNKNOWN: Final = -1
"""Number of an order that nobody creates."""

CREATE: Final = 0
"""Actions; 1, 2 and 3 are the moves to each of `LIFECYCLE_STATUSES`."""
CANCEL: Final = 4
AMEND: Final = 5
INVALID: Final = 6
"""`INVALID` + k is the k-th of `INVALID_KINDS`."""


@attrs.frozen(eq=False, kw_only=True)
class DrawnCommands(Sequence[Command]):
    """The commands of a plan."""

    workload: Workload
    streams: Streams
    action: NDArray[np.int8]
    """Shape (n,)."""
    order: NDArray[np.int64]
    """Shape (n,): number of the order, or `UNKNOWN`."""
    lines: NDArray[np.int64]
    """Shape (n,): index of the drawn list of items, for an action that needs one."""

    def __len__(self) -> int:
        return len(self.action)

    @overload
    def __getitem__(self, which: int) -> Command: ...
    @overload
    def __getitem__(self, which: slice) -> "DrawnCommands": ...
    def __getitem__(self, which: int | slice) -> "Command | DrawnCommands":
        if isinstance(which, int):
            return self._objects[which]
        if which.indices(len(self))[0] or which.step not in (None, 1):
            raise ValueError("only a beginning: an unknown order is named after its place")
        columns = {name: getattr(self, name)[which] for name in ("action", "order", "lines")}
        return attrs.evolve(self, **columns)

    def __iter__(self) -> Iterator[Command]:
        return iter(self._objects)

    @property
    def is_valid(self) -> NDArray[np.bool_]:
        """Shape (n,): whether the rules accept it, if each order's commands arrive in turn."""
        return self.action < INVALID

    def columns(self) -> CommandColumns:
        """The same, as an engine without actors takes them."""
        known = int(self.order.max(initial=-1)) + 1
        unknown = known + np.arange(len(self), dtype=np.int64)
        order, codes = first_mentions(np.where(self.order == UNKNOWN, unknown, self.order))
        names = [
            order_id(code) if code < known else unknown_order_id(code - known)
            for code in codes.tolist()
        ]
        item = next(item_lists(self.streams, "load.items"))
        return CommandColumns(
            order=order,
            order_ids=tuple(names),
            action=self.action,
            actions=tuple(
                _command(action, order_id(0), 0, item, 0)
                for action in range(INVALID + len(INVALID_KINDS))
            ),
        )

    @cached_property
    def _objects(self) -> list[Command]:
        actions, orders, lines = self.action.tolist(), self.order.tolist(), self.lines.tolist()
        drawn_count = max(lines, default=-1) + 1
        items = list(islice(item_lists(self.streams, "load.items"), drawn_count))
        customers = list(islice(customer_numbers(self.workload, self.streams), drawn_count))
        return [
            _command(action, order_id(order), customers[line], items[line], number)
            for number, (action, order, line) in enumerate(zip(actions, orders, lines, strict=True))
        ]


def _command(
    action: int, order: OrderId, customer: int, items: tuple[OrderItem, ...], number: int
) -> Command:
    if action == AMEND:
        return AmendOrder(order, items)
    if action == CREATE:
        return CreateOrder(order, customer_id(customer), items)
    if action < CANCEL:
        return UpdateOrderStatus(order, LIFECYCLE_STATUSES[action - 1])
    if action == CANCEL:
        return CancelOrder(order, CANCEL_REASON)
    return invalid_command(INVALID_KINDS[action - INVALID], order, number)


def draw_commands(workload: Workload, streams: Streams, count: int) -> DrawnCommands:
    """The first commands of a workload, over all orders."""
    chances = streams.stream("load.invalid").random(count)
    kinds = streams.stream("load.invalid.kind").integers(0, len(INVALID_KINDS), count)
    is_invalid = chances < workload.invalid_share
    slots = workload.popularity.draw(streams.stream("load.popularity"), count)
    if workload.kind == "amendments":
        action, order = np.full(count, AMEND, np.int8), slots
        lines = np.arange(count, dtype=np.int64)
    else:
        action, order = _lifecycle(workload, streams, slots.tolist(), (~is_invalid).tolist())
        lines = order
    action = np.where(is_invalid, INVALID + kinds, action).astype(np.int8)
    is_unknown = action == INVALID + INVALID_KINDS.index("unknown_order")
    return DrawnCommands(
        workload=workload,
        streams=streams,
        action=action,
        order=np.where(is_unknown, UNKNOWN, order),
        lines=lines,
    )


def _lifecycle(
    workload: Workload, streams: Streams, slots: list[int], is_valid: list[bool]
) -> tuple[NDArray[np.int8], NDArray[np.int64]]:
    """What the command at each place asks for, were it valid, and of which order.

    A slot's place in its script is one number, 8 x the script + the step. The loop is over the
    commands because how long a script is depends on its number, and that on all slots before.
    """
    ends_early, steps_before = cancellations(workload, streams, len(slots))
    length = np.where(ends_early, steps_before + 1, len(LIFECYCLE_STATUSES) + 1).tolist()
    places: list[int] = []
    open_scripts: dict[int, int] = {}
    scripts_count = 0
    for slot, goes_on in zip(slots, is_valid, strict=True):
        place = open_scripts.get(slot)
        if place is None:
            place = open_scripts[slot] = 8 * scripts_count
            scripts_count += 1
        places.append(place)
        if goes_on:
            place += 1
            if place & 7 == length[place >> 3]:
                del open_scripts[slot]
            else:
                open_scripts[slot] = place
    script, step = np.divmod(np.array(places, np.int64), 8)
    is_cancel = ends_early[script] & (step == steps_before[script])
    return np.where(is_cancel, CANCEL, step).astype(np.int8), script


@attrs.frozen(eq=False, kw_only=True)
class DrawnQueries(Sequence[Query]):
    """The queries of a plan."""

    customers: int
    page: Page
    """What is asked for of a list of orders."""
    kind: NDArray[np.int8]
    """Shape (n,): index into `QUERY_TYPES`."""
    target: NDArray[np.float64]
    """Shape (n,): in [0, 1), which customer, status or period it asks for."""
    order: NDArray[np.int64]
    """Shape (n,): number of the order that a query by id asks for."""
    intended_ns: NDArray[np.int64]
    """Shape (n,)."""

    def __len__(self) -> int:
        return len(self.kind)

    @overload
    def __getitem__(self, which: int) -> Query: ...
    @overload
    def __getitem__(self, which: slice) -> "DrawnQueries": ...
    def __getitem__(self, which: int | slice) -> "Query | DrawnQueries":
        if isinstance(which, int):
            return self._objects[which]
        columns = ("kind", "target", "order", "intended_ns")
        return attrs.evolve(self, **{name: getattr(self, name)[which] for name in columns})

    def __iter__(self) -> Iterator[Query]:
        return iter(self._objects)

    def columns(self, order_ids: Sequence[OrderId]) -> QueryColumns:
        """The same, as an engine without actors takes them.

        Args:
            order_ids: of the commands that were planned with them.
        """
        numbers = {order: number for number, order in enumerate(order_ids)}
        is_by_id = self.kind == BY_ID
        which, codes = first_mentions(self.order[is_by_id])
        found = [numbers.setdefault(name, len(numbers)) for name in map(order_id, codes.tolist())]
        order = np.full(len(self), NO_ORDER, np.int32)
        order[is_by_id] = np.array(found, np.int32)[which]
        kind, kinds = first_mentions(self.kind.astype(np.int64))
        return QueryColumns(
            order=order,
            order_ids=tuple(numbers),
            kind=kind.astype(np.int8),
            kinds=tuple(QUERY_TYPES[code] for code in kinds.tolist()),
        )

    @cached_property
    def _objects(self) -> list[Query]:
        rows = zip(
            self.kind.tolist(),
            self.target.tolist(),
            map(order_id, self.order.tolist()),
            self.intended_ns.tolist(),
            strict=True,
        )
        return [
            query_of(kind, target, order, self.customers, now, self.page)
            for kind, target, order, now in rows
        ]


def draw_queries(
    reads: Reads,
    commands: DrawnCommands,
    *,
    is_query: NDArray[np.bool_],
    session: NDArray[np.int32],
    intended_ns: NDArray[np.int64],
) -> DrawnQueries:
    """The queries among some operations.

    Args:
        reads: Which queries.
        commands: The commands among them.
        is_query: shape (n_operations,), which of them are queries.
        session: shape (n_operations,), who sends each.
        intended_ns: shape (n_operations,), when.
    """
    count = int(np.count_nonzero(is_query))
    target = commands.streams.stream("load.query.target").random(count)
    return DrawnQueries(
        customers=commands.workload.customers,
        page=reads.page,
        kind=kinds_of(reads, commands.streams.stream("load.query.kind").random(count)),
        target=target,
        order=_orders_asked_for(commands, is_query, session, target),
        intended_ns=intended_ns[is_query],
    )


def _orders_asked_for(
    commands: DrawnCommands,
    is_query: NDArray[np.bool_],
    session: NDArray[np.int32],
    target: NDArray[np.float64],
) -> NDArray[np.int64]:
    """By each query: the session's last one, else any order written before, else the first."""
    is_write = ~is_query
    is_write[is_write] = commands.is_valid
    wrote = np.full(len(is_query), NO_ORDER, np.int64)
    wrote[is_write] = commands.order[commands.is_valid]
    # Within a session, in order of time: the last write up to here is the one furthest down.
    by_session = np.argsort(session, kind="stable")
    places = np.where(is_write[by_session], np.arange(len(session)), -1)
    starts = np.flatnonzero(np.diff(session[by_session], prepend=-1))
    begun = np.repeat(starts, np.diff(starts, append=len(session)))
    last = np.maximum.accumulate(places)
    own = np.full(len(session), NO_ORDER, np.int64)
    own[by_session] = np.where(last >= begun, wrote[by_session][last], NO_ORDER)
    set_up = commands.workload.setup_count
    is_new = np.zeros(len(is_query), np.bool_)
    is_new[~is_query] = commands.action == CREATE
    created = np.concatenate((np.arange(set_up), wrote[is_new]))
    written = set_up + np.cumsum(is_new)[is_query]
    if not len(created):
        created = np.zeros(1, np.int64)
    other = created[np.minimum((target * written).astype(np.int64), len(created) - 1)]
    own = own[is_query]
    return np.where(own == NO_ORDER, other, own)
