"""The tables of the trace, and `trace.npz`."""

import io
import pickle
import zipfile
from pathlib import Path

import attrs
import numpy as np
import pytest
from traces import Plan, make_trace

from cqrs_sim.errors import IncompleteTraceError, ResultFolderError
from cqrs_sim.measurement.trace import Array, Trace, select
from cqrs_sim.measurement.trace_file import load_trace, save_trace
from cqrs_sim.probe import NO_READ_MODEL, QueryOutcome, Strategy

SMALL = Plan(seconds=0.5, rate_per_s=200.0)
EMPTY = Plan(seconds=0.5, rate_per_s=0.0)


def assert_same(one: Trace, other: Trace) -> None:
    left, right = one.to_arrays(), other.to_arrays()
    assert left.keys() == right.keys()
    for name, array in left.items():
        assert array.dtype == right[name].dtype, name
        np.testing.assert_array_equal(array, right[name], err_msg=name)


def write_members(path: Path, arrays: dict[str, Array], compression: int = 0) -> None:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, array in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, array, version=(1, 0))
            archive.writestr(f"{name}.npy", buffer.getvalue())


def members(trace: Trace) -> dict[str, Array]:
    return {"schema": np.array(1, np.int64), **trace.to_arrays()}


@pytest.mark.parametrize("plan", [SMALL, EMPTY], ids=["small", "empty"])
def test_a_trace_comes_back_from_disk_as_it_was(tmp_path: Path, plan: Plan) -> None:
    trace = make_trace(plan)
    save_trace(trace, tmp_path / "trace.npz")
    assert_same(load_trace(tmp_path / "trace.npz"), trace)


def test_a_trace_without_orders_or_queries_comes_back_from_disk(tmp_path: Path) -> None:
    trace = attrs.evolve(make_trace(EMPTY), order_ids=(), query_kinds=())
    save_trace(trace, tmp_path / "trace.npz")
    assert load_trace(tmp_path / "trace.npz").order_ids == ()


def test_a_file_from_before_there_were_strategies_is_read_as_all_eventual(tmp_path: Path) -> None:
    trace = make_trace(SMALL)
    never = np.arange(len(trace.queries)) % 3 == 0
    answered = np.where(never, np.timedelta64("NaT"), trace.queries.answered)
    older = members(attrs.evolve(trace, queries=attrs.evolve(trace.queries, answered=answered)))
    for name in ("queries.strategy", "queries.outcome", "queries.dequeued"):
        del older[name]
    write_members(tmp_path / "trace.npz", older)
    queries = load_trace(tmp_path / "trace.npz").queries
    assert set(queries.strategy.tolist()) == {int(Strategy.EVENTUAL)}
    assert (queries.outcome == np.where(never, 0, QueryOutcome.ANSWERED)).all()
    assert np.isnat(queries.dequeued).all()


@pytest.mark.parametrize(
    ("column", "code"), [("strategy", 3), ("outcome", 4), ("read_model", -2), ("read_model", 2)]
)
def test_codes_that_mean_nothing_are_refused(column: str, code: int) -> None:
    arrays = make_trace(SMALL).to_arrays()
    arrays[f"queries.{column}"] = np.full_like(arrays[f"queries.{column}"], code)
    with pytest.raises(IncompleteTraceError, match=f"queries.{column} points outside"):
        Trace.from_arrays(arrays)


def test_the_write_side_stands_for_no_read_model() -> None:
    trace = make_trace(SMALL)
    nobody = np.full(len(trace.queries), NO_READ_MODEL, np.int8)
    attrs.evolve(trace, queries=attrs.evolve(trace.queries, read_model=nobody))


def test_numpy_reads_the_file_without_pickle(tmp_path: Path) -> None:
    trace = make_trace(SMALL)
    save_trace(trace, tmp_path / "trace.npz")
    with np.load(tmp_path / "trace.npz", allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["commands.intended"], trace.commands.intended)
        assert arrays["load_ended_ns"] == trace.load_ended_ns
        assert arrays["read_models"].tolist() == ["orders", "search"]


