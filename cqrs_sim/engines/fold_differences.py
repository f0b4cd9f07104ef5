"""How a read model differs from a fold of the log: in which orders, counts, revenue.

Judged is what can be asked of it: of each order its row, how often it is listed for its customer
and in which statuses; of the statistics each order's entry, the counts and the revenue. Two that
hold the same and list it in another sequence differ in nothing of this, and yet are not equal.
"""

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import attrs

from cqrs_sim.read_side.projector import ReadModel

Facts: TypeAlias = tuple[object, ...]


@attrs.frozen(kw_only=True)
class FoldDifference:
    """What a read model shows, against what the log says."""

    orders: int
    """How many orders it shows otherwise, or not at all."""
    counts: int = 0
    """Orders that the statistics count too many, and too few, in each status."""
    revenue_cents: int = 0
    """What the statistics have too much of it; negative: too little."""
    where: str = ""
    """What differs first: an order, else a count or the revenue."""
    shown: str = ""
    """What the read model says of it."""
    expected: str = ""
    """What the log says of it."""

    @property
    def told(self) -> str:
        """In a sentence: how much differs, and the first of it."""
        if not self.where:
            return "the same is listed in another sequence"
        much = [f"{self.orders:,} orders differ"] if self.orders else []
        much += [f"counts are off by {self.counts:,} orders"] if self.counts else []
        much += [f"revenue is off by {self.revenue_cents:,} cents"] if self.revenue_cents else []
        first = f"first {self.where}: shows {self.shown}; the log says {self.expected}"
        return f"{', '.join(much)}; {first}"


def fold_difference(name: str, model: ReadModel, fold: ReadModel) -> FoldDifference | None:
    """What a read model shows against a fold of the whole log; None if they are equal.

    Args:
        name: which of the read models it is: `orders`, `statistics` or `search`.
        model: as it is.
        fold: one of the same kind to which the whole log was applied.
    """
    shown, expected = model.contents(), fold.contents()
    if shown == expected:
        return None
    facts, wanted = dict(_FACTS_OF[name](shown)), dict(_FACTS_OF[name](expected))
    differing = [key for key in sorted({*facts, *wanted}) if facts.get(key) != wanted.get(key)]
    found = FoldDifference(orders=sum(kind == _ORDER for kind, _ in differing))
    if not differing:
        return found
    first = differing[0]
    sides = _told(facts, first), _told(wanted, first)
    if sides[0] == sides[1]:  # Then it is the name of the order's customer, or its lines.
        sides = _named(facts, first), _named(wanted, first)
    found = attrs.evolve(found, where=" ".join(first[1:]), shown=sides[0], expected=sides[1])
    return _with_totals(found, shown, expected) if name == "statistics" else found


_ORDER, _TOTAL = "1 order", "2 total"
"""Orders are told before totals."""
Key: TypeAlias = tuple[str, str]


def _of_orders(contents: Any) -> Iterator[tuple[Key, Facts]]:
    rows, by_customer, by_status = contents
    listed: dict[str, int] = {}
    for order_ids in by_customer.values():
        for order_id in order_ids:
            listed[order_id] = listed.get(order_id, 0) + 1
    statuses: dict[str, list[str]] = {}
    for status, order_ids in by_status.items():
        for order_id in order_ids:
            statuses.setdefault(order_id, []).append(status)
    for order_id, row in rows.items():
        times = listed.get(order_id, 0)
        state = f"{row.status}, version {row.version}, {row.total_cents:,} cents"
        where = f"{times} x for its customer, under {' and '.join(statuses.get(order_id, ()))}"
        yield (_ORDER, f"order {order_id}"), (f"{state}, listed {where}", row)


def _of_statistics(contents: Any) -> Iterator[tuple[Key, Facts]]:
    entries, in_sequence, revenue_cents, by_status = contents
    for order_id, entry in entries.items():
        _, total, status = entry if isinstance(entry, tuple) else attrs.astuple(entry)
        yield (_ORDER, f"order {order_id}"), (f"{status}, {total:,} cents",)
    for status, count in by_status.items():
        yield (_TOTAL, f"count of {status}"), (f"{count:,}",)
    yield (_TOTAL, "revenue"), (f"{revenue_cents:,} cents",)
    yield (_TOTAL, "the number of orders"), (f"{len(in_sequence):,}",)


def _of_search(contents: Any) -> Iterator[tuple[Key, Facts]]:
    rows, _ = contents
    for order_id, row in rows.items():
        yield (_ORDER, f"order {order_id}"), (f"{row.status}, {row.total_cents:,} cents", row)


_FACTS_OF = {"orders": _of_orders, "statistics": _of_statistics, "search": _of_search}


def _with_totals(found: FoldDifference, shown: Any, expected: Any) -> FoldDifference:
    *_, revenue, counts = shown
    *_, wanted, wanted_counts = expected
    return attrs.evolve(
        found,
        counts=sum(abs(counts[status] - wanted_counts[status]) for status in counts),
        revenue_cents=revenue - wanted,
    )


def _told(facts: Mapping[Key, Facts], key: Key) -> str:
    return str(facts[key][0]) if key in facts else "nothing"


def _named(facts: Mapping[Key, Facts], key: Key) -> str:
    return f"{_told(facts, key)}, of {getattr(facts[key][-1], 'customer_name', 'somebody')}"
