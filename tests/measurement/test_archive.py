"""What no run comes to is refused at the door, with the name of the array."""

import struct
import zipfile
from pathlib import Path

import pytest
from traces import Plan, make_trace

from cqrs_sim.analysis.summary import summarise
from cqrs_sim.errors import IncompleteTraceError, ResultFolderError
from cqrs_sim.measurement.archive import HIGHEST, LATEST_NS, Array, check_bounds
from cqrs_sim.measurement.trace import Trace
from cqrs_sim.measurement.trace_file import load_trace, save_trace
from cqrs_sim.report.page import write_report
from cqrs_sim.results import Result
from cqrs_sim.scenario.reading import read_scenario

TRACE = make_trace(Plan(seconds=0.5))


def with_value(name: str, value: int | float) -> dict[str, Array]:
    """The arrays of a good trace with one value replaced, in the middle of one column."""
    arrays = TRACE.to_arrays()
    changed = arrays[name].copy()
    flat = changed.reshape(-1)
    # As numbers: a stamp may be set so, whatever its type.
    numbers = flat if changed.dtype.kind == "f" else flat.view(f"i{changed.dtype.itemsize}")
    numbers[len(numbers) // 2] = value
    return {**arrays, name: changed}


def test_an_honest_trace_is_within_the_bounds() -> None:
    check_bounds(TRACE.to_arrays())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("commands.intended", -1),
        ("commands.intended", 2**62),
        ("commands.acknowledged", 2**63 - 1),
        ("deliveries.applied", LATEST_NS + 1),
        ("queries.answered", -(2**62)),
        ("load_ended_ns", 2**63 - 1),
        ("ended_ns", -1),
        ("first_position", -(2**63)),
        ("events.position", HIGHEST + 1),
        ("commands.position", 2**63 - 1),
        ("queries.versions_missing", float("inf")),
        ("queries.versions_missing", -1.0),
        ("queries.versions_missing", 1e308),
    ],
)
def test_what_no_run_comes_to_is_refused(tmp_path: Path, name: str, value: float) -> None:
    arrays = with_value(name, value)
    save_trace(Trace.from_arrays(arrays), tmp_path / "trace.npz")
    with pytest.raises(IncompleteTraceError) as caught:
        load_trace(tmp_path / "trace.npz")
    assert f": {name} " in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<i8', 'fortran_order': False, 'shape': (((((",
        "{'descr': '<i8,', 'fortran_order': False, 'shape': (True,), }",
        f"{{'descr': '<i8', 'fortran_order': False, 'shape': ({10**23 - 1}, 0), }}",
        "{'descr': '<i8', 'fortran_order': False, 'shape': (-1, -1), }",
        "{'descr': [('a', '<i8', -1)], 'fortran_order': False, 'shape': (1,), }",
        "{'descr': {}, 'fortran_order': False, 'shape': (1,), }",
        "{'descr': '|O', 'fortran_order': False, 'shape': (1,), }",
        "{'descr': ('<i8', (-1,)), 'fortran_order': False, 'shape': (1,), }",
        "[" * 3000,
        "1" * 5000,
        "",
    ],
)
def test_a_crafted_header_is_one_line_that_names_the_file(tmp_path: Path, header: str) -> None:
    text = f"{header}\n".encode()
    path = tmp_path / "trace.npz"
    with zipfile.ZipFile(path, "w") as archive:
        content = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + b"\0" * 64
        archive.writestr("ended_ns.npy", content)
    with pytest.raises((ResultFolderError, MemoryError)) as caught:
        load_trace(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("command", [-2, -(2**31), 2**31 - 1])
def test_an_event_of_no_command_is_refused(command: int) -> None:
    with pytest.raises(IncompleteTraceError, match=r"events\.command points outside the"):
        Trace.from_arrays(with_value("events.command", command))


@pytest.mark.parametrize(
    "name",
    ["commands.intended", "commands.acknowledged", "queries.intended", "deliveries.applied",
     "load_ended_ns", "ended_ns"],
)  # fmt: skip
def test_the_last_instant_within_the_bounds_can_be_summed_up_and_drawn(
    tmp_path: Path, name: str
) -> None:
    """It makes no sense of a run, but nothing overflows, and nothing asks for memory."""
    trace = Trace.from_arrays(with_value(name, LATEST_NS))
    check_bounds(trace.to_arrays())
    summarise(trace).to_json()
    scenario = read_scenario(
        '[run]\nduration = "1s"\n[load]\nrate = "1000/s"\n'
        "[read_models.orders]\n[read_models.search]\n"
    )
    result = Result(trace=trace, scenario=scenario, seed=0, engine="virtual")
    write_report(result, tmp_path / "report.html")