def test_equal_traces_are_equal_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        save_trace(make_trace(SMALL), tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_the_deliveries_of_a_read_model_are_views_in_position_order() -> None:
    trace = make_trace(SMALL)
    deliveries = trace.deliveries_of("search")
    assert (deliveries.read_model == 1).all()
    np.testing.assert_array_equal(deliveries.position, trace.events.position)
    assert np.shares_memory(deliveries.applied, trace.deliveries.applied)


def test_an_unknown_read_model_is_named_with_those_that_exist() -> None:
    with pytest.raises(IncompleteTraceError, match="no read model 'cache', only orders, search"):
        make_trace(SMALL).deliveries_of("cache")


def test_selecting_rows_takes_them_from_every_column() -> None:
    commands = make_trace(SMALL).commands
    chosen = select(commands, np.array([3, 1]))
    np.testing.assert_array_equal(chosen.intended, commands.intended[[3, 1]])
    np.testing.assert_array_equal(chosen.order, commands.order[[3, 1]])


def test_a_column_of_another_type_or_length_is_refused() -> None:
    events = make_trace(SMALL).events
    with pytest.raises(IncompleteTraceError, match=r"EventTable\.order is int64"):
        attrs.evolve(events, order=events.order.astype(np.int64))
    with pytest.raises(IncompleteTraceError, match=r"EventTable\.committed"):
        attrs.evolve(events, committed=events.committed[:-1])


def test_a_row_that_points_at_no_name_is_refused() -> None:
    trace = make_trace(SMALL)
    with pytest.raises(IncompleteTraceError, match=r"commands\.order points outside the 3 names"):
        attrs.evolve(trace, order_ids=("a", "b", "c"))


def test_deliveries_out_of_order_are_refused() -> None:
    trace = make_trace(SMALL)
    deliveries = select(trace.deliveries, slice(None, None, -1))
    with pytest.raises(IncompleteTraceError, match="not sorted"):
        attrs.evolve(trace, deliveries=deliveries)


@pytest.mark.parametrize("key", ["commands.outcome", "read_models", "ended_ns"])
def test_a_missing_column_is_named(tmp_path: Path, key: str) -> None:
    arrays = members(make_trace(SMALL))
    del arrays[key]
    write_members(tmp_path / "trace.npz", arrays)
    with pytest.raises(IncompleteTraceError, match=f"lacks {key}"):
        load_trace(tmp_path / "trace.npz")


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        (np.array(2, np.int64), "has schema 2; this version reads 1"),
        (np.array(1.0), "names no schema"),
        (np.array([1], np.int64), "names no schema"),
    ],
)
def test_another_schema_is_refused(tmp_path: Path, schema: Array, message: str) -> None:
    write_members(tmp_path / "trace.npz", members(make_trace(SMALL)) | {"schema": schema})
    with pytest.raises(ResultFolderError, match=message):
        load_trace(tmp_path / "trace.npz")


class Bomb:
    """Unpickling this would make a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (Path.touch, (self.path,))


def test_nothing_is_ever_unpickled(tmp_path: Path) -> None:
    path, made = tmp_path / "trace.npz", tmp_path / "made"
    header = b"\x93NUMPY\x01\x00v\x00" + (
        b"{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(117) + b"\n"
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("schema.npy", header + pickle.dumps(Bomb(made)))
    with pytest.raises(ResultFolderError, match="is not a trace"):
        load_trace(path)
    assert not made.exists()


def test_a_compressed_member_is_refused_since_it_may_grow_without_limit(tmp_path: Path) -> None:
    arrays: dict[str, Array] = {"schema": np.zeros(10_000_000, np.int64)}
    write_members(tmp_path / "trace.npz", arrays, zipfile.ZIP_DEFLATED)
    with pytest.raises(ResultFolderError, match=r"unpack to more|compressed"):
        load_trace(tmp_path / "trace.npz")


def test_a_header_that_promises_more_than_the_file_holds_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "trace.npz"
    write_members(path, {"schema": np.zeros(9, np.int64)})
    path.write_bytes(path.read_bytes().replace(b"(9,), }     ", b"(9000000,), "))
    with zipfile.ZipFile(path) as archive:
        broken = archive.infolist()[0].filename
    assert broken == "schema.npy"
    with pytest.raises(ResultFolderError, match=r"promises 72000000 bytes|Bad CRC"):
        load_trace(path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"not a zip at all", b"\x00" * 1000])
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "trace.npz").write_bytes(content)
    with pytest.raises(ResultFolderError, match="is not a trace"):
        load_trace(tmp_path / "trace.npz")


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "trace.npz"
    save_trace(make_trace(SMALL), path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(ResultFolderError, match="is not a trace"):
        load_trace(path)


def test_a_flipped_bit_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "trace.npz"
    save_trace(make_trace(SMALL), path)
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        column = archive.getinfo("deliveries.applied.npy")
    # In its numbers: what stands before them is in the file twice, and only one of the two is read.
    content[column.header_offset + column.file_size] ^= 1
    path.write_bytes(content)
    with pytest.raises(ResultFolderError):
        load_trace(path)


def test_disk_errors_name_the_path(tmp_path: Path) -> None:
    with pytest.raises(ResultFolderError, match=r"cannot read .*missing\.npz: No such file"):
        load_trace(tmp_path / "missing.npz")
    with pytest.raises(ResultFolderError, match=r"cannot write .*: No such file"):
        save_trace(make_trace(EMPTY), tmp_path / "missing" / "trace.npz")
