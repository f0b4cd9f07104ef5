"""Batches: so many at a time that a transaction of each is worth its commit."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

CATCH_UP = 1024
"""Events in a transaction of what is shown later than it was committed."""


def batches(items: Iterable[T], size: int) -> Iterator[Sequence[T]]:
    """The items in lists of this size; the last may be shorter."""
    source = iter(items)
    while some := list(islice(source, size)):
        yield some
