"""Bytes of tables: of the file, and of each of them."""

from pathlib import Path

from stored import QUICK, opened, story

from cqrs_sim.read_side.sqlite.orders import OrderTables
from cqrs_sim.tables.size import files_size_bytes, sizes_bytes, tables_size_bytes


def test_the_bytes_of_all_tables_and_indexes_are_those_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    with opened(path, OrderTables) as model:
        model.apply_batch(story())
    connection = QUICK(path)
    size, sizes = tables_size_bytes(connection), sizes_bytes(connection)
    connection.close()  # The last one to close empties the write-ahead log into the file.
    assert size == path.stat().st_size == files_size_bytes(path)
    assert sizes is not None
    assert {"order_rows", "order_rows_by_status", "checkpoints"} < sizes.keys()
    assert sum(sizes.values()) == size


def test_the_write_ahead_log_takes_bytes_on_disk_but_holds_no_more_tables(tmp_path: Path) -> None:
    path = tmp_path / "m.db"
    with opened(path, OrderTables) as model:
        model.apply_batch(story())
        assert files_size_bytes(path) > tables_size_bytes(model._writer)
