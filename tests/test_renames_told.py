"""Renamed customers as a person reads of them: terminal, page, diagram, thresholds."""

import io
import json
from functools import cache

import attrs
import numpy as np
import pytest
from renamed_trace import SHOWING, renamed

from cqrs_sim import simulation
from cqrs_sim.analysis.planned import Planned
from cqrs_sim.analysis.renames import rename_lag_parts, rename_load
from cqrs_sim.analysis.summary import Summary, summarise
from cqrs_sim.checking.identities import conservation
from cqrs_sim.diagram.drawing import diagram_of
from cqrs_sim.diagram.graph import to_mermaid
from cqrs_sim.errors import InvalidScenarioError
from cqrs_sim.measurement.trace import Trace, select
from cqrs_sim.report.page import report_html
from cqrs_sim.report.rename_rows import renames_table
from cqrs_sim.results import Result
from cqrs_sim.scenario.scenario import Scenario
from cqrs_sim.terminal.renames import renames
from cqrs_sim.terminal.screen import Screen
from cqrs_sim.terminal.summary import show_summary


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


# Of a run.


SHOWN = ("customers.rename_rate=20/s", "read_models.orders.rename_each=20us")


def short(*more: str) -> Scenario:
    settings = ("run.duration=3s", "run.warm_up=0s", "customers.transport=2ms", *SHOWN, *more)
    return simulation.load_scenario("default", settings)


@cache
def result() -> Result:
    return simulation.run(short())


def shown(found: Result) -> list[str]:
    out = io.StringIO()
    show_summary(Screen(out), found)
    return out.getvalue().splitlines()


def test_a_run_tells_of_its_renames_everywhere() -> None:
    found = result().summary.renames
    assert found is not None
    assert found.submitted == found.committed > 40
    assert found.read_models["orders"].rows > found.read_models["orders"].applied
    lines = shown(result())
    assert [line for line in lines if line.startswith("renames: ")]
    assert len([line for line in lines if line.startswith("names in ")]) == 2
    page = report_html(result())
    assert "Renamed customers (ms)" in page
    picture = to_mermaid(diagram_of(result().scenario, result().summary))
    assert "customers, another system<br/>renamed 20/s<br/>response 0 ms" in picture
    assert '-->|"renames<br/>transport 2ms<br/>waits ' in picture
    assert f"in {found.read_models['search'].rows_mean:,.1f} rows" in picture


def test_a_run_in_which_nobody_is_renamed_tells_nothing_of_it() -> None:
    plain = simulation.run(
        simulation.load_scenario("default", ["run.duration=2s", "run.warm_up=0s"])
    )
    assert not [name for name in plain.trace.to_arrays() if name.startswith("rename")]
    assert "rename" not in json.dumps(plain.to_json())
    assert not [line for line in shown(plain) if "rename" in line or "names in" in line]
    assert "Renamed customers" not in report_html(plain)
    assert "another system" not in to_mermaid(diagram_of(plain.scenario, plain.summary))


def test_the_check_of_a_run_is_among_its_checks_and_of_the_verb() -> None:
    (check,) = [check for check in result().summary.checks if check.name == "renames"]
    assert check.ok
    assert check in conservation(result())


def test_the_parts_of_every_lag_sum_to_it() -> None:
    found = result().summary.renames
    assert found is not None
    for one in found.read_models.values():
        assert one.channel_mean_s is not None
        assert one.apply_mean_s is not None
        assert one.lag_s.mean == pytest.approx(one.channel_mean_s + one.apply_mean_s, rel=1e-12)


def test_a_threshold_on_renames_is_known_before_the_run_and_judged_after_it() -> None:
    limits = ("renames.orders.lag.max < 1s", "renames.search.rows < 1")
    planned = attrs.evolve(short(), thresholds=limits)
    simulation.checked_thresholds(planned)
    assert [verdict.ok for verdict in simulation.run(planned).verdicts] == [True, False]
    never = simulation.load_scenario("default", ["run.duration=2s", "run.warm_up=0s"])
    with pytest.raises(InvalidScenarioError, match="unknown metric"):
        simulation.checked_thresholds(attrs.evolve(never, thresholds=limits[:1]))


def test_waits_for_a_connection_are_no_work_on_rows() -> None:
    shared = ["databases.main.connections=1", "read_models.statistics.database=main"]
    shared.append("read_models.orders.database=main")
    alone, beside = (
        simulation.run(simulation.load_scenario("renames", ["run.duration=16s", *settings]))
        for settings in ([], shared)
    )
    waited = rename_lag_parts(beside.trace, "orders").apply
    assert waited.sum() > rename_lag_parts(alone.trace, "orders").apply.sum()
    loads = [rename_load(one.trace, "orders", 0) for one in (alone, beside)]
    assert loads[1] == pytest.approx(loads[0], rel=0.01)


def test_nobody_is_told_of_renames_that_there_were_not() -> None:
    silent = attrs.evolve(
        renamed(),
        renames=select(renamed().renames, slice(0)),
        rename_deliveries=select(renamed().rename_deliveries, np.arange(0)),
    )
    assert list(renames(summarise(silent))) == []
    assert renames_table(summarise(silent)) is None


def test_a_run_whose_renames_never_came_says_so() -> None:
    silent = attrs.evolve(renamed(), renames=select(renamed().renames, slice(0)))
    silent = attrs.evolve(silent, rename_deliveries=select(silent.rename_deliveries, slice(0)))
    first, *_ = (line.plain for line in renames(summary_of(silent)))
    assert first == "renames: 0 submitted, 0 committed; response -"
