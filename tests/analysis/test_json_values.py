"""Records as they stand in a JSON file."""

import json
from collections.abc import Mapping

import attrs

from cqrs_sim.analysis.json_values import plain


@attrs.frozen
class Inner:
    numbers: tuple[float | None, ...]


@attrs.frozen
class Outer:
    name: str
    inner: Inner | None
    by_name: Mapping[str, Inner]
    limits: Mapping[str, tuple[int, Inner]]


def test_records_become_tables_and_tuples_lists_at_any_depth() -> None:
    one = Inner((0.5, None))
    record = Outer(name="x", inner=one, by_name={"a": one}, limits={"b": (1, Inner(()))})
    table = {"numbers": [0.5, None]}
    found = plain(record)
    assert found == {
        "name": "x",
        "inner": table,
        "by_name": {"a": table},
        "limits": {"b": [1, {"numbers": []}]},
    }
    # So what is compared with a file that was read back is equal to it.
    assert json.loads(json.dumps(found)) == found


def test_no_record_in_a_record_is_null() -> None:
    assert plain(Outer(name="x", inner=None, by_name={}, limits={}))["inner"] is None
