"""What the recorder is told of renames, and their tables in a trace."""

from pathlib import Path

import attrs
import numpy as np
import pytest
from fakes import ScriptedClock

from cqrs_sim.errors import IncompleteTraceError
from cqrs_sim.ids import Nanoseconds
from cqrs_sim.measurement.recorder import Recorder
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.measurement.trace_file import load_trace, save_trace

NEVER = np.timedelta64("NaT", "ns")


def recorded() -> Trace:
    """Customer 7 is renamed twice, customer 3 not before the end; `search` is behind by one."""
    clock = ScriptedClock()
    recorder = Recorder(clock, ("orders", "statistics", "search"))

    def at(instant_ns: int) -> Recorder:
        clock.move_to(instant_ns)
        return recorder

    first = at(12).rename_submitted(7, Nanoseconds(10))
    at(15).rename_dequeued(first)
    at(19).rename_committed(first, 1, 1)
    second = at(20).rename_submitted(7, Nanoseconds(20))
    shown_late = at(21).rename_taken(2, 1)
    at(22).rename_dequeued(second)
    at(24).rename_committed(second, 2, 2)
    shown = at(25).rename_taken(0, 1)
    at(31).rename_applied(shown, 4)
    at(32).rename_submitted(3, Nanoseconds(32))
    shown = at(33).rename_taken(0, 2)
    at(40).rename_applied(shown, 5)
    at(41).rename_applied(shown_late, 4)
    at(42).rename_taken(2, 2)
    return recorder.trace((), load_ended_ns=40, ended_ns=42)


def test_a_rename_is_stamped_from_its_intention_to_its_commit() -> None:
    table = recorded().renames
    assert len(table) == 3
    assert table.customer.tolist() == [7, 7, 3]
    assert table.intended.astype(int).tolist() == [10, 20, 32]
    assert table.submitted.astype(int).tolist() == [12, 20, 32]
    assert np.array_equal(table.dequeued, np.array([15, 22, NEVER], "m8[ns]"), equal_nan=True)
    assert np.array_equal(table.committed, np.array([19, 24, NEVER], "m8[ns]"), equal_nan=True)
    assert (table.position.tolist(), table.version.tolist()) == ([1, 2, 0], [1, 2, 0])


def test_a_rename_is_stamped_in_each_read_model_that_shows_it() -> None:
    table = recorded().rename_deliveries
    assert (table.read_model.tolist(), table.position.tolist()) == ([0, 0, 2, 2], [1, 2, 1, 2])
    assert table.taken.astype(int).tolist() == [25, 33, 21, 42]
    assert np.array_equal(table.applied, np.array([31, 40, 41, NEVER], "m8[ns]"), equal_nan=True)
    assert table.rows.tolist() == [4, 5, 4, 0]


def test_a_trace_comes_back_from_disk_with_its_renames(tmp_path: Path) -> None:
    trace = recorded()
    save_trace(trace, tmp_path / "trace.npz")
    left, right = trace.to_arrays(), load_trace(tmp_path / "trace.npz").to_arrays()
    assert left.keys() == right.keys()
    for name, array in left.items():
        np.testing.assert_array_equal(array, right[name], err_msg=name)


def test_a_trace_without_renames_does_not_name_them() -> None:
    trace = Recorder(ScriptedClock(), ("orders",)).trace((), load_ended_ns=1, ended_ns=1)
    assert (len(trace.renames), len(trace.rename_deliveries)) == (0, 0)
    assert not [name for name in trace.to_arrays() if name.startswith("rename")]
    again = Trace.from_arrays(trace.to_arrays())
    assert (len(again.renames), len(again.rename_deliveries)) == (0, 0)


def test_renames_that_no_read_model_shows_come_back_alone() -> None:
    clock = ScriptedClock()
    recorder = Recorder(clock, ("statistics",))
    recorder.rename_submitted(0, Nanoseconds(0))
    again = Trace.from_arrays(recorder.trace((), load_ended_ns=1, ended_ns=1).to_arrays())
    assert (len(again.renames), len(again.rename_deliveries)) == (1, 0)


@pytest.mark.parametrize(
    ("table", "column", "row", "value"),
    [
        ("renames", "intended", 0, NEVER),
        ("renames", "submitted", 2, NEVER),
        ("rename_deliveries", "taken", 1, NEVER),
        ("rename_deliveries", "read_model", 3, 7),
        ("rename_deliveries", "read_model", 0, 2),
        ("rename_deliveries", "position", 0, 3),
    ],
)
def test_a_trace_with_renames_from_nowhere_is_refused(
    table: str, column: str, row: int, value: object
) -> None:
    trace = recorded()
    bent = getattr(getattr(trace, table), column).copy()
    bent[row] = value
    with pytest.raises(IncompleteTraceError, match="rename"):
        attrs.evolve(trace, **{table: attrs.evolve(getattr(trace, table), **{column: bent})})
