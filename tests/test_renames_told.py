"""Renamed customers as a person reads of them: terminal, page, diagram."""

import attrs
import numpy as np
from renamed_trace import SHOWING, renamed

from cqrs_sim.analysis.planned import Planned
from cqrs_sim.analysis.summary import Summary, summarise
from cqrs_sim.measurement.trace import Trace, select
from cqrs_sim.report.rename_rows import renames_table
from cqrs_sim.terminal.renames import renames


def summary_of(trace: Trace) -> Summary:
    return summarise(trace, planned=Planned(naming=frozenset(SHOWING)))


def in_ms(trace: Trace) -> Trace:
    """The same with every nanosecond a millisecond, and an end of the load that none is behind."""
    tables = {}
    for field in attrs.fields(Trace):
        table = getattr(trace, field.name)
        if not attrs.has(type(table)):
            continue
        columns = {one.name: getattr(table, one.name) for one in attrs.fields(type(table))}
        stamps = {name: column for name, column in columns.items() if column.dtype.kind == "m"}
        later = {name: column * 1_000_000 for name, column in stamps.items()}
        tables[field.name] = attrs.evolve(table, **later)
    return attrs.evolve(trace, **tables, load_ended_ns=40_000_000, ended_ns=50_000_000)


def test_the_terminal_tells_of_customers_and_of_each_read_model() -> None:
    assert [line.plain for line in renames(summary_of(in_ms(renamed())))] == [
        "renames: 3 submitted, 3 committed; response mean 5.67 ms, max 7.00 ms",
        (
            "names in orders: 3 renames shown in 11 rows, 3.7 each; lag mean 6.00 ms, max 7.00 ms, "
            "of it channel 2.00 + apply 4.00"
        ),
        (
            "names in search: 3 renames shown in 11 rows, 3.7 each; lag mean 5.67 ms, max 7.00 ms, "
            "of it channel 2.67 + apply 3.00"
        ),
    ]


def test_the_terminal_tells_what_is_withheld_and_why() -> None:
    late = in_ms(renamed())
    table = late.rename_deliveries
    late = attrs.evolve(late, rename_deliveries=select(table, table.position != 3))
    lines = [line.plain for line in renames(summary_of(late))]
    assert lines[1] == (
        "names in orders: 2 renames shown in 6 rows, 3.0 each; lag withheld: 1 of 3 were not over "
        "when the run ended"
    )
    saturated = [line.plain for line in renames(summary_of(renamed()))]
    assert saturated[1].endswith("lag withheld")


def test_the_page_has_a_row_of_the_customers_and_one_a_read_model() -> None:
    table = renames_table(summary_of(in_ms(renamed())))
    assert table is not None
    assert [row.cells for row in table.rows] == [
        ("customers: response", "3", "-", "-", "too few", "too few", "7.00", "5.67", "-", "-"),
        ("orders: lag", "3", "11", "3.7", "too few", "too few", "7.00", "6.00", "2.00", "4.00"),
        ("search: lag", "3", "11", "3.7", "too few", "too few", "7.00", "5.67", "2.67", "3.00"),
    ]
    assert {len(row.cells) for row in table.rows} == {len(table.head)}


def test_the_page_withholds_what_a_saturated_read_model_would_tell() -> None:
    table = renames_table(summary_of(renamed()))
    assert table is not None
    assert table.rows[1].cells[4:9] == ("withheld", "-", "-", "-", "-")


def test_nobody_is_told_of_renames_that_there_were_not() -> None:
    silent = attrs.evolve(
        renamed(),
        renames=select(renamed().renames, slice(0)),
        rename_deliveries=select(renamed().rename_deliveries, np.arange(0)),
    )
    assert list(renames(summary_of(silent))) == []
    assert renames_table(summary_of(silent)) is None
