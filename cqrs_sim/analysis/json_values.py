"""Plain values: what a JSON file holds, and how a record becomes one of its tables."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import attrs

Json: TypeAlias = Mapping[str, "Json"] | Sequence["Json"] | str | int | float | bool | None
"""Read only: tables and lists that may be shared."""


def plain(record: attrs.AttrsInstance) -> dict[str, Json]:
    """A record as in a file: its fields by name, records in it as tables, tuples as lists.

    Args:
        record: made of strings, numbers, booleans and None, of sequences and mappings of them, and
            of further records.
    """
    return {name: _plain_value(value) for name, value in attrs.asdict(record).items()}


def by_name(records: Mapping[str, attrs.AttrsInstance]) -> dict[str, Json]:
    """Records by their names, each as in a file."""
    return {name: plain(record) for name, record in records.items()}


def _plain_value(value: Json) -> Json:
    if isinstance(value, Mapping):
        return {key: _plain_value(member) for key, member in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain_value(member) for member in value]
    return value
