"""Two read models compared row by row: what `contents()` gives, down to the single entry."""

from collections.abc import Iterator, Mapping
from itertools import zip_longest

import attrs

WITNESSES = 5
"""Most differences that are named."""


@attrs.frozen
class Comparison:
    """What comparing two read models gave."""

    rows: int
    """How many entries of tables and indexes were compared."""
    differing_count: int
    differing: tuple[str, ...]
    """Where they differ, at most `WITNESSES` of the entries."""

    @property
    def are_equal(self) -> bool:
        """Whether every row is."""
        return not self.differing_count


def compare_rows(live: object, rebuilt: object) -> Comparison:
    """Compare the contents of two read models; tables are mappings, or tuples of tables."""
    rows = differing_count = 0
    named: list[str] = []
    for path, are_equal in _rows(live, rebuilt, ""):
        rows += 1
        if not are_equal:
            differing_count += 1
            if len(named) < WITNESSES:
                named.append(path)
    return Comparison(rows, differing_count, tuple(named))


def _rows(live: object, rebuilt: object, path: str) -> Iterator[tuple[str, bool]]:
    """Every row's path, and whether it is the same in both."""
    if isinstance(live, Mapping) and isinstance(rebuilt, Mapping):
        for key, row in live.items():
            where = f"{path}[{key!r}]"
            yield where, key in rebuilt and bool(row == rebuilt[key])
        for key in rebuilt:
            if key not in live:
                yield f"{path}[{key!r}]", False
    elif isinstance(live, list) and isinstance(rebuilt, list):
        for number, (row, other) in enumerate(zip_longest(live, rebuilt)):
            yield f"{path}[{number}]", bool(row == other)
    elif isinstance(live, tuple) and isinstance(rebuilt, tuple) and len(live) == len(rebuilt):
        for number, (table, other) in enumerate(zip(live, rebuilt, strict=True), start=1):
            yield from _rows(table, other, f"table {number}")
    else:
        yield path or "contents", bool(live == rebuilt)
